from __future__ import annotations

import threading

import pytest
from pytestqt.qtbot import QtBot

from engine.errors import EngineError, StorageError
from gui.aside import Aside


def refuse() -> None:
    raise StorageError("The disk is full.")


def test_that_work_is_done_elsewhere_and_told_here_in_order(qtbot: QtBot) -> None:
    aside, told, threads = Aside("test"), list[object](), set[str]()

    def work(number: int) -> int:
        threads.add(threading.current_thread().name)
        return number

    for number in range(5):
        aside.run(lambda number=number: work(number), told.append, told.append)  # type: ignore[misc]
    assert told == []
    qtbot.waitUntil(lambda: not aside.is_busy)
    assert told == list(range(5))
    assert threads == {"test"}


def test_that_a_failure_is_told_and_the_next_work_is_done(qtbot: QtBot) -> None:
    aside, told, errors = Aside("test"), list[object](), list[EngineError]()
    aside.run(refuse, told.append, errors.append)
    aside.run(lambda: 7, told.append, errors.append)
    aside.wait()
    assert told == [7]
    assert [error.user_message for error in errors] == ["The disk is full."]


def test_that_what_was_waited_for_is_told_once(qtbot: QtBot) -> None:
    aside, told = Aside("test"), list[int]()
    aside.run(lambda: 1, told.append, pytest.fail)
    aside.wait()
    aside.run(lambda: 2, told.append, pytest.fail)
    qtbot.waitUntil(lambda: told == [1, 2])
    aside.wait()
    assert told == [1, 2]


def test_that_work_asked_for_while_telling_is_done_too(qtbot: QtBot) -> None:
    aside, told = Aside("test"), list[int]()

    def again(number: int) -> None:
        told.append(number)
        if number < 3:
            aside.run(lambda: number + 1, again, pytest.fail)

    aside.run(lambda: 1, again, pytest.fail)
    aside.wait()
    assert told == [1, 2, 3]

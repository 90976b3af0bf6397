from __future__ import annotations

from PySide6.QtCore import QObject
from pytestqt.qtbot import QtBot

from gui.widgets.hand import SETTLE_MS, Gesture


def heard(gesture: Gesture) -> list[str]:
    said: list[str] = []
    gesture.started.connect(lambda: said.append("started"))
    gesture.ended.connect(lambda: said.append("ended"))
    return said


def test_that_it_starts_once_and_ends_once() -> None:
    owner = QObject()
    gesture = Gesture(owner)
    said = heard(gesture)
    gesture.hold()
    gesture.hold()
    gesture.end()
    gesture.end()
    assert said == ["started", "ended"]


def test_that_ending_without_a_change_says_nothing() -> None:
    owner = QObject()
    gesture = Gesture(owner)
    said = heard(gesture)
    gesture.settle()
    gesture.end()
    assert said == []


def test_that_a_burst_ends_by_itself_after_the_last_step(qtbot: QtBot) -> None:
    owner = QObject()
    gesture = Gesture(owner)
    said = heard(gesture)
    with qtbot.waitSignal(gesture.ended, timeout=5 * SETTLE_MS):
        for _ in range(5):
            gesture.touch()
    assert said == ["started", "ended"]
    assert not gesture.is_open


def test_that_a_drag_held_after_a_burst_does_not_end_by_itself(qtbot: QtBot) -> None:
    owner = QObject()
    gesture = Gesture(owner)
    gesture.touch()
    gesture.hold()
    with qtbot.assertNotEmitted(gesture.ended, wait=SETTLE_MS + 100):
        pass
    assert gesture.is_open
    gesture.end()

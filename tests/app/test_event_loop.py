"""The window answers while it works: a tour of it under a watchdog."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest
from event_loop_watchdog import EventLoopWatchdog
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot
from tour import Driver, Script, every_action, tour
from window import Graft

from gui.app import SWITCH_S

OWN_WORK_S = 0.25
"""Far above the aim of 50 ms, which `tests/benchmarks/event_loop.py` measures: this may be a slow machine."""

WAIT_S = 1.0
"""With what the thread only waited: for a lock that others hold, or, on a busy machine, for a core."""

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


def test_that_a_watchdog_sees_who_holds_the_loop(qtbot: QtBot) -> None:
    def hold() -> None:
        end = time.perf_counter() + 0.15
        while time.perf_counter() < end:
            pass

    with EventLoopWatchdog(lambda: "holding") as dog:
        QTimer.singleShot(50, hold)
        qtbot.waitUntil(lambda: dog.longest_s > 0.1, timeout=5000)
    worst = max(dog.stalls, key=lambda stall: stall.wait_s)
    assert worst.cpu_s > 0.01
    assert worst.during == "holding"
    assert "in hold" in worst.stack or " hold:" in worst.stack


def drive(graft: Graft, script: Script) -> None:
    """Take the steps under a watchdog, with threads switching as often as the program has them."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    try:
        graft.settle()
        driver = Driver(script)
        with EventLoopWatchdog(lambda: driver.doing) as dog:
            graft.wait_until(lambda: driver.is_done)
    finally:
        sys.setswitchinterval(before)
    print(dog.report(12))
    assert not driver.gave_up
    assert len(dog.waits_s) > 40
    assert max((stall.cpu_s for stall in dog.stalls), default=0.0) < OWN_WORK_S, dog.report()
    assert dog.longest_s < WAIT_S, dog.report()


def test_that_the_window_never_keeps_one_waiting_on_a_tour(graft: Graft, tmp_path: Path) -> None:
    drive(graft, tour(graft.studio, tmp_path))


def test_that_no_action_keeps_one_waiting(graft: Graft, monkeypatch: pytest.MonkeyPatch) -> None:
    for question in ("getOpenFileName", "getOpenFileNames", "getSaveFileName"):
        answer: object = [] if question.endswith("s") else ""
        monkeypatch.setattr(QFileDialog, question, lambda *_, answer=answer, **__: (answer, ""))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_, **__: "")
    drive(graft, every_action(graft.studio))

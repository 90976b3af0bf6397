"""What the window's tests share: the dark theme, nothing left running or showing. Qt warnings fail (pyproject)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hand import AnyWidget, Show
from PySide6.QtCore import QCoreApplication, QEvent, QThread
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from gui.theme import DARK, apply_theme, current_theme


@pytest.fixture(scope="session")
def _themed_once(qapp: QApplication) -> None:
    apply_theme(qapp, DARK)


@pytest.fixture(autouse=True)
def themed(qapp: QApplication, _themed_once: None) -> Iterator[None]:
    """The dark theme, also for the test after one that changed it."""
    yield
    if current_theme() is not DARK:
        apply_theme(qapp, DARK)


@pytest.fixture(autouse=True)
def nothing_is_left_over(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test that leaves a QThread running or a window on screen. Give windows to qtbot, or close them."""
    started: list[QThread] = []
    start = QThread.start

    def recorded_start(thread: QThread, *args: QThread.Priority) -> None:
        started.append(thread)
        start(thread, *args)

    monkeypatch.setattr(QThread, "start", recorded_start)
    before = {id(widget) for widget in QApplication.topLevelWidgets()}
    yield
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert not [thread for thread in started if thread.isRunning()], "a QThread still runs"
    left = [widget for widget in QApplication.topLevelWidgets() if id(widget) not in before and widget.isVisible()]
    assert not left, f"left on screen: {left}"


@pytest.fixture
def show(qtbot: QtBot) -> Show:
    """``show(widget, width, height)`` puts a widget on a shown window, with the focus, and returns it."""
    hosts = []

    def put(widget: AnyWidget, width: int, height: int) -> AnyWidget:
        host = QWidget()
        hosts.append(host)
        qtbot.addWidget(host)
        widget.setParent(host)
        widget.resize(width, height)
        host.resize(width + 8, height + 8)
        host.show()
        qtbot.waitExposed(host)
        widget.show()
        widget.setFocus()
        return widget

    return put

"""What tests hold of a running window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fake_engine import FakeEngine
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from engine.state import EditState, ModelRef, View
from gui.app import Studio
from gui.widgets.edit_slider import EditSlider


@dataclass
class Desk:
    """The running window, and what it is made of."""

    studio: Studio
    engine: FakeEngine
    models: dict[str, ModelRef]
    qtbot: QtBot
    folder: Path

    @property
    def state(self) -> EditState:
        return self.studio.session.state

    def wait_until(self, condition: Callable[[], object]) -> None:
        self.qtbot.waitUntil(lambda: bool(condition()), timeout=20_000)

    def settle(self) -> None:
        """Until the picture on screen is the state's own, and no request is under way."""
        self.wait_until(lambda: self.shown(View.BLEND) and self.studio.bridge.is_settled)

    def shown(self, view: View) -> bool:
        """Whether the canvas shows exactly this state."""
        frame = self.studio.viewer.frame(view)
        expected = self.engine.painter(self.state, view, self.engine.size_px)
        return frame is not None and frame.image.shape == expected.shape and (frame.image == expected).all()

    def drop(self, *paths: Path, on: QWidget | None = None) -> None:
        """Drop files on the window, as a file manager does."""
        mime = QMimeData()
        mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
        drop_mime(mime, on or self.studio.canvas)

    def message(self) -> str:
        """The sentence in the message bar."""
        return self.studio.messages.bar.sentence

    def press(self, key: Qt.Key, on: QWidget | None = None, keys: Qt.KeyboardModifier | None = None) -> None:
        QTest.keyClick(on or self.studio.canvas, key, keys or Qt.KeyboardModifier.NoModifier)

    def drag(self, slider: EditSlider, values: list[float]) -> None:
        """Press a slider's knob, pull it through values, let go."""
        left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        height = int(slider.track_rect().center().y())
        QTest.mousePress(slider, left, none, QPoint(round(slider.knob_x()), height))
        for value in values:
            QTest.mouseMove(slider, QPoint(round(slider.knob_x(value)), height))
        QTest.mouseRelease(slider, left, none, QPoint(round(slider.knob_x(values[-1])), height))


def drop_mime(mime: QMimeData, target: QWidget) -> None:
    """Drag something over a widget and let go."""
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(5, 5), Qt.DropAction.CopyAction, mime, buttons, keys)
    QApplication.sendEvent(target, enter)
    if enter.isAccepted():
        QApplication.sendEvent(target, QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, mime, buttons, keys))


MakeDesk = Callable[..., Desk]

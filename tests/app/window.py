"""A whole Graft for tests: the real window, the real engine, the models that come with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from engine.messages import Pixels
from engine.places import Places
from engine.state import EditState, View
from gui.app import Studio, real_engine
from gui.widgets.edit_slider import EditSlider

PATIENCE_MS = 120_000


@dataclass
class Graft:
    studio: Studio
    qtbot: QtBot

    @property
    def state(self) -> EditState:
        return self.studio.session.state

    def wait_until(self, condition: Callable[[], object]) -> None:
        self.qtbot.waitUntil(lambda: bool(condition()), timeout=PATIENCE_MS)

    def settle(self) -> None:
        self.wait_until(lambda: self.studio.viewer.frame(View.BLEND) and self.studio.bridge.is_settled)

    def picture(self, view: View = View.BLEND) -> Pixels:
        """What the canvas shows of a view when it has settled."""
        self.settle()
        frame = self.studio.viewer.frame(view)
        assert frame is not None
        assert frame.size_px == frame.full_size_px
        return frame.image

    def drag(self, slider: EditSlider, values: list[float]) -> None:
        left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        height = int(slider.track_rect().center().y())
        QTest.mousePress(slider, left, none, QPoint(round(slider.knob_x()), height))
        for value in values:
            QTest.mouseMove(slider, QPoint(round(slider.knob_x(value)), height))
        QTest.mouseRelease(slider, left, none, QPoint(round(slider.knob_x(values[-1])), height))

    def drop(self, *paths: Path) -> None:
        mime = QMimeData()
        mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
        buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        enter = QDragEnterEvent(QPoint(5, 5), Qt.DropAction.CopyAction, mime, buttons, keys)
        QApplication.sendEvent(self.studio.canvas, enter)
        assert enter.isAccepted()
        drop = QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, mime, buttons, keys)
        QApplication.sendEvent(self.studio.canvas, drop)

    def message(self) -> str:
        return self.studio.messages.bar.sentence

    def export(self, path: Path, view: View = View.BLEND) -> NDArray[np.uint8]:
        """Export a still and read its pixels back."""
        self.studio.exporter.export(self.state, path, view)
        self.wait_until(lambda: f"Exported {path.name}" in self.message())
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))

    def close(self) -> None:
        self.studio.window.close()
        assert self.studio.close()


def open_graft(qtbot: QtBot, home: Path) -> Graft:
    """Open the window on a home of its own and wait for its first picture."""
    places = Places(home / "config", home / "data", home / "cache")
    studio = Studio(places, real_engine(places))
    qtbot.addWidget(studio.window)
    graft = Graft(studio, qtbot)
    studio.show()
    graft.wait_until(lambda: studio.viewer.frame(View.BLEND))
    return graft

"""Keys that shortcuts cannot be: Space while it is held, and Tab where it must not walk the focus.

Keys come to a window when nothing inside it wanted them, so only windows are watched: a filter of the whole
application would be asked about every event there is.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QAction, QKeyEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QApplication,
    QComboBox,
    QDockWidget,
    QLineEdit,
    QMainWindow,
    QPlainTextEdit,
    QTextEdit,
    QWidget,
)

from gui.canvas import Canvas

_WANT_SPACE = (QAbstractButton, QComboBox, QLineEdit, QPlainTextEdit, QTextEdit, QAbstractItemView)


class HeldKeys(QObject):
    """Watches one window and its floating panels. Buttons, fields and lists keep their Space."""

    def __init__(self, window: QMainWindow, canvas: Canvas, only_picture: QAction) -> None:
        super().__init__(window)
        self._window = window
        self._canvas = canvas
        self._only_picture = only_picture
        self._comparing = False
        for watched in (window, canvas, *window.findChildren(QDockWidget)):
            watched.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        kind = event.type()
        if kind is QEvent.Type.WindowDeactivate and watched is self._window:
            self._compare(False)
        elif kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
            assert isinstance(event, QKeyEvent)
            return self._key(watched, event, pressed=kind is QEvent.Type.KeyPress)
        return False

    def _key(self, watched: QObject, event: QKeyEvent, *, pressed: bool) -> bool:
        if event.key() == Qt.Key.Key_Space and (self._is_ours(watched) or (self._comparing and not pressed)):
            if not event.isAutoRepeat():
                self._compare(pressed)
            return True
        if event.key() == Qt.Key.Key_Tab and pressed and watched is self._canvas and not self._canvas.is_aligning:
            self._only_picture.trigger()
            return True
        return False

    def _is_ours(self, watched: QObject) -> bool:
        if QApplication.activePopupWidget() is not None or QApplication.activeModalWidget() is not None:
            return False
        return isinstance(watched, QWidget) and not isinstance(watched.window().focusWidget(), _WANT_SPACE)

    def _compare(self, comparing: bool) -> None:
        if comparing != self._comparing:
            self._comparing = comparing
            self._canvas.set_comparing(comparing)

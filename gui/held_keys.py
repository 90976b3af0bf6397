"""Keys that shortcuts cannot be: Space while it is held, and Tab where it must not walk the focus."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QAction, QKeyEvent
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QApplication,
    QComboBox,
    QLineEdit,
    QMainWindow,
    QPlainTextEdit,
    QTextEdit,
    QWidget,
)

from gui.canvas import Canvas

_KINDS = (QEvent.Type.KeyPress, QEvent.Type.KeyRelease, QEvent.Type.WindowDeactivate)
_WANT_SPACE = (QAbstractButton, QComboBox, QLineEdit, QPlainTextEdit, QTextEdit, QAbstractItemView)


class HeldKeys(QObject):
    """Watches the application's keys for one window. Buttons, fields and lists keep their Space."""

    def __init__(self, window: QMainWindow, canvas: Canvas, only_picture: QAction) -> None:
        super().__init__(window)
        self._window = window
        self._canvas = canvas
        self._only_picture = only_picture
        self._comparing = False
        app = QApplication.instance()
        assert app is not None
        app.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        kind = event.type()
        if kind not in _KINDS:  # nearly always: every event of the program comes by here
            return False
        if kind is QEvent.Type.WindowDeactivate and watched is self._window:
            self._compare(False)
        elif kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease) and isinstance(watched, QWidget):
            assert isinstance(event, QKeyEvent)
            return self._key(watched, event, pressed=kind is QEvent.Type.KeyPress)
        return False

    def _key(self, widget: QWidget, event: QKeyEvent, *, pressed: bool) -> bool:
        if event.key() == Qt.Key.Key_Space and (self._is_ours(widget) or (self._comparing and not pressed)):
            if not event.isAutoRepeat():
                self._compare(pressed)
            return True
        if event.key() == Qt.Key.Key_Tab and pressed and widget is self._canvas and not self._canvas.is_aligning:
            self._only_picture.trigger()
            return True
        return False

    def _is_ours(self, widget: QWidget) -> bool:
        if QApplication.activePopupWidget() is not None or QApplication.activeModalWidget() is not None:
            return False
        window = widget.window()
        is_inside = window is self._window or window.parentWidget() is self._window
        return is_inside and not isinstance(widget, _WANT_SPACE)

    def _compare(self, comparing: bool) -> None:
        if comparing != self._comparing:
            self._comparing = comparing
            self._canvas.set_comparing(comparing)

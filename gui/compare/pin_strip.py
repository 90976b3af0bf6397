"""A row of small pictures that were pinned: a click compares with one, a double-click goes back to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QContextMenuEvent, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QMenu, QSizePolicy, QToolTip, QWidget

from gui.theme import current_theme
from gui.widgets.thumb import paint_thumb

THUMB_PX = 40
_PITCH_PX = THUMB_PX + 8
HEIGHT_PX = THUMB_PX + 8


@dataclass(frozen=True, slots=True)
class PinItem:
    key: str
    name: str
    thumbnail: QImage | None = None


class PinStrip(QWidget):
    """Arrow keys walk it; Enter goes back to a pin, Delete takes it off."""

    picked = Signal(str)
    opened = Signal(str)
    remove_requested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._items: tuple[PinItem, ...] = ()
        self._current: str | None = None
        self.setFixedHeight(HEIGHT_PX)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName("Pinned pictures")
        self.setToolTip("Pinned pictures: click to compare with one, double-click to go back to it")

    @property
    def items(self) -> tuple[PinItem, ...]:
        return self._items

    @property
    def current(self) -> str | None:
        """The pin one compares with."""
        return self._current

    def set_items(self, items: Sequence[PinItem], current: str | None) -> None:
        self._items, self._current = tuple(items), current
        self.setAccessibleDescription(f"{len(self._items)} pinned")
        self.setFixedWidth(max(1, len(self._items)) * _PITCH_PX)
        self.update()

    def place_of(self, key: str) -> QRectF:
        """Where a pin's picture is.

        Raises:
            KeyError: There is no such pin.
        """
        keys = [item.key for item in self._items]
        if key not in keys:
            raise KeyError(key)
        return QRectF(4 + keys.index(key) * _PITCH_PX, 4, THUMB_PX, THUMB_PX)

    def sizeHint(self) -> QSize:
        return QSize(max(1, len(self._items)) * _PITCH_PX, HEIGHT_PX)

    def _at(self, position: QPointF) -> PinItem | None:
        return next((item for item in self._items if self.place_of(item.key).contains(position)), None)

    # --- the hand -------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        item = self._at(event.position())
        if item is not None and event.button() is Qt.MouseButton.LeftButton:
            self.picked.emit(item.key)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        item = self._at(event.position())
        if item is not None:
            self.opened.emit(item.key)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        keys = [item.key for item in self._items]
        step = {Qt.Key.Key_Right: 1, Qt.Key.Key_Left: -1}.get(Qt.Key(event.key()), 0)
        here = keys.index(self._current) if self._current in keys else -1
        if step and keys:
            self.picked.emit(keys[min(max(here + step, 0), len(keys) - 1)])
        elif here >= 0 and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.opened.emit(keys[here])
        elif here >= 0 and event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.remove_requested.emit(keys[here])
        else:
            super().keyPressEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        by_key = event.reason() is QContextMenuEvent.Reason.Keyboard
        key = self._current if by_key else getattr(self._at(QPointF(event.pos())), "key", None)
        if key is None:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for text, signal in (
            ("Compare with it", self.picked), ("Go back to it", self.opened), ("Take it off", self.remove_requested),
        ):
            menu.addAction(text).triggered.connect(lambda _=False, signal=signal: signal.emit(key))
        menu.popup(self.mapToGlobal(self.place_of(key).center().toPoint()) if by_key else event.globalPos())

    def event(self, event: QEvent) -> bool:
        if event.type() is QEvent.Type.ToolTip:
            position: QPoint = event.pos()  # type: ignore[attr-defined]
            item = self._at(QPointF(position))
            words = self.toolTip() if item is None else f"{item.name}: click compares, double-click goes back to it"
            QToolTip.showText(event.globalPos(), words, self)  # type: ignore[attr-defined]
            return True
        if event.type() is QEvent.Type.PaletteChange:
            self.update()
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current_theme()
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            for item in self._items:
                rect = self.place_of(item.key)
                paint_thumb(painter, rect, item.thumbnail)
                painter.setBrush(Qt.BrushStyle.NoBrush)
                if item.key == self._current:
                    painter.setPen(QPen(QColor(theme.focus if self.hasFocus() else theme.text), 2))
                    painter.drawRoundedRect(rect.adjusted(-2, -2, 2, 2), 5, 5)

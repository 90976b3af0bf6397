"""A direction as pictures: the present face from three sigmas back to three sigmas on."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from gui.theme import caption_font, current_theme

AMOUNTS = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)
IN_ORDER = (0.0, 3.0, -3.0, 1.0, -1.0, 2.0, -2.0)
"""As they are drawn: what tells most comes first."""

LEAST_PX = 44
MOST_PX = 108
_GAP_PX = 4
_CAPTION_PX = 15
_STEPS = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
_TAKE = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space)


class DirectionStrip(QWidget):
    """`picked` fires with the amount of a picture that was clicked, or taken with Enter."""

    picked = Signal(float)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pictures: dict[float, QImage] = {}
        self._current = AMOUNTS.index(0.0)
        self._hovered: int | None = None
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setMouseTracking(True)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.set_name(name)

    def set_name(self, name: str) -> None:
        self.setAccessibleName(f"Pictures of {name}")
        self.setAccessibleDescription("Left and right choose a picture, Enter takes the face there")

    @property
    def pictures(self) -> dict[float, QImage]:
        return dict(self._pictures)

    def set_picture(self, amount: float, picture: QImage) -> None:
        self._pictures[amount] = picture
        self.update()

    def cell_rect(self, index: int) -> QRectF:
        edge = self._edge()
        return QRectF(index * (edge + _GAP_PX), 0, edge, edge)

    def _edge(self) -> float:
        room = (self.width() - _GAP_PX * (len(AMOUNTS) - 1)) / len(AMOUNTS)
        return float(min(max(room, LEAST_PX), MOST_PX))

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        room = (width - _GAP_PX * (len(AMOUNTS) - 1)) / len(AMOUNTS)
        return round(min(max(room, LEAST_PX), MOST_PX)) + _CAPTION_PX

    def sizeHint(self) -> QSize:
        return QSize(len(AMOUNTS) * (MOST_PX + _GAP_PX) - _GAP_PX, MOST_PX + _CAPTION_PX)

    def minimumSizeHint(self) -> QSize:
        return QSize(len(AMOUNTS) * (LEAST_PX + _GAP_PX) - _GAP_PX, LEAST_PX + _CAPTION_PX)

    # --- the hand -------------------------------------------------------------------------------------------------

    def _index_at(self, position: QPointF) -> int | None:
        return next((index for index in range(len(AMOUNTS)) if self.cell_rect(index).contains(position)), None)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = self._index_at(event.position())
        if event.button() is Qt.MouseButton.LeftButton and index is not None:
            self._current = index
            self.update()
            self.picked.emit(AMOUNTS[index])

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._hover(self._index_at(event.position()))

    def leaveEvent(self, event: QEvent) -> None:
        self._hover(None)
        super().leaveEvent(event)

    def _hover(self, index: int | None) -> None:
        if index != self._hovered:
            self._hovered = index
            self.setCursor(Qt.CursorShape.ArrowCursor if index is None else Qt.CursorShape.PointingHandCursor)
            self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if (step := _STEPS.get(Qt.Key(event.key()))) is not None:
            self._current = min(max(self._current + step, 0), len(AMOUNTS) - 1)
            self.update()
        elif event.key() in _TAKE:
            self.picked.emit(AMOUNTS[self._current])
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        if event.type() is QEvent.Type.ToolTip:
            index = self._index_at(QPointF(event.pos()))  # type: ignore[attr-defined]
            words = "" if index is None else f"Take the face to {_sigmas(AMOUNTS[index])} sigma"
            QToolTip.showText(event.globalPos(), words, self)  # type: ignore[attr-defined]
            return True
        return super().event(event)

    # --- showing --------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current_theme()
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.setFont(caption_font())
            baseline = QFontMetrics(caption_font()).ascent() + 1
            for index, amount in enumerate(AMOUNTS):
                cell = self.cell_rect(index)
                picture = self._pictures.get(amount)
                if picture is None:
                    painter.fillRect(cell, QColor(theme.raised))
                else:
                    painter.drawImage(cell, picture)
                is_marked = index == self._hovered or (self.hasFocus() and index == self._current)
                if is_marked:
                    painter.setPen(QPen(QColor(theme.focus), 2))
                    painter.drawRect(cell.adjusted(1, 1, -1, -1))
                painter.setPen(QColor(theme.text if is_marked else theme.muted))
                below = QRectF(cell.left(), cell.bottom() + 1, cell.width(), baseline + 3)
                painter.drawText(below, int(Qt.AlignmentFlag.AlignHCenter), _sigmas(amount))


def _sigmas(amount: float) -> str:
    return f"{amount:+g}" if amount else "0"

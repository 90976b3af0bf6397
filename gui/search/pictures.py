"""The portrait and what is found of it: side by side, or one under a handle that wipes between them."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from gui import canvas_paint
from gui.canvas_layout import Rect
from gui.theme import caption_font, current_theme

GAP_PX = 20
MARGIN_PX = 24
CAPTION_PX = 22
LEAST_PX = 120
WIPE_STEP = 0.05


class SearchPictures(QWidget):
    """In a wipe, drag anywhere on the picture. Side by side, a press lays the portrait over what is found of it."""

    wiped = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._target: QImage | None = None
        self._found: QImage | None = None
        self._captions = ("", "")
        self._is_wiping = self._is_held = False
        self._wipe = 0.5
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setToolTip("Press the right picture to see the portrait in its place; W wipes between the two")

    # --- what it holds ---------------------------------------------------------------------------------------------

    @property
    def target(self) -> QImage | None:
        return self._target

    @property
    def found(self) -> QImage | None:
        return self._found

    @property
    def is_wiping(self) -> bool:
        return self._is_wiping

    @property
    def wipe(self) -> float:
        """Where the handle is, 0 to 1: left of it is the portrait."""
        return self._wipe

    def set_target(self, picture: QImage | None) -> None:
        self._target = picture
        self.update()

    def set_found(self, picture: QImage | None) -> None:
        self._found = picture
        self.update()

    def set_captions(self, target: str, found: str) -> None:
        if (target, found) != self._captions:
            self._captions = (target, found)
            self.setAccessibleName(f"{target}; {found}")
            self.update()

    def set_wiping(self, wiping: bool) -> None:
        self._is_wiping, self._is_held = wiping, False
        shape = Qt.CursorShape.SplitHCursor if wiping else Qt.CursorShape.ArrowCursor
        self.setCursor(shape)
        self.update()

    def set_wipe(self, place: float) -> None:
        self._wipe = min(1.0, max(0.0, place))
        self.wiped.emit(self._wipe)
        self.update()

    def hold(self, held: bool) -> None:
        """Lay the portrait over what is found of it."""
        if held != self._is_held:
            self._is_held = held
            self.update()

    # --- geometry --------------------------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        return QSize(2 * 384 + GAP_PX + 2 * MARGIN_PX, 384 + CAPTION_PX + MARGIN_PX)

    def minimumSizeHint(self) -> QSize:
        return QSize(2 * LEAST_PX + GAP_PX + 2 * MARGIN_PX, LEAST_PX + CAPTION_PX)

    def squares(self) -> tuple[QRect, QRect]:
        """Of the portrait and of what is found; in a wipe both are the same."""
        tall = self.height() - CAPTION_PX - MARGIN_PX
        count = 1 if self._is_wiping else 2
        side = max(16, min((self.width() - (count - 1) * GAP_PX - 2 * MARGIN_PX) // count, tall))
        top = MARGIN_PX + max(0, (tall - side) // 2)
        start = (self.width() - count * side - (count - 1) * GAP_PX) // 2
        first = QRect(start, top, side, side)
        return first, first if self._is_wiping else first.translated(side + GAP_PX, 0)

    # --- the hand --------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        place = event.position().toPoint()
        if event.button() is not Qt.MouseButton.LeftButton or not self.squares()[1].contains(place):
            event.ignore()
        elif self._is_wiping:
            self._is_held = True
            self._wipe_to(place)
        else:
            self.hold(True)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._is_wiping and self._is_held:
            self._wipe_to(event.position().toPoint())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self.hold(False)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if self._is_wiping:
            self.set_wipe(0.5)

    def _wipe_to(self, place: QPoint) -> None:
        square = self.squares()[1]
        self.set_wipe((place.x() - square.left()) / square.width())

    def take_key(self, event: QKeyEvent) -> bool:
        """Shift with the arrows moves the handle. Whether it was that."""
        is_arrow = event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right)
        if not (self._is_wiping and is_arrow and event.modifiers() & Qt.KeyboardModifier.ShiftModifier):
            return False
        self.set_wipe(self._wipe + (WIPE_STEP if event.key() == Qt.Key.Key_Right else -WIPE_STEP))
        return True

    # --- showing ---------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        left, right = self.squares()
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            if self._is_wiping:
                self._paint_wipe(painter, right)
            else:
                self._paint_picture(painter, left, self._target)
                is_over = self._is_held and self._target is not None
                self._paint_picture(painter, right, self._target if is_over else self._found)
                self._paint_caption(painter, left, self._captions[0], Qt.AlignmentFlag.AlignHCenter)
                words = self._captions[0] if is_over else self._captions[1]
                self._paint_caption(painter, right, words, Qt.AlignmentFlag.AlignHCenter)

    def _paint_wipe(self, painter: QPainter, square: QRect) -> None:
        theme = current_theme()
        place = round(square.width() * self._wipe)
        for picture, clip in (
            (self._target, QRect(square.left(), square.top(), place, square.height())),
            (self._found, square.adjusted(place, 0, 0, 0)),
        ):
            painter.save()
            painter.setClipRect(clip)
            self._paint_picture(painter, square, picture)
            painter.restore()
        frame = Rect(square.x(), square.y(), square.width(), square.height())
        area = Rect(0, 0, self.width(), self.height())
        colors = (theme.knob_edge, theme.knob_edge)
        canvas_paint.paint_wipe_handle(painter, square.left() + place, frame, area, colors=colors, is_level=False)
        # The longer caption has the room that the other one leaves.
        painter.setFont(caption_font())
        first = min(painter.fontMetrics().horizontalAdvance(self._captions[0]) + 8, square.width() // 2)
        before = QRect(square.left(), square.top(), first, square.height())
        after = square.adjusted(first + 8, 0, 0, 0)
        side = Qt.AlignmentFlag.AlignRight
        if painter.fontMetrics().horizontalAdvance(self._captions[1]) > after.width():
            after.setRight(self.width() - MARGIN_PX)  # beside the picture there is room
            side = Qt.AlignmentFlag.AlignLeft
        self._paint_caption(painter, before, self._captions[0], Qt.AlignmentFlag.AlignLeft)
        self._paint_caption(painter, after, self._captions[1], side)

    def _paint_picture(self, painter: QPainter, square: QRect, picture: QImage | None) -> None:
        if picture is not None and not picture.isNull():
            painter.drawImage(square, picture)
            return
        painter.setPen(QPen(QColor(current_theme().line), 1, Qt.PenStyle.DashLine))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(QRectF(square).adjusted(0.5, 0.5, -0.5, -0.5))

    def _paint_caption(self, painter: QPainter, square: QRect, words: str, side: Qt.AlignmentFlag) -> None:
        painter.setFont(caption_font())
        painter.setPen(QColor(current_theme().canvas_text))
        box = QRect(square.left(), square.bottom() + 1, square.width(), CAPTION_PX)
        shown = painter.fontMetrics().elidedText(words, Qt.TextElideMode.ElideMiddle, square.width())
        painter.drawText(box, side | Qt.AlignmentFlag.AlignVCenter, shown)

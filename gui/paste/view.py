"""The photo with the edited face in it, and the brush that paints where."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QEnterEvent,
    QFocusEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QTransform,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from engine.messages import Pixels
from engine.paste_events import MASK_PX, Mask, PastePreview
from gui.canvas_layout import FITTED, Rect, Zoom, fit, one_to_one, panned, placed, zoomed_at
from gui.paste.mask_brush import LEAST_PX, MOST_PX, Brush, MaskPainter
from gui.picture import Picture
from gui.theme import current_theme
from gui.widgets.hand import is_fine, is_snapping, wheel_steps

MARGIN_PX = 8.0
_WHEEL_FACTOR = 1.2
_STEP_PX = 6.0
_RUBYLITH = (150, 10, 40)
_RUBYLITH_SHARE = 0.55


class Tool(StrEnum):
    LOOK = "look"
    ADD = "add"
    REMOVE = "remove"


class PasteView(QWidget):
    """Wheel zooms, the middle button (or a drag with the look tool) pans, double-click fits; left paints.

    Ctrl with the wheel, or [ and ], size the brush; Alt turns adding into removing. Space, held, shows the photo. The
    arrow keys move the brush, Enter paints a dab.
    """

    painted = Signal()  # a stroke ended, or the mask became another one
    painting = Signal()  # within a stroke
    brush_changed = Signal(object)  # Brush
    tool_changed = Signal(str)
    history_changed = Signal()
    overlay_changed = Signal(bool)
    left = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.painter = MaskPainter()
        self._photo: Picture | None = None
        self._pasted: Picture | None = None
        self._to_photo = QTransform()
        self._zoom = FITTED
        self._tool = Tool.LOOK
        self._brush = Brush()
        self._shows_mask = False
        self._shows_photo = False
        self._ruby: QImage | None = None
        self._pointer: QPointF | None = None
        self._pan: tuple[QPointF, Zoom] | None = None
        self._words = "Opening the photo…"
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(240, 160)
        self.setAccessibleName("The face in its photo")
        self._tell_accessibility()

    # --- what it shows --------------------------------------------------------------------------------------------

    def begin(self, words: str) -> None:
        """Start with another photo, which is still to come."""
        self._photo = self._pasted = self._ruby = None
        self._zoom, self._words, self._pointer = FITTED, words, None
        self._shows_photo = False
        self.update()

    def show_preview(self, preview: PastePreview) -> None:
        first = self._photo is None
        if self._photo is None or self._photo.pixels is not preview.photo:
            self._photo = Picture(preview.photo)
        top_left, bottom_left, _, top_right = (QPointF(*corner) for corner in preview.corners)
        right, down = (top_right - top_left) / MASK_PX, (bottom_left - top_left) / MASK_PX
        self._to_photo = QTransform(right.x(), right.y(), down.x(), down.y(), top_left.x(), top_left.y())
        if preview.patch is not None:
            self._pasted = Picture(_with_patch(preview.photo, preview.patch, preview.place))
        if first:
            self._aim()
        self.update()

    def set_mask(self, mask: Mask, *, undoable: bool) -> None:
        if undoable:
            self.painter.replace(mask)
        else:
            self.painter.start(mask)
        self._mask_changed()

    @property
    def has_photo(self) -> bool:
        return self._photo is not None

    @property
    def shows_photo(self) -> bool:
        """Whether the photo alone is shown, while a key is held."""
        return self._shows_photo

    def set_shows_photo(self, shows: bool) -> None:
        if shows != self._shows_photo:
            self._shows_photo = shows
            self.update()

    @property
    def shows_mask(self) -> bool:
        return self._shows_mask

    def set_shows_mask(self, shows: bool) -> None:
        if shows != self._shows_mask:
            self._shows_mask = shows
            self.overlay_changed.emit(shows)
            self.update()

    # --- the brush ------------------------------------------------------------------------------------------------

    @property
    def tool(self) -> Tool:
        return self._tool

    def set_tool(self, tool: Tool) -> None:
        if tool is not self._tool:
            self._tool = tool
            self._end_stroke()
            self.tool_changed.emit(tool.value)
            self._show_cursor()
            self._tell_accessibility()
            self.update()

    @property
    def brush(self) -> Brush:
        return self._brush

    def set_brush(self, brush: Brush) -> None:
        radius = min(MOST_PX, max(LEAST_PX, brush.radius_px))
        brush = Brush(radius, min(1.0, max(0.0, brush.softness)))
        if brush != self._brush:
            self._brush = brush
            self.brush_changed.emit(brush)
            self._tell_accessibility()
            self.update()

    def undo(self) -> None:
        if self.painter.undo():
            self._mask_changed()
            self.painted.emit()

    def redo(self) -> None:
        if self.painter.redo():
            self._mask_changed()
            self.painted.emit()

    def invert_mask(self) -> None:
        self.painter.invert()
        self._mask_changed()
        self.painted.emit()

    def _mask_changed(self) -> None:
        self._ruby = None
        self.history_changed.emit()
        self.update()

    def _begin_stroke(self, position: QPointF, *, removes: bool) -> None:
        place = self._on_mask(position)
        adds = (self._tool is not Tool.REMOVE) != removes
        self.painter.begin_stroke(place.x(), place.y(), self._brush, adds=adds)
        self._mask_changed()

    def _end_stroke(self) -> None:
        if self.painter.is_painting:
            changed = self.painter.end_stroke()
            self._mask_changed()
            if changed:
                self.painted.emit()

    # --- geometry -------------------------------------------------------------------------------------------------

    def _frame(self) -> Rect:
        area = Rect(0, 0, self.width(), self.height()).shrunk(MARGIN_PX)
        return fit(self._photo.width, self._photo.height, area) if self._photo else area

    def picture_rect(self) -> QRectF:
        """Where the whole photo lies on the widget."""
        rect = placed(self._frame(), self._zoom)
        return QRectF(rect.x, rect.y, rect.width, rect.height)

    def _mask_to_screen(self) -> QTransform:
        rect = self.picture_rect()
        scale = rect.width() / self._photo.width if self._photo and self._photo.width else 1.0
        return self._to_photo * QTransform.fromScale(scale, scale) * QTransform.fromTranslate(rect.x(), rect.y())

    def on_screen(self, x: float, y: float) -> QPointF:
        """A place of the mask on the widget."""
        return self._mask_to_screen().map(QPointF(x, y))

    def _on_mask(self, position: QPointF) -> QPointF:
        back, possible = self._mask_to_screen().inverted()
        return back.map(position) if possible else QPointF()

    def _brush_px(self) -> float:
        """Radius of the brush on the screen."""
        across = self._mask_to_screen()
        return self._brush.radius_px * float(np.hypot(across.m11(), across.m12()))

    def fit(self) -> None:
        self._set_zoom(FITTED)

    def one_to_one(self) -> None:
        frame = self._frame()
        if self._photo is not None:
            factor = one_to_one(frame, self._photo.width, self.devicePixelRatioF())
            middle = self.on_screen(MASK_PX / 2, MASK_PX / 2)
            self._set_zoom(zoomed_at(frame, self._zoom, factor, middle.x(), middle.y()))

    def zoom_by(self, factor: float, position: QPointF | None = None) -> None:
        at = position or QPointF(self.rect().center())
        self._set_zoom(zoomed_at(self._frame(), self._zoom, max(1.0, self._zoom.factor * factor), at.x(), at.y()))

    def _set_zoom(self, zoom: Zoom) -> None:
        if zoom != self._zoom:
            self._zoom = zoom
            self.update()

    def _aim(self) -> None:
        """Begin near enough to see the face, where it is small in the photo."""
        square = self._mask_to_screen().mapRect(QRectF(0, 0, MASK_PX, MASK_PX))
        if square.width() <= 0 or self._photo is None:
            return
        factor = 0.62 * min(self.width(), self.height()) / max(square.width(), square.height())
        if factor > 1.15:
            centre = self._to_photo.map(QPointF(MASK_PX / 2, MASK_PX / 2))
            wanted = Zoom(factor, centre.x() / self._photo.width, centre.y() / self._photo.height)
            self._zoom = panned(self._frame(), wanted, 0, 0)
        self._pointer = None

    # --- the hand -------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        button = event.button()
        pans = button is Qt.MouseButton.MiddleButton or (
            button is Qt.MouseButton.LeftButton and self._tool is Tool.LOOK
        )
        if pans:
            self._pan = (event.position(), self._zoom)
        elif button is Qt.MouseButton.LeftButton and self.has_photo:
            removes = bool(event.modifiers() & Qt.KeyboardModifier.AltModifier)
            self._begin_stroke(event.position(), removes=removes)
        self._show_cursor()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._pointer = event.position()
        if self._pan is not None:
            start, zoom = self._pan
            moved = event.position() - start
            self._set_zoom(panned(self._frame(), zoom, moved.x(), moved.y()))
        elif self.painter.is_painting:
            place = self._on_mask(event.position())
            self.painter.stroke_to(place.x(), place.y())
            self._ruby = None
            self.painting.emit()
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._pan = None
        self._end_stroke()
        self._show_cursor()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if self._tool is Tool.LOOK:
            self.fit()
        else:
            self.mousePressEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if is_snapping(event):
            self.size_by(1.15 ** wheel_steps(event))
        else:
            self.zoom_by(_WHEEL_FACTOR ** wheel_steps(event), event.position())
        event.accept()

    def size_by(self, factor: float) -> None:
        self.set_brush(Brush(self._brush.radius_px * factor, self._brush.softness))

    def enterEvent(self, event: QEnterEvent) -> None:
        super().enterEvent(event)
        self._show_cursor()

    def leaveEvent(self, event: QEvent) -> None:
        self._pointer = None
        self.update()
        super().leaveEvent(event)

    def _show_cursor(self) -> None:
        if self._tool is Tool.LOOK:
            hand = Qt.CursorShape.ClosedHandCursor if self._pan else Qt.CursorShape.OpenHandCursor
            self.setCursor(hand)
        else:
            self.setCursor(Qt.CursorShape.CrossCursor)

    # --- keys -----------------------------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        """Keys that it knows are not for the window's shortcuts."""
        if event.type() is QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and self._knows(event):
            event.accept()
            return True
        return super().event(event)

    def _knows(self, event: QKeyEvent) -> bool:
        key = Qt.Key(event.key())
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            return key in (Qt.Key.Key_Z, Qt.Key.Key_Y)
        return key in _KEYS

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, control = Qt.Key(event.key()), bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        if control and key in (Qt.Key.Key_Z, Qt.Key.Key_Y):
            back = key is Qt.Key.Key_Z and not is_fine(event)
            self.undo() if back else self.redo()
        elif key is Qt.Key.Key_Space:
            self.set_shows_photo(True)
        elif key in _ARROWS:
            self._move_brush(*_ARROWS[key], step_px=1.0 if is_fine(event) else _STEP_PX)
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._dab()
        elif key is Qt.Key.Key_Escape:
            self.left.emit()
        elif not control and key in _TOOLS:
            self.set_tool(_TOOLS[key])
        elif not control and key in _KEYS:
            self._plain_key(key)
        else:
            super().keyPressEvent(event)

    def _plain_key(self, key: Qt.Key) -> None:
        match key:
            case Qt.Key.Key_BracketLeft:
                self.size_by(1 / 1.15)
            case Qt.Key.Key_BracketRight:
                self.size_by(1.15)
            case Qt.Key.Key_M:
                self.set_shows_mask(not self._shows_mask)
            case Qt.Key.Key_I:
                self.invert_mask()
            case Qt.Key.Key_F:
                self.fit()
            case Qt.Key.Key_Z:
                self.one_to_one()
            case Qt.Key.Key_Plus | Qt.Key.Key_Equal:
                self.zoom_by(_WHEEL_FACTOR)
            case Qt.Key.Key_Minus:
                self.zoom_by(1 / _WHEEL_FACTOR)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Space:
            if not event.isAutoRepeat():
                self.set_shows_photo(False)
        else:
            super().keyReleaseEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self.set_shows_photo(False)
        super().focusOutEvent(event)
        self.update()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def _move_brush(self, across: int, down: int, *, step_px: float) -> None:
        start = self._pointer or self.on_screen(MASK_PX / 2, MASK_PX / 2)
        moved = QPointF(start.x() + across * step_px, start.y() + down * step_px)
        self._pointer = QPointF(min(max(moved.x(), 0.0), self.width()), min(max(moved.y(), 0.0), self.height()))
        self._tell_accessibility()
        self.update()

    def _dab(self) -> None:
        if self._tool is not Tool.LOOK and self.has_photo:
            self._begin_stroke(self._pointer or self.on_screen(MASK_PX / 2, MASK_PX / 2), removes=False)
            self._end_stroke()

    def _tell_accessibility(self) -> None:
        words = {Tool.LOOK: "Looking", Tool.ADD: "Adding to the mask", Tool.REMOVE: "Removing from the mask"}
        place = ""
        if self._pointer is not None:
            at = self._on_mask(self._pointer)
            place = f", brush at {100 * at.x() / MASK_PX:.0f} %, {100 * at.y() / MASK_PX:.0f} % of the square"
        self.setAccessibleDescription(f"{words[self._tool]}, brush of {2 * self._brush.radius_px:.0f} px{place}")

    # --- painting -------------------------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        return QSize(780, 560)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() is QEvent.Type.PaletteChange:
            self.update()
        super().changeEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current_theme()
        with QPainter(self) as painter:
            painter.fillRect(self.rect(), QColor(theme.canvas))
            if self._photo is None:
                painter.setPen(QColor(theme.canvas_text))
                painter.drawText(QRectF(self.rect()), Qt.AlignmentFlag.AlignCenter, self._words)
                return
            shown = self._photo if self._shows_photo or self._pasted is None else self._pasted
            shown.paint(painter, self.picture_rect(), self.devicePixelRatioF(), smooth=self._zoom.factor < 8)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            if not self._shows_photo and (self._shows_mask or self.painter.is_painting):
                self._paint_mask(painter)
            if self._shows_photo:
                _paint_words(painter, QRectF(self.rect()), "The photo as it was")
            elif self._tool is not Tool.LOOK and self._pointer is not None:
                self._paint_brush(painter, self._pointer)
            if self.hasFocus():
                painter.setPen(QPen(QColor(theme.focus), 1))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5))

    def _paint_mask(self, painter: QPainter) -> None:
        if self._ruby is None:
            self._ruby = _rubylith(self.painter.mask)
        painter.save()
        painter.setTransform(self._mask_to_screen(), True)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.drawImage(QRectF(0, 0, MASK_PX, MASK_PX), self._ruby)
        outline = QPen(QColor(255, 255, 255, 130), 1, Qt.PenStyle.DashLine)
        outline.setCosmetic(True)
        painter.setPen(outline)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(QRectF(0, 0, MASK_PX, MASK_PX))
        painter.restore()

    def _paint_brush(self, painter: QPainter, place: QPointF) -> None:
        radius = self._brush_px()
        inner = radius * (1 - self._brush.softness)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(0, 0, 0, 150), 2.5))
        painter.drawEllipse(place, radius, radius)
        painter.setPen(QPen(QColor("#ffffff"), 1.2))
        painter.drawEllipse(place, radius, radius)
        if 3 < inner < radius - 3:
            painter.setPen(QPen(QColor(255, 255, 255, 120), 1, Qt.PenStyle.DotLine))
            painter.drawEllipse(place, inner, inner)
        if radius > 8:
            arm = 4.0
            painter.setPen(QPen(QColor("#ffffff"), 1.4))
            painter.drawLine(place - QPointF(arm, 0), place + QPointF(arm, 0))
            if self._tool is Tool.ADD:
                painter.drawLine(place - QPointF(0, arm), place + QPointF(0, arm))


_ARROWS = {
    Qt.Key.Key_Left: (-1, 0),
    Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_Up: (0, -1),
    Qt.Key.Key_Down: (0, 1),
}
_TOOLS = {Qt.Key.Key_V: Tool.LOOK, Qt.Key.Key_A: Tool.ADD, Qt.Key.Key_D: Tool.REMOVE}
_KEYS = frozenset(
    {
        *_ARROWS, *_TOOLS, Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Escape,
        Qt.Key.Key_BracketLeft, Qt.Key.Key_BracketRight, Qt.Key.Key_M, Qt.Key.Key_I, Qt.Key.Key_F, Qt.Key.Key_Z,
        Qt.Key.Key_Plus, Qt.Key.Key_Equal, Qt.Key.Key_Minus,
    }
)  # fmt: skip


def _with_patch(photo: Pixels, patch: Pixels, place: tuple[int, int]) -> Pixels:
    shown = photo.copy()
    left, top = place
    shown[top : top + patch.shape[0], left : left + patch.shape[1]] = patch
    return shown


def _rubylith(mask: Mask) -> QImage:
    """Red where the picture goes, see-through elsewhere."""
    share = mask.astype(np.uint16) * int(255 * _RUBYLITH_SHARE) // 255
    film = np.empty((MASK_PX, MASK_PX, 4), np.uint8)
    for place, value in enumerate(reversed(_RUBYLITH)):  # blue first, as the screen has it
        film[..., place] = share * value // 255
    film[..., 3] = share
    return QImage(
        film.data, MASK_PX, MASK_PX, 4 * MASK_PX, QImage.Format.Format_ARGB32_Premultiplied
    ).copy()


def _paint_words(painter: QPainter, area: QRectF, words: str) -> None:
    metrics = painter.fontMetrics()
    width = metrics.horizontalAdvance(words) + 20
    box = QRectF(area.center().x() - width / 2, area.top() + 12, width, metrics.height() + 8)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(0, 0, 0, 170))
    painter.drawRoundedRect(box, 6, 6)
    painter.setPen(QColor("#ffffff"))
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, words)

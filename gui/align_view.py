"""Aligning a portrait: which face, two eye rings, a mouth ring, and the crop they make, held by handles."""

from __future__ import annotations

from functools import partial

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QHelpEvent, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QPushButton, QToolTip, QWidget

from engine.face_remarks import framing_sentence
from engine.framing import FacePoints, Framing, similar_face
from engine.messages import Pixels
from gui import align_paint
from gui.align_crop import AlignCrop
from gui.align_keys import AlignKey, align_key
from gui.align_stage import AlignStage, FoundFaces
from gui.canvas_layout import FITTED, Rect
from gui.crop_hand import (
    CORNERS,
    RINGS,
    Grip,
    Part,
    Point,
    part_at,
    turn_place,
    with_size_of,
    with_tilt_of,
)
from gui.picture import Picture
from gui.theme import current_theme
from gui.widgets.face_strip import FACE_PX, HEIGHT_PX, FaceStrip
from gui.widgets.hand import CLICK_PX, Drag, is_fine, is_snapping, wheel_steps

STOPS = (*RINGS, Part.CROP)
"""What Tab walks and the arrow keys move."""
PART_NAMES = {
    Part.LEFT_EYE: "left eye", Part.RIGHT_EYE: "right eye", Part.MOUTH: "mouth", Part.CROP: "crop",
}  # fmt: skip
_SIZE_TIP = "Drag to size the crop, or press + and \u2212. Shift is finer, double-click puts it back"
PART_TIPS = {
    **dict.fromkeys(RINGS, "Drag it onto its place, or move it with the arrow keys. Shift is finer"),
    **dict.fromkeys(CORNERS, _SIZE_TIP),
    Part.TURN: "Drag to turn the crop, or press [ and ]. Ctrl snaps, Shift is finer, double-click puts it back",
}
LABEL_SIDES = {Part.LEFT_EYE: "left", Part.RIGHT_EYE: "right", Part.MOUTH: "below"}
WHAT_TO_DO = "Rings go onto the pupils and the middle of the mouth. Corners size the crop, the round grip turns it."
OTHER_FACE = "this face instead"
FOOT_PX = 56.0
_PAD_PX = 8.0
_WHEEL_FACTOR = 1.2
_CURSORS = {
    Part.CROP: Qt.CursorShape.SizeAllCursor,
    Part.TURN: Qt.CursorShape.CrossCursor,
    Part.TOP_LEFT: Qt.CursorShape.SizeFDiagCursor,
    Part.BOTTOM_RIGHT: Qt.CursorShape.SizeFDiagCursor,
    Part.TOP_RIGHT: Qt.CursorShape.SizeBDiagCursor,
    Part.BOTTOM_LEFT: Qt.CursorShape.SizeBDiagCursor,
    **dict.fromkeys(RINGS, Qt.CursorShape.PointingHandCursor),
}


class AlignView(QWidget):
    """All points that come in and go out are in pixels of the upright picture.

    Drag a ring; a corner of the crop, which sizes it; the grip outside of it, which turns it; the crop; or the
    picture. Shift is ten times finer; double-click puts back what was dragged. Tab walks rings and crop, arrow keys
    move them; + and - size, [ and ] turn; numbers and Ctrl with Left and Right choose another face.
    """

    accepted = Signal(object)
    cancelled = Signal()
    changed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._picture: Picture | None = None
        self._crop = AlignCrop(self)
        self._crop.shown.connect(self._show)
        self._crop.changed.connect(self.changed)
        self._stage = AlignStage()
        self._head_px = 0.0
        self._current = STOPS[0]
        self._grip: Grip | None = None
        self._drags: tuple[Drag, Drag] | None = None
        self._press = QPointF()
        self._before_zoom = FITTED
        self._has_moved = False
        self._box = QRectF()
        self._strip = FaceStrip(self)
        self._strip.hide()
        self._strip.picked.connect(self.choose_face)
        self._crop.thumbnail_made.connect(self._strip.set_picture)
        self._accept = QPushButton("Use this crop", self)
        self._accept.setProperty("role", "primary")
        self._accept.clicked.connect(self.accept)
        self._cancel = QPushButton("Cancel", self)
        self._cancel.clicked.connect(self.cancelled)
        self._has_buttons = True
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMouseTracking(True)
        self.setAccessibleName("Align the portrait")

    # --- what it holds ---------------------------------------------------------------------------------------------

    @property
    def points(self) -> FacePoints:
        return self._crop.points

    @property
    def current_handle(self) -> str:
        return self._current

    @property
    def said(self) -> tuple[str, ...]:
        """The sentences over the picture: what is doubtful, or wrong."""
        return self._crop.said

    @property
    def crop_preview(self) -> QImage:
        """The crop as it will be cut, small; null until it is made."""
        return self._crop.preview

    @property
    def strip(self) -> FaceStrip:
        return self._strip

    def begin(
        self,
        preview: Pixels,
        scale: float,
        points: FacePoints,
        framing: Framing,
        *,
        note: str = "",
        img_resolution: int | None = None,
    ) -> None:
        """Start with a new portrait. See `gui.canvas.Canvas.begin_align`."""
        self._picture = Picture(preview)
        self._crop.begin(preview, scale, points, note)
        self._stage = AlignStage(self._crop.size_px)
        self._current, self._grip, self._drags = STOPS[0], None, None
        self._crop.suit(framing, img_resolution)
        self._show_faces(FoundFaces())

    def set_faces(
        self, faces: tuple[FacePoints, ...], certain: tuple[bool, ...] = (), remarks: tuple[str, ...] = ()
    ) -> None:
        """Every face that was found; those that are not being aligned can be chosen. See `FoundFaces`."""
        self._show_faces(FoundFaces(faces, certain, remarks))

    def set_framing(self, framing: Framing, img_resolution: int | None) -> None:
        """Cut for another model."""
        self._crop.suit(framing, img_resolution)
        self._crop.want_thumbnails(round(FACE_PX * self.devicePixelRatioF()))
        self._settle()

    def end(self) -> None:
        """Let go of the portrait."""
        self._picture = None
        self._crop.end()
        self._strip.set_faces(())

    def _show_faces(self, faces: FoundFaces) -> None:
        self._crop.faces = faces
        count = len(faces)
        self._strip.set_faces([faces.is_sure(number) for number in range(count)] if count > 1 else ())
        self._strip.set_current(self._crop.number)
        self._strip.setVisible(count > 1)
        if count > 1:
            self._crop.want_thumbnails(round(FACE_PX * self.devicePixelRatioF()))
        self._crop.show_points(self.points)
        self._look_at_crop()

    def set_buttons_shown(self, shown: bool) -> None:
        """Without them, for a host that has its own, Enter and Esc still accept and cancel."""
        self._has_buttons = shown
        self._accept.setVisible(shown)
        self._cancel.setVisible(shown)
        self._lay_out()

    def accept(self) -> None:
        """Take the crop, where there is one."""
        if self._crop.is_usable:
            self.accepted.emit(self.points)

    @Slot(int)
    def choose_face(self, number: int) -> None:
        """Align another of the faces that were found."""
        if 0 <= number < len(self._crop.faces):
            self._crop.choose(number)
            self._strip.set_current(number)
            self._look_at_crop()

    def quad(self) -> list[QPointF] | None:
        """The crop's corners in pixels of the upright picture: top left, then against the clock. None: impossible."""
        return [QPointF(*corner) for corner in self._crop.corners] or None

    @Slot()
    def _show(self) -> None:
        crop = self._crop
        self._accept.setEnabled(crop.is_usable)
        self._accept.setToolTip(crop.complaint or "Enter")
        x, y = getattr(crop.points, self._current) if self._current in RINGS else crop.middle
        where = f"{PART_NAMES[self._current]} at {x:.0f}, {y:.0f}"
        self.setAccessibleDescription(". ".join((where, *crop.said)))
        self.update()

    # --- geometry --------------------------------------------------------------------------------------------------

    def picture_rect(self) -> Rect:
        """Where the whole portrait lies on the widget."""
        return self._stage.picture_rect

    def to_screen(self, point: Point) -> QPointF:
        """From the upright picture to the widget."""
        return QPointF(*self._stage.to_screen(point))

    def _screen_corners(self) -> list[Point]:
        return [self._stage.to_screen(corner) for corner in self._crop.corners]

    def handles(self) -> dict[Part, Point]:
        """Where everything is that can be grabbed, on the widget."""
        places = {part: self._stage.to_screen(getattr(self.points, part)) for part in RINGS}
        corners = self._screen_corners()
        if corners:
            places |= dict(zip(CORNERS, corners, strict=True))
            turn = turn_place(corners, self._stage.area)
            if turn is not None:
                places[Part.TURN] = turn
        return places

    def part_at(self, position: QPointF) -> Part:
        return part_at((position.x(), position.y()), self.handles(), self._screen_corners())

    def _face_at(self, position: QPointF) -> int:
        """The number of the face whose box is there; -1 for none."""
        boxes = ((number, self._face_box(self._crop.faces[number])) for number in self._others())
        return next((number for number, box in boxes if box.contains(position)), -1)

    def _others(self) -> list[int]:
        return self._crop.faces.others(self._crop.start)

    def _face_box(self, face: FacePoints) -> QRectF:
        left, right, mouth = (self.to_screen(getattr(face, name)) for name in RINGS)
        middle, across = (left + right + mouth) / 3, right - left
        half = 1.1 * float(np.hypot(across.x(), across.y()))
        return QRectF(middle.x() - half, middle.y() - 1.15 * half, 2 * half, 2.3 * half)

    def _look_at_crop(self) -> None:
        self._lay_out()
        self._stage.look_at(self._crop.corners)
        self.update()

    def _lay_out(self) -> None:
        """After a drag, not while: the picture must not move under the hand."""
        self._head_px = align_paint.head_height(self.said, self._how(), self.width() - 32)
        strip_px = HEIGHT_PX if self._strip.count else 0
        below = self.height() - strip_px - (FOOT_PX if self._has_buttons else _PAD_PX)
        self._stage.area = Rect(0, self._head_px, self.width(), max(0.0, below - self._head_px))
        self._crop.want_preview(max(16, round(align_paint.preview_edge(self._stage.area) * self.devicePixelRatioF())))
        wide = min(self.width() - 16, self._strip.sizeHint().width())
        self._strip.setGeometry(QRect((self.width() - wide) // 2, round(below), wide, HEIGHT_PX))
        accept, cancel = self._accept.sizeHint(), self._cancel.sizeHint()
        left = (self.width() - accept.width() - 8 - cancel.width()) // 2
        top = self.height() - round(FOOT_PX) + (round(FOOT_PX) - accept.height()) // 2
        self._cancel.setGeometry(left, top, cancel.width(), cancel.height())
        self._accept.setGeometry(left + cancel.width() + 8, top, accept.width(), accept.height())
        self.update()

    def _how(self) -> str:
        count = len(self._crop.faces)
        return f"{count} faces: choose one below. {WHAT_TO_DO}" if count > 1 else WHAT_TO_DO

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._lay_out()

    def minimumSizeHint(self) -> QSize:
        return QSize(320, 260)

    # --- the hand --------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() not in (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton):
            return
        position = event.position()
        part = Part.PICTURE if event.button() is Qt.MouseButton.MiddleButton else self.part_at(position)
        self._press, self._has_moved, self._before_zoom = position, False, self._stage.zoom
        self._grip = Grip(part, self.points, self._crop.middle, self._stage.from_screen(position.x(), position.y()))
        self._drags = (
            Drag(position.x(), position.x(), 1.0, is_fine(event)),
            Drag(position.y(), position.y(), 1.0, is_fine(event)),
        )
        if part in STOPS:
            self._current = part
            self._show()
        self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        position = event.position()
        if self._drags is None or self._grip is None:
            self._update_cursor(position)
            return
        if not self._has_moved and (position - self._press).manhattanLength() < CLICK_PX:
            return
        self._has_moved = True
        across, down = self._drags
        x, y = across.value_at(position.x(), is_fine(event)), down.value_at(position.y(), is_fine(event))
        if self._grip.part is Part.PICTURE:
            self._stage.pan(self._before_zoom, x - self._press.x(), y - self._press.y())
            self.update()
            return
        self._crop.change(self._grip.dragged(self._stage.from_screen(x, y), is_snapping=is_snapping(event)))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        part = self._grip.part if self._grip is not None else None
        self._grip = self._drags = None
        if part is not None and not self._has_moved and part not in RINGS:
            other = self._face_at(event.position())
            if other >= 0:
                self.choose_face(other)
        elif self._has_moved and part is not Part.PICTURE:
            self._settle()
        self._update_cursor(event.position())
        self.update()

    def _settle(self) -> None:
        """After a change: room for what is said, and for a crop that reaches farther out."""
        if self._stage.zoom.is_fitted:
            self._stage.make_room(self._crop.corners)
        self._lay_out()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        part = self.part_at(event.position())
        is_near = part is Part.CROP and not self._stage.zoom.is_fitted  # first the whole photo again
        self._reset(Part.PICTURE if is_near else part)

    def _reset(self, part: Part) -> None:
        """Put back what dragging this changes."""
        now, start, middle = self.points, self._crop.start, self._crop.middle
        if part is Part.PICTURE:
            self._stage.zoom = FITTED
        elif part in RINGS:
            self._crop.change(Grip(part, now, (0, 0), getattr(now, part)).dragged(getattr(start, part)))
        elif part in CORNERS:
            self._crop.change(with_size_of(now, start, middle))
        elif part is Part.TURN:
            self._crop.change(with_tilt_of(now, start, middle))
        else:
            self._crop.change(start)
        self._settle()

    def wheelEvent(self, event: QWheelEvent) -> None:
        factor = self._stage.zoom.factor * _WHEEL_FACTOR ** wheel_steps(event)
        self._stage.zoom_at(factor, event.position().x(), event.position().y())
        self.update()
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = align_key(event)
        if key is None:
            super().keyPressEvent(event)
        else:
            self._do(key)

    def _do(self, key: AlignKey) -> None:
        size = 1 / self._crop.scale
        if key.is_leave:
            self.cancelled.emit()
        elif key.is_accept:
            self.accept()
        elif key.is_fit:
            self._reset(Part.PICTURE)
        elif key.is_reset:
            self._reset(self._current)
        elif key.face is not None:
            self.choose_face(key.face)
        elif key.next_face:
            self.choose_face((self._crop.number + key.next_face) % max(len(self._crop.faces), 1))
        elif key.scale != 1.0 or key.turn_deg:
            middle = self._crop.middle
            self._crop.change(similar_face(self.points, about=middle, scale=key.scale, turn_deg=key.turn_deg))
        else:
            dx, dy = key.across * size, key.down * size
            grip = Grip(self._current, self.points, self._crop.middle, (0.0, 0.0))
            self._crop.change(grip.dragged((dx, dy)))
        self._settle()

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Tab walks the three rings and the crop before it goes on to what lies beside."""
        index = STOPS.index(self._current) + (1 if forward else -1)
        if self.hasFocus() and 0 <= index < len(STOPS):
            self._current = STOPS[index]
            self._show()
            return True
        return super().focusNextPrevChild(forward)

    def _update_cursor(self, position: QPointF) -> None:
        part = self.part_at(position)
        shape = _CURSORS.get(part)
        if part in (Part.PICTURE, Part.CROP) and self._face_at(position) >= 0:
            shape = Qt.CursorShape.PointingHandCursor
        usual = Qt.CursorShape.OpenHandCursor if self._stage.zoom.factor > 1 else Qt.CursorShape.ArrowCursor
        self.setCursor(shape if shape is not None else usual)

    # --- painting --------------------------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.FocusIn, QEvent.Type.FocusOut, QEvent.Type.PaletteChange):
            self.update()
        if event.type() is QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and align_key(event):
            event.accept()  # before 1, 2, 3 and the others that mean something else elsewhere
            return True
        if event.type() is QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            QToolTip.showText(event.globalPos(), self._tip_at(QPointF(event.pos())), self)
            return True
        return super().event(event)

    def _tip_at(self, position: QPointF) -> str:
        part = self.part_at(position)
        if part in PART_TIPS:
            return PART_TIPS[part]
        return framing_sentence(self._crop.framing) if self._preview_box().contains(position) else ""

    def _preview_box(self) -> QRectF:
        """It stays where it is under the hand."""
        if self._grip is None:
            self._box = self._free_corner()
        return self._box

    def _free_corner(self) -> QRectF:
        busy = [align_paint.polygon(self._screen_corners()).boundingRect()]
        busy += [self._face_box(self._crop.faces[number]).adjusted(-8, 0, 8, 22) for number in self._others()]
        return align_paint.preview_rect(self._stage.area, busy)

    def paintEvent(self, event: QPaintEvent) -> None:
        theme, area = current_theme(), QRectF(self.rect())
        with QPainter(self) as painter:
            painter.fillRect(area, align_paint.ground(theme))
            if self._picture is None:
                return
            rect, stage = self.picture_rect(), self._stage.area
            box = QRectF(rect.x, rect.y, rect.width, rect.height)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.save()
            painter.setClipRect(QRectF(stage.x, stage.y, stage.width, stage.height))
            self._picture.paint(painter, box, self.devicePixelRatioF())
            align_paint.paint_crop(painter, box, self._screen_corners())
            for number in self._others():
                align_paint.paint_face(painter, theme, self._face_box(self._crop.faces[number]), OTHER_FACE)
            if self._crop.corners:
                align_paint.paint_preview(painter, theme, self._preview_box(), self._crop.preview)
            self._paint_handles(painter)
            painter.restore()
            head = QRectF(16, 0, area.width() - 32, self._head_px)
            is_complaint = bool(self._crop.complaint)
            align_paint.paint_head(painter, theme, head, self.said, self._how(), is_complaint=is_complaint)

    def _paint_handles(self, painter: QPainter) -> None:
        theme, handles = current_theme(), self.handles()
        held = self._grip.part if self._grip is not None else None
        corners = self._screen_corners()
        is_guess = self._crop.is_guess
        is_crop_current = self._current is Part.CROP and self.hasFocus()
        for part, place in handles.items():
            if part in RINGS:
                is_current = part is held or (part is self._current and self.hasFocus())
                words, side = PART_NAMES[part], LABEL_SIDES[part]
                paint = partial(align_paint.paint_ring, painter, theme, QPointF(*place))
                paint(words, side, is_current=is_current, is_guess=is_guess)
            else:
                align_paint.paint_grip(painter, theme, place, corners, is_current=is_crop_current or part is held)

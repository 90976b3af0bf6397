"""Aligning a portrait: two eye handles, a mouth handle, and the crop they make."""

from __future__ import annotations

import math
from dataclasses import replace

from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QPushButton, QWidget

from engine.errors import PortraitError
from engine.framing import FacePoints, Framing, crop_quad
from engine.messages import Pixels
from gui import align_paint
from gui.canvas_layout import FITTED, Rect, fit, panned, placed, zoomed_at
from gui.picture import Picture
from gui.theme import current_theme
from gui.widgets.hand import CLICK_PX, Drag, is_fine, key_step, wheel_steps

HANDLES = ("left_eye", "right_eye", "mouth")
HANDLE_NAMES = {"left_eye": "left eye", "right_eye": "right eye", "mouth": "mouth"}
LABEL_SIDES = {"left_eye": "left", "right_eye": "right", "mouth": "below"}
WHAT_TO_DO = "Drag the rings onto the pupils and the middle of the mouth"
OTHER_FACE = "this face instead"
FOOT_PX = 56.0
_HEAD_PX = 40.0
_REACH_PX = 18.0
_WHEEL_FACTOR = 1.2


class AlignView(QWidget):
    """All points that come in and go out are in pixels of the upright picture.

    Drag a ring, or the crop with all three, or the picture; Shift is ten times finer; double-click puts a ring back.
    Tab walks the rings, arrow keys move the current one by one pixel of the preview.
    """

    accepted = Signal(object)
    cancelled = Signal()
    changed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._picture: Picture | None = None
        self._scale = 1.0
        self._points = self._start = FacePoints((0, 0), (1, 0), (0, 1))
        self._faces: tuple[FacePoints, ...] = ()
        self._framing = Framing()
        self._quad: list[QPointF] | None = None
        self._complaint = ""
        self._note = ""
        self._zoom = FITTED
        self._current = HANDLES[0]
        self._held: str | None = None
        self._drags: tuple[Drag, Drag] | None = None
        self._press = QPointF()
        self._before, self._before_zoom = self._points, self._zoom
        self._has_moved = False
        self._accept = QPushButton("Use this crop", self)
        self._accept.setProperty("role", "primary")
        self._accept.clicked.connect(self.accept)
        self._cancel = QPushButton("Cancel", self)
        self._cancel.clicked.connect(self.cancelled)
        self._foot_px = FOOT_PX
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setMouseTracking(True)
        self.setAccessibleName("Align the portrait")

    # --- what it holds ---------------------------------------------------------------------------------------------

    @property
    def points(self) -> FacePoints:
        return self._points

    @property
    def current_handle(self) -> str:
        return self._current

    def begin(self, preview: Pixels, scale: float, points: FacePoints, framing: Framing, *, note: str = "") -> None:
        """Start with a new portrait. See `gui.canvas.Canvas.begin_align`."""
        self._picture = Picture(preview)
        self._scale, self._framing, self._note = scale, framing, note
        self._faces = ()
        self._zoom, self._current = FITTED, HANDLES[0]
        self._held = self._drags = None
        self._start = points
        self._show(points)

    def set_faces(self, faces: tuple[FacePoints, ...]) -> None:
        """Every face that was found; those that are not being aligned can be clicked."""
        self._faces = tuple(faces)
        self.update()

    def set_buttons_shown(self, shown: bool) -> None:
        """Without them, for a host that has its own, Enter and Esc still accept and cancel."""
        self._foot_px = FOOT_PX if shown else 8.0
        self._accept.setVisible(shown)
        self._cancel.setVisible(shown)
        self.update()

    def accept(self) -> None:
        """Take the crop, where there is one."""
        if self._quad is not None:
            self.accepted.emit(self._points)

    def quad(self) -> list[QPointF] | None:
        """The crop's corners in pixels of the upright picture: top left, then against the clock. None: impossible."""
        return self._quad

    def _show(self, points: FacePoints) -> None:
        self._points = points
        try:
            self._quad = [QPointF(float(x), float(y)) for x, y in crop_quad(points, self._framing)]
            self._complaint = ""
        except PortraitError as error:
            self._quad = None
            self._complaint = f"{error.user_message} {error.hint}".strip()
        self._accept.setEnabled(self._quad is not None)
        self._accept.setToolTip(self._complaint or "Enter")
        where = getattr(points, self._current)
        self.setAccessibleDescription(f"{HANDLE_NAMES[self._current]} at {where[0]:.0f}, {where[1]:.0f}")
        self.update()

    def _change(self, points: FacePoints) -> None:
        if points != self._points:
            self._show(points)
            self.changed.emit(points)

    # --- geometry --------------------------------------------------------------------------------------------------

    def picture_rect(self) -> Rect:
        """Where the whole portrait lies on the widget."""
        return placed(self._frame(), self._zoom)

    def _frame(self) -> Rect:
        area = Rect(0, _HEAD_PX, self.width(), max(0.0, self.height() - _HEAD_PX - self._foot_px)).shrunk(4)
        return fit(self._picture.width, self._picture.height, area) if self._picture else area

    def to_screen(self, point: tuple[float, float]) -> QPointF:
        """From the upright picture to the widget."""
        rect, per_px = self.picture_rect(), self._screen_per_px()
        return QPointF(rect.x + point[0] * per_px, rect.y + point[1] * per_px)

    def _screen_per_px(self) -> float:
        if self._picture is None or not self._picture.width:
            return 1.0
        return self._scale * self.picture_rect().width / self._picture.width

    def handle_at(self, position: QPointF) -> str | None:
        """The ring under a point, the nearest of those in reach."""
        distances = {name: _distance(position, self.to_screen(getattr(self._points, name))) for name in HANDLES}
        name = min(distances, key=lambda each: distances[each])
        return name if distances[name] <= _REACH_PX else None

    def _face_at(self, position: QPointF) -> FacePoints | None:
        found = [face for face in self._other_faces() if self._face_box(face).contains(position)]
        return found[0] if found else None

    def _other_faces(self) -> list[FacePoints]:
        return [face for face in self._faces if face != self._start]

    def _face_box(self, face: FacePoints) -> QRectF:
        left, right, mouth = (self.to_screen(getattr(face, name)) for name in HANDLES)
        middle = (left + right + mouth) / 3
        half = 1.1 * _distance(left, right)
        return QRectF(middle.x() - half, middle.y() - 1.15 * half, 2 * half, 2.3 * half)

    def _is_in_crop(self, position: QPointF) -> bool:
        return self._quad is not None and align_paint.polygon(self._screen_quad()).containsPoint(
            position, Qt.FillRule.OddEvenFill
        )

    def _screen_quad(self) -> list[QPointF]:
        return [self.to_screen((corner.x(), corner.y())) for corner in self._quad or ()]

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        accept, cancel = self._accept.sizeHint(), self._cancel.sizeHint()
        total = accept.width() + 8 + cancel.width()
        left = (self.width() - total) // 2
        top = self.height() - round(FOOT_PX) + (round(FOOT_PX) - accept.height()) // 2
        self._cancel.setGeometry(left, top, cancel.width(), cancel.height())
        self._accept.setGeometry(left + cancel.width() + 8, top, accept.width(), accept.height())

    # --- the hand --------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() not in (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton):
            return
        position = event.position()
        self._press, self._has_moved = position, False
        if event.button() is Qt.MouseButton.MiddleButton:
            self._held = "picture"
        else:
            self._held = self.handle_at(position) or ("crop" if self._is_in_crop(position) else "picture")
        if self._held in HANDLES:
            self._current = self._held
            self.setAccessibleDescription(HANDLE_NAMES[self._current])
        self._drags = (self._axis(position.x(), event), self._axis(position.y(), event))
        self._before, self._before_zoom = self._points, self._zoom
        self.update()

    def _axis(self, px: float, event: QMouseEvent) -> Drag:
        return Drag(px, 0.0, 1.0, is_fine(event))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        position = event.position()
        if self._drags is None:
            self._update_cursor(position)
            return
        if not self._has_moved and (position - self._press).manhattanLength() < CLICK_PX:
            return
        self._has_moved = True
        across, down = self._drags
        dx = across.value_at(position.x(), is_fine(event))
        dy = down.value_at(position.y(), is_fine(event))
        if self._held == "picture":
            self._zoom = panned(self._frame(), self._before_zoom, dx, dy)
            self.update()
            return
        per_px = self._screen_per_px()
        names = HANDLES if self._held == "crop" else (self._held or "",)
        self._change(_moved(self._before, names, dx / per_px, dy / per_px))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._drags is not None and not self._has_moved and self._held not in HANDLES:
            other = self._face_at(event.position())
            if other is not None:
                self._start = other
                self._change(other)
        self._held = self._drags = None
        self._update_cursor(event.position())
        self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        name = self.handle_at(event.position())
        if name is None:
            self._zoom = FITTED
            self.update()
        else:
            self._change(replace(self._points, **{name: getattr(self._start, name)}))

    def wheelEvent(self, event: QWheelEvent) -> None:
        factor = max(1.0, self._zoom.factor * _WHEEL_FACTOR ** wheel_steps(event))
        self._zoom = zoomed_at(self._frame(), self._zoom, factor, event.position().x(), event.position().y())
        self.update()
        event.accept()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = key_step(event)
        if event.key() == Qt.Key.Key_Escape:
            self.cancelled.emit()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.accept()
        elif step is not None and step.steps:
            size = step.steps / self._scale * (0.1 if is_fine(event) else 1.0)
            across = event.key() in (Qt.Key.Key_Left, Qt.Key.Key_Right)
            dx, dy = (size, 0.0) if across else (0.0, -size)
            self._change(_moved(self._points, (self._current,), dx, dy))
        else:
            super().keyPressEvent(event)

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Tab walks the three rings before it goes on to the buttons."""
        index = HANDLES.index(self._current) + (1 if forward else -1)
        if self.hasFocus() and 0 <= index < len(HANDLES):
            self._current = HANDLES[index]
            self._show(self._points)
            return True
        return super().focusNextPrevChild(forward)

    def _update_cursor(self, position: QPointF) -> None:
        if self.handle_at(position) is not None:
            shape = Qt.CursorShape.PointingHandCursor
        elif self._is_in_crop(position):
            shape = Qt.CursorShape.SizeAllCursor
        elif self._face_at(position) is not None:
            shape = Qt.CursorShape.PointingHandCursor
        else:
            shape = Qt.CursorShape.OpenHandCursor if self._zoom.factor > 1 else Qt.CursorShape.ArrowCursor
        self.setCursor(shape)

    # --- painting --------------------------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.FocusIn, QEvent.Type.FocusOut, QEvent.Type.PaletteChange):
            self.update()
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        theme, area = current_theme(), QRectF(self.rect())
        with QPainter(self) as painter:
            painter.fillRect(area, align_paint.ground(theme))
            if self._picture is None:
                return
            rect, ratio = self.picture_rect(), self.devicePixelRatioF()
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            stage = QRectF(0, _HEAD_PX, area.width(), area.height() - _HEAD_PX - self._foot_px)
            painter.save()
            painter.setClipRect(stage)
            self._picture.paint(painter, QRectF(rect.x, rect.y, rect.width, rect.height), ratio)
            align_paint.paint_crop(painter, QRectF(rect.x, rect.y, rect.width, rect.height), self._screen_quad())
            others = [self._face_box(face) for face in self._other_faces()]
            for box in others:
                align_paint.paint_face(painter, theme, box, OTHER_FACE)
            for name in HANDLES:
                is_current = name == self._held or (name == self._current and self.hasFocus())
                place = self.to_screen(getattr(self._points, name))
                words, side = HANDLE_NAMES[name], LABEL_SIDES[name]
                align_paint.paint_ring(painter, theme, place, words, side, is_current=is_current)
            painter.restore()
            head = QRectF(16, 0, area.width() - 32, _HEAD_PX)
            said, is_complaint = self._complaint or self._note, bool(self._complaint)
            align_paint.paint_note(painter, theme, head, said, WHAT_TO_DO, is_complaint)
            if self._quad is not None:
                corners = [corner * self._scale for corner in self._quad]
                crop = align_paint.polygon(self._screen_quad()).boundingRect()
                busy = [crop, *(each.adjusted(-8, 0, 8, 22) for each in others)]
                box = align_paint.preview_rect(stage, busy)
                align_paint.paint_preview(painter, theme, box, self._picture, corners, ratio)


def _moved(points: FacePoints, names: tuple[str, ...], dx: float, dy: float) -> FacePoints:
    changes = {}
    for name in names:
        x, y = getattr(points, name)
        changes[name] = (x + dx, y + dy)
    return replace(points, **changes)


def _distance(one: QPointF, other: QPointF) -> float:
    return math.hypot(one.x() - other.x(), one.y() - other.y())

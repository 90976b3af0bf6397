"""The canvas: shows frames of A, the blend and B. Zoom, pan, triptych, wipe, both spaces, and aligning a portrait."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QKeyEvent,
    QMouseEvent,
    QNativeGestureEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from engine.framing import FacePoints, Framing
from engine.messages import Frame, Pixels
from engine.state import View
from gui import canvas_paint
from gui.canvas_layout import FITTED, Rect, Zoom, fit, one_to_one, pair, panned, placed, single, triptych, zoomed_at
from gui.shown_frames import ShownFrames
from gui.theme import current_theme
from gui.widgets.drops import local_paths
from gui.widgets.hand import clamp, is_fine, is_snapping, wheel_steps

if TYPE_CHECKING:
    from gui.align_view import AlignView

EMPTY_HINT = "Drop a portrait, a model or a recipe here"
WHEEL_FACTOR = 1.2
USUAL_SIZE_PX = 256
FOOT_PX = 3
"""Where the line is that shows that a finer picture is coming."""
_HANDLE_REACH_PX = 14
_WIPE_STEP = 0.02
_PAN_STEP_PX = 40.0
_BLENDS = (View.BLEND, View.WEIGHTS, View.LATENTS)


class CanvasMode(StrEnum):
    A = "a"
    BLEND = "blend"
    B = "b"
    TRIPTYCH = "triptych"
    WIPE = "wipe"
    SPACES = "spaces"


@dataclass
class _Pan:
    """A press on the canvas: moves the picture, or the wipe handle."""

    last: QPointF
    moves_wipe: bool


class Canvas(QWidget):
    """The picture never goes blank: what is there stays until something better comes."""

    mode_changed = Signal(str)
    wants_changed = Signal()
    zoom_changed = Signal(float)
    paths_dropped = Signal(object)
    align_accepted = Signal(object)
    align_cancelled = Signal()
    align_changed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._mode = CanvasMode.BLEND
        self._shown = ShownFrames()
        self._captions = {
            View.A: "A", View.BLEND: "Blend", View.B: "B", View.WEIGHTS: "In weights", View.LATENTS: "In W",
        }
        self._zoom = FITTED
        self._wipe_views = (View.A, View.BLEND)
        self._wipe = 0.5
        self._is_comparing = False
        self._is_drop_target = False
        self._progress: float | None = None
        self._hint = EMPTY_HINT
        self._pan: _Pan | None = None
        self._last_wants: tuple[tuple[View, ...], int] | None = None
        self._is_aligning = False
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(320, 240)
        self.setAcceptDrops(True)
        self.setMouseTracking(True)
        self.setAccessibleName("Canvas")

    # --- frames ----------------------------------------------------------------------------------------------------

    def show_frame(self, frame: Frame) -> bool:
        """Show a frame, unless it is older or coarser than what is on screen. Returns whether it was taken."""
        before = self._shown.get(frame.view)
        if not self._shown.take(frame):
            return False
        after = self._shown.get(frame.view)
        if before is None or after is None:
            self.update()  # the hint goes
        elif after.picture is not before.picture:
            self.update(self._area_of(frame.view))
        self.update(0, self.height() - FOOT_PX, self.width(), FOOT_PX)
        return True

    def _area_of(self, view: View) -> QRect:
        """What is to be painted anew when a view's picture is another."""
        frame = self.frames().get(view)
        if frame is None or self._is_single or self._is_comparing:
            return self.rect()
        return canvas_paint.qrect(frame).toAlignedRect()

    def show_kept(self, view: View, pixels: Pixels, full_size_px: int, generation: int) -> None:
        """Show a picture from an earlier time until the engine's own comes.

        Args:
            generation: Of the request that will replace it: older frames do not.
        """
        self._shown.put_kept(view, pixels, full_size_px, generation)
        self.update()

    def release_kept(self) -> None:
        """From now on any frame replaces a kept picture, however coarse."""
        self._shown.release_kept()

    def shown_generation(self, view: View) -> int:
        """Generation of the picture of a view that is on screen, -1 when there is none."""
        return self._shown.generation(view)

    @property
    def has_picture(self) -> bool:
        return bool(self._shown)

    def clear(self) -> None:
        """Take every picture away, for when their model is gone."""
        self._shown.clear()
        self.update()

    def clear_view(self, view: View) -> None:
        self._shown.drop(view)
        self.update()

    # --- what is looked at -----------------------------------------------------------------------------------------

    @property
    def mode(self) -> CanvasMode:
        return self._mode

    def set_mode(self, mode: CanvasMode) -> None:
        if mode is not self._mode:
            self._mode = mode
            self.mode_changed.emit(mode.value)
            self._tell_wants()
            self.update()

    @property
    def _is_single(self) -> bool:
        """Whether there is one square on screen."""
        return self._mode not in (CanvasMode.TRIPTYCH, CanvasMode.SPACES)

    @property
    def wanted_views(self) -> tuple[View, ...]:
        """The views on screen, the most wanted first."""
        views = {
            CanvasMode.A: (View.A,),
            CanvasMode.BLEND: (View.BLEND,),
            CanvasMode.B: (View.B,),
            CanvasMode.TRIPTYCH: (View.BLEND, View.A, View.B),
            CanvasMode.WIPE: tuple(reversed(self._wipe_views)),
            CanvasMode.SPACES: (View.WEIGHTS, View.LATENTS),
        }[self._mode]
        return tuple(dict.fromkeys((View.A, *views))) if self._is_comparing else views

    @property
    def wanted_size_px(self) -> int:
        """Edge of the largest picture on screen in device pixels, up to the next power of two."""
        frame = self._main_frame()
        edge = max(16.0, frame.width * max(1.0, self._zoom.factor) * self.devicePixelRatioF())
        return int(1 << (int(edge - 1e-6)).bit_length())

    def set_captions(self, *, a: str | None = None, blend: str | None = None, b: str | None = None) -> None:
        """The words under the pictures; None keeps what is there."""
        for view, caption in ((View.A, a), (View.BLEND, blend), (View.B, b)):
            if caption is not None:
                self._captions[view] = caption
        self.update()

    def set_comparing(self, comparing: bool) -> None:
        """Show A in place of the blend, while a key is held."""
        if comparing != self._is_comparing:
            self._is_comparing = comparing
            self._tell_wants()
            self.update()

    def set_wipe_views(self, left: View, right: View) -> None:
        self._wipe_views = (left, right)
        self._tell_wants()
        self.update()

    @property
    def wipe(self) -> float:
        """Where the wipe handle is: 0 left edge of the picture, 1 right edge."""
        return self._wipe

    def set_wipe(self, share: float) -> None:
        self._wipe = clamp(share, 0.0, 1.0)
        self.update()

    def set_hint(self, text: str) -> None:
        """What the empty canvas says."""
        self._hint = text
        self.update()

    def set_progress(self, fraction: float | None) -> None:
        """Length of the line at the foot, 0 to 1. None leaves it to the frames: it shows while they are coarse."""
        self._progress = fraction
        self.update()

    def progress(self) -> float | None:
        """Length of the line at the foot, None when there is no line."""
        if self._progress is not None:
            return self._progress
        return self._shown.progress(self.wanted_views)

    def _tell_wants(self) -> None:
        wants = (self.wanted_views, self.wanted_size_px)
        if wants != self._last_wants:
            self._last_wants = wants
            self.wants_changed.emit()

    # --- zoom ------------------------------------------------------------------------------------------------------

    @property
    def zoom(self) -> Zoom:
        return self._zoom

    @property
    def zoom_percent(self) -> float:
        """Device pixels per pixel of the finished picture, in percent."""
        frame = self._main_frame()
        return 100 * self._zoom.factor / one_to_one(frame, self._full_size_px(), self.devicePixelRatioF())

    def fit(self) -> None:
        self._set_zoom(FITTED)

    def one_to_one(self) -> None:
        """One pixel of the picture on one of the screen, round the middle of what is seen."""
        frame = self._main_frame()
        factor = one_to_one(frame, self._full_size_px(), self.devicePixelRatioF())
        self._set_zoom(zoomed_at(frame, self._zoom, factor, *frame.centre))

    def zoom_by(self, factor: float) -> None:
        frame = self._main_frame()
        self._set_zoom(zoomed_at(frame, self._zoom, self._floored(self._zoom.factor * factor), *frame.centre))

    def _floored(self, factor: float) -> float:
        """Not smaller than fitted, or than 1:1 where that is smaller."""
        frame = self._main_frame()
        return max(factor, min(1.0, one_to_one(frame, self._full_size_px(), self.devicePixelRatioF())))

    def _set_zoom(self, zoom: Zoom) -> None:
        if zoom != self._zoom:
            self._zoom = zoom
            self._update_cursor(None)
            self.zoom_changed.emit(self.zoom_percent)
            self._tell_wants()
            self.update()

    def _full_size_px(self) -> int:
        return self._shown.full_size_px(self.wanted_views) or USUAL_SIZE_PX

    # --- geometry --------------------------------------------------------------------------------------------------

    def frames(self) -> dict[View, Rect]:
        """The square of every view on screen. While wiping, both views share one."""
        area = Rect(0, 0, self.width(), self.height())
        if self._mode is CanvasMode.TRIPTYCH:
            left, middle, right = triptych(area)
            return {View.A: left, View.BLEND: middle, View.B: right}
        if self._mode is CanvasMode.SPACES:
            left, right = pair(area)
            return {View.WEIGHTS: left, View.LATENTS: right}
        square = single(area)
        if self._mode is CanvasMode.WIPE:
            return dict.fromkeys(self._wipe_views, square)
        return {View(self._mode.value): square}

    def _main_frame(self) -> Rect:
        frames = self.frames()
        return frames.get(View.BLEND) or next(iter(frames.values()))

    def _frame_at(self, position: QPointF) -> Rect:
        found = [frame for frame in self.frames().values() if frame.contains(position.x(), position.y())]
        return found[0] if found else self._main_frame()

    def wipe_x(self) -> float:
        """The wipe handle's place on the widget."""
        frame = self._visible_part(self._main_frame())
        return frame.x + self._wipe * frame.width

    def _visible_part(self, frame: Rect) -> Rect:
        picture = placed(frame, self._zoom)
        left, right = max(0.0, picture.x), min(float(self.width()), picture.right)
        return Rect(left, picture.y, max(0.0, right - left), picture.height)

    def sizeHint(self) -> QSize:
        return QSize(780, 620)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._is_aligning:
            self.align_view.setGeometry(self.rect())
        self._tell_wants()

    # --- aligning --------------------------------------------------------------------------------------------------

    @property
    def is_aligning(self) -> bool:
        return self._is_aligning

    @cached_property
    def align_view(self) -> AlignView:
        """Made when the first portrait is opened."""
        from gui.align_view import AlignView

        view = AlignView(self)
        view.hide()
        view.accepted.connect(self.align_accepted)
        view.cancelled.connect(self.align_cancelled)
        view.changed.connect(self.align_changed)
        return view

    def begin_align(
        self, preview: Pixels, scale: float, points: FacePoints, framing: Framing, *, note: str = ""
    ) -> None:
        """Show a portrait with two eye handles and a mouth handle, and the crop that they make.

        Args:
            preview: The upright picture, made small.
            scale: Preview pixels per pixel of the upright picture.
            points: In pixels of the upright picture, as everything that comes back.
            note: A sentence to show, for example that no face was found.
        """
        view = self.align_view
        view.begin(preview, scale, points, framing, note=note)
        view.setGeometry(self.rect())
        view.show()
        view.raise_()
        view.setFocus(Qt.FocusReason.OtherFocusReason)
        self._is_aligning = True

    def set_faces(self, faces: tuple[FacePoints, ...]) -> None:
        """The other faces that were found: each can be clicked."""
        self.align_view.set_faces(faces)

    def end_align(self) -> None:
        if self._is_aligning:
            self._is_aligning = False
            self.align_view.hide()
            self.setFocus(Qt.FocusReason.OtherFocusReason)
            self.update()

    # --- the hand --------------------------------------------------------------------------------------------------

    def wheelEvent(self, event: QWheelEvent) -> None:
        self._zoom_at(event.position(), WHEEL_FACTOR ** wheel_steps(event))
        event.accept()

    def _zoom_at(self, position: QPointF, factor: float) -> None:
        frame = self._frame_at(position)
        target = self._floored(self._zoom.factor * factor)
        self._set_zoom(zoomed_at(frame, self._zoom, target, position.x(), position.y()))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() in (Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton):
            self._pan = _Pan(event.position(), self._grabs_wipe(event))
            if self._pan.moves_wipe:
                self._move_wipe(event.position())
            self._update_cursor(event.position())

    def _grabs_wipe(self, event: QMouseEvent) -> bool:
        if self._mode is not CanvasMode.WIPE or event.button() is not Qt.MouseButton.LeftButton:
            return False
        is_near = abs(event.position().x() - self.wipe_x()) <= _HANDLE_REACH_PX
        return is_near or self._zoom.is_fitted

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        position = event.position()
        if self._pan is None:
            self._update_cursor(position)
            return
        if self._pan.moves_wipe:
            self._move_wipe(position)
        else:
            moved = position - self._pan.last
            self._set_zoom(panned(self._main_frame(), self._zoom, moved.x(), moved.y()))
            self._pan.last = position

    def _move_wipe(self, position: QPointF) -> None:
        frame = self._visible_part(self._main_frame())
        if frame.width:
            self.set_wipe((position.x() - frame.x) / frame.width)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._pan = None
        self._update_cursor(event.position())

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        near_handle = abs(event.position().x() - self.wipe_x()) <= _HANDLE_REACH_PX
        if self._mode is CanvasMode.WIPE and near_handle:
            self.set_wipe(0.5)
        else:
            self.fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        directions = {
            Qt.Key.Key_Left: (-1, 0),
            Qt.Key.Key_Right: (1, 0),
            Qt.Key.Key_Up: (0, -1),
            Qt.Key.Key_Down: (0, 1),
        }
        direction = directions.get(Qt.Key(event.key()))
        if direction is not None and self._mode is CanvasMode.WIPE and self._zoom.is_fitted and direction[0]:
            step = 0.25 if is_snapping(event) else _WIPE_STEP * (0.1 if is_fine(event) else 1)
            self.set_wipe(self._wipe + direction[0] * step)
        elif direction is not None and self._zoom.factor > 1:
            dx, dy = (-_PAN_STEP_PX * part for part in direction)
            self._set_zoom(panned(self._main_frame(), self._zoom, dx, dy))
        elif event.key() in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
            self.zoom_by(WHEEL_FACTOR)
        elif event.key() == Qt.Key.Key_Minus:
            self.zoom_by(1 / WHEEL_FACTOR)
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QNativeGestureEvent) and event.gestureType() is Qt.NativeGestureType.ZoomNativeGesture:
            self._zoom_at(event.position(), 1 + event.value())
            return True
        if event.type() is QEvent.Type.DevicePixelRatioChange:
            self._tell_wants()
        return super().event(event)

    def _update_cursor(self, position: QPointF | None) -> None:
        if self._pan is not None and not self._pan.moves_wipe and self._zoom.factor > 1:
            shape = Qt.CursorShape.ClosedHandCursor
        elif self._mode is CanvasMode.WIPE and position is not None and (
            abs(position.x() - self.wipe_x()) <= _HANDLE_REACH_PX
        ):
            shape = Qt.CursorShape.SplitHCursor
        elif self._zoom.factor > 1:
            shape = Qt.CursorShape.OpenHandCursor
        else:
            shape = Qt.CursorShape.ArrowCursor
        self.setCursor(shape)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if local_paths(event.mimeData()):
            event.acceptProposedAction()
            self._mark_drop_target(True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._mark_drop_target(False)

    def dropEvent(self, event: QDropEvent) -> None:
        self._mark_drop_target(False)
        paths = local_paths(event.mimeData())
        if paths:
            event.acceptProposedAction()
            self.paths_dropped.emit(paths)

    def _mark_drop_target(self, is_target: bool) -> None:
        self._is_drop_target = is_target
        self.update()

    # --- painting --------------------------------------------------------------------------------------------------

    def changeEvent(self, event: QEvent) -> None:
        if event.type() is QEvent.Type.PaletteChange:
            self.update()
        super().changeEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current_theme()
        with QPainter(self) as painter:
            painter.fillRect(self.rect(), QColor(theme.canvas))
            if not self._shown:
                canvas_paint.paint_hint(painter, theme, QRectF(self.rect()), self._hint)
            elif self._mode is CanvasMode.WIPE:
                self._paint_wipe(painter)
            else:
                self._paint_views(painter)
            fraction = self.progress()
            if fraction is not None:
                canvas_paint.paint_progress(painter, theme, QRectF(self.rect()), fraction)
            if self._is_drop_target:
                canvas_paint.paint_drop_target(painter, theme, QRectF(self.rect()))

    def _paint_views(self, painter: QPainter) -> None:
        theme = current_theme()
        for view, frame in self.frames().items():
            looked_at = View.A if self._is_comparing and view in _BLENDS else view
            clip = Rect(0, 0, self.width(), self.height()) if self._is_single else frame
            self._paint_picture(painter, looked_at, frame, clip, may_stand_in=self._is_single)
            if not self._is_single and view not in _BLENDS:
                canvas_paint.paint_side_edge(painter, theme, frame, view)
            if not self._is_single or self._zoom.factor <= 1:
                canvas_paint.paint_caption(painter, theme, frame, looked_at, self._captions[looked_at])

    def _paint_wipe(self, painter: QPainter) -> None:
        frame, x = self._main_frame(), self.wipe_x()
        left, right = self._wipe_views
        if self._is_comparing:
            right = View.A
        self._paint_picture(painter, left, frame, Rect(0, 0, x, self.height()), may_stand_in=True)
        self._paint_picture(painter, right, frame, Rect(x, 0, self.width() - x, self.height()), may_stand_in=True)
        visible = self._visible_part(frame)
        theme = current_theme()
        words = (self._captions[left], self._captions[right])
        canvas_paint.paint_wipe_handle(painter, theme, x, visible, float(self.height()))
        if self._zoom.factor <= 1:
            canvas_paint.paint_wipe_captions(painter, theme, frame, (left, right), words)

    def _paint_picture(
        self, painter: QPainter, view: View, frame: Rect, clip: Rect, *, may_stand_in: bool
    ) -> None:
        shown = self._shown.get(view)
        if shown is None and may_stand_in:
            shown = self._shown.newest()
        if shown is None:
            canvas_paint.paint_empty_frame(painter, current_theme(), frame)
            return
        aspect = fit(shown.picture.width, shown.picture.height, frame)
        target = placed(aspect, self._zoom)
        canvas_paint.paint_picture(
            painter, shown.picture, target, clip, self.devicePixelRatioF(), self._zoom, shown.full_size_px
        )

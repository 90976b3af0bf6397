"""The canvas: shows frames of A, the blend and B. Zoom, pan, triptych, comparing, aligning a portrait."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QHideEvent,
    QKeyEvent,
    QMouseEvent,
    QNativeGestureEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QShowEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from engine.framing import FacePoints, Framing
from engine.messages import Frame, Pixels
from engine.state import View
from gui import canvas_paint
from gui.canvas_hand import WHEEL_FACTOR, CanvasHand
from gui.canvas_layout import (
    FITTED,
    Rect,
    Zoom,
    one_to_one,
    panned,
    share_at,
    wipe_place,
    wipe_span,
    zoomed_at,
)
from gui.canvas_look import CanvasMode, Look
from gui.canvas_scene import Scene
from gui.comparison import CompareStyle, Comparison, Plate, Still
from gui.picture import Picture
from gui.shown_frames import ShownFrame, ShownFrames
from gui.theme import current_theme
from gui.widgets.drops import local_paths
from gui.widgets.hand import clamp, wheel_steps

if TYPE_CHECKING:
    from gui.align_view import AlignView
    from gui.canvas_pixels import Difference, PixelReading

__all__ = ["Canvas", "CanvasMode"]

EMPTY_HINT = "Drop a portrait, a model or a recipe here"
USUAL_SIZE_PX = 256
FOOT_PX = 3
"""Where the line is that shows that a finer picture is coming."""


class Canvas(QWidget):
    """The picture never goes blank: what is there stays until something better comes."""

    mode_changed = Signal(str)
    wants_changed = Signal()
    comparison_changed = Signal(object)  # Comparison
    zoom_changed = Signal(float)
    pointed = Signal(object)  # PixelReading under the cursor, None where there is no picture; once asked for
    paths_dropped = Signal(object)
    align_begun = Signal()
    align_accepted = Signal(object)
    align_cancelled = Signal()
    align_changed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._mode = CanvasMode.BLEND
        self._comparison = Comparison()
        self._shown = ShownFrames()
        self._stills: dict[Still, ShownFrame] = {}
        self._captions: dict[Plate, str] = {
            View.A: "A", View.BLEND: "Blend", View.B: "B", View.WEIGHTS: "In weights", View.LATENTS: "In W",
            Still.PIN: "Pinned", Still.PHOTO: "Photo",
        }
        self._zoom = FITTED
        self._wipe = 0.5
        self._is_comparing = False
        self._shows_left = False
        self._reads_pixels = False
        self._pointer: QPointF | None = None
        self._hand = CanvasHand(self)
        self._blink = QTimer(self)
        self._blink.timeout.connect(self._turn_over)
        self._is_drop_target = False
        self._progress: float | None = None
        self._hint = EMPTY_HINT
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
            self._tell_pointed()
        self.update(0, self.height() - FOOT_PX, self.width(), FOOT_PX)
        return True

    def _area_of(self, view: View) -> QRect:
        """What is to be painted anew when a view's picture is another."""
        frame = self.frames().get(view)
        if frame is None or self.look.is_single or self._is_comparing:
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

    def set_still(self, still: Still, pixels: Pixels | None) -> None:
        """Put a picture there that does not follow the sliders, or take it away."""
        if pixels is None:
            self._stills.pop(still, None)
        else:
            picture = Picture(pixels)
            self._stills[still] = ShownFrame(picture, -1, picture.width, picture.width, True)
        self._tell_pointed()
        self.update()

    def has_still(self, still: Still) -> bool:
        return still in self._stills

    def _frame_of(self, plate: Plate) -> ShownFrame | None:
        return self._stills.get(plate) if isinstance(plate, Still) else self._shown.get(plate)

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
            self._look_changed()

    @property
    def comparison(self) -> Comparison:
        return self._comparison

    def set_comparison(self, comparison: Comparison) -> None:
        """What is compared with what and how, in the compare mode. The reference is also what a held key shows."""
        if comparison != self._comparison:
            self._comparison = comparison
            self.comparison_changed.emit(comparison)
            self._look_changed()

    @property
    def look(self) -> Look:
        """What is asked to be shown."""
        return Look(self._mode, self._comparison, self._is_comparing, self._shows_left)

    def set_comparing(self, comparing: bool) -> None:
        """Show the reference, usually A, in place of the blend, while a key is held."""
        if comparing != self._is_comparing:
            self._is_comparing = comparing
            self._look_changed()

    def _look_changed(self) -> None:
        if self.look.style is CompareStyle.BLINK and self.isVisible():
            self._blink.start(round(1000 / self._comparison.blinks_per_s))
        else:
            self._blink.stop()
            self._shows_left = False
        self._tell_wants()
        self._tell_pointed()
        self.update()

    def _turn_over(self) -> None:
        self._shows_left = not self._shows_left
        self.update()

    @property
    def wanted_views(self) -> tuple[View, ...]:
        """The views on screen, the most wanted first."""
        return self.look.views

    @property
    def wanted_size_px(self) -> int:
        """Edge of the largest picture on screen in device pixels, up to the next power of two."""
        frame = self._main_frame()
        edge = max(16.0, frame.width * max(1.0, self._zoom.factor) * self.devicePixelRatioF())
        return int(1 << (int(edge - 1e-6)).bit_length())

    def set_captions(
        self, *, a: str | None = None, blend: str | None = None, b: str | None = None, pin: str | None = None,
        photo: str | None = None,
    ) -> None:
        """The words under the pictures; None keeps what is there."""
        given: tuple[tuple[Plate, str | None], ...] = (
            (View.A, a), (View.BLEND, blend), (View.B, b), (Still.PIN, pin), (Still.PHOTO, photo),
        )
        for plate, caption in given:
            if caption is not None:
                self._captions[plate] = caption
        self.update()

    @property
    def wipe(self) -> float:
        """Where the wipe handle is: 0 left or upper edge of the picture, 1 right or lower edge."""
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

    def pan_by(self, dx: float, dy: float) -> None:
        """Move the picture by so many pixels."""
        self._set_zoom(panned(self._main_frame(), self._zoom, dx, dy))

    def _floored(self, factor: float) -> float:
        """Not smaller than fitted, or than 1:1 where that is smaller."""
        frame = self._main_frame()
        return max(factor, min(1.0, one_to_one(frame, self._full_size_px(), self.devicePixelRatioF())))

    def _set_zoom(self, zoom: Zoom) -> None:
        if zoom != self._zoom:
            self._zoom = zoom
            self._hand.show_cursor()
            self._tell_pointed()
            self.zoom_changed.emit(self.zoom_percent)
            self._tell_wants()
            self.update()

    def _full_size_px(self) -> int:
        stills = (one.full_size_px for plate in self.look.plates if (one := self._frame_of(plate)) is not None)
        return self._shown.full_size_px(self.wanted_views) or max(stills, default=USUAL_SIZE_PX)

    # --- geometry --------------------------------------------------------------------------------------------------

    @property
    def _area(self) -> Rect:
        return Rect(0, 0, self.width(), self.height())

    def frames(self) -> dict[Plate, Rect]:
        """The square of every picture on screen. While wiping, both share one."""
        return self.look.squares(self._area)

    def _main_frame(self) -> Rect:
        frames = self.frames()
        return frames.get(View.BLEND) or next(iter(frames.values()))

    def _frame_at(self, position: QPointF) -> Rect:
        found = [frame for frame in self.frames().values() if frame.contains(position.x(), position.y())]
        return found[0] if found else self._main_frame()

    def wipe_place(self) -> float:
        """The wipe handle's x on the widget; its y where it lies level."""
        level = self._comparison.is_level
        return wipe_place(self._main_frame(), self._zoom, self._area, self._wipe, is_level=level)

    def wipe_span(self) -> tuple[float, float]:
        """Between where it moves."""
        return wipe_span(self._main_frame(), self._zoom, self._area, is_level=self._comparison.is_level)

    # --- pixel values ----------------------------------------------------------------------------------------------

    def set_reads_pixels(self, reads: bool) -> None:
        """Whether `pointed` tells what is under the cursor."""
        self._reads_pixels = reads
        self._tell_pointed(even_if_off=True)

    def reading(self) -> PixelReading | None:
        """What is under the cursor in every picture on screen."""
        from gui.canvas_pixels import read_pixels

        if self._pointer is None or not self._reads_pixels:
            return None
        x, y = self._pointer.x(), self._pointer.y()
        share = share_at(self._frame_at(self._pointer), self._zoom, x, y)
        found = {plate: self._frame_of(plate) for plate in self.look.plates}
        shown = {plate: frame for plate, frame in found.items() if frame is not None}
        return read_pixels(shown, {plate: _short(self._captions[plate]) for plate in shown}, share)

    def _tell_pointed(self, *, even_if_off: bool = False) -> None:
        if self._reads_pixels or even_if_off:
            self.pointed.emit(self.reading())

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
        self,
        preview: Pixels,
        scale: float,
        points: FacePoints,
        framing: Framing,
        *,
        note: str = "",
        img_resolution: int | None = None,
    ) -> None:
        """Show a portrait with two eye handles and a mouth handle, and the crop that they make.

        Args:
            preview: The upright picture, made small.
            scale: Preview pixels per pixel of the upright picture.
            points: In pixels of the upright picture, as everything that comes back.
            note: A sentence to show, for example that the first frame of an animation was taken.
            img_resolution: Of the model that the crop is for.
        """
        view = self.align_view
        view.begin(preview, scale, points, framing, note=note, img_resolution=img_resolution)
        view.setGeometry(self.rect())
        view.show()
        view.raise_()
        self.setFocusProxy(view)  # who gives the keyboard to the canvas means what is on it
        view.setFocus(Qt.FocusReason.OtherFocusReason)
        self._is_aligning = True
        self.align_begun.emit()

    def set_faces(
        self, faces: tuple[FacePoints, ...], certain: tuple[bool, ...] = (), remarks: tuple[str, ...] = ()
    ) -> None:
        """The faces that were found: each can be chosen. See `gui.align_view.AlignView.set_faces`."""
        self.align_view.set_faces(faces, certain, remarks)

    def end_align(self) -> None:
        if self._is_aligning:
            self._is_aligning = False
            self.align_view.hide()
            self.align_view.end()
            self.setFocusProxy(None)  # type: ignore[arg-type]  # None takes it away
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
        self._hand.press(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._pointer = event.position()
        self._hand.move(event)
        self._tell_pointed()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._hand.release(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self._hand.double_click(event)

    def leaveEvent(self, event: QEvent) -> None:
        self._pointer = None
        self._tell_pointed()
        super().leaveEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not self._hand.key(event):
            super().keyPressEvent(event)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._look_changed()

    def hideEvent(self, event: QHideEvent) -> None:
        self._blink.stop()
        super().hideEvent(event)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QNativeGestureEvent) and event.gestureType() is Qt.NativeGestureType.ZoomNativeGesture:
            self._zoom_at(event.position(), 1 + event.value())
            return True
        if event.type() is QEvent.Type.DevicePixelRatioChange:
            self._tell_wants()
        return super().event(event)

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

    @cached_property
    def _difference(self) -> Difference:
        from gui.canvas_pixels import Difference

        return Difference()

    def _scene(self) -> Scene:
        gain = self._comparison.gain
        return Scene(
            current_theme(), self.look, self._area, self.devicePixelRatioF(), self._zoom, self._wipe, self._captions,
            self._frame_of, self._shown.newest, lambda one, other: self._difference.of(one, other, gain),
        )

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current_theme()
        with QPainter(self) as painter:
            painter.fillRect(self.rect(), QColor(theme.canvas))
            if not self._shown:
                canvas_paint.paint_hint(painter, theme, QRectF(self.rect()), self._hint)
            else:
                self._scene().paint(painter)
            fraction = self.progress()
            if fraction is not None:
                canvas_paint.paint_progress(painter, theme, QRectF(self.rect()), fraction)
            if self._is_drop_target:
                canvas_paint.paint_drop_target(painter, theme, QRectF(self.rect()))


def _short(caption: str) -> str:
    """A caption's first word: "A", "Blend", "Pin"."""
    return caption.replace(":", "").replace(",", "").split(" ", 1)[0]

"""From a photo to a latent: open, align by hand, search, and put the result under the sliders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, QPointF, QRectF, Qt, Signal, Slot
from PySide6.QtGui import QImage, QPainter, QPolygonF, QTransform

from engine.encoder_file import offer_encoder
from engine.errors import EngineError, printable
from engine.framing import FacePoints, Framing, crop_quad, default_face_points
from engine.messages import (
    InvertPortrait,
    JobFinished,
    JobOutcome,
    JobProgress,
    OpenPortrait,
    PortraitInverted,
    PortraitOpened,
    StartPoint,
)
from engine.state import EditState, ModelRef, StoredLatent, with_latent
from gui.canvas import Canvas
from gui.collection import Collection
from gui.engine_bridge import EngineBridge
from gui.messages import Choice, Messages
from gui.panels.inversion_view import InversionView
from gui.panels.invert_bar import InvertBar
from gui.pixels import to_qimage, to_thumbnail
from gui.session import Session

TARGET_PX = 384
MAX_NAME_CHARS = 60


@dataclass(frozen=True, slots=True)
class _Search:
    job: InvertPortrait
    target: QImage


class PortraitFlow(QObject):
    """At most one portrait is being aligned; any number may be searched for, one after the other."""

    view_wanted = Signal(bool)  # True: show the search; False: show the canvas
    search_started = Signal(str, QImage)  # job id, the crop that is aimed at

    def __init__(
        self,
        session: Session,
        bridge: EngineBridge,
        collection: Collection,
        canvas: Canvas,
        bar: InvertBar,
        view: InversionView,
        messages: Messages,
        encoder_folders: Sequence[Path],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._encoder_folders = tuple(encoder_folders)
        self._session = session
        self._bridge = bridge
        self._collection = collection
        self._canvas = canvas
        self._bar = bar
        self._view = view
        self._messages = messages
        self._portrait: PortraitOpened | None = None
        self._points: FacePoints | None = None
        self._model: ModelRef | None = None
        self._opening_id = ""
        self._searches: dict[str, _Search] = {}
        self._watched = ""
        canvas.align_changed.connect(self._move)
        canvas.align_accepted.connect(self.start)
        canvas.align_cancelled.connect(self.leave)
        bar.started.connect(self._start_here)
        bar.cancelled.connect(self.leave)
        bridge.job_progress.connect(self._progress)
        session.state_changed.connect(self._state_changed)
        view.left.connect(self._stop_watching)

    # --- opening and aligning -------------------------------------------------------------------------------------

    @property
    def is_aligning(self) -> bool:
        return self._portrait is not None

    @property
    def aligned(self) -> tuple[Path, FacePoints] | None:
        """The portrait that is being aligned, and where its handles are."""
        return None if self._portrait is None or self._points is None else (self._portrait.path, self._points)

    @Slot(object)
    def open(self, path: Path) -> None:
        """Read a portrait and show it for aligning. A newer one replaces one that is still being read."""
        if self._session.state.model_a is None:
            self._messages.warn("A portrait needs a model to be found in.", "Add a model first, then open it again.")
            return
        if self._opening_id:
            self._bridge.cancel(self._opening_id)
        self._opening_id = self._bridge.submit(OpenPortrait(path), self._opened)

    def _opened(self, event: JobFinished) -> None:
        if event.job_id != self._opening_id:
            return
        self._opening_id = ""
        if isinstance(event.result, PortraitOpened):
            self._align(event.result)
        elif event.outcome is JobOutcome.FAILED and event.error is not None:
            self._messages.error(event.error)

    def _align(self, portrait: PortraitOpened) -> None:
        self._portrait = portrait
        self._points = portrait.faces[0] if portrait.faces else default_face_points(portrait.size_px)
        self._show_alignment()
        self._bar.show()
        self.view_wanted.emit(False)

    def _show_alignment(self) -> None:
        portrait, points = self._portrait, self._points
        if portrait is None or points is None:
            return
        self._model = self._session.state.model_a
        note = _notice(portrait)
        self._canvas.align_view.set_buttons_shown(False)
        self._canvas.begin_align(portrait.preview, portrait.scale, points, self._framing(), note=note)
        self._canvas.set_faces(portrait.faces)
        if self._model is not None:
            self._bar.offer_encoder(offer_encoder(self._model, self._encoder_folders))

    def _framing(self) -> Framing:
        descriptor = self._collection.descriptor(self._session.state.model_a)
        return descriptor.framing if descriptor is not None else Framing()

    @Slot(object)
    def _move(self, points: FacePoints) -> None:
        self._points = points

    @Slot()
    def leave(self) -> None:
        """Give up aligning; nothing was changed."""
        if self._portrait is not None:
            self._portrait = None
            self._bar.hide()
            self._canvas.end_align()

    # --- searching ------------------------------------------------------------------------------------------------

    @Slot()
    def _start_here(self) -> None:
        if self._points is not None:
            self.start(self._points)

    @Slot(object)
    def start(self, points: FacePoints) -> None:
        """Search for the face at `points` in model A."""
        portrait, model = self._portrait, self._session.state.model_a
        if portrait is None or model is None:
            return
        try:
            target = cut_preview(portrait, points, self._framing())
        except EngineError as error:
            self._messages.error(error)
            return
        bar = self._bar
        job = InvertPortrait(
            portrait.path, points, model, printable(portrait.path.stem, MAX_NAME_CHARS), bar.choice,
            bar.wanted_steps, bar.noise.isChecked(), start=bar.start_point,
        )
        self.leave()
        job_id = self._bridge.submit(job, self._inverted)
        self._searches[job_id] = _Search(job, target)
        self.search_started.emit(job_id, target)
        self.watch(job_id)

    @Slot(str)
    def watch(self, job_id: str) -> None:
        """Show a search that is under way."""
        search = self._searches.get(job_id)
        if search is None:
            return
        self._watched = job_id
        self._view.begin(search.target, search.job.name, search.job.model.name)
        self.view_wanted.emit(True)

    @Slot()
    def _stop_watching(self) -> None:
        self._watched = ""
        self.view_wanted.emit(False)

    @Slot(object)
    def _progress(self, event: JobProgress) -> None:
        if event.job_id == self._watched:
            self._view.show_progress(event.fraction, event.text, event.preview, event.distance)

    @Slot(object)
    def _state_changed(self, state: EditState) -> None:
        if self._watched:
            self._stop_watching()  # the hand has gone back to the sliders: show what they do
        if self._portrait is not None and state.model_a != self._model and state.model_a is not None:
            self._show_alignment()

    # --- the result -----------------------------------------------------------------------------------------------

    def _inverted(self, event: JobFinished) -> None:
        self._searches.pop(event.job_id, None)
        if self._watched == event.job_id:
            self._stop_watching()
        if event.outcome is JobOutcome.FAILED and event.error is not None:
            self._messages.error(event.error)
        result = event.result
        if not isinstance(result, PortraitInverted):
            return
        self._collection.add_latent(
            result.latent, result.model, to_thumbnail(result.image, 128),
            source=result.source, likeness=result.likeness,
        )  # fmt: skip
        report = _report(result, cancelled=event.outcome is JobOutcome.CANCELLED)
        if self._session.state.model_a == result.model:
            self.use_latent(result.latent)
            self._messages.say(report)
        else:  # another model is A by now
            use = Choice(f"Show it in {printable(result.model.name, 40)}", partial(self._use_with_model, result))
            self._messages.say(report, "", use)

    def _use_with_model(self, result: PortraitInverted) -> None:
        self.use_latent(result.latent, result.model)

    def use_latent(self, latent: StoredLatent, model: ModelRef | None = None) -> None:
        """Go to a portrait, as one undo step: its own psi is 1, and no row is truncated."""
        state = with_latent(self._session.state, latent)
        state = replace(state, truncation_psi=1.0, truncation_cutoff=None, model_a=model or state.model_a)
        self._session.insert(state, f"portrait {latent.name}".strip())


def cut_preview(
    portrait: PortraitOpened, points: FacePoints, framing: Framing, size_px: int = TARGET_PX
) -> QImage:
    """The crop as it will be aimed at, from the preview: for the eye, not for the engine.

    Raises:
        PortraitError: the handles are on top of each other.
    """
    quad = crop_quad(points, framing) * portrait.scale
    top_left, bottom_left, bottom_right, top_right = (QPointF(float(x), float(y)) for x, y in quad)
    source = QPolygonF([top_left, top_right, bottom_right, bottom_left])
    target = QPolygonF([QPointF(0, 0), QPointF(size_px, 0), QPointF(size_px, size_px), QPointF(0, size_px)])
    cut = QImage(size_px, size_px, QImage.Format.Format_RGB32)
    cut.fill(Qt.GlobalColor.black)
    transform = QTransform()
    found = QTransform.quadToQuad(source, target)
    if isinstance(found, QTransform):
        transform = found
    painter = QPainter(cut)
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    painter.setTransform(transform)
    picture = to_qimage(portrait.preview)
    painter.drawImage(QRectF(picture.rect()), picture)
    painter.end()
    return cut


def _notice(portrait: PortraitOpened) -> str:
    """What has to be said before one drags."""
    count = len(portrait.faces)
    found = "No face was found; the rings are a guess." if count == 0 else ""
    if count > 1:
        found = f"{count} faces were found; click the one you want."
    return " ".join(filter(None, (found, *portrait.notes)))


def _report(result: PortraitInverted, *, cancelled: bool) -> str:
    kept = "Stopped; the best so far is kept" if cancelled else "Found"
    name = printable(result.latent.name, 60)
    how = f"{result.steps} steps in {result.elapsed_s:.0f} s"
    if result.start is StartPoint.ENCODER:
        how = f"encoder and {how}" if result.steps else f"by the encoder in {result.elapsed_s:.1f} s"
    return f"{kept}: {name}, {how}. {result.likeness.sentence}"

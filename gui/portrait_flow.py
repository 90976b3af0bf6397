"""From a photo to a latent: open, align by hand, search, and put the result under the sliders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QImage

from engine.encoder_file import offer_encoder
from engine.errors import EngineError, printable
from engine.framing import FacePoints, Framing, crop_quad, default_face_points
from engine.messages import (
    InvertPortrait,
    JobFinished,
    JobOutcome,
    OpenPortrait,
    PortraitOpened,
    StartPoint,
)
from engine.state import EditState, ModelRef, StoredLatent
from engine.styles import base_model
from gui.canvas import Canvas
from gui.collection import Collection
from gui.crop_previews import Halves
from gui.engine_bridge import EngineBridge
from gui.messages import Messages
from gui.panels.invert_bar import InvertBar
from gui.pixels import to_qimage
from gui.search.flow import SearchFlow
from gui.session import Session

TARGET_PX = 384
MAX_NAME_CHARS = 60


class PortraitFlow(QObject):
    """At most one portrait is being aligned; `searches` has those that are searched for."""

    styles_wanted = Signal(object, object)  # PortraitOpened, FacePoints: show this crop in every style

    def __init__(
        self,
        session: Session,
        bridge: EngineBridge,
        collection: Collection,
        canvas: Canvas,
        bar: InvertBar,
        searches: SearchFlow,
        messages: Messages,
        encoder_folders: Sequence[Path],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.encoder_folders = tuple(encoder_folders)
        self._session = session
        self._bridge = bridge
        self._collection = collection
        self._canvas = canvas
        self._bar = bar
        self.searches = searches
        self._messages = messages
        self._portrait: PortraitOpened | None = None
        self._points: FacePoints | None = None
        self._model: ModelRef | None = None
        self._opening_id = ""
        self._known_points: FacePoints | None = None
        canvas.align_changed.connect(self._move)
        canvas.align_accepted.connect(self.start)
        canvas.align_cancelled.connect(self.leave)
        bar.started.connect(self._start_here)
        bar.cancelled.connect(self.leave)
        bar.styles_wanted.connect(self._show_styles)
        session.state_changed.connect(self._state_changed)

    # --- opening and aligning -------------------------------------------------------------------------------------

    @property
    def is_aligning(self) -> bool:
        return self._portrait is not None

    @property
    def aligned(self) -> tuple[Path, FacePoints] | None:
        """The portrait that is being aligned, and where its handles are."""
        return None if self._portrait is None or self._points is None else (self._portrait.path, self._points)

    @Slot(object)
    def open(self, path: Path, points: FacePoints | None = None) -> None:
        """Read a portrait and show it for aligning. A newer one replaces one that is still being read.

        Args:
            points: Where the handles are at first, if not on the first face that is found.
        """
        if self._session.state.model_a is None:
            self._messages.warn("A portrait needs a model to be found in.", "Add a model first, then open it again.")
            return
        if self._opening_id:
            self._bridge.cancel(self._opening_id)
        self._known_points = points
        self._opening_id = self._bridge.submit(OpenPortrait(path), self._opened)

    def _opened(self, event: JobFinished) -> None:
        if event.job_id != self._opening_id:
            return
        self._opening_id = ""
        if isinstance(event.result, PortraitOpened):
            self._align(event.result)
        elif event.outcome is JobOutcome.FAILED and event.error is not None:
            self._messages.error(event.error)

    def align(self, portrait: PortraitOpened, points: FacePoints | None = None) -> None:
        """Show a portrait that is open already for aligning.

        Args:
            points: Where the handles are at first, if not on its first face.
        """
        self._known_points = points
        self._align(portrait)

    def _align(self, portrait: PortraitOpened) -> None:
        self._portrait = portrait
        found = portrait.faces[0] if portrait.faces else default_face_points(portrait.size_px)
        self._points = self._known_points or found
        self._show_alignment()
        self._bar.show()
        self.searches.leave()

    def _show_alignment(self) -> None:
        portrait, points = self._portrait, self._points
        if portrait is None or points is None:
            return
        self._canvas.align_view.set_buttons_shown(False)
        note = " ".join(portrait.notes)
        self._canvas.begin_align(portrait.preview, portrait.scale, points, self._framing(), note=note)
        self._canvas.set_faces(portrait.faces, portrait.certain, portrait.remarks)
        self._suit_model()

    def _suit_model(self) -> None:
        """Cut as model A wants it, and offer what there is for it."""
        self._model = self._session.state.model_a
        descriptor = self._collection.descriptor(self._model)
        resolution = descriptor.img_resolution if descriptor is not None else None
        self._canvas.align_view.set_framing(self._framing(), resolution)
        self.offer_encoder()
        self._bar.offer_here(self._found_before() is not None)
        base = base_model(self._collection.models())
        has_styles = base is not None and offer_encoder(base, self.encoder_folders).path is not None
        self._bar.styles.setVisible(has_styles)

    @Slot()
    def offer_encoder(self) -> None:
        """Look again which encoder model A has: another may have come."""
        if self._portrait is not None and self._model is not None:
            descriptor = self._collection.descriptor(self._model)
            tuned_from = None if descriptor is None else descriptor.tuned_from
            self._bar.offer_encoder(offer_encoder(self._model, self.encoder_folders, tuned_from))

    def _found_before(self) -> StoredLatent | None:
        """The latent on screen, if it was found in this photo, in model A: a search can go on from it."""
        state, portrait = self._session.state, self._portrait
        latent = self._collection.latent(state.latent.key) if isinstance(state.latent, StoredLatent) else None
        if portrait is None or latent is None or latent.source is None or latent.model is None:
            return None
        fits = state.model_a is not None and latent.model.sha256 == state.model_a.sha256
        return latent.latent if fits and latent.source.path == portrait.path else None

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
    def _show_styles(self) -> None:
        portrait, points = self._portrait, self._points
        if portrait is not None and points is not None:
            self.leave()
            self.styles_wanted.emit(portrait, points)

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
        chosen, found_before = self._bar.choices, self._found_before()
        self._bar.remember()
        job = InvertPortrait(
            portrait.path, points, model, printable(portrait.path.stem, MAX_NAME_CHARS), chosen.space, chosen.steps,
            chosen.optimise_noise, start=chosen.start, editability=chosen.editability,
            begin_at=found_before if chosen.start is StartPoint.FOUND else None,
        )  # fmt: skip
        self.leave()
        self.searches.start(job, target)

    @Slot(object)
    def _state_changed(self, state: EditState) -> None:
        if self._portrait is None or state.model_a is None:
            return
        if state.model_a != self._model:
            self._suit_model()
        else:
            self._bar.offer_here(self._found_before() is not None)


def cut_preview(
    portrait: PortraitOpened, points: FacePoints, framing: Framing, size_px: int = TARGET_PX
) -> QImage:
    """The crop as it will be aimed at, from the preview: for the eye, not for the engine.

    Raises:
        PortraitError: the handles are on top of each other.
    """
    quad = crop_quad(points, framing) * portrait.scale
    return to_qimage(Halves(portrait.preview).cut(quad, size_px))

"""Tuning a model to a portrait: asks how, follows the engine's work, and puts the tuned model under the sliders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

from PySide6.QtCore import QObject, Slot

from engine.errors import printable
from engine.library_records import LatentRecord
from engine.library_tags import Kind
from engine.messages import JobFinished, JobOutcome
from engine.pivot_events import PivotTuned, TunePivot
from engine.portrait_source import PortraitSource
from engine.state import EditState, ModelRef, StoredLatent, with_latent
from gui.collection import Collection
from gui.compare.photos import PortraitPhotos
from gui.engine_bridge import EngineBridge
from gui.messages import Choice, Messages
from gui.pixels import to_thumbnail
from gui.session import Session
from gui.settings import Settings
from gui.tune_bar import TuneBar

if TYPE_CHECKING:
    from gui.main_window import MainWindow

CARD_PX = 128
NAME_CHARS = 60
NO_MODEL = "The model that this portrait was found in is not on the shelf."


class WithPhoto(Protocol):
    """Looks for the photo of a portrait, by default of the one on screen, and goes on with it."""

    def __call__(self, key: str, run: Callable[[LatentRecord, PortraitSource], object], /) -> object: ...


@dataclass(frozen=True, slots=True)
class _Wish:
    record: LatentRecord
    source: PortraitSource
    model: ModelRef


class PivotFlow(QObject):
    """At most one tuning is being asked about; any number may be under way."""

    def __init__(
        self,
        window: MainWindow,
        session: Session,
        bridge: EngineBridge,
        collection: Collection,
        photos: PortraitPhotos,
        with_photo: WithPhoto,
        messages: Messages,
        settings: Settings,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._bridge = bridge
        self._collection = collection
        self._photos = photos
        self._with_photo = with_photo
        self._messages = messages
        self._compare = window.actions_["compare_photo"]
        self._wish: _Wish | None = None
        self.bar = TuneBar(settings, window)
        window.put_over_canvas(self.bar)
        self.bar.started.connect(self._start)
        self.bar.cancelled.connect(self.leave)
        self._canvas = window.parts.canvas
        self._canvas.align_begun.connect(self.leave)

    # --- asking ---------------------------------------------------------------------------------------------------

    def open(self, key: str = "") -> None:
        """Ask how to tune to a portrait of the shelf, by default the one on screen."""
        self._with_photo(key, self._ask)

    def _ask(self, record: LatentRecord, source: PortraitSource) -> None:
        model = self._model_for(record)
        descriptor = self._collection.descriptor(model)
        if model is None or descriptor is None:
            self._messages.warn(NO_MODEL, "Add it again, or find the portrait in another model.")
            return
        self._wish = _Wish(record, source, model)
        name, of = printable(record.latent.name, 40), printable(self._collection.model_name(model), 40)
        self.bar.ask(name or "portrait", of, descriptor.img_resolution)

    def _model_for(self, record: LatentRecord) -> ModelRef | None:
        """The one that the portrait was found in, or model A where that is the same one, tuned before."""
        a, found_in = self._session.state.model_a, record.model
        if found_in is None:
            return a
        descriptor = self._collection.descriptor(a)
        parent = descriptor.tuned_from if descriptor is not None else None
        return a if parent is not None and parent.sha256 == found_in.sha256 else found_in

    @Slot()
    def leave(self) -> None:
        """Nothing was changed."""
        if self._wish is not None:
            self._wish = None
            self.bar.hide()
            self._canvas.setFocus()

    # --- tuning ---------------------------------------------------------------------------------------------------

    @Slot()
    def _start(self) -> None:
        wish, chosen = self._wish, self.bar.choices
        if wish is None:
            return
        self.bar.remember()
        self.leave()
        portrait = printable(wish.record.latent.name, NAME_CHARS) or "portrait"
        job = TunePivot(
            wish.record.latent, wish.model, wish.source, portrait, portrait, chosen.steps,
            stop_at=chosen.stop_at, locality=chosen.locality,
        )  # fmt: skip
        self._bridge.submit(job, self._ended)

    def _ended(self, event: JobFinished) -> None:
        result, job = event.result, event.job
        if isinstance(result, PivotTuned) and isinstance(job, TunePivot):
            self._keep(job, result, cancelled=event.outcome is JobOutcome.CANCELLED)
        elif event.outcome is JobOutcome.FAILED and event.error is not None:
            self._messages.error(event.error)

    def _keep(self, job: TunePivot, result: PivotTuned, *, cancelled: bool) -> None:
        # First the picture: a model on the shelf without one gets that of a seed.
        self._collection.set_model_picture(result.model.sha256, to_thumbnail(result.image, CARD_PX))
        self._collection.refresh((Kind.MODEL,))
        self._photos.keep(result.latent.key, result.target)
        self.bar.note_time(
            result.descriptor.img_resolution, result.elapsed_s / max(1, result.steps), locality=job.locality
        )
        if not self._bridge.is_running:
            return  # the window is being closed; it is on the shelf
        how, numbers = report(result, cancelled=cancelled), difference(result)
        if not cancelled and self._session.state.model_a == job.model:
            self.use(result)
            self._messages.say(how, numbers, Choice("Compare with the photo", self._compare.trigger))
        else:  # another model is A by now, or whoever stopped it wants to think
            self._messages.say(how, numbers, Choice("Use it", partial(self.use, result)))

    def use(self, result: PivotTuned) -> None:
        """The tuned model as A with its portrait, as one undo step; the rest stays as it is."""
        state = tuned_state(self._session.state, result.model, result.latent)
        self._session.insert(state, f"tuned to {result.latent.name}".strip())


def tuned_state(state: EditState, model: ModelRef, latent: StoredLatent) -> EditState:
    """A portrait is shown whole: its own psi is 1, and no row is truncated."""
    return replace(with_latent(state, latent), model_a=model, truncation_psi=1.0, truncation_cutoff=None)


def report(result: PivotTuned, *, cancelled: bool) -> str:
    """What came of it, and what it cost."""
    done = "Stopped; the best so far is on the shelf" if cancelled else "Tuned"
    size = f"{result.size_bytes / 1e6:.1f} MB"
    name = printable(result.model.name, NAME_CHARS)
    steps = f"{result.steps} step{'s' * (result.steps != 1)}"
    return f"{done}: {name}, {steps} in {result.elapsed_s:.0f} s, {size} on disk."


def difference(result: PivotTuned) -> str:
    """How much nearer it came."""
    before, after = result.before, result.after
    person = ""
    if before.identity is not None and after.identity is not None:
        person = f", identity {before.identity:.2f} to {after.identity:.2f}"
    return (
        f"Pixels {100 * before.pixel:.1f} to {100 * after.pixel:.1f} % off, perceptual {before.perceptual:.3f} to"
        f" {after.perceptual:.3f}{person}."
    )

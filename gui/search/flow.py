"""Searches for portraits: what is under way, what is seen of it, any step of it taken, and what it ends with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal, Slot
from PySide6.QtGui import QImage

from engine.errors import printable
from engine.framing import Framing
from engine.likeness_events import LikenessMeasured, MeasureLikeness
from engine.messages import (
    InvertPortrait,
    JobFinished,
    JobOutcome,
    JobProgress,
    PortraitInverted,
    StartPoint,
)
from engine.portrait_source import PortraitSource
from engine.state import EditState, ModelRef, StoredLatent, View, with_latent
from gui.collection import Collection
from gui.engine_bridge import EngineBridge
from gui.messages import Choice, Messages
from gui.panels.inversion_view import InversionView, SearchState, Shown
from gui.pixels import from_qimage, square_thumbnail, to_qimage, to_thumbnail
from gui.search.trail import Stop, Trail
from gui.session import Session
from gui.settings import Settings
from gui.thumbnails import Thumbnails
from gui.widgets.job_card import words_for_time

if TYPE_CHECKING:
    from gui.compare.photos import PortraitPhotos

CARD_PX = 128
SHARP_PX = 512
SHARP_AFTER_MS = 250
"""How long one looks at an earlier step before it is drawn anew, finer than the picture that was kept of it."""

SHARP_PREFIX = "search:"
KEPT = "search.kept"
NONE_YET = "No portrait has been searched for since Graft was started."


@dataclass(slots=True, eq=False)
class Search:
    """Attributes:
    target: What is aimed at, for the eye.
    wants_best: Whether the best goes under the sliders when it ends; not after a step was taken or all was given up.
    taken: The keys of the steps that were taken.
    """

    job: InvertPortrait
    target: QImage | None
    trail: Trail
    state: SearchState = SearchState.RUNNING
    text: str = ""
    fraction: float | None = None
    wants_best: bool = True
    taken: list[str] = field(default_factory=list)
    result: PortraitInverted | None = None

    @property
    def shown(self) -> Shown:
        return Shown(self.target, self.job.name, f"in “{printable(self.job.model.name, 40)}”", self.trail)


class SearchFlow(QObject):
    """Any number of searches, one after the other; the last one's steps stay until another begins."""

    view_wanted = Signal(bool)  # True: show the search; False: show the canvas
    started = Signal(str, QImage)  # job id, the crop that is aimed at
    compare_wanted = Signal(object)  # View: this one with the photo; A shows what was found

    def __init__(
        self,
        session: Session,
        bridge: EngineBridge,
        collection: Collection,
        thumbnails: Thumbnails,
        view: InversionView,
        messages: Messages,
        photos: Callable[[], PortraitPhotos],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._bridge = bridge
        self._collection = collection
        self._thumbnails = thumbnails
        self._view = view
        self._messages = messages
        self._photos = photos
        self._searches: dict[str, Search] = {}
        self._last: tuple[str, Search] | None = None
        self._kept_at_end: list[str] = []
        self._watched = ""
        self._is_taking = False
        self._wanted_sharp: tuple[Search, Stop] | None = None
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(SHARP_AFTER_MS)
        self._rest.timeout.connect(self._draw_sharp)
        bridge.job_progress.connect(self._progress)
        session.state_changed.connect(self._state_changed)
        thumbnails.ready.connect(self._take_sharp)
        view.left.connect(self.leave)
        view.pause_wanted.connect(self._pause)
        view.take_wanted.connect(self._take)
        view.keep_wanted.connect(self._keep_best)
        view.cancel_wanted.connect(self._cancel)
        view.compare_wanted.connect(self._compare)
        view.stop_chosen.connect(self._look_closer)

    # --- under way ------------------------------------------------------------------------------------------------

    def start(self, job: InvertPortrait, target: QImage | None) -> str:
        """Begin a search and show it.

        Args:
            target: What it aims at, for the eye; `set_target` when it comes later.
        """
        self._last = None
        job_id = self._bridge.submit(job, self._ended)
        self._searches[job_id] = Search(job, target, Trail(max(1, job.steps)))
        if target is not None:
            self.started.emit(job_id, target)
        self.watch(job_id)
        return job_id

    def set_target(self, job_id: str, target: QImage) -> None:
        search = self._find(job_id)
        if search is not None:
            search.target = target
            self.started.emit(job_id, target)
            if job_id == self._watched:
                self._view.set_target(target)

    def _find(self, job_id: str) -> Search | None:
        if self._last is not None and self._last[0] == job_id:
            return self._last[1]
        return self._searches.get(job_id)

    @Slot(str)
    def watch(self, job_id: str) -> None:
        """Show a search that is under way, or the last one."""
        search = self._find(job_id)
        if search is None:
            return
        self._watched = job_id
        self._view.begin(search.shown, search.state, search.text)
        if search.fraction is not None and search.state is not SearchState.ENDED:
            self._view.show_progress(search.fraction, search.text, None)
        self.view_wanted.emit(True)
        self._view.setFocus()

    @Slot()
    def watch_last(self) -> None:
        """The steps of the newest search, whether it is under way or has ended."""
        if self._searches:
            self.watch(next(reversed(self._searches)))
        elif self._last is not None:
            self.watch(self._last[0])
        else:
            self._messages.say(NONE_YET, "Open a portrait and press Start; its steps are here then.")

    @Slot()
    def leave(self) -> None:
        """Back to the picture; a search goes on in its card."""
        self._watched = ""
        self._wanted_sharp = None
        self.view_wanted.emit(False)

    @Slot(object)
    def _progress(self, event: JobProgress) -> None:
        search = self._searches.get(event.job_id)
        if search is None:
            return
        search.trail.take(event)
        search.state = SearchState.PAUSED if event.paused else SearchState.RUNNING
        search.fraction, search.text = event.fraction, _progress_words(event, search.job.steps)
        if event.job_id == self._watched:
            if self._view.state is not search.state:
                self._view.set_state(search.state)
            newest = None if event.preview is None else to_qimage(event.preview)
            self._view.show_progress(event.fraction, search.text, newest)

    @Slot(object)
    def _state_changed(self, state: EditState) -> None:
        if self._watched and not self._is_taking:
            self.leave()  # the hand has gone back to the sliders: show what they do

    # --- what the view asks for -----------------------------------------------------------------------------------

    @Slot(bool)
    def _pause(self, paused: bool) -> None:
        if self._watched in self._searches:
            (self._bridge.pause if paused else self._bridge.resume)(self._watched)

    @Slot()
    def _keep_best(self) -> None:
        self._bridge.cancel(self._watched)

    @Slot()
    def _cancel(self) -> None:
        search = self._searches.get(self._watched)
        if search is not None:
            search.wants_best = False
            self._bridge.cancel(self._watched)
            self.leave()

    @Slot(object, bool)
    def _take(self, stop: Stop, goes_on: bool) -> None:
        """Put a step on the shelf and under the sliders."""
        job_id, search = self._watched, self._find(self._watched)
        if search is None:
            return
        job, runs = search.job, job_id in self._searches
        name = job.name if stop.is_result else f"{job.name}, step {stop.step}"
        latent = replace(stop.latent, name=name)
        if self._collection.latent(latent.key) is None:
            self._collection.add_latent(
                latent, job.model, square_thumbnail(stop.picture, CARD_PX), source=self._source(search),
                likeness=search.result.likeness if stop.is_result and search.result is not None else None,
            )  # fmt: skip
            self._keep_photo(search, latent.key)
            if search.result is not None:
                self._measure(latent.key, search.result)
        search.taken.append(latent.key)
        self._is_taking = True
        self.use_latent(latent, job.model)
        self._is_taking = False
        if runs and not goes_on:
            search.wants_best = False
            self._bridge.cancel(job_id)
        if not goes_on:
            self.leave()
        words = printable(stop.words.split(",", 1)[0], 40)
        hint = "The search goes on." if goes_on else ""
        choices = () if goes_on else (Choice("Compare with the photo", partial(self.compare_wanted.emit, View.A)),)
        self._messages.say(f"{words[0].upper()}{words[1:]} of {printable(job.name, 60)} is under the sliders.", hint,
                           *choices)  # fmt: skip

    def _source(self, search: Search) -> PortraitSource:
        if search.result is not None:
            return search.result.source
        descriptor = self._collection.descriptor(search.job.model)
        framing = descriptor.framing if descriptor is not None else Framing()
        return PortraitSource(search.job.path, "", search.job.face, framing)

    def _keep_photo(self, search: Search, key: str) -> None:
        if search.result is not None:
            self._photos().keep(key, search.result.target)
        elif search.target is not None:
            self._photos().keep(key, from_qimage(search.target))

    @Slot()
    def _compare(self) -> None:
        """The result against the photo, on the canvas."""
        search = self._find(self._watched)
        if search is None or search.result is None:
            return
        self.leave()
        latent = self._session.state.latent
        if not isinstance(latent, StoredLatent) or latent.key != search.result.latent.key:
            self.use_latent(search.result.latent, search.job.model)
        self.compare_wanted.emit(View.A)

    # --- earlier steps, drawn finely ------------------------------------------------------------------------------

    @Slot(object)
    def _look_closer(self, stop: Stop | None) -> None:
        search = self._find(self._watched)
        self._wanted_sharp = None if stop is None or search is None else (search, stop)
        self._thumbnails.drop_wishes(SHARP_PREFIX)
        self._rest.start()

    @Slot()
    def _draw_sharp(self) -> None:
        if self._wanted_sharp is None or not self._watched:
            return
        search, stop = self._wanted_sharp
        state = EditState(model_a=search.job.model, latent=stop.latent, truncation_psi=1.0)
        self._thumbnails.want(SHARP_PREFIX + stop.latent.key, state, View.A, size_px=SHARP_PX, first=True)

    @Slot(str, QImage)
    def _take_sharp(self, tag: str, picture: QImage) -> None:
        if not tag.startswith(SHARP_PREFIX):
            return
        self._thumbnails.forget(tag)  # large, and seldom wanted again
        wanted = self._wanted_sharp
        if wanted is not None and tag == SHARP_PREFIX + wanted[1].latent.key:
            self._view.show_sharp(wanted[1], picture)

    # --- the end --------------------------------------------------------------------------------------------------

    def _ended(self, event: JobFinished) -> None:
        search = self._searches.pop(event.job_id, None)
        if search is None:
            return
        result = event.result if isinstance(event.result, PortraitInverted) else None
        search.state, search.result, search.fraction = SearchState.ENDED, result, None
        if result is not None:
            search.trail.end(result)
        if search.trail.stops and not self._searches:
            self._last = event.job_id, search
        if self._watched == event.job_id:
            self.leave()
        if event.outcome is JobOutcome.FAILED and event.error is not None:
            search.text = event.error.user_message
            self._messages.error(event.error)
        if result is None:
            how = ""
        else:
            how = report(result, cancelled=event.outcome is JobOutcome.CANCELLED)
            search.text = f"{how} {result.likeness.sentence}"
            self._settle_taken(search, result)
        if not search.wants_best:
            self._say_given_up(search)
        elif result is not None:
            self._keep(search, result, how)

    def _keep(self, search: Search, result: PortraitInverted, how: str) -> None:
        """On the shelf with it, and under the sliders, unless the window is being closed."""
        self._collection.add_latent(
            result.latent, result.model, to_thumbnail(result.image, CARD_PX),
            source=result.source, likeness=result.likeness,
        )  # fmt: skip
        if not self._bridge.is_running:
            self._kept_at_end.append(result.latent.name)
            return
        steps = (Choice("Steps…", self.watch_last),) if len(search.trail.stops) > 1 else ()
        if self._session.state.model_a == result.model:
            self.use_latent(result.latent)
            compare = Choice("Compare with the photo", partial(self.compare_wanted.emit, View.A))
            self._messages.say(how, result.likeness.brief, compare, *steps)
        else:  # another model is A by now
            use = Choice(f"Show it in {printable(result.model.name, 40)}", partial(self._use_with_model, result))
            self._messages.say(how, result.likeness.brief, use, *steps)

    def note_kept(self, settings: Settings) -> None:
        """After the engine has ended: remember for the next start whose search ended with it."""
        if self._kept_at_end:
            settings.set(KEPT, self._kept_at_end)

    def say_kept(self, settings: Settings) -> None:
        """Say once what the last run's end cut short."""
        names = settings.get(KEPT, [""])
        settings.forget(KEPT)
        if any(names):
            whose = " and ".join(f"“{printable(name, 40)}”" for name in names[:3])
            self._messages.say(f"Graft was closed while it searched for {whose}. The best so far is on the shelf.")

    def _say_given_up(self, search: Search) -> None:
        if not search.taken and self._bridge.is_running:
            steps = (Choice("Steps…", self.watch_last),) if self._last is not None else ()
            search.text = f"Cancelled. {search.text}" if search.result is not None else "Cancelled."
            self._messages.say("The search was cancelled; the picture is as it was.", "", *steps)

    def _settle_taken(self, search: Search, result: PortraitInverted) -> None:
        """Tell of the steps that were taken what only the end of the search tells."""
        for key in search.taken:
            record = self._collection.latent(key)
            if record is None:
                continue
            self._photos().keep(key, result.target)
            if record.source is not None and not record.source.sha256:
                self._collection.tell_of_latent(key, source=result.source)
            self._measure(key, result)

    def _measure(self, key: str, result: PortraitInverted) -> None:
        """Of a step that was taken only the distance of its small picture is known: measure it as a result is."""
        record = self._collection.latent(key)
        if record is not None and record.likeness is None and self._bridge.is_running:
            state = EditState(model_a=result.model, latent=record.latent, truncation_psi=1.0)
            self._bridge.submit(MeasureLikeness(state, result.target, View.A), partial(self._measured, key))

    def _measured(self, key: str, event: JobFinished) -> None:
        if isinstance(event.result, LikenessMeasured) and self._collection.latent(key) is not None:
            self._collection.tell_of_latent(key, likeness=event.result.likeness)

    def _use_with_model(self, result: PortraitInverted) -> None:
        self.use_latent(result.latent, result.model)

    def use_latent(self, latent: StoredLatent, model: ModelRef | None = None) -> None:
        """Go to a portrait, as one undo step: its own psi is 1, and no row is truncated."""
        state = with_latent(self._session.state, latent)
        state = replace(state, truncation_psi=1.0, truncation_cutoff=None, model_a=model or state.model_a)
        self._session.insert(state, f"portrait {latent.name}".strip())


def _progress_words(event: JobProgress, steps: int) -> str:
    """For example "Adding detail: step 60 of 300, 12 s left"."""
    parts = [] if event.step is None else [f"step {event.step} of {max(steps, event.step)}"]
    if event.paused:
        parts.append("paused")
    elif event.remaining_s is not None:
        parts.append(f"{words_for_time(event.remaining_s)} left")
    return f"{event.text}: {', '.join(parts)}" if parts else event.text


def report(result: PortraitInverted, *, cancelled: bool) -> str:
    """What was found, and how."""
    kept = "Stopped; the best so far is kept" if cancelled else "Found"
    name = printable(result.latent.name, 60)
    how = f"{result.steps} step{'s' * (result.steps != 1)} in {result.elapsed_s:.0f} s"
    if result.start is StartPoint.ENCODER:
        how = f"encoder and {how}" if result.steps else f"by the encoder in {result.elapsed_s:.1f} s"
    return f"{kept}: {name}, {how}."

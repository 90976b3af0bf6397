"""EngineBridge: the only object that both threads touch.

The engine publishes from its own threads; the bridge lives in the GUI thread and receives through a queued signal,
so everything behind its other signals runs in the GUI thread. It numbers the requests, drops frames that are not
newer than what is shown, and asks for full quality when the hand has come to rest.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

from PySide6.QtCore import QCoreApplication, QObject, Qt, QTimer, Signal, Slot

from engine.errors import EngineError, JobError
from engine.messages import (
    Engine,
    EngineReady,
    EngineStopped,
    Event,
    Frame,
    Held,
    Job,
    JobFinished,
    JobOutcome,
    JobProgress,
    Publish,
    RenderFailed,
    RenderRequest,
    describe,
)
from engine.state import EditState, View

IDLE_MS = 140
"""How long the hand rests before the finished picture is asked for."""

KEPT_REQUESTS = 100_000
"""How many unanswered requests are remembered: far more than a hand can make during one render."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Shown:
    generation: int
    state: EditState
    size_px: int
    is_whole: bool


@dataclass(frozen=True, slots=True)
class Timing:
    """Attributes:
    first_ms: From the last edit to the first picture of it.
    settled_ms: From the last edit to the finished picture; None while it is being made.
    """

    first_ms: float
    settled_ms: float | None = None


class EngineBridge(QObject):
    """Requests go out, events come in. All signals are emitted in the GUI thread."""

    frame_ready = Signal(object)  # Frame that should be shown
    render_failed = Signal(object)  # EngineError, of the newest request only
    engine_ready = Signal(object)  # EngineReady
    engine_stopped = Signal(object)  # EngineError: it ended without being asked to
    job_submitted = Signal(str, object)  # id, Job
    job_progress = Signal(object)  # JobProgress
    job_finished = Signal(object)  # JobFinished
    settled_changed = Signal(bool)  # False from a request to its last frame
    timing_changed = Signal(object)  # Timing

    _arrived = Signal(object)

    def __init__(self, make_engine: Callable[[Publish], Engine], parent: QObject | None = None) -> None:
        """
        Args:
            make_engine: Builds an engine that calls the given function with its events. Called again by `restart`.
        """
        super().__init__(parent)
        self._arrived.connect(self._receive, Qt.ConnectionType.QueuedConnection)
        self._make_engine = make_engine
        self._engine = make_engine(self.publish)
        self._running = False
        self._is_closed = False
        self._generation = 0
        self._asked: dict[int, EditState] = {}
        self._shown: dict[View, _Shown] = {}
        self._last: RenderRequest | None = None
        self._edited_at_s = 0.0
        self._timing: Timing | None = None
        self._settled = True
        self._waiting: dict[str, Callable[[JobFinished], None]] = {}
        self._jobs: dict[str, Job] = {}
        self._unsent = 0
        self._idle = QTimer(self)
        self._idle.setSingleShot(True)
        self._idle.setInterval(IDLE_MS)
        self._idle.timeout.connect(self._ask_for_full)

    # --- the engine's life ----------------------------------------------------------------------------------------

    def start(self) -> None:
        self._running = True
        self._engine.start()

    def restart(self) -> None:
        """Replace an engine that ended by a new one and ask it for what is wanted now."""
        self._engine = self._make_engine(self.publish)
        self.start()
        if self._last is not None:
            self.request_preview(
                self._last.state, self._last.views, size_px=self._last.size_px, held=self._last.held
            )

    def stop(self, timeout_s: float = 5.0) -> bool:
        """End the engine and take in how its jobs ended. Nothing comes through afterwards. True when in time."""
        self._idle.stop()
        ended = True
        if self._running:
            self._running = False
            ended = self._engine.stop(timeout_s)
            QCoreApplication.sendPostedEvents(self)
        self._is_closed = True
        return ended

    def publish(self, event: Event, /) -> None:
        """The engine's way in; callable from any thread."""
        try:
            self._arrived.emit(event)
        except RuntimeError:  # the window is gone and Qt's half of this object with it
            log.debug("dropped after closing: %s", describe(event))

    # --- pictures -------------------------------------------------------------------------------------------------

    @property
    def generation(self) -> int:
        """Number of the newest request."""
        return self._generation

    @property
    def is_settled(self) -> bool:
        """Whether the finished picture of the newest request is shown."""
        return self._settled

    @property
    def is_running(self) -> bool:
        return self._running

    def state_of(self, generation: int) -> EditState | None:
        """What a recent request asked for."""
        return self._asked.get(generation)

    @property
    def busy_jobs(self) -> int:
        return len(self._jobs)

    def request_preview(
        self,
        state: EditState,
        views: tuple[View, ...],
        *,
        full: bool = False,
        size_px: int | None = None,
        held: Held | None = None,
    ) -> int:
        """Ask for a picture. A coarse one may come first; the finished one follows by itself.

        Args:
            full, size_px, held: See `RenderRequest`.

        Returns:
            The request's generation.
        """
        if self._last is None or state != self._last.state or views != self._last.views:
            self._edited_at_s = perf_counter()
            self._timing = None
        self._generation += 1
        request = RenderRequest(self._generation, state, views, full, size_px, held)
        self._last = request
        self._asked[request.generation] = state
        if len(self._asked) > KEPT_REQUESTS:
            del self._asked[next(iter(self._asked))]
        self._set_settled(False)
        if self._running:
            self._engine.request_preview(request)
        if full:
            self._idle.stop()
        else:
            self._idle.start()
        return request.generation

    def forget_shown(self) -> None:
        """The canvas was cleared: anything is newer than nothing."""
        self._shown.clear()

    # --- jobs -----------------------------------------------------------------------------------------------------

    def submit(self, job: Job, then: Callable[[JobFinished], None] | None = None) -> str:
        """Queue a job.

        Args:
            then: Called in the GUI thread with the job's end, before `job_finished` is emitted.
        """
        if self._running:
            job_id = self._engine.submit(job)
            self._jobs[job_id] = job
        else:
            self._unsent += 1
            job_id = f"unsent-{self._unsent}"
            stopped = JobError("The engine is not running.", "Start it again from the message bar, or restart Graft.")
            self.publish(JobFinished(job_id, job, JobOutcome.FAILED, error=stopped))
        if then is not None:
            self._waiting[job_id] = then
        self.job_submitted.emit(job_id, job)
        return job_id

    @Slot(str)
    def cancel(self, job_id: str) -> None:
        self._engine.cancel(job_id)

    @Slot(str)
    def pause(self, job_id: str) -> None:
        self._engine.pause(job_id)

    @Slot(str)
    def resume(self, job_id: str) -> None:
        self._engine.resume(job_id)

    # --- events ---------------------------------------------------------------------------------------------------

    @Slot(object)
    def _receive(self, event: Event) -> None:
        if self._is_closed or not (self._running or isinstance(event, JobFinished | EngineStopped)):
            return
        match event:
            case Frame():
                self._show(event)
            case RenderFailed():
                if event.generation == self._generation:
                    self._set_settled(True)
                    self.render_failed.emit(event.error)
            case JobProgress():
                self.job_progress.emit(event)
            case JobFinished():
                self._finish(event)
            case EngineReady():
                self.engine_ready.emit(event)
            case EngineStopped():
                self._ended(event)

    def _show(self, frame: Frame) -> None:
        state = self._asked.get(frame.generation)
        if state is None:
            return
        shown = self._shown.get(frame.view)
        if shown is not None:
            if frame.generation < shown.generation:
                return
            if frame.size_px < shown.size_px and state == shown.state:
                self._check_settled()  # a coarser picture of what is there already, which may be all that is wanted
                return
        self._shown[frame.view] = _Shown(frame.generation, state, frame.size_px, frame.is_final)
        self._forget_answered()
        self._take_time(state)
        self.frame_ready.emit(frame)
        self._check_settled()

    def _forget_answered(self) -> None:
        """No frame older than what is on screen is shown. A view that nobody wants any more holds nothing up."""
        wanted = self._last.views if self._last is not None else ()
        oldest = min((one.generation for view, one in self._shown.items() if view in wanted), default=0)
        while (number := next(iter(self._asked), oldest)) < oldest:
            del self._asked[number]

    def _take_time(self, state: EditState) -> None:
        request = self._last
        if self._timing is None and request is not None and state == request.state:
            self._timing = Timing(1000.0 * (perf_counter() - self._edited_at_s))
            self.timing_changed.emit(self._timing)

    def _check_settled(self) -> None:
        request = self._last
        if request is None or self._settled:
            return
        shown = [self._shown.get(view) for view in request.views]
        if all(one is not None and one.is_whole and one.state == request.state for one in shown):
            self._idle.stop()
            if self._timing is not None and self._timing.settled_ms is None:
                self._timing = Timing(self._timing.first_ms, 1000.0 * (perf_counter() - self._edited_at_s))
                self.timing_changed.emit(self._timing)
            self._set_settled(True)

    @Slot()
    def _ask_for_full(self) -> None:
        if self._last is not None and not self._settled:
            last = self._last
            self.request_preview(last.state, last.views, full=True, size_px=last.size_px, held=last.held)

    def _set_settled(self, settled: bool) -> None:
        if settled != self._settled:
            self._settled = settled
            self.settled_changed.emit(settled)

    def _finish(self, event: JobFinished) -> None:
        self._jobs.pop(event.job_id, None)
        then = self._waiting.pop(event.job_id, None)
        if then is not None:
            then(event)
        self.job_finished.emit(event)

    def _ended(self, event: EngineStopped) -> None:
        """Close every job that the engine can no longer close, and say so when nobody asked it to end."""
        asked_for = not self._running
        self._running = False
        lost = JobError("The engine stopped before this was finished.", "Start it again and repeat the step.")
        for job_id, job in list(self._jobs.items()):
            self._finish(JobFinished(job_id, job, JobOutcome.FAILED, error=event.error or lost))
        if not asked_for:
            reason: EngineError = event.error or JobError("The engine stopped by itself.")
            self._set_settled(True)
            self.engine_stopped.emit(reason)

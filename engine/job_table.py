"""The jobs of the engine thread: generators that are stepped in turn, and the calls they send to the background.

A job handler is a generator on the engine thread. It yields a `Step` whenever the thread may look elsewhere (a slider
waits no longer than the work between two yields), or a `Background` call, whose result it gets back from the yield
once a background thread has made it. What it returns is the job's result. To cancel it, `RenderCancelled` is raised
at the yield: it may return the best it has, or let go.

Any thread may submit, cancel, pause and resume; everything else belongs to the engine thread.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from engine.direction_events import (
    ExportDirections,
    FindDirections,
    ImportDirections,
    MeasureStyles,
    SubtractLatents,
)
from engine.errors import EngineError, JobError, RenderCancelled
from engine.failures import as_engine_error
from engine.likeness_events import MeasureLikeness
from engine.messages import (
    CompareWeights,
    DrawLines,
    DrawSheet,
    ExportNetwork,
    ExportStill,
    ExportVideo,
    InvertPortrait,
    Job,
    JobFinished,
    JobOutcome,
    JobProgress,
    JobResult,
    LoadModel,
    MakeThumbnail,
    OpenPortrait,
    Pixels,
    PortraitInverted,
    Publish,
    SaveBlend,
)
from engine.paste_events import PasteBack, PreviewPaste
from engine.pivot_events import PivotTuned, TunePivot
from engine.state import StoredLatent

BACKGROUND_THREADS = 2
LAST_TURNS = 20
"""How often a job that must end may still come back, on its way to what it has to give."""

ONE_AT_A_TIME = (InvertPortrait, TunePivot)
"""Jobs that hold so much memory that the second waits for the first."""

_DOING = {
    LoadModel: "loading a model",
    OpenPortrait: "opening a portrait",
    InvertPortrait: "inverting a portrait",
    MeasureLikeness: "measuring a likeness",
    ExportStill: "exporting a still",
    ExportVideo: "exporting a film",
    MakeThumbnail: "drawing a thumbnail",
    SaveBlend: "saving a blended model",
    ExportNetwork: "exporting a network",
    CompareWeights: "comparing the weights of two models",
    TunePivot: "tuning a model to a portrait",
    DrawSheet: "drawing a contact sheet",
    DrawLines: "drawing a photo in lines",
    FindDirections: "finding directions",
    ImportDirections: "reading directions",
    SubtractLatents: "taking the difference of two latents",
    ExportDirections: "writing directions",
    MeasureStyles: "measuring styles",
    PasteBack: "putting a face back into its photo",
    PreviewPaste: "putting a face into a small photo",
}


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """How far a job is; fields as in `JobProgress`."""

    text: str
    fraction: float | None = None
    preview: Pixels | None = None
    remaining_s: float | None = None
    distance: float | None = None
    step: int | None = None
    latent: StoredLatent | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Background:
    """A call that blocks, for a background thread: disk, decoding, child processes. It must not run a network,
    but for the small helpers that look at photos on the CPU.

    Attributes:
        text: What is happening, in words.
        may_be_left: Whether a cancelled job may go on without waiting for it. False for what writes the user's files:
            then the job ends as it would have.
    """

    call: Callable[[], Any]
    text: str = ""
    may_be_left: bool = True


JobSteps: TypeAlias = Generator[Step | Background, Any, JobResult]


@dataclass(slots=True, eq=False)
class _Task:
    job_id: str
    job: Job
    steps: JobSteps | None = None
    answer: Future[Any] | None = None
    may_leave_call: bool = True
    step: Step = Step("Waiting")
    paused: bool = False
    cancel_wanted: bool = False
    cancel_told: bool = False
    pause_untold: bool = False
    worked_s: float = 0.0
    since: float = field(default_factory=time.perf_counter)
    begun: float = 0.0

    @property
    def started(self) -> bool:
        return self.steps is not None

    @property
    def heavy(self) -> bool:
        return isinstance(self.job, ONE_AT_A_TIME) and not _is_at_once(self.job)

    @property
    def elapsed_s(self) -> float:
        """Time since the first step, without pauses."""
        if not self.started:
            return 0.0
        return self.worked_s + (0.0 if self.paused else time.perf_counter() - self.since)

    @property
    def rested_s(self) -> float:
        """Pauses since the first step."""
        return time.perf_counter() - self.begun - self.elapsed_s if self.started else 0.0

    def set_paused(self, paused: bool) -> None:
        self.worked_s, self.since = self.elapsed_s, time.perf_counter()
        self.paused, self.pause_untold = paused, True


def _without_pauses(result: JobResult, rested_s: float) -> JobResult:
    """A job reads the clock itself and does not know that it was paused: what it took is told without that."""
    if isinstance(result, PortraitInverted | PivotTuned):
        return replace(result, elapsed_s=max(0.0, result.elapsed_s - rested_s))
    return result


def _is_at_once(job: Job) -> bool:
    """Whether it takes what an encoder says as it is: no search that another has to wait for."""
    return isinstance(job, InvertPortrait) and job.steps == 0


class JobTable:
    """All jobs that are not finished.

    Args:
        condition: Notified whenever a job could take a step; shared with the engine thread's other work.
        begin: Makes the generator of a job.
        publish: Told of progress and ends, on the engine thread.
    """

    def __init__(self, condition: threading.Condition, begin: Callable[[Job], JobSteps], publish: Publish) -> None:
        self._condition = condition
        self._begin = begin
        self._publish = publish
        self._tasks: list[_Task] = []
        self._numbers = itertools.count(1)
        self._closed_by: EngineError | None = None
        self._slots = threading.BoundedSemaphore(BACKGROUND_THREADS)
        self._threads: set[threading.Thread] = set()

    # --- from any thread ----------------------------------------------------------------------------------------

    def submit(self, job: Job) -> str:
        with self._condition:
            task = _Task(f"job-{next(self._numbers)}", job)
            closed_by = self._closed_by
            if closed_by is None:
                self._tasks.append(task)
                self._condition.notify_all()
        if closed_by is not None:
            self._publish(JobFinished(task.job_id, job, JobOutcome.FAILED, error=closed_by))
        return task.job_id

    def cancel(self, job_id: str) -> None:
        with self._condition:
            for task in self._named(job_id):
                task.cancel_wanted = True
                if task.answer is not None:
                    task.answer.cancel()  # succeeds only if its call has not begun
            self._condition.notify_all()

    def pause(self, job_id: str, paused: bool = True) -> None:
        with self._condition:
            for task in self._named(job_id):
                if task.paused is not paused:
                    task.set_paused(paused)
            self._condition.notify_all()

    # --- from the engine thread ---------------------------------------------------------------------------------

    @property
    def ready(self) -> bool:
        """Whether `turn` would do anything. The condition must be held."""
        return any(self._can_step(task) for task in self._tasks)

    def turn(self) -> EngineError | None:
        """Give the next job its turn: one step.

        Returns:
            The error that ended the job, if one did.
        """
        with self._condition:
            task = next((task for task in self._tasks if self._can_step(task)), None)
            if task is None:
                return None
            # To the back of the queue, so that all get their turns.
            self._tasks.remove(task)
            self._tasks.append(task)
            tell_pause, task.pause_untold = task.pause_untold, False
            cancel = task.cancel_wanted and not task.cancel_told
        if tell_pause and not cancel:
            self._tell(task)
            return None
        return self._advance(task, cancel)

    def close(self, reason: EngineError | None = None) -> None:
        """End every job, as cancelled or with `reason`, and refuse new ones."""
        with self._condition:
            self._closed_by = reason or JobError("Graft's engine has stopped; it takes no more jobs.")
            tasks, self._tasks = self._tasks, []
        outcome = JobOutcome.CANCELLED if reason is None else JobOutcome.FAILED
        for task in tasks:
            result = self._last_words(task)
            self._publish(JobFinished(task.job_id, task.job, outcome, result, reason))

    def join(self, deadline: float) -> None:
        """Wait for background threads until `deadline` (of ``time.perf_counter``)."""
        for thread in tuple(self._threads):
            thread.join(max(0.0, deadline - time.perf_counter()))

    # --- inside -------------------------------------------------------------------------------------------------

    def _named(self, job_id: str) -> list[_Task]:
        return [task for task in self._tasks if task.job_id == job_id]

    def _can_step(self, task: _Task) -> bool:
        if task.pause_untold:
            return True
        if task.cancel_wanted and not task.cancel_told:
            return task.answer is None or task.answer.done() or task.may_leave_call
        if task.paused and not task.cancel_told:
            return False
        if task.answer is not None:
            return task.answer.done()
        return task.started or not (task.heavy and self._heavy_at_work())

    def _heavy_at_work(self) -> bool:
        return any(task.heavy and task.started and not task.paused for task in self._tasks)

    def _advance(self, task: _Task, cancel: bool) -> EngineError | None:
        try:
            item = self._resume(task, cancel)
        except StopIteration as stop:
            outcome = JobOutcome.CANCELLED if task.cancel_told else JobOutcome.DONE
            self._finish(task, outcome, result=_without_pauses(stop.value, task.rested_s))
        except RenderCancelled:
            self._finish(task, JobOutcome.CANCELLED)
        except Exception as error:  # noqa: BLE001 - whatever a job does, it ends with one JobFinished
            failure = as_engine_error(error, _DOING.get(type(task.job), "running a job"))
            self._finish(task, JobOutcome.FAILED, error=failure)
            return failure
        else:
            self._take(task, item)
        return None

    def _resume(self, task: _Task, cancel: bool) -> Step | Background:
        answer, task.answer = task.answer, None
        too_late = answer is not None and not answer.cancelled() and not task.may_leave_call
        if cancel and not too_late:
            task.cancel_told = True
            if task.steps is None:
                raise RenderCancelled
            return task.steps.throw(RenderCancelled())
        if task.steps is None:
            task.since = task.begun = time.perf_counter()
            task.steps = self._begin(task.job)
        if answer is None:
            return next(task.steps)
        if (error := answer.exception()) is not None:
            return task.steps.throw(error)
        return task.steps.send(answer.result())

    def _take(self, task: _Task, item: Step | Background) -> None:
        if isinstance(item, Step):
            task.step = item
        else:
            if item.text:
                task.step = Step(item.text, task.step.fraction)
            task.may_leave_call = item.may_be_left
            task.answer = self._call(item)
        self._tell(task)

    def _call(self, item: Background) -> Future[Any]:
        answer: Future[Any] = Future()
        answer.add_done_callback(self._wake)
        # Daemons: a conversion that is still at work must not keep a closed program alive.
        thread = threading.Thread(target=self._work, args=(item.call, answer), name="graft-background", daemon=True)
        self._threads = {other for other in self._threads if other.is_alive()} | {thread}
        thread.start()
        return answer

    def _work(self, call: Callable[[], Any], answer: Future[Any]) -> None:
        with self._slots:
            if not answer.set_running_or_notify_cancel():
                return
            try:
                answer.set_result(call())
            except BaseException as error:  # noqa: BLE001 - handed to the job, which raises it again
                answer.set_exception(error)

    def _wake(self, _answer: Future[Any]) -> None:
        with self._condition:
            self._condition.notify_all()

    def _tell(self, task: _Task) -> None:
        step, elapsed = task.step, task.elapsed_s
        remaining = step.remaining_s
        if remaining is None and step.fraction:
            remaining = elapsed * (1.0 - step.fraction) / step.fraction
        told = (step.fraction, step.text, elapsed, remaining, step.preview, task.paused)
        search = (step.distance, step.step, step.latent)
        self._publish(JobProgress(task.job_id, task.job, *told, *search))

    def _finish(
        self, task: _Task, outcome: JobOutcome, result: JobResult | None = None, error: EngineError | None = None
    ) -> None:
        with self._condition:
            if task not in self._tasks:
                return
            self._tasks.remove(task)
            self._condition.notify_all()  # another heavy job may start now
        self._publish(JobFinished(task.job_id, task.job, outcome, result, error))

    @staticmethod
    def _last_words(task: _Task) -> JobResult | None:
        """What a job that must end now has to give."""
        if task.answer is not None:
            task.answer.cancel()
        if task.steps is None:
            return None
        try:
            item = task.steps.throw(RenderCancelled())
            for _ in range(LAST_TURNS):
                if isinstance(item, Step):
                    item = next(task.steps)
                elif item.may_be_left:
                    break
                else:  # it keeps the best that there is
                    item = task.steps.send(item.call())
        except StopIteration as stop:
            result: JobResult | None = stop.value
            return result
        except Exception:  # noqa: BLE001 - the program is ending; there is nobody to tell
            return None
        task.steps.close()
        return None

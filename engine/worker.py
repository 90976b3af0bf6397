"""The engine thread: the one loop that touches the device. It serves the mailbox and steps the jobs.

What it does next, in this order: stop; the newest preview; a job that previews have kept waiting for long; the next
block of the full-quality picture; a step of a job; the next block of a picture that may be asked for soon; sleep. So:

- A preview that has begun is finished and shown, however many newer ones wait: of a thousand slider events a few are
  shown during the drag, and the last one always is.
- The full-quality picture is given up between two blocks when a newer request comes, and jobs rest between two steps.
  On its way up it shows every size that would be seen for a while.
- A picture that finds no memory is drawn once more, smaller, and says so.
- Nothing that happens in a render or a job ends the thread.

Light: torch is imported by `build`, on this thread, while the window is already there.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeAlias

from engine.errors import EngineError, OutOfMemoryError
from engine.failures import as_engine_error
from engine.job_table import JobSteps, JobTable
from engine.mailbox import LatestSlot
from engine.messages import (
    EngineReady,
    EngineStopped,
    Frame,
    Job,
    Pixels,
    Publish,
    RenderFailed,
    RenderRequest,
)
from engine.state import View

PREVIEW_BUDGET_S = 0.12
"""How long the first picture of a request may take before a coarser one is shown instead."""

REFINE_AFTER_S = 0.05
"""How long nothing newer may come before the full picture of a request that did not ask for it is begun: longer than
between two events of a drag."""

FORESEE_AFTER_S = 0.3
"""How long the hand must rest before pictures are drawn that nobody has asked for yet."""

JOB_TURN_S = 0.5
"""How long previews may keep a job waiting."""


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """A picture, and whether it is the finished one. Fields as in `Frame`."""

    image: Pixels
    size_px: int
    full_size_px: int
    is_final: bool
    warnings: tuple[str, ...] = ()


class RenderPass(Protocol):
    """One view of a request on its way from latent to picture."""

    @property
    def view(self) -> View: ...

    @property
    def is_ready(self) -> bool:
        """Whether the finished picture is at hand."""
        ...

    def preview(self, budget_s: float) -> Shot:
        """The finished picture, or one on the way to it when the finished one would take longer than `budget_s`."""
        ...

    def refine(self) -> Generator[Shot | None, None, Shot]:
        """Go on from the preview; yields where it may be left, with a picture if there is one worth showing."""
        ...


class Backend(Protocol):
    """Everything that needs the device. All of it runs on the engine thread."""

    @property
    def device(self) -> str: ...

    @property
    def dtype(self) -> str: ...

    @property
    def kernels(self) -> bool:
        """Whether previews are drawn by kernels that were compiled for this machine."""
        ...

    def passes(self, request: RenderRequest) -> Sequence[RenderPass]:
        """One per view, in the request's order."""
        ...

    def foresee(self, request: RenderRequest) -> Generator[None, None, None]:
        """Draw what may be asked for after `request`, to have it at hand; yields where it may be left."""
        ...

    def begin(self, job: Job) -> JobSteps: ...

    def release_memory(self) -> None:
        """Let go of all that can be computed again."""
        ...

    def make_do(self) -> bool:
        """After memory ran out: draw these models smaller from now on. False when that is no way out."""
        ...

    def close(self) -> None: ...


Build: TypeAlias = Callable[[], Backend]


@dataclass(frozen=True, slots=True, eq=False)
class _Refine:
    request: RenderRequest
    view: View
    steps: Generator[Shot | None, None, Shot]
    taken_at: float


class EngineThread:
    """Implements `engine.messages.Engine`.

    Args:
        publish: Told of everything, on the engine's threads; must return at once.
        build: Makes the backend; called once, on the engine thread.
    """

    def __init__(
        self,
        publish: Publish,
        build: Build,
        *,
        preview_budget_s: float = PREVIEW_BUDGET_S,
        refine_after_s: float = REFINE_AFTER_S,
        foresee_after_s: float = FORESEE_AFTER_S,
        job_turn_s: float = JOB_TURN_S,
    ) -> None:
        self._publish = publish
        self._build = build
        self._preview_budget_s = preview_budget_s
        self._refine_after_s = refine_after_s
        self._foresee_after_s = foresee_after_s
        self._job_turn_s = job_turn_s
        self._condition = threading.Condition()
        self._slot: LatestSlot[RenderRequest] = LatestSlot(self._condition)
        self._jobs = JobTable(self._condition, self._begin, publish)
        self._stopping = False
        self._backend: Backend | None = None
        self._refines: deque[_Refine] = deque()
        self._refine_at = 0.0
        self._foresight: Generator[None, None, None] | None = None
        self._foresee_at = 0.0
        self._last: RenderRequest | None = None
        self._last_job_turn = 0.0
        self._thread = threading.Thread(target=self._run, name="graft-engine", daemon=True)

    # --- from any thread ----------------------------------------------------------------------------------------

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float = 5.0) -> bool:
        """End after the block or step at work; jobs end as cancelled. True when the thread ended in time."""
        deadline = time.perf_counter() + timeout_s
        with self._condition:
            self._stopping = True
            self._condition.notify_all()
        if self._thread.ident is None:
            return True
        self._thread.join(timeout_s)
        self._jobs.join(deadline)
        return not self._thread.is_alive()

    def request_preview(self, request: RenderRequest) -> None:
        self._slot.put(request)

    def submit(self, job: Job) -> str:
        return self._jobs.submit(job)

    def cancel(self, job_id: str) -> None:
        self._jobs.cancel(job_id)

    def pause(self, job_id: str) -> None:
        self._jobs.pause(job_id)

    def resume(self, job_id: str) -> None:
        self._jobs.pause(job_id, paused=False)

    # --- on the engine thread -----------------------------------------------------------------------------------

    def _run(self) -> None:
        started = time.perf_counter()
        error: EngineError | None = None
        try:
            self._backend = backend = self._build()
            elapsed_s = time.perf_counter() - started
            self._publish(EngineReady(backend.device, backend.dtype, elapsed_s, backend.kernels))
            self._serve()
        except BaseException as failure:  # noqa: BLE001 - whatever ends the thread, the window is told
            error = as_engine_error(failure, "running the engine")
        finally:
            self._drop_pictures()
            self._jobs.close(error)
            if self._backend is not None:
                self._backend.close()
            self._publish(EngineStopped(error))

    def _serve(self) -> None:
        while (work := self._next_work()) is not None:
            work()

    def _next_work(self) -> Callable[[], None] | None:
        """Sleep until there is something to do. None when it is to stop."""
        with self._condition:
            while not self._stopping:
                now = time.perf_counter()
                if self._slot.waiting and not self._job_is_overdue(now):
                    return self._show_newest
                if self._job_is_overdue(now):
                    return self._step_a_job
                if self._refines and now >= self._refine_at:
                    return self._refine_a_block
                if self._jobs.ready:
                    return self._step_a_job
                if self._foresight is not None and not self._refines and now >= self._foresee_at:
                    return self._foresee_a_block
                self._condition.wait(self._idle_s(now))
            return None

    def _idle_s(self, now: float) -> float | None:
        """How long there is nothing to do if nothing comes; None for ever."""
        if self._refines:
            return max(0.0, self._refine_at - now)
        return None if self._foresight is None else max(0.0, self._foresee_at - now)

    def _job_is_overdue(self, now: float) -> bool:
        return now - self._last_job_turn >= self._job_turn_s and self._slot.waiting and self._jobs.ready

    def _show_newest(self) -> None:
        request = self._slot.take()
        if request is None:
            return
        self._drop_pictures()
        taken_at = time.perf_counter()
        before, self._last = self._last, request
        is_new = before is None or (before.state, before.views) != (request.state, request.views)
        if is_new:
            self._foresee_at = taken_at + self._foresee_after_s
        # Of what is on screen already there is a first picture: the rest of the way may be left at every block.
        budget_s = self._preview_budget_s if is_new else 0.0
        self._take_failure(request, taken_at, self._failure_of(partial(self._draw, request, taken_at, budget_s)))

    def _draw(self, request: RenderRequest, taken_at: float, budget_s: float) -> None:
        """Show a first picture of every view, and note what is left to do."""
        assert self._backend is not None
        passes = self._backend.passes(request)
        budget_s /= max(1, sum(not one.is_ready for one in passes))
        for one in passes:
            shot = one.preview(budget_s)
            self._show(request, one.view, shot, taken_at)
            if not shot.is_final:
                self._refines.append(_Refine(request, one.view, one.refine(), taken_at))
        self._refine_at = time.perf_counter() + (0.0 if request.full else self._refine_after_s)
        self._foresight = self._backend.foresee(request)

    def _refine_a_block(self) -> None:
        refine = self._refines[0]
        self._take_failure(refine.request, refine.taken_at, self._failure_of(partial(self._refine, refine)))

    def _refine(self, refine: _Refine) -> None:
        try:
            shot = next(refine.steps)
        except StopIteration as done:
            self._refines.popleft()
            shot = done.value
        if shot is not None:
            self._show(refine.request, refine.view, shot, refine.taken_at)

    def _foresee_a_block(self) -> None:
        failure = self._failure_of(self._foresee)
        if failure is None:
            return
        # Nobody has asked for it, so nobody is told.
        self._drop_foresight()
        if isinstance(failure, OutOfMemoryError):
            self._release_memory()

    def _foresee(self) -> None:
        assert self._foresight is not None, "there is something to draw ahead"
        try:
            next(self._foresight)
        except StopIteration:
            self._foresight = None

    def _step_a_job(self) -> None:
        self._last_job_turn = time.perf_counter()
        error = self._jobs.turn()
        if isinstance(error, OutOfMemoryError):
            self._release_memory()

    def _begin(self, job: Job) -> JobSteps:
        assert self._backend is not None, "jobs are stepped by the engine thread, which has built it"
        return self._backend.begin(job)

    def _show(self, request: RenderRequest, view: View, shot: Shot, taken_at: float) -> None:
        assert self._backend is not None
        self._publish(
            Frame(
                generation=request.generation,
                view=view,
                image=shot.image,
                size_px=shot.size_px,
                full_size_px=shot.full_size_px,
                is_final=shot.is_final,
                elapsed_s=time.perf_counter() - taken_at,
                device=self._backend.device,
                dtype=self._backend.dtype,
                warnings=shot.warnings,
            )
        )

    def _failure_of(self, work: Callable[[], None]) -> EngineError | None:
        """Do it. What comes back of an error holds on to nothing of the render."""
        try:
            work()
        except Exception as error:  # noqa: BLE001 - the thread outlives every picture
            return as_engine_error(error, "drawing the picture")
        return None

    def _take_failure(self, request: RenderRequest, taken_at: float, failure: EngineError | None) -> None:
        """Tell of a picture that could not be drawn; of one that found no memory only if it cannot be had smaller."""
        if failure is None:
            return
        assert self._backend is not None
        self._drop_pictures()
        if isinstance(failure, OutOfMemoryError):
            self._release_memory()
            if self._backend.make_do():
                failure = self._failure_of(partial(self._draw, request, taken_at, self._preview_budget_s))
                if failure is None:
                    return
                self._drop_pictures()
                self._release_memory()
        self._publish(RenderFailed(request.generation, failure))

    def _drop_pictures(self) -> None:
        """Leave what is half drawn, and let go of its memory."""
        while self._refines:
            with closing(self._refines.popleft().steps):
                pass
        self._drop_foresight()

    def _drop_foresight(self) -> None:
        if self._foresight is not None:
            self._foresight.close()
            self._foresight = None

    def _release_memory(self) -> None:
        self._drop_foresight()
        if self._backend is not None:
            self._backend.release_memory()

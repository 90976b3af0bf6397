"""A backend that does what a test tells it, and a recorder of what the engine says. No torch."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import numpy as np

from engine.job_table import JobSteps
from engine.messages import EngineStopped, Event, Frame, Job, JobFinished, JobProgress, RenderFailed, RenderRequest
from engine.state import EditState, View
from engine.worker import EngineThread, Shot

PATIENCE_S = 20.0
E = TypeVar("E")


class Recorder:
    """Takes events from any thread and lets a test wait for them."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._changed = threading.Condition()

    def __call__(self, event: Event) -> None:
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()

    def of(self, kind: type[E]) -> list[E]:
        with self._changed:
            return [event for event in self.events if isinstance(event, kind)]

    def wait(self, kind: type[E], matches: Callable[[E], bool] = lambda _event: True) -> E:
        """The first event of that kind that matches, now or soon."""

        def found() -> E | None:
            return next((event for event in self.events if isinstance(event, kind) and matches(event)), None)

        with self._changed:
            assert self._changed.wait_for(lambda: found() is not None, PATIENCE_S), f"no {kind.__name__} came"
            event = found()
        assert event is not None
        return event

    @property
    def generations(self) -> list[int]:
        return [frame.generation for frame in self.of(Frame)]

    def wait_for_frame(self, generation: int, *, final: bool = True) -> Frame:
        return self.wait(Frame, lambda frame: frame.generation == generation and (frame.is_final or not final))

    def wait_for_end(self, job_id: str) -> JobFinished:
        return self.wait(JobFinished, lambda event: event.job_id == job_id)

    def wait_for_text(self, job_id: str, text: str) -> JobProgress:
        return self.wait(JobProgress, lambda event: event.job_id == job_id and event.text == text)

    def wait_for_failure(self, generation: int) -> RenderFailed:
        return self.wait(RenderFailed, lambda event: event.generation == generation)


class Gate:
    """A place where the engine thread stands still until the test lets it pass."""

    def __init__(self) -> None:
        self._arrived = threading.Semaphore(0)
        self._permits = threading.Semaphore(0)

    def pass_through(self) -> None:
        self._arrived.release()
        assert self._permits.acquire(timeout=PATIENCE_S), "the test never opened the gate"

    def wait_for_arrival(self) -> None:
        assert self._arrived.acquire(timeout=PATIENCE_S), "nobody came to the gate"

    def open(self, times: int = 1) -> None:
        self._permits.release(times)


class ScriptedPass:
    def __init__(self, backend: ScriptedBackend, request: RenderRequest, view: View) -> None:
        self.backend = backend
        self.request = request
        self.view = view

    @property
    def is_ready(self) -> bool:
        return self.view in self.backend.ready

    def preview(self, budget_s: float) -> Shot:
        self.backend.previewed.append(self.request.generation)
        self.backend.budgets.append(budget_s)
        if self.backend.preview_gate is not None:
            self.backend.preview_gate.pass_through()
        self.backend.draw(self.request)
        return self._shot(final=self.backend.refine_blocks == 0)

    def refine(self) -> Generator[Shot | None, None, Shot]:
        for block in range(self.backend.refine_blocks):
            if self.backend.refine_gate is not None:
                self.backend.refine_gate.pass_through()
            self.backend.refined.append(self.request.generation)
            yield self._shot(final=False, size=6) if block in self.backend.worth_showing else None
        return self._shot(final=True)

    def _shot(self, final: bool, size: int = 4) -> Shot:
        size = 8 if final else size
        level = self.request.generation % 256
        return Shot(np.full((size, size, 4), level, np.uint8), size, 8, final)


class ScriptedBackend:
    """Draws pictures whose level is the generation; every hook may be set by the test."""

    device = "cpu"
    dtype = "float32"
    kernels = False

    def __init__(self) -> None:
        self.preview_gate: Gate | None = None
        self.refine_gate: Gate | None = None
        self.refine_blocks = 0
        self.worth_showing: set[int] = set()
        self.ready: set[View] = set()
        self.foresee_gate: Gate | None = None
        self.foresee_blocks = 0
        self.foreseen: list[int] = []
        self.left: list[int] = []
        self.foresee_fails: Exception | None = None
        self.can_make_do = False
        self.draw: Callable[[RenderRequest], None] = lambda request: None
        self.begin: Callable[[Job], JobSteps] = self._no_jobs
        self.previewed: list[int] = []
        self.refined: list[int] = []
        self.budgets: list[float] = []
        self.released = 0
        self.closed = False

    def passes(self, request: RenderRequest) -> Sequence[ScriptedPass]:
        return [ScriptedPass(self, request, view) for view in request.views]

    def foresee(self, request: RenderRequest) -> Generator[None, None, None]:
        try:
            for _ in range(self.foresee_blocks):
                if self.foresee_gate is not None:
                    self.foresee_gate.pass_through()
                self.foreseen.append(request.generation)
                if self.foresee_fails is not None:
                    raise self.foresee_fails
                yield
        except GeneratorExit:
            self.left.append(request.generation)
            raise

    def release_memory(self) -> None:
        self.released += 1

    def make_do(self) -> bool:
        return self.can_make_do

    def close(self) -> None:
        self.closed = True

    def _no_jobs(self, job: Job) -> JobSteps:
        raise AssertionError(f"no script for {job}")


def request(generation: int, *, full: bool = False, views: tuple[View, ...] = (View.BLEND,)) -> RenderRequest:
    return RenderRequest(generation, EditState(), views, full)


@contextmanager
def running(backend: ScriptedBackend, **options: float) -> Iterator[tuple[EngineThread, Recorder]]:
    """A started engine, stopped at the end, with nothing left behind."""
    before = set(threading.enumerate())
    recorder = Recorder()
    engine = EngineThread(recorder, lambda: backend, **options)
    engine.start()
    try:
        yield engine, recorder
    finally:
        assert engine.stop(PATIENCE_S)
        assert len(recorder.of(EngineStopped)) == 1
        assert set(threading.enumerate()) <= before, "a thread is left"

"""From an event to the frame on the way to the screen, through the engine's own thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from itertools import count, pairwise
from statistics import median

from preview_actions import MARKS_PX, actions, ms
from preview_networks import Subject

from engine.backend import TorchBackend
from engine.latents import LatentStore
from engine.messages import Event, Frame, RenderFailed, RenderRequest
from engine.state import EditState
from engine.worker import EngineThread

GIVE_UP_S = 120.0
TICK_S = 0.005
EVENTS_PER_SECOND = 60.0


class Screen:
    """Where frames arrive, with their times."""

    def __init__(self) -> None:
        self.frames: list[tuple[float, Frame]] = []
        self._failure: Exception | None = None
        self._changed = threading.Condition()

    def __call__(self, event: Event) -> None:
        with self._changed:
            if isinstance(event, Frame):
                self.frames.append((time.perf_counter(), event))
            elif isinstance(event, RenderFailed):
                self._failure = event.error
            self._changed.notify_all()

    def settled(self, generation: int) -> list[tuple[float, Frame]]:
        """Wait for the finished frame of a request; all its frames, in order."""

        def is_there() -> bool:
            if self._failure is not None:
                raise self._failure
            return any(frame.is_final and frame.generation == generation for _, frame in self.frames)

        with self._changed:
            assert self._changed.wait_for(is_there, GIVE_UP_S), "no picture came"
            return [(at, frame) for at, frame in self.frames if frame.generation == generation]


def through_the_thread(
    subject: Subject, device: str, names: tuple[str, ...], steps: int, drag_s: float
) -> dict[str, dict[str, object]]:
    """Rest after every event, then drag at the rate of a mouse.

    Returns:
        By action: milliseconds to the first frame and its size, to the first one of every mark, to the finished one;
        and of the drag: frames per second, how old a frame's event is when the frame comes, and the gaps of a timer
        of 5 ms on the main thread, which are what a window would feel.
    """
    screen = Screen()
    engine = EngineThread(screen, lambda: TorchBackend(subject.library, LatentStore(), device))
    engine.start()
    generations = count(1)
    try:
        found = {}
        for name in names:
            places = actions(subject)[name].places()
            rested = _rested(engine, screen, places, generations, steps)
            found[name] = rested | _dragged(engine, screen, places, generations, drag_s)
        return found
    finally:
        engine.stop()


def _rested(
    engine: EngineThread, screen: Screen, places: Iterator[EditState], generations: Iterator[int], steps: int
) -> dict[str, object]:
    firsts, sizes, finals = [], [], []
    marks: dict[int, list[float]] = {}
    for step in range(steps + 1):
        generation, sent = next(generations), time.perf_counter()
        engine.request_preview(RenderRequest(generation, next(places), full=True))
        frames = screen.settled(generation)
        if step == 0:
            continue
        firsts.append(frames[0][0] - sent)
        sizes.append(frames[0][1].size_px)
        finals.append(frames[-1][0] - sent)
        for px in MARKS_PX:
            if (at := next((at for at, frame in frames if frame.size_px >= px), None)) is not None:
                marks.setdefault(px, []).append(at - sent)
    return {
        "first_frame_ms": ms(median(firsts)),
        "first_frame_px": int(median(sizes)),
        **{f"first_{px}_ms": ms(median(times)) for px, times in marks.items()},
        "settled_ms": ms(median(finals)),
    }


def _dragged(
    engine: EngineThread, screen: Screen, places: Iterator[EditState], generations: Iterator[int], drag_s: float
) -> dict[str, object]:
    sent: dict[int, float] = {}
    ticks = [time.perf_counter()]
    seen = len(screen.frames)
    while ticks[-1] - ticks[0] < drag_s:
        if len(sent) <= (ticks[-1] - ticks[0]) * EVENTS_PER_SECOND:
            generation = next(generations)
            state = next(places)
            sent[generation] = time.perf_counter()
            engine.request_preview(RenderRequest(generation, state))
        time.sleep(TICK_S)
        ticks.append(time.perf_counter())
    released = next(generations)
    engine.request_preview(RenderRequest(released, state, full=True))
    began = time.perf_counter()
    settled_s = screen.settled(released)[-1][0] - began
    frames = [(at, frame) for at, frame in screen.frames[seen:] if frame.generation in sent]
    gaps = sorted(after - before for before, after in pairwise(ticks))
    return {
        "drag_frames_per_second": round(len(frames) / drag_s, 1),
        "drag_age_ms": ms(median(at - sent[frame.generation] for at, frame in frames)) if frames else None,
        "drag_px": int(median(frame.size_px for _, frame in frames)) if frames else None,
        "released_to_settled_ms": ms(settled_s),
        "timer_gap_p95_ms": ms(gaps[int(0.95 * (len(gaps) - 1))]),
        "timer_gap_worst_ms": ms(gaps[-1]),
    }

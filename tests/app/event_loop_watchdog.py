"""How long the window's thread stayed away from its event loop, and where it was meanwhile.

A thread posts a beat to the loop and takes the time until it is answered: what a click would have had to wait. While
an answer is late it looks at the loop's thread again and again, so that a stall comes with its stack.
"""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

from PySide6.QtCore import QObject, Qt, Signal, Slot

BEAT_S = 0.01
LATE_S = 0.02
_LOOK_EVERY_S = 0.01
_KEPT_FRAMES = 14


@dataclass(frozen=True, slots=True)
class Stall:
    """Attributes:
    wait_s: From a beat to its answer.
    cpu_s: What of it the thread computed itself; the rest it waited, for a lock or for a core.
    during: What was done last.
    stack: Where the thread was seen most often, innermost last; empty when it was never seen.
    """

    wait_s: float
    cpu_s: float
    during: str
    stack: str

    def __str__(self) -> str:
        head = f"{1000 * self.wait_s:.0f} ms ({1000 * self.cpu_s:.0f} ms of them its own work), after {self.during}"
        return f"{head}\n{self.stack}".rstrip()


class EventLoopWatchdog(QObject):
    """``with EventLoopWatchdog() as dog:`` in the loop's thread."""

    _beat = Signal(int)

    def __init__(self, during: Callable[[], str] = str, *, late_s: float = LATE_S) -> None:
        """
        Args:
            during: Says what was done last, for the report.
            late_s: From when on an answer is a stall.
        """
        super().__init__()
        self._during = during
        self._late_s = late_s
        self._answered = threading.Event()
        self._ended = threading.Event()
        self._loop_thread = threading.get_ident()
        knows_clock = hasattr(time, "pthread_getcpuclockid")  # not every system does: `cpu_s` is the wait then
        self._clock = time.pthread_getcpuclockid(self._loop_thread) if knows_clock else None
        self._thread = threading.Thread(target=self._watch, name="event-loop-watchdog", daemon=True)
        self._number = 0
        self.waits_s: list[float] = []
        self.stalls: list[Stall] = []
        self._beat.connect(self._answer, Qt.ConnectionType.QueuedConnection)

    def __enter__(self) -> EventLoopWatchdog:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def longest_s(self) -> float:
        return max(self.waits_s, default=0.0)

    @property
    def median_s(self) -> float:
        return median(self.waits_s) if self.waits_s else 0.0

    def report(self, most: int = 3) -> str:
        """The figures, and the worst stalls with their stacks."""
        worst = sorted(self.stalls, key=lambda stall: -stall.wait_s)[:most]
        over_50 = sum(wait > 0.05 for wait in self.waits_s)
        figures = f"median {1000 * self.median_s:.1f} ms, longest {1000 * self.longest_s:.0f} ms"
        head = f"{len(self.waits_s)} beats: {figures}, {over_50} over 50 ms"
        return "\n".join((head, *map(str, worst)))

    @Slot(int)
    def _answer(self, number: int) -> None:
        if number == self._number:
            self._answered.set()

    def _watch(self) -> None:
        while not self._ended.wait(BEAT_S):
            self._answered.clear()
            self._number += 1
            begun, cpu, during = time.perf_counter(), self._cpu_s(), self._during()
            self._beat.emit(self._number)
            seen: Counter[str] = Counter()
            while not self._answered.wait(_LOOK_EVERY_S):
                if self._ended.is_set():
                    return
                if time.perf_counter() - begun > self._late_s / 2:
                    seen[self._stack()] += 1
            wait = time.perf_counter() - begun
            self.waits_s.append(wait)
            if wait > self._late_s:
                stack = seen.most_common(1)[0][0] if seen else ""
                self.stalls.append(Stall(wait, self._cpu_s() - cpu, during, stack))

    def _cpu_s(self) -> float:
        return time.perf_counter() if self._clock is None else time.clock_gettime(self._clock)

    def _stack(self) -> str:
        frame = sys._current_frames().get(self._loop_thread)
        if frame is None:
            return ""
        lines = traceback.extract_stack(frame)[-_KEPT_FRAMES:]
        return "\n".join(f"    {line.filename}:{line.lineno} {line.name}: {line.line}" for line in lines)

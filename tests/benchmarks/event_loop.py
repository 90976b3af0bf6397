"""Drive the real window for a long time; print the longest stall of its event loop with its stack, and its memory.

Usage: python tests/benchmarks/event_loop.py [--edits N] [--swaps N] [--from-start]

A tour of the window, then edits of every kind, then swaps of A and B among the models that come with Graft. Memory is
what the process holds (RSS) after Python's collector has run. With --from-start the watch begins before the window is
there, and so counts the start too.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "app")]
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import psutil  # noqa: E402
from PySide6.QtCore import QEventLoop, QTimer  # noqa: E402
from PySide6.QtWidgets import QApplication  # noqa: E402

from engine.device import prepare_process  # noqa: E402

prepare_process()

from event_loop_watchdog import EventLoopWatchdog  # noqa: E402
from tour import Driver, Script, edits, swaps, tour  # noqa: E402

from engine.places import Places  # noqa: E402
from engine.state import View  # noqa: E402
from gui.app import SWITCH_S, Studio, real_engine  # noqa: E402
from gui.theme import DARK, apply_theme  # noqa: E402

MIB = 1 << 20


class Memory:
    """What the process holds, at marked moments."""

    def __init__(self) -> None:
        self._process = psutil.Process()

    def mark(self, name: str) -> None:
        gc.collect()
        print(f"  {name:28} {self._process.memory_info().rss / MIB:7.0f} MiB", flush=True)


def marked(script: Script, memory: Memory, every: tuple[int, ...], what: str) -> Script:
    """The same steps, with the memory told after so many of them."""
    for number, step in enumerate(script, start=1):
        yield step
        if number in every:
            memory.mark(f"after {number} {what}")


def drive(script: Script, doing: list[Driver]) -> None:
    loop = QEventLoop()
    driver = Driver(script, patience_s=120.0)
    doing[:] = [driver]
    watch = QTimer()
    watch.timeout.connect(lambda: loop.quit() if driver.is_done else None)
    watch.start(20)
    loop.exec()
    if driver.gave_up:
        print(f"GAVE UP after {driver.gave_up}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edits", type=int, default=1000)
    parser.add_argument("--swaps", type=int, default=200)
    parser.add_argument("--from-start", action="store_true")
    options = parser.parse_args()
    sys.setswitchinterval(SWITCH_S)
    app = QApplication([])
    apply_theme(app, DARK)
    doing: list[Driver] = []
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        places = Places(root / "config", root / "data", root / "cache")
        studio = Studio(places, real_engine(places))
        memory, dog = Memory(), EventLoopWatchdog(lambda: doing[0].doing if doing else "the start")
        if options.from_start:
            dog.__enter__()
        studio.show()
        wait(lambda: studio.viewer.frame(View.BLEND) is not None and studio.bridge.is_settled)
        wait_s(2.0)
        if not options.from_start:
            dog.__enter__()
        memory.mark("at the start")
        for name, script in (
            ("tour", tour(studio, root)),
            ("edits", marked(edits(studio, options.edits), memory, (100, 500, 1000, 2000, 5000), "edits")),
            ("swaps", marked(swaps(studio, options.swaps), memory, (50, 100, 200, 500), "swaps")),
        ):
            before, begun = len(dog.waits_s), time.perf_counter()
            drive(script, doing)
            waits = dog.waits_s[before:]
            print(f"{name}: {time.perf_counter() - begun:.0f} s, longest {1000 * max(waits, default=0):.0f} ms")
            memory.mark(f"after the {name}")
        dog.__exit__()
        print(dog.report(6))
        studio.window.close()
        studio.close()
    return 0


def wait(condition: Callable[[], object], patience_s: float = 120.0) -> None:
    end = time.monotonic() + patience_s
    while not condition() and time.monotonic() < end:
        wait_s(0.02)


def wait_s(seconds: float) -> None:
    loop = QEventLoop()
    QTimer.singleShot(round(1000 * seconds), loop.quit)
    loop.exec()


if __name__ == "__main__":
    sys.exit(main())

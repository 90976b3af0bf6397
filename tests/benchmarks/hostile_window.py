"""Drop every hostile file on the real window and print what came of it.

Usage: python tests/benchmarks/hostile_window.py [FLIPS]

The corpus is that of hostile_corpus.py with FLIPS bit flips of each good file (20 by default). Exit code 0: nothing
was run, every file gave a sentence or a model, none took longer than 2 seconds, and the window lived.
"""

from __future__ import annotations

import argparse
import collections
import os
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "benchmarks")]
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from hostile_corpus import CANARY, LIMIT_S, corpus  # noqa: E402
from PySide6.QtCore import QObject, Slot  # noqa: E402
from PySide6.QtWidgets import QApplication  # noqa: E402

from engine.device import prepare_process  # noqa: E402
from engine.errors import EngineError  # noqa: E402
from engine.messages import JobFinished, JobOutcome  # noqa: E402
from engine.places import Places  # noqa: E402
from gui.app import Studio, real_engine  # noqa: E402


class Listener(QObject):
    """Keeps the last word on each job."""

    def __init__(self, studio: Studio) -> None:
        super().__init__(studio)
        self.ended: list[JobFinished] = []
        studio.bridge.job_finished.connect(self.note)

    @Slot(object)
    def note(self, event: JobFinished) -> None:
        self.ended.append(event)


def wait(app: QApplication, done: object, seconds: float) -> bool:
    end = time.perf_counter() + seconds
    while not done():  # type: ignore[operator]
        app.processEvents()
        if time.perf_counter() > end:
            return False
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("flips", nargs="?", type=int, default=20)
    flips = parser.parse_args().flips
    prepare_process()
    app = QApplication([])
    outcomes: collections.Counter[str] = collections.Counter()
    times: list[tuple[float, str]] = []
    faults: list[str] = []
    executions = 0
    CANARY.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        places = Places(root / "config", root / "data", root / "cache").make()
        studio = Studio(places, real_engine(places))
        listener = Listener(studio)
        studio.show()
        wait(app, lambda: studio.bridge.is_settled, 120)
        bar = studio.messages.bar
        file = root / "model.pkl"
        for name, data, _ in corpus(flips):
            file.write_bytes(data)
            bar.clear()
            listener.ended.clear()
            begin = time.perf_counter()
            studio.opener.open_paths([file])
            answered = wait(app, lambda: bar.sentence or listener.ended, 60)
            took = time.perf_counter() - begin
            times.append((took, name))
            event = listener.ended[-1] if listener.ended else None
            error = event.error if event is not None else None
            is_told = bool(bar.sentence) or (event is not None and event.outcome is JobOutcome.DONE)
            outcome = type(error).__name__ if error is not None else "opened or told at once"
            outcomes[outcome] += 1
            executions += CANARY.exists()
            CANARY.unlink(missing_ok=True)
            if not answered or not is_told or type(error) is EngineError or "Traceback" in bar.sentence:
                faults.append(f"{name}: {outcome}, {bar.sentence!r}")
        state = studio.session.state
        lives = wait(app, lambda: studio.bridge.is_settled, 60) and state.model_a is not None
        studio.window.close()
        ended = studio.close()
    times.sort()
    print(f"files {len(times)}: " + ", ".join(f"{count} {name}" for name, count in outcomes.most_common()))
    print(f"code executions {executions}, untyped errors {len(faults)}, window lives {lives}, ended {ended}")
    print(f"time to message: median {times[len(times) // 2][0]:.2f} s, worst {times[-1][0]:.2f} s ({times[-1][1]})")
    for line in faults:
        print(line)
    return 0 if not (executions or faults) and lives and ended and times[-1][0] <= LIMIT_S else 1


if __name__ == "__main__":
    raise SystemExit(main())

"""The processes that search photos for portraits side by side (`engine.invert_worker`). No torch.

Each computes with its own threads: on two cores, two processes with one thread find twice as much as one process with
two, for the layers of a small picture are too short to be worth dividing.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue

from engine.console import DEBUG_VARIABLE
from engine.event_lines import to_json_line
from engine.invert_tasks import Answer, Order, Task, read_answer

KILL_S = 3.0

_ROOT = Path(__file__).resolve().parents[1]
_CHILD = "import sys; sys.path.insert(0, sys.argv[1]); from engine.invert_worker import main; main()"


def worker_program() -> tuple[str, ...]:
    return sys.executable, "-c", _CHILD, str(_ROOT)


@dataclass(slots=True, eq=False)
class Worker:
    """Attributes:
    tasks: Given to it and not answered with `Done` yet, the one at work first.
    is_ready: It has said so.
    """

    process: subprocess.Popen[str]
    tasks: list[Task] = field(default_factory=list)
    is_ready: bool = False

    def give(self, task: Task) -> None:
        self.tasks.append(task)
        self.say(to_json_line(task))

    def say(self, line: str) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except OSError:
            return  # it is gone; that is told where its answers are read


class Crew:
    """Workers, and one queue of what they answer.

    Args:
        threads: That each computes with on a processor.
        program: What is started; for tests.
    """

    def __init__(self, order: Order, threads: int, program: Sequence[str] = ()) -> None:
        self.workers: list[Worker] = []
        self._order = order
        self._program = tuple(program) or worker_program()
        self._threads = threads
        self._answers: SimpleQueue[tuple[Worker, Answer | None]] = SimpleQueue()

    @property
    def is_at_work(self) -> bool:
        return any(worker.tasks for worker in self.workers)

    def give(self, task: Task) -> None:
        """To the one with the least to do; the first is started for it."""
        worker = min(self.workers, key=lambda one: len(one.tasks)) if self.workers else self.add()
        worker.give(task)

    def add(self) -> Worker:
        """Start one more."""
        environment = {**os.environ, "OMP_NUM_THREADS": str(self._threads), "PYTHONIOENCODING": "utf-8"}
        process = subprocess.Popen(
            self._program, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=None if os.environ.get(DEBUG_VARIABLE) == "1" else subprocess.DEVNULL,
            env=environment, text=True, encoding="utf-8", errors="replace",
        )  # fmt: skip
        worker = Worker(process)
        self.workers.append(worker)
        worker.say(to_json_line(self._order))
        threading.Thread(target=self._listen, args=(worker,), name="graft-portraits", daemon=True).start()
        return worker

    def next_answer(self, timeout_s: float) -> tuple[Worker, Answer | None] | None:
        """An answer and whose it is: None in its place when the worker has ended. None when nobody says anything."""
        try:
            return self._answers.get(timeout=timeout_s)
        except Empty:
            return None

    def dismiss(self, worker: Worker) -> None:
        """End one, whatever it is doing: what it wrote is whole."""
        if worker in self.workers:
            self.workers.remove(worker)
        process = worker.process
        process.kill()
        process.wait(KILL_S)
        if process.stdin is not None:
            try:
                process.stdin.close()
            except OSError:
                return  # there was something left that it did not read

    def close(self) -> None:
        for worker in tuple(self.workers):
            self.dismiss(worker)

    def _listen(self, worker: Worker) -> None:
        assert worker.process.stdout is not None
        with worker.process.stdout as lines:
            for line in lines:
                if (answer := read_answer(line)) is not None:
                    self._answers.put((worker, answer))
        self._answers.put((worker, None))

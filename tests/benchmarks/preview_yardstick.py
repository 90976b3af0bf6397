"""The textbook forward in processes of their own, asked between the engine's own rounds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from textbook_forward import Answer, Order

SCRIPT = Path(__file__).with_name("textbook_forward.py")


class Yardstick:
    """One such process. Between orders it sleeps in a read.

    Attributes:
        seconds: Of every forward after the first, which is left out.
        rss_bytes: Of the process, after the last one.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._idle_cpu_s = 0.0
        self._idle_s = 0.0
        self.seconds: list[float] = []
        self.rss_bytes = 0
        self.threads: int = json.loads(self._read())["threads"]
        self.forward()
        self.seconds.clear()

    def forward(self, seed: int = 0, psi: float = 1.0, image: Path | None = None) -> Answer:
        """Draw one picture there."""
        order: Order = {"seed": seed, "psi": psi, "image": None if image is None else str(image)}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer: Answer = json.loads(self._read())
        self.seconds.append(answer["seconds"])
        self._idle_cpu_s += answer["idle_cpu_seconds"]
        self._idle_s += answer["idle_seconds"]
        self.rss_bytes = answer["rss_bytes"]
        return answer

    @property
    def idle_share(self) -> float:
        """Of a core, what the process used while it waited: near 0, or it would slow down what it is to measure."""
        return self._idle_cpu_s / self._idle_s

    def image(self, seed: int, psi: float) -> NDArray[np.float32]:
        """The picture itself, float32 ``[1, C, H, W]``."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "image.npy"
            self.forward(seed, psi, path)
            self.seconds.pop()
            found: NDArray[np.float32] = np.load(path)
        return found

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the textbook process ended; what it said is above")
        return line


@contextmanager
def open_yardsticks(model: Path, device: str) -> Iterator[tuple[Yardstick, Yardstick | None]]:
    """One with the allocator as every program has it, and on a CPU a second one with it set as Graft sets it."""
    with ExitStack() as stack:
        plain = stack.enter_context(_opened(model, device))
        kept = stack.enter_context(_opened(model, device, "--keep-memory")) if device == "cpu" else None
        yield plain, kept


@contextmanager
def _opened(model: Path, device: str, *options: str) -> Iterator[Yardstick]:
    # Graft's own setting of OpenMP is not the textbook's.
    environ = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    command = [sys.executable, str(SCRIPT), str(model), "--device", device, *options]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ, text=True
    )
    try:
        yield Yardstick(process)
    finally:
        process.kill()
        process.communicate()

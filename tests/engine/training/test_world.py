"""Several processes that train together."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from killed_runs import ROOT, environment, train_command
from torch import Tensor
from training_fixtures import everything, picture_folder, pictures, tiny_models

from engine.training.config import Precision, TrainingConfig
from engine.training.trainer import Trainer
from engine.training.world import SoloWorld

BATCH = 8
STEPS = 3
SETTINGS: dict[str, Any] = {
    "batch": BATCH,
    "precision": Precision.FLOAT32,
    "mirror": False,
    "r1_interval": 2,
    "learning_rate": 1e-4,
    "seed": 5,
}
LAUNCH = ("-m", "torch.distributed.run", "--nproc-per-node", "2")


class Exchange:
    """Where two threads leave their tensors for each other."""

    def __init__(self) -> None:
        self.barrier = threading.Barrier(2)
        self.left: list[list[Tensor]] = [[], []]


class ThreadWorld:
    """One of two processes, played by a thread."""

    size = 2
    device = torch.device("cpu")

    def __init__(self, rank: int, exchange: Exchange) -> None:
        self.rank = rank
        self._exchange = exchange

    def average(self, tensors: Iterable[Tensor]) -> None:
        held, exchange = list(tensors), self._exchange
        exchange.left[self.rank] = [tensor.detach().clone() for tensor in held]
        self.wait()
        with torch.no_grad():
            for tensor, one, other in zip(held, *exchange.left, strict=True):
                tensor.copy_((one + other) / 2)
        self.wait()

    def wait(self) -> None:
        self._exchange.barrier.wait(30)


class WholeBatch(Trainer):
    """One process with the draws of two: of each kind of pictures, a half by the numbers of either."""

    def _fakes(self, count: int, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        del rng
        return super()._fakes(count, next(self._turns))

    def _random(self, step: int) -> torch.Generator:
        drawn = []
        for rank in range(2):
            (seed,) = np.random.SeedSequence((self.config.seed, step, rank)).generate_state(1)
            drawn.append(torch.Generator().manual_seed(int(seed)))
        self._turns: Iterator[torch.Generator] = itertools.cycle(drawn)
        return drawn[0]


def batches(first: int, count: int) -> list[Tensor]:
    images = torch.from_numpy(pictures(STEPS * BATCH)).permute(0, 3, 1, 2) / 127.5 - 1
    return [images[start + first : start + first + count] for start in range(0, STEPS * BATCH, BATCH)]


def trained(trainer: Trainer, first: int, count: int) -> dict[str, Tensor]:
    for batch in batches(first, count):
        trainer.step(batch)
    return everything(trainer)


def test_that_two_processes_learn_what_one_learns_from_the_whole_batch() -> None:
    exchange = Exchange()
    pair = [Trainer(tiny_models(), TrainingConfig(**SETTINGS), ThreadWorld(rank, exchange)) for rank in range(2)]
    half = BATCH // 2
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(trained, pair, (0, half), (half, half))
    parts = TrainingConfig(**SETTINGS, micro_batch=half)
    whole = WholeBatch(tiny_models(), parts, SoloWorld(torch.device("cpu")))
    wanted = trained(whole, 0, BATCH)
    assert pair[0].state == pair[1].state == whole.state
    assert one.keys() == wanted.keys()
    for name, tensor in wanted.items():
        assert torch.equal(one[name], other[name]), name
        torch.testing.assert_close(one[name], tensor, rtol=1e-3, atol=1e-5, msg=name)


def together(*arguments: str, home: Path) -> subprocess.Popen[str]:
    """Two processes, as on a terminal of their own."""
    return subprocess.Popen(
        [sys.executable, *LAUNCH, *arguments],
        cwd=ROOT,
        env={**environment(home), "CUDA_VISIBLE_DEVICES": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.timeout(240)
def test_that_two_real_processes_share_a_run_stop_together_and_go_on(tmp_path: Path) -> None:
    pytest.importorskip("accelerate", reason="the extra “train” is not installed")
    command = train_command(picture_folder(tmp_path / "set"), tmp_path / "run")[1:]
    events = []
    with together(*command, "--images", "100000", home=tmp_path) as first:
        assert first.stdout is not None
        assert first.stderr is not None
        for line in first.stdout:
            events.append(json.loads(line))
            if events[-1]["event"] == "CheckpointSaved" and events[-1]["images_seen"] == 8:
                os.killpg(first.pid, signal.SIGINT)  # Ctrl-C: to all of them, and the launcher passes it on
        assert (events[-1]["event"], events[-1]["complete"]) == ("Finished", False), first.stderr.read()
    stopped = events[-1]["images_seen"]
    assert [event["event"] for event in events].count("Started") == 1
    newest = max(path.name for path in (tmp_path / "run" / "checkpoints").iterdir())
    assert int(newest) == stopped >= 8
    with together(*command, "--resume", "--images", str(stopped + 8), home=tmp_path) as second:
        told, errors = second.communicate()
    assert second.returncode == 0, errors
    events = [json.loads(line) for line in told.splitlines()]
    assert events[0]["images_seen"] == stopped
    assert events[-1] == {
        "event": "Finished",
        "model": str(tmp_path / "run" / "model.safetensors"),
        "images_seen": stopped + 8,
        "best_images": stopped + 8,
        "complete": True,
    }

"""Training a small network on pictures whose right answer is known: encoder, landmarks, features, sketches.

One loop for all of them: AdamW, a warm-up and a cosine, an average of the weights, a checkpoint that a kill cannot
spoil, and random numbers that depend on seed and step alone, so that a resumed run is the run it would have been.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import AdamW

from engine.errors import JobError
from engine.training.averaging import update_average
from engine.training.checkpoint import (
    Checkpoint,
    flattened_optimizer,
    newest_checkpoint,
    remove_unfinished,
    restore_optimizer,
    save_checkpoint,
)
from engine.training.config import Precision
from engine.training.events import Notice
from engine.training.run_lock import only_trainer_in

REPORT_S = 10.0
WARMUP_SHARE = 0.05
CLIP = 1.0
CHECKPOINTS = "checkpoints"


@dataclass(frozen=True, slots=True, kw_only=True)
class FitConfig:
    """Attributes:
    steps: Length of the whole run; the learning rate falls to zero over it.
    batch: Pictures per step.
    learning_rate: Its peak.
    average: Decay per step of the averaged weights, which are what is evaluated and kept.
    checkpoint_steps: How often the state is saved.
    precision: Of convolutions and matrix products; losses are computed in float32.
    seed: Fixes everything random.
    """

    steps: int
    batch: int = 16
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    average: float = 0.998
    checkpoint_steps: int = 500
    precision: Precision = Precision.BFLOAT16
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Fitting:
    """Attributes:
    losses: Means since the last one, by name; ``total`` is what is minimised.
    """

    step: int
    steps: int
    losses: Mapping[str, float]
    images_per_s: float
    elapsed_s: float
    time_left_s: float


@dataclass(frozen=True, slots=True)
class Evaluated:
    """Attributes:
    figures: Of the averaged network on pictures it does not learn from, by name.
    """

    step: int
    figures: Mapping[str, float]


FitEvent: TypeAlias = Notice | Fitting | Evaluated


class Task(Protocol):
    """What is learned.

    Attributes:
        module: The network, in float32, on its device.
    """

    module: nn.Module

    def losses(self, rng: np.random.Generator, batch: int, precision: Precision) -> Mapping[str, Tensor]:
        """Draw `batch` examples by `rng` and compare; scalars by name, weights included: their sum is minimised."""
        ...

    def figures(self, module: nn.Module) -> Mapping[str, float]:
        """Measure a copy of the network on examples that `losses` never draws; gradients are off."""
        ...


def fit(task: Task, config: FitConfig, folder: Path, should_stop: Callable[[], bool]) -> Iterator[FitEvent]:
    """Train, or go on where the run in `folder` stopped.

    After the last event ``task.module`` holds the averaged weights, unless it was asked to stop early.

    Raises:
        JobError: a loss is not a number, another run writes to the folder, or its checkpoint is of another network.
        StorageError: a checkpoint cannot be written; those before it are kept.
    """
    with only_trainer_in(folder):
        yield from _fit(task, config, folder / CHECKPOINTS, should_stop)


def _fit(task: Task, config: FitConfig, folder: Path, should_stop: Callable[[], bool]) -> Iterator[FitEvent]:
    module = task.module.train()
    optimizer = AdamW(module.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True)
    average = copy.deepcopy(module).requires_grad_(False).eval()
    remove_unfinished(folder)
    found = newest_checkpoint(folder)
    yield from map(Notice, found.refused)
    step, elapsed = (0, 0.0) if found.checkpoint is None else _restore(found.checkpoint, module, average, optimizer)
    first, saved, began = step, step, time.monotonic()
    reported, sums, since = began, dict[str, Tensor](), 0

    def spent() -> float:
        return elapsed + time.monotonic() - began

    def save() -> None:
        groups = {
            "module": dict(module.state_dict()),
            "average": dict(average.state_dict()),
            "optimizer": flattened_optimizer(optimizer),
        }
        state = {"config": asdict(config), "elapsed_s": spent()}
        save_checkpoint(folder, Checkpoint(step, state, groups), keep=2)

    while step < config.steps and not should_stop():
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * rate_at(step, config.steps)
        optimizer.zero_grad(set_to_none=True)
        losses = dict(task.losses(np.random.default_rng((config.seed, step)), config.batch, config.precision))
        total = torch.stack([loss.float() for loss in losses.values()]).sum()
        total.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(module.parameters(), CLIP)
        optimizer.step()
        step, since = step + 1, since + 1
        # At the start the average forgets faster, or it would still be the random beginning.
        update_average(average, module, min(config.average, step / (step + 10)))
        for name, loss in {**losses, "total": total}.items():
            sums[name] = sums.get(name, torch.zeros((), device=loss.device)) + loss.detach()
        due = step % config.checkpoint_steps == 0 or step == config.steps
        if due or time.monotonic() - reported >= REPORT_S:
            means = {name: float(value) / since for name, value in sums.items()}
            if not all(map(math.isfinite, means.values())):
                raise JobError(
                    f"The training went astray at step {step:,}: a loss is not a number. "
                    "The last good checkpoint was kept.",
                    "Go on with a smaller learning rate.",
                )
            reported, sums, since = time.monotonic(), {}, 0
            speed = (step - first) / max(time.monotonic() - began, 1e-9)
            yield Fitting(
                step, config.steps, means, speed * config.batch, spent(), (config.steps - step) / max(speed, 1e-9)
            )
        if due:
            yield Evaluated(step, _figures(task, average))
            save()
            saved = step
    if step != saved:
        save()
    if step >= config.steps:
        module.load_state_dict(average.state_dict())
        module.eval()


def _restore(checkpoint: Checkpoint, module: nn.Module, average: nn.Module, optimizer: AdamW) -> tuple[int, float]:
    try:
        module.load_state_dict(dict(checkpoint.groups["module"]))
        average.load_state_dict(dict(checkpoint.groups["average"]))
    except (RuntimeError, KeyError):
        raise JobError("The run in this folder trained another network.", "Choose another folder.") from None
    restore_optimizer(optimizer, checkpoint.groups["optimizer"])
    return checkpoint.images_seen, float(checkpoint.state["elapsed_s"])


@torch.no_grad()
def _figures(task: Task, average: nn.Module) -> dict[str, float]:
    return {name: float(value) for name, value in task.figures(average).items()}


def rate_at(step: int, steps: int) -> float:
    """Share of the peak learning rate: a straight way up, then a cosine down."""
    warmup = max(1, round(WARMUP_SHARE * steps))
    if step < warmup:
        return (step + 1) / warmup
    return 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))

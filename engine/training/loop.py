"""A training run: steps, and everything that is written between them.

A run's folder: ``checkpoints/``, ``sheets/``, ``log.jsonl``, ``losses.csv``, ``losses.png``, ``settings.json``,
``dataset.json`` (which files were left out, and why), ``best.safetensors`` (the best snapshot so far) and at the end
``model.safetensors``.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from engine.atomic import storage_error, write_atomic
from engine.errors import StorageError
from engine.network import Network
from engine.training.checkpoint import save_checkpoint
from engine.training.dataset import Dataset, Order
from engine.training.events import (
    CheckpointSaved,
    Event,
    Finished,
    Measured,
    Notice,
    Paused,
    Progress,
    SheetSaved,
    Started,
)
from engine.training.metrics import Judge
from engine.training.pictures import LossLog, save_sheet
from engine.training.start import CHECKPOINTS, copy_of, description_of, with_training
from engine.training.trainer import Trainer

REPORT_S = 10.0
BEST = "best.safetensors"
MODEL = "model.safetensors"


@dataclass(frozen=True, slots=True)
class Best:
    """The best snapshot so far; `images` is 0 as long as nothing was measured."""

    kid: float = 0.0
    images: int = 0
    features: str = ""


@dataclass(frozen=True, eq=False)
class Run:
    """What `train` needs.

    Attributes:
        folder: Of the run; exists.
        judge: None when there is nothing to measure with, or nobody wants to.
        should_stop: Asked after every step; then a checkpoint is written and the run ends, to be resumed.
        elapsed_s: Of earlier parts of the run.
        saved_at: Images seen at the checkpoint that the run goes on from; -1 for a new run.
    """

    folder: Path
    dataset: Dataset
    trainer: Trainer
    judge: Judge | None
    should_stop: Callable[[], bool]
    notices: tuple[str, ...] = ()
    best: Best = Best()
    elapsed_s: float = 0.0
    saved_at: int = -1


def train(run: Run) -> Iterator[Event]:
    """Run to the end, telling what happens. Only the process of rank 0 writes and measures.

    Yields:
        Events. After `Paused`, taking the next event tries again.

    Raises:
        JobError: losses or weights are no longer numbers; the last good checkpoint is kept.
        StorageError: a picture or a log cannot be written for another reason than lack of space.
    """
    yield from _Loop(run).events()


class _Loop:
    def __init__(self, run: Run) -> None:
        self._run = run
        self._trainer = run.trainer
        self._config = run.trainer.config
        self._best = run.best
        self._saved_at = run.saved_at
        self._first = run.trainer.state.images_seen
        self._began = time.monotonic()
        self._leads = run.trainer.world.rank == 0

    def events(self) -> Iterator[Event]:
        run, trainer, total = self._run, self._trainer, self._config.total_images
        yield Started(str(run.folder), self._first, total, len(run.dataset), run.dataset.resolution)
        yield from map(Notice, (*run.notices, *run.dataset.report.notices))
        log = LossLog(run.folder, self._first) if self._leads else None
        if self._leads:
            document = {"sha256": run.dataset.sha256, **asdict(run.dataset.report)}
            write_atomic(run.folder / "dataset.json", json.dumps(document, indent=1).encode())
            write_atomic(run.folder / "settings.json", self._config.to_json_text().encode())
        if self._saved_at < 0:
            yield from self._look()
            yield from self._save()
        order = Order(len(run.dataset), self._config.seed)
        reported = time.monotonic()
        stopped = False
        while trainer.state.images_seen < total and not stopped:
            before = trainer.state.images_seen
            self._step(order)
            stopped = self._agreed(run.should_stop())
            seen = trainer.state.images_seen
            ends = stopped or seen >= total
            if ends or time.monotonic() - reported >= REPORT_S:
                reported = time.monotonic()
                progress = self._progress()
                if log is not None:
                    yield from _until_stored(partial(log.add, asdict(progress)))
                yield progress
            if due(before, seen, self._config.metric_images) or seen >= total:
                yield from self._measure()
            if due(before, seen, self._config.sheet_images) or ends:
                yield from self._look(log)
            if due(before, seen, self._config.checkpoint_images) or ends:
                yield from self._save()
        yield from self._finish(complete=trainer.state.images_seen >= total)

    def _step(self, order: Order) -> None:
        world = self._trainer.world
        position = self._trainer.state.images_seen + world.rank * self._trainer.batch_here
        indices = order.at(position, self._trainer.batch_here)
        self._trainer.step(self._run.dataset.batch(indices, world.device))

    def _agreed(self, wish: bool) -> bool:
        """Whether any process wants to stop: they must all do so after the same step."""
        world = self._trainer.world
        if world.size == 1:
            return wish
        wishes = torch.tensor(float(wish), device=world.device)
        world.average([wishes])
        return float(wishes) > 0

    def _progress(self) -> Progress:
        elapsed = time.monotonic() - self._began
        seen, total = self._trainer.state.images_seen, self._config.total_images
        speed = (seen - self._first) / max(elapsed, 1e-9)
        return Progress(
            images_seen=seen,
            total_images=total,
            **asdict(self._trainer.losses()),
            ada_p=self._trainer.state.ada_p,
            images_per_s=speed,
            elapsed_s=self._run.elapsed_s + elapsed,
            time_left_s=max(0, total - seen) / max(speed, 1e-9),
        )

    # --- between steps ------------------------------------------------------------------------------------------

    def _look(self, log: LossLog | None = None) -> Iterator[Event]:
        if not (self._leads and self._config.sheet_images):
            return
        seen = self._trainer.state.images_seen
        path = self._run.folder / "sheets" / f"{seen:012d}.png"

        def write() -> None:
            path.parent.mkdir(exist_ok=True)
            save_sheet(path, self._trainer.models.average)
            if log is not None:
                log.draw()

        yield from _until_stored(write)
        yield SheetSaved(seen, str(path))

    def _measure(self) -> Iterator[Event]:
        judge, seen = self._run.judge, self._trainer.state.images_seen
        if judge is None or not self._leads or self._best.images == seen:
            return
        self._trainer.require_finite()
        average = self._trainer.models.average
        score = judge.score(average)
        known = self._best.images and self._best.features == score.features
        is_best = math.isfinite(score.kid) and (not known or score.kid < self._best.kid)
        if is_best:
            best = Best(score.kid, seen, score.features)
            yield from _until_stored(lambda: self._export(self._run.folder / BEST, average, best))
            self._best = best
        yield Measured(seen, score.kid, score.features, judge.floor, is_best)

    def _save(self) -> Iterator[Event]:
        seen = self._trainer.state.images_seen
        if not self._leads or seen == self._saved_at:
            return
        self._trainer.require_finite()
        checkpoint = self._trainer.checkpoint(self._state())
        folder = self._run.folder / CHECKPOINTS
        yield from _until_stored(lambda: save_checkpoint(folder, checkpoint, self._config.kept_checkpoints))
        self._saved_at = seen
        yield CheckpointSaved(seen, str(folder / f"{seen:012d}"))

    def _state(self) -> dict[str, Any]:
        return {
            **description_of(self._trainer.models),
            "config": self._config.to_json_text(),
            "dataset": self._run.dataset.sha256,
            "best": asdict(self._best),
            "elapsed_s": self._run.elapsed_s + time.monotonic() - self._began,
        }

    def _finish(self, *, complete: bool) -> Iterator[Event]:
        self._trainer.world.wait()
        seen, model = self._trainer.state.images_seen, self._run.folder / MODEL
        best = self._best
        if self._leads and complete:
            if best.images:
                yield from _until_stored(lambda: _copy(self._run.folder / BEST, model))
            else:
                yield Notice("Nothing was measured, so the exported model is the last one, not the best.")
                best = Best(images=seen)
                yield from _until_stored(lambda: self._export(model, self._trainer.models.average, best))
        yield Finished(str(model), seen, best.images, complete)

    def _export(self, path: Path, network: Network, best: Best) -> None:
        """Save a snapshot with what was done to it."""
        config = self._config
        step = {
            "step": "train",
            "images": best.images,
            "pictures": len(self._run.dataset),
            "dataset": self._run.dataset.sha256,
            "batch": config.batch,
            "learning_rate": config.learning_rate,
            "r1_gamma": config.r1_gamma,
            "augmentation": str(config.augmentation),
            "trainable": config.trainable,
            "seed": config.seed,
        }
        if best.features:
            step |= {"kid": best.kid, "features": best.features}
        exported = copy_of(network)
        exported.origin = with_training(exported.origin, step)
        exported.save(path)


def due(before: int, after: int, every: int) -> bool:
    """Whether a multiple of `every` was reached between two counts; never for 0."""
    return every > 0 and before // every != after // every


def _until_stored(write: Callable[[], object]) -> Iterator[Event]:
    """Try to write until it works; each failure is told, and the listener decides when to go on."""
    while True:
        try:
            write()
            return
        except StorageError as error:
            yield Paused(error.user_message, error.hint)


def _copy(source: Path, target: Path) -> None:
    try:
        data = source.read_bytes()
    except OSError as error:
        raise storage_error(f"read {source.name}", error) from error
    write_atomic(target, data)

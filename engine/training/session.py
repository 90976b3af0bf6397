"""From what a command line asks for to a run that is ready to start."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.errors import JobError
from engine.metrics.features import JUDGE_FILE, Features
from engine.places import embedded_models_folder, user_places
from engine.training.checkpoint import Found, newest_checkpoint, remove_unfinished
from engine.training.config import TrainingConfig
from engine.training.dataset import Dataset, open_dataset
from engine.training.loop import Best, Run
from engine.training.metrics import Judge
from engine.training.run_lock import only_trainer_in
from engine.training.start import CHECKPOINTS, NewNetwork, Start, models_of, start_from, start_from_nothing
from engine.training.trainer import Models, Trainer
from engine.training.world import World, open_world

FRESH_RAMPUP = 0.05
WARMUP_IMAGES = 2_000


@dataclass(frozen=True, slots=True)
class TrainingOrder:
    """What the user wants.

    Attributes:
        data: Folder of pictures.
        out: Folder of the run.
        source: See `start_from`; None to begin with a network of `sizes`.
        grow: Double the resolution of `source`.
        resume: Go on with the run in `out`, if there is one.
        settings: Those of `TrainingConfig` that were given, by name; the rest follow from how the run begins.
        device: ``auto`` or a torch device name.
    """

    data: Path
    out: Path
    source: str | None = None
    sizes: NewNetwork = NewNetwork()
    grow: bool = False
    resume: bool = False
    settings: Mapping[str, Any] | None = None
    device: str = "auto"


@contextmanager
def open_run(order: TrainingOrder, should_stop: Callable[[], bool]) -> Iterator[Run]:
    """Check everything that can be checked before hours are spent, and hand out the run.

    Raises:
        EngineError: with what is wrong: the pictures, the model, the settings, the folder.
    """
    world = open_world(order.device)
    if world.rank:
        yield _open(order, world, should_stop)
        return
    with only_trainer_in(order.out):
        yield _open(order, world, should_stop)


def _open(order: TrainingOrder, world: World, should_stop: Callable[[], bool]) -> Run:
    folder = order.out / CHECKPOINTS
    if world.rank == 0:
        remove_unfinished(folder)
    found = newest_checkpoint(folder)
    if found.checkpoint is None and found.refused:
        raise JobError(f"No checkpoint in {order.out.name:.60} can be used. {found.refused[0]}", "Start a new run.")
    if found.checkpoint is not None and not order.resume:
        raise JobError(
            f"The folder {order.out.name:.100} holds a run of {found.checkpoint.images_seen:,} images already.",
            "Go on with it by --resume, or choose another folder.",
        )
    if found.checkpoint is None:
        return _new_run(order, world, should_stop)
    return _resumed_run(order, world, should_stop, found)


def _new_run(order: TrainingOrder, world: World, should_stop: Callable[[], bool]) -> Run:
    given = dict(order.settings or {})
    seed = _config({"seed": given.get("seed", 0)}).seed
    start = _start(order, seed)
    config = _config({**_defaults(start, _config(given).total_images), **given})
    dataset = _dataset(order, start.models, config, world)
    notices = list(start.notices)
    if order.resume:
        notices.insert(0, f"There is no run in {order.out.name:.100} to go on with yet; a new one begins.")
    if start.trained and start.new_discriminator:
        notices.append(
            f"The discriminator starts from nothing, as the model brings none; it learns alone for the first "
            f"{config.warmup_images:,} images."
        )
    trainer = Trainer(start.models, config, world)
    judge, said = _judge(config, dataset, world)
    return Run(order.out, dataset, trainer, judge, should_stop, (*notices, *said))


def _start(order: TrainingOrder, seed: int) -> Start:
    if order.source is None:
        return start_from_nothing(order.sizes, seed)
    return start_from(order.source, seed, grow=order.grow)


def _resumed_run(order: TrainingOrder, world: World, should_stop: Callable[[], bool], found: Found) -> Run:
    checkpoint, refused = found.checkpoint, found.refused
    assert checkpoint is not None, "there is one to go on from"
    kept = TrainingConfig.from_json_text(checkpoint.state["config"])
    config = _config(dict(order.settings or {}), kept)
    models = models_of(checkpoint)
    dataset = _dataset(order, models, config, world)
    trainer = Trainer(models, config, world)
    trainer.restore(checkpoint)
    notices = [*refused]
    if refused:
        notices.append(f"The run goes on from the checkpoint of {checkpoint.images_seen:,} images instead.")
    if checkpoint.state["dataset"] != dataset.sha256:
        notices.append("The pictures are not the ones that this run was started with.")
    judge, said = _judge(config, dataset, world)
    best = Best(**checkpoint.state["best"])
    elapsed = float(checkpoint.state["elapsed_s"])
    return Run(
        order.out,
        dataset,
        trainer,
        judge,
        should_stop,
        (*notices, *said),
        best=best,
        elapsed_s=elapsed,
        saved_at=checkpoint.images_seen,
    )


def _defaults(start: Start, total_images: int) -> dict[str, Any]:
    """What suits how the run begins, and how long it is."""
    if not start.trained:
        return {"average_rampup": FRESH_RAMPUP}
    return {"warmup_images": min(WARMUP_IMAGES, total_images // 4)} if start.new_discriminator else {}


def _config(given: Mapping[str, Any], base: TrainingConfig | None = None) -> TrainingConfig:
    """Settings by name, checked as strictly as those from a file.

    Raises:
        JobError: an unknown name or an impossible value.
    """
    known = TrainingConfig.setting_types()
    for name in given:
        if name not in known:
            raise JobError(f"There is no training setting {name!r:.60}.", f"There are {', '.join(known)}.")
    document = json.loads((base or TrainingConfig()).to_json_text())
    return TrainingConfig.from_json_text(json.dumps({**document, **given}))


def _dataset(order: TrainingOrder, models: Models, config: TrainingConfig, world: World) -> Dataset:
    """Rank 0 prepares the pictures, the others take what it made."""
    cache = user_places().cache / "training"
    minimum = max(config.batch, 2)
    resolution = models.network.config.img_resolution
    if world.rank == 0:
        dataset = open_dataset(order.data, resolution, minimum, cache)
        world.wait()
        return dataset
    world.wait()
    return open_dataset(order.data, resolution, minimum, cache)


def _judge(config: TrainingConfig, dataset: Dataset, world: World) -> tuple[Judge | None, tuple[str, ...]]:
    """A judge where there is something to judge with, and sentences about it."""
    if not config.metric_images or world.rank:
        return None, ()
    path = embedded_models_folder() / JUDGE_FILE
    if not path.is_file():
        return None, ("There is no judge to measure with, so the last snapshot will be exported.",)
    features = Features(path, world.device)
    judge = Judge(dataset, features, config.metric_samples, world.device)
    return judge, (
        f"Snapshots are ranked by KID on Graft's own features ({features.name}), not on Inception's; the numbers "
        "compare within this run only.",
    )

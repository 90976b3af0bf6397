"""Tiny networks, pictures and runs for the tests of training."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from engine.network import Network
from engine.training.config import TrainingConfig
from engine.training.dataset import Dataset
from engine.training.dataset_check import FolderReport
from engine.training.events import Event
from engine.training.fresh import discriminator_config, generator_config, new_discriminator, new_network
from engine.training.loop import Run
from engine.training.start import copy_of
from engine.training.trainer import Models, Trainer
from engine.training.world import SoloWorld

GOLDEN = Path(__file__).parents[2] / "golden" / "training"
SIZE = 16


def golden(name: str) -> dict[str, Tensor]:
    with np.load(GOLDEN / f"{name}.npz") as stored:
        return {key: torch.from_numpy(stored[key]) for key in stored.files}


def golden_settings() -> Any:
    return json.loads((GOLDEN / "settings.json").read_text())


def tiny_network(size: int = SIZE, seed: int = 0) -> Network:
    config = generator_config(size, channel_base=128, channel_max=8, w_dim=8, mapping_layers=2)
    network = new_network(config, seed)
    with torch.no_grad():
        for name, tensor in network.tensors.items():  # so that noise and biases matter
            if name.endswith(("noise_strength", "conv1.bias")):
                tensor.fill_(0.1)
    return network


def tiny_models(size: int = SIZE, seed: int = 0) -> Models:
    network = tiny_network(size, seed)
    return Models(network, copy_of(network), new_discriminator(discriminator_config(network.config), seed + 1))


def tiny_trainer(size: int = SIZE, **settings: Any) -> Trainer:
    config = replace(TrainingConfig(batch=4, total_images=16, metric_images=0, sheet_images=0), **settings)
    return Trainer(tiny_models(size), config, SoloWorld(torch.device("cpu")))


def pictures(count: int = 12, size: int = SIZE, seed: int = 0) -> NDArray[np.uint8]:
    """Discs on grounds, in colours."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:size, 0:size]
    made = np.empty((count, size, size, 3), np.uint8)
    for picture in made:
        picture[:] = rng.integers(0, 255, 3)
        inside = (x - size / 2) ** 2 + (y - size / 2) ** 2 < rng.uniform(0.1, 0.4) * size**2 / 4
        picture[inside] = rng.integers(0, 255, 3)
    return made


def picture_folder(folder: Path, count: int = 12, size: int = SIZE) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for index, picture in enumerate(pictures(count, size)):
        Image.fromarray(picture).save(folder / f"{index:03d}.png")
    return folder


def dataset(count: int = 12, size: int = SIZE) -> Dataset:
    return Dataset(pictures(count, size), FolderReport(count, (), ()), "0" * 64)


def run_in(folder: Path, trainer: Trainer, should_stop: Callable[[], bool] = lambda: False, **more: Any) -> Run:
    folder.mkdir(exist_ok=True)
    return Run(folder, dataset(), trainer, None, should_stop, **more)


def kinds(events: list[Event]) -> list[str]:
    return [type(event).__name__ for event in events]


def train_some(trainer: Trainer, steps: int) -> None:
    images = torch.from_numpy(pictures()).permute(0, 3, 1, 2) / 127.5 - 1
    for _ in range(steps):
        first = trainer.state.images_seen % 8
        trainer.step(images[first : first + 4])


def everything(trainer: Trainer) -> dict[str, Tensor]:
    """All tensors of a run by name, copied."""
    groups = trainer.checkpoint({}).groups
    return {f"{group}.{name}": value.clone() for group, tensors in groups.items() for name, value in tensors.items()}

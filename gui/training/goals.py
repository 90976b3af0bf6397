"""What an artist wants from a training, and the settings that mean it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from engine.errors import JobError

FEW_PICTURES = 2_000
MANY_PICTURES = 20_000
SHORT_RUN = 100_000
BATCH = 16
LEARNING_RATE = 0.0025


class Goal(StrEnum):
    LIGHT = "light"
    FULL = "full"
    GROW = "grow"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class GoalWords:
    goal: Goal
    title: str
    sentence: str
    tooltip: str


GOALS = (
    GoalWords(
        Goal.LIGHT,
        "Light touch",
        "Keep the faces, take the rendering: colour, line, texture.",
        "Only the finer layers learn; the mapping and the coarse layers stay, so every seed keeps its face",
    ),
    GoalWords(
        Goal.FULL,
        "Full restyle",
        "Shapes and rendering both move to your pictures.",
        "All layers learn. The seeds stay cousins of the old model's faces, which is what blending lives on",
    ),
    GoalWords(
        Goal.GROW,
        "Grow to twice the size",
        "One layer more, for sharper pictures.",
        "Doubles the resolution and goes on with all layers. The pictures must be at least that large",
    ),
    GoalWords(
        Goal.NOTHING,
        "From nothing",
        "A model of its own, from your pictures alone. Takes days.",
        "A new network without memory. It needs thousands of pictures and a graphics card, or a very small size",
    ),
)


@dataclass(frozen=True, slots=True)
class Choices:
    """What the form shows. Names as in `engine.training.config.TrainingConfig`."""

    total_images: int
    augmentation: str
    trainable: str = "all"
    frozen_below: int = 0
    frozen_discriminator_layers: int = 0
    learning_rate: float = LEARNING_RATE
    batch: int = BATCH
    seed: int = 0
    precision: str = "bfloat16"


def suggested(goal: Goal, resolution: int, pictures: int, *, has_opponent: bool = False) -> Choices:
    """A good start for a goal.

    Args:
        resolution: Of the model that the run begins with, before it grows.
        pictures: How many there are; 0 when that is not known yet.
        has_opponent: The run starts from another run, which brings a trained discriminator: only that is worth
            freezing.
    """
    images = {Goal.LIGHT: 10_000, Goal.FULL: 40_000, Goal.GROW: 200_000, Goal.NOTHING: 1_000_000}[goal]
    if pictures >= MANY_PICTURES:
        augmentation = "none"
    else:
        augmentation = "diffaugment" if pictures < FEW_PICTURES and images <= SHORT_RUN else "ada"
    frozen_layers = 1 + 3 * max(0, resolution.bit_length() - 7) if has_opponent and goal is not Goal.GROW else 0
    if goal is Goal.LIGHT:
        below = min(32, max(8, resolution // 8))
        return Choices(images, augmentation, "synthesis", below, frozen_layers)
    return Choices(images, augmentation, frozen_discriminator_layers=frozen_layers if goal is Goal.FULL else 0)


def settings_of(choices: Choices, goal: Goal, more: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """All settings of a run: the choices, what follows from its length, and `more`, which wins."""
    images = choices.total_images
    settings: dict[str, Any] = {
        "total_images": images,
        "batch": choices.batch,
        "learning_rate": choices.learning_rate,
        "augmentation": choices.augmentation,
        "trainable": choices.trainable,
        "frozen_below": choices.frozen_below,
        "frozen_discriminator_layers": choices.frozen_discriminator_layers,
        "precision": choices.precision,
        "seed": choices.seed,
        "sheet_images": _between(250, images // 20, 4_000),
        "checkpoint_images": _between(500, images // 20, 4_000),
        "metric_images": _between(1_000, images // 6, 20_000),
        "metric_samples": _between(64, images // 20, 1_000),
    }
    if goal is not Goal.NOTHING:  # a short run is over before a slow average has followed it
        settings["average_images"] = float(_between(100, images // 10, 5_000))
    if choices.augmentation == "ada":
        settings["ada_kimg"] = float(_between(1, images // 2_000, 100))
    return {**settings, **(more or {})}


def parse_more(text: str) -> dict[str, Any]:
    """``name=value`` words, where a value is JSON or a plain word.

    Raises:
        JobError: a word without a value.
    """
    found: dict[str, Any] = {}
    for word in text.split():
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise JobError(f"“{word:.80}” is no setting.", "Write name=value, several with spaces between.")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


def _between(low: int, value: int, high: int) -> int:
    return max(low, min(value, high))

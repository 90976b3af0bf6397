"""Are two generators relatives? What their weights say, and what is written in their files. Plain data, no torch.

Blending works on a model and what was fine-tuned from it, not on strangers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from engine.errors import printable

RELATED_BELOW = 1.2
"""Independent weights lie sqrt 2 = 1.41 apart; below 1.2, over a quarter of their direction is in common."""

STRANGERS_AT = math.sqrt(2.0)

Lineage: TypeAlias = Sequence[Any]
"""What was done to a network, oldest first: JSON objects of our own or of a stranger's file."""


@dataclass(frozen=True, slots=True)
class LayerDistance:
    """Distance of one layer's weights: 0 the same, 1.41 independent, 2 opposite."""

    name: str
    resolution: int
    distance: float

    @property
    def is_colour(self) -> bool:
        """Whether it turns features into colour: such layers are small and change most."""
        return self.name.endswith("torgb")


@dataclass(frozen=True, slots=True)
class WeightDistance:
    """How far apart two networks are.

    Attributes:
        layers: Every layer that both have in the same shape, lowest resolution first.
        overall: Median over the layers; infinite when no layer can be compared.
        same_noise: Whether all noise maps are equal. They are drawn at random once and never trained, so equal maps
            prove a common ancestor.
        mapping: Of the mapping networks; None when they are built differently.
        w_avg: Of the mean latents; None when they are of different width.
    """

    layers: tuple[LayerDistance, ...]
    overall: float
    same_noise: bool
    mapping: float | None = None
    w_avg: float | None = None

    @property
    def related(self) -> bool:
        return self.same_noise or self.overall < RELATED_BELOW

    @property
    def warning(self) -> str | None:
        """A sentence for the user when the networks look unrelated, else None."""
        if self.related:
            return None
        rule = f"relatives stay below {RELATED_BELOW:g}, strangers lie near 1.41"
        return f"These two models look unrelated: their weights are {self.overall:.2f} apart ({rule})."


@dataclass(frozen=True, slots=True)
class Halves:
    """Where a swap parts two networks.

    Attributes:
        resolution: Of the swap.
        lower: Share of all the change that lies up to there, 0 to 1.
    """

    resolution: int
    lower: float


def even_halves(distance: WeightDistance) -> Halves | None:
    """The swap resolution with about as much change below it as above, so that both models have a say.

    A resolution counts with the mean over its convolutions. None when there is nothing to part.
    """
    change: dict[int, list[float]] = {}
    for layer in distance.layers:
        if not layer.is_colour:
            change.setdefault(layer.resolution, []).append(layer.distance)
    sizes = sorted(change)
    means = [sum(change[size]) / len(change[size]) for size in sizes]
    total = sum(means)
    if len(sizes) < 2 or total == 0.0:
        return None
    parted = [Halves(size, sum(means[: index + 1]) / total) for index, size in enumerate(sizes[:-1])]
    return min(parted, key=lambda halves: abs(halves.lower - 0.5))


def shared_steps(a: Lineage, b: Lineage) -> int:
    """How many of the first steps of two lineages are the same."""
    count = 0
    for one, other in zip(a, b, strict=False):
        if one != other:
            break
        count += 1
    return count


def lineage_sentence(
    name_a: str, a: Lineage, name_b: str, b: Lineage, *, origin_a: str = "", origin_b: str = ""
) -> str:
    """What is written in two files about where they come from, in one sentence.

    Args:
        origin_a, origin_b: What is known of the last step of each beyond what `step_words` says.
    """
    if not a or not b:
        silent = "either file" if not a and not b else f"the file of {name_b if a else name_a}"
        return f"Nothing is written in {silent} about where it comes from."
    shared = shared_steps(a, b)
    own_a, own_b = a[shared:], b[shared:]
    if not shared:
        return f"{name_a} and {name_b} have different histories: {_first(a)} and {_first(b)}."
    if not own_a and not own_b:
        return f"{name_a} and {name_b} have the same history, {_count(shared)}."
    if not own_a or not own_b:
        child, parent, own = (name_b, name_a, own_b) if not own_a else (name_a, name_b, own_a)
        origin = origin_b if not own_a else origin_a
        return f"{child} was made from {parent}: {origin or step_words(own[-1])}{_more(own)}."
    told_a, told_b = origin_a or step_words(own_a[-1]), origin_b or step_words(own_b[-1])
    words = f"{name_a} {told_a}{_more(own_a)}, {name_b} {told_b}{_more(own_b)}"
    return f"{name_a} and {name_b} have one ancestor, {_count(shared)}; then {words}."


def step_words(step: Any) -> str:
    """A step of a lineage, in words; of one that is none of ours, little can be said."""
    if not isinstance(step, Mapping):
        return "changed"
    match step.get("step"):
        case "train":
            pictures = step.get("pictures")
            return f"trained on {pictures:,} pictures" if isinstance(pictures, int) else "trained"
        case "blend" | "overlay":
            return "blended from two models"
        case "pivot":
            portrait = step.get("portrait")
            return f"tuned to “{printable(portrait, 40)}”" if isinstance(portrait, str) else "tuned to a portrait"
        case other:
            return printable(other, 40) if isinstance(other, str) and other else "changed"


def _first(lineage: Lineage) -> str:
    return f"the one {step_words(lineage[0])}"


def _count(steps: int) -> str:
    return "one step" if steps == 1 else f"{steps} steps"


def _more(own: Lineage) -> str:
    return "" if len(own) == 1 else f", after {_count(len(own) - 1)} more"

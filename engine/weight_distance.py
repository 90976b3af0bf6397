"""Are two generators relatives? Blending works on a model and what was fine-tuned from it, not on strangers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median

import torch
from torch import Tensor

from engine.network import Network

RELATED_BELOW = 1.2
"""Independent weights lie sqrt 2 = 1.41 apart; below 1.2, over a quarter of their direction is in common."""


@dataclass(frozen=True, slots=True)
class LayerDistance:
    """Distance of one layer's weights: 0 the same, 1.41 independent, 2 opposite."""

    name: str
    resolution: int
    distance: float


@dataclass(frozen=True, slots=True)
class WeightDistance:
    """How far apart two networks are.

    Attributes:
        layers: Every layer that both have in the same shape, lowest resolution first.
        overall: Median over the layers; infinite when no layer can be compared.
        same_noise: Whether all noise maps are equal. They are drawn at random once and never trained, so equal maps
            prove a common ancestor.
    """

    layers: tuple[LayerDistance, ...]
    overall: float
    same_noise: bool

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


@torch.no_grad()
def weight_distance(a: Network, b: Network) -> WeightDistance:
    """Compare the trained layers of two networks of any sizes.

    The distance of two layers is ``|a - b| / sqrt((|a|^2 + |b|^2) / 2)`` over their weight (or constant).
    """
    layers = []
    for layer in a.descriptor.layers:
        suffix = "" if layer.kind == "const" else ".weight"
        name = f"synthesis.{layer.name}{suffix}"
        one, other = a.tensors[name], b.tensors.get(name)
        if other is not None and other.shape == one.shape:
            layers.append(LayerDistance(layer.name, layer.resolution, _distance(one, other.to(one.device))))
    overall = median(layer.distance for layer in layers) if layers else math.inf
    return WeightDistance(tuple(layers), overall, _same_noise(a, b))


def _distance(a: Tensor, b: Tensor) -> float:
    size = math.sqrt((float(a.square().sum()) + float(b.square().sum())) / 2)
    return float((a - b).norm()) / size if size > 0.0 else 0.0


def _same_noise(a: Network, b: Network) -> bool:
    names = [name for name in a.tensors if name.endswith(".noise_const")]
    shared = [(a.tensors[name], b.tensors[name]) for name in names if name in b.tensors]
    return bool(shared) and all(one.shape == two.shape and torch.equal(one, two.to(one)) for one, two in shared)

"""How far the weights of two generators are apart: the measuring half of `engine.kinship`. Needs torch."""

from __future__ import annotations

import math
from collections.abc import Generator
from statistics import median

import torch
from torch import Tensor

from engine.kinship import LayerDistance, WeightDistance
from engine.network import Network


def weight_distance(a: Network, b: Network) -> WeightDistance:
    """Compare the trained layers of two networks of any sizes.

    The distance of two tensors is ``|a - b| / sqrt((|a|^2 + |b|^2) / 2)``; that of a layer is of its weight (or
    constant), that of the mapping networks of all their weights at once.
    """
    steps = distance_steps(a, b)
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            found: WeightDistance = stop.value
            return found


def distance_steps(a: Network, b: Network) -> Generator[float, None, WeightDistance]:
    """`weight_distance` layer by layer; yields the share that is done."""
    layers = []
    for index, layer in enumerate(a.descriptor.layers):
        suffix = "" if layer.kind == "const" else ".weight"
        name = f"synthesis.{layer.name}{suffix}"
        one, other = a.tensors[name], b.tensors.get(name)
        if other is not None and other.shape == one.shape:
            layers.append(LayerDistance(layer.name, layer.resolution, tensor_distance([(one, other)])))
        yield (index + 1) / len(a.descriptor.layers)
    overall = median(layer.distance for layer in layers) if layers else math.inf
    mean = tensor_distance([(a.w_avg, b.w_avg)]) if a.w_avg.shape == b.w_avg.shape else None
    return WeightDistance(tuple(layers), overall, _same_noise(a, b), _mapping_distance(a, b), mean)


@torch.no_grad()
def tensor_distance(pairs: list[tuple[Tensor, Tensor]]) -> float:
    """Distance of several tensors as one: 0 the same, 1.41 independent, 2 opposite."""
    apart = size = 0.0
    for one, other in pairs:
        other = other.to(one.device)
        apart += float((one - other).square().sum())
        size += float(one.square().sum() + other.square().sum()) / 2
    return math.sqrt(apart / size) if size > 0.0 else 0.0


def _mapping_distance(a: Network, b: Network) -> float | None:
    one, other = _mapping_weights(a), _mapping_weights(b)
    if {name: tensor.shape for name, tensor in one.items()} != {name: tensor.shape for name, tensor in other.items()}:
        return None
    return tensor_distance([(one[name], other[name]) for name in one])


def _mapping_weights(network: Network) -> dict[str, Tensor]:
    return {
        name: tensor
        for name, tensor in network.tensors.items()
        if name.startswith("mapping.") and name.endswith(".weight")
    }


def _same_noise(a: Network, b: Network) -> bool:
    names = [name for name in a.tensors if name.endswith(".noise_const")]
    shared = [(a.tensors[name], b.tensors[name]) for name in names if name in b.tensors]
    return bool(shared) and all(one.shape == two.shape and torch.equal(one, two.to(one)) for one, two in shared)

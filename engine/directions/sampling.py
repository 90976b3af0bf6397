"""What directions are found from, out of the networks of a picture: latents, activations, weights of affine layers.

Everything is a generator on the engine thread that yields often, as previews must run in between. A blend's networks
are good until their next use, so they are asked for again after every yield.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from engine.descriptor import LayerKind, LayerSpec
from engine.directions.latent_moments import Doubles, Floats, LatentMoments, MomentSums
from engine.errors import JobError
from engine.nets.stylegan2 import SynthesisLayer, ToRGBLayer
from engine.network import Network
from engine.pipeline import Pipeline
from engine.resolved_edit import ResolvedEdit

SEED = 1
LATENTS_AT_ONCE = 250
PICTURES_AT_ONCE = 8
ACTIVATION_SAMPLES = 2000
POOLED_PX = 4
"""Activations are averaged down to this: what directions are after is larger, and the memory stays small."""

HIGHEST_BLOCK = 2
"""Activations of blocks above 16 px cost much time and tell about texture only."""


def moments_of(pipeline: Pipeline, edit: ResolvedEdit, samples: int) -> Generator[float, None, LatentMoments]:
    """Mean and covariance of the W that the picture's seeds are mapped to. Yields how far it is, 0 to 1."""
    if samples < 2:
        raise JobError("Directions are measured on two latents at least.", "10,000 are usual.")
    draw = np.random.RandomState(SEED)
    sums: MomentSums | None = None
    for start in range(0, samples, LATENTS_AT_ONCE):
        w, z = _mapped(pipeline, edit, draw, min(LATENTS_AT_ONCE, samples - start))
        if sums is None:
            sums = MomentSums(w.mean(axis=0), z.shape[1])
        sums.add(w, z)
        yield start / samples
    assert sums is not None, "there is one sample at least"
    return sums.moments()


@torch.no_grad()
def _mapped(pipeline: Pipeline, edit: ResolvedEdit, draw: np.random.RandomState, count: int) -> tuple[Floats, Floats]:
    network = pipeline.group(edit).mapping_network(edit.readings[0].mapping)
    sizes = network.descriptor
    z = draw.randn(count, sizes.z_dim).astype(np.float32)
    label = None
    if sizes.c_dim:
        shown = min(edit.class_index or 0, sizes.c_dim - 1)
        label = F.one_hot(torch.full((count,), shown), sizes.c_dim).float()
    ws = network.mapping(torch.from_numpy(z), label)
    return ws[:, 0].cpu().numpy(), z


@dataclass(frozen=True, slots=True, eq=False)
class Activations:
    """Attributes:
    features: ``[N, C * 16]``.
    w: The latents that they were made from, ``[N, w_dim]``.
    """

    features: Floats
    w: Floats


def activations_of(
    pipeline: Pipeline, edit: ResolvedEdit, layer_range: tuple[int, int] | None, samples: int
) -> Generator[float, None, Activations]:
    """What a low block makes of many latents, without noise. Yields how far it is, 0 to 1."""
    count = min(max(samples, 2), ACTIVATION_SAMPLES)
    top = activation_block(edit.num_ws, layer_range)
    draw = np.random.RandomState(SEED)
    features: Floats | None = None
    latents: list[Floats] = []
    done = 0
    while done < count:
        here = min(PICTURES_AT_ONCE, count - done)
        w, _ = _mapped(pipeline, edit, draw, here)
        ws = torch.from_numpy(w)[:, None].expand(-1, edit.num_ws, -1)
        carry = None
        for index in range(top + 1):
            with torch.no_grad():
                network = pipeline.group(edit).block_network(index, edit.stack)
                carry = network.run_block(index, carry, ws.to(network.device))
            yield (done + here * index / (top + 1)) / count
        assert carry is not None, "there is one block at least"
        pooled = F.adaptive_avg_pool2d(carry.x, POOLED_PX).flatten(1).cpu().numpy()
        if features is None:
            features = np.empty((count, pooled.shape[1]), np.float32)
        features[done : done + here] = pooled
        latents.append(w)
        done += here
    assert features is not None, "there is one sample at least"
    return Activations(features, np.concatenate(latents))


def activation_block(num_ws: int, layer_range: tuple[int, int] | None) -> int:
    """Number of the block whose activations stand for a range of rows; that of 8 px for all."""
    if layer_range is None:
        return min(1, num_ws // 2 - 1)
    return min(max(layer_range[1] - 1, 0) // 2, HIGHEST_BLOCK, num_ws // 2 - 1)


@dataclass(frozen=True, slots=True, eq=False)
class StyledLayer:
    """A layer that reads a style, as the picture's networks have it; copies.

    Attributes:
        affine: ``[channels, w_dim]``, gain included.
        bias: Of the affine, ``[channels]``.
        weight: Of the convolution, ``[out, channels, k, k]``.
    """

    spec: LayerSpec
    affine: Doubles
    bias: Doubles
    weight: Floats

    @property
    def is_torgb(self) -> bool:
        return self.spec.kind is LayerKind.TORGB


def styled_layers(pipeline: Pipeline, edit: ResolvedEdit) -> Iterator[StyledLayer]:
    """Every layer with a style, the lowest first, one at a time."""
    for spec in pipeline.group(edit).a.descriptor.layers:
        if spec.kind is not LayerKind.CONST:
            yield _styled_layer(pipeline, edit, spec)


def affines_for(pipeline: Pipeline, edit: ResolvedEdit, layer_range: tuple[int, int] | None) -> Iterator[Doubles]:
    """The affine of the convolution that reads each row of a range; of the last row, that of the last ToRGB.

    Raises:
        JobError: the range holds no layer.
    """
    first, stop = layer_range or (0, edit.num_ws)
    layers = pipeline.group(edit).a.descriptor.layers
    top = max(spec.resolution for spec in layers)
    found = False
    for spec in layers:
        counts = spec.kind is LayerKind.CONV or (spec.kind is LayerKind.TORGB and spec.resolution == top)
        if counts and first <= spec.w_index < stop:
            found = True
            yield _styled_layer(pipeline, edit, spec).affine
    if not found:
        raise JobError(f"No layer of this model reads rows {first} to {stop - 1}.", "Choose other layers.")


def _styled_layer(pipeline: Pipeline, edit: ResolvedEdit, spec: LayerSpec) -> StyledLayer:
    network = pipeline.group(edit).block_network(spec.position // 2, edit.stack)
    layer = _layer(network, spec)
    affine = layer.affine

    def copied(values: Tensor, gain: float) -> Doubles:
        numbers: Doubles = values.detach().double().cpu().numpy() * gain
        return numbers

    return StyledLayer(
        spec,
        copied(affine.weight, affine.weight_gain),
        copied(affine.bias, affine.bias_gain),
        np.array(layer.weight.detach().cpu().numpy()),
    )


def _layer(network: Network, spec: LayerSpec) -> SynthesisLayer | ToRGBLayer:
    layer = network.module.synthesis.get_submodule(spec.name)
    assert isinstance(layer, SynthesisLayer | ToRGBLayer), "these are the layers with styles"
    return layer

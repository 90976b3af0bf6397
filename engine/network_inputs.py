"""What may be given to a network, checked against its descriptor before anything is computed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import get_args

import torch
from torch import Tensor

from engine.descriptor import LayerSpec, NetworkDescriptor
from engine.errors import EngineError, LatentError, LatentShapeError
from engine.nets.noise import NoiseInput, NoiseModeName


def check_latents(network: NetworkDescriptor, z: Tensor, c: Tensor | None) -> None:
    """Raises:
    LatentShapeError: `z` is not [N, z_dim], or `c` is not [N, c_dim] for a conditional network, or is there
        for another.
    """
    if not _is_rows(z, network.z_dim):
        raise LatentShapeError(f"z is {_shape(z)}; this model needs [N, {network.z_dim}].")
    classes = network.c_dim
    if classes == 0:
        if c is not None and c.numel():
            raise LatentShapeError(f"c is {_shape(c)}, but this model has no classes.", "Leave c out.")
        return
    if c is None:
        hint = "Give one row per latent, with a 1 at the class."
        raise LatentShapeError(f"This model has {classes} classes: it needs labels c, [N, {classes}].", hint)
    if not _is_rows(c, classes):
        raise LatentShapeError(f"c is {_shape(c)}; this model needs [N, {classes}].")
    if len(c) != len(z):
        raise LatentShapeError(f"There are {len(c)} labels for {len(z)} latents; it must be one each.")


def check_truncation(psi: float, cutoff: int | None) -> None:
    """Raises:
    LatentError: psi is not a finite number, or the cutoff is negative.
    """
    if not math.isfinite(psi):
        raise LatentError(f"truncation_psi is {psi}; it must be a finite number.")
    if cutoff is not None and cutoff < 0:
        raise LatentError(f"truncation_cutoff is {cutoff}; it counts rows of ws, from 0.")


def check_ws(network: NetworkDescriptor, ws: Tensor) -> None:
    """Raises:
    LatentShapeError: `ws` is not [N, num_ws, w_dim].
    """
    rows, width = network.num_ws, network.w_dim
    if isinstance(ws, Tensor) and ws.ndim == 3 and tuple(ws.shape[1:]) == (rows, width):
        return
    hint = f"One w per picture is repeated with w[:, None].repeat(1, {rows}, 1)." if _is_rows(ws, width) else ""
    raise LatentShapeError(f"ws is {_shape(ws)}; this model needs [N, {rows}, {width}].", hint)


def check_early_exit(network: NetworkDescriptor, max_resolution: int) -> None:
    """Raises:
    EngineError: synthesis has no picture when it stops at `max_resolution`.
    """
    kind, full = network.architecture, network.img_resolution
    if max_resolution < 4:
        raise EngineError(f"max_resolution is {max_resolution}; the smallest picture is 4 px.")
    if kind != "skip" and max_resolution < full:
        rule = f"max_resolution is {max_resolution}"
        raise EngineError(f"A network of kind {kind} has no picture below {full} px; {rule}.")


def checked_noise(
    network: NetworkDescriptor,
    mode: NoiseModeName,
    strength: float | Sequence[float],
    seed: int | None,
    maps: Mapping[str, Tensor],
    generator: torch.Generator | None,
) -> NoiseInput:
    """Bundle the noise arguments of a synthesis call.

    Args:
        strength: One factor for all layers, or one per position (`num_ws` numbers).
        maps: By layer name.

    Raises:
        LatentError: an unknown mode, a wrong number of strengths, a map for a layer without noise.
        LatentShapeError: a map of the wrong size.
    """
    layers = {layer.name: layer for layer in network.layers if layer.has_noise}
    if mode not in get_args(NoiseModeName):
        raise LatentError(f"noise_mode is {mode!r:.40}; it must be const, random or none.")
    for name, given in maps.items():
        _check_map(name, given, layers)
    if not isinstance(strength, Sequence):
        _check_strengths([strength], 1)
        return NoiseInput(mode, float(strength), {}, maps, seed, generator)
    _check_strengths(strength, network.num_ws)
    by_layer = {layer.name: float(strength[layer.position]) for layer in layers.values()}
    return NoiseInput(mode, 1.0, by_layer, maps, seed, generator)


def _is_rows(given: object, width: int) -> bool:
    return isinstance(given, Tensor) and given.ndim == 2 and given.shape[1] == width


def _shape(given: object) -> str:
    return str(list(given.shape)) if isinstance(given, Tensor) else f"a {type(given).__name__}, not a tensor"


def _check_map(name: str, given: Tensor, layers: Mapping[str, LayerSpec]) -> None:
    if name not in layers:
        known = list(layers)
        rule = f"this model's noise layers are {known[0]} to {known[-1]}" if known else "this model has no noise"
        raise LatentError(f"There is a noise map for {name!r:.60}; {rule}.")
    size = layers[name].resolution
    if given.ndim not in (2, 4) or given.shape[-2:] != (size, size) or (given.ndim == 4 and given.shape[1] != 1):
        rule = f"it must be [{size}, {size}] or [N, 1, {size}, {size}]"
        raise LatentShapeError(f"The noise map for {name} is {_shape(given)}; {rule}.")


def _check_strengths(given: Sequence[float], count: int) -> None:
    if len(given) != count:
        raise LatentError(f"noise_strength has {len(given)} entries; this model has {count} positions.")
    if not all(math.isfinite(value) for value in given):
        raise LatentError("noise_strength has an entry that is not a finite number.")

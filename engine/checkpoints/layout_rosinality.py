"""rosinality/stylegan2-pytorch state dicts, renamed and reshaped to NVIDIA's.

Weights need no flip: both store the upsampling kernel the same way. The blur kernels hold the filter times 4.
Public files often lack the noise maps, the blur kernels or the mean latent; each is made up for, with a warning.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from engine.checkpoints.deduce import ForeignNetwork
from engine.checkpoints.tensors import Floats, LazyTensor
from engine.errors import CorruptModelError, UnsupportedModelError

_NOISE_SEED = 20_201_110
MAX_STEPS = 9

_LAYER_PARTS = {
    "conv.weight": "weight",
    "conv.modulation.weight": "affine.weight",
    "conv.modulation.bias": "affine.bias",
    "noise.weight": "noise_strength",
    "activate.bias": "bias",
    "conv.blur.kernel": "resample_filter",
}
_TORGB_PARTS = {
    "conv.weight": "torgb.weight",
    "conv.modulation.weight": "torgb.affine.weight",
    "conv.modulation.bias": "torgb.affine.bias",
    "bias": "torgb.bias",
    "upsample.kernel": "resample_filter",
}


def is_rosinality(names: Mapping[str, object]) -> bool:
    """Whether these are the names of such a generator."""
    return "input.input" in names and "conv1.conv.weight" in names and "to_rgb1.bias" in names


def rosinality_network(state: Mapping[str, LazyTensor], latent_avg: LazyTensor | None) -> ForeignNetwork:
    """Give a rosinality generator NVIDIA's names and shapes.

    Raises:
        UnsupportedModelError: a tensor has no place in StyleGAN2.
        CorruptModelError: a tensor has an impossible shape.
    """
    renamed = {}
    for name, tensor in state.items():
        renamed[_new_name(name)] = _reshaped(name, tensor)
    warnings = _add_missing_noise(renamed)
    if latent_avg is not None:
        renamed["mapping.w_avg"], warning = _mean_latent(latent_avg)
        warnings += warning
    return ForeignNetwork(renamed, {}, layout="rosinality-stylegan2", warnings=warnings)


def _new_name(name: str) -> str:
    head, _, rest = name.partition(".")
    if head == "style" and (match := re.fullmatch(r"([1-9][0-9]?)\.(weight|bias)", rest)):
        return f"mapping.fc{int(match[1]) - 1}.{match[2]}"
    if name == "input.input":
        return "synthesis.b4.const"
    if head == "conv1" and rest in _LAYER_PARTS:
        return f"synthesis.b4.conv1.{_LAYER_PARTS[rest]}"
    if head == "to_rgb1" and rest in _TORGB_PARTS:
        return f"synthesis.b4.{_TORGB_PARTS[rest]}"
    if head == "noises" and (match := re.fullmatch(r"noise_([0-9]{1,2})", rest)):
        index = int(match[1])
        return f"synthesis.b{4 << (index + 1) // 2}.conv{1 - index % 2}.noise_const"
    if match := re.fullmatch(r"(convs|to_rgbs)\.([0-9]{1,2})\.(.+)", name):
        kind, index, part = match[1], int(match[2]), match[3]
        if kind == "convs" and part in _LAYER_PARTS and index < 2 * MAX_STEPS:
            return f"synthesis.b{8 << index // 2}.conv{index % 2}.{_LAYER_PARTS[part]}"
        if kind == "to_rgbs" and part in _TORGB_PARTS and index < MAX_STEPS:
            return f"synthesis.b{8 << index}.{_TORGB_PARTS[part]}"
    raise UnsupportedModelError(
        f"The model has a part that StyleGAN2 does not: {name:.120}.",
        "It probably comes from a modified training program.",
    )


def _reshaped(name: str, tensor: LazyTensor) -> LazyTensor:
    shape = tensor.shape
    if name.endswith("conv.weight"):  # [1, O, I, k, k]
        return _squeezed(name, tensor, 5, shape[1:])
    if name == "input.input":  # [1, C, 4, 4]
        return _squeezed(name, tensor, 4, shape[1:])
    if name.startswith("noises."):  # [1, 1, r, r]
        return _squeezed(name, tensor, 4, shape[2:])
    if name.startswith("to_rgb") and name.endswith(".bias") and "modulation" not in name:  # [1, C, 1, 1]
        return _squeezed(name, tensor, 4, shape[1:2])
    if name.endswith("noise.weight"):  # [1]
        return _squeezed(name, tensor, 1, ())
    if name.endswith(".kernel"):
        return LazyTensor(shape, _changed(tensor, lambda values: values / np.float32(4)))
    return tensor


def _squeezed(name: str, tensor: LazyTensor, dimensions: int, shape: tuple[int, ...]) -> LazyTensor:
    if len(tensor.shape) != dimensions or np.prod(tensor.shape, dtype=object) != np.prod(shape, dtype=object):
        raise CorruptModelError(f"Tensor {name:.120} has the impossible shape {list(tensor.shape)}.")
    return LazyTensor(shape, _changed(tensor, lambda values: values.reshape(shape)))


def _changed(tensor: LazyTensor, change: Callable[[Floats], Any]) -> Callable[[], Floats]:
    return lambda: change(tensor.read())


def _add_missing_noise(tensors: dict[str, LazyTensor]) -> tuple[str, ...]:
    missing = [
        name.replace("noise_strength", "noise_const")
        for name in tensors
        if name.endswith("noise_strength") and name.replace("noise_strength", "noise_const") not in tensors
    ]
    for name in missing:
        side = int(name.split(".")[1][1:])
        tensors[name] = LazyTensor((side, side), partial(_noise, name, side))
    if not missing:
        return ()
    return (f"The file has no noise maps for {len(missing)} layers; Graft made some from a fixed seed.",)


def _noise(name: str, side: int) -> Floats:
    random = np.random.RandomState((_NOISE_SEED + zlib.crc32(name.encode())) & 0xFFFFFFFF)
    return random.standard_normal((side, side)).astype(np.float32)


def _mean_latent(tensor: LazyTensor) -> tuple[LazyTensor, tuple[str, ...]]:
    """``[w_dim]``, ``[1, w_dim]``, or one row per layer (only the first is used when all are alike)."""
    if len(tensor.shape) == 1:
        return tensor, ()
    if len(tensor.shape) != 2 or 0 in tensor.shape:
        raise CorruptModelError(f"Tensor latent_avg has the impossible shape {list(tensor.shape)}.")
    rows = tensor.read()
    alike = bool((rows == rows[0]).all())
    mean = np.ascontiguousarray(rows[0] if alike else rows.mean(axis=0))
    warnings = () if alike else ("The file has one mean latent per layer; Graft uses their mean for all.",)
    return replace(tensor, shape=tensor.shape[1:], read=lambda: mean), warnings

"""A network's tensors under the names that public PyTorch code gives them.

The open format has NVIDIA's names already, but keeps separable filters as configuration where their modules keep
buffers. rosinality's layout renames and reshapes; `engine.checkpoints.layout_rosinality` is the way back.
"""

from __future__ import annotations

import re

import torch
from torch import Tensor

from engine.errors import ModelError
from engine.network import Network
from engine.network_config import ResampleFilter

_DEFAULT_TAPS = (0.125, 0.375, 0.375, 0.125)
_BLUR_GAIN = 4.0

_CONV_PARTS = {
    "weight": "conv.weight",
    "bias": "activate.bias",
    "affine.weight": "conv.modulation.weight",
    "affine.bias": "conv.modulation.bias",
    "noise_strength": "noise.weight",
}
_TORGB_PARTS = {
    "weight": "conv.weight",
    "bias": "bias",
    "affine.weight": "conv.modulation.weight",
    "affine.bias": "conv.modulation.bias",
}


def nvidia_tensors(network: Network) -> dict[str, Tensor]:
    """What `state_dict` of a stylegan2-ada-pytorch generator holds, float32 on the CPU, buffers included."""
    tensors = {name: _copied(tensor) for name, tensor in network.tensors.items()}
    tensors.setdefault("mapping.w_avg", _copied(network.w_avg))
    for owner, taps in _filters(network):
        tensors.setdefault(f"{owner}.resample_filter", _kernel(taps))
    return tensors


def rosinality_tensors(network: Network) -> tuple[dict[str, Tensor], Tensor]:
    """The tensors of a rosinality generator and its mean latent, ``[w_dim]``, float32 on the CPU.

    Raises:
        ModelError: the network has parts that this code knows nothing of: labels, resnet blocks, other filters.
    """
    if network.descriptor.c_dim:
        raise _no_place("labels for several classes")
    if network.descriptor.architecture != "skip":
        raise _no_place(f"the {network.descriptor.architecture} architecture")
    if any(taps != _DEFAULT_TAPS for _, taps in _filters(network)):
        raise _no_place("another upsampling filter than its own")
    found: dict[str, Tensor] = {}
    for name, tensor in network.tensors.items():
        if name != "mapping.w_avg":
            renamed, shape = _rosinality_place(name, tensor)
            found[renamed] = _copied(tensor).reshape(shape)
    kernel = _kernel(_DEFAULT_TAPS) * _BLUR_GAIN
    for block in range(len(network.descriptor.resolutions) - 1):
        found[f"convs.{2 * block}.conv.blur.kernel"] = kernel.clone()
        found[f"to_rgbs.{block}.upsample.kernel"] = kernel.clone()
    return found, _copied(network.w_avg)


def _rosinality_place(name: str, tensor: Tensor) -> tuple[str, tuple[int, ...]]:
    """New name and shape of one tensor of the open format."""
    shape = tuple(tensor.shape)
    if match := re.fullmatch(r"mapping\.fc(\d+)\.(weight|bias)", name):
        return f"style.{int(match[1]) + 1}.{match[2]}", shape
    if name == "synthesis.b4.const":
        return "input.input", (1, *shape)
    if match := re.fullmatch(r"synthesis\.b(\d+)\.(conv0|conv1|torgb)\.(.+)", name):
        above = int(match[1]).bit_length() - 3  # blocks below this one
        layer, part = match[2], match[3]
        if layer == "torgb" and part in _TORGB_PARTS:
            owner = "to_rgb1" if above == 0 else f"to_rgbs.{above - 1}"
            return f"{owner}.{_TORGB_PARTS[part]}", _torgb_shape(part, shape)
        number = 2 * above - 1 + int(layer[-1])  # b4.conv1 is 0
        if part == "noise_const":
            return f"noises.noise_{number}", (1, 1, *shape)
        if part in _CONV_PARTS:
            owner = "conv1" if number == 0 else f"convs.{number - 1}"
            return f"{owner}.{_CONV_PARTS[part]}", _conv_shape(part, shape)
    raise _no_place(name)


def _torgb_shape(part: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    if part == "weight":
        return (1, *shape)
    return (1, *shape, 1, 1) if part == "bias" else shape


def _conv_shape(part: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    if part == "weight":
        return (1, *shape)
    return (1,) if part == "noise_strength" else shape


def _filters(network: Network) -> list[tuple[str, ResampleFilter]]:
    """Every module that NVIDIA's code gives a filter buffer, and its taps; None for a filter that is a tensor."""
    found: list[tuple[str, ResampleFilter]] = []
    for block in network.config.synthesis.blocks:
        owner = f"synthesis.b{block.resolution}"
        found.append((owner, block.resample_filter))
        if block.conv0 is not None:
            found.append((f"{owner}.conv0", block.conv0.resample_filter))
        found.append((f"{owner}.conv1", block.resample_filter))  # which it has and never uses
        if block.skip is not None:
            found.append((f"{owner}.skip", block.skip.resample_filter))
    return [(owner, taps) for owner, taps in found if taps is not None]


def _kernel(taps: ResampleFilter) -> Tensor:
    line = torch.tensor(taps, dtype=torch.float64)
    return torch.outer(line, line).float()


def _copied(tensor: Tensor) -> Tensor:
    return tensor.detach().to("cpu", torch.float32).clone().contiguous()


def _no_place(what: str) -> ModelError:
    problem = f"rosinality's layout has no place for {what:.100}."
    return ModelError(problem, "Save it in Graft's own format, or as a state dict in NVIDIA's names.")

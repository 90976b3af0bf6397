"""In what numbers previews are computed: as coarse as the eye allows, where the machine is faster for it."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from engine.native.kernels import Kernels, load_kernels


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Attributes:
    device: As torch calls it.
    full: Of the features and weights of blocks that the checkpoint computes in float32.
    half: Of those that it asks to be computed in half precision, having been trained so.
    channels_last: Whether features lie in memory channel by channel for every pixel.
    modulates_activations: Whether styles may scale features where these are smaller than the weights. Half
        precision on a GPU does not allow it: sums over unscaled weights leave its range.
    kernels: Layers compiled for this machine, if the user has built them.
    """

    device: str
    full: torch.dtype
    half: torch.dtype
    channels_last: bool
    modulates_activations: bool
    kernels: Kernels | None = None

    @property
    def memory_format(self) -> torch.memory_format:
        return torch.channels_last if self.channels_last else torch.contiguous_format


def choose_arithmetic(device: str) -> Arithmetic:
    """What is fast on a device, within what previews need.

    A CPU with matrix or dot-product instructions for bfloat16 runs convolutions two to nine times as fast in it as
    in float32; without them it is slower. Cards without bfloat16 have no TF32 either, so there float32 is float32.
    """
    if device.startswith("cuda"):
        with torch.cuda.device(device):
            full = torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
        return Arithmetic(device, full, torch.float16, channels_last=True, modulates_activations=False)
    if device == "mps":
        return Arithmetic(device, torch.float32, torch.float16, channels_last=False, modulates_activations=False)
    kernels = load_kernels()  # which read and write bfloat16 on any processor
    dtype = torch.bfloat16 if kernels is not None or has_fast_bfloat16() else torch.float32
    return Arithmetic(device, dtype, dtype, channels_last=True, modulates_activations=True, kernels=kernels)


def has_fast_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16 in hardware."""
    found = torch.cpu.get_capabilities()
    return any(bool(found.get(name)) for name in ("amx_bf16", "avx512_bf16"))

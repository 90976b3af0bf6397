"""The compiled kernels, loaded when they are there and right, and their typed face.

Everything is for a batch of one on the CPU. Features are bfloat16 ``[1, C, H, W]`` in channels_last memory, sums are
float32. The activation's gain belongs into scale, bias and strengths: a leaky ReLU lets positive factors through.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from engine.native.binary import find_binary
from engine.native.packing import pack_direct, pack_up_direct, pack_up_winograd, pack_winograd
from engine.places import Places, user_places

SWITCH_VARIABLE = "GRAFT_NATIVE"
OPERATORS = "graft_native"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Kernels:
    """Attributes:
    operand_dtype: What products multiply: bfloat16 where the processor has instructions for it, otherwise float32.
    winograd: Whether convolutions take fewer multiplications for more additions. Not with matrix tiles (AMX), beside
        which additions are dear.
    """

    operand_dtype: torch.dtype
    winograd: bool

    def packed_bytes(self, pairs: int) -> int:
        """Size of a packed weight that connects so many pairs of channels, where these are whole blocks."""
        return pairs * (16 if self.winograd else 9) * self.operand_dtype.itemsize

    def pack_conv(self, weight: Tensor) -> Tensor:
        """``[O, I, 3, 3]`` float32 to what `conv3x3` takes: linear in `weight`, so packed tensors may be blended."""
        pack = pack_winograd if self.winograd else pack_direct
        return pack(weight, self.operand_dtype)

    def pack_up_conv(self, weight: Tensor) -> Tensor:
        """``[O, I, 3, 3]`` float32 to what `up_conv3x3` takes: linear in `weight`."""
        pack = pack_up_winograd if self.winograd else pack_up_direct
        return pack(weight, self.operand_dtype)

    def conv3x3(
        self,
        x: Tensor,
        packed: Tensor,
        styles: Tensor | None,
        scale: Tensor,
        bias: Tensor,
        noise: Tensor | None = None,
        strengths: Tensor | None = None,
        slope: float = 0.2,
        clamp: float | None = None,
    ) -> Tensor:
        """``clamp(leaky(conv(x * styles, weight) * scale + bias + sum_k strengths[k] * noise[k]))``, zeros around.

        Args:
            x: ``[1, I, H, W]``, bfloat16, channels_last. Not modified.
            packed: From `pack_conv`.
            styles: ``[I]``, float32; None for ones.
            scale: ``[O]``, float32.
            bias: ``[O]``, float32.
            noise: ``[K, H * W]`` of the output, bfloat16 or float32, contiguous; None for none.
            strengths: ``[K]``, float32.
            slope: Of the leaky ReLU below zero, 0 to 1.
            clamp: Largest magnitude; None for no limit.

        Returns:
            A fresh ``[1, O, H, W]``, bfloat16, channels_last.

        Raises:
            RuntimeError: an argument does not fit; a mistake of the caller.
        """
        y: Tensor = torch.ops.graft_native.conv3x3(x, packed, styles, scale, bias, noise, strengths, slope, clamp)
        return y

    def up_conv3x3(
        self,
        x: Tensor,
        packed: Tensor,
        styles: Tensor | None,
        scale: Tensor,
        bias: Tensor,
        noise: Tensor | None = None,
        strengths: Tensor | None = None,
        slope: float = 0.2,
        clamp: float | None = None,
    ) -> Tensor:
        """As `conv3x3`, doubling the size as ``upsampling_conv2d`` with the filter [1, 3, 3, 1] does.

        Args:
            packed: From `pack_up_conv`.
            noise: ``[K, 2H * 2W]``.

        Returns:
            A fresh ``[1, O, 2H, 2W]``, bfloat16, channels_last.
        """
        y: Tensor = torch.ops.graft_native.up_conv3x3(x, packed, styles, scale, bias, noise, strengths, slope, clamp)
        return y

    def add_rgb(
        self, x: Tensor, weight: Tensor, bias: Tensor, clamp: float | None = None, img_below: Tensor | None = None
    ) -> Tensor:
        """``clamp(weight x + bias)`` plus the image below, doubled by the filter [1, 3, 3, 1].

        Args:
            x: ``[1, I, H, W]``, bfloat16, channels_last. Not modified.
            weight: ``[3, I]``, float32, modulated already.
            bias: ``[3]``, float32.
            clamp: Of this block's share, not of the sum.
            img_below: ``[1, 3, H/2, W/2]``, float32, contiguous.

        Returns:
            A fresh ``[1, 3, H, W]``, float32.
        """
        img: Tensor = torch.ops.graft_native.add_rgb(x, weight, bias, clamp, img_below)
        return img

    def to_bgrx(self, img: Tensor) -> Tensor:
        """``[1, 3, H, W]`` float32 to the bytes of ``engine.imaging.to_bgrx``: uint8 ``[H, W, 4]``."""
        pixels: Tensor = torch.ops.graft_native.to_bgrx(img)
        return pixels


def load_kernels(places: Places | None = None, environ: Mapping[str, str] = os.environ) -> Kernels | None:
    """The kernels, if they were built for this torch and this processor, are whole, and agree with torch.

    Never builds anything and never raises: without kernels Graft does the same, slower. Says in the log why not.
    """
    if environ.get(SWITCH_VARIABLE) == "0":
        log.info("native kernels: switched off by %s=0", SWITCH_VARIABLE)
        return None
    found = find_binary(places or user_places())
    if found.path is None:
        log.info("native kernels: %s", found.reason)
        return None
    try:
        return open_binary(found.path)
    except (OSError, RuntimeError) as error:
        log.warning("native kernels: not used: %s", error)
        return None


def open_binary(path: Path) -> Kernels:
    """Load a compiled file into this process and compare what it computes with torch.

    Raises:
        OSError: it cannot be loaded.
        RuntimeError: it computes something else, or another build is loaded already: there is one per process.
    """
    from engine.native.self_check import disagreement

    loaded = [other for other in torch.ops.loaded_libraries if Path(other).name.startswith(OPERATORS)]
    if loaded and str(path) not in loaded:
        raise RuntimeError("another build of the kernels is in use; it changes at the next start")
    torch.ops.load_library(path)  # type: ignore[no-untyped-call]
    kernels = suited_kernels()
    if reason := disagreement(kernels):
        raise RuntimeError(reason)
    return kernels


def suited_kernels() -> Kernels:
    """The way of computing that is fastest on this processor, as measured on one with AMX and one without."""
    capabilities = torch.cpu.get_capabilities()
    tiles = bool(capabilities.get("amx_bf16"))
    if tiles or capabilities.get("avx512_bf16"):
        return Kernels(torch.bfloat16, winograd=not tiles)
    return Kernels(torch.float32, winograd=True)

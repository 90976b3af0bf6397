"""FIR resampling: the low-pass filters around StyleGAN2's upsampling.

A filter is a 1-D tensor ``[K]`` (separable: its kernel is ``outer(f, f)``) or a 2-D tensor ``[Kh, Kw]``. It sums
to one; the gain of 4 that zero insertion needs is applied at use. Filters are convolved, not correlated: an
asymmetric one is applied flipped.

Source: Karras et al. 2020, arXiv:1912.04958, appendix B; conventions as measured on the reference networks.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_SMALL_TAPS = 8
"""Up to here one dense 2-D pass beats two 1-D passes, each of which reads and writes the whole tensor."""


def taps(f: Tensor) -> tuple[int, int]:
    """Height and width of a filter's kernel."""
    return int(f.shape[0]), int(f.shape[-1])


def _passes(f: Tensor, gain: float) -> tuple[Tensor, ...]:
    if f.ndim == 2:
        return (f * gain,)
    if f.numel() < _SMALL_TAPS:
        return (torch.outer(f, f) * gain,)
    return f[:, None] * gain**0.5, f[None, :] * gain**0.5


def pad_or_crop(x: Tensor, left: int, right: int, top: int, bottom: int) -> Tensor:
    """Pad ``[N, C, H, W]`` with zeros; negative numbers crop."""
    if (left, right, top, bottom) == (0, 0, 0, 0):
        return x
    return F.pad(x, (left, right, top, bottom))


def fir_same_rate(
    x: Tensor, f: Tensor, *, pad_x: tuple[int, int], pad_y: tuple[int, int], gain: float = 1.0
) -> Tensor:
    """Filter ``[N, C, H, W]`` after padding (before, after) each axis; negative pads crop."""
    channels = x.shape[1]
    inside = (0, 0)
    if pad_x[0] == pad_x[1] >= 0 and pad_y[0] == pad_y[1] >= 0 and len(_passes(f, gain)) == 1:
        inside = (pad_y[0], pad_x[0])
    else:
        x = pad_or_crop(x, *pad_x, *pad_y)
    for kernel in _passes(f, gain):
        weight = kernel.flip([0, 1]).expand(channels, 1, *kernel.shape)
        x = F.conv2d(x, weight, padding=inside, groups=channels)
    return x


def upsample2x(x: Tensor, f: Tensor) -> Tensor:
    """Insert zeros and low-pass: ``[N, C, H, W]`` to ``[N, C, 2H, 2W]``, brightness preserved."""
    channels, height, width = x.shape[1:]
    kernel_h, kernel_w = taps(f)
    full = x
    kernels = _passes(f, 4.0)
    for index, kernel in enumerate(kernels):
        # The first pass of a separable filter also inserts the zeros of its axis, and so does the second.
        stride = (2, 2) if len(kernels) == 1 else ((2, 1), (1, 2))[index]
        weight = kernel.expand(channels, 1, *kernel.shape)
        full = F.conv_transpose2d(full, weight, stride=stride, groups=channels)
    top, left = kernel_h - 1 - (kernel_h + 1) // 2, kernel_w - 1 - (kernel_w + 1) // 2
    bottom = full.shape[2] - top - 2 * height
    right = full.shape[3] - left - 2 * width
    return pad_or_crop(full, -left, -right, -top, -bottom)

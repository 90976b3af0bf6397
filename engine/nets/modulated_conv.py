"""Convolution whose input channels are scaled by a style, and whose output is brought back to unit variance."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.nets.fir import fir_same_rate, taps, upsample2x


def weight_energy(weight: Tensor) -> Tensor:
    """``[O, I, k, k]`` to ``[O, I]``: what each input channel adds to an output's expected square."""
    return weight.square().sum(dim=[2, 3])


def demodulation(styles: Tensor, energy: Tensor) -> Tensor:
    """``[N, I]`` styles and ``[O, I]`` energy to the ``[N, O]`` factors that bring outputs back to unit scale."""
    with _full_precision(styles.device):  # squares summed over thousands of weights overflow float16
        return (styles.to(energy.dtype).square() @ energy.t() + 1e-8).rsqrt()


def _full_precision(device: torch.device) -> AbstractContextManager[object]:
    if torch.is_autocast_enabled(device.type):
        return torch.autocast(device.type, enabled=False)
    return nullcontext()


def upsampling_conv2d(x: Tensor, weight: Tensor, f: Tensor) -> Tensor:
    """Convolve ``[N, I, H, W]`` while doubling it: ``[N, O, 2H, 2W]``.

    The kernel lies on the zero-inserted grid as a plain transposed convolution (stored already flipped), and
    the filter `f` with a gain of 4 follows. A 1x1 kernel commutes with that: convolve first, on a quarter of
    the pixels.
    """
    size = weight.shape[-1]
    if size == 1:
        return upsample2x(F.conv2d(x, weight), f)
    y = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
    kernel_h, kernel_w = taps(f)
    before, after = size // 2 - (size - 1), size // 2 - (size - 2)
    return fir_same_rate(
        y,
        f,
        pad_x=((kernel_w + 1) // 2 + before, (kernel_w - 2) // 2 + after),
        pad_y=((kernel_h + 1) // 2 + before, (kernel_h - 2) // 2 + after),
        gain=4.0,
    )


def modulated_conv2d(
    x: Tensor, weight: Tensor, styles: Tensor, *, energy: Tensor | None, upsample: Tensor | None = None
) -> Tensor:
    """Modulate, convolve, demodulate.

    Scaling the activations instead of the weights, ``conv(x * s, w) * d``, is the same in exact arithmetic,
    needs one shared kernel for the whole batch, and no new weights per frame.

    Args:
        x: ``[N, I, H, W]``.
        weight: ``[O, I, k, k]``, k odd.
        styles: ``[N, I]``.
        energy: `weight_energy` of `weight`; None for no demodulation.
        upsample: FIR filter when the layer doubles the resolution, otherwise None.

    Returns:
        A fresh tensor ``[N, O, H, W]``, or ``[N, O, 2H, 2W]`` with `upsample`.

    Source: Karras et al. 2020, arXiv:1912.04958, section 2.2.
    """
    x = x * styles[:, :, None, None].to(x.dtype)
    if upsample is None:
        y = F.conv2d(x, weight, padding=weight.shape[-1] // 2)
    else:
        y = upsampling_conv2d(x, weight, upsample)
    if energy is None:
        return y
    factors = demodulation(styles, energy)[:, :, None, None].to(y.dtype)
    return y * factors if torch.is_grad_enabled() else y.mul_(factors)


def modulated_pointwise(x: Tensor, weight: Tensor, styles: Tensor) -> Tensor:
    """A modulated 1x1 convolution to few channels, without demodulation: ToRGB.

    With three output channels it is the weights that are small, so they are scaled, not the activations.

    Args:
        x: ``[N, I, H, W]``.
        weight: ``[O, I, 1, 1]``.
        styles: ``[N, I]``.
    """
    kernels = weight[None, :, :, 0, 0] * styles[:, None, :]
    return torch.einsum("nihw,noi->nohw", x, kernels)

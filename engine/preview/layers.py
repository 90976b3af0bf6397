"""What the layers of a preview compute, for one picture and without gradients.

A modulated convolution is ``lrelu(conv(x * styles, weight) * scale + noise + bias)`` with the activation's gain
folded into scale, noise and bias, which the leaky ReLU lets pass. Whichever is smaller is multiplied by the styles:
the features below 128 px, the weights above. Noise and bias are added together, as the product of a two-column
matrix (noise map, ones) and a two-row matrix (strength, bias): one pass over the features, not two slow broadcasts.

Source: Karras et al. 2020, arXiv:1912.04958, section 2.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.native.kernels import Kernels
from engine.preview.arithmetic import Arithmetic
from engine.preview.onednn import convolve
from engine.preview.packing import USUAL_TAPS, PackedAffine

_DEMODULATION_FLOOR = 1e-8


@dataclass(frozen=True, slots=True, eq=False)
class ConvWeights:
    """What a convolution runs on: one network's, or a mixture. Fields as in `PackedConv`.

    Attributes:
        energy: ``[O, I]``, float32: the squares of the weight, summed over its taps.
        prepared: Stands in for `weight`, where one network's is used as it is.
    """

    resolution: int
    upsamples: bool
    affine: PackedAffine
    weight: Tensor
    energy: Tensor
    bias: Tensor
    gain: float
    slope: float
    clamp: float | None
    scales_features: bool
    prepared: Tensor | None


@dataclass(frozen=True, slots=True, eq=False)
class ToRGBWeights:
    """Fields as in `PackedToRGB`."""

    affine: PackedAffine
    weight: Tensor
    bias: Tensor
    clamp: float | None
    style_gain: float


@dataclass(frozen=True, slots=True, eq=False)
class LayerNoise:
    """What a layer adds to every channel of its features: ``strength`` times a map.

    Attributes:
        columns: ``[r * r, 2]``, the map, and ones, for the bias; with kernels ``[r * r]``, the map.
        strength: ``[1]``, float32, activation gain included.
    """

    columns: Tensor
    strength: Tensor


def styles_of(affine: PackedAffine, w: Tensor, offset: Tensor | None = None, gain: float = 1.0) -> Tensor:
    """``[w_dim]`` to ``[I]``, float32, with `gain` times the offset."""
    styles = torch.addmv(affine.bias, affine.weight, w)
    return styles if offset is None else styles.add_(offset, alpha=gain)


def modulated_conv(
    x: Tensor,
    weights: ConvWeights,
    w: Tensor,
    noise: LayerNoise | None,
    arithmetic: Arithmetic,
    offset: Tensor | None = None,
) -> Tensor:
    """One synthesis layer.

    Args:
        x: ``[1, I, h, h]``. Not modified.
        w: ``[w_dim]``, float32.
        noise: None for no noise.
        offset: Added to the styles, ``[I]``, float32.

    Returns:
        A fresh tensor ``[1, O, r, r]``, of the dtype and memory layout of `x`.
    """
    styles = styles_of(weights.affine, w, offset)
    scale = (torch.mv(weights.energy, styles.square()) + _DEMODULATION_FLOOR).rsqrt_() * weights.gain
    if (kernels := arithmetic.kernels) is not None:
        layer = kernels.up_conv3x3 if weights.upsamples else kernels.conv3x3
        maps, strength = (None, None) if noise is None else (noise.columns[None], noise.strength)
        return layer(x, weights.weight, styles, scale, weights.bias, maps, strength, weights.slope, weights.clamp)
    bias = None if noise is not None else weights.bias
    y = (
        _upsampled(x, weights, styles, scale, bias)
        if weights.upsamples
        else _same_size(x, weights, styles, scale, bias)
    )
    if noise is not None:
        _add_noise_and_bias(y, noise, weights.bias)
    if weights.slope != 1.0:
        y = F.leaky_relu_(y, weights.slope)
    return y if weights.clamp is None else y.clamp_(-weights.clamp, weights.clamp)


def _same_size(x: Tensor, weights: ConvWeights, styles: Tensor, scale: Tensor, bias: Tensor | None) -> Tensor:
    if not weights.scales_features:
        factors = (scale[:, None] * styles).to(x.dtype)[:, :, None, None]
        return F.conv2d(x, weights.weight * factors, _cast(bias, x), padding=1)
    y = _convolved(x * _per_channel(styles, x), weights).mul_(_per_channel(scale, x))
    return y if bias is None else y.add_(_per_channel(bias, x))


def _upsampled(x: Tensor, weights: ConvWeights, styles: Tensor, scale: Tensor, bias: Tensor | None) -> Tensor:
    """The kernel on the zero-inserted grid, then the filter, whose taps per channel can carry the scale."""
    channels = weights.weight.shape[1]
    taps = _filter_taps(channels, x.dtype, x.device)
    if weights.scales_features:
        y = _convolved(x * _per_channel(styles, x), weights)
        taps = taps * scale.to(x.dtype)[:, None, None, None]
    else:
        factors = (styles[:, None] * scale).to(x.dtype)[:, :, None, None]
        y = F.conv_transpose2d(x, weights.weight * factors, stride=2)
    return F.conv2d(y, taps, _cast(bias, x), padding=1, groups=channels)


def _convolved(x: Tensor, weights: ConvWeights) -> Tensor:
    if weights.prepared is not None:
        return convolve(x, weights.prepared, upsamples=weights.upsamples)
    if weights.upsamples:
        return F.conv_transpose2d(x, weights.weight, stride=2)
    return F.conv2d(x, weights.weight, padding=1)


def _add_noise_and_bias(y: Tensor, noise: LayerNoise, bias: Tensor) -> None:
    channels = y.shape[1]
    if y.is_contiguous(memory_format=torch.channels_last):
        rows = torch.stack([noise.strength.expand(channels), bias]).to(y.dtype)
        pixels = y.permute(0, 2, 3, 1).view(-1, channels)
        torch.addmm(pixels, noise.columns, rows, out=pixels)
        return
    scaled = noise.columns[:, 0] * noise.strength.to(y.dtype)
    y.add_(scaled.view(1, 1, *y.shape[2:])).add_(_per_channel(bias, y))


def with_rgb(
    img: Tensor | None,
    x: Tensor,
    weights: ToRGBWeights,
    w: Tensor,
    kernels: Kernels | None = None,
    offset: Tensor | None = None,
) -> Tensor:
    """The picture so far, doubled, and what a block's features add to it.

    Args:
        img: ``[1, img_channels, r/2, r/2]``, float32; None when there is none yet. Not modified.
        x: ``[1, C, r, r]``.
        w: ``[w_dim]``, float32.
        offset: Added to the styles, ``[C]``, float32.

    Returns:
        A fresh ``[1, img_channels, r, r]``, float32.
    """
    channels, height, width = x.shape[1:]
    factors = weights.weight * styles_of(weights.affine, w, offset, weights.style_gain)
    if kernels is not None and len(factors) == 3:
        return kernels.add_rgb(x, factors, weights.bias, weights.clamp, img)
    is_channels_last = x.is_contiguous(memory_format=torch.channels_last)
    pixels = x.permute(0, 2, 3, 1).view(-1, channels).t() if is_channels_last else x.view(channels, -1)
    rgb = (factors.to(x.dtype) @ pixels).view(1, -1, height, width)
    bias = weights.bias[:, None, None]
    if weights.clamp is not None:
        rgb = (rgb + bias).clamp_(-weights.clamp, weights.clamp)
        return rgb if img is None else doubled(img).add(rgb)
    # In float32, and without a pass of its own for the conversion.
    return rgb + bias if img is None else doubled(img).add(rgb).add_(bias)


def doubled(img: Tensor) -> Tensor:
    """``[1, C, h, h]`` to ``[1, C, 2h, 2h]``, a fresh tensor.

    Zero insertion and the filter (1, 3, 3, 1) make exactly the bilinear interpolation of the picture with a rim of
    zeros, for which there is a fast routine.
    """
    rimmed = F.interpolate(F.pad(img, (1, 1, 1, 1)), scale_factor=2, mode="bilinear", align_corners=False)
    return rimmed[:, :, 2:-2, 2:-2]


@cache  # graphs hold on to their addresses
def _filter_taps(channels: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """``[channels, 1, 4, 4]``, with the gain that zero insertion needs; written out, as oneDNN wants it."""
    line = torch.tensor(USUAL_TAPS)
    return (4.0 * torch.outer(line, line)).to(device, dtype).repeat(channels, 1, 1, 1)


def _per_channel(values: Tensor, like: Tensor) -> Tensor:
    return values.to(like.dtype)[None, :, None, None]


def _cast(values: Tensor | None, like: Tensor) -> Tensor | None:
    return None if values is None else values.to(like.dtype)

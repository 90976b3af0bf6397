"""The residual StyleGAN2 discriminator: one number per picture, high for pictures taken to be real.

Tensors carry NVIDIA's names: ``b64.fromrgb.weight``, ``b64.conv0.weight``, ``b64.conv1.bias``, ``b64.skip.weight``,
``b4.conv.weight``, ``b4.fc.weight``, ``b4.out.bias``.

Source: Karras et al. 2020, arXiv:1912.04958, sections 4.1 and appendix B; the minibatch deviation is from
Karras et al. 2018, arXiv:1710.10196, section 3.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.nets.fir import fir_same_rate
from engine.nets.linear import FullyConnected

BOX_TAPS = (0.5, 0.5)
"""Averages 2 x 2 pixels: the cheapest filter, as it melts into the kernel of the convolution beside it."""

SMOOTH_TAPS = (0.125, 0.375, 0.375, 0.125)
"""The filter of the paper."""

_RESIDUAL_GAIN = 0.5**0.5


@dataclass(frozen=True, slots=True)
class DiscriminatorConfig:
    """What a discriminator is.

    Attributes:
        img_resolution: Height and width of its pictures: 8, 16, 32 ...
        img_channels: 3 for RGB.
        channels: Widths at ``img_resolution``, half of it, ... 4 px.
        mbstd_group: Pictures whose deviation is compared; the largest divisor of the batch that is not above it.
        taps: Separable filter before every halving; even in number, sum 1.
    """

    img_resolution: int
    img_channels: int
    channels: tuple[int, ...]
    mbstd_group: int = 4
    taps: tuple[float, ...] = BOX_TAPS

    def __post_init__(self) -> None:
        size = self.img_resolution
        if size < 8 or size & (size - 1) or len(self.channels) != size.bit_length() - 2:
            raise ValueError(f"{len(self.channels)} widths do not make a discriminator for {size} px")
        if len(self.taps) % 2 or not self.taps:
            raise ValueError("the number of filter taps must be even")

    @property
    def resolutions(self) -> tuple[int, ...]:
        """From the picture's size down to 4."""
        return tuple(self.img_resolution >> i for i in range(len(self.channels)))


class DiscriminatorConv(nn.Module):
    """Convolution with a run-time weight scale, bias and leaky relu; optionally halves the resolution.

    Args:
        linear: No bias and no activation.
        gain: Multiplies the output, beside the activation's own gain of sqrt 2.
        taps: Filter of the halving; None to keep the resolution.
    """

    weight: nn.Parameter
    resample_filter: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        linear: bool = False,
        gain: float = 1.0,
        taps: tuple[float, ...] | None = None,
    ) -> None:
        super().__init__()
        self.weight_gain = (in_channels * kernel_size**2) ** -0.5
        self.gain = gain if linear else gain * 2.0**0.5
        self.halves = taps is not None
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, kernel_size, kernel_size))
        self.bias = None if linear else nn.Parameter(torch.empty(out_channels))
        if taps is not None:
            self.register_buffer("resample_filter", torch.tensor(taps), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, I, H, W]`` to ``[N, O, H, W]``, or ``[N, O, H / 2, W / 2]``."""
        # A leaky relu lets positive factors through, so the gain goes into the weights: one pass over the map less.
        weight = self.weight * (self.weight_gain * self.gain)
        bias = None if self.bias is None else self.bias * self.gain
        y = self._halved(x, weight, bias) if self.halves else F.conv2d(x, weight, bias, padding=weight.shape[-1] // 2)
        return y if self.bias is None else F.leaky_relu(y, 0.2)

    def _halved(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Filter and convolve at every second place, in whichever order is cheaper: the result is the same."""
        taps = self.resample_filter
        count, size = taps.numel(), weight.shape[-1]
        before = size // 2 + count // 2 - 1
        if count == 2:
            return F.conv2d(x, _with_filter(weight, taps), bias, stride=2, padding=before)
        filtered = fir_same_rate(x, taps, pad_x=(before, before), pad_y=(before, before))
        return F.conv2d(filtered, weight, bias, stride=2)


def _with_filter(weight: Tensor, taps: Tensor) -> Tensor:
    """One kernel ``[O, I, k + T - 1, k + T - 1]`` that convolves with ``[O, I, k, k]`` and with the filter."""
    size = weight.shape[-1]
    grown = size + taps.numel() - 1
    return sum(  # type: ignore[return-value]
        F.pad(weight, (column, grown - size - column, row, grown - size - row)) * (taps[row] * taps[column])
        for row in range(taps.numel())
        for column in range(taps.numel())
    )


class DiscriminatorBlock(nn.Module):
    """Two convolutions around which a third, linear one leads; halves the resolution."""

    def __init__(
        self, in_channels: int, out_channels: int, img_channels: int | None, taps: tuple[float, ...]
    ) -> None:
        super().__init__()
        self.fromrgb = None if img_channels is None else DiscriminatorConv(img_channels, in_channels, 1)
        self.conv0 = DiscriminatorConv(in_channels, in_channels, 3)
        self.conv1 = DiscriminatorConv(in_channels, out_channels, 3, gain=_RESIDUAL_GAIN, taps=taps)
        self.skip = DiscriminatorConv(in_channels, out_channels, 1, linear=True, gain=_RESIDUAL_GAIN, taps=taps)

    def forward(self, x: Tensor) -> Tensor:
        if self.fromrgb is not None:
            x = self.fromrgb(x)
        shortcut: Tensor = self.skip(x)
        inner: Tensor = self.conv1(self.conv0(x))
        return shortcut + inner


class DiscriminatorEpilogue(nn.Module):
    """Features of 4 px to one number, after a map that tells how much the pictures of the batch differ."""

    def __init__(self, channels: int, mbstd_group: int) -> None:
        super().__init__()
        self.mbstd_group = mbstd_group
        self.conv = DiscriminatorConv(channels + 1, channels, 3)
        self.fc = FullyConnected(channels * 16, channels, activation="lrelu")
        self.out = FullyConnected(channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(with_minibatch_deviation(x, self.mbstd_group))
        logits: Tensor = self.out(self.fc(x.flatten(1)))
        return logits


def with_minibatch_deviation(x: Tensor, group: int) -> Tensor:
    """Append a channel: the standard deviation over the pictures of a group, averaged over all features.

    Args:
        x: ``[N, C, H, W]``. Picture i is in a group with i + N/g, i + 2N/g, ...
        group: Group size; the largest divisor of N that is not above it is taken.

    Returns:
        ``[N, C + 1, H, W]``.
    """
    batch, _, height, width = x.shape
    size = next(g for g in range(min(group, batch), 0, -1) if batch % g == 0)
    grouped = x.float().reshape(size, batch // size, -1)
    deviation = (grouped.var(dim=0, unbiased=False) + 1e-8).sqrt().mean(dim=1)
    level = deviation.repeat(size).to(x.dtype)[:, None, None, None]
    return torch.cat([x, level.expand(batch, 1, height, width)], dim=1)


class Discriminator(nn.Module):
    """Picture to logit. Weights are uninitialised: see `engine.training.fresh`, or load a state dict."""

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.channels
        for index, resolution in enumerate(config.resolutions[:-1]):
            colours = config.img_channels if index == 0 else None
            block = DiscriminatorBlock(widths[index], widths[index + 1], colours, config.taps)
            self.add_module(f"b{resolution}", block)
        self.b4 = DiscriminatorEpilogue(widths[-1], config.mbstd_group)

    def forward(self, images: Tensor) -> Tensor:
        """``[N, img_channels, R, R]``, nominally in [-1, 1], to logits ``[N]``, float32 under autocast too."""
        x = images
        for resolution in self.config.resolutions[:-1]:
            x = self.get_submodule(f"b{resolution}")(x)
        logits: Tensor = self.b4(x)
        return logits[:, 0].float() if logits.dtype in (torch.bfloat16, torch.float16) else logits[:, 0]

"""Augmentations that are applied with a probability p, and the controller that finds p.

As long as p stays well below 1, the generator does not learn the augmentations, as the plain picture remains the most
frequent of all. Gradients flow through every step, twice where the gradient penalty needs it.

Source: Karras et al. 2020, arXiv:2006.06676, appendix B, with bicubic interpolation in place of the wavelet filter.
Pictures that no geometric change falls on are not resampled at all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

GROUPS = ("blit", "geometry", "color")

_SHIFT_MAX = 0.125
_SCALE_STD = 0.2
_STRETCH_STD = 0.2
_DRIFT_STD = 0.125
_BRIGHTNESS_STD = 0.2
_CONTRAST_STD = 0.5
_SATURATION_STD = 1.0
_BICUBIC, _REFLECTION = 2, 2


def adapted_strength(p: float, mean_sign: float, images: int, *, target: float, kimg: float) -> float:
    """Move p by how sure the discriminator is of real pictures.

    Args:
        mean_sign: Mean of the sign of its logits for real pictures: 1 when it is never wrong, 0 when it guesses.
        images: Real pictures since the last change.
        target: Above it p grows, below it shrinks.
        kimg: Thousands of images in which p can go from 0 to 1.

    Returns:
        In [0, 1].
    """
    step = math.copysign(1.0, mean_sign - target) if mean_sign != target else 0.0
    return min(1.0, max(0.0, p + step * images / (kimg * 1000)))


def ada_augment(x: Tensor, p: float, groups: Sequence[str], generator: torch.Generator) -> Tensor:
    """Change each picture at random, every kind of change with probability `p`.

    Args:
        x: ``[N, C, S, S]``, float32, nominally in [-1, 1]; C is 1 or 3 where the colours are to change.
        groups: Of `GROUPS`.
    """
    if p <= 0.0:
        return x
    dice = _Dice(x.shape[0], p, generator, x.device)
    if "blit" in groups:
        x = _blit(x, dice)
    if "geometry" in groups:
        x = _warp(x, dice)
    if "color" in groups:
        x = _recolour(x, dice)
    return x


@dataclass(frozen=True)
class _Dice:
    """Draws for a batch; where a change does not fall on a picture, it gets the value that changes nothing."""

    batch: int
    p: float
    generator: torch.Generator
    device: torch.device

    def uniform(self, low: float, high: float) -> Tensor:
        u = torch.rand(self.batch, generator=self.generator, device=self.generator.device).to(self.device)
        return low + (high - low) * u

    def falls(self, p: float | None = None) -> Tensor:
        return self.uniform(0, 1) < (self.p if p is None else p)

    def choice(self, count: int) -> Tensor:
        """A whole number below `count`, or 0."""
        drawn = (self.uniform(0, count)).long().clamp_(max=count - 1)
        return torch.where(self.falls(), drawn, 0)

    def normal(self, std: float) -> Tensor:
        """Normal with that deviation, or 0."""
        drawn = torch.randn(self.batch, generator=self.generator, device=self.generator.device).to(self.device)
        return torch.where(self.falls(), drawn * std, 0.0)

    def angle(self, p: float | None = None) -> Tensor:
        drawn = self.uniform(-math.pi, math.pi)
        return torch.where(self.falls(p), drawn, 0.0)


def _blit(x: Tensor, dice: _Dice) -> Tensor:
    """Mirror, quarter turns and whole-pixel shifts: pixels move, none is computed anew."""
    x = torch.where(_each(dice.choice(2) == 1), x.flip(3), x)
    turns = dice.choice(4)
    for count in (1, 2, 3):
        x = torch.where(_each(turns == count), torch.rot90(x, count, (2, 3)), x)
    side = x.shape[2]
    falls = dice.falls()
    places = []
    for _axis in range(2):
        shift = (dice.uniform(-_SHIFT_MAX, _SHIFT_MAX) * side).round().long() * falls
        place = torch.arange(side, device=x.device)[None, :] + shift[:, None]
        folded = place.remainder(2 * side)
        places.append(torch.where(folded < side, folded, 2 * side - 1 - folded))
    picture = torch.arange(len(x), device=x.device)[:, None, None]
    return x.permute(0, 2, 3, 1)[picture, places[0][:, :, None], places[1][:, None, :]].permute(0, 3, 1, 2)


def _warp(x: Tensor, dice: _Dice) -> Tensor:
    """Scale, turn, stretch, turn again, shift by fractions of pixels."""
    turn_p = 1 - math.sqrt(1 - dice.p)  # two chances of turning make one of p
    scale = torch.exp2(dice.normal(_SCALE_STD))
    first = dice.angle(turn_p)
    stretch = torch.exp2(dice.normal(_STRETCH_STD))
    second = dice.angle(turn_p)
    drift = torch.stack([dice.normal(2 * _DRIFT_STD), dice.normal(2 * _DRIFT_STD)], dim=1)
    linear = _rotation(second) @ torch.diag_embed(torch.stack([stretch, 1 / stretch], dim=1)) @ _rotation(first)
    back = torch.linalg.inv(linear * scale[:, None, None])  # from the new picture to the old
    still = (scale == 1) & (first == 0) & (stretch == 1) & (second == 0) & (drift == 0).all(dim=1)
    (moved,) = (~still).nonzero(as_tuple=True)
    if moved.numel() == 0:
        return x
    theta = torch.cat([back, -back @ drift[:, :, None]], dim=2)[moved]
    grid = F.affine_grid(theta, [len(moved), *x.shape[1:]], align_corners=False)
    resampled: Tensor = _Sample.apply(x[moved], grid)  # type: ignore[no-untyped-call]
    return x.index_copy(0, moved, resampled.to(x.dtype))


def _recolour(x: Tensor, dice: _Dice) -> Tensor:
    """Brightness, contrast, luma flip, hue, saturation: one affine map of colours per picture."""
    brightness, contrast = dice.normal(_BRIGHTNESS_STD), torch.exp2(dice.normal(_CONTRAST_STD))
    flips, hue = dice.choice(2), dice.angle()
    saturation = torch.exp2(dice.normal(_SATURATION_STD))
    offset = brightness * contrast
    if x.shape[1] == 1:
        sign = 1.0 - 2.0 * flips
        return x * _each(contrast * sign) + _each(offset * sign)
    grey = torch.full((3, 3), 1 / 3, device=x.device)  # projects on the axis of greys
    colour = torch.eye(3, device=x.device) - grey
    cross = torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]], device=x.device) / math.sqrt(3)
    sign = (1.0 - 2.0 * flips)[:, None, None]
    turn = grey + hue.cos()[:, None, None] * colour + hue.sin()[:, None, None] * cross
    matrix = (grey + saturation[:, None, None] * colour) @ turn @ (colour + sign * grey)
    shifted = (matrix @ torch.ones(3, 1, device=x.device)) * offset[:, None, None]
    flat = (matrix * contrast[:, None, None]) @ x.flatten(2) + shifted
    return flat.reshape(x.shape)


def _rotation(angle: Tensor) -> Tensor:
    cos, sin = angle.cos(), angle.sin()
    return torch.stack([torch.stack([cos, -sin], dim=1), torch.stack([sin, cos], dim=1)], dim=1)


def _each(values: Tensor) -> Tensor:
    return values[:, None, None, None]


class _Sample(torch.autograd.Function):
    """Bicubic ``grid_sample`` whose gradient can itself be differentiated, which torch's own cannot.

    Sampling is linear in the picture, so its gradient is a scattering and the gradient of that is sampling again.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, grid: Tensor) -> Tensor:
        ctx.save_for_backward(grid)
        ctx.size = x.shape
        return F.grid_sample(x, grid.to(x.dtype), "bicubic", "reflection", align_corners=False)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (grid,) = ctx.saved_tensors
        return _Scatter.apply(gradients[0], grid, ctx.size), None  # type: ignore[no-untyped-call]


class _Scatter(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gradient: Tensor, grid: Tensor, size: torch.Size) -> Tensor:
        ctx.save_for_backward(grid)
        stand_in = gradient.new_empty(size)  # its values do not matter
        scattered, _ = torch.ops.aten.grid_sampler_2d_backward(
            gradient.contiguous(), stand_in, grid.to(gradient.dtype), _BICUBIC, _REFLECTION, False, [True, False]
        )
        return scattered  # type: ignore[no-any-return]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (grid,) = ctx.saved_tensors
        return _Sample.apply(gradients[0], grid), None, None  # type: ignore[no-untyped-call]

"""Keeping optimised noise maps noise, so that they carry no picture of their own."""

from __future__ import annotations

from enum import StrEnum

import torch
from torch import Tensor

SMALLEST_PX = 8


class Spread(StrEnum):
    """What is brought to one when a map is normalised: published projectors differ."""

    RMS = "rms"
    UNBIASED_STD = "unbiased std"


def regularizer(noise: Tensor) -> Tensor:
    """How much a map resembles itself one pixel further, at all scales down to 8 px: 0 for white noise.

    Args:
        noise: ``[..., r, r]``; maps of a batch are averaged over together.

    Returns:
        0-dimensional.

    Source: Karras et al. 2020, arXiv:1912.04958, appendix D.
    """
    maps = noise.reshape(-1, 1, *noise.shape[-2:])
    total = noise.new_zeros(())
    while True:
        for axis in (2, 3):
            total = total + (maps * maps.roll(1, dims=axis)).mean().square()
        if maps.shape[-1] <= SMALLEST_PX:
            return total
        maps = torch.nn.functional.avg_pool2d(maps, 2)


@torch.no_grad()
def normalize_(noise: Tensor, spread: Spread = Spread.RMS) -> None:
    """Bring a map to mean 0 and spread 1, in place. All of `noise` counts as one map."""
    noise -= noise.mean()
    noise *= noise.square().mean().rsqrt() if spread is Spread.RMS else 1.0 / noise.std()

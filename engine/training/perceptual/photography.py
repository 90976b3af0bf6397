"""Changes that leave a face the same face: where the camera stood, the light, a little loss on the way."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

MINDED = 0.15
"""How much an eye minds the strongest move of the camera, or change of light; 1 would be another face."""

SHIFT = 0.06
ZOOM = 0.04
BEND = 0.03
"""In halves of the picture's side."""


def uniform(shape: tuple[int, ...], low: float, high: float, rng: torch.Generator) -> Tensor:
    return torch.rand(shape, generator=rng) * (high - low) + low


def blobs(count: int, channels: int, cells: int, size: int, rng: torch.Generator) -> Tensor:
    """Smooth unit noise ``[count, channels, size, size]`` that changes over a `cells`-th of the picture."""
    coarse = torch.randn(count, channels, cells, cells, generator=rng)
    return F.interpolate(coarse, size=(size, size), mode="bicubic", align_corners=True)


def resampled(images: Tensor, shift: Tensor) -> Tensor:
    """Pictures with each pixel taken from elsewhere: `shift` [N, 2, S, S], (x, y) in halves of the side."""
    ticks = torch.linspace(-1, 1, images.shape[-1])
    here = torch.stack(torch.meshgrid(ticks, ticks, indexing="xy"), dim=-1)
    places = here + shift.permute(0, 2, 3, 1)
    found = F.grid_sample(images, places, mode="bicubic", padding_mode="reflection", align_corners=True)
    return found.clamp(-1, 1)


def rephotographed(images: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Move the camera and change the light, each more or less or not at all.

    Args:
        images: ``[N, 3, S, S]`` in [-1, 1].

    Returns:
        The pictures, and how much an eye minds, ``[N]``.
    """
    count = len(images)
    move, light = (uniform((count,), 0, 1, rng) * (uniform((count,), 0, 1, rng) > 0.25) for _ in range(2))
    moved = resampled(images, _camera(count, images.shape[-1], move, rng))
    return developed(moved, light, rng), MINDED * (move + light)


def _camera(count: int, size: int, strength: Tensor, rng: torch.Generator) -> Tensor:
    ticks = torch.linspace(-1, 1, size)
    here = torch.stack(torch.meshgrid(ticks, ticks, indexing="xy"))[None]
    shift = uniform((count, 2, 1, 1), -SHIFT, SHIFT, rng)
    zoom = uniform((count, 1, 1, 1), -ZOOM, ZOOM, rng) * here
    bend = BEND * blobs(count, 2, 4, size, rng)
    return (shift + zoom + bend) * _each(strength)


def developed(images: Tensor, strength: Tensor, rng: torch.Generator, *, grain: float = 0.02) -> Tensor:
    """Exposure, contrast, tint, a light from one side, and grain; strength ``[N]`` from 0 to 1."""
    count, _, size, _ = images.shape
    much = _each(strength)
    x = (images + 1) / 2
    ticks = torch.linspace(-1, 1, size)
    angle = uniform((count, 1, 1, 1), 0, 2 * torch.pi, rng)
    side = angle.cos() * ticks + angle.sin() * ticks[:, None]
    x = x.clamp(min=1e-4) ** torch.exp(much * uniform((count, 1, 1, 1), -0.25, 0.25, rng))
    gain = uniform((count, 1, 1, 1), -0.2, 0.2, rng) + uniform((count, 3, 1, 1), -0.07, 0.07, rng)
    x = x * torch.exp(much * gain) * (1 + much * uniform((count, 1, 1, 1), 0, 0.25, rng) * side)
    if grain:
        x = x + much * grain * torch.randn(x.shape, generator=rng)
    return (x * 2 - 1).clamp(-1, 1)


def _each(values: Tensor) -> Tensor:
    return values[:, None, None, None]

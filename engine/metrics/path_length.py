"""Perceptual path length (PPL): how fast the picture changes while the latent moves evenly. Small is smooth.

Source: Karras et al. 2019, arXiv:1812.04948, section 4.1; Karras et al. 2020, arXiv:1912.04958, measures at the ends
of paths in W.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import numpy as np
import torch
from torch import Tensor

from engine.metrics.features import Floats

EPSILON = 1e-4
TRIMMED = 1.0
"""Percent left out at either end: a few paths cross a seam and are thousands of times as long."""

Interpolate: TypeAlias = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Two latents ``[N, ...]`` and places ``[N]`` between them, 0 to 1, to latents."""
Render: TypeAlias = Callable[[Tensor], Tensor]
"""Latents ``[N, ...]`` to pictures ``[N, C, S, S]``, the same noise every time."""
Compare: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""Two stacks of pictures to distances ``[N]`` that are quadratic in small differences, as LPIPS is."""


class PathLength(NamedTuple):
    """Mean of what is left after trimming, its standard error, and how many paths are left."""

    mean: float
    standard_error: float
    paths: int


def lerp(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """Straight from `a` to `b` ``[N, ...]``, with t ``[N]``."""
    return a + (b - a) * _beside(t, a)


def slerp(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """Along the great circle from `a` to `b` ``[N, ..., D]``, with t ``[N]``. Vectors of length one."""
    a, b = _unit(a), _unit(b)
    cosine = (a * b).sum(dim=-1, keepdim=True)
    angle = _beside(t, a) * torch.acos(cosine.clamp(-1, 1))
    across = _unit(b - cosine * a)
    return _unit(a * torch.cos(angle) + across * torch.sin(angle))


def path_distances(
    a: Tensor,
    b: Tensor,
    t: Tensor,
    interpolate: Interpolate,
    render: Render,
    compare: Compare,
    epsilon: float = EPSILON,
) -> Tensor:
    """Distances ``[N]`` between the pictures at t and at ``t + epsilon``, over ``epsilon ** 2``.

    Args:
        a, b: Ends of the paths, ``[N, ...]``.
        t: ``[N]``, 0 to 1.
    """
    here, beyond = interpolate(a, b, t), interpolate(a, b, t + epsilon)
    pictures = render(torch.cat([here, beyond]))
    return compare(pictures[: len(a)], pictures[len(a) :]) / epsilon**2


def path_length(distances: Floats) -> PathLength:
    """The mean without the lowest and the highest percent of `distances` ``[N]``."""
    low = np.percentile(distances, TRIMMED, method="lower")
    high = np.percentile(distances, 100 - TRIMMED, method="higher")
    kept = distances[(distances >= low) & (distances <= high)]
    error = float(kept.std(ddof=1)) / math.sqrt(len(kept)) if len(kept) > 1 else math.nan
    return PathLength(float(kept.mean()), error, len(kept))


def _beside(t: Tensor, latents: Tensor) -> Tensor:
    return t.reshape(-1, *[1] * (latents.ndim - 1))


def _unit(x: Tensor) -> Tensor:
    unit: Tensor = x / x.norm(dim=-1, keepdim=True)
    return unit

"""Measuring how like its portrait a picture is (`engine.likeness`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from engine.inversion.distance import edges
from engine.inversion.objective import as_rgb
from engine.likeness import Likeness

Identity: TypeAlias = Callable[[Tensor, Tensor], float]
"""Two pictures ``[1, 3, S, S]`` in [-1, 1] to 1 minus the cosine of their faces' features."""


@torch.no_grad()
def measure_likeness(
    image: Tensor, target: Tensor, perceptual: float, perceptual_name: str, identity: Identity | None = None
) -> Likeness:
    """
    Args:
        image: ``[1, C, S, S]``; clamped to [-1, 1], as it is seen.
        target: ``[1, 3, S, S]`` in [-1, 1] (`engine.inversion.objective.aim`).
        perceptual: What the judge of that name said.
    """
    seen = as_rgb(image).clamp(-1, 1)
    return Likeness(
        pixel=float((seen - target).abs().mean() / 2),
        perceptual=perceptual,
        perceptual_name=perceptual_name,
        edge=float((edges(seen) - edges(target)).abs().mean() / 2),
        identity=None if identity is None else identity(seen, target),
    )

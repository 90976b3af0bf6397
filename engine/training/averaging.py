"""The moving average of the generator's weights: the one that is shown, judged and exported."""

from __future__ import annotations

import torch
from torch import nn


def average_decay(batch: int, half_life_images: float, images_seen: int, rampup: float | None) -> float:
    """How much of the average survives one step.

    Args:
        half_life_images: After so many images the weights of now count one half.
        rampup: The half-life is at most this share of the images seen so far, so that the random start is forgotten
            soon; None for a model that was trained before.

    Source: Karras et al. 2020, arXiv:2006.06676, appendix C.
    """
    half_life = half_life_images if rampup is None else min(half_life_images, images_seen * rampup)
    return float(0.5 ** (batch / max(half_life, 1e-8)))


@torch.no_grad()
def update_average(average: nn.Module, module: nn.Module, decay: float) -> None:
    """Move the weights of `average` towards those of `module`, in place; buffers are copied."""
    torch._foreach_lerp_(list(average.parameters()), list(module.parameters()), 1.0 - decay)
    for mine, theirs in zip(average.buffers(), module.buffers(), strict=True):
        mine.copy_(theirs)

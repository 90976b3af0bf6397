"""How the learning rate and the jitter of the latent go over the course of a projection, and what holds it back."""

from __future__ import annotations

import math
from dataclasses import dataclass

RAMP_UP = 0.05
RAMP_DOWN = 0.25
JITTER_RAMP = 0.75


def learning_rate(t: float, peak: float = 0.1, ramp_up: float = RAMP_UP, ramp_down: float = RAMP_DOWN) -> float:
    """Linear warm-up, plateau, cosine descent.

    Args:
        t: Share of the steps done, ``step / steps``, from 0 to below 1. At 0 the rate is 0.
        peak: The plateau.
        ramp_up, ramp_down: Shares of the run that warm-up and descent take.

    Source: Karras et al. 2020, arXiv:1912.04958, appendix D.
    """
    descent = 0.5 - 0.5 * math.cos(math.pi * min(1.0, (1.0 - t) / ramp_down))
    return peak * descent * min(1.0, t / ramp_up)


def jitter_scale(t: float, ramp: float = JITTER_RAMP) -> float:
    """Factor on the noise that is added to the latent: 1 at the start, 0 from `ramp` on, squared between."""
    return max(0.0, 1.0 - t / ramp) ** 2


@dataclass(frozen=True, slots=True)
class Hold:
    """What keeps a latent where edits work, in a search.

    Attributes:
        to_mean: Weight of the mean squared coordinate, in which W is round.
        together: Weight of the mean squared difference of the rows from their mean.
        longest_stride: How far the search may go along directions that hardly show, over the strongest.
    """

    to_mean: float
    together: float
    longest_stride: float


def hold(editability: float) -> Hold:
    """0: nearest likeness; 1/2: between; 1: practically in W, whose latents take all edits. Logarithmic.

    Args:
        editability: 0 to 1.
    """
    return Hold(
        to_mean=10 ** (2 * editability - 3),
        together=10 ** (6 * editability - 5),
        longest_stride=8 * 4 ** max(0.0, 1 - 2 * editability),
    )

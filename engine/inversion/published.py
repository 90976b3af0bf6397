"""Projection as it was published: one w, found by optimisation with ramped noise.

`project` is the loop that stylegan2-ada-pytorch and rosinality's port have in common; where they differ is in
`Recipe` and in the callables that draw and measure. `engine.inversion.project` is what Graft itself uses.

Source: Karras et al. 2020, arXiv:1912.04958, appendix D.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch
from torch import Tensor

from engine.inversion.noise_maps import Spread, normalize_, regularizer
from engine.inversion.schedules import jitter_scale, learning_rate

Render: TypeAlias = Callable[[Tensor, Sequence[Tensor]], Tensor]
"""Latents ``[N, 1 or num_ws, w_dim]`` and noise maps to pictures ``[N, C, H, W]``, with gradients."""

Measure: TypeAlias = Callable[[Tensor], Tensor]
"""Pictures to one distance from the target."""

Draw: TypeAlias = Callable[[int], Tensor]
"""Step to standard normal jitter in the shape of the latent."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Attributes:
    steps: At least 1.
    peak_rate: Highest learning rate of Adam (betas 0.9 and 0.999).
    jitter: Scale of the latent's jitter at the start, over the spread of W.
    regularize: Weight of `engine.inversion.noise_maps.regularizer`, summed over all maps.
    spread: How maps are normalised after every step.
    """

    steps: int = 1000
    peak_rate: float = 0.1
    jitter: float = 0.05
    regularize: float = 1e5
    spread: Spread = Spread.RMS


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """What one step found. `latent` is as the step left it; the distances are those of the picture before it."""

    index: int
    rate: float
    distance: float
    regularizer: float
    latent: Tensor
    image: Tensor


def project(
    render: Render,
    measure: Measure,
    latent: Tensor,
    spread_of_w: float,
    maps: Sequence[Tensor],
    recipe: Recipe,
    draw: Draw,
) -> Iterator[Step]:
    """Optimise a latent and noise maps.

    Args:
        latent: Where to start, usually the mean of W: ``[N, 1 or num_ws, w_dim]``. Not modified.
        spread_of_w: Root of the mean squared distance of w from its mean: about ``sqrt(w_dim)`` times the spread
            of one component.
        maps: Noise maps, usually standard normal. Optimised in place.
    """
    found = latent.clone().requires_grad_(True)
    for one in maps:
        one.requires_grad_(True)
    optimizer = torch.optim.Adam([found, *maps], lr=recipe.peak_rate)
    for index in range(recipe.steps):
        t = index / recipe.steps
        rate = learning_rate(t, recipe.peak_rate)
        for group in optimizer.param_groups:
            group["lr"] = rate
        scale = spread_of_w * recipe.jitter * jitter_scale(t)
        with torch.enable_grad():
            image = render(found + draw(index) * scale, maps)
            distance = measure(image)
            unlike_noise = sum((regularizer(one) for one in maps), torch.zeros(()))
            loss = distance + recipe.regularize * unlike_noise
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        for one in maps:
            normalize_(one, recipe.spread)
        yield Step(index, rate, distance.item(), unlike_noise.item(), found.detach().clone(), image.detach())

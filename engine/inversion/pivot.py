"""Pivotal tuning: move a generator's weights a little, so that one latent shows one portrait exactly.

`tune` is the published loop, with what is drawn and measured as parameters; `tune_pivot` is what Graft does with it.
As published, the latent is the pivot and stays, the mapping stays, and noise is the network's own: maps that a search
fitted are left out, so that the tuned weights hold all of the likeness and a blend with another's noise keeps it.

Source: Roich et al. 2021, arXiv:2106.05744.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.blending import scratch_for
from engine.errors import JobError, RenderCancelled
from engine.inversion.distance import PerceptualDistance
from engine.inversion.objective import aim, as_rgb
from engine.network import Network
from engine.pivot_events import MAX_TUNING_STEPS, STOP_AT, TUNING_RATE, TUNING_STEPS

PREVIEW_EVERY_S = 0.3

LOCALITY_WEIGHT = 0.1
LOCALITY_PSI = 0.5
LOCALITY_REACH = 30.0
"""How far from the pivot, as published for 18 rows of 512 numbers; elsewhere in proportion to the root of their
count."""
PUBLISHED_NUMBERS = 18 * 512
LOCALITY_SEED = 0

Distances: TypeAlias = tuple[Tensor, Tensor]
"""Squared and perceptual distance, each ``[]``."""


@dataclass(frozen=True, slots=True, eq=False)
class TuningStep:
    """Distances and picture from before the step's move; `loss` is everything that was descended on."""

    index: int
    loss: float
    squared: float
    perceptual: float
    image: Tensor


def tune(
    render: Callable[[], Tensor],
    measure: Callable[[Tensor], Distances],
    parameters: Sequence[Tensor],
    *,
    steps: int = 350,
    rate: float = 3e-4,
    stop_at: float = 0.06,
    nearby: Callable[[], Tensor] | None = None,
) -> Generator[TuningStep, None, None]:
    """Move `parameters` in place, by Adam, down the sum of both distances.

    Every step is yielded before its move. The loop ends without a move when the perceptual distance is `stop_at` or
    less, or something is not finite.

    Args:
        render: The picture as it is now, with gradients.
        nearby: A further loss that keeps what lies around the pivot as it was.
    """
    optimizer = torch.optim.Adam(list(parameters), lr=rate)
    for index in range(steps):
        with torch.inference_mode(False), torch.enable_grad():
            image = render()
            squared, perceptual = measure(image)
            loss = squared + perceptual
            value = loss.item()
            yield TuningStep(index, value, squared.item(), perceptual.item(), image.detach())
            if perceptual.item() <= stop_at or not math.isfinite(value):
                return
            if nearby is not None:
                loss = loss + nearby()
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()


@dataclass(frozen=True, slots=True, eq=False)
class TuningProgress:
    """Attributes:
    step: Moves done.
    fraction: Of the way, by steps or by distance, 0 to 1.
    image: The picture as it is, ``[1, C, S, S]`` in [-1, 1]; None most times.
    pixel_distance: Mean absolute difference from the target, 0 to 1.
    """

    step: int
    fraction: float
    image: Tensor | None
    pixel_distance: float
    perceptual_distance: float


@dataclass(frozen=True, slots=True, eq=False)
class TuningResult:
    """Attributes:
    tensors: Every tensor of the tuned network under its name in the open format, float32.
    before: What the pivot showed, ``[1, C, S, S]``.
    steps: Moves that led there.
    """

    tensors: dict[str, NDArray[np.float32]]
    before: Tensor
    steps: int
    perceptual_before: float
    perceptual_after: float


def tune_pivot(
    network: Network,
    ws: Tensor,
    target: NDArray[np.uint8],
    distance: PerceptualDistance,
    *,
    steps: int = TUNING_STEPS,
    rate: float = TUNING_RATE,
    stop_at: float = STOP_AT,
    locality: bool = False,
) -> Generator[TuningProgress, None, TuningResult]:
    """Tune a copy of `network` until `ws` shows `target`; yields before every move.

    It may be left alone between two steps for any time, and leaves torch's global state as it was. To cancel, throw
    `RenderCancelled` into it: it returns the best so far, or lets the exception through when nothing has moved yet.
    Everything is computed in float32: on a CPU, bfloat16 saves an eighth of the time and goes down less steeply.

    Args:
        network: Not modified.
        ws: The pivot, ``[1, num_ws, w_dim]``.
        target: The aligned portrait, ``[S, S, 3]`` uint8 RGB, S the network's `img_resolution`.
        distance: What judges likeness, beside the squared difference.
        steps: At most so many moves, 1 to 2000.
        stop_at: Distance by `distance` at which it ends early.
        locality: Hold on to what `network` draws of other latents.

    Raises:
        JobError: `steps` or the size of `target` is wrong, the pivot is as near as `stop_at` already, or the network
            makes no finite picture.
    """
    _check(network, target, steps)
    with torch.inference_mode(False), torch.no_grad():
        tuned = scratch_for(network)
        pivot = ws.detach().clone().to(network.device)
        wanted = aim(target, network)
        judge = distance.aimed_at(wanted)
        parameters = list(tuned.module.synthesis.parameters())
        best = [one.detach().clone() for one in parameters]
    for one in parameters:
        one.requires_grad_(True)

    def measure(image: Tensor) -> Distances:
        seen = as_rgb(image)
        return (seen - wanted).square().mean(), judge(seen).sum()

    loop = tune(
        lambda: tuned.synthesis(pivot, with_grad=True),
        measure,
        parameters,
        steps=steps + 1,  # the last is looked at and not moved
        rate=rate,
        stop_at=stop_at,
        nearby=_nearby(network, tuned, pivot, distance) if locality else None,
    )
    first: TuningStep | None = None
    least, least_perceptual, at, shown_at = math.inf, math.inf, 0, -math.inf
    try:
        for step in loop:
            first = first or step
            if not math.isfinite(step.loss):
                break
            if step.loss < least:
                least, least_perceptual, at = step.loss, step.perceptual, step.index
                with torch.inference_mode(False), torch.no_grad():
                    _copy(best, parameters)
            if step.index == steps:
                break
            show = time.perf_counter() - shown_at >= PREVIEW_EVERY_S
            shown_at = time.perf_counter() if show else shown_at
            yield TuningProgress(
                step.index,
                _way_done(step, first, steps, stop_at),
                step.image if show else None,
                float((as_rgb(step.image).clamp(-1, 1) - wanted).abs().mean() / 2),
                step.perceptual,
            )
    except RenderCancelled:
        if at == 0:
            raise
    finally:
        loop.close()
    if first is None or not math.isfinite(first.loss):
        raise JobError("The model makes pictures with values that are no numbers, so it cannot be tuned.")
    if at == 0 and first.perceptual <= stop_at:
        found = f"its distance is {first.perceptual:.3f}, and {stop_at:.3f} was asked for"
        raise JobError(f"The portrait is as near as that already: {found}.", "Ask for a closer likeness.")
    with torch.inference_mode(False), torch.no_grad():
        _copy(parameters, best)
    tensors = {name: tensor.detach().cpu().numpy() for name, tensor in tuned.tensors.items()}
    return TuningResult(tensors, first.image, at, first.perceptual, least_perceptual)


def _copy(to: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    for one, value in zip(to, values, strict=True):
        one.copy_(value)


def _check(network: Network, target: NDArray[np.uint8], steps: int) -> None:
    size = network.descriptor.img_resolution
    if not 1 <= steps <= MAX_TUNING_STEPS:
        raise JobError(f"The number of steps is {steps}; it must be from 1 to {MAX_TUNING_STEPS}.")
    if target.shape != (size, size, 3):
        given = " x ".join(str(length) for length in target.shape)
        raise JobError(f"The aligned portrait is {given}; this model needs {size} x {size} x 3.")


def _way_done(step: TuningStep, first: TuningStep, steps: int, stop_at: float) -> float:
    by_steps = step.index / steps
    if not 0.0 < stop_at < first.perceptual:
        return by_steps
    by_distance = math.log(first.perceptual / max(step.perceptual, stop_at)) / math.log(first.perceptual / stop_at)
    return min(1.0, max(by_steps, by_distance, 0.0))


def _nearby(network: Network, tuned: Network, pivot: Tensor, distance: PerceptualDistance) -> Callable[[], Tensor]:
    """How far the tuned network has moved away from its parent at a latent not far from the pivot."""
    generator = torch.Generator().manual_seed(LOCALITY_SEED)
    descriptor = network.descriptor
    reach = LOCALITY_REACH * math.sqrt(pivot.numel() / PUBLISHED_NUMBERS)

    def loss() -> Tensor:
        with torch.no_grad():
            z = torch.randn(1, descriptor.z_dim, generator=generator).to(network.device)
            label: Tensor | None = None
            if descriptor.c_dim:
                label = torch.zeros(1, descriptor.c_dim, device=network.device)
                label[0, int(torch.randint(descriptor.c_dim, (), generator=generator))] = 1.0
            away = network.mapping(z, label, LOCALITY_PSI) - pivot
            beside = pivot + reach * away / away.norm().clamp_min(1e-8)
            was = as_rgb(network.synthesis(beside, "none"))
            stays = distance.aimed_at(was)
        seen = as_rgb(tuned.synthesis(beside, "none", with_grad=True))
        return LOCALITY_WEIGHT * ((seen - was).square().mean() + stays(seen).sum())

    return loss

"""Invert a portrait: find the latent of a model that shows it, by optimisation, a step at a time.

What differs from projection as published (`engine.inversion.published`): the latent moves in coordinates in which W
is round and is pulled towards the mean, so it stays editable without having been searched in W first; small pictures
are matched before large ones; and where the model's curvature is known, every direction has a stride of its own.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.errors import JobError, RenderCancelled, SpaceMismatchError
from engine.inversion.curvature import Curvature
from engine.inversion.descent import Descent, Look
from engine.inversion.distance import PerceptualDistance
from engine.inversion.encoder import PortraitEncoderLike, curvature_of
from engine.inversion.likeness_measure import Identity, measure_likeness
from engine.inversion.lpips import choose_distance
from engine.inversion.objective import Objective, Phase, aim, as_rgb, phases
from engine.inversion.schedules import hold
from engine.likeness import Likeness
from engine.messages import LatentSpaceChoice
from engine.network import Network
from engine.places import user_places

MAX_STEPS = 5000
PREVIEW_EVERY_S = 0.3
LOOKS = 36
"""About so many times in a run the picture is made at full size, and what it shows can be gone back to."""
LEAST_BETWEEN_LOOKS = 6


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """A latent that shows something: what a search has come by, or goes on from.

    Attributes:
        ws: float32 ``[num_ws, w_dim]``.
        noise: Optimised maps by position, float32 ``[r, r]``; None when they are the model's own.
    """

    ws: NDArray[np.float32]
    noise: Mapping[int, NDArray[np.float32]] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class InversionProgress:
    """Attributes:
    step: Steps done: from 1, or from 0 where the start was found by an encoder or an earlier search.
    text: What is being done, in words.
    image: The picture before this step, ``[1, C, s, s]`` in [-1, 1]; None most times.
    pixel_distance: Mean absolute difference of that picture from the target, 0 to 1.
    snapshot: What shows `image`, which is at full size then. None for the smaller pictures that come between while
        steps take long.
    """

    step: int
    steps: int
    text: str
    image: Tensor | None
    pixel_distance: float
    snapshot: Snapshot | None = None


@dataclass(frozen=True, slots=True, eq=False)
class InversionResult:
    """Attributes:
    ws: float32 ``[num_ws, w_dim]``.
    noise: Optimised maps by position, float32 ``[r, r]``; None when they are the model's own.
    image: What they show, ``[1, C, S, S]``, not clamped.
    steps: How many were done.
    likeness: Of `image`.
    """

    ws: NDArray[np.float32]
    noise: dict[int, NDArray[np.float32]] | None
    image: Tensor
    steps: int
    likeness: Likeness

    @property
    def pixel_distance(self) -> float:
        return self.likeness.pixel

    @property
    def perceptual_distance(self) -> float:
        return self.likeness.perceptual

    @property
    def perceptual_name(self) -> str:
        return self.likeness.perceptual_name


def invert_portrait(
    network: Network,
    target: NDArray[np.uint8],
    *,
    space: LatentSpaceChoice = LatentSpaceChoice.W_PLUS,
    steps: int = 300,
    optimise_noise: bool = True,
    editability: float = 0.5,
    seed: int = 303,
    distance: PerceptualDistance | None = None,
    encoder: PortraitEncoderLike | None = None,
    begin_at: Snapshot | None = None,
    curvature: Curvature | None = None,
    identity: Identity | None = None,
) -> Generator[InversionProgress, None, InversionResult]:
    """Find the latent of `network` that shows `target`; yields after every step.

    It may be left alone between two steps for any time, and leaves torch's global state as it was. To cancel, throw
    `RenderCancelled` into it: it returns the best so far, or lets the exception through when there is nothing yet.
    The same arguments give the same result on the same device.

    Args:
        target: The aligned portrait, ``[S, S, 3]`` uint8 RGB, S the network's `img_resolution`.
        space: W keeps all rows of ``ws`` alike: less likeness, a latent like any seed's.
        steps: 1 to 5000; where the start was found from 0, which takes it as it is.
        optimise_noise: Fit the noise maps as well, in the second half.
        editability: How strongly the latent is held where edits work: 0 takes the nearest likeness, 1 stays
            practically in W (`engine.inversion.schedules.hold`).
        seed: For the samples of W that tell its shape, unless a curvature does.
        distance: What judges likeness; None for LPIPS if the user's weights folder has it, otherwise what ships with
            Graft. The result says by name which it was.
        encoder: Says where to start; None to start from the mean.
        begin_at: Where to start instead, noise maps included.
        curvature: Of this network; None for the encoder's, if that knows it.
        identity: Measures in the end whether it is the same person.

    Raises:
        JobError: `steps`, `editability` or the size of `target` is wrong, or the network makes no finite picture.
        SpaceMismatchError: `encoder`, `begin_at` or `curvature` is for other latents.
    """
    _check(network, target, steps, editability, least=0 if encoder or begin_at else 1)
    guide = curvature or curvature_of(encoder)
    _check_space(network, begin_at, guide)
    judge = distance or choose_distance(user_places().weights_folder)
    objective = Objective(aim(target, network), judge)
    descent = Descent(
        network,
        objective,
        space,
        hold(editability),
        optimise_noise=optimise_noise,
        seed=seed,
        start=_start(network, target, encoder, begin_at),
        maps=_maps(network, begin_at),
        curvature=guide,
    )
    found = encoder is not None or begin_at is not None
    plan = phases(network, near=found or guide is not None)
    between = max(LEAST_BETWEEN_LOOKS, math.ceil(steps / LOOKS))
    done, shown_at = 0, -math.inf

    def snapshot(look: Look) -> Snapshot:
        return Snapshot(descent.ws(look.state)[0].cpu().numpy(), descent.noise(look.state))

    try:
        if found:
            first = descent.look()
            shown_at = time.perf_counter()
            text = "Found by the encoder" if begin_at is None else "Going on from what was found"
            pixels = objective.pixel_distance(as_rgb(first.image))
            yield InversionProgress(0, steps, text, first.image, pixels, snapshot(first))
        for step in range(steps):
            phase = _phase_at(plan, step / steps)
            due = step % between == 0 and (step > 0 or not found)
            seen = descent.step(step, steps, phase, look=due)
            if seen is None:
                break
            done = step + 1
            look = seen.look if due else None
            image = seen.image if look is None else look.image
            show = due or time.perf_counter() - shown_at >= PREVIEW_EVERY_S
            shown_at = time.perf_counter() if show else shown_at
            yield InversionProgress(
                done,
                steps,
                phase.text,
                image if show else None,
                objective.pixel_distance(as_rgb(image)),
                None if look is None else snapshot(look),
            )
    except RenderCancelled:
        if done == 0 and not found:
            raise
    best = descent.best()
    if best is None:
        raise JobError("The model makes pictures with values that are no numbers, so nothing can be found in it.")
    return InversionResult(
        ws=descent.ws(best.state)[0].cpu().numpy(),
        noise=descent.noise(best.state),
        image=best.image,
        steps=done,
        likeness=measure_likeness(best.image, objective.target, best.value, judge.name, identity),
    )


def _phase_at(plan: tuple[Phase, ...], share: float) -> Phase:
    return [one for one in plan if one.start <= share][-1]


def _start(
    network: Network, target: NDArray[np.uint8], encoder: PortraitEncoderLike | None, begin_at: Snapshot | None
) -> Tensor | None:
    if begin_at is not None:
        return torch.from_numpy(np.array(begin_at.ws))[None].to(network.device)
    return None if encoder is None else encoder.encode(target, network)


def _maps(network: Network, begin_at: Snapshot | None) -> dict[str, Tensor] | None:
    if begin_at is None or not begin_at.noise:
        return None
    name = {layer.position: layer.name for layer in network.descriptor.layers if layer.has_noise}
    return {name[at]: torch.from_numpy(np.array(one)).to(network.device) for at, one in begin_at.noise.items()}


def _check_space(network: Network, begin_at: Snapshot | None, curvature: Curvature | None) -> None:
    descriptor = network.descriptor
    wanted = descriptor.num_ws, descriptor.w_dim
    if begin_at is not None and begin_at.ws.shape != wanted:
        rows, w_dim = begin_at.ws.shape
        raise SpaceMismatchError(
            f"The latent to go on from is {rows} x {w_dim}; this model takes {wanted[0]} x {wanted[1]}.",
            "Start from the mean.",
        )
    if curvature is not None and tuple(curvature.directions.shape[1:]) != wanted:
        rows, w_dim = curvature.directions.shape[1:]
        raise SpaceMismatchError(f"The curvature is of {rows} x {w_dim}; this model takes {wanted[0]} x {wanted[1]}.")


def _check(network: Network, target: NDArray[np.uint8], steps: int, editability: float, least: int) -> None:
    size = network.descriptor.img_resolution
    if not least <= steps <= MAX_STEPS:
        hint = "Without steps, only an encoder can find a portrait." if steps == 0 else ""
        raise JobError(f"The number of steps is {steps}; it must be from {least} to {MAX_STEPS}.", hint)
    if not 0 <= editability <= 1:
        raise JobError(f"The editability is {editability}; it must be from 0 to 1.")
    if target.shape != (size, size, 3):
        given = " x ".join(str(length) for length in target.shape)
        raise JobError(f"The aligned portrait is {given}; this model needs {size} x {size} x 3.")

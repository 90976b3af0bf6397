"""Invert a portrait: find the latent of a model that shows it, by optimisation, a step at a time.

What differs from projection as published (`engine.inversion.published`): the latent moves in coordinates in which W
is round and is pulled towards the mean, so it stays editable without having been searched in W first; colours and
shapes are matched before features, small pictures before large ones.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from engine.errors import JobError, RenderCancelled
from engine.inversion.descent import Descent
from engine.inversion.distance import PerceptualDistance
from engine.inversion.encoder import PortraitEncoder
from engine.inversion.lpips import choose_distance
from engine.inversion.objective import Objective, aim, as_rgb, phases
from engine.messages import LatentSpaceChoice
from engine.network import Network
from engine.places import user_places

MAX_STEPS = 5000
PREVIEW_EVERY_S = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class InversionProgress:
    """Attributes:
    step: Steps done: from 1, or from 0 where an encoder found the start.
    text: What is being done, in words.
    image: The picture before this step, ``[1, C, s, s]`` in [-1, 1], at the size being worked at (that of step 0
        at full size); None most times.
    pixel_distance: Mean absolute difference of that picture from the target, 0 to 1.
    """

    step: int
    steps: int
    text: str
    image: Tensor | None
    pixel_distance: float


@dataclass(frozen=True, slots=True, eq=False)
class InversionResult:
    """Attributes:
    ws: float32 ``[num_ws, w_dim]``.
    noise: Optimised maps by position, float32 ``[r, r]``; None when they are the model's own.
    image: What they show, ``[1, C, S, S]``, not clamped.
    steps: How many were done.
    pixel_distance: Mean absolute difference, 0 to 1.
    perceptual_distance: As `perceptual_name` measures it.
    """

    ws: NDArray[np.float32]
    noise: dict[int, NDArray[np.float32]] | None
    image: Tensor
    steps: int
    pixel_distance: float
    perceptual_distance: float
    perceptual_name: str


def invert_portrait(
    network: Network,
    target: NDArray[np.uint8],
    *,
    space: LatentSpaceChoice = LatentSpaceChoice.W_PLUS,
    steps: int = 300,
    optimise_noise: bool = True,
    seed: int = 303,
    distance: PerceptualDistance | None = None,
    encoder: PortraitEncoder | None = None,
) -> Generator[InversionProgress, None, InversionResult]:
    """Find the latent of `network` that shows `target`; yields after every step.

    It may be left alone between two steps for any time, and leaves torch's global state as it was. To cancel, throw
    `RenderCancelled` into it: it returns the best so far, or lets the exception through when there is nothing yet.
    The same arguments give the same result on the same device.

    Args:
        target: The aligned portrait, ``[S, S, 3]`` uint8 RGB, S the network's `img_resolution`.
        space: W keeps all rows of ``ws`` alike: less likeness, a latent like any seed's.
        steps: 1 to 5000; with an encoder from 0, which takes what it says as it is.
        optimise_noise: Fit the noise maps as well, in the second half.
        seed: For the samples of W that tell its shape.
        distance: What judges likeness; None for LPIPS if the user's weights folder has it, otherwise what ships with
            Graft. The result says by name which it was.
        encoder: The network's own encoder, which says where to start; None to start from the mean.

    Raises:
        JobError: `steps` or the size of `target` is wrong, or the network makes no finite picture.
        SpaceMismatchError: `encoder` is for other latents.
    """
    _check(network, target, steps, least=0 if encoder else 1)
    start = None if encoder is None else encoder.encode(target, network)
    judge = distance or choose_distance(user_places().weights_folder)
    objective = Objective(aim(target, network), judge)
    descent = Descent(network, objective, space, optimise_noise=optimise_noise, seed=seed, start=start)
    plan = phases(network, near=start is not None)
    done, shown_at = 0, -math.inf
    try:
        if start is not None:
            first = descent.look(network.descriptor.img_resolution)
            shown_at = time.perf_counter()
            yield InversionProgress(0, steps, "Found by the encoder", first, objective.pixel_distance(as_rgb(first)))
        for step in range(steps):
            phase = [one for one in plan if one.start <= step / steps][-1]
            image = descent.step(step, steps, phase)
            if image is None:
                break
            done = step + 1
            show = time.perf_counter() - shown_at >= PREVIEW_EVERY_S
            shown_at = time.perf_counter() if show else shown_at
            pixels = objective.pixel_distance(as_rgb(image))
            yield InversionProgress(done, steps, phase.text, image if show else None, pixels)
    except RenderCancelled:
        if done == 0 and start is None:
            raise
    state, image = descent.best()
    if image is None:
        raise JobError("The model makes pictures with values that are no numbers, so nothing can be found in it.")
    return InversionResult(
        ws=descent.ws(state)[0].cpu().numpy(),
        noise=descent.noise(state),
        image=image,
        steps=done,
        pixel_distance=objective.pixel_distance(as_rgb(image)),
        perceptual_distance=objective.value(as_rgb(image)),
        perceptual_name=judge.name,
    )


def _check(network: Network, target: NDArray[np.uint8], steps: int, least: int) -> None:
    size = network.descriptor.img_resolution
    if not least <= steps <= MAX_STEPS:
        hint = "Without steps, only an encoder can find a portrait." if steps == 0 else ""
        raise JobError(f"The number of steps is {steps}; it must be from {least} to {MAX_STEPS}.", hint)
    if target.shape != (size, size, 3):
        given = " x ".join(str(length) for length in target.shape)
        raise JobError(f"The aligned portrait is {given}; this model needs {size} x {size} x 3.")

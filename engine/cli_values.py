"""What command line options mean: lists, face points, and changes to a state. Light."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import typer

from engine.errors import EngineError, NoFaceError
from engine.framing import FacePoints
from engine.messages import PortraitOpened
from engine.number_lists import read_seeds
from engine.state import (
    EditState,
    StoredLatent,
    with_blend,
    with_latent,
    with_models,
    with_noise,
    with_seed,
    with_swap_resolution,
    with_truncation,
)
from engine.state import ModelRef as Model


def changed_state(
    state: EditState,
    *,
    model_a: Model | None,
    model_b: Model | None,
    latent: StoredLatent | None,
    seed: int | None,
    psi: float | None,
    cutoff: int | None,
    class_index: int | None,
    blend: Mapping[str, object],
    noise: Mapping[str, object],
) -> EditState:
    """The state with every option that was given put in place; None, also inside `blend` and `noise`, keeps.

    Raises:
        BadParameter: a seed and a latent were both given.
    """
    if seed is not None and latent is not None:
        raise typer.BadParameter("a picture has one latent: give --seed or --latent, not both.")
    state = with_models(state, a=model_a, b=model_b)
    if seed is not None:
        state = with_seed(state, seed)
    if latent is not None:
        state = with_truncation(with_latent(state, latent), 1.0, state.truncation_cutoff)  # as it was found
    wanted_psi = state.truncation_psi if psi is None else psi
    state = with_truncation(state, wanted_psi, state.truncation_cutoff if cutoff is None else cutoff)
    if class_index is not None:
        state = replace(state, class_index=class_index)
    given = {name: value for name, value in blend.items() if value is not None}
    if isinstance(size := given.pop("swap_resolution", None), int):
        state = with_swap_resolution(state, size)
    state = with_blend(state, **given)
    return with_noise(state, **{name: value for name, value in noise.items() if value is not None})


def parse_seeds(text: str) -> list[int]:
    """As `engine.number_lists.read_seeds`.

    Raises:
        BadParameter: it is no such list.
    """
    try:
        return read_seeds(text)
    except EngineError as error:
        raise typer.BadParameter(error.user_message) from None


def parse_swaps(text: str | None, resolutions: tuple[int, ...]) -> list[int]:
    """Swap resolutions for the columns of a sheet: those of `text`, or all that make a difference, largest first.

    Raises:
        BadParameter: one of them is no resolution of the models.
    """
    if text is None:
        return sorted(resolutions[:-1], reverse=True)
    known = ", ".join(map(str, resolutions))
    swaps = []
    for part in text.split(","):
        if part.strip() not in map(str, resolutions):
            raise typer.BadParameter(f"“{part.strip():.20}” in --swaps: these models have {known}.")
        swaps.append(int(part))
    return swaps


def face_from_options(eyes: str | None, mouth: str | None) -> FacePoints | None:
    """Face points given by hand, or None when none were.

    Raises:
        BadParameter: they are not numbers, or not complete.
    """
    if eyes is None and mouth is None:
        return None
    if eyes is None or mouth is None:
        raise typer.BadParameter("a face needs both: give --eyes and --mouth, or neither to find it.")
    (ax, ay, bx, by), (mx, my) = _numbers(eyes, 4, "--eyes"), _numbers(mouth, 2, "--mouth")
    left, right = sorted([(ax, ay), (bx, by)])
    if left == right:
        raise typer.BadParameter("the two points of --eyes must differ.")
    return FacePoints(left, right, (mx, my))


def choose_face(opened: PortraitOpened, number: int) -> tuple[FacePoints, str]:
    """The face of that number, 1 for the largest, and remarks: when there was a choice, when there is doubt.

    Raises:
        NoFaceError: there are not so many.
    """
    found = len(opened.faces)
    name = opened.path.name
    if found == 0:
        raise NoFaceError(f"No face was found in {name:.80}.", "Say where it is: --eyes X,Y,X,Y --mouth X,Y.")
    if number > found:
        many = "one face was" if found == 1 else f"{found} faces were"
        raise NoFaceError(f"Only {many} found in {name:.80}; --face {number} is not there.", "Give a smaller number.")
    choice = f"{found} faces were found; taking number {number}, counted from the largest (--face chooses)."
    doubt = opened.remarks[number - 1] if opened.remarks else ""
    return opened.faces[number - 1], " ".join(filter(None, (choice if found > 1 else "", doubt)))


def _numbers(text: str, count: int, option: str) -> list[float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != count or not all(math.isfinite(number) and abs(number) < 1e6 for number in numbers):
        rule = f"it must be {count} numbers in pixels, with commas between"
        raise typer.BadParameter(f"{option} is “{text:.40}”; {rule}.")
    return numbers

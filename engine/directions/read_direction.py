"""What a file of directions holds, before it is fitted to a model."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from engine.directions.latent_moments import Floats
from engine.errors import LatentError, LatentShapeError, printable
from engine.latents import MAX_ROWS, MAX_WIDTH
from engine.state import ModelRef

MAX_DIRECTIONS = 256
"""Of one file; what comes after is left out."""


class Space(StrEnum):
    W = "w"
    Z = "z"


@dataclass(frozen=True, slots=True, eq=False)
class ReadDirection:
    """Attributes:
    values: ``[rows, w_dim]``, finite; one row is used for all.
    in_sigmas: Whether `values` is the step of one sigma; otherwise only where it leads is known.
    model: The one that it was found in, if the file says so.
    rows: The rows of ``ws`` that it is meant for, half open; None for all.
    source: As in `DirectionRecord`.
    number: Its place among those found together, from 0.
    reach: How far it is meant to be taken, in sigmas: lowest and highest.
    """

    values: Floats
    name: str
    space: Space = Space.W
    in_sigmas: bool = False
    model: ModelRef | None = None
    rows: tuple[int, int] | None = None
    source: str = "import"
    number: int | None = None
    reach: tuple[float, float] | None = None


def as_rows(array: NDArray[np.floating], name: str) -> Floats:
    """An array as the ``[rows, w_dim]`` of one direction: [D], [1, D], [1, 1, D], [rows, D] or [1, rows, D].

    Raises:
        LatentShapeError: it is none of these, or larger than any model's.
        LatentError: a value is not a finite number.
    """
    shape = array.shape
    while array.ndim > 2 and array.shape[0] == 1:
        array = array[0]
    if array.ndim == 1:
        array = array[np.newaxis]
    if array.ndim != 2 or not 1 <= array.shape[0] <= MAX_ROWS or not 2 <= array.shape[1] <= MAX_WIDTH:
        sides = " x ".join(map(str, shape)) or "a single number"
        raise LatentShapeError(
            f"“{printable(name, 60)}” is {sides}, which is no direction.",
            "A direction is one row of numbers, or one for each layer.",
        )
    with np.errstate(over="ignore", invalid="ignore"):
        values = np.ascontiguousarray(array, np.float32)
    if not np.isfinite(values).all():
        raise LatentError(f"“{printable(name, 60)}” holds values that are not finite numbers.")
    return values


def fitted(read: ReadDirection, w_dim: int, num_ws: int) -> Floats:
    """The direction for a model: surplus rows left out, rows that are all the same made one.

    Raises:
        LatentShapeError: it is of another width; names both.
    """
    values = read.values
    if values.shape[1] != w_dim:
        raise LatentShapeError(
            f"“{printable(read.name, 60)}” has {values.shape[1]} values per layer; "
            f"latents of this model have {w_dim}.",
            "It was made for another model: choose that one as model A.",
        )
    kept = values[:num_ws]
    return kept[:1] if len(kept) > 1 and (kept == kept[0]).all() else kept

"""What is asked for and answered about pivotal tuning: part of `engine.messages`. No torch: the window reads it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.descriptor import NetworkDescriptor
from engine.likeness import Likeness
from engine.portrait_source import PortraitSource
from engine.state import ModelRef, StoredLatent

if TYPE_CHECKING:
    from engine.messages import Pixels

TUNING_STEPS = 350
MAX_TUNING_STEPS = 2000
TUNING_RATE = 3e-4
STOP_AT = 0.06
"""Perceptual distance at which the likeness is good enough, as published for LPIPS; Graft's own judge, whose numbers
are about as large, agrees."""


@dataclass(frozen=True, slots=True)
class TunePivot:
    """Move the weights of a model a little so that a latent shows its portrait exactly. Result: `PivotTuned`.

    A cancelled one has the best so far, if there was a step.

    Attributes:
        latent: Where the portrait was found, in `model`. Its noise maps, if it has any, are left out.
        name: Of the tuned model.
        portrait: What the person is called.
        steps: At most so many, 1 to 2000.
        rate: Of Adam.
        stop_at: Perceptual distance at which it ends early; 0 never does.
        locality: Hold on to what the model draws of other latents. Takes more than twice as long.
        path: Where the file goes; None for among the models that were made here.
    """

    latent: StoredLatent
    model: ModelRef
    source: PortraitSource
    name: str
    portrait: str = ""
    steps: int = TUNING_STEPS
    rate: float = TUNING_RATE
    stop_at: float = STOP_AT
    locality: bool = False
    path: Path | None = None


@dataclass(frozen=True, slots=True, eq=False)
class PivotTuned:
    """Attributes:
    model: The tuned one, on the shelf.
    path: Its file, a difference to the parent (`engine.pivot_file`).
    size_bytes: Of that file.
    latent: The pivot, without noise maps of its own: what `image` shows in the tuned model.
    target: The aligned portrait.
    image: As the file gives it, not only as it was tuned.
    before, after: How like the portrait the pivot was and is.
    steps: How many moves it took.
    """

    model: ModelRef
    descriptor: NetworkDescriptor
    path: Path
    size_bytes: int
    latent: StoredLatent
    target: Pixels
    image: Pixels
    before: Likeness
    after: Likeness
    steps: int
    elapsed_s: float

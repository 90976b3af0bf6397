"""What is asked for and answered about directions: part of `engine.messages`. No torch: the window reads it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias

from engine.library_records import DirectionRecord
from engine.state import EditState, View

SAMPLES = 10_000
"""Latents that sigmas and components are measured on."""


class DirectionMethod(StrEnum):
    """As in `DirectionRecord.source`."""

    GANSPACE_W = "ganspace-w"
    GANSPACE_ACTIVATIONS = "ganspace-act"
    SEFA = "sefa"


@dataclass(frozen=True, slots=True)
class FindDirections:
    """Find directions in one of the pictures of a state: in model A, B or their blend. Result: `DirectionsFound`.

    Attributes:
        layer_range: The rows of ``ws`` they are for, half open; None for all. SeFa looks at the layers that read
            these; the activations are those of the highest block among them, up to 16 px.
        count: How many, the strongest first.
    """

    state: EditState
    method: DirectionMethod
    view: View = View.BLEND
    layer_range: tuple[int, int] | None = None
    count: int = 10
    samples: int = SAMPLES


@dataclass(frozen=True, slots=True)
class ImportDirections:
    """Read a file of directions for one of the pictures of a state. Result: `DirectionsFound`."""

    path: Path
    state: EditState
    view: View = View.BLEND


@dataclass(frozen=True, slots=True)
class SubtractLatents:
    """The direction from one state's latent to another's, both as they go into the picture. Result:
    `DirectionsFound`, with one."""

    start: EditState
    end: EditState
    name: str = "difference"


@dataclass(frozen=True, slots=True)
class ExportDirections:
    """Write directions with their names and units. Result: `DirectionsExported`."""

    path: Path
    directions: tuple[DirectionRecord, ...]


@dataclass(frozen=True, slots=True)
class MeasureStyles:
    """How far the channels of StyleSpace usually go in a picture's model. Result: `StylesMeasured`."""

    state: EditState
    view: View = View.BLEND
    samples: int = SAMPLES


DirectionJob: TypeAlias = FindDirections | ImportDirections | SubtractLatents | ExportDirections | MeasureStyles


@dataclass(frozen=True, slots=True)
class DirectionsFound:
    """Attributes:
    directions: The strongest first; their arrays are in the latent store.
    parts: Share of all variance that each accounts for, 0 to 1; empty where that means nothing.
    notes: Sentences for the user.
    """

    directions: tuple[DirectionRecord, ...]
    parts: tuple[float, ...] = ()
    elapsed_s: float = 0.0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DirectionsExported:
    path: Path
    count: int


@dataclass(frozen=True, slots=True)
class StyleLayer:
    """The style of one layer.

    Attributes:
        name: As in the state dict, ``b32.conv0``.
        position, torgb: As in `StyleEdit`.
        sigmas: Standard deviation of every channel, in the units of the style.
        effects: By how much one sigma changes what the layer gives, as a share of it; for ranking.
    """

    name: str
    resolution: int
    position: int
    torgb: bool
    sigmas: tuple[float, ...]
    effects: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class StylesMeasured:
    layers: tuple[StyleLayer, ...]


DirectionResult: TypeAlias = DirectionsFound | DirectionsExported | StylesMeasured

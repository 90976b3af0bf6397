"""What a training run tells whoever started it, as data and as lines of JSON. No torch: the window reads them too."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, TypeAlias, get_args

from engine.errors import CorruptModelError
from engine.strict_json import decode, parse_json_object


@dataclass(frozen=True, slots=True)
class Started:
    """Attributes:
    images_seen: More than 0 when an earlier run goes on.
    """

    folder: str
    images_seen: int
    total_images: int
    pictures: int
    resolution: int


@dataclass(frozen=True, slots=True)
class Notice:
    """A sentence that the user should read; nothing stops."""

    text: str


@dataclass(frozen=True, slots=True)
class Progress:
    """Attributes:
    generator, discriminator: Losses, means since the last one.
    real_sign: How sure the discriminator is of real pictures, -1 to 1.
    r1: Gradient penalty without its weight; NaN where none was due.
    path_length: Likewise.
    time_left_s: At the speed of this process so far.
    """

    images_seen: int
    total_images: int
    generator: float
    discriminator: float
    real_sign: float
    r1: float
    path_length: float
    ada_p: float
    images_per_s: float
    elapsed_s: float
    time_left_s: float


@dataclass(frozen=True, slots=True)
class SheetSaved:
    images_seen: int
    path: str


@dataclass(frozen=True, slots=True)
class CheckpointSaved:
    images_seen: int
    path: str


@dataclass(frozen=True, slots=True)
class Measured:
    """Attributes:
    kid: Distance of generated from real pictures; smaller is better; comparable only for equal `features`.
    features: What the pictures were compared by.
    floor: The same distance between two halves of the real pictures.
    is_best: No smaller one before in this run.
    """

    images_seen: int
    kid: float
    features: str
    floor: float
    is_best: bool


@dataclass(frozen=True, slots=True)
class Paused:
    """Something outside must change, such as a full disk; asking for the next event tries again."""

    reason: str
    hint: str


@dataclass(frozen=True, slots=True)
class Finished:
    """Attributes:
    model: The exported generator.
    images_seen: Of the run.
    best_images: Of the exported snapshot, which need not be the last.
    complete: False when the run was asked to stop early; it can be resumed.
    """

    model: str
    images_seen: int
    best_images: int
    complete: bool


Event: TypeAlias = Started | Notice | Progress | SheetSaved | CheckpointSaved | Measured | Paused | Finished


def to_json_line(event: Event) -> str:
    """One line of JSON with the event's name under ``event``; NaN becomes null."""
    document: dict[str, Any] = {"event": type(event).__name__, **asdict(event)}
    for name, value in document.items():
        if isinstance(value, float) and not math.isfinite(value):
            document[name] = None
    return json.dumps(document, allow_nan=False)


def from_json_line(line: str) -> Event | None:
    """Twin of `to_json_line`; None for a line that is none, such as one that was cut short by a kill."""
    try:
        document = parse_json_object(line)
        kind = _KINDS[document.pop("event")]
        numbers = {field.name for field in fields(kind) if field.type == "float"}
        known = {name: math.nan if value is None and name in numbers else value for name, value in document.items()}
        return _decoded(kind, known)
    except (CorruptModelError, KeyError, TypeError):
        return None


def _decoded(kind: type[Any], known: dict[str, Any]) -> Event:
    """`decode`, which refuses what is not finite: no number at all is a value here."""
    missing = {name for name, value in known.items() if isinstance(value, float) and math.isnan(value)}
    event = decode(kind, {name: 0.0 if name in missing else value for name, value in known.items()}, "event")
    told: Event = replace(event, **dict.fromkeys(missing, math.nan))
    return told


_KINDS: dict[str, type[Event]] = {kind.__name__: kind for kind in get_args(Event)}

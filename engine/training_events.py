"""What a training run tells whoever started it, as data and as lines of JSON. No torch: the window reads them too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias, get_args

from engine.event_lines import from_json_line


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


_KINDS: dict[str, type[Event]] = {kind.__name__: kind for kind in get_args(Event)}


def read_event(line: str) -> Event | None:
    """None for a line that is no event."""
    event: Event | None = from_json_line(line, _KINDS)
    return event

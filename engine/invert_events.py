"""What the search for portraits in a folder tells whoever started it. No torch: a window may read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias, get_args

from engine.event_lines import from_json_line


@dataclass(frozen=True, slots=True)
class InvertStarted:
    """Attributes:
    photos: How many there are, those that were done earlier included.
    jobs: Processes that search at the same time.
    """

    photos: int
    folder: str
    jobs: int


@dataclass(frozen=True, slots=True)
class InvertProgress:
    """Attributes:
    fraction: Of all photos, those that were done earlier included: 0 to 1.
    time_left_s: By what was done so far; NaN while nothing was.
    """

    text: str
    fraction: float
    elapsed_s: float
    time_left_s: float


@dataclass(frozen=True, slots=True)
class PortraitFound:
    """One portrait is there, whole, and will not be searched for again.

    Attributes:
        photo: Its name in the folder.
        face: Which of the photo's, from 1, the largest.
        name: What to call it.
        latent: The file with the latent (`engine.latent_file`).
        picture: What the model shows.
        crop: What was aimed at.
        is_new: False when an earlier run found it.
    """

    photo: str
    face: int
    name: str
    latent: str
    picture: str
    crop: str
    is_new: bool


@dataclass(frozen=True, slots=True)
class PhotoLeftOut:
    """A photo, or one face in it, in which nothing was found; the others go on."""

    photo: str
    problem: str


@dataclass(frozen=True, slots=True)
class InvertFinished:
    """Attributes:
    made, kept: Portraits.
    left_out: Photos, or faces.
    report: The page to open; empty when there is none.
    summary: How like they are, as a sentence.
    """

    made: int
    kept: int
    left_out: int
    report: str
    summary: str
    elapsed_s: float


InvertEvent: TypeAlias = InvertStarted | InvertProgress | PortraitFound | PhotoLeftOut | InvertFinished

_KINDS: dict[str, type[InvertEvent]] = {kind.__name__: kind for kind in get_args(InvertEvent)}


def read_invert_event(line: str) -> InvertEvent | None:
    """None for a line that is no event."""
    event: InvertEvent | None = from_json_line(line, _KINDS)
    return event

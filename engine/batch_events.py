"""What a batch tells whoever started it. No torch: a window may read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias, get_args

from engine.event_lines import from_json_line


@dataclass(frozen=True, slots=True)
class BatchStarted:
    """Attributes:
    total: Pictures to make, those that are there already included.
    """

    total: int
    folder: str


@dataclass(frozen=True, slots=True)
class BatchProgress:
    """Attributes:
    done: Pictures that are finished, made now or earlier.
    time_left_s: By what was made so far; NaN while nothing was.
    """

    text: str
    done: int
    total: int
    elapsed_s: float
    time_left_s: float


@dataclass(frozen=True, slots=True)
class BatchPicture:
    """One picture is there.

    Attributes:
        name: Of the photo or seed.
        file: Where it is.
        is_new: False when an earlier run made it.
    """

    name: str
    file: str
    is_new: bool


@dataclass(frozen=True, slots=True)
class BatchSkipped:
    """One picture could not be made; the others go on."""

    name: str
    problem: str


@dataclass(frozen=True, slots=True)
class BatchFinished:
    """Attributes:
    sheet: All pictures on one page; empty when there is none.
    """

    made: int
    kept: int
    failed: int
    sheet: str
    elapsed_s: float


BatchEvent: TypeAlias = BatchStarted | BatchProgress | BatchPicture | BatchSkipped | BatchFinished

_KINDS: dict[str, type[BatchEvent]] = {kind.__name__: kind for kind in get_args(BatchEvent)}


def read_batch_event(line: str) -> BatchEvent | None:
    """None for a line that is no event."""
    event: BatchEvent | None = from_json_line(line, _KINDS)
    return event

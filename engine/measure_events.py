"""What measuring a model tells whoever started it. No torch: a window may read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias, get_args

from engine.event_lines import from_json_line


@dataclass(frozen=True, slots=True)
class MeasureStarted:
    """Attributes:
    model: Its name.
    data: Folder of the real pictures; empty when none are compared with.
    pictures: Real pictures that can be used.
    count: Pictures compared on each side; real against real likewise.
    features: What pictures are compared by; numbers compare only when it is the same.
    """

    model: str
    img_resolution: int
    metrics: tuple[str, ...]
    data: str
    pictures: int
    count: int
    psi: float
    seed: int
    device: str
    features: str


@dataclass(frozen=True, slots=True)
class MeasureNotice:
    """A sentence that the user should read; nothing stops."""

    text: str


@dataclass(frozen=True, slots=True)
class MeasureProgress:
    """Attributes:
    text: What is being done.
    time_left_s: Until this, not everything, is done.
    """

    text: str
    done: int
    total: int
    elapsed_s: float
    time_left_s: float


@dataclass(frozen=True, slots=True)
class MetricMeasured:
    """Attributes:
    metric: ``kid``, ``fid``, ``precision``, ``recall`` or ``ppl``.
    value: Of the model.
    standard_error: NaN where none is known.
    floor: The same number for real pictures against other real ones; NaN where there is no such thing.
    higher_is_better: Otherwise lower is.
    """

    metric: str
    value: float
    standard_error: float
    floor: float
    higher_is_better: bool


@dataclass(frozen=True, slots=True)
class CopiesChecked:
    """Distances from pictures to the nearest original, by features: 0 for equal ones.

    Attributes:
        closest: The smallest of the samples' distances.
        median: Their median.
        between_originals: The smallest distance between two originals.
        between_originals_median: The median distance of an original to the nearest other one.
        below: Samples closer to an original than any two originals are to each other.
        below_median: Samples closer to one than half of the originals are to any other.
        sheet: Where the closest pairs are drawn; empty when not asked for.
    """

    samples: int
    originals: int
    closest: float
    median: float
    between_originals: float
    between_originals_median: float
    below: int
    below_median: int
    sheet: str


@dataclass(frozen=True, slots=True)
class MeasureFinished:
    """Attributes:
    report: Where everything was written; empty when not asked for.
    """

    report: str
    elapsed_s: float


MeasureEvent: TypeAlias = (
    MeasureStarted | MeasureNotice | MeasureProgress | MetricMeasured | CopiesChecked | MeasureFinished
)

_KINDS: dict[str, type[MeasureEvent]] = {kind.__name__: kind for kind in get_args(MeasureEvent)}


def read_measure_event(line: str) -> MeasureEvent | None:
    """None for a line that is no event."""
    event: MeasureEvent | None = from_json_line(line, _KINDS)
    return event

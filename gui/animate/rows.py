"""Where everything lies on the timeline: times, tracks, keys and curves in pixels. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import pairwise
from typing import cast

from engine.animation.film import value_at
from engine.animation.parameters import Kind, parameter
from engine.animation.timeline import Key, Timeline, Track
from engine.state import ModelRef, SeedLatent, StoredLatent

RULER_PX = 22
ROW_PX = 26
CURVE_PX = 84
NAMES_PX = 168
MARGIN_PX = 14
KEY_PX = 6.0
REACH_PX = 8.0
CURVE_STEPS = 160
_PAD_PX = 9.0
_TICKS_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)


@dataclass(frozen=True, slots=True)
class Row:
    """One track on screen.

    Attributes:
        low, high: The values at its foot and its head, where it shows a curve.
        is_stepped: It goes through powers of two, evenly spaced.
    """

    track: Track
    top: float
    height: float
    low: float = 0.0
    high: float = 1.0
    is_stepped: bool = False

    @property
    def path(self) -> str:
        return self.track.parameter

    @property
    def middle(self) -> float:
        return self.top + self.height / 2

    @property
    def is_open(self) -> bool:
        return self.height > ROW_PX


@dataclass(frozen=True, slots=True)
class Layout:
    """Attributes:
    width: Of the whole widget.
    """

    timeline: Timeline
    rows: tuple[Row, ...]
    width: float
    _curves: dict[str, list[tuple[float, float]]] = field(default_factory=dict, compare=False, repr=False)

    @property
    def left(self) -> float:
        return NAMES_PX + MARGIN_PX

    @property
    def span(self) -> float:
        return max(1.0, self.width - self.left - MARGIN_PX)

    @property
    def height(self) -> float:
        return self.rows[-1].top + self.rows[-1].height if self.rows else float(RULER_PX)

    def x(self, time_s: float) -> float:
        return self.left + self.span * time_s / self.timeline.duration_s

    def time(self, x: float) -> float:
        return min(1.0, max(0.0, (x - self.left) / self.span)) * self.timeline.duration_s

    def y(self, row: Row, key: Key) -> float:
        return self.value_y(row, float(cast(float, key.value))) if row.is_open else row.middle

    def value_y(self, row: Row, value: float) -> float:
        low, high, here = (_scaled(row, number) for number in (row.low, row.high, value))
        share = (here - low) / ((high - low) or 1.0)
        return row.top + row.height - _PAD_PX - share * (row.height - 2 * _PAD_PX)

    def value(self, row: Row, y: float) -> float:
        share = (row.top + row.height - _PAD_PX - y) / (row.height - 2 * _PAD_PX)
        if row.is_stepped:
            return float(2 ** round(math.log2(row.low) + share * math.log2(row.high / row.low)))
        return row.low + share * (row.high - row.low)

    def row_at(self, y: float) -> Row | None:
        return next((row for row in self.rows if row.top <= y < row.top + row.height), None)

    def key_at(self, x: float, y: float) -> tuple[Row, Key] | None:
        """The key under a point, the nearest of several."""
        row = self.row_at(y)
        if row is None:
            return None
        near = [key for key in row.track.keys if abs(self.x(key.time_s) - x) <= REACH_PX]
        near = [key for key in near if abs(self.y(row, key) - y) <= REACH_PX + (0 if row.is_open else ROW_PX)]
        return (row, min(near, key=lambda key: abs(self.x(key.time_s) - x))) if near else None

    def ticks(self) -> list[tuple[float, bool]]:
        """Times to mark on the ruler, and whether they are written out."""
        step = next((step for step in _TICKS_S if self.span * step / self.timeline.duration_s >= 56), _TICKS_S[-1])
        parts = 5
        count = int(self.timeline.duration_s / step * parts + 1e-6)
        return [(index * step / parts, index % parts == 0) for index in range(count + 1)]

    def curve(self, row: Row) -> list[tuple[float, float]]:
        """Points of a number's curve; of what has none, nothing. Asked for at each step of a film that plays."""
        if not is_curved(row.path):
            return []
        if row.path not in self._curves:
            alone = replace(self.timeline, tracks=(row.track,))
            points = [
                (self.x(time_s), self.value_y(row, value)) for time_s, value in _values(alone) if value is not None
            ]
            self._curves[row.path] = _stairs(points) if row.is_stepped else points
        return self._curves[row.path]


def layout(timeline: Timeline, opened: frozenset[str], width: float) -> Layout:
    """Rows under each other, in the order of the tracks."""
    rows: list[Row] = []
    top = float(RULER_PX)
    for track in timeline.tracks:
        is_open = track.parameter in opened and is_curved(track.parameter)
        height = float(CURVE_PX if is_open else ROW_PX)
        found = parameter(track.parameter)
        is_stepped = found is not None and found.kind is Kind.RESOLUTION
        rows.append(Row(track, top, height, *_range(track), is_stepped))
        top += height
    return Layout(timeline, tuple(rows), width)


@lru_cache(maxsize=64)
def _values(timeline: Timeline) -> tuple[tuple[float, float | None], ...]:
    """Times and values of its one track: while keys of another are dragged, they stay."""
    (track,), duration_s = timeline.tracks, timeline.duration_s
    times = [duration_s * step / CURVE_STEPS for step in range(CURVE_STEPS)] + [duration_s * (1 - 1e-9)]
    return tuple((time_s, cast("float | None", value_at(timeline, track.parameter, time_s))) for time_s in times)


def _scaled(row: Row, value: float) -> float:
    return math.log2(value) if row.is_stepped else value


def _stairs(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    corners = [((later[0], before[1]), later) for before, later in pairwise(points)]
    return points[:1] + [point for pair in corners for point in pair]


def is_curved(path: str) -> bool:
    """Whether a parameter is one number that goes through those between."""
    found = parameter(path)
    return found is not None and found.kind in (Kind.NUMBER, Kind.WHOLE, Kind.RESOLUTION)


def _range(track: Track) -> tuple[float, float]:
    found = parameter(track.parameter)
    if found is None or not is_curved(track.parameter):
        return 0.0, 1.0
    values = [float(cast(float, key.value)) for key in track.keys if key.value is not None]
    low, high = min([found.low, *values]), max([found.high, *values])
    if found.kind is Kind.RESOLUTION:
        low, high = min(values), max(values)
        return (low, high) if high > low else (low / 2, high * 2)
    if found.high > 50:
        low, high = min(values, default=low), max(values, default=high)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def words(value: object) -> str:
    """A value in a few letters."""
    match value:
        case SeedLatent(seed=seed, pad_x=x, pad_y=y):
            return f"seed {seed}" + (f" ({x:.2f}, {y:.2f})" if x or y else "")
        case StoredLatent(name=name) | ModelRef(name=name):
            return name or "portrait"
        case None:
            return "none"
        case float():
            return f"{value:.3g}"
        case tuple():
            return "(" + ", ".join(words(part) for part in value[:3]) + (" …)" if len(value) > 3 else ")")
        case _:
            return f"{value}"[:24]

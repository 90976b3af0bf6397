"""Value to place on a track and back: continuous, or a row of stops spread evenly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gui.widgets.hand import clamp, nearest

EXTRA_DECIMALS = 2
"""A fine drag or a typed number may go this much further than the decimals that are usually shown."""


@dataclass(frozen=True, slots=True)
class SliderScale:
    """Attributes:
    minimum, maximum: The ends of the track.
    decimals: Decimals that a plain drag rounds to.
    stops: When given, the only values there are, ascending and spread evenly over the track.
    snaps: Where Ctrl goes on a continuous track; empty means every `page`.
    typed_minimum, typed_maximum: How far a typed value may go past the ends.
    """

    minimum: float
    maximum: float
    decimals: int = 2
    step: float = 0.01
    page: float = 0.1
    stops: tuple[float, ...] = ()
    snaps: tuple[float, ...] = ()
    typed_minimum: float | None = None
    typed_maximum: float | None = None

    def __post_init__(self) -> None:
        if self.stops and list(self.stops) != sorted(set(self.stops)):
            raise ValueError(f"stops must ascend: {self.stops}")
        if not self.stops and not self.minimum < self.maximum:
            raise ValueError(f"a track needs a length: {self.minimum} to {self.maximum}")

    def place_of(self, value: float) -> float:
        """Where a value sits: 0 left end, 1 right end. Values beyond the ends sit at the ends."""
        if not self.stops:
            return clamp((value - self.minimum) / (self.maximum - self.minimum), 0.0, 1.0)
        return self.stops.index(nearest(value, self.stops)) / max(1, len(self.stops) - 1)

    def value_at(self, place: float, *, is_fine: bool = False, is_snapping: bool = False) -> float:
        """The value at a place on the track, rounded to what the hand can mean there."""
        place = clamp(place, 0.0, 1.0)
        if self.stops:
            return self.stops[round(place * (len(self.stops) - 1))]
        value = self.minimum + place * (self.maximum - self.minimum)
        if is_snapping:
            return nearest(value, self.snap_values())
        return clamp(round(value, self.decimals + (1 if is_fine else 0)), self.minimum, self.maximum)

    def stepped(self, value: float, steps: float, *, is_fine: bool = False) -> float:
        """`value` moved by so many steps, or by so many stops."""
        if self.stops:
            whole = int(steps) or (1 if steps > 0 else -1)
            index = self.stops.index(nearest(value, self.stops)) + whole
            return self.stops[int(clamp(index, 0, len(self.stops) - 1))]
        moved = value + steps * self.step * (0.1 if is_fine else 1.0)
        return self.limited(round(moved, self.decimals + EXTRA_DECIMALS), within_track=self._is_inside(value))

    def paged(self, value: float, pages: int) -> float:
        if self.stops:
            return self.stepped(value, pages)
        return self.limited(round(value + pages * self.page, self.decimals + EXTRA_DECIMALS), within_track=True)

    def snap_step(self, value: float, direction: int) -> float:
        """The next snap value in a direction."""
        ahead = [snap for snap in self.snap_values() if (snap - value) * direction > 1e-9]
        return min(ahead, key=lambda snap: abs(snap - value)) if ahead else value

    def typed(self, value: float) -> float:
        """The value that is meant by a typed number."""
        if self.stops:
            return nearest(value, self.stops)
        return self.limited(round(value, self.decimals + EXTRA_DECIMALS), within_track=False)

    def limited(self, value: float, *, within_track: bool) -> float:
        low, high = self.minimum, self.maximum
        if not within_track:
            low = low if self.typed_minimum is None else self.typed_minimum
            high = high if self.typed_maximum is None else self.typed_maximum
        return clamp(value, low, high)

    def snap_values(self) -> Sequence[float]:
        if self.stops or self.snaps:
            return self.stops or self.snaps
        count = round((self.maximum - self.minimum) / self.page)
        return [round(self.minimum + index * self.page, 9) for index in range(count + 1)]

    def _is_inside(self, value: float) -> bool:
        return self.minimum <= value <= self.maximum


def shown(value: float, decimals: int, *, signed: bool = False, suffix: str = "") -> str:
    """A value as text: `decimals` of them, up to two more where the value has more to say."""
    for places in range(decimals, decimals + EXTRA_DECIMALS + 1):
        if round(value, places) == round(value, decimals + EXTRA_DECIMALS):
            break
    value = round(value, places) + 0.0  # no minus zero
    return f"{value:{'+' if signed and value else ''}.{places}f}{suffix}"

"""What a search has been through: its curve, and the steps that one can go back to."""

from __future__ import annotations

from dataclasses import dataclass, field

from PySide6.QtGui import QImage

from engine.messages import JobProgress, PortraitInverted
from engine.state import StoredLatent
from gui.pixels import to_thumbnail

PICTURE_PX = 256
MOST_STOPS = 201
"""Pictures of so many steps are kept, 50 MB of them; of longer searches every other one is let go."""


@dataclass(frozen=True, slots=True, eq=False)
class Stop:
    """A step that one can go back to.

    Attributes:
        distance: Mean absolute difference from the portrait, 0 to 1, where it is known.
        latent: What the picture shows.
        is_result: It is what the search ended with: the best of all.
    """

    step: int
    picture: QImage
    latent: StoredLatent
    distance: float | None = None
    is_result: bool = False

    @property
    def words(self) -> str:
        """For example "step 60, pixels 4.2 % off"."""
        name = "the best" if self.is_result else f"step {self.step}"
        return name if self.distance is None else f"{name}, pixels {100 * self.distance:.1f} % off"


@dataclass(slots=True, eq=False)
class Trail:
    """Attributes:
    steps: How many the search is to take.
    points: Step and distance, rising.
    stops: Rising.
    """

    steps: int
    points: list[tuple[int, float]] = field(default_factory=list)
    stops: list[Stop] = field(default_factory=list)
    _every: int = 1
    _seen: int = 0

    def take(self, event: JobProgress) -> bool:
        """Take in how far the search is. Whether there is another step to go back to."""
        if event.step is None:
            return False
        if event.distance is not None and (not self.points or event.step > self.points[-1][0]):
            self.points.append((event.step, event.distance))
        if event.preview is None or event.latent is None:
            return False
        self._add(Stop(event.step, to_thumbnail(event.preview, PICTURE_PX), event.latent, event.distance))
        return True

    def end(self, result: PortraitInverted) -> None:
        """Take in what it ended with, in place of what its last step showed."""
        picture = to_thumbnail(result.image, PICTURE_PX)
        self.stops = [one for one in self.stops if one.step < result.steps]
        self.stops.append(Stop(result.steps, picture, result.latent, result.likeness.pixel, is_result=True))

    def _add(self, stop: Stop) -> None:
        if self.stops and stop.step <= self.stops[-1].step:
            return
        # The newest is always there; the one before it stays if its turn has come.
        if self.stops and (self._seen - 1) % self._every:
            self.stops.pop()
        self.stops.append(stop)
        self._seen += 1
        if len(self.stops) > MOST_STOPS:
            self.stops = [*self.stops[:-1:2], stop]
            self._every *= 2

    def nearest(self, step: float) -> Stop | None:
        """The stop that is nearest to a place on the curve."""
        return min(self.stops, key=lambda one: abs(one.step - step), default=None)

    def beside(self, stop: Stop | None, count: int) -> Stop | None:
        """The one so many stops on, as far as there are any; None stands for the newest."""
        if not self.stops:
            return None
        here = len(self.stops) - 1 if stop is None else self._index(stop)
        return self.stops[min(len(self.stops) - 1, max(0, here + count))]

    def _index(self, stop: Stop) -> int:
        steps = [one.step for one in self.stops]
        return min(range(len(steps)), key=lambda index: abs(steps[index] - stop.step))

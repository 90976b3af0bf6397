"""Where a portrait that is being aligned lies on the widget, and which faces were found in it. No Qt."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from engine.framing import FacePoints
from gui.canvas_layout import FITTED, Rect, Zoom, fit, limited, panned, placed, zoomed_at
from gui.crop_hand import Point, middle_of

NO_FACE = "No face was found, so the rings are a guess."
SMALL_SHARE = 0.3
"""Of the stage: a crop that would be shown smaller is zoomed in on."""
ZOOMED_SHARE = 0.55
MOST_BEYOND = 0.5
"""How much of the photo's size is shown beyond each of its edges, at most."""
_MARGIN_PX = 4.0


@dataclass
class AlignStage:
    """Attributes:
    size_px: Width and height of the upright picture.
    area: Where it is shown.
    zoom: 1 shows the whole photo, and as much beyond it as the crop needs.
    """

    size_px: tuple[int, int] = (1, 1)
    area: Rect = Rect(0, 0, 1, 1)
    zoom: Zoom = FITTED
    room: Rect = field(default=Rect(0, 0, 1, 1))

    @property
    def picture_rect(self) -> Rect:
        """Where the whole portrait lies on the widget."""
        return placed(self._frame, self.zoom)

    @property
    def _frame(self) -> Rect:
        width, height = self.size_px
        whole = fit(self.room.width, self.room.height, self.area.shrunk(_MARGIN_PX))
        scale = whole.width / self.room.width
        return Rect(whole.x - self.room.x * scale, whole.y - self.room.y * scale, width * scale, height * scale)

    def to_screen(self, point: Point) -> Point:
        """From the upright picture to the widget."""
        rect = self.picture_rect
        scale = rect.width / self.size_px[0]
        return rect.x + point[0] * scale, rect.y + point[1] * scale

    def from_screen(self, x: float, y: float) -> Point:
        rect = self.picture_rect
        scale = max(rect.width, 1e-6) / self.size_px[0]
        return (x - rect.x) / scale, (y - rect.y) / scale

    def pan(self, before: Zoom, dx: float, dy: float) -> None:
        self.zoom = panned(self._frame, before, dx, dy)

    def zoom_at(self, factor: float, x: float, y: float) -> None:
        self.zoom = zoomed_at(self._frame, self.zoom, max(1.0, factor), x, y)

    def make_room(self, corners: Sequence[Point]) -> None:
        """For the photo, and beyond it for a crop with these corners."""
        width, height = self.size_px
        xs, ys = [0.0, width, *(x for x, _ in corners)], [0.0, height, *(y for _, y in corners)]
        left, top = max(min(xs), -MOST_BEYOND * width), max(min(ys), -MOST_BEYOND * height)
        right, bottom = min(max(xs), (1 + MOST_BEYOND) * width), min(max(ys), (1 + MOST_BEYOND) * height)
        self.room = Rect(left, top, right - left, bottom - top)

    def look_at(self, corners: Sequence[Point]) -> None:
        """Show the photo with the whole crop; one that would be small is zoomed in on."""
        self.zoom = FITTED
        self.make_room(corners)
        if not corners:
            return
        shorter = max(1.0, min(self.area.width, self.area.height))
        edge = math.dist(self.to_screen(corners[0]), self.to_screen(corners[3]))
        if 0 < edge < SMALL_SHARE * shorter:
            x, y = middle_of(corners)
            self.zoom = limited(Zoom(ZOOMED_SHARE * shorter / edge, x / self.size_px[0], y / self.size_px[1]))


@dataclass(frozen=True)
class FoundFaces:
    """Attributes:
    faces: None when nobody has looked for any.
    certain: For each, whether its points can be relied upon.
    remarks: For each, what is to be said about it.
    """

    faces: tuple[FacePoints, ...] | None = None
    certain: tuple[bool, ...] = ()
    remarks: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.faces or ())

    def __getitem__(self, number: int) -> FacePoints:
        return (self.faces or ())[number]

    def number(self, face: FacePoints) -> int:
        """-1 when it is none of them."""
        return self.faces.index(face) if self.faces and face in self.faces else -1

    def others(self, face: FacePoints) -> list[int]:
        return [number for number in range(len(self)) if self[number] != face]

    def doubt(self, face: FacePoints) -> str:
        """What is to be said about one; or that there is none at all."""
        if self.faces == ():
            return NO_FACE
        number = self.number(face)
        return self.remarks[number] if 0 <= number < len(self.remarks) else ""

    def is_sure(self, number: int) -> bool:
        return number >= len(self.certain) or self.certain[number]

    def is_guess(self, face: FacePoints) -> bool:
        """Whether points are only where something not to be relied upon has put them."""
        number = self.number(face)
        return not self.is_sure(number) if number >= 0 else self.faces == ()

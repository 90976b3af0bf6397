"""The hand on a crop: what lies under a point, and what dragging it does to the face. Plain geometry, no Qt.

Rings move by themselves. The corners and the handle outside of the crop, and the crop itself, change all three points
alike, so that the points stay all that there is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeAlias

from engine.framing import FacePoints, similar_face
from gui.canvas_layout import Rect

Point: TypeAlias = tuple[float, float]

REACH_PX = 18.0
CORNER_REACH_PX = 14.0
TURN_ARM_PX = 26.0
"""From the crop's edge out to the handle that turns it."""
SNAP_DEG = 5.0
LEAST_SCALE, MOST_SCALE = 0.02, 50.0


class Part(StrEnum):
    LEFT_EYE = "left_eye"
    RIGHT_EYE = "right_eye"
    MOUTH = "mouth"
    TOP_LEFT = "top_left"
    BOTTOM_LEFT = "bottom_left"
    BOTTOM_RIGHT = "bottom_right"
    TOP_RIGHT = "top_right"
    TURN = "turn"
    CROP = "crop"
    PICTURE = "picture"


RINGS = (Part.LEFT_EYE, Part.RIGHT_EYE, Part.MOUTH)
CORNERS = (Part.TOP_LEFT, Part.BOTTOM_LEFT, Part.BOTTOM_RIGHT, Part.TOP_RIGHT)
"""In the order of `engine.framing.crop_quad`."""


@dataclass(frozen=True, slots=True)
class Grip:
    """What was grabbed, in pixels of the upright picture: the face then, the crop's middle, the pointer."""

    part: Part
    face: FacePoints
    middle: Point
    press: Point

    def dragged(self, place: Point, *, is_snapping: bool = False) -> FacePoints:
        """The face when the pointer is at `place`."""
        dx, dy = place[0] - self.press[0], place[1] - self.press[1]
        if self.part in RINGS:
            x, y = getattr(self.face, self.part)
            return replace(self.face, **{self.part.value: (x + dx, y + dy)})
        if self.part is Part.CROP:
            return similar_face(self.face, shift=(dx, dy))
        if self.part in CORNERS:
            scale = math.dist(place, self.middle) / max(math.dist(self.press, self.middle), 1e-6)
            return similar_face(self.face, about=self.middle, scale=min(max(scale, LEAST_SCALE), MOST_SCALE))
        turn = _direction(self.middle, place) - _direction(self.middle, self.press)
        if is_snapping:
            now = tilt_deg(self.face)
            turn = round((now + turn) / SNAP_DEG) * SNAP_DEG - now
        return similar_face(self.face, about=self.middle, turn_deg=turn)


def tilt_deg(face: FacePoints) -> float:
    """How the line of the eyes is turned, clockwise."""
    return _direction(face.left_eye, face.right_eye)


def middle_of(corners: Sequence[Point]) -> Point:
    return sum(x for x, _ in corners) / len(corners), sum(y for _, y in corners) / len(corners)


def with_size_of(face: FacePoints, other: FacePoints, middle: Point) -> FacePoints:
    """`face` scaled about `middle` so that its eyes are as far apart as those of `other`."""
    scale = math.dist(other.left_eye, other.right_eye) / max(math.dist(face.left_eye, face.right_eye), 1e-6)
    return similar_face(face, about=middle, scale=scale)


def with_tilt_of(face: FacePoints, other: FacePoints, middle: Point) -> FacePoints:
    """`face` turned about `middle` so that its eyes lie as those of `other`."""
    return similar_face(face, about=middle, turn_deg=tilt_deg(other) - tilt_deg(face))


def turn_place(corners: Sequence[Point], room: Rect) -> Point | None:
    """Where the handle is that turns the crop: outside of an edge, the upper one if there is room. None: nowhere."""
    centre = middle_of(corners)
    for first, second in ((0, 3), (3, 2), (0, 1), (1, 2)):  # the upper edge, right, left, the lower one
        one, other = corners[first], corners[second]
        x, y = (one[0] + other[0]) / 2, (one[1] + other[1]) / 2
        arm = max(math.dist((x, y), centre), 1e-6)
        place = x + (x - centre[0]) / arm * TURN_ARM_PX, y + (y - centre[1]) / arm * TURN_ARM_PX
        if room.shrunk(8).contains(*place):
            return place
    return None


def part_at(place: Point, handles: Mapping[Part, Point], corners: Sequence[Point]) -> Part:
    """What lies at a point on the screen: the nearest handle in reach, the crop, or the picture.

    Handles of a small crop reach less far, so that there is something between them to hold it by.
    """
    edge = math.dist(corners[0], corners[3]) if corners else math.inf
    shares = {part: min(CORNER_REACH_PX if part not in RINGS else REACH_PX, edge / 6) for part in handles}
    near = [part for part, where in handles.items() if math.dist(place, where) <= shares[part]]
    if near:
        return min(near, key=lambda part: math.dist(place, handles[part]))
    return Part.CROP if corners and is_inside(place, corners) else Part.PICTURE


def is_inside(place: Point, corners: Sequence[Point]) -> bool:
    """Whether a point lies in a square with these corners."""
    top_left, bottom_left, _, top_right = corners
    for along in (bottom_left, top_right):
        dx, dy = along[0] - top_left[0], along[1] - top_left[1]
        length = dx * dx + dy * dy
        if not length or not 0 <= ((place[0] - top_left[0]) * dx + (place[1] - top_left[1]) * dy) / length <= 1:
            return False
    return True


def _direction(start: Point, end: Point) -> float:
    return math.degrees(math.atan2(end[1] - start[1], end[0] - start[0]))

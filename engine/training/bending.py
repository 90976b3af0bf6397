"""Moving a studio face about: turned, bent and framed anew, with a way back for its landmarks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]
Points: TypeAlias = NDArray[np.float64]

JELLY_KNOTS = 5
JELLY_PX = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Bend:
    """A frame of a picture, in which the head is turned a little to the side and up, and everything is jelly.

    A turned head is a shift that grows with how far a place is in front.

    Attributes:
        affine: Pixels of the frame to pixels of the picture, ``[2, 3]``.
        size: Height and width of the frame.
        eyes: Pupils in the picture, ``[2, 2]``.
        turn: Shift of the foremost place, in eye distances, (x, y).
        jelly: A random smooth shift ``[size, size, 2]``, in pixels of the picture.
    """

    affine: Points
    size: int
    eyes: Points
    turn: Points
    jelly: Floats

    def places(self) -> Floats:
        """Where in the picture each pixel of the frame comes from: ``[size, size, 2]``, (x, y)."""
        ticks = np.arange(self.size, dtype=np.float32)
        x, y = np.meshgrid(ticks, ticks)
        affine = self.affine.astype(np.float32)
        flat = np.stack([x, y], axis=-1) @ affine[:, :2].T + affine[:, 2]
        return np.asarray(flat + self._shift(flat) + self.jelly, np.float32)

    def moved(self, points: Points) -> Points:
        """Where points of the picture are in the frame: `places` inverted, by iteration."""
        back = np.linalg.inv(self.affine[:, :2]).T
        found: Points = (points - self.affine[:, 2]) @ back
        for _ in range(8):
            x, y = np.clip(np.round(found), 0, self.size - 1).astype(int).T
            flat = found @ self.affine[:, :2].T + self.affine[:, 2]
            found = (points - self._shift(flat) - self.jelly[y, x] - self.affine[:, 2]) @ back
        return found

    def _shift(self, places: NDArray[Any]) -> NDArray[Any]:
        distance = eye_distance(self.eyes)
        middle = self.eyes.mean(axis=0).astype(places.dtype)
        x, y = np.moveaxis((places - middle) / places.dtype.type(distance), -1, 0)
        head = 0.9 * np.exp(-((x / 1.2) ** 2) - ((y - 0.5) / 1.6) ** 2)
        nose = 0.3 * np.exp(-((x / 0.3) ** 2) - ((y - 0.65) / 0.4) ** 2)
        return np.asarray((head + nose)[..., None] * (self.turn * distance).astype(places.dtype))


def draw_bend(affine: Points, size: int, eyes: Points, rng: np.random.Generator, much: float = 1.0) -> Bend:
    """Turned by up to some 20 degrees, drawn by `rng`; `much` scales how far to the side."""
    side, up = 0.16 * much * rng.normal(), 0.07 * rng.normal()
    turn = np.array([np.clip(side, -0.38, 0.38), np.clip(up, -0.16, 0.16)])
    knots = rng.normal(size=(JELLY_KNOTS, JELLY_KNOTS, 2)).astype(np.float32) * np.float32(rng.uniform(0, JELLY_PX))
    jelly = cv2.resize(knots, (size, size), interpolation=cv2.INTER_CUBIC)
    return Bend(affine, size, eyes, turn, np.asarray(jelly, np.float32))


def placed(
    middle: Points, scale: float, roll: float, size: int, *, mirror: bool, anchor: Points | None = None
) -> Points:
    """The affine of a frame.

    Args:
        middle: Place of the picture that comes to `anchor`, by default the frame's middle.
        scale: Pixels of the picture per pixel of the frame.
        roll: Radians.
    """
    cos, sin = scale * np.cos(roll), scale * np.sin(roll)
    linear = np.array([[cos, -sin], [sin, cos]])
    if mirror:
        linear = linear * np.array([-1.0, 1.0])
    there = np.full(2, (size - 1) / 2) if anchor is None else anchor
    return np.column_stack([linear, middle - linear @ there])


def eye_distance(eyes: Points) -> float:
    return float(np.hypot(*(eyes[1] - eyes[0])))

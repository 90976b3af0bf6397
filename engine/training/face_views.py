"""Photos of the wild, faked: a studio face turned, bent, badly lit, covered and badly copied, with its landmarks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.nets.landmarks import FRAME_EYE_DISTANCE, FRAME_EYES, FRAME_PX, LANDMARKS, MIRRORED
from engine.training.bending import Floats, Points, draw_bend, eye_distance, placed
from engine.training.degraded import covered, degraded, relit

Bytes: TypeAlias = NDArray[np.uint8]

HALF_PIXEL = 0.25
"""The landmarks of portrait-data are measured from the corner of the picture's first pixel, at twice its size."""

SECOND_LOOK = 0.55
"""Share of views that are framed nearly right, as the second look is."""
NEGATIVES = 0.12
EDGE = 2.0

_MIDDLE = np.array(FRAME_EYES).mean(axis=0)


@dataclass(frozen=True, slots=True, eq=False)
class FaceView:
    """Attributes:
    picture: ``[128, 128, 3]``, RGB in [0, 1].
    points: ``[P, 2]``, pixels of the frame.
    seen: ``[P]``: within the frame. None of them when there is no face.
    face: Whether there is one.
    """

    picture: Floats
    points: Points
    seen: NDArray[np.bool_]
    face: bool


@dataclass(frozen=True, slots=True)
class _Placing:
    """From the frame's middle to the picture: turned by `roll` (radians), eye distance times `zoom`, moved."""

    roll: float
    zoom: float
    shift: tuple[float, float]


def draw_view(
    picture: Bytes, points: Points, rng: np.random.Generator, other: Callable[[], Bytes], *, gentle: bool = False
) -> FaceView:
    """A view of a face as a camera and a careless detector might give it.

    Args:
        picture: ``[S, S, 3]``, as portrait-data makes them.
        points: ``[189, 2]`` of it.
        other: Another picture of the same size, for backgrounds.
        gentle: Framed nearly right and never without a face; for measuring.
    """
    face = gentle or rng.random() >= NEGATIVES
    chosen = points[list(LANDMARKS)] - HALF_PIXEL
    placing = _draw_placing(rng, gentle) if face else _draw_miss(rng)
    mirror = rng.random() < 0.5
    bend = draw_bend(_framed(chosen[:2], placing, mirror), FRAME_PX, chosen[:2], rng, 0.5 if gentle else 1.0)
    places = bend.places()
    border = cv2.BORDER_REPLICATE if rng.random() < 0.8 else cv2.BORDER_CONSTANT
    seen_picture = cv2.remap(
        picture, places[..., 0], places[..., 1], cv2.INTER_LINEAR, borderMode=border,
        borderValue=tuple(rng.integers(0, 256, 3).tolist()),
    )
    view = seen_picture.astype(np.float32) / np.float32(255)
    if rng.random() < 0.35:
        view = _before_another_ground(view, places, chosen[:2], other(), rng)
    moved = bend.moved(chosen)
    if mirror:
        moved = moved[list(MIRRORED)]
    if not face and rng.random() < 0.15:
        view = _nothing(rng)
    if face:
        view = covered(view, moved, rng)
    view = degraded(relit(view, rng), rng)
    seen = ((moved > EDGE) & (moved < FRAME_PX - 1 - EDGE)).all(axis=1)
    return FaceView(view, moved, np.asarray(seen & face), face)


def _draw_placing(rng: np.random.Generator, gentle: bool) -> _Placing:
    if gentle or rng.random() < SECOND_LOOK:
        shift = rng.normal(size=2) * 0.06
        return _Placing(rng.normal() * 0.05, float(np.exp(rng.normal() * 0.05)), (shift[0], shift[1]))
    roll = rng.uniform(-0.8, 0.8) if rng.random() < 0.3 else rng.normal() * 0.2
    shift = rng.normal(size=2) * 0.22
    return _Placing(roll, float(np.exp(rng.normal() * 0.2)), (shift[0], shift[1]))


def _draw_miss(rng: np.random.Generator) -> _Placing:
    """A frame that shows no face to speak of: beside it, far too near, far too wide, or upside down."""
    kind = rng.integers(4)
    direction = rng.uniform(0, 2 * np.pi)
    away = rng.uniform(1.7, 2.6) if kind == 0 else rng.uniform(0, 1)
    shift = (away * np.cos(direction), away * np.sin(direction))
    if kind == 1:
        return _Placing(rng.normal() * 0.3, rng.uniform(0.2, 0.38), shift)
    if kind == 2:
        return _Placing(rng.normal() * 0.3, rng.uniform(2.4, 4.0), shift)
    if kind == 3:
        return _Placing(rng.uniform(2.0, 4.28), float(np.exp(rng.normal() * 0.2)), (0.3 * shift[0], 0.3 * shift[1]))
    return _Placing(rng.normal() * 0.3, float(np.exp(rng.normal() * 0.3)), shift)


def _framed(eyes: Points, placing: _Placing, mirror: bool) -> Points:
    distance = eye_distance(eyes)
    middle = eyes.mean(axis=0) + np.array(placing.shift) * distance
    scale = distance / FRAME_EYE_DISTANCE * placing.zoom
    return placed(middle, scale, placing.roll, FRAME_PX, mirror=mirror, anchor=_MIDDLE)


def _before_another_ground(
    view: Floats, places: Floats, eyes: Points, other: Bytes, rng: np.random.Generator
) -> Floats:
    """The head, cut out roughly, before a piece of another picture."""
    distance = eye_distance(eyes)
    x, y = np.moveaxis((places - eyes.mean(axis=0).astype(np.float32)) / np.float32(distance), -1, 0)
    wide, high = rng.uniform(1.35, 1.9), rng.uniform(2.0, 2.5)
    radius = np.sqrt((x / np.float32(wide)) ** 2 + ((y - np.float32(0.35)) / np.float32(high)) ** 2)
    outside = np.clip((radius - 1) * np.float32(rng.uniform(4, 25)), 0, 1)[..., None]
    size = len(other)
    side = int(rng.integers(size // 4, size))
    left, top = rng.integers(0, size - side + 1, 2)
    piece = np.rot90(other[top : top + side, left : left + side], int(rng.integers(4)))
    ground = cv2.resize(np.ascontiguousarray(piece), (FRAME_PX, FRAME_PX), interpolation=cv2.INTER_LINEAR)
    return np.asarray(view + outside * (ground.astype(np.float32) / np.float32(255) - view), np.float32)


def _nothing(rng: np.random.Generator) -> Floats:
    """Clouds and stripes of any colour."""
    side = int(rng.choice([2, 4, 8, 16, 32]))
    clouds = cv2.resize(rng.random((side, side, 3)).astype(np.float32), (FRAME_PX, FRAME_PX))
    return np.asarray(clouds * np.float32(rng.uniform(0.3, 1)), np.float32)


def stack_views(views: Sequence[FaceView]) -> tuple[Floats, Floats, NDArray[np.bool_], Floats]:
    """Pictures ``[N, 3, 128, 128]`` in [-1, 1], points ``[N, P, 2]``, seen ``[N, P]``, face ``[N]``."""
    pictures = np.stack([view.picture for view in views]).transpose(0, 3, 1, 2) * np.float32(2) - np.float32(1)
    points = np.stack([view.points for view in views]).astype(np.float32)
    seen, face = np.stack([view.seen for view in views]), np.array([view.face for view in views], np.float32)
    return pictures, points, seen, face

"""Curves through landmarks: filled shapes and ink lines, drawn at twice the size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.training.portrait_data.canvas import Canvas, Floats, Points

OVERSAMPLING = 2
CURVE_POINTS = 24
LINE_POINTS = 40
_SHIFT = 3  # cv2 takes eighths of pixels


def curve(points: Points, count: int = CURVE_POINTS) -> Points:
    """A smooth line through points (Catmull-Rom, evenly in the points' own spacing): ``[count, 2]``."""
    steps = np.concatenate([[True], np.abs(np.diff(points, axis=0)).sum(axis=1) > 0.3])
    knots = points[steps]
    if len(knots) < 2:
        return np.repeat(knots, count, axis=0)
    lengths = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(knots, axis=0).T))])
    slopes = np.gradient(knots, lengths, axis=0)
    places = np.linspace(0, lengths[-1], count)
    left = np.clip(np.searchsorted(lengths, places, side="right") - 1, 0, len(knots) - 2)
    span = (lengths[left + 1] - lengths[left])[:, None]
    t = ((places - lengths[left]) / span[:, 0])[:, None]
    ends = (2 * t**3 - 3 * t**2 + 1) * knots[left] + (3 * t**2 - 2 * t**3) * knots[left + 1]
    tangents = (t**3 - 2 * t**2 + t) * slopes[left] + (t**3 - t**2) * slopes[left + 1]
    drawn: Points = ends + tangents * span
    return drawn


def filled(lines: Sequence[Sequence[int]], points: Points, canvas: Canvas, softness: float = 0.8) -> Floats:
    """The shape within curves that follow each other, soft at the edge: ``[2S, 2S]``, 0 to 1."""
    size = canvas.size * OVERSAMPLING
    mask = np.zeros((size, size), np.float32)
    outline = np.concatenate([curve(points[list(line)]) for line in lines]) * OVERSAMPLING
    cv2.fillPoly(mask, [np.round(outline).astype(np.int32)], (1.0,))
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), max(softness * canvas.scale, 0.3)), np.float32)


def ink(image: Floats, line: Sequence[int], points: Points, canvas: Canvas, ends: float, middle: float) -> None:
    """Draw a line into ``[2S, 2S]``, in place; it swells from `ends` to `middle`, widths in px of 256."""
    eighths = curve(points[list(line)], LINE_POINTS) * OVERSAMPLING * 2**_SHIFT
    places: NDArray[np.int64] = np.round(eighths).astype(np.int64)
    for index in range(len(places) - 1):
        swell = np.sin(np.pi * index / (len(places) - 2))
        width = max(1, round(float(ends + (middle - ends) * swell) * OVERSAMPLING * canvas.scale))
        cv2.line(image, _pixel(places[index]), _pixel(places[index + 1]), (1.0,), width, cv2.LINE_AA, _SHIFT)


def enlarged(mask: NDArray[Any], canvas: Canvas, softness: float = 1.2) -> Floats:
    """``[S, S]`` to ``[2S, 2S, 1]``, smooth at the edges."""
    side = canvas.size * OVERSAMPLING
    large = cv2.resize(mask.astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.GaussianBlur(large, (0, 0), max(softness * canvas.scale, 0.3)), np.float32)[..., None]


def _pixel(place: NDArray[np.int64]) -> tuple[int, int]:
    return int(place[0]), int(place[1])

"""Noise that looks like paper, wood or graphite."""

from __future__ import annotations

import cv2
import numpy as np

from engine.training.portrait_data.canvas import Floats


def cloudy(side: int, width: float, rng: np.random.Generator) -> Floats:
    """Unit normal noise in blobs of `width` pixels: ``[side, side]``."""
    cells = max(2, round(side / width))
    return _stretched(rng.standard_normal((cells, cells)), side)


def streaky(side: int, length: float, rng: np.random.Generator) -> Floats:
    """Lines along the rows, `length` pixels long and one wide."""
    return _stretched(rng.standard_normal((side, max(2, round(side / length)))), side)


def hatched(side: int, angle: float, length: int, rng: np.random.Generator) -> Floats:
    """Unit normal noise drawn out into strokes of an angle (radians, clockwise from the right)."""
    kernel = np.zeros((length, length), np.float32)
    reach = length // 2
    for step in np.linspace(-reach, reach, 5 * length):
        kernel[round(reach + step * np.sin(angle)), round(reach + step * np.cos(angle))] = 1
    noise = cv2.filter2D(rng.standard_normal((side, side)).astype(np.float32), -1, kernel / kernel.sum())
    return np.asarray(noise / noise.std(), np.float32)


def _stretched(noise: np.ndarray[tuple[int, int], np.dtype[np.float64]], side: int) -> Floats:
    return np.asarray(cv2.resize(noise.astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC), np.float32)

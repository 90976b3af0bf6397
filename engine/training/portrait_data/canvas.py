"""Lengths that follow the size of the picture. Everything was tuned at 256 px."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float32]
Points: TypeAlias = NDArray[np.float64]
Mask: TypeAlias = NDArray[np.bool_]

TUNED_AT_PX = 256


@dataclass(frozen=True)
class Canvas:
    """A square of `size` px. Numbers given to its methods are pixels of a 256 px picture."""

    size: int

    @property
    def scale(self) -> float:
        return self.size / TUNED_AT_PX

    def odd(self, length: float) -> int:
        """A length as an odd number of pixels, at least 1: for median filters and structuring elements."""
        return 2 * round((length * self.scale - 1) / 2) + 1 if length * self.scale > 1 else 1

    def square(self, length: float) -> NDArray[np.uint8]:
        side = self.odd(length)
        return np.ones((side, side), np.uint8)

    def bar(self, height: float, width: float) -> NDArray[np.uint8]:
        return np.ones((self.odd(height), self.odd(width)), np.uint8)

    def blur(self, image: NDArray[np.generic], sigma: float) -> Floats:
        return np.asarray(cv2.GaussianBlur(np.asarray(image, np.float32), (0, 0), sigma * self.scale), np.float32)

    def median(self, mask: Mask, length: float) -> Mask:
        """The mask without specks and notches smaller than half of `length`."""
        side = self.odd(length)
        return np.asarray(cv2.medianBlur(mask.astype(np.uint8), side) > 0) if side > 1 else mask

    @cached_property
    def rows_columns(self) -> tuple[Floats, Floats]:
        rows, columns = np.mgrid[0 : self.size, 0 : self.size].astype(np.float32)
        return rows, columns

    def polygon(self, corners: Points) -> NDArray[np.uint8]:
        mask = np.zeros((self.size, self.size), np.uint8)
        cv2.fillPoly(mask, [np.round(corners).astype(np.int32)], 1)
        return mask


def to_lab(image: Floats) -> Floats:
    """RGB in [0, 1] to CIE L*a*b*: L 0 to 100."""
    return np.asarray(cv2.cvtColor(np.asarray(image, np.float32), cv2.COLOR_RGB2LAB), np.float32)


def from_lab(image: Floats) -> Floats:
    return np.clip(cv2.cvtColor(np.asarray(image, np.float32), cv2.COLOR_LAB2RGB), 0, 1).astype(np.float32)


def lab_colour(lightness: float, a: float, b: float) -> Floats:
    """One colour, RGB ``[3]``."""
    return np.asarray(from_lab(np.array([[[lightness, a, b]]], np.float32))[0, 0], np.float32)


def hsv_colour(hue_deg: float, saturation: float, value: float) -> Floats:
    """One colour, RGB ``[3]``."""
    pixel = np.array([[[hue_deg % 360, saturation, value]]], np.float32)
    return np.asarray(cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0], np.float32)

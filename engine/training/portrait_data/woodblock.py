"""A portrait as a colour woodblock print: ten colours, a graded ground, a patterned robe, key lines, wood grain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.training.portrait_data import landmarks as at
from engine.training.portrait_data.canvas import Canvas, Floats, Mask, Points
from engine.training.portrait_data.grain import cloudy, streaky
from engine.training.portrait_data.morph import Portrait
from engine.training.portrait_data.regions import Regions, find_regions
from engine.training.portrait_data.strokes import OVERSAMPLING, enlarged, filled, ink
from engine.training.portrait_data.warp import warped

_PALETTE = {
    "paper": (243, 226, 188),
    "cream": (232, 204, 158),
    "tan": (206, 168, 120),
    "night": (38, 44, 66),
    "indigo": (62, 84, 118),
    "sea": (120, 142, 150),
    "vermilion": (168, 66, 48),
    "ochre": (198, 120, 70),
    "moss": (96, 104, 72),
    "black": (30, 26, 28),
}
COLOURS = {name: np.array(rgb, np.float32) / 255 for name, rgb in _PALETTE.items()}
SKIES = ("indigo", "sea", "vermilion", "ochre", "moss")
ROBES = ("night", "indigo", "vermilion", "ochre", "moss")
SHADE = np.array([0.92, 0.86, 0.80], np.float32)

LID_LIFTS = {18: (-2.0, -1.5), 22: (1.0, 0.5), 27: (2.0, -1.5), 23: (-1.0, 0.5)}
"""Outer corners of the lids go up, inner ones down: x and y in px of 256."""


def woodblock(portrait: Portrait, rng: np.random.Generator, canvas: Canvas) -> tuple[Floats, Points]:
    """Print it; sky, robe and grain are drawn by `rng`.

    Returns:
        RGB ``[S, S, 3]`` in [0, 1], and where its 189 landmarks lie.
    """
    points = portrait.points.copy()
    for point, lift in LID_LIFTS.items():
        points[point] += np.array(lift) * canvas.scale
    moved = Portrait(np.clip(warped(portrait.picture, portrait.points, points, canvas), 0, 1), points)
    printer = _Printer(points, find_regions(moved, canvas), canvas, rng)
    return printer.print(), points


@dataclass
class _Printer:
    points: Points
    regions: Regions
    canvas: Canvas
    rng: np.random.Generator

    def print(self) -> Floats:
        side = self.canvas.size * OVERSAMPLING
        picture = self._sky(side)
        self._robe(picture)
        self._skin(picture)
        self._hair(picture)
        lines = np.zeros((side, side), np.float32)
        self._features(picture, lines)
        self._key_lines(lines)
        key = np.clip((self.canvas.blur(lines, 0.9) - 0.2) * 3, 0, 1)[..., None]
        picture = np.asarray(picture * (1 - key) + key * COLOURS["black"], np.float32)
        px, rng = self.canvas.scale, self.rng
        grain = 0.03 * streaky(side, 40 * px, rng) + 0.02 * cloudy(side, 40 * px, rng) + 0.02 * cloudy(side, 2, rng)
        picture = np.clip(picture * (1 + grain[..., None]), 0, 1)
        small = cv2.resize(picture, (self.canvas.size, self.canvas.size), interpolation=cv2.INTER_AREA)
        return np.asarray(small, np.float32)

    def _block(self, mask: NDArray[Any], softness: float = 1.2) -> Mask:
        """The shape that is cut for a colour, at twice the size: hard at the edge."""
        return enlarged(mask, self.canvas, softness)[..., 0] > 0.5

    def _sky(self, side: int) -> Floats:
        """Paper, graded from the top into a colour."""
        colour = COLOURS[str(self.rng.choice(SKIES))]
        height = (np.arange(side, dtype=np.float32) / side)[:, None, None]
        share = np.broadcast_to(np.clip((0.6 - height) * 1.9, 0, 1), (side, side, 1))
        return np.asarray(COLOURS["paper"] * (1 - share) + colour * share, np.float32)

    def _robe(self, picture: Floats) -> None:
        colour = COLOURS[str(self.rng.choice(ROBES))]
        y, x = np.mgrid[0 : len(picture), 0 : len(picture)] / self.canvas.scale
        dots = np.sin(x * 0.13) * np.sin(y * 0.13) > 0.55
        stripes = (x + y) % 26 < 5
        waves = np.hypot(x % 36 - 18, y % 24 - 24) % 9 < 1.6
        pattern = (dots, stripes, waves)[self.rng.integers(3)]
        robe = self._block(self.regions.clothes)
        picture[robe] = colour
        picture[robe & pattern] = COLOURS["paper"]

    def _skin(self, picture: Floats) -> None:
        regions = self.regions
        pale = regions.skin_lab[0] > 55
        colour = 0.4 * COLOURS["paper"] + 0.6 * COLOURS["cream"] if pale else COLOURS["tan"]
        skin = self._block(regions.skin | (regions.face & ~regions.hair), 1.0)
        dark = regions.skin_lab[0] - 11 > self.canvas.blur(regions.lab[..., 0], 3)
        picture[skin] = colour
        picture[skin & self._block(dark & (regions.skin | regions.face), 2.0)] = colour * SHADE

    def _hair(self, picture: Floats) -> None:
        lightness = self.regions.lab[..., 0]
        strands = (lightness - self.canvas.blur(lightness, 2.5) > 2.2) & self.regions.hair
        hair = self._block(self.regions.hair, 1.0)
        picture[hair] = COLOURS["black"]
        picture[hair & self._block(strands, 0.8)] = COLOURS["night"] * 1.35

    def _features(self, picture: Floats, lines: Floats) -> None:
        points, canvas = self.points, self.canvas
        picture[filled(at.LIPS_OUTLINE, points, canvas) > 0.5] = COLOURS["vermilion"]
        y, x = np.mgrid[0 : len(picture), 0 : len(picture)] / OVERSAMPLING
        for above, below, iris in (
            (at.LEFT_LID_ABOVE, at.LEFT_LID_BELOW, at.LEFT_IRIS),
            (at.RIGHT_LID_ABOVE, at.RIGHT_LID_BELOW, at.RIGHT_IRIS),
        ):
            opening = filled((above, below), points, canvas) > 0.5
            middle = points[iris].mean(axis=0)
            radius = float(np.linalg.norm(points[iris] - middle, axis=1).mean())
            picture[opening] = np.minimum(COLOURS["paper"] * 1.03, 1)
            picture[opening & (np.hypot(x - middle[0], y - middle[1]) < 0.95 * radius)] = COLOURS["black"]
            ink(lines, above, points, canvas, 1.0, 2.2)
            ink(lines, below, points, canvas, 0.3, 0.6)
        for brow in (at.LEFT_BROW_OUTLINE, at.RIGHT_BROW_OUTLINE):
            picture[filled(brow, points, canvas) > 0.5] = COLOURS["black"]

    def _key_lines(self, lines: Floats) -> None:
        for mask in (self.regions.figure, self.regions.hair, self.regions.clothes):
            rim = cv2.morphologyEx(mask.astype(np.float32), cv2.MORPH_GRADIENT, np.ones((2, 2)))
            np.maximum(lines, np.clip(enlarged(rim, self.canvas, 1.2)[..., 0] * 1.6, 0, 1), out=lines)
        for line, ends, middle in _LINES:
            ink(lines, line, self.points, self.canvas, ends, middle)


_LINES = (
    (at.JAW_LINE, 0.7, 1.6),
    ([50, 51, 52, 53, 54, 62, 63, 64], 0.4, 1.0),  # the nose from one side
    ([67, 68, 69], 0.5, 1.0),
    ([64, 65, 55, 70, 69], 0.4, 0.8),
    (at.LIPS_MIDDLE, 0.8, 1.5),
)

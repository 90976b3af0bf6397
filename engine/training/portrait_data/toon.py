"""A cartoon of a portrait: large eyes, small nose, two tones, ink lines. Paired with its portrait, pixel by pixel."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from engine.training.portrait_data import landmarks as at
from engine.training.portrait_data.canvas import Canvas, Floats, Mask, Points, hsv_colour, lab_colour
from engine.training.portrait_data.morph import Portrait
from engine.training.portrait_data.regions import Regions, find_regions
from engine.training.portrait_data.strokes import OVERSAMPLING, enlarged, filled, ink
from engine.training.portrait_data.warp import warped

EXAGGERATION = 1.6
ISLAND_AREA = 400
"""Locks of hair smaller than this, in px of 256, are left out: beside an ear they look like dirt."""
INK = np.array([0.13, 0.09, 0.12], np.float32)
EYE_WHITE = np.array([0.99, 0.98, 0.97], np.float32)
BLUSH = np.array([0.95, 0.40, 0.42], np.float32)

HAIR_LAB = np.array(
    [(16, 1, -2), (24, 8, 10), (36, 14, 22), (48, 26, 38), (72, 6, 44), (40, 38, 30), (60, 14, 34)], np.float64
)
HAIR_ODDS = (0.2, 0.2, 0.18, 0.12, 0.12, 0.08, 0.1)
"""Black, dark brown, brown, copper, blond, red, sand."""
IRIS_HUES_DEG = (20, 25, 30, 95, 210, 215)


def toon(portrait: Portrait, rng: np.random.Generator, canvas: Canvas) -> tuple[Floats, Points]:
    """Paint the cartoon; colours that are free are drawn by `rng`.

    Returns:
        RGB ``[S, S, 3]`` in [0, 1], and where its 189 landmarks lie.
    """
    points = toon_points(portrait.points, EXAGGERATION, canvas)
    moved = Portrait(np.clip(warped(portrait.picture, portrait.points, points, canvas), 0, 1), points)
    painter = _Painter(points, _smooth_regions(find_regions(moved, canvas), canvas), canvas, rng)
    return painter.paint(), points


def toon_points(points: Points, strength: float, canvas: Canvas) -> Points:
    """Landmarks of the cartoon: eyes grow, nose, mouth and chin shrink, brows rise. 1 is a mild `strength`."""
    k, px = strength, canvas.scale
    new = points.copy()
    for eye, centre, side in ((at.LEFT_EYE, 0, -1), (at.RIGHT_EYE, 1, 1)):
        grown = (points[eye] - points[centre]) * (1 + 0.42 * k, 1 + 0.75 * k)
        new[eye] = points[centre] + grown + np.array([side * 2.0, 2.5]) * k * px
    new[at.LEFT_BROW + at.RIGHT_BROW] += (0, -5 * k * px)
    for part, anchor, shrink, rise in (
        (at.NOSE, at.NOSE_WINGS, (0.32, 0.22), 3.0),
        (at.MOUTH, at.MOUTH_CORNERS, (0.16, 0.08), 0.0),
    ):
        centre_point = points[anchor].mean(axis=0)
        new[part] = centre_point + (points[part] - centre_point) * (1 - np.array(shrink) * k) - (0, rise * k * px)
    middle = points[at.CHIN, 0]
    new[at.JAW] = np.stack([_towards(points[at.JAW, 0], middle, 0.1 * k), points[at.JAW, 1] - 3 * k * px], axis=1)
    new[at.CHIN_SIDES, 0] = _towards(new[at.CHIN_SIDES, 0], middle, 0.1 * k)
    return new


def _towards(values: Points, middle: float, share: float) -> Points:
    return values * (1 - share) + middle * share


def _smooth_regions(regions: Regions, canvas: Canvas) -> Regions:
    """Outlines as a brush would leave them."""

    def smooth(mask: Mask, length: float) -> Mask:
        return canvas.blur(canvas.median(mask, length), 2.0) > 0.5

    figure = smooth(regions.figure, 11)
    hair = _without_islands(smooth(regions.hair, 11) & figure, ISLAND_AREA * canvas.scale**2)
    skin = (regions.skin | regions.face) & figure & ~hair & ~regions.clothes
    return Regions(figure, regions.face, skin, hair, regions.clothes, regions.lab, regions.skin_lab)


def _without_islands(mask: Mask, area: float) -> Mask:
    """Only the pieces of at least `area` pixels."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    return np.asarray(mask & (stats[labels, cv2.CC_STAT_AREA] >= area))


@dataclass
class _Painter:
    points: Points
    regions: Regions
    canvas: Canvas
    rng: np.random.Generator

    def paint(self) -> Floats:
        canvas, side = self.canvas, self.canvas.size * OVERSAMPLING
        hue = float(self.rng.uniform(0, 360))
        ground = hsv_colour(hue, self.rng.uniform(0.12, 0.4), self.rng.uniform(0.75, 0.97))
        picture = np.ones((side, side, 3), np.float32) * ground
        picture = self._clothes(picture, hsv_colour(hue + 150, 0.45, 0.75))
        picture = self._skin(picture)
        hair_colour = self._hair_colour()
        picture = self._hair(picture, hair_colour)
        lines = np.zeros((side, side), np.float32)
        picture = self._features(picture, lines, hair_colour)
        self._outline(lines)
        drawn = np.asarray(cv2.GaussianBlur(lines, (0, 0), max(0.7 * canvas.scale, 0.3)), np.float32)[..., None]
        picture = _over(picture, INK, drawn)
        small = cv2.resize(np.clip(picture, 0, 1), (canvas.size, canvas.size), interpolation=cv2.INTER_AREA)
        return np.asarray(small, np.float32)

    def _clothes(self, picture: Floats, colour: Floats) -> Floats:
        clothes, lightness = self.regions.clothes, self.regions.lab[..., 0]
        typical = float(np.median(lightness[clothes])) if clothes.any() else 60.0
        shade = np.clip(typical - 5 - self.canvas.blur(lightness, 2.5), 0, 12) / 12
        return _over(picture, colour * (1 - 0.25 * enlarged(shade, self.canvas)), enlarged(clothes, self.canvas))

    def _skin(self, picture: Floats) -> Floats:
        regions, canvas = self.regions, self.canvas
        lightness, a, b = (float(value) for value in regions.skin_lab)
        light = min(lightness + 15, 93)
        lit = lab_colour(light, a * 0.95 + 1, b * 1.25 + 4)
        shaded = lab_colour(light * 0.86, a * 1.15 + 6, b * 1.3 + 5)
        dark = np.clip((lightness - 6 - canvas.blur(regions.lab[..., 0], 5)) * 0.5, 0, 1)
        shadow = enlarged(dark * (regions.skin | regions.face), canvas, 1.5)
        skin = enlarged(regions.skin | (regions.face & ~regions.hair), canvas, 1.0)
        picture = _over(picture, _over(np.ones_like(picture) * lit, shaded, shadow), skin)
        rows, columns = np.mgrid[0 : len(picture), 0 : len(picture)].astype(np.float32)
        reach = OVERSAMPLING * canvas.scale
        for cheek in at.CHEEKS:
            x, y = self.points[cheek] * OVERSAMPLING
            blush = np.exp(-(((columns - x) / (13 * reach)) ** 2 + ((rows - y - 4 * reach) / (7.5 * reach)) ** 2))
            picture = _over(picture, BLUSH, (blush * 0.3)[..., None] * skin)
        return picture

    def _hair_colour(self) -> Floats:
        hair = self.regions.hair
        natural = float(np.median(self.regions.lab[..., 0][hair])) if hair.sum() > 50 else 20.0
        lightness, a, b = HAIR_LAB[self.rng.choice(len(HAIR_LAB), p=HAIR_ODDS)]
        return lab_colour(0.75 * lightness + 0.25 * natural, a, b)

    def _hair(self, picture: Floats, colour: Floats) -> Floats:
        hair, lightness = self.regions.hair, self.regions.lab[..., 0]
        natural = float(np.median(lightness[hair])) if hair.sum() > 50 else 20.0
        shine = enlarged(np.clip((self.canvas.blur(lightness, 2.5) - natural - 5) / 5, 0, 1) * hair, self.canvas, 1.5)
        return _over(picture, colour + shine * 0.22 * (1 - colour), enlarged(hair, self.canvas, 1.0))

    def _features(self, picture: Floats, lines: Floats, hair_colour: Floats) -> Floats:
        lightness, a, b = (float(value) for value in self.regions.skin_lab)
        lips = filled(at.LIPS_OUTLINE, self.points, self.canvas)[..., None]
        picture = _over(picture, lab_colour(lightness * 0.78, a + 24, b + 6), lips)
        iris_colour = hsv_colour(float(self.rng.choice(IRIS_HUES_DEG)), 0.65, 0.55)
        for above, below, iris in (
            (at.LEFT_LID_ABOVE, at.LEFT_LID_BELOW, at.LEFT_IRIS),
            (at.RIGHT_LID_ABOVE, at.RIGHT_LID_BELOW, at.RIGHT_IRIS),
        ):
            picture = self._eye(picture, filled((above, below), self.points, self.canvas), iris, iris_colour)
            ink(lines, above, self.points, self.canvas, 1.0, 2.6)
            ink(lines, below, self.points, self.canvas, 0.4, 0.7)
        brows = np.maximum(*(filled(outline, self.points, self.canvas) for outline in _BROWS))[..., None]
        return _over(picture, hair_colour * 0.55, brows)

    def _eye(self, picture: Floats, opening: Floats, iris: list[int], colour: Floats) -> Floats:
        picture = _over(picture, EYE_WHITE, opening[..., None])
        x, y = self.points[iris].mean(axis=0)
        radius = float(np.linalg.norm(self.points[iris] - (x, y), axis=1).mean()) * 1.12
        rows, columns = np.mgrid[0 : len(picture), 0 : len(picture)].astype(np.float32) / OVERSAMPLING

        def disc(dx: float, dy: float, share: float) -> Floats:
            away = np.hypot(columns - (x + dx * radius), rows - (y + dy * radius)) / radius
            return np.asarray(np.clip((share - away) * 8, 0, 1)[..., None], np.float32)

        depth = 0.55 + 0.6 * np.clip((rows - y) / radius * 0.5 + 0.5, 0, 1)[..., None]
        picture = _over(picture, colour * depth, disc(0, 0, 1) * opening[..., None])
        picture = _over(picture, INK * 0.5, disc(0, 0, 0.5) * opening[..., None])
        return _over(picture, np.ones(3, np.float32), disc(-0.3, -0.35, 0.26))

    def _outline(self, lines: Floats) -> None:
        """Edges of the figure, of hair and clothes; jaw, nose, mouth."""
        edges = np.zeros((self.canvas.size,) * 2, np.float32)
        for mask in (self.regions.figure, self.regions.hair, self.regions.clothes):
            rim = cv2.morphologyEx(mask.astype(np.float32), cv2.MORPH_GRADIENT, np.ones((2, 2)))
            edges = np.maximum(edges, np.asarray(rim, np.float32))
        np.maximum(lines, np.clip(enlarged(edges, self.canvas, 1.3)[..., 0] * 1.3, 0, 1), out=lines)
        for line, ends, middle in _LINES:
            ink(lines, line, self.points, self.canvas, ends, middle)


_BROWS = (at.LEFT_BROW_OUTLINE, at.RIGHT_BROW_OUTLINE)
_LINES = (
    (at.JAW_LINE, 0.8, 1.5),
    ([62, 63, 64], 0.6, 1.0),  # wings of the nose
    ([67, 68, 69], 0.6, 1.0),
    ([64, 65, 55, 70, 69], 0.4, 0.8),  # below the nose
    (at.LIPS_MIDDLE, 0.7, 1.3),
)


def _over(picture: Floats, colour: Floats, share: Floats) -> Floats:
    """Lay a colour over a picture where `share` says."""
    return np.asarray(picture * (1 - share) + share * colour, np.float32)

"""A portrait in contours, black on white, as one draws with a pen: the truth that a sketch network learns.

Eyes, brows, nose, mouth and jaw are curves through the landmarks; head, hair and clothes are the edges of their
masks, smoothed. No shading, no texture: what Graft calls a sketch.
"""

from __future__ import annotations

import cv2
import numpy as np

from engine.training.portrait_data import landmarks as at
from engine.training.portrait_data.canvas import Canvas, Floats, Mask, Points
from engine.training.portrait_data.morph import Portrait
from engine.training.portrait_data.regions import Regions, find_regions
from engine.training.portrait_data.strokes import OVERSAMPLING, filled, ink

WIDTH = 1.5
FINE = 1.1
SOFTNESS = 0.45
ROUNDING = 2.2
"""How far the edges of masks are smoothed, in px of 256."""
LEAST_AREA = 350
"""Patches and holes of masks smaller than this, in px of 256, are left out."""
SCALP = 11.0
"""Least colour distance of hair from skin: bald heads have 10, black hair on dark skin 15, all others more."""
OPEN_MOUTH = 2.5
"""Lips further apart than this, in px of 256, get a line each."""

_LINES = (
    (at.LEFT_LID_ABOVE, WIDTH, 2.0),
    (at.RIGHT_LID_ABOVE, WIDTH, 2.0),
    (at.LEFT_LID_BELOW, FINE, FINE),
    (at.RIGHT_LID_BELOW, FINE, FINE),
    *((line, FINE, WIDTH) for outline in (at.LEFT_BROW_OUTLINE, at.RIGHT_BROW_OUTLINE) for line in outline),
    ([61, 62, 63, 64], FINE, WIDTH),
    ([66, 67, 68, 69], FINE, WIDTH),
    ([64, 65, 55, 70, 69], FINE, WIDTH),
    *((line, FINE, WIDTH) for line in at.LIPS_OUTLINE),
    (at.LIPS_MIDDLE, FINE, WIDTH),
)
_UPPER_LIP_BELOW = [87, 94, 95, 96, 97, 98, 93]
_EYES = (
    ((at.LEFT_LID_ABOVE, at.LEFT_LID_BELOW), at.LEFT_IRIS),
    ((at.RIGHT_LID_ABOVE, at.RIGHT_LID_BELOW), at.RIGHT_IRIS),
)


def lines(portrait: Portrait, _rng: np.random.Generator, canvas: Canvas) -> tuple[Floats, Points]:
    """Draw it; nothing is drawn by lot.

    Returns:
        ``[S, S, 3]``, 1 paper and 0 ink, and the portrait's own landmarks.
    """
    points = portrait.points
    regions = find_regions(portrait, canvas)
    side = canvas.size * OVERSAMPLING
    drawn = np.zeros((side, side), np.float32)
    figure, hair, clothes = (_rounded(mask, canvas) for mask in (regions.figure, _hair(regions), regions.clothes))
    _edge(drawn, figure, np.ones_like(figure), canvas)
    inside = cv2.erode(figure.astype(np.uint8), canvas.square(7)) > 0
    _edge(drawn, hair, inside, canvas)
    _edge(drawn, clothes & ~hair, inside & ~_near(hair, canvas), canvas)
    jaw = np.zeros_like(drawn)
    ink(jaw, at.JAW_LINE, points, canvas, FINE, WIDTH)
    bare = inside & ~_near(hair, canvas)
    drawn = np.maximum(drawn, jaw * _large(bare, canvas))
    for line, ends, middle in _LINES:
        ink(drawn, line, points, canvas, ends, middle)
    if np.abs(points[at.LIPS_MIDDLE[1:-1], 1] - points[_UPPER_LIP_BELOW[1:-1], 1]).max() > OPEN_MOUTH * canvas.scale:
        ink(drawn, _UPPER_LIP_BELOW, points, canvas, FINE, FINE)
    for lids, iris in _EYES:
        drawn = np.maximum(drawn, _iris(points[iris], canvas) * filled(lids, points, canvas))
    soft = cv2.GaussianBlur(np.clip(drawn, 0, 1), (0, 0), SOFTNESS * OVERSAMPLING * canvas.scale)
    small = cv2.resize(soft, (canvas.size, canvas.size), interpolation=cv2.INTER_AREA)
    return np.repeat((1 - np.clip(small * 1.25, 0, 1))[..., None], 3, axis=2).astype(np.float32), points


def _hair(regions: Regions) -> Mask:
    """None on a bald head, whose scalp the regions take for hair."""
    weights = np.array([0.35, 1.5, 1.5], np.float32)
    away = np.sqrt(((regions.lab - regions.skin_lab) ** 2 * weights).sum(axis=2))
    bald = regions.hair.any() and float(np.median(away[regions.hair])) < SCALP
    return np.zeros_like(regions.hair) if bald else regions.hair


def _rounded(mask: Mask, canvas: Canvas) -> Mask:
    """Without specks, small holes and frayed edges."""
    least = LEAST_AREA * canvas.scale**2
    for wanted in (1, 0):
        count, labels, stats, _ = cv2.connectedComponentsWithStats((mask == wanted).astype(np.uint8), connectivity=4)
        small = [number for number in range(1, count) if stats[number, cv2.CC_STAT_AREA] < least]
        mask = np.where(np.isin(labels, small), not wanted, mask)
    return canvas.blur(mask, ROUNDING) > 0.5


def _edge(drawn: Floats, mask: Mask, where: Mask, canvas: Canvas) -> None:
    """Draw a mask's outline where `where` holds; never along the picture's border."""
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    allowed = where.copy()
    allowed[:, :2] = allowed[:, -2:] = allowed[:2] = allowed[-2:] = False
    width = max(1, round(WIDTH * OVERSAMPLING * canvas.scale))
    for outline in outlines:
        places = outline[:, 0, :]
        ring = _smooth_ring(places.astype(np.float64), canvas)
        kept = allowed[places[:, 1], places[:, 0]]
        fine = np.round((ring + 0.5) * OVERSAMPLING * 8 - 4).astype(np.int32)
        for index in np.flatnonzero(kept & np.roll(kept, -1)):
            start, end = fine[index].tolist(), fine[(index + 1) % len(fine)].tolist()
            cv2.line(drawn, start, end, (1.0,), width, cv2.LINE_AA, 3)


def _smooth_ring(ring: Points, canvas: Canvas) -> Points:
    """A closed line without the steps of its pixels."""
    sigma = 2.0 * canvas.scale
    reach = min(len(ring) // 2, round(4 * sigma))
    if reach < 1:
        return ring
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    taps /= taps.sum()
    wide = np.concatenate([ring[-reach:], ring, ring[:reach]])
    smooth: Points = np.stack([np.convolve(wide[:, axis], taps, "valid") for axis in (0, 1)], axis=1)
    return smooth


def _iris(ring: Points, canvas: Canvas) -> Floats:
    """A circle with a dark pupil, ``[2S, 2S]``; what the lids cover is still there."""
    side = canvas.size * OVERSAMPLING
    x, y = ring.mean(axis=0)
    radius = float(np.linalg.norm(ring - (x, y), axis=1).mean())
    rows, columns = np.mgrid[0:side, 0:side].astype(np.float32) / OVERSAMPLING
    away = np.hypot(columns - np.float32(x), rows - np.float32(y)) - np.float32(radius)
    circle = np.clip(FINE * canvas.scale / 2 + 0.5 - np.abs(away), 0, 1)
    pupil = np.clip(0.5 - (away + np.float32(0.6 * radius)), 0, 1)
    return np.asarray(np.maximum(circle, pupil), np.float32)


def _near(mask: Mask, canvas: Canvas) -> Mask:
    return cv2.dilate(mask.astype(np.uint8), canvas.square(5)) > 0


def _large(mask: Mask, canvas: Canvas) -> Floats:
    side = canvas.size * OVERSAMPLING
    return np.asarray(cv2.resize(mask.astype(np.float32), (side, side), interpolation=cv2.INTER_LINEAR), np.float32)

"""A pencil drawing of a portrait: lines where the tone changes, four layers of hatching where it is dark.

Source of the lines: Winnemöller et al. 2012, XDoG: an extended difference-of-Gaussians compendium.
"""

from __future__ import annotations

import cv2
import numpy as np

from engine.training.portrait_data import landmarks as at
from engine.training.portrait_data.canvas import Canvas, Floats, Points
from engine.training.portrait_data.grain import cloudy, hatched
from engine.training.portrait_data.morph import Portrait
from engine.training.portrait_data.regions import find_regions
from engine.training.portrait_data.strokes import OVERSAMPLING, enlarged, ink

PAPER = np.array([0.965, 0.955, 0.93], np.float32)
GRAPHITE = np.array([0.17, 0.17, 0.19], np.float32)

HATCHES = ((0.8, 0.60), (0.6, 0.42), (2.2, 0.28), (1.4, 0.16))
"""Angle of the strokes, and the tone below which they appear."""

DRAWN_LINES = (
    (at.LEFT_LID_ABOVE, 0.4, 0.9),
    (at.RIGHT_LID_ABOVE, 0.4, 0.9),
    (at.JAW_LINE, 0.4, 0.9),
    (at.LIPS_MIDDLE, 0.4, 0.9),
)


def pencil(portrait: Portrait, rng: np.random.Generator, canvas: Canvas) -> tuple[Floats, Points]:
    """Draw it; strokes and paper are drawn by `rng`.

    Returns:
        RGB ``[S, S, 3]`` in [0, 1], and the portrait's own landmarks.
    """
    side, px = canvas.size * OVERSAMPLING, canvas.scale
    large = cv2.resize(portrait.picture, (side, side), interpolation=cv2.INTER_CUBIC)
    tone = np.asarray(cv2.cvtColor(np.asarray(large, np.float32), cv2.COLOR_RGB2GRAY), np.float32)
    figure = enlarged(find_regions(portrait, canvas).figure, canvas, 3.0)[..., 0]
    tone = tone * figure + (1 - figure) * np.float32(0.97)
    light = _lines(tone, px) * _hatching(canvas.blur(tone, 2.5), px, rng)
    strokes = np.zeros_like(tone)
    for line, ends, middle in DRAWN_LINES:
        ink(strokes, line, portrait.points, canvas, ends, middle)
    light = light * (1 - 0.6 * canvas.blur(strokes, 0.8))
    paper = PAPER * (1 + 0.012 * cloudy(side, 1.5, rng))[..., None]
    drawn = paper * light[..., None] + GRAPHITE * (1 - light[..., None])
    small = cv2.resize(np.clip(drawn, 0, 1), (canvas.size, canvas.size), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32), portrait.points


def _lines(tone: Floats, px: float) -> Floats:
    """1 on bare paper, 0 on a line."""
    near, wide = (cv2.GaussianBlur(tone, (0, 0), max(sigma * px, 0.3)) for sigma in (1.2, 2.6))
    return np.asarray(1 - np.clip((0.985 * wide - near) * 15, 0, 1), np.float32)


def _hatching(tone: Floats, px: float, rng: np.random.Generator) -> Floats:
    """How much light the strokes leave: 1 in the lights, down to a fifth for each layer."""
    left = np.ones_like(tone)
    for angle, below in HATCHES:
        strokes = hatched(len(tone), angle, 2 * round(12 * px) + 1, rng)
        left *= 1 - np.clip(np.clip((below - tone) * 4.5, 0, 1) * (0.5 + 0.6 * strokes) * 0.5, 0, 0.8)
    return np.asarray(left, np.float32)

"""New hair, clothes, ground and light for a studio portrait."""

from __future__ import annotations

import cv2
import numpy as np

from engine.training.portrait_data import landmarks as at
from engine.training.portrait_data.canvas import Canvas, Floats, Mask, hsv_colour
from engine.training.portrait_data.morph import Portrait, face_mask
from engine.training.portrait_data.regions import Regions, find_regions

HAIR_COLOURS = np.array(
    [(0.25, 0.13, 0.10), (0.42, 0.26, 0.16), (0.78, 0.55, 0.35), (0.50, 0.22, 0.10), (0.65, 0.63, 0.62)]
)
"""Dark brown, brown, blond, red, grey: RGB."""

FRINGE_SHARE = 0.05
"""Of the forehead; measured on 24 mixes: at least 0.07 with a fringe, at most 0.03 without."""
SHADOW = 12
"""How much darker than the skin a forehead may be in CIE lightness without being covered by hair."""
DARK_HAIR = 0.16
DARK_HAIR_BECOMES = (0, 1, 3)
"""Black hair is not made blond or grey: its shine would turn into a halo."""


def recoloured(portrait: Portrait, rng: np.random.Generator, canvas: Canvas) -> Floats:
    """A variation of the portrait, RGB ``[S, S, 3]`` in [0, 1]; everything is drawn by `rng`."""
    regions = find_regions(portrait, canvas)
    rows, columns = canvas.rows_columns
    half = np.float32(0.5)
    y, x = rows / np.float32(canvas.size) - half, columns / np.float32(canvas.size) - half
    matte = canvas.blur(regions.figure, 1.1)[..., None]
    figure, grown = _without_fringe(portrait.picture, regions.figure, canvas)
    new_ground = rng.random() < 0.75
    ground = _ground(x, y, rng) if new_ground else portrait.picture
    if rng.random() < 0.8 and regions.clothes.any():
        # A little wider than found, and not into the skin: a white shirt must not shine through at its edge.
        wide = cv2.dilate(regions.clothes.astype(np.uint8), canvas.square(5)) > 0
        cloth = canvas.blur(wide & ~(regions.skin | regions.hair), 1.0)[..., None]
        colour = hsv_colour(rng.uniform(0, 360), rng.uniform(0.1, 0.9), rng.uniform(0.15, 0.95))
        figure = figure * (1 - cloth) + cloth * figure * colour
    hair = _free_hair(portrait, regions, canvas)
    dye = rng.random() < 0.35 and hair.sum() > 800 * canvas.scale**2
    if dye and not _has_fringe(portrait, regions, hair, canvas):
        figure = _dyed(figure, hair, regions.skin & ~hair, rng, canvas)
        if not new_ground:  # strands of the old colour before the old ground
            ground = np.where(matte > 0.5, grown, ground)
    picture = figure * matte + (1 - matte) * ground
    return _lit(picture, x, y, matte, rng)


def _ground(x: Floats, y: Floats, rng: np.random.Generator) -> Floats:
    """A gradient between two related colours, darker towards the edges."""
    angle = rng.uniform(0, 2 * np.pi)
    along = np.clip(0.5 + (x * np.cos(angle) + y * np.sin(angle)) * rng.uniform(0.3, 1.2), 0, 1)[..., None]
    hue = rng.uniform(0, 360)
    first = hsv_colour(hue, rng.uniform(0, 0.55), rng.uniform(0.15, 0.95))
    second = hsv_colour(hue + rng.normal() * 25, rng.uniform(0, 0.55), rng.uniform(0.1, 0.9))
    ground = (first * (1 - along) + second * along) * (1.05 - (x**2 + y**2)[..., None])
    return np.asarray(ground, np.float32)


def _without_fringe(picture: Floats, figure: Mask, canvas: Canvas) -> tuple[Floats, Floats]:
    """The figure's colours grown outwards, so that no rim of the grey studio is left around it; and they alone."""
    core = cv2.erode(figure.astype(np.uint8), canvas.square(5)).astype(np.float32)
    weight = canvas.blur(core, 2.5)
    grown = canvas.blur(picture * core[..., None], 2.5) / np.maximum(weight, 1e-4)[..., None]
    kept = ((core > 0) | (weight < 0.02))[..., None]
    return np.asarray(np.where(kept, picture, grown), np.float32), np.asarray(grown, np.float32)


def _free_hair(portrait: Portrait, regions: Regions, canvas: Canvas) -> Mask:
    """Hair with its holes closed, outside the face."""
    closed = cv2.morphologyEx(regions.hair.astype(np.uint8), cv2.MORPH_CLOSE, canvas.square(5)) > 0
    return closed & regions.figure & ~_bare_face(portrait, canvas)


def _bare_face(portrait: Portrait, canvas: Canvas) -> Mask:
    """Where no hair should be: the face without the edge of the forehead."""
    return canvas.blur(face_mask(portrait.points, canvas, shrink=5, below_hairline=0.35), 0.6) > 0.5


def _has_fringe(portrait: Portrait, regions: Regions, hair: Mask, canvas: Canvas) -> bool:
    """Whether hair falls into the forehead, where no mask finds every strand: dyed, it would be of two colours."""
    brows = portrait.points[at.BROWS, 1].min() - 2 * canvas.scale
    forehead = _bare_face(portrait, canvas) & (np.arange(len(hair))[:, None] < brows)
    lightness = regions.lab[..., 0]
    of_hair, of_skin = float(np.median(lightness[hair])), float(regions.skin_lab[0])
    darker = max((of_skin - of_hair) / 2, SHADOW)
    return bool(forehead.any()) and float((lightness[forehead] < of_skin - darker).mean()) > FRINGE_SHARE


def _dyed(figure: Floats, hair: Mask, skin: Mask, rng: np.random.Generator, canvas: Canvas) -> Floats:
    bare = cv2.erode(skin.astype(np.float32), canvas.square(3))
    wide = cv2.dilate(hair.astype(np.float32), canvas.square(5)) * (1 - bare)
    share = canvas.blur(np.asarray(wide), 1.3)[..., None]
    light = cv2.cvtColor(np.asarray(figure, np.float32), cv2.COLOR_RGB2GRAY)[..., None]
    typical = max(float(np.median(light[hair])), 0.06)
    choice = rng.integers(len(HAIR_COLOURS)) if typical > DARK_HAIR else rng.choice(DARK_HAIR_BECOMES)
    target = HAIR_COLOURS[choice]
    target = target * np.clip(typical * 1.9 / target.mean(), 0.35, 1)
    strands = target * np.clip(light / typical, 0.2, 1.8) ** 0.8 * 0.85 + 0.15 * figure
    return np.asarray(figure * (1 - share) + share * np.clip(strands, 0, 1), np.float32)


def _lit(picture: Floats, x: Floats, y: Floats, matte: Floats, rng: np.random.Generator) -> Floats:
    """Light from one side, more on the figure than on the ground; exposure and a slight tint."""
    angle = rng.uniform(0, 2 * np.pi)
    side = np.clip((x * np.cos(angle) + y * np.sin(angle)) * 2, -1, 1)[..., None]
    lit = picture * (1 + rng.uniform(0, 0.3) * side * np.where(matte > 0.5, 1, 0.3))
    gain = np.exp(rng.normal(size=3) * 0.05 + rng.normal() * 0.08)
    return np.asarray(np.clip(lit * gain, 0, 1), np.float32)

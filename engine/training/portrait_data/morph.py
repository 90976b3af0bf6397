"""Mixing two people into one who does not exist."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from engine.training.portrait_data import landmarks as at
from engine.training.portrait_data.canvas import Canvas, Floats, Mask, Points, from_lab, to_lab
from engine.training.portrait_data.faces import Face
from engine.training.portrait_data.warp import warped

HAIR_FOLLOWS_SECOND = 0.15
"""Share of the second person in the outline of hair and shoulders, whose texture is the first's alone."""

SHAPE_RANGE = (0.35, 0.65)
TEXTURE_RANGE = (0.45, 0.75)


@dataclass(frozen=True, eq=False)
class Portrait:
    """Attributes:
    picture: ``[S, S, 3]``, RGB in [0, 1].
    points: ``[189, 2]``.
    """

    picture: Floats
    points: Points


def face_mask(points: Points, canvas: Canvas, *, shrink: float = 0.0, below_hairline: float = 0.0) -> Floats:
    """The face without hair and ears, 0 or 1, hard.

    Args:
        shrink: Width of the structuring element that eats into it, in px of 256.
        below_hairline: How far the forehead's edge is pulled towards the brows, as a share: fringes stay outside.
    """
    outline = points.copy()
    if below_hairline:
        edge = at.HAIRLINE
        brow = points[at.BROWS, 1].min()
        outline[edge, 1] += below_hairline * np.maximum(brow - outline[edge, 1], 0)
        middle = points[at.HAIRLINE_ENDS, 0].mean()
        outline[edge, 0] = middle + (outline[edge, 0] - middle) * 0.94
    mask = canvas.polygon(outline[at.FACE_OUTLINE])
    if shrink:
        mask = np.asarray(cv2.erode(mask, canvas.square(shrink)), np.uint8)
    return mask.astype(np.float32)


def mix(first: Face, second: Face, shape: float, texture: float, canvas: Canvas) -> Portrait:
    """The first person's head with a face between both.

    Args:
        shape: Share of the second in the landmarks of the face.
        texture: Share of the second in the skin, matched to the first's colours.

    Raises:
        FoldError: they are too different.
    """
    target = first.points.copy()
    target[at.FACE] = (1 - shape) * first.points[at.FACE] + shape * second.points[at.FACE]
    target[at.HAIR_AND_BODY] += HAIR_FOLLOWS_SECOND * (second.points - first.points)[at.HAIR_AND_BODY]
    pictures = [
        warped(face.picture, face.points[known], target[known], canvas, refuse_folds=True)
        for face, known in ((face, _reliable(face)) for face in (first, second))
    ]
    mask = canvas.blur(face_mask(target, canvas, shrink=9, below_hairline=0.3), 6)
    head, skin = (to_lab(np.clip(picture, 0, 1)) for picture in pictures)
    skin = _matched(skin, head, mask > 0.8)
    share = (mask * texture)[..., None]
    return Portrait(from_lab(head * (1 - share) + skin * share), target)


def draw_mix(faces: tuple[Face, ...], rng: np.random.Generator, canvas: Canvas) -> Portrait:
    """Mix two faces of the same expression, drawn by `rng`.

    Raises:
        FoldError: the two drawn are too different; draw again.
    """
    first = faces[rng.integers(len(faces))]
    others = [face for face in faces if face.smiling == first.smiling and face is not first]
    second = others[rng.integers(len(others))]
    return mix(first, second, rng.uniform(*SHAPE_RANGE), rng.uniform(*TEXTURE_RANGE), canvas)


def _reliable(face: Face) -> list[int]:
    guessed = set(at.GUESSED_WHEN_SMILING.tolist()) if face.smiling else set()
    return [point for point in range(at.COUNT) if point not in guessed]


def _matched(skin: Floats, wanted: Floats, where: Mask) -> Floats:
    """`skin` with the mean of `wanted`, and its contrast within a quarter."""
    factor = np.clip(wanted[where].std(0) / np.maximum(skin[where].std(0), 1e-3), 0.8, 1.25)
    return np.asarray((skin - skin[where].mean(0)) * factor + wanted[where].mean(0), np.float32)

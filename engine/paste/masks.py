"""Which part of the square goes into the photo: the face to its hair line, the head, or everything. Needs torch where
the landmark network is."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.errors import RecipeFormatError
from engine.inversion.landmarks import open_finder
from engine.paste.geometry import CropPlace
from engine.paste_events import MASK_PX, Mask, MaskPreset

Rgb: TypeAlias = NDArray[np.uint8]
Points: TypeAlias = NDArray[np.float64]
Share: TypeAlias = NDArray[np.float32]

OUTLINE = (109, 110, 111, 125, 126, 127, 128, 129, 130, 131, 132, 133, 114, 113, 112)
HAIR_LINE = (144, 143, 142, 141, 140, 139, 138, 137, 136, 135, 134)
"""Places in the template of the landmarks, once round the face."""

MOST_PNG_BYTES = 1 << 20
GUIDE_PX = 0.015
GUIDE_EPS = 1e-3
HEAD_ROUNDS = 4
BLUR_ROOM_PX = 80
BORDER = 0.02
"""The model's outermost pixels are left out: the photo there was padded, or is seen least in training."""


def preset_mask(preset: MaskPreset, crop: Rgb, eyes: Points) -> Mask:
    """A mask made for a face.

    Args:
        crop: The square as it was cut out, ``[MASK_PX, MASK_PX, 3]`` uint8 sRGB.
        eyes: The pupils in it, left one first, ``[2, 2]`` in pixels.
    """
    if preset is MaskPreset.CROP:
        return _as_mask(_border())
    outline = face_outline(crop, eyes)
    face = _filled(outline)
    share = _guided(face, crop) if preset is MaskPreset.FACE else _guided(_head(crop, face, outline), crop)
    return _as_mask(share * _border())


def face_outline(crop: Rgb, eyes: Points) -> Points:
    """From one ear down to the chin, up to the other ear, and along the hair line: ``[P, 2]`` pixels of the crop."""
    finder = open_finder()
    if finder is None:
        return _oval(eyes)
    from engine.nets.landmarks import LANDMARKS

    landmarks = finder.look(crop, eyes).landmarks
    return np.asarray(landmarks[[LANDMARKS.index(number) for number in (*OUTLINE, *HAIR_LINE)]])


def encode_mask(mask: Mask) -> bytes:
    """As a grey PNG."""
    file = io.BytesIO()
    Image.fromarray(np.asarray(mask)).save(file, "PNG", optimize=True)
    return file.getvalue()


def read_mask(path: Path) -> Mask:
    """A mask from a picture file: white takes the picture, black keeps the photo; any size.

    Raises:
        UnreadableImageError: it is no picture.
    """
    from engine.inversion.portraits import read_portrait

    grey = cv2.cvtColor(read_portrait(path).pixels, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(grey, (MASK_PX, MASK_PX), interpolation=cv2.INTER_AREA), np.uint8)


def decode_mask(png: bytes) -> Mask:
    """What `encode_mask` wrote.

    Raises:
        RecipeFormatError: it is something else.
    """
    try:
        with Image.open(io.BytesIO(png), formats=("PNG",)) as image:
            if len(png) > MOST_PNG_BYTES or image.size != (MASK_PX, MASK_PX) or image.mode != "L":
                raise ValueError(f"{image.size} {image.mode}")
            return np.array(image)
    except (OSError, ValueError, SyntaxError):
        raise RecipeFormatError("The mask in the recipe is damaged.") from None


def eyes_in(place: CropPlace, left: tuple[float, float], right: tuple[float, float]) -> Points:
    """Two points of the photo, counted from pixels' middles as face points are, in pixels of a mask."""
    return place.shares(np.array([left, right]) + 0.5) * MASK_PX - 0.5


def faded(mask: Mask, feather: float) -> Share:
    """A mask with its edge blurred, and nothing at the square's own border: ``[MASK_PX, MASK_PX]``, 0 to 1."""
    share: Share = mask.astype(np.float32) / np.float32(255)
    sigma = feather * MASK_PX / 2
    if sigma > 0.3:
        padded = np.pad(share, BLUR_ROOM_PX, "edge")
        blurred = cv2.GaussianBlur(padded, (0, 0), sigma)[BLUR_ROOM_PX:-BLUR_ROOM_PX, BLUR_ROOM_PX:-BLUR_ROOM_PX]
        share = np.asarray(blurred, np.float32) * _border(1 / MASK_PX, max(2 / MASK_PX, feather))
    share[share < 1 / 512] = 0
    return np.asarray(share, np.float32)


def _border(start: float = BORDER / 2, width: float = BORDER) -> Share:
    """0 at the border of the square, 1 a little inside."""
    middles = (np.arange(MASK_PX) + 0.5) / MASK_PX
    near = np.clip((np.minimum(middles, 1 - middles) - start) / width, 0, 1)
    near = near * near * (3 - 2 * near)
    return np.asarray(np.minimum.outer(near, near), np.float32)


def _oval(eyes: Points) -> Points:
    """Where a face usually is round two eyes, for when no network looks."""
    middle, across = eyes.mean(axis=0), eyes[1] - eyes[0]
    down = np.array([-across[1], across[0]])
    turn = np.linspace(0, 2 * np.pi, 24, endpoint=False)[:, None]
    return np.asarray(middle + 0.42 * down + 1.18 * np.cos(turn) * across + 1.55 * np.sin(turn) * down)


def _filled(outline: Points) -> Share:
    mask = np.zeros((MASK_PX, MASK_PX), np.uint8)
    cv2.fillPoly(mask, [np.rint(_rounded(outline) * 16).astype(np.int32)], 255, cv2.LINE_AA, shift=4)
    return mask.astype(np.float32) / np.float32(255)


def _rounded(outline: Points, times: int = 3) -> Points:
    """Corners cut, over and over, until there are none: Chaikin 1974."""
    for _ in range(times):
        following = np.roll(outline, -1, axis=0)
        outline = np.stack([0.75 * outline + 0.25 * following, 0.25 * outline + 0.75 * following], axis=1)
        outline = outline.reshape(-1, 2)
    return outline


def _head(crop: Rgb, face: Share, outline: Points) -> Share:
    """Face and hair against what is behind them.

    Source: Rother et al. 2004, "GrabCut", begun with the face as certain and a wide oval as possible.
    """
    half = MASK_PX // 2
    small = np.ascontiguousarray(cv2.resize(crop, (half, half), interpolation=cv2.INTER_AREA)[..., ::-1])
    inside = cv2.resize(face, (half, half), interpolation=cv2.INTER_AREA)
    middle, size = (outline.max(axis=0) + outline.min(axis=0)) / 4, np.ptp(outline, axis=0) / 2
    y, x = np.mgrid[:half, :half]
    above = y < middle[1]
    across = np.abs(x - middle[0]) / size[0]
    down = np.where(above, (middle[1] - y) / (1.1 * size[1]), (y - middle[1]) / (0.75 * size[1]))
    reach = np.hypot(across / np.where(above, 1.0, 0.95), down)
    labels = np.full((half, half), cv2.GC_BGD, np.uint8)
    labels[reach < 1.0] = cv2.GC_PR_BGD
    labels[reach < 0.72] = cv2.GC_PR_FGD
    labels[inside > 0.5] = cv2.GC_FGD
    cv2.setRNGSeed(1)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    try:
        cv2.grabCut(small, labels, (0, 0, 1, 1), *models, HEAD_ROUNDS, cv2.GC_INIT_WITH_MASK)
    except cv2.error:  # a picture of one colour gives it nothing to tell apart
        return face
    found = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    closed = cv2.morphologyEx(found, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    head = cv2.morphologyEx(closed, cv2.MORPH_OPEN, np.ones((7, 7), np.uint8))
    _, parts = cv2.connectedComponents(head)
    centre = parts[np.clip(round(middle[1]), 0, half - 1), np.clip(round(middle[0]), 0, half - 1)]
    whole = (parts == centre).astype(np.float32) if centre else inside
    return np.asarray(np.maximum(cv2.resize(whole, (MASK_PX, MASK_PX), interpolation=cv2.INTER_LINEAR), face))


def _guided(mask: Share, crop: Rgb) -> Share:
    """A mask whose edge follows the edges of the picture near it, as that of hair over a forehead.

    Source: He et al. 2010, "Guided image filtering", with grey as the guide.
    """
    guide = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    side = 2 * round(GUIDE_PX * MASK_PX) + 1

    def mean(image: NDArray[np.floating[Any]]) -> Share:
        return np.asarray(cv2.blur(image, (side, side), borderType=cv2.BORDER_REPLICATE), np.float32)

    m_guide, m_mask = mean(guide), mean(mask)
    slope = (mean(guide * mask) - m_guide * m_mask) / (mean(guide * guide) - m_guide * m_guide + GUIDE_EPS)
    offset = m_mask - slope * m_guide
    return np.asarray(np.clip(mean(slope) * guide + mean(offset), 0, 1), np.float32)


def _as_mask(share: Share) -> Mask:
    return np.rint(np.clip(share, 0, 1) * 255).astype(np.uint8)

"""How a face sits in a model's pictures: from two eyes and a mouth to the square that is cut out.

Light (numpy only): the window draws the crop with it, the engine cuts with it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from engine.errors import PortraitError

MIN_EYE_DISTANCE_PX = 2.0
MOUTH_DROP = 1.1
"""From the line of the eyes down to the mouth, over the distance of the pupils: the mean of 102 adult faces."""


class FramingKind(StrEnum):
    FFHQ = "ffhq"
    EYES = "eyes"


@dataclass(frozen=True, slots=True)
class Framing:
    """The alignment a model was trained with.

    Attributes:
        kind: FFHQ is the alignment of Karras et al. 2019; EYES places the pupils on a line at a fixed height.
        eye_y: EYES only: height of the pupils, 0 top, 1 bottom.
        eye_distance: EYES only: distance of the pupils over the crop's width.
    """

    kind: FramingKind = FramingKind.FFHQ
    eye_y: float = 0.46
    eye_distance: float = 0.235


@dataclass(frozen=True, slots=True)
class FacePoints:
    """Where a face is, in pixels of the upright image: (x, y), y down. "Left" is the left of the picture."""

    left_eye: tuple[float, float]
    right_eye: tuple[float, float]
    mouth: tuple[float, float]


def crop_quad(face: FacePoints, framing: Framing) -> NDArray[np.float64]:
    """The square that is cut out around a face.

    FFHQ takes the roll from the eyes and the mouth together and the size from whichever is larger, twice the eye
    distance or 1.8 times the way from the eyes to the mouth. EYES turns and scales with the eyes alone.

    Returns:
        ``[4, 2]`` float64, pixels of the upright picture, (x, y): top left, bottom left, bottom right, top right.
        It may reach over the picture's edges.

    Raises:
        PortraitError: The eyes are less than 2 px apart, or a point is not a finite number.

    Source: FFHQ: Karras et al. 2019, arXiv:1812.04948, appendix C.
    """
    left, right, mouth = (np.array(point, dtype=np.float64) for point in (face.left_eye, face.right_eye, face.mouth))
    eyes = right - left
    distance = float(np.hypot(*eyes))
    if not np.isfinite([left, right, mouth]).all() or distance < MIN_EYE_DISTANCE_PX:
        raise PortraitError(
            f"The two eyes are {distance:.1f} px apart; to cut out a face they must be at least "
            f"{MIN_EYE_DISTANCE_PX:.0f} px apart.",
            "Drag the two eye handles onto the two eyes.",
        )
    middle = (left + right) / 2
    if framing.kind is FramingKind.FFHQ:
        return ffhq_quad(middle, eyes, mouth - middle)
    across = eyes / distance * (distance / framing.eye_distance / 2)
    return _square(middle - _down(across) * (2 * framing.eye_y - 1), across)


def ffhq_quad(
    eye_middle: NDArray[np.float64],
    eye_to_eye: NDArray[np.float64],
    eye_to_mouth: NDArray[np.float64],
    *,
    level: bool = True,
) -> NDArray[np.float64]:
    """The FFHQ square; with `level` False it stays upright however the head is turned. See `crop_quad`."""
    length = max(np.hypot(*eye_to_eye) * 2.0, np.hypot(*eye_to_mouth) * 1.8)
    across = np.array([length, 0.0])
    if level:
        across = eye_to_eye - _down(eye_to_mouth)
        size = np.hypot(*across)
        if size < MIN_EYE_DISTANCE_PX:
            raise PortraitError(
                "The mouth lies above the eyes, so the crop cannot be turned upright.",
                "Drag the mouth handle below the two eyes.",
            )
        across = across / size * length
    return _square(eye_middle + eye_to_mouth * 0.1, across)


def similar_face(
    face: FacePoints,
    *,
    about: tuple[float, float] = (0.0, 0.0),
    scale: float = 1.0,
    turn_deg: float = 0.0,
    shift: tuple[float, float] = (0.0, 0.0),
) -> FacePoints:
    """A face grown by `scale` and turned clockwise around `about`, then moved: its crop does exactly the same."""
    cos, sin = math.cos(math.radians(turn_deg)) * scale, math.sin(math.radians(turn_deg)) * scale

    def moved(point: tuple[float, float]) -> tuple[float, float]:
        x, y = point[0] - about[0], point[1] - about[1]
        return about[0] + cos * x - sin * y + shift[0], about[1] + sin * x + cos * y + shift[1]

    return FacePoints(moved(face.left_eye), moved(face.right_eye), moved(face.mouth))


def default_face_points(size_px: tuple[int, int]) -> FacePoints:
    """Where to put the handles when no face was found: an upright face above the middle of the picture.

    Args:
        size_px: Width and height of the upright picture.
    """
    width, height = size_px
    half = 0.1 * min(width, height)
    middle_x, eyes_y = width / 2, 0.42 * height
    return FacePoints(
        (middle_x - half, eyes_y), (middle_x + half, eyes_y), (middle_x, eyes_y + 2 * half * MOUTH_DROP)
    )


def _down(across: NDArray[np.float64]) -> NDArray[np.float64]:
    """`across` turned by a right angle, so that right becomes down."""
    return np.array([-across[1], across[0]])


def _square(centre: NDArray[np.float64], across: NDArray[np.float64]) -> NDArray[np.float64]:
    down = _down(across)
    return np.stack([centre - across - down, centre - across + down, centre + across + down, centre + across - down])

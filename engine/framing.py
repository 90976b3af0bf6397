"""How a face sits in a model's pictures: from two eyes and a mouth to the square that is cut out.

Light (numpy only): the window draws the crop with it, the engine cuts with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


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

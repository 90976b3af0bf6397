"""A photo with its faces: decoded once, for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.face_remarks import HARDLY_A_FACE
from engine.framing import Framing
from engine.inversion.align import align_face
from engine.inversion.face_finder import open_face_finder
from engine.inversion.landmarks import LocatedFace, locate_faces
from engine.inversion.portraits import read_portrait
from engine.places import user_places


@dataclass(frozen=True, slots=True, eq=False)
class PhotoFaces:
    """Attributes:
    pixels: The upright photo, ``[H, W, 3]`` uint8 RGB.
    faces: The largest first; their numbers count from 1.
    """

    pixels: NDArray[np.uint8]
    faces: tuple[LocatedFace, ...]

    @property
    def likely(self) -> tuple[int, ...]:
        """Numbers of those that are worth a search. Beside others, what is hardly a face is left alone."""
        return likely_faces(self.faces)

    def face(self, number: int) -> LocatedFace:
        return self.faces[number - 1]

    def cut(self, number: int, framing: Framing, size_px: int) -> NDArray[np.uint8]:
        """``[size_px, size_px, 3]``. Raises as `align_face`."""
        return align_face(self.pixels, self.face(number).points, framing, size_px)


def open_faces(path: Path) -> PhotoFaces:
    """Decode a photo and find its faces. Blocking, as `engine.inversion.portraits.open_portrait`.

    Raises:
        UnreadableImageError: it is no picture, or cannot be read.
    """
    pixels = read_portrait(path).pixels
    finder, _ = open_face_finder(user_places().weights_folder)
    return PhotoFaces(pixels, locate_faces(pixels, face_finder=finder))


def likely_faces(faces: Sequence[LocatedFace]) -> tuple[int, ...]:
    numbers = tuple(range(1, len(faces) + 1))
    return tuple(number for number in numbers if faces[number - 1].remark != HARDLY_A_FACE) or numbers[:1]

"""What finds faces in a picture: a plug for any detector that gives boxes with five points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engine.errors import ModelError
from engine.framing import FacePoints


@dataclass(frozen=True, slots=True, eq=False)
class FoundFace:
    """Attributes:
    points: ``[5, 2]`` float64, pixels of the picture: the eye that is on the left when the face is looked at upright,
        the other eye, the tip of the nose, the mouth's corners in the same order.
    box: Left, top, width, height in pixels of the picture.
    score: How sure the finder is, 0 to 1.
    """

    points: NDArray[np.float64]
    box: tuple[float, float, float, float]
    score: float

    @property
    def eyes(self) -> NDArray[np.float64]:
        return self.points[:2]

    @property
    def face_points(self) -> FacePoints:
        (ax, ay), (bx, by) = self.eyes.tolist()
        x, y = self.points[3:].mean(axis=0).tolist()
        return FacePoints((ax, ay), (bx, by), (x, y))


class FaceFinder(Protocol):
    def find(self, image: NDArray[np.uint8]) -> Sequence[FoundFace]:
        """Every face in an upright picture, ``[H, W, 3]`` uint8 RGB, the surest first."""


def open_face_finder(folder: Path) -> tuple[FaceFinder | None, str]:
    """The face finder that the user has put among their weights, if any, and a sentence when it cannot be used.

    Args:
        folder: `engine.places.Places.weights_folder`.
    """
    from engine.inversion.yunet import MODEL_PATTERN, open_yunet

    # Their names tell the date; those in whole numbers see a little worse.
    files = sorted(folder.glob(MODEL_PATTERN), key=lambda path: ("int8" not in path.name, path.name), reverse=True)
    complaint = ""
    for path in files:
        try:
            return open_yunet(path), ""
        except ModelError as error:
            complaint = complaint or f"{error.user_message} Faces were found without it."
    return None, complaint

"""Find faces and their eyes with the Haar cascades that come with OpenCV.

A cascade's box finds faces well and eyes fairly. So each box gives a first guess at average proportions; the face is
turned upright and eye cascades correct it, twice; then each iris is looked for as a disc darker than what is left and
right of it, held near its guess by a prior. The mouth is put where it is in the mean of adult faces: within 0.05 eye
distances, which the crops hardly feel.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.framing import MOUTH_DROP, FacePoints

Grey: TypeAlias = NDArray[np.uint8]
Points: TypeAlias = NDArray[np.float64]

SEARCH_PX = 480
"""Longest edge on which faces are looked for."""
MIN_FACE_SHARE = 0.08
"""Smallest face, over the shorter edge of the picture."""
TILTS_DEG = (0.0, 20.0, -20.0, 40.0, -40.0)
"""A cascade sees heads tilted by some 15 degrees; the picture is turned until one is seen with both eyes."""
TURNS_DEG = (90.0, -90.0, 180.0)
"""For pictures that lie on their side or stand on their head, when nothing else helped."""
FINE_SEARCH_PX = 1200
FINE_FACE_SHARE = 0.025
"""Longest edge and smallest face when small faces are looked for: some 0.2 s."""
MIN_NEIGHBOURS = 3
PROFILE_NEIGHBOURS = 8
"""The profile cascade sees faces in leaves and folds; those that are there it sees many times over."""
MAX_FACES = 40

# Where the eyes are in a cascade's box: mean of 44 faces; they spread by 0.01 of the box.
_BOX_EYES = np.array([[0.311, 0.386], [0.689, 0.386]])

# Eyes in the box of the profile cascade, for a head that looks to the left of the picture.
_PROFILE_EYES = np.array([[0.24, 0.38], [0.44, 0.38]])

# The upright frame in which eyes are corrected.
_EYE_DISTANCE = 80.0
UPRIGHT_EYES = np.array([[80.0, 60.0], [160.0, 60.0]])
UPRIGHT_SIZE = (240, 120)
_EYE_WINDOW = (40, 36)
_IRIS_RADII = (6, 7, 8, 9)
_IRIS_REACH = 20
_IRIS_PRIOR = 8.0


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """Eyes ``[2, 2]``, left one first; the width of the face box; how many eyes a cascade confirmed."""

    eyes: Points
    width: float
    seen: int = 0


def find_faces(image: NDArray[np.uint8]) -> tuple[FacePoints, ...]:
    """Faces that look at the camera, the largest first; empty when there are none.

    Args:
        image: The upright picture, ``[H, W, 3]`` uint8 RGB.

    Returns:
        Pupils and mouth centre in pixels of `image`. Heads tilted by more than about 40 degrees are not found.
    """
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    height, width = grey.shape
    scale = SEARCH_PX / max(height, width)
    small = _resized(grey, scale)
    # Eyes are corrected at twice the search size: enough for a hundredth of the eye distance, and quick.
    detail = min(2 * scale, 1.0)
    fine = _resized(grey, detail)
    enlarge = np.array([fine.shape[1] / small.shape[1], fine.shape[0] / small.shape[0]])
    found: list[_Found] = []
    for tilt in TILTS_DEG:
        found += [_corrected(fine, box.eyes * enlarge, box.width) for box in _boxes(small, tilt)[:MAX_FACES]]
        if any(face.seen == 2 for face in found):
            break
    back = np.array([width / fine.shape[1], height / fine.shape[0]])
    return tuple(_face_points(face.eyes * back) for face in _distinct(found))


def eye_guesses(image: NDArray[np.uint8]) -> Iterator[list[Points]]:
    """Round after round, each dearer or less likely to help: heads tilted more and more, small ones, turned pictures.

    Args:
        image: The upright picture, ``[H, W, 3]`` uint8 RGB.

    Yields:
        For each box of a round, the eyes ``[2, 2]`` at average proportions in pixels of `image`, left one first: off
        by a tenth of their distance, and by 15 degrees.
    """
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    for tilt in TILTS_DEG:
        yield _guessed(grey, SEARCH_PX, MIN_FACE_SHARE, tilt)
    yield small_eye_guesses(image)
    for turn in TURNS_DEG:
        yield _guessed(grey, SEARCH_PX, MIN_FACE_SHARE, turn)


def small_eye_guesses(image: NDArray[np.uint8]) -> list[Points]:
    """The eyes of small faces too, as `eye_guesses` does."""
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    return _guessed(grey, min(FINE_SEARCH_PX, max(grey.shape)), FINE_FACE_SHARE, 0.0)


def profile_guesses(image: NDArray[np.uint8]) -> list[Points]:
    """Roughly where the eyes of heads seen from the side would be, ``[2, 2]`` each, left one first."""
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), dtype=np.uint8)
    small = _resized(grey, SEARCH_PX / max(grey.shape))
    enlarge = np.array([grey.shape[1] / small.shape[1], grey.shape[0] / small.shape[0]])
    least = max(24, round(MIN_FACE_SHARE * min(small.shape)))
    found = []
    for looks_right in (False, True):
        seen = np.ascontiguousarray(small[:, ::-1]) if looks_right else small
        for x, y, size, _ in _cascade("haarcascade_profileface.xml").detectMultiScale(
            seen, 1.1, PROFILE_NEIGHBOURS, minSize=(least, least)
        ):
            eyes = _PROFILE_EYES * size + (x, y)
            if looks_right:
                eyes = (np.array([small.shape[1], 0.0]) + eyes * np.array([-1.0, 1.0]))[::-1]
            found.append((size, eyes * enlarge))
    return [eyes for _, eyes in sorted(found, key=lambda one: -one[0])]


def _guessed(grey: Grey, edge_px: float, share: float, tilt_deg: float) -> list[Points]:
    small = _resized(grey, edge_px / max(grey.shape))
    enlarge = np.array([grey.shape[1] / small.shape[1], grey.shape[0] / small.shape[0]])
    return [box.eyes * enlarge for box in _boxes(small, tilt_deg, share)[:MAX_FACES]]


def _resized(grey: Grey, scale: float) -> Grey:
    height, width = grey.shape
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(grey, size, interpolation=method), dtype=np.uint8)


def _distinct(found: list[_Found]) -> list[_Found]:
    """Each face once, the largest first. Boxes without eyes count only when there is nothing better."""
    kept: list[_Found] = []
    for face in sorted(found, key=lambda face: (face.seen, face.width), reverse=True):
        if face.seen == 0 and kept and kept[0].seen > 0:
            break
        middle = face.eyes.mean(axis=0)
        if all(np.hypot(*(middle - other.eyes.mean(axis=0))) > _eye_distance(other) for other in kept):
            kept.append(face)
    return sorted(kept, key=_eye_distance, reverse=True)


def _eye_distance(face: _Found) -> float:
    return float(np.hypot(*(face.eyes[1] - face.eyes[0])))


def _boxes(grey: Grey, tilt_deg: float, share: float = MIN_FACE_SHARE) -> list[_Found]:
    """Faces in a picture that is turned by `tilt_deg` first, in pixels of the picture as it was."""
    height, width = grey.shape
    least = max(24, round(share * min(height, width)))
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), tilt_deg, 1.0)
    turned = grey
    if tilt_deg:
        across, down = _turned_size(width, height, tilt_deg)
        turn = turn + np.array([[0.0, 0.0, (across - width) / 2], [0.0, 0.0, (down - height) / 2]])
        turned = np.asarray(cv2.warpAffine(grey, turn, (across, down), borderMode=cv2.BORDER_REPLICATE), np.uint8)
    boxes = _cascade("haarcascade_frontalface_alt2.xml").detectMultiScale(
        turned, 1.1, MIN_NEIGHBOURS, minSize=(least, least)
    )
    back = cv2.invertAffineTransform(turn)
    return [_Found((_BOX_EYES * size + (x, y)) @ back[:, :2].T + back[:, 2], float(size)) for x, y, size, _ in boxes]


def _turned_size(width: int, height: int, tilt_deg: float) -> tuple[int, int]:
    """Of the whole picture when it lies on its side; tilts cut its corners off, where faces hardly are."""
    return (height, width) if abs(tilt_deg) == 90 else (width, height)


def _corrected(grey: Grey, eyes: Points, width: float) -> _Found:
    """Better eyes from a guess, in pixels of the same picture."""
    for _ in range(2):
        frame, back = _upright(grey, eyes)
        shifts = [_shift_by_cascade(frame, eye) for eye in UPRIGHT_EYES]
        eyes = (UPRIGHT_EYES + _both(shifts)) @ back[:, :2].T + back[:, 2]
    frame, back = _upright(grey, eyes)
    irises = irises_in(frame)
    return _Found(irises @ back[:, :2].T + back[:, 2], width, seen=sum(shift is not None for shift in shifts))


def irises_in(frame: Grey) -> Points:
    """The two irises ``[2, 2]`` in a frame of `UPRIGHT_SIZE` with the eyes near `UPRIGHT_EYES`."""
    return np.stack([_iris(frame, eye) for eye in UPRIGHT_EYES])


def _upright(grey: Grey, eyes: Points) -> tuple[Grey, Points]:
    """The eyes' surroundings, turned and scaled so that the eyes lie at `UPRIGHT_EYES`, and the affine way back."""
    across = eyes[1] - eyes[0]
    cos, sin = across * (_EYE_DISTANCE / max(float(across @ across), 1.0))
    linear = np.array([[cos, sin], [-sin, cos]])
    there = np.column_stack([linear, UPRIGHT_EYES[0] - linear @ eyes[0]])
    frame = cv2.warpAffine(grey, there, UPRIGHT_SIZE, flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(frame, dtype=np.uint8), np.asarray(cv2.invertAffineTransform(there), dtype=np.float64)


def _both(shifts: list[Points | None]) -> Points:
    """An eye that was not seen follows the other one."""
    left, right = shifts
    known = next((shift for shift in shifts if shift is not None), np.zeros(2))
    return np.stack([known if left is None else left, known if right is None else right])


def _shift_by_cascade(frame: Grey, guess: Points) -> Points | None:
    """The way from a guess to the nearest eye that a cascade sees."""
    half = np.array(_EYE_WINDOW)
    corner = (guess - half).astype(int)
    window = frame[corner[1] : corner[1] + 2 * half[1], corner[0] : corner[0] + 2 * half[0]]
    shifts = [
        corner + np.array([x + width / 2, y + height / 2]) - guess
        for name in ("haarcascade_eye.xml", "haarcascade_eye_tree_eyeglasses.xml")
        for x, y, width, height in _cascade(name).detectMultiScale(
            window, 1.05, 2, minSize=(24, 24), maxSize=(72, 72)
        )
    ]
    nearest = min(shifts, key=lambda shift: float(np.hypot(*shift)), default=None)
    return nearest if nearest is not None and np.hypot(*nearest) < 0.3 * _EYE_DISTANCE else None


def _iris(frame: Grey, guess: Points) -> Points:
    """The disc that is darkest against what is beside it, near the guess."""
    margin = 2 * max(_IRIS_RADII)
    corner = guess.astype(int) - _IRIS_REACH - margin
    side = 2 * (_IRIS_REACH + margin) + 1
    window = cv2.GaussianBlur(frame[max(corner[1], 0) : corner[1] + side, corner[0] : corner[0] + side], (0, 0), 1.0)
    window = window.astype(np.float32) / (float(window.std()) + 1e-3)
    rows, columns = np.mgrid[: window.shape[0], : window.shape[1]]
    x, y = columns + corner[0], rows + max(corner[1], 0)
    penalty = ((x - guess[0]) ** 2 + (y - guess[1]) ** 2) / (2 * _IRIS_PRIOR**2)
    best, where = -np.inf, (0, 0)
    for radius in _IRIS_RADII:
        contrast = cv2.filter2D(window, cv2.CV_32F, _iris_kernel(radius), borderType=cv2.BORDER_REPLICATE)
        score = contrast - penalty
        peak = int(score.argmax())
        if score.flat[peak] > best:
            best, where = float(score.flat[peak]), divmod(peak, score.shape[1])
    return np.array([x[where], y[where]], dtype=np.float64)


@cache
def _iris_kernel(radius: int) -> NDArray[np.float32]:
    """Mean of the two sides (the white of the eye) minus mean of the disc."""
    y, x = np.mgrid[-2 * radius : 2 * radius + 1, -2 * radius : 2 * radius + 1]
    distance = np.hypot(x, y)
    disc = (distance <= radius).astype(np.float32)
    sides = ((distance > radius + 1) & (distance <= 1.8 * radius) & (abs(y) <= abs(x))).astype(np.float32)
    kernel: NDArray[np.float32] = sides / sides.sum() - disc / disc.sum()
    return kernel


def _face_points(eyes: Points) -> FacePoints:
    left, right = eyes
    across = right - left
    mouth = (left + right) / 2 + MOUTH_DROP * np.array([-across[1], across[0]])
    return FacePoints(_point(left), _point(right), _point(mouth))


def _point(xy: Points) -> tuple[float, float]:
    return float(xy[0]), float(xy[1])


@cache
def _cascade(name: str) -> cv2.CascadeClassifier:
    return cv2.CascadeClassifier(str(Path(cv2.__file__).parent / "data" / name))

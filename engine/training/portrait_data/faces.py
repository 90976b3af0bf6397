"""The photographed faces: cut out alike, with their landmarks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.errors import JobError
from engine.framing import FacePoints, Framing, FramingKind, crop_quad
from engine.inversion.faces import find_faces
from engine.training.portrait_data.canvas import Floats, Points
from engine.training.portrait_data.landmarks import COUNT, MOUTH_CORNERS

FRAMING = Framing(FramingKind.EYES, 0.46, 0.235)
LANDMARKS = "landmarks_neutral.npz"
MINIMUM = 8

_HINT = "It is the folder with neutral/, smiling/ and landmarks_neutral.npz of the Face Research Lab London Set."


@dataclass(frozen=True, eq=False)
class Face:
    """Attributes:
    name: ``neutral/001``.
    picture: ``[S, S, 3]``, RGB in [0, 1].
    points: ``[189, 2]``, (x, y) in pixels of `picture`.
    smiling: Some of its landmarks are guesses then.
    """

    name: str
    picture: Floats
    points: Points
    smiling: bool


def load_london(folder: Path, size: int) -> tuple[Face, ...]:
    """Cut the set's faces out at `size` px; smiling ones are left out where no face is found.

    Landmarks of the smiling faces are those of the same person's neutral face, moved by optical flow.

    Raises:
        JobError: the folder is not the set.
    """
    names, all_points = _landmarks(folder / LANDMARKS)
    faces: list[Face] = []
    for name, points in zip(names, all_points, strict=True):
        neutral = _neutral(folder, name, points, size)
        faces.append(neutral)
        path = folder / "smiling" / f"{name}.jpg"
        if path.is_file() and (smiling := _smiling(path, name, neutral, size)) is not None:
            faces.append(smiling)
    if sum(not face.smiling for face in faces) < MINIMUM:
        raise JobError(f"The folder {folder.name:.60} holds {len(faces)} faces; {MINIMUM} are needed to mix.", _HINT)
    return tuple(faces)


def _landmarks(path: Path) -> tuple[list[str], NDArray[np.float64]]:
    try:
        with np.load(path, allow_pickle=False) as stored:
            names = [str(name) for name in stored["names"]]
            points = np.asarray(stored["points"], np.float64)
    except FileNotFoundError:
        raise JobError(f"The folder {path.parent.name:.60} has no {path.name}.", _HINT) from None
    except (OSError, ValueError, KeyError, EOFError):
        raise JobError(f"The file {path.name} is damaged or not what it should be.", _HINT) from None
    fits = points.shape == (len(names), COUNT, 2) and bool(np.isfinite(points).all())
    if not fits or not all(name.isalnum() for name in names):
        raise JobError(f"The file {path.name} holds points {list(points.shape)}; needed are [N, {COUNT}, 2].", _HINT)
    return names, points


def _neutral(folder: Path, name: str, points: Points, size: int) -> Face:
    photo = _read(folder / "neutral" / f"{name}.jpg")
    mouth = points[MOUTH_CORNERS].mean(axis=0)
    picture, moved = _cut(photo, FacePoints(_pair(points[0]), _pair(points[1]), _pair(mouth)), size, points)
    return Face(f"neutral/{name}", picture, moved, smiling=False)


def _smiling(path: Path, name: str, neutral: Face, size: int) -> Face | None:
    photo = _read(path)
    found = find_faces(photo)
    if not found:
        return None
    picture, _ = _cut(photo, found[0], size, np.zeros((0, 2)))
    flow = _flow(neutral.picture, picture)
    x, y = np.clip(np.round(neutral.points).astype(int), 0, size - 1).T
    return Face(f"smiling/{name}", picture, neutral.points + flow[y, x], smiling=True)


def _cut(photo: NDArray[np.uint8], face: FacePoints, size: int, points: Points) -> tuple[Floats, Points]:
    """The framed square, and `points` in its pixels."""
    quad = crop_quad(face, FRAMING)
    corners = np.array([[0, 0], [0, size], [size, size]], np.float32)
    matrix = cv2.getAffineTransform(quad[:3].astype(np.float32), corners)
    # At twice the size and then averaged: a plain warp would skip pixels of a large photo.
    large = cv2.warpAffine(
        photo, 2 * matrix, (2 * size, 2 * size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    picture = np.asarray(cv2.resize(large, (size, size), interpolation=cv2.INTER_AREA), np.float32) / np.float32(255)
    return picture, points @ matrix[:, :2].T + matrix[:, 2]


def _flow(before: Floats, after: Floats) -> Floats:
    """Where each pixel of one picture went in the other, ``[S, S, 2]``."""
    finder = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    finder.setFinestScale(0)
    finder.setVariationalRefinementIterations(10)
    grey = [cv2.cvtColor((picture * 255).astype(np.uint8), cv2.COLOR_RGB2GRAY) for picture in (before, after)]
    start = np.zeros((*grey[0].shape, 2), np.float32)
    return np.asarray(finder.calc(grey[0], grey[1], start), np.float32)


def _read(path: Path) -> NDArray[np.uint8]:
    try:
        with Image.open(path, formats=("JPEG", "PNG")) as image:
            return np.asarray(image.convert("RGB"))
    except FileNotFoundError:
        raise JobError(f"The photo {path.parent.name}/{path.name} is missing.", _HINT) from None
    except Exception:  # noqa: BLE001 - Pillow raises almost anything on damaged files
        raise JobError(f"The photo {path.parent.name}/{path.name} cannot be read.", _HINT) from None


def _pair(point: Points) -> tuple[float, float]:
    return float(point[0]), float(point[1])

"""A set of drawn faces laid out like the photographed one: grey ground, white shirt, 189 landmarks."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.training.portrait_data import landmarks as at

SIZE = 256
EYES_Y, APART = 118.0, 60.0


def arc(centre: tuple[float, float], radii: tuple[float, float], first: float, last: float, count: int) -> NDArray:
    angle = np.linspace(np.radians(first), np.radians(last), count)
    return np.stack([centre[0] + radii[0] * np.cos(angle), centre[1] + radii[1] * np.sin(angle)], axis=1)


def face_points(rng: np.random.Generator) -> NDArray[np.float64]:
    """Landmarks of a drawn face of 256 px; y is down, angles run clockwise from the right."""
    points = np.full((at.COUNT, 2), np.nan)
    x, width, height = SIZE / 2, 52 + rng.uniform(-4, 4), 70 + rng.uniform(-5, 5)
    middle = (x, 132.0)
    eyes = ((x - APART / 2, at.LEFT_IRIS, 18, 28, 34, 44), (x + APART / 2, at.RIGHT_IRIS, 23, 31, 39, 47))
    for pupil, (ex, iris, lid, below, fold, bag) in enumerate(eyes):
        points[pupil] = (ex, EYES_Y)
        points[iris] = arc((ex, EYES_Y), (4, 4), 0, 315, 8)
        points[lid : lid + 5] = arc((ex, EYES_Y), (11, 5), 180, 360, 5)
        points[below : below + 3] = arc((ex, EYES_Y), (11, 5), 135, 45, 3)
        points[fold : fold + 5] = arc((ex, EYES_Y), (13, 9), 190, 350, 5)
        points[bag : bag + 3] = arc((ex, EYES_Y), (12, 9), 130, 50, 3)
    for start, inner, ex in ((71, 83, x - APART / 2), (77, 85, x + APART / 2)):
        points[start : start + 6] = arc((ex, EYES_Y - 8), (17, 9), 190, 350, 6)
        points[inner : inner + 2] = arc((ex, EYES_Y - 6), (12, 7), 230, 310, 2)
    points[50:71] = np.stack([x + np.linspace(-9, 9, 21), 128 + 22 * np.sin(np.linspace(0.3, 2.8, 21))], axis=1)
    points[179:183] = arc((x, 146), (6, 3), 160, 20, 4)
    lips = ((87, 7, 5, 180, 360), (94, 5, 1, 200, 340), (99, 5, 1, 160, 20), (104, 5, 6, 155, 25))
    for start, count, drop, first, last in lips:
        points[start : start + count] = arc((x, 172), (17, drop), first, last, count)
    points[125:134] = arc(middle, (width, height), 165, 15, 9)
    points[174:179] = arc(middle, (width * 0.7, height * 0.9), 150, 30, 5)
    points[134:145] = arc((x, 128), (width - 2, 68), 190, 350, 11)
    for side, (low, high, rim, extra) in ((-1, (111, 109, 115, 185)), (1, (114, 112, 120, 187))):
        edge = x + side * width
        points[[low, low - 1, high]] = [(edge, 140), (edge - side, 126), (edge, 112)]
        points[rim : rim + 5] = [(edge + side * d, y) for d, y in ((3, 110), (8, 114), (9, 126), (7, 138), (3, 143))]
        points[extra : extra + 2] = [(edge - side * 2, 118), (edge - side * 2, 132)]
    points[145:158] = np.stack([np.linspace(40, 216, 13), 245 - 12 * np.cos(np.linspace(-1.5, 1.5, 13))], axis=1)
    points[158:170] = np.stack([x + np.linspace(-38, 38, 12), 150 + 6 * np.cos(np.linspace(0, 6, 12))], axis=1)
    points[170:174] = [(x - 24, 168), (x - 26, 178), (x + 24, 168), (x + 26, 178)]
    points[183:185] = [(x - 20, 236), (x + 20, 236)]
    assert np.isfinite(points).all()
    return points + rng.normal(size=points.shape) * 0.3


def draw_face(points: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.uint8]:
    picture = np.full((SIZE, SIZE, 3), 190, np.uint8)
    skin = [int(v) for v in rng.integers((180, 120, 90), (230, 170, 140))]
    hair = [int(v) for v in rng.integers(15, 70, 3)]

    def shape(corners: NDArray[np.float64], colour: list[int]) -> None:
        cv2.fillPoly(picture, [np.round(corners).astype(np.int32)], colour)

    cv2.ellipse(picture, (SIZE // 2, 110), (66, 76), 0, 0, 360, hair, -1)
    shape(np.array([(98, 190), (158, 190), (165, 256), (91, 256)]), skin)
    shape(np.concatenate([points[at.FACE_OUTLINE]]), skin)
    for ear in (at.LEFT_EAR, at.RIGHT_EAR):
        shape(points[ear], skin)
    shape(np.array([(20, 256), (60, 236), (100, 240), (128, 250), (156, 240), (196, 236), (236, 256)]), [235] * 3)
    for lid in (at.LEFT_LID_ABOVE + at.LEFT_LID_BELOW, at.RIGHT_LID_ABOVE + at.RIGHT_LID_BELOW):
        shape(points[lid], [240] * 3)
    for iris in (at.LEFT_IRIS, at.RIGHT_IRIS):
        shape(points[iris], [60, 50, 40])
    for brow in (at.LEFT_BROW_OUTLINE, at.RIGHT_BROW_OUTLINE):
        shape(np.concatenate([points[line] for line in brow]), hair)
    shape(np.concatenate([points[line] for line in at.LIPS_OUTLINE]), [170, 70, 80])
    noisy = picture + rng.normal(size=picture.shape) * 3
    return np.clip(noisy, 0, 255).astype(np.uint8)


def write_set(folder: Path, count: int = 9, smiling: int = 0) -> Path:
    """Write a set of `count` neutral faces; of the first `smiling` also a second photo."""
    for name in ("neutral", "smiling"):
        (folder / name).mkdir(parents=True)
    rng = np.random.default_rng(0)
    all_points, names = [], []
    for index in range(count):
        points = face_points(rng)
        picture = Image.fromarray(draw_face(points, rng))
        name = f"{index:03d}"
        picture.save(folder / "neutral" / f"{name}.jpg", quality=95)
        if index < smiling:
            picture.save(folder / "smiling" / f"{name}.jpg", quality=95)
        all_points.append(points)
        names.append(name)
    np.savez(folder / "landmarks_neutral.npz", names=np.array(names), points=np.stack(all_points))
    return folder

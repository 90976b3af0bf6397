"""Faces and eyes in pictures."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from engine.framing import FacePoints
from engine.inversion.faces import find_faces

PORTRAITS = Path(__file__).parents[3] / "resources" / "portraits"

# Pupils and mouth centre in the sample portraits, from the landmarks of the data set's authors.
MARKED = {
    "composite_f_african": ((213.3, 236.3), (294.4, 235.9), (253.2, 324.5)),
    "composite_f_easian": ((216.7, 233.0), (294.6, 232.1), (257.1, 318.3)),
    "composite_f_wasian": ((215.7, 230.6), (297.4, 231.2), (257.4, 314.3)),
    "composite_m_african": ((211.2, 218.5), (294.3, 219.3), (252.5, 306.9)),
    "composite_m_wasian": ((216.7, 212.3), (293.7, 214.2), (254.1, 296.7)),
    "composite_m_white": ((217.0, 224.4), (292.1, 224.3), (254.5, 304.7)),
}


def portrait(name: str) -> np.ndarray:
    return np.asarray(Image.open(PORTRAITS / f"{name}.jpg").convert("RGB"))


def errors(face: FacePoints, marked: np.ndarray) -> tuple[float, float]:
    """Worst eye and mouth error, over the distance of the eyes."""
    away = np.hypot(*(np.array([face.left_eye, face.right_eye, face.mouth]) - marked).T)
    away /= np.hypot(*(marked[1] - marked[0]))
    return float(away[:2].max()), float(away[2])


@pytest.mark.parametrize("name", MARKED)
def test_that_eyes_are_found_to_a_twentieth_of_their_distance(name: str) -> None:
    (face,) = find_faces(portrait(name))
    eyes, mouth = errors(face, np.array(MARKED[name]))
    assert eyes < 0.05
    assert mouth < 0.15


@pytest.mark.parametrize("degrees", [-38, -20, 12, 30])
def test_that_a_tilted_head_is_found_as_well(degrees: float) -> None:
    name = "composite_m_wasian"
    turn = cv2.getRotationMatrix2D((256, 256), degrees, 1.0)
    turned = cv2.warpAffine(portrait(name), turn, (512, 512), borderMode=cv2.BORDER_REPLICATE)
    faces = find_faces(turned)
    assert len(faces) == 1
    eyes, _ = errors(faces[0], np.array(MARKED[name]) @ turn[:, :2].T + turn[:, 2])
    assert eyes < 0.05


def test_that_two_faces_are_both_found_the_larger_first() -> None:
    large, small = portrait("composite_f_wasian"), portrait("composite_m_white")
    picture = np.full((600, 900, 3), 230, np.uint8)
    picture[50:562, 360:872] = large
    picture[20:320, 20:320] = cv2.resize(small, (300, 300), interpolation=cv2.INTER_AREA)
    faces = find_faces(picture)
    assert len(faces) == 2
    assert errors(faces[0], np.array(MARKED["composite_f_wasian"]) + np.array([360, 50]))[0] < 0.06
    assert errors(faces[1], np.array(MARKED["composite_m_white"]) * (300 / 512) + 20)[0] < 0.06


@pytest.mark.parametrize("shape", [(1, 1), (480, 640), (6, 4000)])
def test_that_an_empty_picture_has_no_face(shape: tuple[int, int]) -> None:
    assert find_faces(np.full((*shape, 3), 120, np.uint8)) == ()

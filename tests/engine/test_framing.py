"""The square around a face, as the window draws it and the engine cuts it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from engine.errors import PortraitError
from engine.framing import (
    FacePoints,
    Framing,
    FramingKind,
    crop_quad,
    default_face_points,
)

GOLDEN = sorted((Path(__file__).parents[1] / "golden" / "align").glob("*.npz"))
EYES = Framing(FramingKind.EYES, eye_y=0.46, eye_distance=0.235)
FACE = FacePoints((100.0, 120.0), (180.0, 130.0), (135.0, 215.0))


def face_of(landmarks: np.ndarray) -> FacePoints:
    left, right = landmarks[36:42].mean(axis=0), landmarks[42:48].mean(axis=0)
    return FacePoints(tuple(left), tuple(right), tuple((landmarks[48] + landmarks[54]) / 2))


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_that_the_ffhq_square_is_the_published_one(path: Path) -> None:
    golden = np.load(path)
    quad = crop_quad(face_of(golden["landmarks"].astype(np.float64)), Framing())
    np.testing.assert_allclose(quad, golden["quad_initial"], rtol=0, atol=1e-9)


def test_that_there_are_golden_squares_to_compare_with() -> None:
    assert len(GOLDEN) == 5


def test_that_eyes_framing_puts_the_pupils_where_it_says() -> None:
    top_left, bottom_left, bottom_right, top_right = crop_quad(FACE, EYES)
    across, down = top_right - top_left, bottom_left - top_left
    np.testing.assert_allclose(bottom_right, top_left + across + down)
    assert across @ down == pytest.approx(0.0, abs=1e-6)
    assert np.hypot(*across) == pytest.approx(np.hypot(*down))
    for pupil, x in ((FACE.left_eye, 0.5 - 0.235 / 2), (FACE.right_eye, 0.5 + 0.235 / 2)):
        at = np.array(pupil) - top_left
        assert at @ across / (across @ across) == pytest.approx(x)
        assert at @ down / (down @ down) == pytest.approx(0.46)


@pytest.mark.parametrize("framing", [Framing(), EYES], ids=["ffhq", "eyes"])
def test_that_the_square_turns_and_grows_with_the_face(framing: Framing) -> None:
    angle, scale, shift = math.radians(37), 2.5, np.array([-30.0, 900.0])
    turn = scale * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])

    def moved(point: tuple[float, float]) -> tuple[float, float]:
        x, y = turn @ np.array(point) + shift
        return float(x), float(y)

    face = FacePoints(moved(FACE.left_eye), moved(FACE.right_eye), moved(FACE.mouth))
    np.testing.assert_allclose(crop_quad(face, framing), crop_quad(FACE, framing) @ turn.T + shift)


def test_that_eyes_in_one_place_are_refused_in_plain_words() -> None:
    with pytest.raises(PortraitError) as caught:
        crop_quad(FacePoints((50.0, 50.0), (51.0, 50.0), (50.0, 90.0)), EYES)
    assert caught.value.user_message == (
        "The two eyes are 1.0 px apart; to cut out a face they must be at least 2 px apart."
    )
    assert "eye handles" in caught.value.hint


def test_that_points_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(PortraitError):
        crop_quad(FacePoints((50.0, 50.0), (90.0, 50.0), (math.nan, 90.0)), Framing())


def test_that_a_mouth_straight_above_the_eyes_is_refused_for_ffhq() -> None:
    with pytest.raises(PortraitError, match="mouth lies above"):
        crop_quad(FacePoints((50.0, 100.0), (150.0, 100.0), (100.0, 0.0)), Framing())


@pytest.mark.parametrize("size", [(300, 400), (4000, 3000), (64, 64)])
def test_that_the_guess_for_a_missing_face_is_upright_and_inside(size: tuple[int, int]) -> None:
    face = default_face_points(size)
    assert face.left_eye[0] < face.right_eye[0]
    assert face.left_eye[1] == face.right_eye[1] < face.mouth[1] < size[1]
    assert crop_quad(face, EYES)[:, 0].min() >= -0.1 * size[0]

"""What is said about a crop."""

from __future__ import annotations

import math

import pytest

from engine.face_remarks import crop_remarks, framing_sentence, outside_share
from engine.framing import FacePoints, Framing, FramingKind

FACE = FacePoints((450.0, 400.0), (550.0, 400.0), (500.0, 510.0))
PHOTO = (1000, 1000)
EYES = Framing(FramingKind.EYES)


def scaled(face: FacePoints, by: float) -> FacePoints:
    return FacePoints(*((x * by, y * by) for x, y in (face.left_eye, face.right_eye, face.mouth)))


def turned(degrees: float) -> FacePoints:
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    around = [(x - 500, y - 450) for x, y in (FACE.left_eye, FACE.right_eye, FACE.mouth)]
    return FacePoints(*((500 + x * cos - y * sin, 450 + x * sin + y * cos) for x, y in around))


def test_that_a_good_crop_needs_no_words() -> None:
    assert crop_remarks(FACE, Framing(), PHOTO, 256) == ()
    assert crop_remarks(turned(20), EYES, PHOTO, None) == ()


def test_that_a_tiny_face_is_told_with_its_pixels() -> None:
    (said,) = crop_remarks(scaled(FACE, 0.2), Framing(), (200, 200), 256)
    assert "only 44 pixels" in said


@pytest.mark.parametrize(("resolution", "is_told"), [(256, False), (512, False), (1024, True), (None, False)])
def test_that_a_crop_with_fewer_pixels_than_the_model_draws_is_told(resolution: int | None, is_told: bool) -> None:
    said = crop_remarks(FACE, Framing(), PHOTO, resolution)
    assert bool(said) is is_told
    assert not said or "1024" in said[0]


def test_that_a_crop_over_the_edge_is_told_by_its_share() -> None:
    at_the_edge = FacePoints((0.0, 400.0), (100.0, 400.0), (50.0, 510.0))
    assert outside_share(at_the_edge, EYES, PHOTO) == pytest.approx(0.5 - 50 / (100 / 0.235), abs=0.02)
    (said,) = crop_remarks(at_the_edge, EYES, PHOTO)
    assert "mirror" in said


@pytest.mark.parametrize(
    ("degrees", "word"), [(35, "tilted by 35°"), (-60, "tilted by 60°"), (180, "stands on its head")]
)
def test_that_a_tilted_head_is_told(degrees: float, word: str) -> None:
    (said,) = crop_remarks(turned(degrees), EYES, PHOTO)
    assert word in said


def test_that_every_sentence_is_short() -> None:
    worst = crop_remarks(scaled(turned(50), 0.1), Framing(), (60, 50), 1024)
    assert len(worst) == 3
    assert all(len(said) < 160 for said in worst)


def test_that_the_framing_is_said_in_words() -> None:
    assert "FFHQ" in framing_sentence(Framing())
    assert "46%" in framing_sentence(EYES)
    assert "23.5%" in framing_sentence(EYES)

"""The cut of a face, to the last grey level."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from engine.errors import PortraitError
from engine.face_cut import cut_quad, prepare
from engine.framing import FacePoints, Framing, FramingKind, crop_quad
from engine.inversion.align import align_face, align_landmarks

GOLDEN = sorted((Path(__file__).parents[2] / "golden" / "align").glob("*.npz"))
EYES = Framing(FramingKind.EYES)


def photo(width: int = 400, height: int = 500) -> np.ndarray:
    """A smooth colour gradient with a bright dot at each pupil of `FACE`."""
    y, x = np.mgrid[:height, :width]
    image = np.stack([x * 200 / width, y * 200 / height, (x + y) * 0.1], axis=2).astype(np.uint8)
    for ex, ey in (FACE.left_eye, FACE.right_eye):
        image[(x - ex) ** 2 + (y - ey) ** 2 <= 25] = 255
    return image


FACE = FacePoints((150.0, 210.0), (230.0, 230.0), (175.0, 310.0))


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_that_the_cut_equals_the_published_one(path: Path) -> None:
    golden = np.load(path)
    options = json.loads(str(golden["params"]))
    found = align_landmarks(
        golden["image"],
        golden["landmarks"].astype(np.float64),
        options["output_size"],
        options["transform_size"],
        level=options["rotate_level"],
        padding=options["enable_padding"],
    )
    difference = np.abs(found.astype(int) - golden["aligned"])
    assert difference.max() <= 1
    assert (difference > 0).mean() < 1e-4


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_that_shrinking_cropping_and_padding_equal_the_published_ones(path: Path) -> None:
    golden = np.load(path)
    size = json.loads(str(golden["params"]))["output_size"]
    cut = prepare(golden["image"], golden["quad_initial"], size)
    np.testing.assert_allclose(cut.quad, golden["quad_final"], atol=1e-9)
    wanted = golden["pre_transform_image"]
    assert cut.image.shape == wanted.shape
    assert np.abs(cut.image.astype(int) - wanted).max() <= 1


def test_that_three_points_cut_what_their_landmarks_would() -> None:
    golden = np.load(next(path for path in GOLDEN if "ss4_rot" in path.stem))
    landmarks = golden["landmarks"]
    left, right = landmarks[36:42].mean(axis=0), landmarks[42:48].mean(axis=0)
    face = FacePoints(tuple(left), tuple(right), tuple((landmarks[48] + landmarks[54]) / 2))
    np.testing.assert_array_equal(align_face(golden["image"], face, Framing(), 256), golden["aligned"])


def test_that_without_levelling_the_square_stays_upright() -> None:
    landmarks = np.zeros((68, 2))
    landmarks[36:42], landmarks[42:48], landmarks[48:55] = (140, 200), (220, 240), (160, 310)
    upright = align_landmarks(photo(), landmarks, 128, 256, level=False)
    turned = align_landmarks(photo(), landmarks, 128, 256)
    # In an upright cut of the gradient, green depends on the row alone.
    assert upright[20, 20:108, 1].std() < 1 < turned[20, 20:108, 1].std()


def test_that_eyes_framing_brings_the_pupils_to_their_places() -> None:
    size = 128
    cut = align_face(photo(), FACE, EYES, size).astype(int)
    for x in (0.5 - 0.235 / 2, 0.5 + 0.235 / 2):
        column, row = round(x * size), round(0.46 * size)
        assert cut[row - 1 : row + 1, column - 1 : column + 1].min() > 200
    bright = cut.min(axis=2) > 200
    assert 8 < bright.sum() < 100  # nothing else is bright: both dots are where they were looked for


def test_that_a_face_at_the_edge_is_padded_not_black() -> None:
    face = FacePoints((10.0, 20.0), (90.0, 20.0), (50.0, 100.0))
    cut = align_face(np.full((200, 200, 3), 180, np.uint8), face, EYES, 64)
    assert cut.min() >= 179


def test_that_no_padding_leaves_what_lies_outside_black() -> None:
    image = np.full((200, 200, 3), 180, np.uint8)
    quad = crop_quad(FacePoints((10.0, 20.0), (90.0, 20.0), (50.0, 100.0)), EYES)
    assert cut_quad(image, quad, 64, 64, padding=False).min() == 0


def test_that_a_square_outside_the_picture_is_refused() -> None:
    face = FacePoints((5000.0, 5000.0), (5080.0, 5000.0), (5040.0, 5080.0))
    with pytest.raises(PortraitError, match="outside the picture"):
        align_face(photo(), face, EYES, 64)


@pytest.mark.parametrize("shape", [(1, 1), (3, 900), (40, 40)])
def test_that_tiny_and_thin_pictures_are_cut_all_the_same(shape: tuple[int, int]) -> None:
    height, width = shape
    face = FacePoints((width * 0.3, height * 0.4), (width * 0.3 + 3, height * 0.4), (width * 0.4, height * 0.8))
    assert align_face(np.zeros((*shape, 3), np.uint8), face, EYES, 32).shape == (32, 32, 3)


def test_that_the_picture_is_not_modified() -> None:
    image = photo()
    before = image.copy()
    align_face(image, FACE, Framing(), 64)
    np.testing.assert_array_equal(image, before)

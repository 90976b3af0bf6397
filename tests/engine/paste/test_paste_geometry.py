"""Back into the photo: the exact inverse of the cut."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from engine.errors import PortraitError
from engine.framing import FacePoints, Framing, FramingKind
from engine.inversion.align import align_face
from engine.paste.geometry import CropPlace, crop_place, resampled

LARGE = FacePoints((900, 700), (1190, 740), (1080, 1050))


@pytest.mark.parametrize("framing", [Framing(), Framing(FramingKind.EYES)])
@pytest.mark.parametrize("crop_px", [64, 128, 256])
def test_that_the_place_is_where_the_cut_was(crop_px: int, framing: Framing) -> None:
    rng = np.random.default_rng(0)
    width, height = 2401, 1801
    noise = rng.standard_normal((height // 40, width // 40, 3)).astype(np.float32)
    smooth = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC) * 50 + 128
    photo = np.clip(smooth, 0, 255).astype(np.uint8)
    cut = align_face(photo, LARGE, framing, crop_px)
    place = crop_place(LARGE, framing, crop_px, (width, height))
    seen = resampled(photo, place.into_photo(crop_px), (crop_px, crop_px))
    window = cv2.createHanningWindow((crop_px, crop_px), cv2.CV_64F)
    shift, _ = cv2.phaseCorrelate(seen[..., 1].astype(np.float64), cut[..., 1].astype(np.float64), window)
    assert math.hypot(*shift) < 0.12  # of a pixel of the square, by a measure that knows no better
    assert np.abs(seen - cut).mean() < 3


def test_that_shares_and_places_are_each_other_s_inverse() -> None:
    place = crop_place(LARGE, Framing(), 256, (2401, 1801))
    shares = np.random.default_rng(1).random((20, 2))
    assert np.allclose(place.shares(place.at(shares)), shares)
    assert np.allclose(place.from_photo(256) @ np.array([*place.at(shares[:1])[0], 1.0]), shares[0] * 256)


def test_that_a_square_over_the_edge_covers_only_the_photo() -> None:
    place = crop_place(FacePoints((5, 40), (35, 40), (20, 70)), Framing(), 64, (60, 90))
    covered = place.coverage(64)
    assert covered.any()
    assert not covered.all()
    left, top, right, bottom = place.bounds
    assert (left, top) == (0, 0)
    assert right <= 60
    assert bottom <= 90


def test_that_a_square_beside_the_photo_touches_nothing() -> None:
    place = CropPlace(np.array([[50.0, 0.0, 500.0], [0.0, 50.0, 0.0]]), (100, 100))
    left, _, right, _ = place.bounds
    assert right <= left
    assert not place.coverage(16).any()


def test_that_enlarging_is_smooth_and_meets_without_a_seam() -> None:
    rng = np.random.default_rng(2)
    image = rng.random((32, 32, 3)).astype(np.float32) * 255
    to_source = np.array([[0.09, 0.01, 3.0], [-0.01, 0.09, 6.0]])
    whole = resampled(image, to_source, (200, 160))
    moved = to_source.copy()
    moved[:, 2] += moved[:, :2] @ np.array([90.0, 70.0])
    part = resampled(image, moved, (60, 50))
    assert np.abs(part - whole[70:120, 90:150]).max() < 1.5


def test_that_shrinking_averages() -> None:
    stripes = np.zeros((256, 256), np.uint8)
    stripes[:, ::2] = 200
    small = resampled(stripes, np.array([[16.0, 0, 0], [0, 16.0, 0]]), (16, 16))
    assert np.abs(small - 100).max() < 2


def test_that_no_face_is_told() -> None:
    with pytest.raises(PortraitError):
        crop_place(FacePoints((5, 5), (5, 5), (5, 9)), Framing(), 64, (60, 90))

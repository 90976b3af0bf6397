"""Putting a picture in: outside the mask nothing changes, across the seam nothing is seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from photos import FACE, textured

from engine.framing import FacePoints, Framing
from engine.paste import composing, seam
from engine.paste.composing import make_layers, paste, photo_square
from engine.paste.geometry import crop_place
from engine.paste.masks import faded
from engine.paste_events import MASK_PX, PasteSettings, Seam

SOFT = PasteSettings(detail=0.0, feather=0.02)


def disc(radius: float = 0.3) -> np.ndarray:
    y, x = np.mgrid[:MASK_PX, :MASK_PX] / MASK_PX - 0.5
    return np.where(np.hypot(x, y) < radius, 255, 0).astype(np.uint8)


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("how", list(Seam))
def test_that_outside_the_mask_every_sample_stays(channels: int, dtype: type, how: Seam) -> None:
    photo = textured(400, 300, channels, dtype)
    place = crop_place(FACE, Framing(), 64, (400, 300))
    picture = textured(64, 64, 3, seed=3)
    settings = replace(SOFT, seam=how, detail=0.5)
    result = photo.copy()
    figures = paste(result, make_layers(photo, picture, place, disc(), settings), place, 1.0)
    assert figures.outside == 0
    y, x = np.mgrid[:300, :400] + 0.5
    shares = place.shares(np.stack([x.ravel(), y.ravel()], 1)).reshape(300, 400, 2) - 0.5
    far = np.hypot(*np.moveaxis(shares, -1, 0)) > 0.3 + 4 * settings.feather
    assert np.array_equal(result[far], photo[far])
    near = np.hypot(*np.moveaxis(shares, -1, 0)) < 0.2
    assert (result[near] != photo[near]).any()
    if channels == 4:
        assert np.array_equal(result[..., 3], photo[..., 3])


def test_that_nothing_and_no_opacity_leave_the_photo() -> None:
    photo = textured(400, 300)
    place = crop_place(FACE, Framing(), 64, (400, 300))
    picture = textured(64, 64, seed=3)
    for mask, opacity in ((np.zeros((MASK_PX, MASK_PX), np.uint8), 1.0), (disc(), 0.0)):
        result = photo.copy()
        paste(result, make_layers(photo, picture, place, mask, SOFT), place, opacity)
        assert np.array_equal(result, photo)


def test_that_the_photo_s_own_square_changes_next_to_nothing() -> None:
    photo = textured(400, 300)
    smooth = np.asarray(photo // 16 * 0 + np.linspace(20, 220, 400)[None, :, None], np.uint8)
    place = crop_place(FACE, Framing(), 256, (400, 300))
    picture = photo_square(smooth, place, 256)
    result = smooth.copy()
    paste(result, make_layers(smooth, picture, place, disc(), SOFT), place, 1.0)
    assert np.abs(result.astype(int) - smooth).max() <= 2


def test_that_detail_brings_the_grain_back_where_both_are_alike() -> None:
    photo = textured(400, 300)
    place = crop_place(FACE, Framing(), 32, (400, 300))
    picture = photo_square(photo, place, 32)
    errors = []
    for detail in (0.0, 1.0):
        result = photo.copy()
        settings = replace(SOFT, detail=detail)
        paste(result, make_layers(photo, picture, place, disc(), settings), place, 1.0)
        errors.append(float(np.abs(result.astype(int) - photo).mean()))
    assert errors[1] < 0.3 * errors[0]


def test_that_a_gradient_seam_takes_the_photo_s_colours() -> None:
    """A picture that is the photo in another light is nearly the photo again, at the edge more than in the middle."""
    photo = np.clip(textured(400, 300), 40, 200)
    place = crop_place(FACE, Framing(), 256, (400, 300))
    picture = np.clip(photo_square(photo, place, 256).astype(int) + np.array([35, -25, 20]), 0, 255).astype(np.uint8)
    seen = {}
    for how in Seam:
        result = photo.copy()
        figures = paste(result, make_layers(photo, picture, place, disc(), replace(SOFT, seam=how)), place, 1.0)
        seen[how] = np.abs(result.astype(int) - photo)[115:150, 150:190].mean()
        assert figures.plain > 2 * figures.photo
        assert figures.result < 1.3 * figures.photo + 1
    assert seen[Seam.GRADIENT] < 11 < 20 < seen[Seam.FEATHER]


def test_that_tiles_meet_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    photo, picture = textured(400, 300), textured(64, 64, seed=3)
    place = crop_place(FACE, Framing(), 64, (400, 300))
    results = []
    for tile_px in (1024, 37):
        monkeypatch.setattr(composing, "TILE_PX", tile_px)
        result = photo.copy()
        paste(result, make_layers(photo, picture, place, disc(), SOFT), place, 1.0)
        results.append(result.astype(int))
    assert np.abs(results[0] - results[1]).max() <= 2


def test_that_a_square_over_the_edge_and_a_photo_of_one_pixel_are_no_trouble() -> None:
    picture = textured(64, 64, seed=3)
    for size in ((60, 90), (1, 1), (3, 200)):
        photo = textured(*size)
        face = FacePoints((5, 40), (35, 40), (20, 70))
        place = crop_place(face, Framing(), 64, size)
        result = photo.copy()
        paste(result, make_layers(photo, picture, place, disc(0.45), PasteSettings()), place, 1.0)
        assert result.shape == photo.shape


def test_that_a_tiny_face_is_pasted_tiny() -> None:
    photo = textured(400, 300)
    face = FacePoints((200, 100), (203, 100), (201.5, 103.2))
    place = crop_place(face, Framing(), 256, (400, 300))
    result = photo.copy()
    paste(result, make_layers(photo, textured(256, 256, seed=4), place, disc(), SOFT), place, 1.0)
    changed = np.argwhere((result != photo).any(axis=2))
    assert 0 < len(changed) < 300
    assert np.ptp(changed, axis=0).max() < 16


def test_that_the_membrane_solves_its_equation() -> None:
    size = 40
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:size, :size]
    mask = (np.hypot(x - 20, y - 20) < 13).astype(np.float32)
    weights = seam.edge_weights(mask)
    difference = np.stack([x * 2.0 - y, np.cos(x / 7) * 30, rng.standard_normal((size, size)) * 10], -1)
    field = seam.membrane(difference.astype(np.float32), weights)
    system = np.zeros((size * size, size * size))
    index = np.arange(size * size).reshape(size, size)
    for a, b in ((index[:, :-1], index[:, 1:]), (index[:-1], index[1:])):
        np.add.at(system, (a.ravel(), a.ravel()), 1)
        np.add.at(system, (b.ravel(), b.ravel()), 1)
        system[a.ravel(), b.ravel()] -= 1
        system[b.ravel(), a.ravel()] -= 1
    held = seam.HOLD * weights.ravel()
    drag = 1 / (seam.REACH * size) ** 2
    exact = np.linalg.solve(system + np.diag(held + drag), held[:, None] * difference.reshape(-1, 3))
    exact = exact.reshape(size, size, 3)
    assert np.abs(field - exact)[mask > 0].mean() < 0.02 * np.abs(exact).max()
    assert not seam.membrane(difference.astype(np.float32), np.zeros_like(weights)).any()


def test_that_a_large_difference_is_taken_less_seriously() -> None:
    difference = np.zeros((4, 4, 3), np.float32)
    difference[0], difference[1] = seam.DOUBTED, 10 * seam.DOUBTED
    trust = seam.trusted(difference)
    assert trust[0, 0] == pytest.approx(0.5)
    assert trust[1, 0] < 0.02
    assert trust[2, 0] == 1


def test_that_a_mask_fades_and_ends_within_the_square() -> None:
    full = np.full((MASK_PX, MASK_PX), 255, np.uint8)
    for feather in (0.0, 0.03, 0.1):
        share = faded(full, feather)
        assert share.max() <= 1
        assert share[MASK_PX // 2, MASK_PX // 2] == pytest.approx(1, abs=1e-3)
        if feather:
            assert not share[0].any()
            assert not share[:, -1].any()
    sharp, soft = faded(disc(), 0.0), faded(disc(), 0.08)
    assert ((soft > 0.02) & (soft < 0.98)).sum() > 4 * ((sharp > 0.02) & (sharp < 0.98)).sum()

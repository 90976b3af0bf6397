from __future__ import annotations

import gc

import numpy as np
import pytest
from drawn_faces import draw_face, pixels_of, plain_pixels
from looking import color_at, is_near
from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QImage, QPainter

from gui.picture import Picture
from gui.pixels import square_thumbnail, to_qimage, to_thumbnail


def test_that_channels_are_in_order_and_nothing_is_copied() -> None:
    pixels = plain_pixels(3, (255, 128, 0))
    image = to_qimage(pixels)
    assert image.format() is QImage.Format.Format_RGB32
    assert image.pixelColor(1, 1) == QColor(255, 128, 0)
    pixels[1, 1] = (10, 20, 30, 255)
    assert image.pixelColor(1, 1) == QColor(30, 20, 10)


def test_that_the_array_lives_as_long_as_the_image() -> None:
    images = [to_qimage(plain_pixels(64, (number, 2 * number, 3 * number))) for number in range(80)]
    gc.collect()
    np.zeros((200, 64, 64, 4), np.uint8)
    for number, image in enumerate(images):
        assert image.pixelColor(63, 63) == QColor(number, 2 * number, 3 * number)


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((4, 4, 3), np.uint8),
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.float32),
        np.zeros((4, 8, 4), np.uint8)[:, ::2],
    ],
)
def test_that_other_arrays_are_refused(pixels: np.ndarray) -> None:
    with pytest.raises(ValueError, match="uint8"):
        to_qimage(pixels)


def test_that_a_thumbnail_is_the_middle_square_with_memory_of_its_own() -> None:
    red, green = plain_pixels(8, (255, 0, 0)), plain_pixels(8, (0, 255, 0))
    wide = np.ascontiguousarray(np.concatenate([red, green, red], 1))
    thumb = to_thumbnail(wide, 8)
    wide[:] = 0
    assert (thumb.width(), thumb.height()) == (8, 8)
    assert thumb.pixelColor(0, 4) == QColor(0, 255, 0)
    assert square_thumbnail(draw_face(1, 64), 64) == square_thumbnail(draw_face(1, 64), 64)


def test_that_a_picture_shown_small_is_averaged() -> None:
    checkers = plain_pixels(64, (0, 0, 0))
    checkers[::2, ::2] = checkers[1::2, 1::2] = (255, 255, 255, 255)
    small = Picture(checkers).image_for(16)
    assert small.width() == 16
    assert is_near(small.pixelColor(5, 5), "#808080", 4)


def test_that_the_right_size_is_taken() -> None:
    picture = Picture(plain_pixels(64, (1, 2, 3)))
    assert [picture.image_for(width).width() for width in (500, 64, 33, 32, 17, 16, 1)] == [64, 64, 64, 32, 32, 16, 1]
    assert picture.smoothed_for(100).width() == 64
    assert picture.smoothed_for(200).width() == 128
    assert picture.smoothed_for(700).width() == 512
    assert picture.smoothed_for(9000).width() == 512


def test_that_enlarging_does_not_move_the_picture() -> None:
    quarter = np.random.default_rng(0).integers(0, 255, (16, 16), dtype=np.uint8)
    half = np.concatenate([quarter, quarter[:, ::-1]], 1)
    grey = np.concatenate([half, half[::-1]])
    pixels = np.ascontiguousarray(np.repeat(grey[:, :, None], 4, 2))
    big = pixels_of(Picture(pixels).smoothed_for(400))[..., 0].astype(int)
    assert np.abs(big - big[:, ::-1]).max() == 0
    assert np.abs(big - big[::-1]).max() == 0


def test_that_pixels_stay_squares_when_not_smoothed() -> None:
    pixels = plain_pixels(2, (0, 0, 0))
    pixels[0, 0] = (255, 255, 255, 255)
    target = QImage(40, 40, QImage.Format.Format_RGB32)
    with QPainter(target) as painter:
        Picture(pixels).paint(painter, QRectF(0, 0, 40, 40), 1.0, smooth=False)
    assert color_at(target, (18, 18)) == QColor("#ffffff")
    assert color_at(target, (22, 18)) == QColor("#000000")

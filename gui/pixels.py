"""numpy pixels to QImage: the only place of the window that does it."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QImage

from engine.messages import Pixels


def to_qimage(pixels: Pixels) -> QImage:
    """Look at `pixels` as a QImage, without a copy.

    Args:
        pixels: ``[H, W, 4]`` uint8, BGRX, C-contiguous. Must not be written again.

    Returns:
        A Format_RGB32 image that shares the memory and keeps the array alive.

    Raises:
        ValueError: `pixels` is something else.
    """
    if pixels.ndim != 3 or pixels.shape[2] != 4 or pixels.dtype != np.uint8 or not pixels.flags.c_contiguous:
        raise ValueError(f"a picture is [H, W, 4] uint8 and contiguous, not {pixels.shape} {pixels.dtype}")
    height, width, _ = pixels.shape
    image = QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_RGB32)
    image.pixels = pixels  # type: ignore[attr-defined]  # PySide6 keeps the buffer too, but does not promise it
    return image


def from_qimage(image: QImage) -> Pixels:
    """A copy of an image's pixels."""
    screen = image.convertToFormat(QImage.Format.Format_RGB32)  # its lines are as long as their pixels
    return np.array(screen.constBits(), np.uint8).reshape(screen.height(), screen.width(), 4)


def resized(pixels: Pixels, width_px: int, height_px: int | None = None) -> QImage:
    """A smoothly resized copy; square ones need no height."""
    size = (width_px, height_px if height_px is not None else round(pixels.shape[0] * width_px / pixels.shape[1]))
    return to_qimage(pixels).scaled(
        *size, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation
    )


def to_thumbnail(pixels: Pixels, size_px: int) -> QImage:
    """The middle square of a picture, `size_px` wide, with memory of its own."""
    return square_thumbnail(to_qimage(pixels), size_px)


def square_thumbnail(image: QImage, size_px: int) -> QImage:
    """The middle square of an image, `size_px` wide. The result never shares memory with `image`."""
    edge = min(image.width(), image.height())
    square = QRect((image.width() - edge) // 2, (image.height() - edge) // 2, edge, edge)
    return image.copy(square).scaled(
        size_px, size_px, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation
    )

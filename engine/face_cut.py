"""Cut a square out of a picture as the FFHQ alignment does, whatever the square.

The steps and every rounding are those of Karras et al. 2019, arXiv:1812.04948, appendix C, as its public script
computes them: shrink, crop, pad with a reflection that fades into a blur, warp with supersampling, Lanczos. No torch,
and not imported before a portrait is opened: the window shows with it what will be cut.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.errors import PortraitError

Rgb: TypeAlias = NDArray[np.uint8]
Quad: TypeAlias = NDArray[np.float64]

MIN_BORDER_PX = 3


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """A picture and the square to take from it.

    Attributes:
        image: ``[H, W, 3]`` uint8 RGB.
        quad: ``[4, 2]`` pixels of `image`: top left, bottom left, bottom right, top right.
        size: Edge length of the square in pixels of `image`.
    """

    image: Rgb
    quad: Quad
    size: float


def cut_quad(image: Rgb, quad: Quad, output_size: int, transform_size: int, *, padding: bool = True) -> Rgb:
    """Cut a square that may be turned and may reach over the edges.

    Args:
        image: ``[H, W, 3]`` uint8. Not modified.
        quad: ``[4, 2]`` pixels of `image`, as `engine.framing.crop_quad` gives it.
        output_size: Edge length of the result.
        transform_size: Edge length of the warp; what is larger than the result is reduced by Lanczos.

    Raises:
        PortraitError: The square lies outside the picture.
    """
    cut = prepare(image, quad, output_size, padding=padding)
    corners = tuple((cut.quad + 0.5).flatten())
    warped = Image.fromarray(cut.image).transform(
        (transform_size, transform_size), Image.Transform.QUAD, corners, Image.Resampling.BILINEAR
    )
    if output_size < transform_size:
        warped = warped.resize((output_size, output_size), Image.Resampling.LANCZOS)
    return np.array(warped)


def prepare(image: Rgb, quad: Quad, output_size: int, *, padding: bool = True) -> Cut:
    """Everything before the warp: shrink, crop, pad."""
    cut = _cropped(_shrunk(Cut(image, quad, float(np.hypot(*(quad[3] - quad[0])))), output_size))
    overflow = _overflow(cut)
    if padding and max(overflow) > _border(cut) - 4:
        return _padded(cut, overflow)
    return cut


def _border(cut: Cut) -> int:
    return max(int(np.rint(cut.size * 0.1)), MIN_BORDER_PX)


def _bounds(quad: Quad) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the whole pixels that a quad touches."""
    low, high = np.floor(quad.min(axis=0)), np.ceil(quad.max(axis=0))
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def _shrunk(cut: Cut, output_size: int) -> Cut:
    shrink = int(np.floor(cut.size / output_size * 0.5))
    if shrink <= 1:
        return cut
    height, width = cut.image.shape[:2]
    small = (max(1, int(np.rint(width / shrink))), max(1, int(np.rint(height / shrink))))
    resized = Image.fromarray(cut.image).resize(small, Image.Resampling.LANCZOS)
    return Cut(np.array(resized), cut.quad / shrink, cut.size / shrink)


def _cropped(cut: Cut) -> Cut:
    height, width = cut.image.shape[:2]
    border = _border(cut)
    left, top, right, bottom = _bounds(cut.quad)
    left, top = max(left - border, 0), max(top - border, 0)
    right, bottom = min(right + border, width), min(bottom + border, height)
    if left >= right or top >= bottom:
        raise PortraitError("The crop lies outside the picture.", "Drag the handles back onto the face.")
    return Cut(cut.image[top:bottom, left:right], cut.quad - np.array([left, top]), cut.size)


def _overflow(cut: Cut) -> tuple[int, int, int, int]:
    """How far the square and its border reach over each side of the picture: left, top, right, bottom."""
    height, width = cut.image.shape[:2]
    border = _border(cut)
    left, top, right, bottom = _bounds(cut.quad)
    return (
        max(border - left, 0),
        max(border - top, 0),
        max(right - width + border, 0),
        max(bottom - height + border, 0),
    )


def _padded(cut: Cut, overflow: tuple[int, int, int, int]) -> Cut:
    """Continue the picture on all sides: mirrored, then blurred, then fading into its own median colour."""
    least = int(np.rint(cut.size * 0.3))
    left, top, right, bottom = (max(side, least) for side in overflow)
    image = np.pad(cut.image.astype(np.float32), ((top, bottom), (left, right), (0, 0)), "reflect")
    mask = _outside_mask(image.shape[:2], (left, top, right, bottom))
    for channel in np.moveaxis(image, -1, 0):  # one at a time: the sums are in double precision, and pictures large
        channel += (_gaussian_blur(channel, cut.size * 0.02) - channel) * np.clip(mask * 3.0 + 1.0, 0.0, 1.0)
        channel += (np.median(channel) - channel) * np.clip(mask, 0.0, 1.0)
    pixels = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    return Cut(pixels, cut.quad + np.array([left, top]), cut.size)


def _outside_mask(shape: tuple[int, ...], pad: tuple[int, int, int, int]) -> NDArray[np.float64]:
    """1 at the outer edge, 0 where the picture begins, negative inside: ``[H, W]``."""
    height, width = shape
    left, top, right, bottom = pad
    y, x = np.ogrid[:height, :width]
    across = 1.0 - np.minimum(x / left, (width - 1 - x) / right)
    down = 1.0 - np.minimum(y / top, (height - 1 - y) / bottom)
    mask: NDArray[np.float64] = np.maximum(across, down)
    return mask


def _gaussian_blur(channel: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """A Gaussian cut at four sigma, mirrored with the edge pixel repeated, rounded to float32 after each axis."""
    radius = int(4.0 * sigma + 0.5)
    if radius == 0:
        return channel
    taps = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    taps /= taps.sum()
    blurred = channel
    for kernel in (taps[:, None], taps[None, :]):
        # Unlike sepFilter2D this goes by way of Fourier where the taps are hundreds, as they are for a large crop.
        summed = cv2.filter2D(blurred.astype(np.float64), cv2.CV_64F, kernel, borderType=cv2.BORDER_REFLECT)
        blurred = summed.astype(np.float32)
    return blurred

"""Between the square that was cut out and the photo it was cut from: the exact inverse of the cut.

Places are edge coordinates: the first pixel lies between 0 and 1. cv2 counts the middles of pixels instead, half a
pixel less, and `resampled` alone knows that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.framing import FacePoints, Framing, crop_quad

Affine: TypeAlias = NDArray[np.float64]
Samples: TypeAlias = NDArray[np.float32]

MARGIN_PX = 4
"""More than any filter reaches, so that tiles meet without a seam."""


@dataclass(frozen=True, slots=True, eq=False)
class CropPlace:
    """Where the square lies in the photo.

    Attributes:
        to_photo: ``[2, 3]``: shares of the square, 0 to 1 right and down, to pixels of the photo.
        size_px: The photo's width and height.
    """

    to_photo: Affine
    size_px: tuple[int, int]

    @property
    def edge_px(self) -> float:
        """Length of the square's edge in the photo."""
        return float(np.hypot(*self.to_photo[:, 0]))

    @property
    def corners(self) -> NDArray[np.float64]:
        """``[4, 2]``: top left, bottom left, bottom right, top right."""
        return self.at(np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, 0.0]]))

    @property
    def bounds(self) -> tuple[int, int, int, int]:
        """Left, top, right, bottom of the whole pixels of the photo that it touches; nothing when right <= left."""
        low, high = np.floor(self.corners.min(axis=0)), np.ceil(self.corners.max(axis=0))
        width, height = self.size_px
        return max(0, int(low[0])), max(0, int(low[1])), min(width, int(high[0])), min(height, int(high[1]))

    def at(self, shares: NDArray[np.float64]) -> NDArray[np.float64]:
        """``[N, 2]`` shares of the square to pixels of the photo."""
        return shares @ self.to_photo[:, :2].T + self.to_photo[:, 2]

    def shares(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """``[N, 2]`` pixels of the photo to shares of the square."""
        return np.asarray(np.linalg.solve(self.to_photo[:, :2], (points - self.to_photo[:, 2]).T).T)

    def scaled(self, across: float, down: float, size_px: tuple[int, int]) -> CropPlace:
        """The same place in the photo at another size."""
        return replace(self, to_photo=self.to_photo * np.array([[across], [down]]), size_px=size_px)

    def from_photo(self, crop_px: int) -> Affine:
        """Pixels of the photo to pixels of the square, ``[2, 3]``."""
        linear = np.linalg.inv(self.to_photo[:, :2]) * crop_px
        return np.column_stack([linear, -linear @ self.to_photo[:, 2]])

    def into_photo(self, crop_px: int) -> Affine:
        """Pixels of the square to pixels of the photo, ``[2, 3]``."""
        return np.column_stack([self.to_photo[:, :2] / crop_px, self.to_photo[:, 2]])

    def coverage(self, crop_px: int) -> NDArray[np.bool_]:
        """``[crop_px, crop_px]``: which pixels of the square have a photo under them."""
        middles = (np.arange(crop_px) + 0.5) / crop_px
        x, y = np.meshgrid(middles, middles)
        places = self.at(np.stack([x.ravel(), y.ravel()], axis=1)).reshape(crop_px, crop_px, 2)
        inside = (places >= 0) & (places <= np.array(self.size_px, np.float64))
        return np.asarray(inside.all(axis=2))


def crop_place(face: FacePoints, framing: Framing, crop_px: int, size_px: tuple[int, int]) -> CropPlace:
    """Where `engine.inversion.align.align_face` took its pixels from.

    Before it cuts, it shrinks a large picture by a whole number; that moves places by up to half a small pixel, and
    this undoes it as well.

    Args:
        face: In pixels of the picture that it was given.
        crop_px: Edge of the square that it made.
        size_px: Width and height of the picture that it was given.

    Raises:
        PortraitError: the points make no face.
    """
    quad = crop_quad(face, framing)
    width, height = size_px
    shrink = max(1, int(np.floor(float(np.hypot(*(quad[3] - quad[0]))) / crop_px * 0.5)))
    small = np.array([max(1, np.rint(width / shrink)), max(1, np.rint(height / shrink))])
    corners = (quad / shrink + 0.5) * (np.array([width, height]) / small)
    top_left, bottom_left, _, top_right = corners
    return CropPlace(np.column_stack([top_right - top_left, bottom_left - top_left, top_left]), size_px)


def resampled(
    image: NDArray[np.generic], to_source: Affine, size: tuple[int, int], *, smooth: bool = True
) -> Samples:
    """A picture as another grid sees it, antialiased where it gets smaller, smooth where it gets larger.

    Beyond its edges a picture goes on as its last pixels.

    Args:
        image: ``[H, W]`` or ``[H, W, C]``, of 8 or 16 bits or float32.
        to_source: ``[2, 3]``: places of the result to places of `image`.
        size: Width and height of the result.
        smooth: By bicubic interpolation, which may overshoot; otherwise by bilinear.

    Returns:
        float32, of the same range.
    """
    width, height = size
    corners = np.array([(x, y) for x in (0, width) for y in (0, height)]) @ to_source[:, :2].T + to_source[:, 2]
    step = float(np.sqrt(abs(np.linalg.det(to_source[:, :2]))))  # pixels of the source per pixel of the result
    fewer = max(1, round(step))  # a whole number, counted from the picture's corner, so that tiles meet
    margin = MARGIN_PX * fewer
    tall, wide = image.shape[:2]
    low = np.clip(np.floor(corners.min(axis=0)) - margin, 0, (wide - 1, tall - 1)).astype(int) // fewer * fewer
    high = np.clip(np.ceil(corners.max(axis=0)) + margin, low + 1, (wide, tall)).astype(int)
    part = np.ascontiguousarray(image[low[1] : high[1], low[0] : high[0]]).astype(np.float32, copy=False)
    inner = np.column_stack([to_source[:, :2], to_source[:, 2] - low])
    method = cv2.INTER_CUBIC if smooth else cv2.INTER_LINEAR
    if fewer > 1:
        below, right = -part.shape[0] % fewer, -part.shape[1] % fewer
        whole = cv2.copyMakeBorder(part, 0, below, 0, right, cv2.BORDER_REPLICATE)
        part, inner = _resized(whole, inner, (whole.shape[1] // fewer, whole.shape[0] // fewer), cv2.INTER_AREA)
    elif step < 0.75:  # warpAffine knows 32 places between two pixels: too few where they come to lie far apart
        times = int(np.ceil(1 / step))
        part, inner = _resized(part, inner, (part.shape[1] * times, part.shape[0] * times), method)
    inner[:, 2] += inner[:, :2] @ np.array([0.5, 0.5]) - 0.5
    flags = method | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(part, inner, size, flags=flags, borderMode=cv2.BORDER_REPLICATE), np.float32)


def _resized(part: cv2.typing.MatLike, inner: Affine, size: tuple[int, int], method: int) -> tuple[Samples, Affine]:
    scale = np.array([size[0] / part.shape[1], size[1] / part.shape[0]])
    return np.asarray(cv2.resize(part, size, interpolation=method), np.float32), inner * scale[:, None]

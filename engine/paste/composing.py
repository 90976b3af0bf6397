"""Put a picture into a photo: at the photo's size, in tiles, and without touching what lies outside the mask."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from engine.paste import seam
from engine.paste.geometry import CropPlace, resampled
from engine.paste.masks import faded
from engine.paste.original import Samples
from engine.paste_events import Mask, PasteSettings, Seam, SeamFigures

Rgb: TypeAlias = NDArray[np.uint8]
Floats: TypeAlias = NDArray[np.float32]

GRID_PX = 256
"""The colour shift is smooth: it is found on a grid of this size, whatever the photo's."""

TILE_PX = 1024


@dataclass(frozen=True, slots=True, eq=False)
class Layers:
    """What is laid over the photo, over the square; 0 to 255 in the photo's own colours.

    Attributes:
        picture: ``[S, S, 3]``.
        shift: ``[GRID_PX, GRID_PX, 3]``, added to it; None adds nothing.
        mask: ``[MASK_PX, MASK_PX]``, 0 to 1.
        coarse: ``[S, S, 3]``: the photo as coarse as the picture; None where its detail is not wanted.
        alike: ``[S, S]``: how much of the finer detail is taken.
    """

    picture: Floats
    shift: Floats | None
    mask: Floats
    coarse: Floats | None = None
    alike: Floats | None = None


def make_layers(samples: Samples, picture: Rgb, place: CropPlace, mask: Mask, settings: PasteSettings) -> Layers:
    """
    Args:
        samples: The photo, ``[H, W, C]``; of four channels the last is transparency.
        picture: The square, ``[S, S, 3]`` in the photo's colours.
    """
    white = float(np.iinfo(samples.dtype).max)
    share = faded(mask, settings.feather)
    shown = picture.astype(np.float32)
    shift = coarse = alike = None
    if settings.seam is Seam.GRADIENT:
        around = _photo_square(samples, place, GRID_PX) * (255 / white)
        difference = around - _at_size(shown, GRID_PX)
        weights = seam.edge_weights(_at_size(share, GRID_PX)) * place.coverage(GRID_PX) * seam.trusted(difference)
        shift = seam.membrane(difference, weights)
    if settings.detail > 0:
        size_px = len(picture)
        coarse = _photo_square(samples, place, size_px) * (255 / white)
        moved = shown if shift is None else shown + _at_size(shift, size_px)
        alike = seam.alike(coarse, moved) * settings.detail
    return Layers(shown, shift, share, coarse, alike)


def tiles(place: CropPlace) -> Iterator[tuple[slice, slice]]:
    """Rows and columns of the photo that the square touches, piece by piece."""
    left, top, right, bottom = place.bounds
    for y in range(top, bottom, TILE_PX):
        for x in range(left, right, TILE_PX):
            yield slice(y, min(y + TILE_PX, bottom)), slice(x, min(x + TILE_PX, right))


def blend_tile(
    before: Samples, layers: Layers, place: CropPlace, corner: tuple[int, int], opacity: float
) -> tuple[Samples, Floats]:
    """One piece of the result, and the mask there.

    Args:
        before: The piece of the photo, ``[h, w, C]``. Not modified.
        corner: Its left and upper edge in the photo.

    Returns:
        A new piece in which every sample outside the mask is the photo's, and the mask, ``[h, w]`` from 0 to 1.
    """
    height, width = before.shape[:2]
    white = float(np.iinfo(before.dtype).max)
    share = _laid(layers.mask, place, corner, (width, height), smooth=False)
    share *= _inside(place, corner, (width, height))
    share[share < 1 / 512] = 0
    result: Samples = before.copy()
    if not share.any():
        return result, share
    over = _laid(layers.picture, place, corner, (width, height))
    if layers.shift is not None:
        over += _laid(layers.shift, place, corner, (width, height))
    photo = before[..., :3].astype(np.float32)
    if layers.coarse is not None and layers.alike is not None:
        fine = photo * (255 / white) - _laid(layers.coarse, place, corner, (width, height))
        over += fine * _laid(layers.alike, place, corner, (width, height), smooth=False)[..., None]
    over *= white / 255
    mixed = photo + (share * opacity)[..., None] * (np.clip(over, 0, white) - photo)
    touched = share > 0
    result[..., :3][touched] = np.rint(mixed[touched]).astype(before.dtype)
    return result, share


def paste(samples: Samples, layers: Layers, place: CropPlace, opacity: float) -> SeamFigures:
    """Put a picture into a photo, in place.

    Returns:
        How the seam looks in numbers.
    """
    result, photo, plain, bare = _SeamSum(), _SeamSum(), _SeamSum(), Layers(layers.picture, None, layers.mask)
    outside = 0
    for rows, columns in tiles(place):
        before = samples[rows, columns].copy()
        corner = (columns.start, rows.start)
        after, share = blend_tile(before, layers, place, corner, opacity)
        samples[rows, columns] = after
        untouched = share == 0
        if untouched.any():
            apart = np.abs(after[untouched].astype(np.int32) - before[untouched].astype(np.int32))
            outside = max(outside, int(apart.max()))
        inside = share > 0.5
        if inside.any() and not inside.all():
            laid, _ = blend_tile(before, _hard(bare), place, corner, opacity)
            for total, image in ((result, after), (photo, before), (plain, laid)):
                total.add(image, inside)
    return SeamFigures(result.mean, photo.mean, plain.mean, outside)


def _hard(layers: Layers) -> Layers:
    return Layers(layers.picture, None, (layers.mask > 0.5).astype(np.float32))


@dataclass(slots=True)
class _SeamSum:
    """Neighbours of which one is inside the mask and one is not."""

    total: float = 0.0
    count: int = 0

    def add(self, image: Samples, inside: NDArray[np.bool_]) -> None:
        values = image[..., :3].astype(np.float32) * (255 / float(np.iinfo(image.dtype).max))
        for here, there in ((np.s_[:, 1:], np.s_[:, :-1]), (np.s_[1:], np.s_[:-1])):
            across = inside[here] != inside[there]
            if across.any():
                self.total += float(np.abs(values[here] - values[there])[across].mean(axis=1).sum())
                self.count += int(across.sum())

    @property
    def mean(self) -> float:
        return self.total / self.count if self.count else 0.0


def photo_square(samples: Samples, place: CropPlace, size_px: int) -> Rgb:
    """The square of the photo, ``[size_px, size_px, 3]`` uint8 in the photo's colours."""
    white = float(np.iinfo(samples.dtype).max)
    return np.asarray(np.rint(np.clip(_photo_square(samples, place, size_px) * (255 / white), 0, 255)), np.uint8)


def _photo_square(samples: Samples, place: CropPlace, size_px: int) -> Floats:
    return resampled(samples[..., :3], place.into_photo(size_px), (size_px, size_px))


def _laid(
    layer: Floats, place: CropPlace, corner: tuple[int, int], size: tuple[int, int], *, smooth: bool = True
) -> Floats:
    """A layer of the square, of any size, as a piece of the photo sees it."""
    to_source = place.from_photo(len(layer))
    to_source[:, 2] += to_source[:, :2] @ np.array(corner, np.float64)
    return resampled(layer, to_source, size, smooth=smooth)


def _inside(place: CropPlace, corner: tuple[int, int], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Which pixels of a piece lie in the square at all."""
    to_source = place.from_photo(1)
    x, y = np.meshgrid(np.arange(size[0]) + corner[0] + 0.5, np.arange(size[1]) + corner[1] + 0.5)
    u = to_source[0, 0] * x + to_source[0, 1] * y + to_source[0, 2]
    v = to_source[1, 0] * x + to_source[1, 1] * y + to_source[1, 2]
    return np.asarray((u > 0) & (u < 1) & (v > 0) & (v < 1))


def _at_size(image: Floats, size_px: int) -> Floats:
    method = cv2.INTER_AREA if size_px < len(image) else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, (size_px, size_px), interpolation=method), np.float32)

"""Which original each picture is nearest to: has a generator learned photographs by heart?

Two distances, over the inner face alone, as hair, clothes and background say little about whose face it is:

- features: maps of the perceptual network at 16 and 8 px, channel vectors of length one at each place, as
  `engine.nets.perceptual.feature_distance` compares them. 0 for equal pictures, about 1 for unrelated ones.
- pixels: root mean square difference of 32x32 px, over the full range: 0 to 1.

These maps and this window were chosen by trial: of 102 people photographed twice, neutral and smiling, they found
83 and 93 again by their other photograph, the pixels 70 and 87.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

Rows: TypeAlias = NDArray[np.float32]
Indices: TypeAlias = NDArray[np.int64]

MAP_SIZES = (16, 8)
WINDOW_PX = 32
TOP = 0.3
"""Where the window begins; it is half as wide and high as the picture, and in its middle from left to right."""
NOTHING = -1


@dataclass(frozen=True, eq=False, slots=True)
class Prints:
    """Rows whose squared distances are the squares of the distances above: ``[N, D]`` and ``[N, P]``, float32."""

    features: Rows
    pixels: Rows

    def __len__(self) -> int:
        return len(self.features)

    def at(self, rows: slice) -> Prints:
        return Prints(self.features[rows], self.pixels[rows])


def prints_of(maps: Sequence[Tensor], images: Tensor) -> Prints:
    """Take prints.

    Args:
        maps: What `Features.maps` makes of `images`.
        images: ``[N, 3, S, S]`` in [-1, 1].
    """
    levels = []
    for level in maps:
        if (size := level.shape[-1]) in MAP_SIZES:
            unit = face_window(F.normalize(level, dim=1, eps=1e-6))
            levels.append((unit * (2 / size)).flatten(1))
    features = torch.cat(levels, 1) / len(levels) ** 0.5
    small = F.interpolate(face_window(images), size=(WINDOW_PX, WINDOW_PX), mode="bilinear", antialias=True)
    pixels = small.flatten(1) / (2 * small[0].numel() ** 0.5)
    return Prints(features.float().cpu().numpy(), pixels.float().cpu().numpy())


def face_window(images: Tensor) -> Tensor:
    """Brows to chin of ``[N, C, S, S]``: ``[N, C, S / 2, S / 2]``."""
    size = images.shape[-1]
    top, left = round(TOP * size), size // 4
    return images[:, :, top : top + size // 2, left : left + size // 2]


def joined(parts: Sequence[Prints]) -> Prints:
    return Prints(np.concatenate([part.features for part in parts]), np.concatenate([part.pixels for part in parts]))


class NearestSearch:
    """Goes through originals block by block, so that there may be any number of them.

    Args:
        prints: Of the pictures to find the nearest original of.
        own: The number of each picture where it is an original itself, which does not count as near to itself.

    Attributes:
        index: Nearest original by features so far, ``[N]``; `NOTHING` before the first.
        mirrored: Whether its mirror image is what is near, ``[N]``.
        features: Distance to it by features (squared, as LPIPS is), ``[N]``.
        pixels: Distance to it by pixels, ``[N]``.
        least_pixels: Distance to whichever original is nearest by pixels, ``[N]``.
    """

    def __init__(self, prints: Prints, own: Indices | None = None) -> None:
        count = len(prints)
        self._prints = prints
        self._own = np.full(count, NOTHING) if own is None else own
        self.index: Indices = np.full(count, NOTHING, np.int64)
        self.mirrored: NDArray[np.bool_] = np.zeros(count, np.bool_)
        self.features: Rows = np.full(count, np.inf, np.float32)
        self.pixels: Rows = np.full(count, np.inf, np.float32)
        self.least_pixels: Rows = np.full(count, np.inf, np.float32)

    def add(self, originals: Prints, numbers: Indices, *, mirrored: bool = False) -> None:
        """Look at more originals.

        Args:
            numbers: What they are called, ``[M]``, from 0.
        """
        is_own = self._own[:, None] == numbers[None, :]
        features = np.where(is_own, np.inf, _squared(self._prints.features, originals.features))
        pixels = np.where(is_own, np.inf, np.sqrt(_squared(self._prints.pixels, originals.pixels)))
        rows = np.arange(len(features))
        found = features.argmin(axis=1)
        closer = features[rows, found] < self.features
        self.index[closer] = numbers[found[closer]]
        self.mirrored[closer] = mirrored
        self.features[closer] = features[rows, found][closer]
        self.pixels[closer] = pixels[rows, found][closer]
        self.least_pixels = np.minimum(self.least_pixels, pixels.min(axis=1))


def _squared(x: Rows, y: Rows) -> Rows:
    squares: Rows = (x**2).sum(axis=1)[:, None] + (y**2).sum(axis=1)[None, :] - 2 * (x @ y.T)
    return np.maximum(squares, 0, out=squares)

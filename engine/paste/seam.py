"""How a picture meets the photo round it: a smooth shift of its colours, and what of the photo's detail it takes."""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Samples: TypeAlias = NDArray[np.float32]

COARSEST_PX = 4
SWEEPS = 32
"""Per level; on the coarsest one, enough to be done."""

HOLD = 4.0
"""How strongly the shift is held to the difference along the edge, over how strongly to its own neighbours."""

REACH = 0.22
"""How far into the picture its colours are shifted, over the edge of the grid: beyond, it keeps more of its own."""

DOUBTED = 30.0
"""A difference along the edge, of 255, that is taken half as seriously: hair that meets a wall, not another light."""

ALIKE_PX = 0.018
"""Sigma of the window in which two pictures are compared, over the edge of the square."""

ALIKE_FROM, ALIKE_TO = 0.35, 0.85
NOISE_LEVEL = 6.0
"""Standard deviation, of 255, below which structure counts as none: flat skin is like flat skin."""


def edge_weights(mask: Samples) -> Samples:
    """1 in the middle of a mask's edge, 0 well inside and outside; ``[H, W]`` from 0 to 1."""
    soft = cv2.GaussianBlur(mask, (0, 0), 1.5)
    return np.asarray(4 * soft * (1 - soft), np.float32)


def trusted(difference: Samples) -> Samples:
    """How seriously a difference is taken, ``[H, W]``: 1 where there is none, less the larger it is."""
    apart = np.abs(difference).mean(axis=2) / DOUBTED
    return np.asarray(1 / (1 + apart * apart), np.float32)


def membrane(difference: Samples, weights: Samples) -> Samples:
    """The smoothest field that follows `difference` where the weights are.

    It minimises the squares of its own slopes plus `HOLD` times the weighted squares of what it is off, which is
    gradient-domain pasting with its edge as wide as the mask's; and it dies down over `REACH`, so that skin far from
    the edge is not coloured by hair. Solved from coarse to fine.

    Args:
        difference: ``[H, W, C]``; what it is where the weights are 0 does not matter.
        weights: ``[H, W]``, 0 to 1. All 0 gives 0.

    Source: Perez et al. 2003, "Poisson image editing"; Farbman et al. 2009, "Coordinates for instant image cloning".
    """
    levels = [(difference * weights[..., None], weights)]
    while min(levels[-1][1].shape) > COARSEST_PX:
        sums, held = levels[-1]
        size = (max(1, held.shape[1] // 2), max(1, held.shape[0] // 2))
        # A constraint of one pixel is one of a coarse pixel too, and there are fewer of those: twice the mean.
        levels.append((_shrunk(sums, size) * np.float32(2), _shrunk(held, size) * np.float32(2)))
    field: Samples = np.zeros(levels[-1][0].shape, np.float32)
    for number, (sums, held) in enumerate(reversed(levels)):
        if number:
            field = np.asarray(cv2.resize(field, held.shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)
            field = field.reshape(sums.shape)
        else:
            total = float(held.sum())
            if total <= 0:
                return np.zeros_like(difference)
            field = np.asarray(field + sums.sum(axis=(0, 1)) / total, np.float32)
        drag = 1 / (REACH * max(held.shape)) ** 2
        field = _relaxed(field, sums * HOLD, held[..., None] * HOLD, drag, SWEEPS if number else 8 * SWEEPS)
    return field


def _relaxed(field: Samples, sums: Samples, held: Samples, drag: float, sweeps: int) -> Samples:
    """Jacobi's way, a little damped; at the borders the field goes on as it is."""
    kernel = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], np.float32)
    below = 1 / (held + 4 + drag)
    for _ in range(sweeps):
        around = cv2.filter2D(field, -1, kernel, borderType=cv2.BORDER_REPLICATE).reshape(field.shape)
        field = np.asarray(0.1 * field + 0.9 * (around + sums) * below, np.float32)
    return field


def _shrunk(image: Samples, size: tuple[int, int]) -> Samples:
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32).reshape(size[1], size[0], *image.shape[2:])


def alike(photo: Samples, picture: Samples) -> Samples:
    """Where two pictures show the same structure, whatever their colours: ``[H, W]`` from 0 to 1.

    Args:
        photo, picture: ``[H, W, 3]``, 0 to 255.

    Source: the structure term of Wang et al. 2004, "Image quality assessment".
    """
    one, other = (np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.float32) for image in (photo, picture))
    sigma = max(1.0, ALIKE_PX * len(one))

    def mean(image: Samples) -> Samples:
        return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.float32)

    first, second = mean(one), mean(other)
    varied, also = mean(one * one) - first * first, mean(other * other) - second * second
    common = mean(one * other) - first * second
    floor = NOISE_LEVEL**2
    share = (2 * common + floor) / (varied + also + floor)
    steep = np.clip((share - ALIKE_FROM) / (ALIKE_TO - ALIKE_FROM), 0, 1)
    return np.asarray(steep * steep * (3 - 2 * steep), np.float32)

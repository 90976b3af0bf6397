"""Thin-plate warps between sets of landmarks.

Source: Bookstein 1989, Principal warps; smoothed as in Wahba 1990, Spline models for observational data.
"""

from __future__ import annotations

import cv2
import numpy as np

from engine.errors import JobError
from engine.training.portrait_data.canvas import TUNED_AT_PX, Canvas, Floats, Points

GRID_PX = 8
SMOOTHING = 1.0
MARGIN_PX = 40
FOLD_LIMIT = 0.25
"""Smallest area a pixel of the face may shrink to; below it skin folds over."""


class FoldError(JobError):
    """Two faces are too different to be brought onto each other."""


def warped(image: Floats, source: Points, target: Points, canvas: Canvas, *, refuse_folds: bool = False) -> Floats:
    """Move what is at `source` to `target`.

    Args:
        image: ``[S, S, 3]``.
        source, target: ``[N, 2]``, (x, y) in pixels.

    Raises:
        FoldError: with `refuse_folds`, the face would fold over.
    """
    shift = displacement(source, target, canvas)
    if refuse_folds and _smallest_area(shift, canvas) < FOLD_LIMIT:
        raise FoldError("Two faces are too different to be mixed.")
    rows, columns = canvas.rows_columns
    moved = cv2.remap(
        image, columns + shift[..., 0], rows + shift[..., 1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
    )
    return np.asarray(moved, np.float32)


def displacement(source: Points, target: Points, canvas: Canvas) -> Floats:
    """For each pixel of the new picture, how far away its colour lies in the old one: ``[S, S, 2]``, pixels.

    The border of the picture stays in place. Computed on a grid of 8 px and enlarged.
    """
    edge = (-MARGIN_PX, TUNED_AT_PX / 2, TUNED_AT_PX + MARGIN_PX)
    frame = np.array([(x, y) for x in edge for y in edge if (x, y) != (edge[1], edge[1])])
    knots = np.concatenate([target / canvas.scale, frame])
    values = np.concatenate([(source - target) / canvas.scale, np.zeros_like(frame)])
    _, kept = np.unique(np.round(knots, 1), axis=0, return_index=True)  # equal knots make the system singular
    ticks = np.arange(0, TUNED_AT_PX + 1, GRID_PX, dtype=np.float64)
    grid = np.stack(np.meshgrid(ticks, ticks), axis=-1)
    coarse = _thin_plate(knots[kept], values[kept], grid.reshape(-1, 2)).reshape(grid.shape)
    places = np.arange(canvas.size, dtype=np.float32) / (GRID_PX * np.float32(canvas.scale))
    x, y = np.meshgrid(places, places)
    smooth = cv2.remap((coarse * canvas.scale).astype(np.float32), x, y, cv2.INTER_CUBIC)
    return np.asarray(smooth, np.float32)


def _thin_plate(knots: Points, values: Points, places: Points) -> Points:
    count = len(knots)
    affine = np.concatenate([np.ones((count, 1)), knots], axis=1)
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = _kernel(knots, knots) + SMOOTHING * np.eye(count)
    system[:count, count:] = affine
    system[count:, :count] = affine.T
    weights = np.linalg.solve(system, np.concatenate([values, np.zeros((3, 2))]))
    found: Points = _kernel(places, knots) @ weights[:count] + weights[count] + places @ weights[count + 1 :]
    return found


def _kernel(a: Points, b: Points) -> Points:
    """``r² log r``, 0 at 0."""
    squared = ((a[:, None] - b[None]) ** 2).sum(axis=2)
    kernel: Points = 0.5 * squared * np.log(np.maximum(squared, 1e-300))
    return kernel


def _smallest_area(shift: Floats, canvas: Canvas) -> float:
    """Of the middle of the picture, where the face is: what a pixel's area becomes, at least."""
    dx_dy, dx_dx = (np.asarray(slope) for slope in np.gradient(shift[..., 0]))
    dy_dy, dy_dx = (np.asarray(slope) for slope in np.gradient(shift[..., 1]))
    area = (1 + dx_dx) * (1 + dy_dy) - dx_dy * dy_dx
    top, bottom, left, right = (round(edge * canvas.scale) for edge in (70, 230, 60, 196))
    return float(area[top:bottom, left:right].min())

"""Improved precision and recall: how much of what is generated looks real, and how much of what is real is reached.

Both rest on the manifold that balls round the points of a set make up, each as wide as the way to its k-th
neighbour. Denser sets make smaller balls, so numbers compare at equal counts only.

Source: Kynkäänniemi et al. 2019, arXiv:1904.06991.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from engine.metrics.features import Floats, row_blocks, squared_distances

NEIGHBOURS = 3
BLOCK = 1000


class PrecisionRecall(NamedTuple):
    """Shares of the generated and of the real points, 0 to 1."""

    precision: float
    recall: float


def precision_recall(real: Floats, generated: Floats, neighbours: int = NEIGHBOURS) -> PrecisionRecall:
    """Compare two sets of features.

    Args:
        real: ``[N, D]``, N above `neighbours`. Memory is needed for a thousand rows of pairs at a time.
        generated: ``[M, D]``, M likewise.
        neighbours: The paper's k. A point is not its own neighbour.
    """
    precision = _share_inside(generated, real, _squared_radii(real, neighbours))
    recall = _share_inside(real, generated, _squared_radii(generated, neighbours))
    return PrecisionRecall(precision, recall)


def _squared_radii(points: Floats, neighbours: int) -> Floats:
    # Each row holds the point itself, nearest of all: the k-th neighbour is number k from zero.
    nearest = [
        np.partition(squared_distances(points[rows], points), neighbours, axis=1)[:, neighbours]
        for rows in row_blocks(len(points), BLOCK)
    ]
    return np.concatenate(nearest)


def _share_inside(points: Floats, centres: Floats, squared_radii: Floats) -> float:
    inside = [
        (squared_distances(points[rows], centres) <= squared_radii).any(axis=1)
        for rows in row_blocks(len(points), BLOCK)
    ]
    return float(np.concatenate(inside).mean())

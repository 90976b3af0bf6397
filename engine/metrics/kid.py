"""Kernel distance (KID) between two sets of features: unbiased, so that small sets are not punished for being small.

Source: Binkowski et al. 2018, arXiv:1801.01401, with the cubic kernel ``((x . y) / D + 1) ** 3``; the statistic is
that of Gretton et al. 2012, JMLR 13, lemma 6.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine.metrics.features import Floats, row_blocks

Subset: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Rows of the real and of the generated features."""

SUBSET_SIZE = 1000
SUBSETS = 100
BLOCK = 1000


class Kid(NamedTuple):
    """A distance, 0 for equal distributions and below it by chance, and its standard error."""

    value: float
    standard_error: float


def kernel_distance(real: Floats, generated: Floats, subsets: Sequence[Subset]) -> float:
    """Mean over subsets, as published; see `whole_kernel_distance` for the same in one.

    Args:
        real: Features ``[N, D]``.
        generated: ``[M, D]``.
        subsets: Rows of `real` and of `generated` to compare, equally many, at least 2.
    """
    total = 0.0
    for real_rows, generated_rows in subsets:
        x, y = generated[generated_rows], real[real_rows]
        count = len(x)
        within = _kernel(x, x) + _kernel(y, y)
        between = _kernel(x, y)
        total += float((within.sum() - np.diag(within).sum()) / (count - 1) - between.sum() * 2 / count) / count
    return total / len(subsets)


def drawn_subsets(real: int, generated: int, seed: int = 0) -> list[Subset]:
    """Row numbers for `kernel_distance`, without replacement, fixed by the seed."""
    size = min(real, generated, SUBSET_SIZE)
    rng = np.random.default_rng(seed)
    # Subsets that hold nearly all there is are nearly equal; one whole one says the same.
    number = 1 if size == min(real, generated) and real == generated else SUBSETS
    return [
        (rng.choice(real, size, replace=False), rng.choice(generated, size, replace=False)) for _ in range(number)
    ]


def whole_kernel_distance(real: Floats, generated: Floats) -> Kid:
    """What `kernel_distance` estimates, from every pair of rows there is: as unbiased, and it varies less.

    The standard error is right for sets that differ, and up to 1.4 times too large for nearly equal ones.

    Args:
        real: ``[N, D]``, N at least 2. Memory is needed for a thousand rows of pairs at a time.
        generated: ``[M, D]``, M at least 2.
    """
    means = [_mean_kernels(a, b) for a in (real, generated) for b in (real, generated)]
    real_real, real_generated, generated_real, generated_generated = means
    value = real_real.mean() + generated_generated.mean() - 2 * real_generated.mean()
    spread = [
        4 * (within - between).var(ddof=1) / len(within)
        for within, between in ((real_real, real_generated), (generated_generated, generated_real))
    ]
    return Kid(float(value), math.sqrt(sum(spread)))


def _mean_kernels(x: Floats, y: Floats) -> Floats:
    """Mean kernel of each row of `x` with the rows of `y`, without itself where both are the same array."""
    same = x is y
    sums = [_kernel(x[block], y).sum(axis=1) for block in row_blocks(len(x), BLOCK)]
    means = np.concatenate(sums)
    if same:
        means -= ((x**2).sum(axis=1) / x.shape[1] + 1) ** 3
    found: Floats = means / (len(y) - same)
    return found


def _kernel(x: Floats, y: Floats) -> Floats:
    base: Floats = x @ y.T / x.shape[1] + 1
    return base * base * base

"""Fréchet distance (FID) between two sets of features, each taken for a Gaussian.

Biased upwards: the fewer rows, the larger, so numbers compare at equal counts only.

Source: Heusel et al. 2017, arXiv:1706.08500; Dowson and Landau 1982.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from engine.metrics.features import Floats


class Moments(NamedTuple):
    """Mean ``[D]`` and covariance ``[D, D]``."""

    mean: Floats
    covariance: Floats


def moments(features: Floats, ddof: int = 1) -> Moments:
    """Of rows ``[N, D]``, N at least 2.

    Args:
        ddof: 1 divides the covariance by ``N - 1``, as the first implementations do; 0 by N, as NVIDIA's in PyTorch.
    """
    mean = features.mean(axis=0)
    centred = features - mean
    return Moments(mean, centred.T @ centred / (len(features) - ddof))


def frechet_distance(a: Moments, b: Moments) -> float:
    """``|mean_a - mean_b|^2 + tr(A) + tr(B) - 2 tr((A B)^(1/2))`` for covariances A and B; 0 for equal ones.

    The root of ``A B`` is never taken: ``A B`` is not symmetric, and a general matrix root of nearly singular
    covariances comes out complex, or not at all. ``A^(1/2) B A^(1/2)`` has the same eigenvalues, is symmetric and has
    none below zero, so the sum of the roots of its eigenvalues is the trace, by a solver that cannot fail on it.
    """
    values, vectors = np.linalg.eigh(a.covariance)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    product = root @ b.covariance @ root
    eigenvalues = np.linalg.eigvalsh((product + product.T) / 2)
    trace_of_root = np.sqrt(np.maximum(eigenvalues, 0)).sum()
    gap = ((a.mean - b.mean) ** 2).sum()
    return float(gap + np.trace(a.covariance) + np.trace(b.covariance) - 2 * trace_of_root)

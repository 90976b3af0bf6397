"""Principal components, as GANSpace finds directions: of W itself, or of activations with a regression back to W.

Source: Haerkoenen et al. 2020, arXiv:2004.02546. The published code updates its components batch by batch; these are
the exact ones, of float64 sums.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.directions.latent_moments import Doubles, LatentMoments
from engine.errors import JobError

COLUMNS_AT_ONCE = 1024


@dataclass(frozen=True, slots=True, eq=False)
class Components:
    """Attributes:
    vectors: In W, unit length, the strongest first, ``[n, w_dim]``.
    parts: What share of all variance (of what was analysed) each accounts for, 0 to 1, ``[n]``.
    """

    vectors: Doubles
    parts: Doubles


def signed(vectors: Doubles) -> Doubles:
    """Each row with the sign that makes its largest entry positive: an eigenvector's sign is chance."""
    largest = np.argmax(np.abs(vectors), axis=1)
    signs = np.sign(vectors[np.arange(len(vectors)), largest])
    turned: Doubles = vectors * np.where(signs == 0.0, 1.0, signs)[:, None]
    return turned


def largest_first(symmetric: Doubles, count: int) -> tuple[Doubles, Doubles]:
    """The `count` largest eigenvalues and their eigenvectors, ``[count]`` and ``[count, D]``, signs settled."""
    values, columns = np.linalg.eigh(symmetric)
    order = np.argsort(-values, kind="stable")[:count]
    return values[order], signed(columns.T[order])


def principal_directions(moments: LatentMoments, count: int) -> Components:
    """The directions along which W varies most."""
    values, vectors = largest_first(moments.covariance, count)
    return Components(vectors, values / np.trace(moments.covariance))


def activation_directions(features: NDArray[np.floating], w: NDArray[np.floating], count: int) -> Components:
    """The directions in W that answer to what varies most in a layer's activations.

    The components of `features` are found first; then w is explained by the samples' coordinates along them, by least
    squares. The coordinates do not correlate, so that each direction is found by itself.

    Args:
        features: ``[N, P]``, with more columns than rows: the N x N inner products are analysed instead.
        w: The latents that they were made from, ``[N, w_dim]``.
        count: At most N - 1.

    Raises:
        JobError: the activations do not vary.
    """
    samples = len(features)
    products = np.zeros((samples, samples))
    total = 0.0
    for start in range(0, features.shape[1], COLUMNS_AT_ONCE):  # so that no second copy of everything is made
        part = np.asarray(features[:, start : start + COLUMNS_AT_ONCE], np.float64)
        part = part - part.mean(axis=0)
        products += part @ part.T
        total += float(np.sum(part**2))
    if not total > 0.0:
        raise JobError("The activations of this layer are the same for every latent: they show no directions.")
    # Columns of `coordinates` are the samples' coordinates in units of their sigma, but for one common factor.
    values, coordinates = largest_first(products, min(count, samples - 1))
    centred = np.asarray(w, np.float64) - np.mean(w, axis=0, dtype=np.float64)
    answers: Doubles = coordinates @ centred
    lengths = np.sqrt(np.sum(answers**2, axis=1))
    told = lengths > 1e-9 * lengths.max(initial=0.0)
    return Components(signed(answers[told] / lengths[told, None]), values[told] / total)

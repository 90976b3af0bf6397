"""SeFa: directions from the weights alone.

The affine layers turn w into styles. A direction that all of them amplify changes the picture much; those are the
eigenvectors of ``A A^T``, with the weight vector of every style channel scaled to unit length.

Source: Shen & Zhou 2021, arXiv:2007.06600.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.directions.latent_moments import Doubles
from engine.directions.principal import Components, largest_first


def closed_form_directions(affines: Sequence[NDArray[np.floating]], count: int) -> Components:
    """Directions, the strongest first.

    Args:
        affines: Of the chosen layers, each ``[channels, w_dim]``; gains do not matter. Channels of zeros do
            not count.
    """
    w_dim = affines[0].shape[1]
    products: Doubles = np.zeros((w_dim, w_dim))
    for affine in affines:
        rows = np.asarray(affine, np.float64)
        lengths = np.sqrt(np.sum(rows**2, axis=1, keepdims=True))
        rows = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 0.0)
        products += rows.T @ rows
    values, vectors = largest_first(products, count)
    return Components(vectors, values / max(float(np.trace(products)), np.finfo(np.float64).tiny))

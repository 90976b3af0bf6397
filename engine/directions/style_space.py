"""StyleSpace: how far the channels of a layer's style usually go, and which of them matter.

Source: Wu et al. 2020, arXiv:2011.12799.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.directions.latent_moments import Doubles, LatentMoments


def style_sigmas(affine: NDArray[np.floating], moments: LatentMoments) -> Doubles:
    """Standard deviation of every channel's style over the model's latents, ``[channels]``.

    Styles are affine in w, so the covariance of W tells it without a picture being made.

    Args:
        affine: Weights that turn w into styles, gain included, ``[channels, w_dim]``.
    """
    rows = np.asarray(affine, np.float64)
    variances = np.einsum("cd,cd->c", rows @ moments.covariance, rows)
    sigmas: Doubles = np.sqrt(np.maximum(variances, 0.0))
    return sigmas


def channel_effects(
    weight: NDArray[np.floating], mean_styles: NDArray[np.floating], sigmas: Doubles, *, demodulates: bool
) -> Doubles:
    """By how much one sigma of each channel changes what the layer gives, as a share of the whole: ``[channels]``.

    An estimate for features that are all equally strong; it is for ranking.

    Args:
        weight: Of the convolution, ``[out, channels, k, k]``.
        mean_styles: ``[channels]``.
        demodulates: Whether the layer scales its outputs back to unit energy.
    """
    energy = np.sum(np.asarray(weight, np.float64) ** 2, axis=(2, 3))
    styled = energy * np.asarray(mean_styles, np.float64) ** 2
    whole = styled.sum(axis=1, keepdims=True)
    if not demodulates:
        whole = np.full_like(whole, float(np.mean(whole)))
    parts = np.divide(energy, whole, out=np.zeros_like(energy), where=whole > 0.0)
    effects: Doubles = sigmas * np.sqrt(np.mean(parts, axis=0))
    return effects

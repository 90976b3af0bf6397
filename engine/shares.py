"""How much of each model a layer takes: the step and the sigmoid of layer swapping, and models over models.

In plain Python.

Source: Pinkney & Adler 2020, arXiv:2010.05334, and the behaviour of the authors' published script.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias


def layer_position(resolution: int, level: int) -> int:
    """Place of a layer along the blend: ``2 * (log2(resolution) - 2) + level``.

    Args:
        resolution: A power of two from 4 px up.
        level: 0 for the constant and ``conv0``, 1 for ``conv1`` and ``torgb``.
    """
    return 2 * (resolution.bit_length() - 3) + level


def pinkney_shares(num_positions: int, swap_resolution: int, level: int = 0, width: float = 0.0) -> tuple[float, ...]:
    """Share of the high-resolution model at every position, 0 to 1.

    A hard swap (`width` 0) gives the high model every position more than *one* above that of `swap_resolution` and
    `level`: the published rule, off by one or not. So 16 at level 0 keeps blocks 4 to 16 of the low model and takes
    everything from 32 px up; at level 1 the ``conv0`` of 32 px stays with the low model too. At the top resolution
    nothing is taken. With a width the share is ``1 / (1 + exp(-x / width))`` of the distance x in positions,
    one half at `swap_resolution` and `level` themselves.

    Args:
        num_positions: Twice the number of blocks; equals ``num_ws``.
        swap_resolution: A power of two from 4 px up; need not be a block of the model.
        level: 0 or 1, the step within a resolution.
        width: Softness in positions; 0 is hard. Its sign does not matter.
    """
    middle = layer_position(swap_resolution, level)
    return tuple(_share(index - middle, abs(width)) for index in range(num_positions))


def _share(distance: int, width: float) -> float:
    if width == 0.0:
        return 1.0 if distance > 1 else 0.0
    # The sigmoid through tanh: no overflow however narrow the width is.
    return 0.5 * (1.0 + math.tanh(0.5 * distance / width))


@dataclass(frozen=True, slots=True)
class Shares:
    """Share of B of everything that a blended network is made of: 0 is A exactly, 1 is B exactly.

    Of a further model it is the share over what lies below. Tuples are indexed by position; those that have no such
    part are simply not read.

    Attributes:
        conv: Weights and biases of the constant, ``conv0`` and ``conv1``; at level 0 also the resnet ``skip``.
        conv_affine: The style affines of ``conv0`` and ``conv1``.
        torgb: Weight and bias of ``torgb``, at level 1.
        torgb_affine: The style affine of ``torgb``.
        noise: ``noise_const`` and ``noise_strength`` of the convolutions.
        mapping: The whole mapping network, the label embedding with it.
        w_avg: The mean latent.
    """

    conv: tuple[float, ...]
    conv_affine: tuple[float, ...]
    torgb: tuple[float, ...]
    torgb_affine: tuple[float, ...]
    noise: tuple[float, ...]
    mapping: float = 0.0
    w_avg: float = 0.0

    def with_weights(self, share: float) -> Shares:
        """The same share for everything in the synthesis network; mapping and w_avg stay."""
        everywhere = (share,) * len(self.conv)
        return Shares(everywhere, everywhere, everywhere, everywhere, everywhere, self.mapping, self.w_avg)


Stack: TypeAlias = tuple[Shares, ...]
"""What each network above the first takes, the lowest first: B over A, then the further models over that."""


def weights_of(shares: Sequence[float]) -> tuple[float, ...]:
    """How much there is of every network at a place where each is laid over the ones before it.

    Args:
        shares: Of every network but the first, the lowest first; each leaves ``1 - share`` of what is below.

    Returns:
        One weight per network. They add up to 1, and may lie beyond 0 and 1.
    """
    weights = [1.0]
    for share in shares:
        weights = [weight * (1.0 - share) for weight in weights]
        weights.append(share)
    return tuple(weights)


def only_one(weights: Sequence[float]) -> int | None:
    """The network that everything comes from, if there is one."""
    if weights.count(0.0) != len(weights) - 1 or weights.count(1.0) != 1:
        return None
    return weights.index(1.0)


def greatest(weights: Sequence[float]) -> int:
    """The network with the greatest weight, the last of several."""
    return max(range(len(weights)), key=lambda index: (weights[index], index))

"""The names under which the blocks of a picture are kept: exactly what decides each of them, and nothing more.

The key of a block's features is made of its convolutions' weights, their rows of ``ws``, its noise, and the key of
the features below; that of its picture, also of ToRGB's weights and row, and of the picture below. A change at 64 px
leaves everything below 64 px where it is, and finds it again; and as ToRGB reads the row that the next block begins
with, a change of that row leaves the features. What is left out by mistake shows stale pictures; what is put in
needlessly computes the same picture twice.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from engine.model_pair import ModelPair
from engine.resolve import ResolvedEdit, ResolvedNoise
from engine.state import Latent, NoiseMode, SeedLatent, StoredLatent


@dataclass(frozen=True, slots=True)
class BlockKeys:
    """Attributes:
    features: What decides the features after each block, the lowest first.
    pictures: What decides features and picture after each block.
    """

    features: tuple[Hashable, ...]
    pictures: tuple[Hashable, ...]


def block_keys(pair: ModelPair, edit: ResolvedEdit) -> BlockKeys:
    noisy = frozenset(layer.position for layer in pair.a.descriptor.layers if layer.has_noise)
    rows = tuple(_row_key(pair, edit, row) for row in range(edit.num_ws))
    features: list[Hashable] = []
    pictures: list[Hashable] = []
    x: Hashable = None
    img: Hashable = None
    for index in range(pair.num_blocks):
        synthesis = pair.a.module.synthesis
        own, convs = rows[synthesis.rows(index)], synthesis.block_at(index).num_convs
        conv_weights, torgb_weights = pair.block_key(index, edit.shares)
        x = ("features", index, conv_weights, own[:convs], _noise_key(index, edit.noise, noisy), x)
        img = ("block", x, torgb_weights, own[convs:], img)
        features.append(x)
        pictures.append(img)
    return BlockKeys(tuple(features), tuple(pictures))


def _row_key(pair: ModelPair, edit: ResolvedEdit, row: int) -> Hashable:
    mixed = tuple(
        (_latent_key(pair, edit, source.latent, row), source.strengths[row])
        for source in edit.mix
        if source.strengths[row] != 0.0
    )
    return _latent_key(pair, edit, edit.latent, row), mixed


def _latent_key(pair: ModelPair, edit: ResolvedEdit, latent: Latent, row: int) -> Hashable:
    found: Hashable
    if isinstance(latent, StoredLatent):
        found = latent.key
    else:
        found = (pair.mapping_key(edit.shares), latent, edit.class_index)
    if not psi_acts_on(latent, edit) or row >= edit.truncation_cutoff:
        return found
    return found, edit.truncation_psi, pair.w_avg_key(edit.shares)


def psi_acts_on(latent: Latent, edit: ResolvedEdit) -> bool:
    """Truncation is for the main latent and for seeds; a portrait that is mixed in stays as it was found."""
    return edit.truncation_psi != 1.0 and (isinstance(latent, SeedLatent) or latent == edit.latent)


def _noise_key(index: int, noise: ResolvedNoise, noisy: frozenset[int]) -> Hashable:
    """What decides the noise of a block, apart from the block's weights.

    Args:
        noisy: Positions whose layers add noise.
    """
    strengths = tuple(noise.strengths[at] for at in (2 * index, 2 * index + 1) if at in noisy)
    if noise.mode is NoiseMode.NONE or not any(strengths):
        return None
    return noise.mode, strengths, noise.seed, noise.key

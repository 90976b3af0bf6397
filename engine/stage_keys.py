"""The names under which the blocks of a picture are kept: exactly what decides each of them, and nothing more.

The key of a block is made of its own weights, its own rows of ``ws``, its own noise, and the key of the block below:
a change at 64 px leaves everything below 64 px where it is, and finds it again. What is left out by mistake shows
stale pictures; what is put in needlessly computes the same picture twice.
"""

from __future__ import annotations

from collections.abc import Hashable

from engine.model_pair import ModelPair
from engine.resolve import ResolvedEdit, ResolvedNoise
from engine.state import Latent, NoiseMode, SeedLatent, StoredLatent


def block_keys(pair: ModelPair, edit: ResolvedEdit) -> tuple[Hashable, ...]:
    """What decides the picture up to each block, the lowest first."""
    noisy = frozenset(layer.position for layer in pair.a.descriptor.layers if layer.has_noise)
    rows = tuple(_row_key(pair, edit, row) for row in range(edit.num_ws))
    keys: list[Hashable] = []
    below: Hashable = None
    for index in range(pair.num_blocks):
        own_rows = rows[pair.a.module.synthesis.rows(index)]
        noise = _noise_key(index, edit.noise, noisy)
        below = ("block", index, pair.block_key(index, edit.shares), own_rows, noise, below)
        keys.append(below)
    return tuple(keys)


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

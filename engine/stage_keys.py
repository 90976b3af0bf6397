"""The names under which the blocks of a picture are kept: exactly what decides each of them, and nothing more.

The key of a block's features is made of its convolutions' weights, their rows of ``ws``, its noise, steps of its
styles, and the key of the features below; that of its picture, also of ToRGB's weights, row and steps, and of the
picture below. A change at 64 px leaves everything below 64 px where it is, and finds it again; and as ToRGB reads
the row that the next block begins with, a change of that row leaves the features. What is left out by mistake shows
stale pictures; what is put in needlessly computes the same picture twice.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TypeAlias

from engine.model_group import ModelGroup
from engine.resolved_edit import ResolvedEdit, ResolvedNoise
from engine.state import Latent, NoiseMode, SeedLatent, StoredLatent

_ReadingKeys: TypeAlias = tuple[tuple[Hashable, Hashable], ...]
"""Of every reading, the names of its mapping network and of its mean latent."""


@dataclass(frozen=True, slots=True)
class BlockKeys:
    """Attributes:
    features: What decides the features after each block, the lowest first.
    pictures: What decides features and picture after each block.
    """

    features: tuple[Hashable, ...]
    pictures: tuple[Hashable, ...]


def block_keys(group: ModelGroup, edit: ResolvedEdit) -> BlockKeys:
    noisy = frozenset(layer.position for layer in group.a.descriptor.layers if layer.has_noise)
    stack = edit.stack
    readings = tuple((group.part_key(one.mapping), group.part_key(one.w_avg)) for one in edit.readings)
    rows = tuple(_row_key(edit, row, readings) for row in range(edit.num_ws))
    features: list[Hashable] = []
    pictures: list[Hashable] = []
    x: Hashable = None
    img: Hashable = None
    for index in range(group.num_blocks):
        synthesis = group.a.module.synthesis
        own, convs = rows[synthesis.rows(index)], synthesis.block_at(index).num_convs
        conv_weights, torgb_weights = group.block_key(index, stack)
        conv_steps, torgb_steps = _style_keys(index, edit)
        x = ("features", index, conv_weights, own[:convs], _noise_key(index, edit.noise, noisy), conv_steps, x)
        img = ("block", x, torgb_weights, own[convs:], torgb_steps, img)
        features.append(x)
        pictures.append(img)
    return BlockKeys(tuple(features), tuple(pictures))


def _row_key(edit: ResolvedEdit, row: int, readings: _ReadingKeys) -> Hashable:
    mixed = tuple(
        (_latent_key(edit, source.latent, row, readings), source.strengths[row])
        for source in edit.mix
        if source.strengths[row] != 0.0
    )
    steps = tuple((one.key, one.amounts[row]) for one in edit.directions if one.amounts[row] != 0.0)
    return _latent_key(edit, edit.latent, row, readings), mixed, steps


def _latent_key(edit: ResolvedEdit, latent: Latent, row: int, readings: _ReadingKeys) -> Hashable:
    is_truncated = psi_acts_on(latent, edit) and row < edit.truncation_cutoff

    def read(mapping: Hashable, w_avg: Hashable) -> Hashable:
        found = latent.key if isinstance(latent, StoredLatent) else (mapping, latent, edit.class_index)
        return (found, edit.truncation_psi, w_avg) if is_truncated else found

    first = read(*readings[0])
    share = edit.shares.conv[row]
    if len(readings) == 1 or isinstance(latent, StoredLatent) or share == 0.0:
        return first
    other = read(*readings[1])
    return other if share == 1.0 else (first, other, share)


def psi_acts_on(latent: Latent, edit: ResolvedEdit) -> bool:
    """Truncation is for the main latent and for seeds; a portrait that is mixed in stays as it was found."""
    return edit.truncation_psi != 1.0 and (isinstance(latent, SeedLatent) or latent == edit.latent)


def _style_keys(index: int, edit: ResolvedEdit) -> tuple[Hashable, Hashable]:
    """The steps in StyleSpace of a block's convolutions, and those of its ToRGB layer."""
    own = [one for one in edit.style_edits if one.position // 2 == index]
    return tuple(one for one in own if not one.torgb), tuple(one for one in own if one.torgb)


def _noise_key(index: int, noise: ResolvedNoise, noisy: frozenset[int]) -> Hashable:
    """What decides the noise of a block, apart from the block's weights.

    Args:
        noisy: Positions whose layers add noise.
    """
    if noise.mode is NoiseMode.NONE:
        return None
    return tuple(
        (at, noise.strengths[at], (noise.mode, noise.seed, noise.key) if seed is None else seed)
        for at in (2 * index, 2 * index + 1)
        if at in noisy and noise.strengths[at] != 0.0
        for seed in (noise.layer_seeds[at],)
    )

"""What goes into the blocks of a picture: its rows of ``ws``, and its noise. What was computed is kept."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.latents import LatentStore, seed_to_z
from engine.model_group import ModelGroup
from engine.nets.mapping import truncate
from engine.nets.noise import NoiseInput, seeded_map
from engine.nets.stylegan2 import NO_OFFSETS, BlockOffsets
from engine.network import Network
from engine.resolved_edit import Reading, ResolvedEdit, ResolvedNoise
from engine.stage_cache import Memory, StageCache
from engine.stage_keys import psi_acts_on
from engine.state import Latent, SeedLatent, StoredLatent


class PictureInputs:
    """Made of an edit's latents, of directions and noise maps in a store, and of the networks' mappings."""

    def __init__(self, store: LatentStore) -> None:
        self._store = store

    @torch.no_grad()
    def ws(self, group: ModelGroup, edit: ResolvedEdit, cache: StageCache) -> Tensor:
        """The main latent, the others mixed into its rows in order, and steps along directions added.

        Returns:
            ``[1, num_ws, w_dim]``.
        """
        ws = self._rows(group, edit, edit.latent, cache)
        for source in edit.mix:
            other = self._rows(group, edit, source.latent, cache)
            ws = torch.lerp(ws, other, _per_row(source.strengths, ws))
        for direction in edit.directions:
            ws = torch.addcmul(ws, _per_row(direction.amounts, ws), self._stored_rows(group, edit, direction.key))
        return ws

    def _rows(self, group: ModelGroup, edit: ResolvedEdit, latent: Latent, cache: StageCache) -> Tensor:
        """A latent's rows as they go into the picture: truncated where psi acts on it."""
        readings = edit.readings
        if isinstance(latent, StoredLatent):
            return _truncated(self._stored_rows(group, edit, latent.key), group, edit, latent, readings[0])
        first, *others = [
            _truncated(self._mapped(group, edit, latent, reading, cache), group, edit, latent, reading)
            for reading in readings
        ]
        for other in others:  # one, B's
            first = torch.lerp(first, other, _per_row(edit.shares.conv, first))
        return first

    def _mapped(
        self, group: ModelGroup, edit: ResolvedEdit, latent: SeedLatent, reading: Reading, cache: StageCache
    ) -> Tensor:
        """Seed to z to w: all rows alike, not truncated."""
        key = ("mapped", group.part_key(reading.mapping), latent, edit.class_index)
        found: Tensor | None = cache.get(key)
        if found is None:
            network = group.mapping_network(reading.mapping)
            z = torch.from_numpy(seed_to_z(latent, network.descriptor.z_dim))
            found = network.mapping(z, _label(edit.class_index, network))
            cache.put(key, found, memory_of(found))
        return found

    def _stored_rows(self, group: ModelGroup, edit: ResolvedEdit, key: str) -> Tensor:
        """Surplus rows are left out, missing ones filled with the last."""
        stored = torch.tensor(self._store.ws(key), device=group.a.device)[: edit.num_ws]
        missing = edit.num_ws - len(stored)
        return torch.cat([stored, stored[-1:].expand(missing, -1)])[None] if missing else stored[None]

    def noise(self, group: ModelGroup, noise: ResolvedNoise, cache: StageCache) -> NoiseInput:
        """Stored maps that do not fit the model's layers are left out; seeds of a layer's own come before them."""
        maps = {} if noise.key is None else dict(self._stored_maps(group, noise.key, cache))
        for layer in group.a.descriptor.layers:
            seed = noise.layer_seeds[layer.position]
            if layer.has_noise and seed is not None:
                maps[layer.name] = self._between_seeds(group, layer.name, layer.resolution, seed, cache)
        return group.a.noise_input(noise.mode.value, noise.strengths, noise.seed, noise=maps)

    def offsets(self, group: ModelGroup, edit: ResolvedEdit, index: int, cache: StageCache) -> BlockOffsets:
        """What the steps in StyleSpace add to the styles of a block."""
        if not edit.style_edits:
            return NO_OFFSETS
        low, high = 2 * index, 2 * index + 1
        return (
            self._offset(group, edit, low, False, cache),
            self._offset(group, edit, high, False, cache),
            self._offset(group, edit, high, True, cache),
        )

    def _offset(
        self, group: ModelGroup, edit: ResolvedEdit, position: int, torgb: bool, cache: StageCache
    ) -> Tensor | None:
        """``[channels]``: the same tensor every time."""
        steps = tuple(
            (one.channel, one.amount) for one in edit.style_edits if (one.position, one.torgb) == (position, torgb)
        )
        if not steps:
            return None
        count = group.a.descriptor.style_channels[position, torgb]
        key = ("style offset", count, steps)
        found: Tensor | None = cache.get(key)
        if found is None:
            device = group.a.device
            # From memory that the device reads by itself: otherwise the copy would wait for all that is under way.
            here = torch.zeros(count, pin_memory=device.type == "cuda")
            for channel, amount in steps:
                here[channel] += amount
            found = here.to(device, non_blocking=True)
            cache.put(key, found, memory_of(found))
        return found

    def _stored_maps(self, group: ModelGroup, noise_key: str, cache: StageCache) -> Mapping[str, Tensor]:
        """By layer name. The same tensors every time, so that what is made of them can be kept as well."""
        layers = {layer.name: layer for layer in group.a.descriptor.layers if layer.has_noise}
        key = ("noise maps", noise_key, tuple(layers))
        found: dict[str, Tensor] | None = cache.get(key)
        if found is None:
            stored = self._store.noise(noise_key)
            fitting = {
                name: stored[layer.position]
                for name, layer in layers.items()
                if layer.position in stored and stored[layer.position].shape[-1] == layer.resolution
            }
            found = {name: torch.tensor(given, device=group.a.device) for name, given in fitting.items()}
            cache.put(key, found, memory_of(*found.values()))
        return found

    def _between_seeds(
        self, group: ModelGroup, layer: str, size: int, seed: float, cache: StageCache
    ) -> Tensor:
        """``[1, 1, size, size]``: of a whole seed, the map that RANDOM noise has; the same tensor every time."""
        key = ("noise of a seed", layer, size, seed)
        found: Tensor | None = cache.get(key)
        if found is None:
            whole = math.floor(seed)
            turn = 0.5 * math.pi * (seed - whole)
            if turn == 0.0:
                found = seeded_map(whole, layer, 1, size).to(group.a.device)
            else:
                near, far = (self._between_seeds(group, layer, size, float(n), cache) for n in (whole, whole + 1))
                found = near * math.cos(turn) + far * math.sin(turn)
            cache.put(key, found, memory_of(found))
        return found


def memory_of(*tensors: Tensor | None) -> Memory:
    """A tensor keeps all of the storage that it looks at."""
    storages = (tensor.untyped_storage() for tensor in tensors if tensor is not None)
    return {(storage.device, storage.data_ptr()): storage.nbytes() for storage in storages}


def _truncated(ws: Tensor, group: ModelGroup, edit: ResolvedEdit, latent: Latent, reading: Reading) -> Tensor:
    if not psi_acts_on(latent, edit):
        return ws
    return truncate(ws, group.w_avg(reading.w_avg), edit.truncation_psi, edit.truncation_cutoff)


def _per_row(values: Sequence[float], like: Tensor) -> Tensor:
    """``[rows]`` to ``[1, rows, 1]``."""
    return torch.tensor(values, dtype=like.dtype, device=like.device)[None, :, None]


def _label(class_index: int | None, network: Network) -> Tensor | None:
    """A network with other classes than model A shows the nearest number."""
    classes = network.descriptor.c_dim
    return None if classes == 0 else F.one_hot(torch.tensor([min(class_index or 0, classes - 1)]), classes).float()

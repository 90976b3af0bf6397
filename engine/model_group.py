"""Networks, and the blocks of their blend: which weights a block runs on, and under what name they are cached."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import lru_cache
from typing import TypeAlias

import torch
from torch import Tensor

from engine.blending import blend_block, blend_mapping, check_blendable, scratch_for
from engine.models import weight_bytes
from engine.nets.noise import NoiseInput
from engine.nets.stylegan2 import NO_OFFSETS, BlockOffsets
from engine.network import Carry, Network
from engine.preview.blocks import PreviewBlocks
from engine.preview.memory import mixture_bytes
from engine.preview.mixing import BlockShares, ConvShares, MixShares
from engine.preview.packing import Packs
from engine.shares import Stack, greatest, only_one, weights_of
from engine.state import ModelRef
from engine.weighted_sum import weigh_into

WeightsKey: TypeAlias = Hashable
"""Names weights by content: the hash of a model for its own; for a mixture, of all that have a part, with their
weights. Models that have none are not in it."""


class ModelGroup:
    """Model A, alone or with others that are blended with it.

    A block that is all one network's runs on that network itself. Only a block in between has its weights written
    into one more network, just before it runs and only when they are not there already.

    Args:
        refs: What the networks are called.
        networks: A, then the others, each laid over the ones before it.
        packs: Where packed forms for previews are kept; without them previews run as exports do.

    Raises:
        ModelError: the weights of A and another cannot be mixed; says why.
    """

    def __init__(self, refs: Sequence[ModelRef], networks: Sequence[Network], packs: Packs | None = None) -> None:
        for other in networks[1:]:
            check_blendable(networks[0], other)
        self.networks = tuple(networks)
        self._shas = tuple(ref.sha256 for ref in refs)
        self._preview = _preview_blocks(networks, packs)
        self._mixture_bytes = 0 if self._preview is None else mixture_bytes(networks[0], len(networks))
        self._scratch: Network | None = None
        self._written: dict[int | str, WeightsKey] = {}
        self._clamps: tuple[int, ...] = ()

    @property
    def a(self) -> Network:
        return self.networks[0]

    @property
    def num_blocks(self) -> int:
        return len(self.a.descriptor.resolutions)

    @property
    def held_bytes(self) -> int:
        """What this group holds beside its networks and their packed forms."""
        scratch = 0 if self._scratch is None else weight_bytes(self._scratch)
        if self._preview is None:
            return scratch
        return scratch + self._preview.graph_bytes + self._mixture_bytes

    def block_key(self, index: int, stack: Stack) -> tuple[WeightsKey, WeightsKey]:
        """Names of the weights of block `index`: those of its convolutions, and those of its ToRGB layer."""
        convs, torgb = _parts(_block_shares(index, stack))
        return self._key(convs), self._key(torgb)

    def is_mixture(self, index: int, stack: Stack) -> bool:
        """Whether block `index` is not all one network's."""
        convs, torgb = _parts(_block_shares(index, stack))
        return _whole((*convs, *torgb)) is None

    def block_network(self, index: int, stack: Stack) -> Network:
        """A network whose block `index` has these weights, until the next call."""
        convs, torgb = _parts(_block_shares(index, stack))
        parts = (*convs, *torgb)
        if (only := _whole(parts)) is not None:
            return self.networks[only]
        scratch = self._scratch_network()
        # Clamps are set for all blocks at once: with others, what was written for other blocks is out of date.
        clamps = tuple(greatest(weights_of(shares)) for shares in zip(*(one.conv for one in stack), strict=True))
        if clamps != self._clamps:
            self._clamps = clamps
            self._written.clear()
        key = self._key(parts)
        if self._written.get(index) != key:
            self._written.pop(index, None)
            blend_block(scratch, self.networks, stack, index)
            self._written[index] = key
        return scratch

    @torch.no_grad()
    def run_block(
        self,
        index: int,
        stack: Stack,
        carry: Carry | None,
        ws: Tensor,
        noise: NoiseInput,
        offsets: BlockOffsets = NO_OFFSETS,
        *,
        exact: bool = False,
    ) -> Carry:
        """Run block `index` of the blend.

        Args:
            carry: What the block below returned; None for block 0.
            ws: All rows, ``[1, num_ws, w_dim]``, float32.
            noise: From `Network.noise_input`.
            offsets: What is added to the styles, each ``[I]``, float32.
            exact: In float32 by the plain networks, for exports; otherwise in packed form, as previews need it. A
                carry goes on only the way it came.
        """
        if self._preview is not None and not exact:
            return self._preview.run(index, _block_shares(index, stack), carry, ws, noise, offsets)
        network = self.block_network(index, stack)
        return network.run_block(index, carry, ws, network.block_noise(index, noise), offsets)

    @property
    def draws_apart(self) -> bool:
        """Whether `run_torgb` can be had."""
        return self._preview is not None

    def run_torgb(
        self,
        index: int,
        stack: Stack,
        x: Tensor,
        img: Tensor | None,
        ws: Tensor,
        offsets: BlockOffsets = NO_OFFSETS,
    ) -> Carry:
        """The part of `run_block` that comes after the features, in packed form.

        Args:
            x: Features that block `index` returned.
            img: The picture that the block below returned.
        """
        assert self._preview is not None, "only previews are drawn apart"
        return self._preview.run_torgb(index, _block_shares(index, stack), x, img, ws, offsets)

    def part_key(self, shares: Sequence[float]) -> WeightsKey:
        """Name of a mapping network, or of a mean latent, of which the models above A take `shares`."""
        return self._key((weights_of(shares),))

    def mapping_network(self, shares: Sequence[float]) -> Network:
        """A network whose mapping has these weights, until the next call. Its mean latent is not for use."""
        if (only := only_one(weights_of(shares))) is not None:
            return self.networks[only]
        scratch = self._scratch_network()
        key = self.part_key(shares)
        if self._written.get("mapping") != key:
            self._written.pop("mapping", None)
            blend_mapping(scratch, self.networks, shares)
            self._written["mapping"] = key
        return scratch

    @torch.no_grad()
    def w_avg(self, shares: Sequence[float]) -> Tensor:
        """The mean latent, ``[w_dim]``."""
        weights = weights_of(shares)
        if (only := only_one(weights)) is not None:
            return self.networks[only].w_avg
        mixed = torch.empty_like(self.a.w_avg)
        weigh_into(mixed, [network.w_avg for network in self.networks], weights)
        return mixed

    def _key(self, parts: Sequence[MixShares]) -> WeightsKey:
        if (only := _whole(parts)) is not None:
            return self._shas[only]
        weights = zip(self._shas, zip(*parts, strict=True), strict=True)
        return tuple((sha256, own) for sha256, own in weights if any(own))

    def _scratch_network(self) -> Network:
        if self._scratch is None:
            self._scratch = scratch_for(self.a)
        return self._scratch


def _preview_blocks(networks: Sequence[Network], packs: Packs | None) -> PreviewBlocks | None:
    if packs is None:
        return None
    packed = [packs.of(network) for network in networks]
    usual = [network for network in packed if network is not None]
    return PreviewBlocks(usual) if len(usual) == len(packed) else None


@lru_cache(maxsize=64)  # asked for several times for every frame
def _block_shares(index: int, stack: Stack) -> BlockShares:
    """The weights of everything in block `index`, whose positions are ``2 * index`` and the next."""

    def mix(part: Sequence[tuple[float, ...]], position: int) -> MixShares:
        return weights_of([shares[position] for shares in part])

    conv = [one.conv for one in stack]
    affine, noise = [one.conv_affine for one in stack], [one.noise for one in stack]

    def layer(position: int) -> ConvShares:
        return ConvShares(mix(conv, position), mix(affine, position), mix(noise, position))

    low, high = 2 * index, 2 * index + 1
    return BlockShares(
        const=mix(conv, low),
        conv0=layer(low) if index else None,
        conv1=layer(high),
        torgb=mix([one.torgb for one in stack], high),
        torgb_affine=mix([one.torgb_affine for one in stack], high),
    )


def _parts(shares: BlockShares) -> tuple[tuple[MixShares, ...], tuple[MixShares, ...]]:
    """Of the convolutions, with what comes before them, and of ToRGB."""
    layers = [layer for layer in (shares.conv0, shares.conv1) if layer is not None]
    convs = [part for layer in layers for part in (layer.weight, layer.affine, layer.noise)]
    return (shares.const, *convs), (shares.torgb, shares.torgb_affine)


def _whole(parts: Sequence[MixShares]) -> int | None:
    """The network that all parts come from, if there is one."""
    found = {only_one(part) for part in parts}
    return found.pop() if len(found) == 1 else None

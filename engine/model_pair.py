"""Two networks, and the blocks of their blend: which weights a block runs on, and under what name they are cached."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TypeAlias

import torch
from torch import Tensor

from engine.blending import blend_block, blend_mapping, check_blendable, scratch_for
from engine.errors import ModelError
from engine.models import weight_bytes
from engine.nets.noise import NoiseInput
from engine.network import Carry, Network
from engine.preview.blocks import PreviewBlocks
from engine.preview.mixing import BlockShares, ConvShares, MixShares
from engine.preview.packing import Packs
from engine.shares import Shares
from engine.state import ModelRef
from engine.weight_distance import weight_distance

WeightsKey: TypeAlias = Hashable
"""Names weights by content: the hash of a model for its own, both hashes and the shares for a mixture."""


class ModelPair:
    """Model A, alone or with B.

    A block that is all A's or all B's runs on that network itself. Only a block in between has its weights written
    into a third network, just before it runs and only when they are not there already.

    Args:
        b: None when there is nothing to blend.
        packs: Where packed forms for previews are kept; without them previews run as exports do.

    Raises:
        ModelError: the weights of A and B cannot be mixed; says why.
    """

    def __init__(
        self,
        ref_a: ModelRef,
        a: Network,
        ref_b: ModelRef | None = None,
        b: Network | None = None,
        packs: Packs | None = None,
    ) -> None:
        if b is not None:
            check_blendable(a, b)
        self.a = a
        self.b = b
        self._sha_a = ref_a.sha256
        self._sha_b = "" if ref_b is None else ref_b.sha256
        self._preview = _preview_blocks(a, b, packs)
        self._scratch: Network | None = None
        self._written: dict[int | str, WeightsKey] = {}
        self._clamps: tuple[bool, ...] = ()
        self._warning: tuple[str | None] | None = None

    @property
    def num_blocks(self) -> int:
        return len(self.a.descriptor.resolutions)

    @property
    def warning(self) -> str | None:
        """A sentence when A and B look unrelated. Measured once, which takes a moment."""
        if self._warning is None:
            self._warning = (None if self.b is None else weight_distance(self.a, self.b).warning,)
        return self._warning[0]

    @property
    def held_bytes(self) -> int:
        """What this pair holds beside its networks and their packed forms."""
        scratch = 0 if self._scratch is None else weight_bytes(self._scratch)
        return scratch + (0 if self._preview is None else self._preview.graph_bytes)

    def block_key(self, index: int, shares: Shares) -> tuple[WeightsKey, WeightsKey]:
        """Names of the weights of block `index`: those of its convolutions, and those of its ToRGB layer."""
        parts = _block_shares(index, shares)
        return self._key(parts[:-2]), self._key(parts[-2:])

    def is_mixture(self, index: int, shares: Shares) -> bool:
        """Whether block `index` is neither all A's nor all B's."""
        return self._whole(_block_shares(index, shares)) is None

    def block_network(self, index: int, shares: Shares) -> Network:
        """A network whose block `index` has these weights, until the next call."""
        parts = _block_shares(index, shares)
        if (whole := self._whole(parts)) is not None:
            return whole
        scratch = self._scratch_network()
        # Clamps are set for all blocks at once: with others, what was written for other blocks is out of date.
        clamps = tuple(share >= 0.5 for share in shares.conv)
        if clamps != self._clamps:
            self._clamps = clamps
            self._written.clear()
        key = self._key(parts)
        if self._written.get(index) != key:
            self._written.pop(index, None)
            blend_block(scratch, self.a, self._other(), shares, index)
            self._written[index] = key
        return scratch

    @torch.no_grad()
    def run_block(
        self, index: int, shares: Shares, carry: Carry | None, ws: Tensor, noise: NoiseInput, *, exact: bool = False
    ) -> Carry:
        """Run block `index` of the blend.

        Args:
            carry: What the block below returned; None for block 0.
            ws: All rows, ``[1, num_ws, w_dim]``, float32.
            noise: From `Network.noise_input`.
            exact: In float32 by the plain networks, for exports; otherwise in packed form, as previews need it. A
                carry goes on only the way it came.
        """
        if self._preview is not None and not exact:
            return self._preview.run(index, _mix_shares(index, shares, self.b is not None), carry, ws, noise)
        network = self.block_network(index, shares)
        return network.run_block(index, carry, ws, network.block_noise(index, noise))

    @property
    def draws_apart(self) -> bool:
        """Whether `run_torgb` can be had."""
        return self._preview is not None

    def run_torgb(self, index: int, shares: Shares, x: Tensor, img: Tensor | None, ws: Tensor) -> Carry:
        """The part of `run_block` that comes after the features, in packed form.

        Args:
            x: Features that block `index` returned.
            img: The picture that the block below returned.
        """
        assert self._preview is not None, "only previews are drawn apart"
        return self._preview.run_torgb(index, _mix_shares(index, shares, self.b is not None), x, img, ws)

    def mapping_key(self, shares: Shares) -> WeightsKey:
        return self._key((shares.mapping,))

    def mapping_network(self, shares: Shares) -> Network:
        """A network whose mapping has these weights, until the next call. Its mean latent is not for use."""
        if (whole := self._whole((shares.mapping,))) is not None:
            return whole
        scratch = self._scratch_network()
        key = self._key((shares.mapping,))
        if self._written.get("mapping") != key:
            self._written.pop("mapping", None)
            blend_mapping(scratch, self.a, self._other(), shares)
            self._written["mapping"] = key
        return scratch

    def w_avg_key(self, shares: Shares) -> WeightsKey:
        return self._key((shares.w_avg,))

    @torch.no_grad()
    def w_avg(self, shares: Shares) -> Tensor:
        """The mean latent, ``[w_dim]``."""
        if (whole := self._whole((shares.w_avg,))) is not None:
            return whole.w_avg
        return torch.lerp(self.a.w_avg, self._other().w_avg, shares.w_avg)

    def _key(self, parts: tuple[float, ...]) -> WeightsKey:
        if not any(parts):
            return self._sha_a
        if all(part == 1.0 for part in parts):
            return self._sha_b
        return (self._sha_a, self._sha_b, parts)

    def _whole(self, parts: tuple[float, ...]) -> Network | None:
        if not any(parts):
            return self.a
        return self.b if all(part == 1.0 for part in parts) else None

    def _other(self) -> Network:
        if self.b is None:
            raise ModelError("There is no model B to blend with.", "Choose one from the shelf.")
        return self.b

    def _scratch_network(self) -> Network:
        if self._scratch is None:
            self._scratch = scratch_for(self.a)
        return self._scratch


def _block_shares(index: int, shares: Shares) -> tuple[float, ...]:
    """The shares of everything in block `index`; its positions are ``2 * index`` and the next."""
    both = slice(2 * index, 2 * index + 2)
    return (
        *shares.conv[both],
        *shares.conv_affine[both],
        *shares.noise[both],
        shares.torgb[2 * index + 1],
        shares.torgb_affine[2 * index + 1],
    )


def _preview_blocks(a: Network, b: Network | None, packs: Packs | None) -> PreviewBlocks | None:
    if packs is None:
        return None
    packed = [packs.of(network) for network in (a, b) if network is not None]
    usual = [network for network in packed if network is not None]
    return PreviewBlocks(usual) if len(usual) == len(packed) else None


def _mix_shares(index: int, shares: Shares, has_b: bool) -> BlockShares:
    """The shares of everything in block `index`, as one number per network."""

    def mix(share: float) -> MixShares:
        return (1.0 - share, share) if has_b else (1.0,)

    def conv(position: int) -> ConvShares:
        return ConvShares(mix(shares.conv[position]), mix(shares.conv_affine[position]), mix(shares.noise[position]))

    low, high = 2 * index, 2 * index + 1
    return BlockShares(
        const=mix(shares.conv[low]),
        conv0=conv(low) if index else None,
        conv1=conv(high),
        torgb=mix(shares.torgb[high]),
        torgb_affine=mix(shares.torgb_affine[high]),
    )

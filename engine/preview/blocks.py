"""Blocks of a mixture of networks for previews, driven one at a time as `engine.network.Network.run_block` is."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from engine.nets.noise import NoiseInput
from engine.network import Carry
from engine.preview.layers import doubled, modulated_conv, to_rgb
from engine.preview.mixing import BlockShares, ConvShares, MixedBlock, MixedConv
from engine.preview.packing import PackedNetwork


class PreviewBlocks:
    """Any number of networks of one shape, one after another or mixed.

    Args:
        networks: Packed for the same arithmetic; they must fit together (`engine.blending.check_blendable`).
    """

    def __init__(self, networks: Sequence[PackedNetwork]) -> None:
        self._networks = tuple(networks)
        self._blocks: dict[int, MixedBlock] = {}
        self.arithmetic = networks[0].arithmetic

    @torch.no_grad()
    def run(self, index: int, shares: BlockShares, carry: Carry | None, ws: Tensor, noise: NoiseInput) -> Carry:
        """Run one block.

        Args:
            index: 0 for the 4 px block; block i makes ``4 << i`` px.
            carry: What block ``index - 1`` returned; None for block 0. Not modified.
            ws: All rows, ``[1, num_ws, w_dim]``, float32.
            noise: As for `Network.block_noise`.

        Returns:
            Features in the block's own dtype and layout, the picture in float32: fresh tensors.
        """
        block = self._block(index)
        row = 0 if index == 0 else 2 * index - 1
        if carry is None:
            assert block.const is not None, "only the lowest block starts from nothing"
            x, img = block.const.get(shares.const), None
        else:
            x, img = carry.x.to(block.dtype), carry.img
        if block.conv0 is not None and shares.conv0 is not None:
            x = self._convolved(x, block.conv0, shares.conv0, ws[0, row], noise)
            row += 1
        x = self._convolved(x, block.conv1, shares.conv1, ws[0, row], noise)
        if block.torgb is not None:
            rgb = to_rgb(x, block.torgb.weights(shares), ws[0, row + 1])
            img = rgb if img is None else rgb.add_(doubled(img))
        return Carry(x, img)

    def _convolved(self, x: Tensor, conv: MixedConv, shares: ConvShares, w: Tensor, noise: NoiseInput) -> Tensor:
        return modulated_conv(
            x,
            conv.weights(shares),
            w,
            conv.noise(noise, shares.noise),
            modulates_activations=self.arithmetic.modulates_activations,
        )

    def _block(self, index: int) -> MixedBlock:
        if index not in self._blocks:
            self._blocks[index] = MixedBlock([network.block(index) for network in self._networks])
        return self._blocks[index]

"""Blocks of a mixture of networks for previews, driven one at a time as `engine.network.Network.run_block` is."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cache, partial

import torch
from torch import Tensor

from engine.nets.noise import NoiseInput
from engine.nets.stylegan2 import NO_OFFSETS, BlockOffsets
from engine.network import Carry
from engine.preview.arithmetic import Arithmetic
from engine.preview.graphs import Capture, GraphedCalls, Tensors, capture_on
from engine.preview.layers import ConvWeights, LayerNoise, ToRGBWeights, modulated_conv, with_rgb
from engine.preview.mixing import BlockShares, MixedBlock, MixedConv, MixShares
from engine.preview.packing import PackedNetwork


class PreviewBlocks:
    """Any number of networks of one shape, one after another or mixed.

    Args:
        networks: Packed for the same arithmetic; they must fit together (`engine.blending.check_blendable`).
        capture: How blocks are recorded; by default as the device does it.
    """

    def __init__(self, networks: Sequence[PackedNetwork], capture: Capture | None = None) -> None:
        self._networks = tuple(networks)
        self._blocks: dict[int, MixedBlock] = {}
        self.arithmetic = networks[0].arithmetic
        chosen = capture or capture_on(self.arithmetic.device)
        self._graphs = None if chosen is None else GraphedCalls(chosen)

    @property
    def graph_bytes(self) -> int:
        """What recorded blocks have copies of. Their pool is common to all."""
        return 0 if self._graphs is None else self._graphs.held_bytes

    @torch.no_grad()
    def run(
        self,
        index: int,
        shares: BlockShares,
        carry: Carry | None,
        ws: Tensor,
        noise: NoiseInput,
        offsets: BlockOffsets = NO_OFFSETS,
    ) -> Carry:
        """Run one block.

        Args:
            index: 0 for the 4 px block; block i makes ``4 << i`` px.
            carry: What block ``index - 1`` returned; None for block 0. Not modified.
            ws: All rows, ``[1, num_ws, w_dim]``, float32.
            noise: As for `Network.block_noise`.
            offsets: As for `Network.run_block`, each ``[I]``, float32.

        Returns:
            Features in the block's own dtype and layout, the picture in float32: fresh tensors.
        """
        block = self._block(index)
        weights = _weights(block, shares)
        x, img = (None, None) if carry is None else (carry.x.to(block.dtype), carry.img)
        rows = ws[0, 2 * index - 1 if index else 0 : 2 * index + 2]
        noise0 = None if shares.conv0 is None else _noise(block.conv0, noise, shares.conv0.noise)
        noise1 = _noise(block.conv1, noise, shares.conv1.noise)
        inputs = (x, img, rows, *_tensors(noise0), *_tensors(noise1), *offsets)
        draw = partial(_draw, weights, self.arithmetic)
        drawn = draw(*inputs) if self._graphs is None else self._graphs.run(tuple(_fixed(weights)), draw, inputs)
        assert drawn[0] is not None, "every block makes features"
        return Carry(drawn[0], drawn[1])

    @torch.no_grad()
    def run_torgb(
        self,
        index: int,
        shares: BlockShares,
        x: Tensor,
        img: Tensor | None,
        ws: Tensor,
        offsets: BlockOffsets = NO_OFFSETS,
    ) -> Carry:
        """What `run` makes of features `x` that it has returned before, and of a picture so far that is another."""
        torgb = self._block(index).torgb
        if torgb is None:
            return Carry(x, img)
        row, kernels = ws[0, 2 * index + 1], self.arithmetic.kernels
        return Carry(x, with_rgb(img, x, torgb.weights(shares), row, kernels, offsets[2]))

    def _block(self, index: int) -> MixedBlock:
        if index not in self._blocks:
            self._blocks[index] = MixedBlock(
                [network.block(index) for network in self._networks], takes_maps=self.arithmetic.kernels is not None
            )
        return self._blocks[index]


@dataclass(frozen=True, slots=True, eq=False)
class _BlockWeights:
    """What a block runs on: one network's, or a mixture, at the same addresses for as long as they are the same ones.

    Attributes:
        const: ``[1, C, 4, 4]`` in the lowest block, else None.
    """

    const: Tensor | None
    conv0: ConvWeights | None
    conv1: ConvWeights
    torgb: ToRGBWeights | None


def _weights(block: MixedBlock, shares: BlockShares) -> _BlockWeights:
    return _BlockWeights(
        None if block.const is None else block.const.get(shares.const),
        None if block.conv0 is None or shares.conv0 is None else block.conv0.weights(shares.conv0),
        block.conv1.weights(shares.conv1),
        None if block.torgb is None else block.torgb.weights(shares),
    )


def _draw(
    weights: _BlockWeights,
    arithmetic: Arithmetic,
    x: Tensor | None,
    img: Tensor | None,
    rows: Tensor,
    columns0: Tensor | None,
    strength0: Tensor | None,
    columns1: Tensor | None,
    strength1: Tensor | None,
    offset0: Tensor | None,
    offset1: Tensor | None,
    offset_rgb: Tensor | None,
) -> Tensors:
    """Features and picture of a block; everything that the device does for one.

    It must not wait for the device, nor take numbers from it: a graph could not do it again.
    """
    if x is None:
        x = weights.const
    assert x is not None, "only the lowest block starts from nothing"
    row = 0
    if weights.conv0 is not None:
        noise = _columns(columns0, strength0)
        x = modulated_conv(x, weights.conv0, rows[0], noise, arithmetic, offset0)
        row = 1
    noise = _columns(columns1, strength1)
    x = modulated_conv(x, weights.conv1, rows[row], noise, arithmetic, offset1)
    if weights.torgb is not None:
        img = with_rgb(img, x, weights.torgb, rows[row + 1], arithmetic.kernels, offset_rgb)
    return x, img


def _noise(conv: MixedConv | None, noise: NoiseInput, shares: MixShares) -> LayerNoise | None:
    return None if conv is None else conv.noise(noise, shares)


def _tensors(noise: LayerNoise | None) -> tuple[Tensor | None, Tensor | None]:
    return (None, None) if noise is None else (noise.columns, noise.strength)


def _columns(columns: Tensor | None, strength: Tensor | None) -> LayerNoise | None:
    return None if columns is None or strength is None else LayerNoise(columns, strength)


def _fixed(part: object) -> Iterator[Hashable]:
    """What a graph of a block is good for: the addresses of its weights, and the numbers between them."""
    if isinstance(part, Tensor):
        yield id(part) if part.is_mkldnn else part.data_ptr()  # oneDNN's own layout has no address; only on a CPU
    elif is_dataclass(part) and not isinstance(part, type):
        for name in _field_names(type(part)):
            yield from _fixed(getattr(part, name))
    else:
        assert isinstance(part, Hashable), "weights are tensors and plain values"
        yield part


@cache
def _field_names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))

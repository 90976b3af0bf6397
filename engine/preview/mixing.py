"""The layers of a mixture of networks, in packed form, at the speed of a slider.

Every part of a layer has its own share of every network. Only what has another share than last time is mixed again,
into storage that stays where it is. The factors that demodulation needs are not summed anew over the mixed weights:
the square of a sum of weights is a sum of products of their pairs, which never change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement, islice
from typing import TypeAlias, TypeVar

import torch
from torch import Tensor

from engine.nets.noise import NoiseInput
from engine.preview.layers import ConvWeights, LayerNoise, ToRGBWeights
from engine.preview.packing import PackedAffine, PackedBlock, PackedConv, PackedToRGB
from engine.shares import greatest, only_one
from engine.weighted_sum import weigh_into

MixShares: TypeAlias = tuple[float, ...]
"""One share per network. They add up to 1, and may lie beyond 0 and 1."""

T = TypeVar("T")

KEPT_MAPS = 2
"""Noise maps other than the networks' own that a layer remembers."""


@dataclass(frozen=True, slots=True)
class ConvShares:
    weight: MixShares
    affine: MixShares
    noise: MixShares


@dataclass(frozen=True, slots=True)
class BlockShares:
    """Attributes:
    const: Of the constant, in the lowest block.
    conv0: None in the lowest block.
    torgb: Of weight and bias.
    """

    const: MixShares
    conv0: ConvShares | None
    conv1: ConvShares
    torgb: MixShares
    torgb_affine: MixShares


class MixedTensor:
    """A weighted sum of tensors of one shape; a single one of them is used as it is."""

    def __init__(self, parts: Sequence[Tensor]) -> None:
        self._parts = tuple(parts)
        self._storage: Tensor | None = None
        self._held: MixShares | None = None

    def get(self, shares: MixShares) -> Tensor:
        """The mixture, until the next call. Not to be written to."""
        if (only := only_one(shares)) is not None:
            return self._parts[only]
        if self._storage is None:
            self._storage = torch.empty_like(self._parts[0])
        if shares != self._held:
            self._held = None
            weigh_into(self._storage, self._parts, shares)
            self._held = shares
        return self._storage


class MixedAffine:
    def __init__(self, affines: Sequence[PackedAffine]) -> None:
        self._weight = MixedTensor([affine.weight for affine in affines])
        self._bias = MixedTensor([affine.bias for affine in affines])

    def get(self, shares: MixShares) -> PackedAffine:
        return PackedAffine(self._weight.get(shares), self._bias.get(shares))


class MixedEnergy:
    """Squares of mixed weights, summed over taps: ``[O, I]``, float32."""

    def __init__(self, exact: Sequence[Tensor]) -> None:
        self._exact = tuple(exact)
        self._products: dict[tuple[int, int], Tensor] = {}
        self._storage: Tensor | None = None
        self._held: MixShares | None = None

    def get(self, shares: MixShares) -> Tensor:
        if (only := only_one(shares)) is not None:
            return self._product(only, only)
        if shares != self._held:
            self._held = None
            self._storage = self._mixed(shares)
            self._held = shares
        assert self._storage is not None, "held shares have been mixed"
        return self._storage

    def _mixed(self, shares: MixShares) -> Tensor:
        used = [index for index, share in enumerate(shares) if share != 0.0]
        first = self._product(used[0], used[0])
        out = torch.empty_like(first) if self._storage is None else self._storage
        torch.mul(first, shares[used[0]] ** 2, out=out)
        for i, j in islice(combinations_with_replacement(used, 2), 1, None):
            out.add_(self._product(i, j), alpha=shares[i] * shares[j] * (1.0 if i == j else 2.0))
        return out

    def _product(self, i: int, j: int) -> Tensor:
        if (i, j) not in self._products:
            self._products[i, j] = (self._exact[i] * self._exact[j]).sum(dim=[2, 3])
        return self._products[i, j]


class MixedConv:
    """A convolution of every network.

    Args:
        takes_maps: Noise is wanted as plain maps.
    """

    def __init__(self, convs: Sequence[PackedConv], *, takes_maps: bool = False) -> None:
        self._convs = tuple(convs)
        self._takes_maps = takes_maps
        self._affine = MixedAffine([conv.affine for conv in convs])
        self._weight = MixedTensor([conv.weight for conv in convs])
        self._energy = MixedEnergy([conv.exact for conv in convs])
        self._bias = MixedTensor([conv.bias for conv in convs])
        self._columns: dict[object, Tensor] = {}
        self._mixed_maps: MixedTensor | None = None
        self._mixed_columns: tuple[Tensor, MixShares | None] | None = None
        self._strength: tuple[float, Tensor] | None = None

    def weights(self, shares: ConvShares) -> ConvWeights:
        """The mixture, until the next call. Clamps are not mixed: they are those of the greatest share."""
        first, only = self._convs[0], only_one(shares.weight)
        return ConvWeights(
            first.resolution,
            first.upsamples,
            self._affine.get(shares.affine),
            self._weight.get(shares.weight),
            self._energy.get(shares.weight),
            self._bias.get(shares.weight),
            first.gain,
            first.slope,
            self._convs[greatest(shares.weight)].clamp,
            first.scales_features,
            None if only is None else self._convs[only].prepared,
        )

    def noise(self, source: NoiseInput, shares: MixShares) -> LayerNoise | None:
        """What this layer adds for a call with `source`; None for nothing."""
        own = [conv.noise_map for conv in self._convs]
        name = self._convs[0].name
        factor = source.strengths.get(name, source.strength)
        if own[0] is None or source.mode == "none" or factor == 0.0:
            return None
        strength = sum(share * conv.noise_strength for share, conv in zip(shares, self._convs, strict=True))
        if source.mode == "const" and name not in source.maps:
            columns = self._own_columns(present(own), shares)
        else:
            size = self._convs[0].resolution
            like = own[0].view(size, size)
            drawn_from = (source.mode, source.seed, source.maps.get(name))
            columns = self._kept(drawn_from, lambda: source.layer_map(name, like, 1).reshape(-1))
        return LayerNoise(columns, self._on_device(factor * strength))

    def _own_columns(self, maps: Sequence[Tensor], shares: MixShares) -> Tensor:
        if (only := only_one(shares)) is not None:
            return self._kept((only,), lambda: maps[only])
        if self._mixed_maps is None:
            self._mixed_maps = MixedTensor(maps)
        mixed = self._mixed_maps.get(shares)
        if self._takes_maps:
            return mixed
        if self._mixed_columns is None:
            self._mixed_columns = torch.ones_like(_columns(mixed)), None
        columns, held = self._mixed_columns
        if held != shares:
            columns[:, 0] = mixed
            self._mixed_columns = columns, shares
        return columns

    def _on_device(self, strength: float) -> Tensor:
        # The same tensor for as long as it is the same: a graph is then not told again.
        if self._strength is None or self._strength[0] != strength:
            device = self._convs[0].bias.device
            # From memory that the device reads by itself: otherwise the copy would wait for all that is under way.
            here = torch.tensor([strength], pin_memory=device.type == "cuda")
            self._strength = strength, here.to(device, non_blocking=True)
        return self._strength[1]

    def _kept(self, key: tuple[object, ...], noise_map: Callable[[], Tensor]) -> Tensor:
        # Tensors among the keys compare by identity, and are kept alive by being here.
        if (found := self._columns.pop(key, None)) is None:
            found = noise_map() if self._takes_maps else _columns(noise_map())
        self._columns[key] = found
        while len(self._columns) > len(self._convs) + KEPT_MAPS:
            del self._columns[next(iter(self._columns))]
        return found


class MixedToRGB:
    def __init__(self, layers: Sequence[PackedToRGB]) -> None:
        self._layers = tuple(layers)
        self._affine = MixedAffine([layer.affine for layer in layers])
        self._weight = MixedTensor([layer.weight for layer in layers])
        self._bias = MixedTensor([layer.bias for layer in layers])

    def weights(self, shares: BlockShares) -> ToRGBWeights:
        """The mixture, until the next call."""
        return ToRGBWeights(
            self._affine.get(shares.torgb_affine),
            self._weight.get(shares.torgb),
            self._bias.get(shares.torgb),
            self._layers[greatest(shares.conv1.weight)].clamp,
            self._layers[0].style_gain,
        )


class MixedBlock:
    """All layers of one resolution."""

    def __init__(self, blocks: Sequence[PackedBlock], *, takes_maps: bool = False) -> None:
        first = blocks[0]
        self.resolution = first.resolution
        self.dtype = first.dtype
        self.const = MixedTensor(present([block.const for block in blocks])) if first.const is not None else None
        lower = present([block.conv0 for block in blocks])
        self.conv0 = MixedConv(lower, takes_maps=takes_maps) if lower else None
        self.conv1 = MixedConv([block.conv1 for block in blocks], takes_maps=takes_maps)
        self.torgb = MixedToRGB(present([block.torgb for block in blocks])) if first.torgb is not None else None


def _columns(noise_map: Tensor) -> Tensor:
    """``[r * r]`` to ``[r * r, 2]``: the map, and ones, which the bias goes to."""
    return torch.stack([noise_map, torch.ones_like(noise_map)], dim=1)


def present(parts: Sequence[T | None]) -> list[T]:
    return [part for part in parts if part is not None]

"""Where the noise of one synthesis call comes from."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import torch
from torch import Tensor

NoiseModeName: TypeAlias = Literal["const", "random", "none"]


def seeded_map(seed: int, layer: str, batch: int, size: int) -> Tensor:
    """Standard normal noise ``[batch, 1, size, size]``, float32 on the CPU, fixed by seed and layer.

    Each layer draws from a generator of its own, so that a layer's map depends neither on the layers below
    it nor on the device: a rendering that starts half way up sees the same noise as one from the bottom.
    Row i of a larger batch equals row i of a smaller one.
    """
    # torch's CPU generator looks at the low 32 bits of its seed only, so seed and layer are mixed down to 32.
    generator = torch.Generator().manual_seed(zlib.crc32(f"{seed}/{layer}".encode()))
    return torch.randn(batch, 1, size, size, generator=generator)


@dataclass(frozen=True, eq=False)
class NoiseInput:
    """One call's noise.

    Attributes:
        mode: "const" uses each layer's own map, "random" draws one per sample, "none" adds nothing.
        strengths: Factor on the trained noise strength by layer name (``b32.conv0``); missing layers have
            `strength`.
        strength: Factor for every layer not in `strengths`; 1 is as trained, 0 is like "none".
        maps: Maps to use instead, by layer name: ``[r, r]`` or ``[1 or N, 1, r, r]``. They win over
            "const" and "random", not over "none".
        seed: For "random": fixes every map. None draws from `generator`, or from torch's default generator.
        generator: For "random" without `seed`. Its device is where the noise is drawn.
    """

    mode: NoiseModeName = "const"
    strength: float = 1.0
    strengths: Mapping[str, float] = field(default_factory=dict)
    maps: Mapping[str, Tensor] = field(default_factory=dict)
    seed: int | None = None
    generator: torch.Generator | None = None

    def for_layer(self, layer: str, const: Tensor, batch: int) -> Tensor | None:
        """The layer's noise before its trained strength, broadcastable to ``[batch, 1, r, r]``; None for none."""
        factor = self.strengths.get(layer, self.strength)
        if self.mode == "none" or factor == 0.0:
            return None
        noise = self.layer_map(layer, const, batch)
        return noise if factor == 1.0 else noise * factor

    def layer_map(self, layer: str, const: Tensor, batch: int) -> Tensor:
        """The layer's noise before any strength, like `const` in dtype and device; not for mode "none"."""
        size = const.shape[-1]
        if (given := self.maps.get(layer)) is not None:
            return given.to(const).reshape(-1, 1, size, size)
        if self.mode == "const":
            return const
        if self.seed is not None:
            return seeded_map(self.seed, layer, batch, size).to(const)
        device = "cpu" if self.generator is None else self.generator.device
        return torch.randn(batch, 1, size, size, generator=self.generator, device=device).to(const)

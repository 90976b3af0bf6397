"""What a model is made of, as plain data: the window builds its controls from this, without torch."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from engine.framing import Framing
from engine.state import ModelRef


class LayerKind(StrEnum):
    CONST = "const"
    CONV = "conv"
    TORGB = "torgb"


@dataclass(frozen=True, slots=True)
class LayerSpec:
    """One layer that takes part in blending.

    Attributes:
        name: As in the state dict, for example ``b32.conv0``.
        resolution: Output size in pixels.
        kind: What the layer is.
        w_index: The row of ``ws`` that it reads; -1 for the constant.
        position: Its place along the blend: ``2 * (log2(resolution) - 2) + level``, where the constant and
            ``conv0`` have level 0, ``conv1`` and ``torgb`` level 1. There are ``num_ws`` positions.
        channels: Output channels.
        has_noise: Whether the layer adds a noise map.
    """

    name: str
    resolution: int
    kind: LayerKind
    w_index: int
    position: int
    channels: int
    has_noise: bool


@dataclass(frozen=True, slots=True)
class NetworkDescriptor:
    """What a generator is: sizes and layers, lowest resolution first.

    Attributes:
        tuned_from: For one that was tuned to a portrait: its parent, which has the same layers.
    """

    family: str
    img_resolution: int
    img_channels: int
    num_ws: int
    z_dim: int
    w_dim: int
    c_dim: int
    layers: tuple[LayerSpec, ...] = ()
    architecture: str = "skip"
    framing: Framing = Framing()
    tuned_from: ModelRef | None = None

    @property
    def resolutions(self) -> tuple[int, ...]:
        """Block resolutions, for example ``(4, 8, 16, 32, 64)``."""
        return tuple(sorted({layer.resolution for layer in self.layers}))

    @property
    def style_channels(self) -> dict[tuple[int, bool], int]:
        """How many channels the style of each layer has, by `StyleEdit.position` and `StyleEdit.torgb`.

        A style scales what a layer reads: as many channels as the layer below has given.
        """
        found: dict[tuple[int, bool], int] = {}
        below = 0
        for layer in self.layers:
            if layer.kind is not LayerKind.CONST:
                found[layer.position, layer.kind is LayerKind.TORGB] = below
            if layer.kind is not LayerKind.TORGB:
                below = layer.channels
        return found

"""How a StyleGAN2 generator is laid out: its layers, and the part that each tensor plays. No torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from engine.descriptor import LayerKind, LayerSpec, NetworkDescriptor
from engine.framing import Framing
from engine.network_config import FAMILY, BlockConfig, ConvConfig, NetworkConfig, ToRGBConfig
from engine.shares import layer_position


class Part(StrEnum):
    """What a tensor does in its layer."""

    MAPPING = "mapping"
    W_AVG = "w_avg"
    WEIGHT = "weight"
    AFFINE = "affine"
    NOISE_MAP = "noise_map"
    NOISE_STRENGTH = "noise_strength"
    SKIP = "skip"
    FILTER = "filter"


@dataclass(frozen=True, slots=True)
class TensorRole:
    """A tensor's part, and the layer it belongs to as the descriptor names it (empty for the mapping).

    A resnet skip convolution belongs to the conv0 beside it, a block's own filter to that block's conv0.
    """

    part: Part
    layer: str = ""


def role_of(tensor_name: str) -> TensorRole:
    """The role of a tensor of the open format, by its name."""
    owner, *path = tensor_name.split(".")
    if owner == "mapping":
        return TensorRole(Part.W_AVG if path == ["w_avg"] else Part.MAPPING)
    block, *rest = path
    if rest[-1] == "resample_filter":
        return TensorRole(Part.FILTER, f"{block}.conv0")
    if rest[0] == "skip":
        return TensorRole(Part.SKIP, f"{block}.conv0")
    layer = f"{block}.{rest[0]}"
    if rest[0] == "const":
        return TensorRole(Part.WEIGHT, layer)
    parts = {"affine": Part.AFFINE, "noise_const": Part.NOISE_MAP, "noise_strength": Part.NOISE_STRENGTH}
    return TensorRole(parts.get(rest[1], Part.WEIGHT), layer)


def describe(config: NetworkConfig, framing: Framing) -> NetworkDescriptor:
    """Sizes and layers, lowest resolution first, in the order in which synthesis runs them."""
    layers = tuple(layer for block in config.synthesis.blocks for layer in _describe_block(block))
    return NetworkDescriptor(
        family=FAMILY,
        img_resolution=config.img_resolution,
        img_channels=config.img_channels,
        num_ws=config.num_ws,
        z_dim=config.z_dim,
        w_dim=config.w_dim,
        c_dim=config.c_dim,
        layers=layers,
        architecture=config.synthesis.blocks[-1].architecture,
        framing=framing,
    )


def _describe_block(block: BlockConfig) -> list[LayerSpec]:
    level0 = layer_position(block.resolution, 0)

    def spec(part: str, kind: LayerKind, w_index: int, level: int, channels: int, has_noise: bool) -> LayerSpec:
        name = f"b{block.resolution}.{part}"
        return LayerSpec(name, block.resolution, kind, w_index, level0 + level, channels, has_noise)

    layers = []
    if block.conv0 is None:
        layers.append(spec("const", LayerKind.CONST, -1, 0, block.in_channels, False))
    else:
        conv0 = block.conv0
        layers.append(spec("conv0", LayerKind.CONV, level0 - 1, 0, conv0.out_channels, conv0.use_noise))
    layers.append(spec("conv1", LayerKind.CONV, level0, 1, block.out_channels, block.conv1.use_noise))
    if block.torgb is not None:
        layers.append(spec("torgb", LayerKind.TORGB, level0 + 1, 1, block.torgb.img_channels, False))
    return layers


def blended_config(a: NetworkConfig, b: NetworkConfig, takes_b: Callable[[TensorRole], bool]) -> NetworkConfig:
    """The configuration of a blend of two networks whose synthesis tensors have the same shapes.

    Clamps go with the weights of their layer, so that a layer taken whole from B also saturates as in B. What the
    blend always has is a mean latent.

    Args:
        takes_b: Whether a role comes from B rather than from A, or for more than half.
    """
    mapping = (b if takes_b(TensorRole(Part.MAPPING)) else a).mapping
    blocks = tuple(
        _blended_block(block_a, block_b, takes_b)
        for block_a, block_b in zip(a.synthesis.blocks, b.synthesis.blocks, strict=True)
    )
    return NetworkConfig(replace(mapping, has_w_avg=True), replace(a.synthesis, blocks=blocks))


def _blended_block(a: BlockConfig, b: BlockConfig, takes_b: Callable[[TensorRole], bool]) -> BlockConfig:
    def clamp(part: str, layer_a: ConvConfig | ToRGBConfig, layer_b: ConvConfig | ToRGBConfig) -> float | None:
        role = TensorRole(Part.WEIGHT, f"b{a.resolution}.{part}")
        return (layer_b if takes_b(role) else layer_a).conv_clamp

    changed = replace(a, conv1=replace(a.conv1, conv_clamp=clamp("conv1", a.conv1, b.conv1)))
    if a.conv0 is not None and b.conv0 is not None:
        changed = replace(changed, conv0=replace(a.conv0, conv_clamp=clamp("conv0", a.conv0, b.conv0)))
    if a.torgb is not None and b.torgb is not None:
        changed = replace(changed, torgb=replace(a.torgb, conv_clamp=clamp("torgb", a.torgb, b.torgb)))
    return changed


def difference(a: NetworkConfig, b: NetworkConfig) -> str | None:
    """The first thing beside weights and clamps in which two syntheses differ, as ``b8.conv0: activation``; or None.

    Weights of networks that differ so cannot be mixed meaningfully, even when the shapes agree.
    """
    for block_a, block_b in zip(a.synthesis.blocks, b.synthesis.blocks, strict=True):
        name = f"b{block_a.resolution}"
        if block_a.architecture != block_b.architecture:
            return f"{name}: architecture"
        if block_a.resample_filter != block_b.resample_filter:
            return f"{name}: resample_filter"
        for part in ("conv0", "conv1", "torgb", "skip"):
            layer_a, layer_b = getattr(block_a, part), getattr(block_b, part)
            if (layer_a is None) != (layer_b is None):
                return f"{name}.{part}: present in one only"
            for field in ("activation", "act_gain", "weight_gain", "use_noise", "resample_filter", "affine"):
                if getattr(layer_a, field, None) != getattr(layer_b, field, None):
                    return f"{name}.{part}: {field}"
    return None

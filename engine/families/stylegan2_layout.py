"""How a StyleGAN2 generator is laid out: its layers, and the part that each tensor plays. No torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from engine.descriptor import LayerKind, LayerSpec, NetworkDescriptor
from engine.families.roles import Part, TensorRole, alike
from engine.framing import Framing
from engine.network_config import FAMILY, BlockConfig, NetworkConfig, SynthesisConfig
from engine.shares import layer_position

_IN_LAYER = {
    "affine": Part.CONV_AFFINE,
    "noise_const": Part.NOISE_MAP,
    "noise_strength": Part.NOISE_STRENGTH,
    "resample_filter": Part.FILTER,
}


def role_of(tensor_name: str) -> TensorRole:
    """The role of a tensor of the open format, by its name."""
    network, owner, *path = tensor_name.split(".")
    if network == "mapping":
        return TensorRole(Part.W_AVG if owner == "w_avg" else Part.MAPPING)
    resolution, name = int(owner[1:]), path[0]
    level = 1 if name in ("conv1", "torgb") else 0
    layer = f"{owner}.{name if name not in ('skip', 'resample_filter') else 'conv0'}"
    part = Part.FILTER if name == "resample_filter" else _IN_LAYER.get(path[-1], Part.CONV)
    if "affine" in path:
        part = Part.CONV_AFFINE if name != "torgb" else Part.TORGB_AFFINE
    elif name == "torgb":
        part = Part.TORGB
    elif name == "skip" and part is Part.CONV:
        part = Part.SKIP
    return TensorRole(part, layer, layer_position(resolution, level))


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


def blended_clamps(a: SynthesisConfig, b: SynthesisConfig, takes_b: Callable[[int], bool]) -> SynthesisConfig:
    """`a` with some clamps of `b`: a layer taken from B also saturates as in B.

    Args:
        takes_b: Whether the layers at a position come from B.
    """
    pairs = zip(a.blocks, b.blocks, strict=True)
    return replace(a, blocks=tuple(_blended_block(one, other, takes_b) for one, other in pairs))


def _blended_block(a: BlockConfig, b: BlockConfig, takes_b: Callable[[int], bool]) -> BlockConfig:
    level0 = layer_position(a.resolution, 0)
    changed = a
    if a.conv0 is not None and b.conv0 is not None and takes_b(level0):
        changed = replace(changed, conv0=replace(a.conv0, conv_clamp=b.conv0.conv_clamp))
    if takes_b(level0 + 1):
        changed = replace(changed, conv1=replace(a.conv1, conv_clamp=b.conv1.conv_clamp))
        if a.torgb is not None and b.torgb is not None:
            changed = replace(changed, torgb=replace(a.torgb, conv_clamp=b.torgb.conv_clamp))
    return changed


def difference(a: SynthesisConfig, b: SynthesisConfig) -> str | None:
    """The first thing beside weights, clamps and shapes in which two networks differ: ``b8.conv0: activation``.

    Weights of such networks cannot be mixed meaningfully. None when there is nothing.
    """
    for block_a, block_b in zip(a.blocks, b.blocks, strict=True):
        name = f"b{block_a.resolution}"
        for field in ("architecture", "resample_filter"):
            if not alike(getattr(block_a, field), getattr(block_b, field)):
                return f"{name}: {field}"
        for part in ("conv0", "conv1", "torgb", "skip"):
            layer_a, layer_b = getattr(block_a, part), getattr(block_b, part)
            for field in ("activation", "act_gain", "weight_gain", "use_noise", "resample_filter", "affine"):
                if not alike(getattr(layer_a, field, None), getattr(layer_b, field, None)):
                    return f"{name}.{part}: {field}"
    return None

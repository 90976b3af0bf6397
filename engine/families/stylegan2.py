"""StyleGAN2: from configuration and tensors to a running generator."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from engine.errors import UnsupportedModelError
from engine.nets.linear import FullyConnected
from engine.nets.mapping import MappingNetwork
from engine.nets.stylegan2 import (
    Generator,
    ResnetSkip,
    SynthesisBlock,
    SynthesisLayer,
    SynthesisNetwork,
    ToRGBLayer,
)
from engine.network_config import (
    BlockConfig,
    ConvConfig,
    DenseConfig,
    MappingConfig,
    NetworkConfig,
    ResampleFilter,
    ResnetSkipConfig,
    SynthesisConfig,
    ToRGBConfig,
)
from engine.network_tensors import check_tensor_shapes


def build(config: NetworkConfig, tensors: Mapping[str, Tensor]) -> Generator:
    """A generator with these weights, in evaluation mode, with gradients off for its parameters.

    Args:
        tensors: Exactly those of `engine.network_tensors.expected_tensors`, floating point. They are used as they
            are when they are float32, not copied. ``mapping.w_avg`` is left at zero when the config has none.

    Raises:
        CorruptModelError: the tensors are not the ones that `config` needs.
        UnsupportedModelError: the config asks for something that StyleGAN2 cannot be.
    """
    check_tensor_shapes(config, {name: tuple(tensor.shape) for name, tensor in tensors.items()})
    synthesis = build_synthesis(config.synthesis, tensors)
    generator = Generator(build_mapping(config.mapping), synthesis)
    generator.requires_grad_(False).eval()
    state = {name: tensor.to(torch.float32) for name, tensor in tensors.items()}
    state.setdefault("mapping.w_avg", torch.zeros(config.w_dim))
    generator.load_state_dict(state, strict=True, assign=True)
    return generator


def build_mapping(config: MappingConfig) -> MappingNetwork:
    embed = None if config.embed is None else _dense(config.embed)
    return MappingNetwork(config.z_dim, embed, [_dense(layer) for layer in config.layers])


def build_synthesis(config: SynthesisConfig, tensors: Mapping[str, Tensor]) -> SynthesisNetwork:
    """Modules with uninitialised weights; `tensors` only tells the shapes of filters that are not separable."""
    return SynthesisNetwork([_block(block, tensors) for block in config.blocks])


def apply_clamps(generator: Generator, config: SynthesisConfig) -> None:
    """Set every layer's clamp to what `config` says; the rest of it must be what the generator was built of."""
    for index, block in enumerate(config.blocks):
        built = generator.synthesis.block_at(index)
        built.conv1.conv_clamp = block.conv1.conv_clamp
        if built.conv0 is not None and block.conv0 is not None:
            built.conv0.conv_clamp = block.conv0.conv_clamp
        if built.torgb is not None and block.torgb is not None:
            built.torgb.conv_clamp = block.torgb.conv_clamp


def _dense(config: DenseConfig) -> FullyConnected:
    return FullyConnected(
        config.in_features,
        config.out_features,
        activation=config.activation,
        weight_gain=config.weight_gain,
        bias_gain=config.bias_gain,
    )


def _filter(taps: ResampleFilter, name: str, tensors: Mapping[str, Tensor]) -> Tensor:
    if taps is None:
        return torch.zeros(tensors[f"synthesis.{name}.resample_filter"].shape)
    return torch.tensor(taps, dtype=torch.float32)


def _block(config: BlockConfig, tensors: Mapping[str, Tensor]) -> SynthesisBlock:
    name = f"b{config.resolution}"
    conv0 = None if config.conv0 is None else _conv(config.conv0, f"{name}.conv0", config.resolution, tensors)
    conv1 = _conv(config.conv1, f"{name}.conv1", config.resolution, tensors)
    torgb = None if config.torgb is None else _torgb(config.torgb, name)
    skip = None if config.skip is None else _skip(config.skip, f"{name}.skip", tensors)
    taps = _filter(config.resample_filter, name, tensors)
    return SynthesisBlock(config.resolution, conv0, conv1, torgb, skip, taps)


def _conv(config: ConvConfig, name: str, resolution: int, tensors: Mapping[str, Tensor]) -> SynthesisLayer:
    taps = None if config.resample_filter == () else _filter(config.resample_filter, name, tensors)
    return SynthesisLayer(
        name,
        config.in_channels,
        config.out_channels,
        resolution,
        _dense(config.affine),
        kernel_size=config.kernel_size,
        resample_filter=taps,
        use_noise=config.use_noise,
        activation=config.activation,
        act_gain=config.act_gain,
        conv_clamp=config.conv_clamp,
    )


def _torgb(config: ToRGBConfig, block: str) -> ToRGBLayer:
    if config.kernel_size != 1:
        size = config.kernel_size
        raise UnsupportedModelError(f"{block}.torgb has a {size}x{size} kernel; StyleGAN2's ToRGB is always 1x1.")
    return ToRGBLayer(
        config.in_channels,
        config.img_channels,
        _dense(config.affine),
        weight_gain=config.weight_gain,
        conv_clamp=config.conv_clamp,
    )


def _skip(config: ResnetSkipConfig, name: str, tensors: Mapping[str, Tensor]) -> ResnetSkip:
    return ResnetSkip(
        config.in_channels,
        config.out_channels,
        _filter(config.resample_filter, name, tensors),
        kernel_size=config.kernel_size,
        weight_gain=config.weight_gain,
    )

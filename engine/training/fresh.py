"""New networks: their configuration and their random start."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from engine.nets.discriminator import BOX_TAPS, Discriminator, DiscriminatorConfig
from engine.network import Network
from engine.network_config import (
    NO_FILTER,
    BlockConfig,
    ConvConfig,
    DenseConfig,
    MappingConfig,
    NetworkConfig,
    SynthesisConfig,
    ToRGBConfig,
)
from engine.network_tensors import expected_tensors

TAPS = (0.125, 0.375, 0.375, 0.125)
MAPPING_LEARNING_RATE = 0.01
W_AVG_BETA = 0.995


def width_at(resolution: int, channel_base: int, channel_max: int) -> int:
    """Feature channels at a resolution: they halve with every doubling, below a ceiling."""
    return max(1, min(channel_base // resolution, channel_max))


def generator_config(
    img_resolution: int,
    *,
    channel_base: int,
    channel_max: int,
    w_dim: int = 256,
    mapping_layers: int = 4,
    img_channels: int = 3,
) -> NetworkConfig:
    """An unconditional generator with image skips, z as wide as w."""
    rate = MAPPING_LEARNING_RATE
    layer = DenseConfig(w_dim, w_dim, "lrelu", rate / math.sqrt(w_dim), rate)
    blocks = []
    below = width_at(4, channel_base, channel_max)
    resolution = 4
    while resolution <= img_resolution:
        width = width_at(resolution, channel_base, channel_max)
        blocks.append(block_config(resolution, below, width, w_dim, img_channels))
        below, resolution = width, resolution * 2
    mapping = MappingConfig(w_dim, 0, w_dim, None, (layer,) * mapping_layers, True, W_AVG_BETA)
    return NetworkConfig(mapping, SynthesisConfig(w_dim, img_resolution, img_channels, tuple(blocks)))


def block_config(resolution: int, in_channels: int, out_channels: int, w_dim: int, img_channels: int) -> BlockConfig:
    """One block with an image skip."""

    def affine(outputs: int) -> DenseConfig:
        return DenseConfig(w_dim, outputs, "linear", 1 / math.sqrt(w_dim), 1.0)

    def conv(inputs: int, taps: tuple[float, ...]) -> ConvConfig:
        return ConvConfig(inputs, out_channels, 3, True, "lrelu", math.sqrt(2), None, affine(inputs), taps)

    first = resolution == 4
    return BlockConfig(
        resolution=resolution,
        architecture="skip",
        use_fp16=False,
        conv0=None if first else conv(in_channels, TAPS),
        conv1=conv(in_channels if first else out_channels, NO_FILTER),
        torgb=ToRGBConfig(out_channels, img_channels, 1, None, 1 / math.sqrt(out_channels), affine(out_channels)),
        skip=None,
        resample_filter=TAPS,
    )


def initial_tensors(config: NetworkConfig, generator: torch.Generator) -> dict[str, Tensor]:
    """Weights to begin with: unit normal before their run-time gain, styles at 1, no noise.

    Source: Karras et al. 2018, arXiv:1710.10196, section 4.1.
    """
    tensors = {}
    for name, shape in expected_tensors(config).items():
        if name.endswith("affine.bias"):
            tensors[name] = torch.ones(shape)
        elif name.endswith(("bias", "noise_strength", "w_avg")):
            tensors[name] = torch.zeros(shape)
        else:
            tensors[name] = torch.randn(shape, generator=generator)
            if name.startswith("mapping.fc"):
                index = int(name.split(".")[1][2:])
                tensors[name] /= config.mapping.layers[index].bias_gain
    return tensors


def new_network(config: NetworkConfig, seed: int) -> Network:
    return Network.from_tensors(config, initial_tensors(config, torch.Generator().manual_seed(seed)))


def discriminator_config(
    network: NetworkConfig, *, mbstd_group: int = 4, taps: tuple[float, ...] = BOX_TAPS
) -> DiscriminatorConfig:
    """A discriminator as wide as the generator at every resolution."""
    widths = tuple(block.out_channels for block in reversed(network.synthesis.blocks))
    return DiscriminatorConfig(network.img_resolution, network.img_channels, widths, mbstd_group, taps)


def new_discriminator(config: DiscriminatorConfig, seed: int) -> Discriminator:
    """Unit normal weights, zero biases."""
    discriminator = Discriminator(config)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in discriminator.named_parameters():
            if name.endswith("bias"):
                parameter.zero_()
            else:
                parameter.normal_(generator=generator)
    return discriminator

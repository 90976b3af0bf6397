"""Small StyleGAN2 networks with random weights, in every shape a test wants."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from engine.network import Network
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
from engine.network_tensors import FREE_SHAPE, expected_tensors

DEFAULT_TAPS = (0.125, 0.375, 0.375, 0.125)


def dense(inputs: int, outputs: int, activation: str = "linear", lr_multiplier: float = 1.0) -> DenseConfig:
    return DenseConfig(inputs, outputs, activation, lr_multiplier / math.sqrt(inputs), lr_multiplier)


def small_config(
    channels: Sequence[int] = (6, 6, 4),
    *,
    architecture: str = "skip",
    z_dim: int = 8,
    w_dim: int = 10,
    c_dim: int = 0,
    embed_features: int | None = None,
    layer_features: int | None = None,
    num_layers: int = 2,
    img_channels: int = 3,
    kernel_size: int = 3,
    taps: ResampleFilter = DEFAULT_TAPS,
    activation: str = "lrelu",
    act_gain: float = math.sqrt(2),
    mapping_activation: str = "lrelu",
    lr_multiplier: float = 0.01,
    conv_clamp: float | None = None,
    use_noise: bool = True,
    has_w_avg: bool = True,
) -> NetworkConfig:
    """One entry of `channels` per block: three make 16 px pictures."""
    embed = dense(c_dim, embed_features or w_dim) if c_dim else None
    widths = [z_dim + (embed.out_features if embed else 0)]
    widths += [layer_features or w_dim] * (num_layers - 1) + [w_dim]
    layers = [dense(a, b, mapping_activation, lr_multiplier) for a, b in pairwise(widths)]
    mapping = MappingConfig(z_dim, c_dim, w_dim, embed, tuple(layers), has_w_avg)

    def conv(inputs: int, outputs: int, filter_taps: ResampleFilter) -> ConvConfig:
        affine = dense(w_dim, inputs)
        return ConvConfig(
            inputs, outputs, kernel_size, use_noise, activation, act_gain, conv_clamp, affine, filter_taps
        )

    blocks = []
    for index, width in enumerate(channels):
        below = channels[max(index - 1, 0)]
        is_last = index == len(channels) - 1
        rgb = ToRGBConfig(width, img_channels, 1, conv_clamp, 1 / math.sqrt(width), dense(w_dim, width))
        skip = ResnetSkipConfig(below, width, 1, 1 / math.sqrt(below), taps)
        blocks.append(
            BlockConfig(
                resolution=4 << index,
                architecture=architecture,
                use_fp16=False,
                conv0=conv(below, width, taps) if index else None,
                conv1=conv(width, width, ()),
                torgb=rgb if is_last or architecture == "skip" else None,
                skip=skip if index and architecture == "resnet" else None,
                resample_filter=taps,
            )
        )
    return NetworkConfig(mapping, SynthesisConfig(w_dim, 4 << (len(channels) - 1), img_channels, tuple(blocks)))


def random_tensors(config: NetworkConfig, seed: int = 0, *, kernel: Tensor | None = None) -> dict[str, Tensor]:
    """Weights in which everything matters: no zeros, no ones. `kernel` fills in filters that are not separable."""
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for name, shape in expected_tensors(config).items():
        if shape == FREE_SHAPE:
            assert kernel is not None, "this network needs a 2-D filter"
            tensors[name] = kernel.clone()
            continue
        tensor = torch.randn(shape, generator=generator)
        if name.startswith("mapping.fc"):
            tensor /= config.mapping.layers[0].bias_gain
        if name.endswith("affine.bias"):
            tensor = 1 + 0.3 * tensor
        elif name.endswith((".bias", "noise_strength")):
            tensor = 0.3 * tensor
        tensors[name] = tensor
    return tensors


def random_network(config: NetworkConfig | None = None, seed: int = 0) -> Network:
    config = config or small_config()
    return Network.from_tensors(config, random_tensors(config, seed))


def latents(network: Network, count: int = 2, seed: int = 0) -> Tensor:
    """ws with different rows, ``[count, num_ws, w_dim]``."""
    shape = (count, network.descriptor.num_ws, network.descriptor.w_dim)
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def relative_error(found: Tensor, wanted: Tensor) -> float:
    """Largest absolute difference over ``max(1, |wanted|max)``."""
    return float((found - wanted).abs().max() / wanted.abs().max().clamp(min=1))

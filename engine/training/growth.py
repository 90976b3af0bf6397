"""Growing trained networks to twice their resolution, without losing what they know.

At the start the grown generator makes the old pictures enlarged by its own image filter, and the grown
discriminator says of a picture what the old one says of the picture made smaller by its filter: both exactly, up to
rounding. What is new starts with small or no influence and learns.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from engine.errors import UnsupportedModelError
from engine.nets.discriminator import Discriminator, DiscriminatorBlock, DiscriminatorConfig
from engine.network import Network
from engine.network_config import MAX_RESOLUTION, NetworkConfig
from engine.training.fresh import block_config, initial_tensors, new_discriminator

_SLOPE = 0.2
_GAIN = 2.0**0.5


def grow_network(network: Network, seed: int, channels: int | None = None) -> Network:
    """The same generator with one block more, whose ToRGB starts at zero.

    Args:
        channels: Width of the new block; by default half of the last.

    Raises:
        UnsupportedModelError: its picture is not the sum of its blocks' pictures, or it is as large as can be.
    """
    config = network.config
    last = config.synthesis.blocks[-1]
    if last.architecture != "skip":
        raise UnsupportedModelError(
            f"A network of the architecture {last.architecture!r} cannot be grown; only “skip” ones can.",
            "Train it at its own size.",
        )
    size = 2 * config.img_resolution
    if size > MAX_RESOLUTION:
        raise UnsupportedModelError(f"The network makes {size // 2} px pictures; Graft makes no larger ones.")
    grown = _with_block(config, channels or max(8, last.out_channels // 2))
    tensors = initial_tensors(grown, torch.Generator().manual_seed(seed))
    tensors[f"synthesis.b{size}.torgb.weight"].zero_()
    tensors.update({name: tensor.detach().cpu().clone() for name, tensor in network.tensors.items()})
    if not config.mapping.has_w_avg:
        tensors["mapping.w_avg"] = network.w_avg.cpu().clone()
    return Network.from_tensors(grown, tensors, network.device, origin=network.origin)


def _with_block(config: NetworkConfig, channels: int) -> NetworkConfig:
    synthesis = config.synthesis
    below = synthesis.blocks[-1].out_channels
    size = 2 * synthesis.img_resolution
    block = block_config(size, below, channels, synthesis.w_dim, synthesis.img_channels)
    # The picture so far is enlarged as in the blocks below.
    block = replace(block, resample_filter=synthesis.blocks[-1].resample_filter or block.resample_filter)
    mapping = replace(config.mapping, has_w_avg=True)
    return NetworkConfig(mapping, replace(synthesis, img_resolution=size, blocks=(*synthesis.blocks, block)))


def grow_discriminator(old: Discriminator, channels: int, seed: int) -> Discriminator:
    """A discriminator for pictures of twice the size.

    Args:
        channels: Width of the new block, at least twice the picture's channels.

    Raises:
        UnsupportedModelError: too few channels.
    """
    colours = old.config.img_channels
    if channels < 2 * colours:
        raise UnsupportedModelError(
            f"A new block of {channels} channels is too narrow for the discriminator; {2 * colours} are needed."
        )
    config = DiscriminatorConfig(
        2 * old.config.img_resolution,
        colours,
        (channels, *old.config.channels),
        old.config.mbstd_group,
        old.config.taps,
    )
    grown = new_discriminator(config, seed)
    state = old.state_dict()
    fromrgb = f"b{old.config.img_resolution}.fromrgb."
    with torch.no_grad():
        for name, tensor in grown.state_dict().items():
            if name in state:
                tensor.copy_(state[name])
        _see_through(grown, state[f"{fromrgb}weight"], state[f"{fromrgb}bias"])
    return grown


def _see_through(grown: Discriminator, weight: torch.Tensor, bias: torch.Tensor) -> None:
    """Make the new block compute ``fromrgb`` of the smaller picture.

    Each colour v travels as the pair (v, -v): a leaky relu turns it into numbers whose difference is
    ``(1 + slope) * gain * v``, so two activations can be passed without loss. The last one is the one that fromrgb
    had. The other channels start at random and with no say.
    """
    block = grown.get_submodule(f"b{grown.config.img_resolution}")
    assert isinstance(block, DiscriminatorBlock)
    fromrgb, conv0, conv1, skip = block.fromrgb, block.conv0, block.conv1, block.skip
    assert fromrgb is not None, "the first block reads the picture"
    assert conv1.bias is not None, "only the skip has none"
    colours = grown.config.img_channels
    pairs = 2 * colours
    signs = torch.cat([torch.eye(colours), -torch.eye(colours)])  # [pairs, colours]
    passed = signs.t() / ((1 + _SLOPE) * _GAIN)  # [colours, pairs]: back from a pair's activations to the colour
    fromrgb.weight[:pairs, :, 0, 0] = signs / fromrgb.weight_gain
    conv0.weight[:pairs] = 0
    conv0.weight[:pairs, :pairs, 1, 1] = signs @ passed / conv0.weight_gain
    conv1.weight.zero_()
    # The residual gain in conv1 is made up for: the leaky relu lets positive factors through.
    conv1.weight[:, :pairs, 1, 1] = weight[:, :, 0, 0] * _fromrgb_gain(colours) @ passed * _GAIN / conv1.weight_gain
    conv1.bias.copy_(bias * _GAIN)
    skip.weight.zero_()


def _fromrgb_gain(colours: int) -> float:
    """The run-time gain of a 1x1 convolution that reads `colours` channels."""
    return float(colours**-0.5)

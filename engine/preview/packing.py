"""One network's weights, arranged for previews: cast, laid out and multiplied by everything that never changes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from engine.families.roles import alike
from engine.nets.linear import FullyConnected
from engine.nets.stylegan2 import SynthesisBlock, SynthesisLayer, ToRGBLayer
from engine.network import Network
from engine.network_config import BlockConfig, ConvConfig, SynthesisConfig
from engine.preview.arithmetic import Arithmetic
from engine.preview.onednn import can_prepare, prepared

USUAL_TAPS = (0.125, 0.375, 0.375, 0.125)
"""The filter that all published networks were trained with."""

SLOPES = {"linear": 1.0, "relu": 0.0, "lrelu": 0.2}
"""Activations that a positive factor passes through: what they do below zero."""


@dataclass(frozen=True, slots=True, eq=False)
class PackedAffine:
    """w to styles, gains included. ``weight`` [I, w_dim] and ``bias`` [I], float32."""

    weight: Tensor
    bias: Tensor


@dataclass(frozen=True, eq=False)
class PackedConv:
    """A modulated 3x3 convolution.

    Attributes:
        weight: ``[O, I, 3, 3]``, or ``[I, O, 3, 3]`` when it upsamples; with kernels, as they take it. In any case
            linear in the network's own weight.
        exact: The network's own weight, ``[O, I, 3, 3]``, float32.
        bias: ``[O]``, float32, times the activation's gain.
        noise_map: ``[r * r]``; None when the layer has no noise.
        noise_strength: As trained, times the activation's gain.
        gain: The activation's.
        slope: Of the activation below zero.
        clamp: Largest magnitude of the output, None for none.
        scales_features: Styles multiply the features, which are the smaller operand, and not the weight.
    """

    name: str
    resolution: int
    upsamples: bool
    affine: PackedAffine
    weight: Tensor
    exact: Tensor
    bias: Tensor
    noise_map: Tensor | None
    noise_strength: float
    gain: float
    slope: float
    clamp: float | None
    scales_features: bool

    @cached_property
    def prepared(self) -> Tensor | None:
        """The weight as `engine.preview.onednn` takes it, where that pays: where it is not multiplied every time."""
        if not self.scales_features or not can_prepare(self.weight):
            return None
        return prepared(
            self.weight, self.resolution // 2 if self.upsamples else self.resolution, upsamples=self.upsamples
        )


@dataclass(frozen=True, slots=True, eq=False)
class PackedToRGB:
    """``weight`` [img_channels, C] and ``bias`` [img_channels], float32.

    Attributes:
        affine: To the styles times `style_gain`.
    """

    affine: PackedAffine
    weight: Tensor
    bias: Tensor
    clamp: float | None
    style_gain: float


@dataclass(frozen=True, slots=True, eq=False)
class PackedBlock:
    """Attributes:
    const: ``[1, C, 4, 4]`` in the lowest block, else None.
    dtype: Of features and convolution weights.
    """

    resolution: int
    dtype: torch.dtype
    const: Tensor | None
    conv0: PackedConv | None
    conv1: PackedConv
    torgb: PackedToRGB | None


class PackedNetwork:
    """The blocks of a network in packed form, each made when it is first asked for.

    Args:
        network: Must be one that `can_pack` accepts. Its weights are not to change any more.
    """

    def __init__(self, network: Network, arithmetic: Arithmetic) -> None:
        self.arithmetic = arithmetic
        # Not the network itself: `Packs` would keep it alive for ever.
        self._config, self._synthesis = network.config.synthesis, network.module.synthesis
        self._blocks: dict[int, PackedBlock] = {}

    def block(self, index: int) -> PackedBlock:
        """Block number `index`; 0 is the one of 4 px."""
        if index not in self._blocks:
            config = self._config.blocks[index]
            dtype = self.arithmetic.half if config.use_fp16 else self.arithmetic.full
            self._blocks[index] = pack_block(self._synthesis.block_at(index), dtype, self.arithmetic)
        return self._blocks[index]


def can_pack(config: SynthesisConfig) -> bool:
    """Whether a network is built as nearly all are; the others run as they are, in float32."""
    return all(_is_usual_block(block) for block in config.blocks)


def _is_usual_block(block: BlockConfig) -> bool:
    convs = [conv for conv in (block.conv0, block.conv1) if conv is not None]
    usual_image = block.torgb is None or block.conv0 is None or _is_usual_filter(block.resample_filter)
    return block.skip is None and usual_image and all(_is_usual_conv(conv) for conv in convs)


def _is_usual_conv(conv: ConvConfig) -> bool:
    has_usual_filter = conv.resample_filter == () or _is_usual_filter(conv.resample_filter)
    return conv.kernel_size == 3 and conv.activation in SLOPES and conv.act_gain > 0.0 and has_usual_filter


def _is_usual_filter(taps: tuple[float, ...] | None) -> bool:
    return taps is not None and alike(taps, USUAL_TAPS)  # files hold them as float32


@torch.no_grad()
def pack_block(block: SynthesisBlock, dtype: torch.dtype, arithmetic: Arithmetic) -> PackedBlock:
    const = None
    if block.conv0 is None:
        const = block.const.detach()[None].to(dtype).contiguous(memory_format=arithmetic.memory_format)
    conv0 = None if block.conv0 is None else _pack_conv(block.conv0, dtype, arithmetic)
    conv1 = _pack_conv(block.conv1, dtype, arithmetic)
    torgb = None if block.torgb is None else _pack_torgb(block.torgb)
    return PackedBlock(block.resolution, dtype, const, conv0, conv1, torgb)


def _pack_weight(weight: Tensor, upsamples: bool, dtype: torch.dtype, arithmetic: Arithmetic) -> Tensor:
    if (kernels := arithmetic.kernels) is not None:
        return kernels.pack_up_conv(weight) if upsamples else kernels.pack_conv(weight)
    arranged = weight.transpose(0, 1) if upsamples else weight
    return arranged.to(dtype).contiguous(memory_format=arithmetic.memory_format)


def _pack_conv(layer: SynthesisLayer, dtype: torch.dtype, arithmetic: Arithmetic) -> PackedConv:
    weight = layer.weight.detach()
    return PackedConv(
        layer.name,
        layer.resolution,
        layer.upsamples,
        _pack_affine(layer.affine),
        _pack_weight(weight, layer.upsamples, dtype, arithmetic),
        weight,
        layer.bias.detach() * layer.act_gain,
        layer.noise_const.detach().to(dtype).reshape(-1) if layer.use_noise else None,
        float(layer.noise_strength) * layer.act_gain if layer.use_noise else 0.0,
        layer.act_gain,
        SLOPES[layer.activation],
        layer.conv_clamp,
        scales_features(weight, layer.resolution, layer.upsamples, arithmetic),
    )


def scales_features(weight: Tensor, resolution: int, upsamples: bool, arithmetic: Arithmetic) -> bool:
    """Whether styles are to multiply a layer's features: where these are fewer than its weight ``[O, I, 3, 3]``."""
    size = resolution // 2 if upsamples else resolution
    features = weight.shape[1] * size**2
    return arithmetic.modulates_activations and arithmetic.kernels is None and features <= weight.numel()


def _pack_torgb(layer: ToRGBLayer) -> PackedToRGB:
    affine = _pack_affine(layer.affine)
    scaled = PackedAffine(affine.weight * layer.weight_gain, affine.bias * layer.weight_gain)
    weight = layer.weight.detach()[:, :, 0, 0]
    return PackedToRGB(scaled, weight, layer.bias.detach(), layer.conv_clamp, layer.weight_gain)


def _pack_affine(affine: FullyConnected) -> PackedAffine:
    return PackedAffine(affine.weight.detach() * affine.weight_gain, affine.bias.detach() * affine.bias_gain)


class Packs:
    """Packed forms of networks, for as long as somebody holds the networks."""

    def __init__(self, arithmetic: Arithmetic) -> None:
        self.arithmetic = arithmetic
        self._packed: WeakKeyDictionary[Network, PackedNetwork] = WeakKeyDictionary()

    def of(self, network: Network) -> PackedNetwork | None:
        """None when the network is not built as nearly all are."""
        if not can_pack(network.config.synthesis):
            return None
        if network not in self._packed:
            self._packed[network] = PackedNetwork(network, self.arithmetic)
        return self._packed[network]

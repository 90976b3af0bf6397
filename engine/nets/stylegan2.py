"""The StyleGAN2 generator, in all the shapes that NVIDIA's two PyTorch repositories can train.

Tensors carry NVIDIA's names (``mapping.fc0.weight``, ``synthesis.b8.conv0.affine.bias`` ...). Everything is computed
in the dtype of the weights: files may ask for float16 in their upper blocks, which is a way to train faster, not
part of the function.

Synthesis is a chain of blocks that can be driven one at a time: `SynthesisNetwork.block` is a pure function of what
it is given, so a caller can keep the ``(x, img)`` after any block, start again above it when only upper rows of
``ws``, upper noise or upper weights have changed, and stop early for a coarse picture.

Source: Karras et al. 2020, arXiv:1912.04958; clamps, labels and defaults from arXiv:2006.06676.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import torch
from torch import Tensor, nn

from engine.nets.activations import bias_act
from engine.nets.fir import upsample2x
from engine.nets.linear import FullyConnected
from engine.nets.mapping import MappingNetwork
from engine.nets.modulated_conv import (
    modulated_conv2d,
    modulated_pointwise,
    upsampling_conv2d,
    weight_energy,
)
from engine.nets.noise import NoiseInput

_RESIDUAL_GAIN = 0.5**0.5

BlockNoise: TypeAlias = tuple[Tensor | None, Tensor | None]
"""What conv0 and conv1 of one block add, all strengths included: each fits ``[N, 1, r, r]``; None for nothing."""

BlockOffsets: TypeAlias = tuple[Tensor | None, Tensor | None, Tensor | None]
"""What is added to the styles of conv0, conv1 and ToRGB of one block, one number per input channel: each ``[I]`` or
``[N, I]``; None for nothing."""

NO_OFFSETS: BlockOffsets = (None, None, None)


def _register_filter(module: nn.Module, taps: Tensor | None) -> None:
    """Separable filters are configuration; a 2-D one is data and belongs into the state dict."""
    if taps is not None:
        module.register_buffer("resample_filter", taps, persistent=taps.ndim == 2)


class SynthesisLayer(nn.Module):
    """Modulated convolution, noise, bias, activation, clamp; optionally doubles the resolution.

    Args:
        name: As in the descriptor, ``b8.conv0``; `NoiseInput` knows the layer by it.
        affine: Turns w into the styles, one per input channel.
        resample_filter: FIR filter (`engine.nets.fir`) when the layer upsamples, otherwise None.
        conv_clamp: Largest magnitude of the output, before the residual gain is counted; None for no clamp.
    """

    weight: nn.Parameter
    bias: nn.Parameter
    noise_const: Tensor
    resample_filter: Tensor

    def __init__(
        self,
        name: str,
        in_channels: int,
        out_channels: int,
        resolution: int,
        affine: FullyConnected,
        *,
        kernel_size: int = 3,
        resample_filter: Tensor | None = None,
        use_noise: bool = True,
        activation: str = "lrelu",
        act_gain: float = 2.0**0.5,
        conv_clamp: float | None = None,
    ) -> None:
        super().__init__()
        self.name = name
        self.resolution = resolution
        self.upsamples = resample_filter is not None
        self.use_noise = use_noise
        self.activation = activation
        self.act_gain = act_gain
        self.conv_clamp = conv_clamp
        self.affine = affine
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.empty(out_channels))
        if use_noise:
            self.noise_strength = nn.Parameter(torch.empty([]))
            self.register_buffer("noise_const", torch.empty(resolution, resolution))
        _register_filter(self, resample_filter)
        self._energy: tuple[Tensor, int, Tensor] | None = None

    def noise(self, source: NoiseInput, batch: int) -> Tensor | None:
        """What this layer adds for a call with `source`, trained strength included; None for nothing."""
        if not self.use_noise:
            return None
        drawn = source.for_layer(self.name, self.noise_const, batch)
        return None if drawn is None else drawn * self.noise_strength

    def forward(
        self, x: Tensor, w: Tensor, noise: Tensor | None, gain: float = 1.0, offset: Tensor | None = None
    ) -> Tensor:
        """One layer.

        Args:
            x: ``[N, I, h, h]``.
            w: ``[N, w_dim]``.
            noise: Added as it is: broadcastable to ``[N, 1, r, r]``; None for nothing.
            gain: Scales activation and clamp alike.
            offset: Added to the styles, before anything else is made of them.

        Returns:
            A fresh tensor, ``[N, O, r, r]``.
        """
        upsample = self.resample_filter if self.upsamples else None
        styles: Tensor = self.affine(w)
        if offset is not None:
            styles = styles + offset
        y = modulated_conv2d(x, self.weight, styles, energy=self._weight_energy(), upsample=upsample)
        if noise is not None:
            noise = noise.to(y.dtype)  # under autocast y may be half precision; it is to stay so
            y = y + noise if torch.is_grad_enabled() else y.add_(noise)
        clamp = None if self.conv_clamp is None else self.conv_clamp * gain
        return bias_act(y, self.bias, self.activation, gain=self.act_gain * gain, clamp=clamp)

    def _weight_energy(self) -> Tensor:
        """`weight_energy`, kept until the weights are replaced, moved or changed in place."""
        weight = self.weight
        if weight.is_inference() or (weight.requires_grad and torch.is_grad_enabled()):
            return weight_energy(weight)
        if self._energy is not None:
            owner, version, energy = self._energy
            if owner is weight and version == weight._version and energy.device == weight.device:
                return energy
        with torch.inference_mode(False), torch.no_grad():
            energy = weight_energy(weight)
        self._energy = (weight, weight._version, energy)
        return energy


class ToRGBLayer(nn.Module):
    """Features to image channels: modulated 1x1 convolution without demodulation, bias, clamp.

    Args:
        weight_gain: Multiplies the styles; ``1 / sqrt(in_channels)``.
    """

    def __init__(
        self,
        in_channels: int,
        img_channels: int,
        affine: FullyConnected,
        *,
        weight_gain: float | None = None,
        conv_clamp: float | None = None,
    ) -> None:
        super().__init__()
        self.affine = affine
        self.weight_gain = in_channels**-0.5 if weight_gain is None else weight_gain
        self.conv_clamp = conv_clamp
        self.weight = nn.Parameter(torch.empty(img_channels, in_channels, 1, 1))
        self.bias = nn.Parameter(torch.empty(img_channels))

    def forward(self, x: Tensor, w: Tensor, offset: Tensor | None = None) -> Tensor:
        """``x`` [N, I, r, r] and ``w`` [N, w_dim] to [N, img_channels, r, r]; `offset` is added to the styles."""
        styles = self.affine(w)
        if offset is not None:
            styles = styles + offset
        y = modulated_pointwise(x, self.weight, styles * self.weight_gain)
        return bias_act(y, self.bias, "linear", clamp=self.conv_clamp)


class ResnetSkip(nn.Module):
    """The biasless, unclamped convolution around a resnet block; doubles the resolution."""

    resample_filter: Tensor

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        resample_filter: Tensor,
        *,
        kernel_size: int = 1,
        weight_gain: float | None = None,
    ) -> None:
        super().__init__()
        fan_in = in_channels * kernel_size**2
        self.weight_gain = fan_in**-0.5 if weight_gain is None else weight_gain
        self.weight = nn.Parameter(torch.empty(out_channels, in_channels, kernel_size, kernel_size))
        _register_filter(self, resample_filter)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, I, h, h]`` to ``[N, O, 2h, 2h]``, already times ``sqrt(1/2)``."""
        return upsampling_conv2d(x, self.weight * (self.weight_gain * _RESIDUAL_GAIN), self.resample_filter)


class SynthesisBlock(nn.Module):
    """All layers of one resolution.

    Args:
        conv0: The upsampling layer; None at 4 px, where a learned constant stands in.
        torgb: None in the lower blocks of resnet and orig networks.
        skip: Present in resnet blocks from 8 px up.
        resample_filter: Upsamples the image of the block below.
    """

    const: nn.Parameter
    resample_filter: Tensor

    def __init__(
        self,
        resolution: int,
        conv0: SynthesisLayer | None,
        conv1: SynthesisLayer,
        torgb: ToRGBLayer | None,
        skip: ResnetSkip | None,
        resample_filter: Tensor,
    ) -> None:
        super().__init__()
        self.resolution = resolution
        if conv0 is None:
            self.const = nn.Parameter(torch.empty(conv1.weight.shape[1], resolution, resolution))
        self.conv0 = conv0
        self.conv1 = conv1
        self.torgb = torgb
        self.skip = skip
        _register_filter(self, resample_filter)

    @property
    def num_convs(self) -> int:
        return 1 if self.conv0 is None else 2

    def noise(self, source: NoiseInput, batch: int) -> BlockNoise:
        """The maps that this block's layers add for a call with `source`."""
        first = None if self.conv0 is None else self.conv0.noise(source, batch)
        return first, self.conv1.noise(source, batch)

    def forward(
        self,
        x: Tensor | None,
        img: Tensor | None,
        ws: Tensor,
        noise: BlockNoise,
        offsets: BlockOffsets = NO_OFFSETS,
    ) -> tuple[Tensor, Tensor | None]:
        """See `SynthesisNetwork.block`."""
        x = self._features(x, ws, noise, offsets)
        if self.torgb is not None:
            rgb: Tensor = self.torgb(x, ws[:, self.num_convs], offsets[2])
            img = rgb if img is None else upsample2x(img, self.resample_filter) + rgb
        return x, img

    def _features(self, x: Tensor | None, ws: Tensor, noise: BlockNoise, offsets: BlockOffsets) -> Tensor:
        first, second = noise
        if self.conv0 is None:
            x = self.const.expand(ws.shape[0], -1, -1, -1)
            return self.conv1.forward(x, ws[:, 0], second, offset=offsets[1])
        assert x is not None, "only the lowest block starts from nothing"
        inner = self.conv0.forward(x, ws[:, 0], first, offset=offsets[0])
        if self.skip is None:
            return self.conv1.forward(inner, ws[:, 1], second, offset=offsets[1])
        return self.skip.forward(x) + self.conv1.forward(inner, ws[:, 1], second, _RESIDUAL_GAIN, offsets[1])


class SynthesisNetwork(nn.Module):
    """ws to image: blocks ``b4``, ``b8``, ... each twice the size of the one before."""

    def __init__(self, blocks: Sequence[SynthesisBlock]) -> None:
        super().__init__()
        self.block_resolutions = tuple(block.resolution for block in blocks)
        self.num_ws = 2 * len(blocks)
        for block in blocks:
            self.add_module(f"b{block.resolution}", block)

    def block_at(self, index: int) -> SynthesisBlock:
        """Block number `index`; 0 is the one of 4 px."""
        block = self.get_submodule(f"b{self.block_resolutions[index]}")
        assert isinstance(block, SynthesisBlock)
        return block

    def rows(self, index: int) -> slice:
        """The rows of ``ws`` that block `index` reads. ToRGB shares its row with the next block's conv0."""
        block = self.block_at(index)
        first = 0 if index == 0 else 2 * index - 1
        return slice(first, first + block.num_convs + (block.torgb is not None))

    def block(
        self,
        index: int,
        x: Tensor | None,
        img: Tensor | None,
        ws_rows: Tensor,
        noise: BlockNoise = (None, None),
        offsets: BlockOffsets = NO_OFFSETS,
    ) -> tuple[Tensor, Tensor | None]:
        """Run one block: a pure function of its arguments and of this block's weights.

        Args:
            index: 0 for the 4 px block.
            x: Features of the block below, ``[N, C, r/2, r/2]``; None for block 0. Not modified.
            img: Image so far, ``[N, img_channels, r/2, r/2]``; None for block 0, and in resnet and orig networks,
                whose image appears in the last block only. Not modified.
            ws_rows: ``ws[:, rows(index)]``, ``[N, 2 or 3, w_dim]`` (1 or 2 rows in block 0).
            noise: What conv0 and conv1 add, all strengths included; ``block_at(index).noise`` draws it.
            offsets: What is added to the styles.

        Returns:
            Features ``[N, C', r, r]`` and image ``[N, img_channels, r, r]`` or None: fresh tensors.
        """
        return self.block_at(index).forward(x, img, ws_rows, noise, offsets)

    def forward(
        self, ws: Tensor, noise: NoiseInput | None = None, max_resolution: int | None = None
    ) -> Tensor | None:
        """Run all blocks, or those up to `max_resolution`.

        Args:
            ws: ``[N, num_ws, w_dim]``.

        Returns:
            Image ``[N, img_channels, r, r]``, nominally in [-1, 1], not clamped. None when `max_resolution`
            ends a resnet or orig network before it has one.
        """
        x: Tensor | None = None
        img: Tensor | None = None
        for index, resolution in enumerate(self.block_resolutions):
            if max_resolution is not None and resolution > max_resolution:
                break
            drawn = self.block_at(index).noise(noise or NoiseInput(), ws.shape[0])
            x, img = self.block(index, x, img, ws[:, self.rows(index)], drawn)
        return img


class Generator(nn.Module):
    """Mapping and synthesis under NVIDIA's names."""

    def __init__(self, mapping: MappingNetwork, synthesis: SynthesisNetwork) -> None:
        super().__init__()
        self.mapping = mapping
        self.synthesis = synthesis

"""What a StyleGAN2 generator is, exactly, as plain data: enough to build it and to check its tensors.

This is the ``network`` part of Graft's open format. A loader deduces it from a foreign file, the nets are
built from it, and a file whose tensors do not match it is refused. Nothing here knows torch.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from engine.errors import CorruptModelError, UnsupportedModelError
from engine.strict_json import decode

FAMILY = "stylegan2"

ACTIVATIONS = ("linear", "relu", "lrelu", "tanh", "sigmoid", "elu", "selu", "softplus", "swish")
ARCHITECTURES = ("skip", "resnet", "orig")

MAX_RESOLUTION = 2048
MAX_FEATURES = 65_536
MAX_CHANNELS = 8_192
MAX_IMG_CHANNELS = 64
MAX_MAPPING_LAYERS = 64
MAX_KERNEL_SIZE = 15
MAX_FILTER_TAPS = 64

ResampleFilter = tuple[float, ...] | None
"""1-D taps ``t`` of a separable FIR whose 2-D kernel is ``outer(t, t)``; normalised, gain not applied.
``None``: the kernel is not separable and lies in the file as the tensor ``<owner>.resample_filter``."""

NO_FILTER: tuple[float, ...] = ()


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise CorruptModelError(message)


def _check_int(name: str, value: int, low: int, high: int) -> None:
    fits = type(value) is int and low <= value <= high
    _require(fits, f"The network's {name} is {value!r:.60}; it must be a whole number from {low} to {high}.")


def _check_number(name: str, value: float, low: float, high: float) -> None:
    fits = type(value) in (int, float) and low <= value <= high
    _require(fits, f"The network's {name} is {value!r:.60}; it must be a number from {low:g} to {high:g}.")


def _check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if type(value) is not str or value not in choices:
        known = ", ".join(choices)
        raise UnsupportedModelError(f"The network's {name} is {value!r:.60}; Graft knows {known}.")


def _check_filter(taps: ResampleFilter, *, needed: bool) -> None:
    if taps is None:
        return
    _check_int("number of resample filter taps", len(taps), int(needed), MAX_FILTER_TAPS)
    for tap in taps:
        _check_number("resample filter tap", tap, -1e3, 1e3)


def _check_clamp(clamp: float | None) -> None:
    if clamp is not None:
        _check_number("conv_clamp", clamp, 0.0, 1e9)


def _check_kernel(size: int) -> None:
    _check_int("kernel size", size, 1, MAX_KERNEL_SIZE)
    if size % 2 == 0:
        raise UnsupportedModelError(f"The network has a kernel of size {size}; Graft runs odd sizes only.")


@dataclass(frozen=True, slots=True)
class DenseConfig:
    """A fully connected layer: ``activation(x @ (weight * weight_gain).T + bias * bias_gain)``.

    The gains hold the learning-rate multiplier: ``weight_gain = lr_multiplier / sqrt(in_features)``,
    ``bias_gain = lr_multiplier``. The activation's own gain (sqrt 2 for lrelu) is not in them.
    """

    in_features: int
    out_features: int
    activation: str
    weight_gain: float
    bias_gain: float

    def __post_init__(self) -> None:
        _check_int("number of inputs of a dense layer", self.in_features, 1, 2 * MAX_FEATURES)
        _check_int("number of outputs of a dense layer", self.out_features, 1, MAX_FEATURES)
        _check_choice("activation", self.activation, ACTIVATIONS)
        _check_number("weight gain", self.weight_gain, -1e6, 1e6)
        _check_number("bias gain", self.bias_gain, -1e6, 1e6)


@dataclass(frozen=True, slots=True)
class MappingConfig:
    """z (and the label c) to w. ``embed`` is present exactly when the network is conditional."""

    z_dim: int
    c_dim: int
    w_dim: int
    embed: DenseConfig | None
    layers: tuple[DenseConfig, ...]
    has_w_avg: bool
    w_avg_beta: float | None = None

    def __post_init__(self) -> None:
        _check_int("z_dim", self.z_dim, 0, MAX_FEATURES)
        _check_int("c_dim", self.c_dim, 0, MAX_FEATURES)
        _check_int("w_dim", self.w_dim, 1, MAX_FEATURES)
        _check_int("number of mapping layers", len(self.layers), 1, MAX_MAPPING_LAYERS)
        if self.w_avg_beta is not None:
            _check_number("w_avg_beta", self.w_avg_beta, 0.0, 1.0)
        fits = (self.embed is not None) == (self.c_dim > 0)
        _require(fits, f"c_dim is {self.c_dim}, with {'a' if self.embed else 'no'} label embedding.")
        width = self.z_dim
        if self.embed is not None:
            reads = self.embed.in_features
            _require(reads == self.c_dim, f"The label embedding reads {reads} values, c_dim is {self.c_dim}.")
            width += self.embed.out_features
        for index, layer in enumerate(self.layers):
            reads = layer.in_features
            _require(reads == width, f"mapping.fc{index} reads {reads} values; it is given {width}.")
            width = layer.out_features
        _require(width == self.w_dim, f"The mapping ends with {width} values, w_dim is {self.w_dim}.")


@dataclass(frozen=True, slots=True)
class ConvConfig:
    """A modulated convolution. ``conv0`` upsamples by 2 with ``resample_filter``; ``conv1`` has ``()``."""

    in_channels: int
    out_channels: int
    kernel_size: int
    use_noise: bool
    activation: str
    act_gain: float
    conv_clamp: float | None
    affine: DenseConfig
    resample_filter: ResampleFilter = NO_FILTER

    def __post_init__(self) -> None:
        _check_int("number of input channels", self.in_channels, 1, MAX_CHANNELS)
        _check_int("number of output channels", self.out_channels, 1, MAX_CHANNELS)
        _check_kernel(self.kernel_size)
        _check_choice("activation", self.activation, ACTIVATIONS)
        _check_number("activation gain", self.act_gain, -1e6, 1e6)
        _check_clamp(self.conv_clamp)
        _check_filter(self.resample_filter, needed=False)


@dataclass(frozen=True, slots=True)
class ToRGBConfig:
    """The modulated, not demodulated convolution to the image. ``weight_gain`` multiplies the styles."""

    in_channels: int
    img_channels: int
    kernel_size: int
    conv_clamp: float | None
    weight_gain: float
    affine: DenseConfig

    def __post_init__(self) -> None:
        _check_int("number of input channels", self.in_channels, 1, MAX_CHANNELS)
        _check_int("img_channels", self.img_channels, 1, MAX_IMG_CHANNELS)
        _check_kernel(self.kernel_size)
        _check_clamp(self.conv_clamp)
        _check_number("weight gain", self.weight_gain, -1e6, 1e6)


@dataclass(frozen=True, slots=True)
class ResnetSkipConfig:
    """The unmodulated, biasless convolution around a resnet block: upsamples by 2, times ``sqrt(1/2)``."""

    in_channels: int
    out_channels: int
    kernel_size: int
    weight_gain: float
    resample_filter: ResampleFilter

    def __post_init__(self) -> None:
        _check_int("number of input channels", self.in_channels, 1, MAX_CHANNELS)
        _check_int("number of output channels", self.out_channels, 1, MAX_CHANNELS)
        _check_kernel(self.kernel_size)
        _check_number("weight gain", self.weight_gain, -1e6, 1e6)
        _check_filter(self.resample_filter, needed=True)


@dataclass(frozen=True, slots=True)
class BlockConfig:
    """One resolution. ``conv0`` is absent at 4 px, where a learned constant ``[C, 4, 4]`` stands in.

    ``resample_filter`` is the one that upsamples the image of the block below; ``use_fp16`` is what the
    file says, not an order.
    """

    resolution: int
    architecture: str
    use_fp16: bool
    conv0: ConvConfig | None
    conv1: ConvConfig
    torgb: ToRGBConfig | None
    skip: ResnetSkipConfig | None
    resample_filter: ResampleFilter

    def __post_init__(self) -> None:
        _check_int("block resolution", self.resolution, 4, MAX_RESOLUTION)
        _check_choice("architecture", self.architecture, ARCHITECTURES)
        _check_filter(self.resample_filter, needed=True)
        self._check_parts()
        inner = self.conv0.out_channels if self.conv0 else self.in_channels
        self._check(inner == self.conv1.in_channels, f"conv0 gives {inner} channels, conv1 reads others")
        if self.conv0 is not None:
            _check_filter(self.conv0.resample_filter, needed=True)
        if self.torgb is not None:
            reads = self.torgb.in_channels
            self._check(reads == self.out_channels, f"torgb reads {reads} channels of {self.out_channels}")
        if self.skip is not None:
            ends = (self.skip.in_channels, self.skip.out_channels)
            self._check(ends == (self.in_channels, self.out_channels), "the resnet skip does not fit")

    def _check(self, condition: bool, problem: str) -> None:
        _require(condition, f"Block b{self.resolution}: {problem}.")

    def _check_parts(self) -> None:
        first = self.resolution == 4
        self._check((self.conv0 is None) == first, "conv0 must be absent" if first else "conv0 is missing")
        needs_skip = self.architecture == "resnet" and not first
        self._check((self.skip is not None) == needs_skip, "the resnet skip is missing or out of place")
        self._check(self.torgb is not None or self.architecture != "skip", "torgb is missing")

    @property
    def in_channels(self) -> int:
        """Channels that come from the block below; those of the constant at 4 px."""
        return (self.conv0 or self.conv1).in_channels

    @property
    def out_channels(self) -> int:
        return self.conv1.out_channels


@dataclass(frozen=True, slots=True)
class SynthesisConfig:
    """ws to image. Blocks from 4 px to ``img_resolution``, each twice the one before."""

    w_dim: int
    img_resolution: int
    img_channels: int
    blocks: tuple[BlockConfig, ...]

    def __post_init__(self) -> None:
        size = self.img_resolution
        _check_int("img_resolution", size, 4, MAX_RESOLUTION)
        if size & (size - 1):
            rule = f"StyleGAN2 sizes are 4, 8, 16, ... {MAX_RESOLUTION}"
            raise UnsupportedModelError(f"The network makes {size} px pictures; {rule}.")
        _check_int("w_dim", self.w_dim, 1, MAX_FEATURES)
        _check_int("img_channels", self.img_channels, 1, MAX_IMG_CHANNELS)
        found = tuple(block.resolution for block in self.blocks)
        needed = tuple(4 << i for i in range(size.bit_length() - 2))
        _require(found == needed, f"The network has blocks {found[:12]}; a {size} px one needs {needed}.")
        _require(self.blocks[-1].torgb is not None, f"The last block b{size} lacks torgb.")
        channels = self.blocks[0].in_channels
        for block in self.blocks:
            reads = block.in_channels
            rule = f"it is given {channels}"
            _require(reads == channels, f"Block b{block.resolution} reads {reads} channels; {rule}.")
            channels = block.out_channels
            self._check_ends(block)
            unused = block.torgb is not None and block.architecture != "skip" and block.resolution != size
            _require(not unused, f"Block b{block.resolution} has a torgb that nothing uses.")

    def _check_ends(self, block: BlockConfig) -> None:
        rgb = block.torgb
        made = rgb.img_channels if rgb else self.img_channels
        rule = f"img_channels is {self.img_channels}"
        _require(made == self.img_channels, f"b{block.resolution}.torgb makes {made} image channels; {rule}.")
        for layer in (block.conv0, block.conv1, rgb):
            if layer is not None:
                ends = (layer.affine.in_features, layer.affine.out_features)
                needed = (self.w_dim, layer.in_channels)
                _require(ends == needed, f"An affine of b{block.resolution} maps {ends}; not {needed}.")


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """A whole generator."""

    mapping: MappingConfig
    synthesis: SynthesisConfig

    def __post_init__(self) -> None:
        ends, starts = self.mapping.w_dim, self.synthesis.w_dim
        _require(ends == starts, f"The mapping makes w of {ends} values; the synthesis reads {starts}.")

    @property
    def z_dim(self) -> int:
        return self.mapping.z_dim

    @property
    def c_dim(self) -> int:
        return self.mapping.c_dim

    @property
    def w_dim(self) -> int:
        return self.mapping.w_dim

    @property
    def img_resolution(self) -> int:
        return self.synthesis.img_resolution

    @property
    def img_channels(self) -> int:
        return self.synthesis.img_channels

    @property
    def num_ws(self) -> int:
        """Rows of ``ws``: ``2 * log2(img_resolution) - 2``, whatever the architecture."""
        return 2 * (self.img_resolution.bit_length() - 1) - 2

    def to_json(self) -> dict[str, Any]:
        """JSON-ready objects; tuples become lists. Exact: ``from_json(to_json())`` is equal."""
        return asdict(self)

    @staticmethod
    def from_json(document: object) -> NetworkConfig:
        """Strict: unknown, missing and mistyped keys are refused.

        Raises:
            CorruptModelError, UnsupportedModelError: with the key that is wrong.
        """
        return decode(NetworkConfig, document, "network")

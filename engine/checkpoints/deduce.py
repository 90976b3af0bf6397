"""From tensors in NVIDIA's names to a StyleGAN2 description: every size from a shape, every option from its layer.

What a file stores beside a layer's tensors (clamp, gains, activation) decides; only where it stores nothing do the
defaults of the public code that wrote it step in. What a file claims and its tensors deny is an error.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine.checkpoints.records import shown
from engine.checkpoints.tensors import LazyTensor
from engine.errors import CorruptModelError, UnsupportedModelError
from engine.network_config import (
    MAX_FILTER_TAPS,
    NO_FILTER,
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
from engine.network_tensors import check_tensor_shapes, expected_tensors

_BLOCK = re.compile(r"synthesis\.b([1-9][0-9]{0,4})\.")
_ROOT_GAIN = {"linear": 1.0, "tanh": 1.0, "sigmoid": 1.0, "elu": 1.0, "selu": 1.0, "softplus": 1.0}
_DEFAULT_TAPS = (0.125, 0.375, 0.375, 0.125)
_MISSING = object()


@dataclass(frozen=True, slots=True)
class ForeignNetwork:
    """A generator under NVIDIA's names, before it is understood.

    Attributes:
        tensors: By full name.
        attributes: What the file stores beside the tensors of a module, by module path; may be empty.
        default_clamp: `conv_clamp` of layers that do not store theirs.
        layout: Which public code wrote it.
    """

    tensors: Mapping[str, LazyTensor]
    attributes: Mapping[str, Mapping[str, Any]]
    layout: str
    default_clamp: float | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ParsedNetwork:
    """A generator that is understood: exactly the tensors that `config` needs."""

    config: NetworkConfig
    tensors: Mapping[str, LazyTensor]
    layout: str
    warnings: tuple[str, ...]


def deduce_network(foreign: ForeignNetwork) -> ParsedNetwork:
    """Understand a generator.

    Raises:
        UnsupportedModelError: it has parts that StyleGAN2 does not have.
        CorruptModelError: it lacks parts, or they do not fit together.
    """
    deduction = _Deduction(foreign)
    config = NetworkConfig(deduction.mapping(), deduction.synthesis())
    deduction.check_claims(config)
    needed = expected_tensors(config)
    for name in foreign.tensors:
        if name not in needed and not name.endswith("resample_filter"):
            raise UnsupportedModelError(f"The model has a part that StyleGAN2 does not: {name:.150}.")
    tensors = {name: foreign.tensors[name] for name in needed if name in foreign.tensors}
    check_tensor_shapes(config, {name: tensor.shape for name, tensor in tensors.items()})
    return ParsedNetwork(config, tensors, foreign.layout, (*foreign.warnings, *deduction.warnings))


@dataclass(slots=True)
class _Deduction:
    foreign: ForeignNetwork
    warnings: list[str] = field(default_factory=list)

    # --- what the file says ---------------------------------------------------------------------------------

    def shape(self, name: str, dimensions: int) -> tuple[int, ...]:
        tensor = self.foreign.tensors.get(name)
        if tensor is None:
            raise CorruptModelError(f"The model lacks the tensor {name:.150}.")
        if len(tensor.shape) != dimensions or 0 in tensor.shape:
            raise CorruptModelError(f"Tensor {name:.120} has shape {list(tensor.shape)}; {dimensions} sides are due.")
        return tensor.shape

    def stored(self, path: str, name: str, default: Any) -> Any:
        return self.foreign.attributes.get(path, {}).get(name, default)

    def number(self, path: str, name: str, default: float) -> float:
        value = self.stored(path, name, default)
        if type(value) not in (int, float) or not abs(value) <= 1e9:
            raise CorruptModelError(f"The model's {path}.{name} is {shown(value)}, which is not a usable number.")
        return float(value)

    def clamp(self, path: str) -> float | None:
        value = self.stored(path, "conv_clamp", self.foreign.default_clamp)
        return None if value is None else self.number(path, "conv_clamp", 0.0)

    def flag(self, path: str, name: str, default: bool) -> bool:
        value = self.stored(path, name, default)
        if type(value) is not bool:
            raise CorruptModelError(f"The model's {path}.{name} is {shown(value)}; it must be true or false.")
        return value

    def text(self, path: str, name: str, default: str) -> str:
        value = self.stored(path, name, default)
        if type(value) is not str:
            raise CorruptModelError(f"The model's {path}.{name} is {shown(value)}, not a name.")
        return value

    def must_be(self, path: str, name: str, value: Any) -> None:
        """Refuse a stored option that the tensors deny, or that only one value of is known."""
        claimed = self.stored(path, name, _MISSING)
        if claimed is not _MISSING and (type(claimed) is not type(value) or claimed != value):
            where = f"{path:.100}.{name}" if path else name
            raise CorruptModelError(f"The model says that {where} is {shown(claimed)}; its tensors: {shown(value)}.")

    # --- parts ----------------------------------------------------------------------------------------------

    def dense(self, path: str, activation: str, lr_multiplier: float) -> DenseConfig:
        outputs, inputs = self.shape(f"{path}.weight", 2)
        return DenseConfig(
            inputs,
            outputs,
            self.text(path, "activation", activation),
            self.number(path, "weight_gain", lr_multiplier / math.sqrt(inputs)),
            self.number(path, "bias_gain", lr_multiplier),
        )

    def mapping(self) -> MappingConfig:
        tensors = self.foreign.tensors
        count = 0
        while f"mapping.fc{count}.weight" in tensors:
            count += 1
        if not count:
            raise CorruptModelError("The model lacks its mapping network (mapping.fc0.weight).")
        layers = tuple(self.dense(f"mapping.fc{i}", "lrelu", 0.01) for i in range(count))
        embed = self.dense("mapping.embed", "linear", 1.0) if "mapping.embed.weight" in tensors else None
        beta = self.stored("mapping", "w_avg_beta", None)
        has_w_avg = "mapping.w_avg" in tensors
        if has_w_avg and not np.any(tensors["mapping.w_avg"].read()):
            self.warnings.append("The model's mean latent is all zeros: truncation will pull towards zero.")
        return MappingConfig(
            z_dim=layers[0].in_features - (embed.out_features if embed else 0),
            c_dim=embed.in_features if embed else 0,
            w_dim=layers[-1].out_features,
            embed=embed,
            layers=layers,
            has_w_avg=has_w_avg,
            w_avg_beta=None if beta is None else self.number("mapping", "w_avg_beta", 0.0),
        )

    def synthesis(self) -> SynthesisConfig:
        found = (_BLOCK.match(name) for name in self.foreign.tensors)
        resolutions = sorted({int(match[1]) for match in found if match})
        if not resolutions or resolutions[0] != 4:
            raise CorruptModelError("The model lacks its first block (synthesis.b4).")
        architecture = self._architecture(resolutions)
        blocks = tuple(self.block(resolution, architecture) for resolution in resolutions)
        last = blocks[-1].torgb
        if last is None:
            raise CorruptModelError(f"The last block b{resolutions[-1]} lacks torgb.")
        return SynthesisConfig(last.affine.in_features, resolutions[-1], last.img_channels, blocks)

    def _architecture(self, resolutions: list[int]) -> str:
        tensors = self.foreign.tensors
        if any(f"synthesis.b{r}.skip.weight" in tensors for r in resolutions):
            return "resnet"
        lower = resolutions[:-1]
        return "skip" if all(f"synthesis.b{r}.torgb.weight" in tensors for r in lower) else "orig"

    def block(self, resolution: int, architecture: str) -> BlockConfig:
        path = f"synthesis.b{resolution}"
        self.must_be(path, "resolution", resolution)
        architecture = self.text(path, "architecture", architecture)
        first = resolution == 4
        has_torgb = f"{path}.torgb.weight" in self.foreign.tensors
        return BlockConfig(
            resolution=resolution,
            architecture=architecture,
            use_fp16=self.flag(path, "use_fp16", False),
            conv0=None if first else self.conv(f"{path}.conv0", resolution, up=2),
            conv1=self.conv(f"{path}.conv1", resolution, up=1),
            torgb=self.torgb(f"{path}.torgb") if has_torgb else None,
            skip=self.skip(f"{path}.skip") if architecture == "resnet" and not first else None,
            resample_filter=self.taps(f"{path}.resample_filter"),
        )

    def conv(self, path: str, resolution: int, up: int) -> ConvConfig:
        outputs, inputs, size, _ = self.shape(f"{path}.weight", 4)
        use_noise = f"{path}.noise_strength" in self.foreign.tensors
        activation = self.text(path, "activation", "lrelu")
        for name, value in (("resolution", resolution), ("up", up), ("padding", size // 2), ("use_noise", use_noise)):
            self.must_be(path, name, value)
        return ConvConfig(
            in_channels=inputs,
            out_channels=outputs,
            kernel_size=size,
            use_noise=use_noise,
            activation=activation,
            act_gain=self.number(path, "act_gain", _ROOT_GAIN.get(activation, math.sqrt(2))),
            conv_clamp=self.clamp(path),
            affine=self.dense(f"{path}.affine", "linear", 1.0),
            resample_filter=self.taps(f"{path}.resample_filter") if up > 1 else NO_FILTER,
        )

    def torgb(self, path: str) -> ToRGBConfig:
        channels, inputs, size, _ = self.shape(f"{path}.weight", 4)
        return ToRGBConfig(
            in_channels=inputs,
            img_channels=channels,
            kernel_size=size,
            conv_clamp=self.clamp(path),
            weight_gain=self.number(path, "weight_gain", 1 / math.sqrt(inputs * size**2)),
            affine=self.dense(f"{path}.affine", "linear", 1.0),
        )

    def skip(self, path: str) -> ResnetSkipConfig:
        outputs, inputs, size, _ = self.shape(f"{path}.weight", 4)
        for name, value in (("up", 2), ("down", 1), ("activation", "linear"), ("conv_clamp", None)):
            self.must_be(path, name, value)
        return ResnetSkipConfig(
            in_channels=inputs,
            out_channels=outputs,
            kernel_size=size,
            weight_gain=self.number(path, "weight_gain", 1 / math.sqrt(inputs * size**2)),
            resample_filter=self.taps(f"{path}.resample_filter"),
        )

    def taps(self, name: str) -> ResampleFilter:
        """The 1-D taps of a stored filter, which is 2-D or (from eight taps on) 1-D; ``None``: not separable."""
        tensor = self.foreign.tensors.get(name)
        if tensor is None:
            return _DEFAULT_TAPS
        if len(tensor.shape) not in (1, 2) or not all(1 <= side <= MAX_FILTER_TAPS for side in tensor.shape):
            raise CorruptModelError(f"Tensor {name:.120} has shape {list(tensor.shape)}; it must be a small filter.")
        kernel = tensor.read().astype(np.float64)
        if kernel.ndim == 1:
            return tuple(kernel.tolist())
        total = kernel.sum()
        if kernel.shape[0] != kernel.shape[1] or total <= 0:
            return None
        taps = kernel.sum(axis=1) / math.sqrt(total)
        if np.abs(np.outer(taps, taps) - kernel).max() > 1e-6 * np.abs(kernel).max():
            return None
        return tuple(taps.tolist())

    # --- claims ---------------------------------------------------------------------------------------------

    def check_claims(self, config: NetworkConfig) -> None:
        """Sizes that modules store about themselves must be what the tensors make them."""
        facts: dict[str, Any] = {
            "z_dim": config.z_dim,
            "c_dim": config.c_dim,
            "w_dim": config.w_dim,
            "img_resolution": config.img_resolution,
            "img_channels": config.img_channels,
            "num_layers": len(config.mapping.layers),
        }
        for path in self._paths():
            for name, value in facts.items():
                self.must_be(path, name, value)
            if self.stored(path, "num_ws", None) is not None:
                self.must_be(path, "num_ws", config.num_ws)

    def _paths(self) -> Iterator[str]:
        yield from (path for path in self.foreign.attributes if path.count(".") < 2)

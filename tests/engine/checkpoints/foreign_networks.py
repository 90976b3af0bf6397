"""Small StyleGAN2 files as the public programs write them, with any option and any pickle protocol."""

from __future__ import annotations

import contextlib
import pickle
import sys
import types
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

CLAMP = 256


def _by_name(name: str, module: str) -> Any:
    def function(*_: object) -> None: ...

    function.__module__, function.__name__, function.__qualname__ = module, name, name
    return function


RECONSTRUCT = _by_name("_reconstruct_persistent_obj", "torch_utils.persistence")


@contextlib.contextmanager
def nvidia_modules() -> Iterator[None]:
    """While open, the names that such pickles mention can be written (they do nothing)."""
    parents = {"torch_utils": types.ModuleType("torch_utils"), "dnnlib": types.ModuleType("dnnlib")}
    persistence, util = types.ModuleType("torch_utils.persistence"), types.ModuleType("dnnlib.util")
    persistence._reconstruct_persistent_obj = RECONSTRUCT  # type: ignore[attr-defined]
    util.EasyDict = EasyDict  # type: ignore[attr-defined]
    added = {**parents, "torch_utils.persistence": persistence, "dnnlib.util": util}
    sys.modules.update(added)
    try:
        yield
    finally:
        for name in added:
            del sys.modules[name]


class EasyDict(dict[str, Any]):
    __module__ = "dnnlib.util"


@dataclass
class Module:
    """A pickled module of NVIDIA's persistence scheme; every part of its description can be spoilt."""

    class_name: Any
    parameters: dict[str, Any] = field(default_factory=dict)
    buffers: dict[str, Any] = field(default_factory=dict)
    modules: dict[str, Any] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    meta: dict[str, Any] = field(default_factory=dict)

    def __reduce__(self) -> tuple[Any, tuple[dict[str, Any]]]:
        state = {
            "training": False,
            "_parameters": {name: _parameter(value) for name, value in self.parameters.items()},
            "_buffers": self.buffers,
            "_non_persistent_buffers_set": set(),
            "_backward_hooks": OrderedDict(),
            "_modules": self.modules,
            **self.attributes,
        }
        meta = {
            "type": "class",
            "version": 6,
            "module_src": "# source\n",
            "class_name": self.class_name,
            "state": state,
        }
        return RECONSTRUCT, ({**meta, **self.meta},)


def _parameter(value: Any) -> Any:
    return torch.nn.Parameter(value, requires_grad=False) if isinstance(value, Tensor) else value


@dataclass(frozen=True)
class Options:
    """What a small generator is made with."""

    img_resolution: int = 8
    channels: int = 4
    z_dim: int = 6
    w_dim: int = 5
    c_dim: int = 0
    img_channels: int = 3
    num_layers: int = 2
    embed_features: int = 5
    layer_features: int = 5
    mapping_activation: str = "lrelu"
    lr_multiplier: float = 0.01
    w_avg_beta: float | None = 0.995
    architecture: str = "skip"
    activation: str = "lrelu"
    kernel_size: int = 3
    use_noise: bool = True
    conv_clamp: float | None = None
    use_fp16: bool = False
    resample_filter: Any = (1, 3, 3, 1)
    flat_kwargs: bool = False
    extra_kwargs: tuple[tuple[str, Any], ...] = ()


def fir(taps: Any) -> Tensor:
    """A stored resample filter: 2-D, or 1-D from eight taps on; sums to 1."""
    kernel = torch.as_tensor(taps, dtype=torch.float32)
    if kernel.ndim == 1 and kernel.numel() < 8:
        kernel = torch.outer(kernel, kernel)
    return kernel / kernel.sum()


def numbers(*shape: int) -> Tensor:
    return torch.from_numpy(np.random.RandomState(sum(shape) + len(shape)).standard_normal(shape).astype(np.float32))


def _dense(inputs: int, outputs: int, activation: str = "linear", lr: float = 1.0) -> Module:
    return Module(
        "FullyConnectedLayer",
        {"weight": numbers(outputs, inputs), "bias": numbers(outputs)},
        attributes={
            "activation": activation,
            "weight_gain": np.float64(lr / np.sqrt(inputs)),
            "bias_gain": lr,
            "_init_args": (inputs, outputs),
            "_init_kwargs": {},
        },
    )


def _conv(options: Options, inputs: int, resolution: int, up: int) -> Module:
    parameters = {
        "weight": numbers(options.channels, inputs, options.kernel_size, options.kernel_size),
        "bias": numbers(options.channels),
    }
    buffers: dict[str, Any] = {"resample_filter": fir(options.resample_filter)}
    if options.use_noise:
        parameters["noise_strength"] = torch.tensor(0.5)
        buffers["noise_const"] = numbers(resolution, resolution)
    return Module(
        "SynthesisLayer",
        parameters,
        buffers,
        {"affine": _dense(options.w_dim, inputs)},
        {
            "resolution": resolution,
            "up": up,
            "use_noise": options.use_noise,
            "activation": options.activation,
            "conv_clamp": options.conv_clamp,
            "padding": options.kernel_size // 2,
            "act_gain": np.float64(np.sqrt(2)),
        },
    )


def _block(options: Options, resolution: int) -> Module:
    first, last = resolution == 4, resolution == options.img_resolution
    channels = options.channels
    modules = {"conv1": _conv(options, channels, resolution, 1)}
    if not first:
        modules["conv0"] = _conv(options, channels, resolution, 2)
    if last or options.architecture == "skip":
        modules["torgb"] = Module(
            "ToRGBLayer",
            {"weight": numbers(options.img_channels, channels, 1, 1), "bias": numbers(options.img_channels)},
            modules={"affine": _dense(options.w_dim, channels)},
            attributes={"conv_clamp": options.conv_clamp, "weight_gain": np.float64(1 / np.sqrt(channels))},
        )
    if options.architecture == "resnet" and not first:
        modules["skip"] = Module(
            "Conv2dLayer",
            {"weight": numbers(channels, channels, 1, 1)},
            {"resample_filter": fir(options.resample_filter)},
            attributes={
                "activation": "linear", "up": 2, "down": 1, "conv_clamp": None, "bias": None, "padding": 0,
                "weight_gain": np.float64(1 / np.sqrt(channels)),
            },
        )  # fmt: skip
    return Module(
        "SynthesisBlock",
        {"const": numbers(channels, 4, 4)} if first else {},
        {"resample_filter": fir(options.resample_filter)},
        modules,
        {"architecture": options.architecture, "use_fp16": options.use_fp16, "resolution": resolution},
    )


def generator(options: Options = Options()) -> Module:
    """A generator's module tree, ready to pickle."""
    sizes = {name: getattr(options, name) for name in ("z_dim", "c_dim", "w_dim", "img_resolution", "img_channels")}
    resolutions = [4 << i for i in range(options.img_resolution.bit_length() - 2)]
    mapping: dict[str, Any] = {}
    width = options.z_dim
    if options.c_dim:
        mapping["embed"] = _dense(options.c_dim, options.embed_features)
        width += options.embed_features
    for index in range(options.num_layers):
        outputs = options.w_dim if index == options.num_layers - 1 else options.layer_features
        mapping[f"fc{index}"] = _dense(width, outputs, options.mapping_activation, options.lr_multiplier)
        width = outputs
    num_ws = 2 * len(resolutions)
    synthesis_kwargs = {"channel_base": 64, "channel_max": options.channels, **dict(options.extra_kwargs)}
    kwargs = synthesis_kwargs if options.flat_kwargs else {"synthesis_kwargs": EasyDict(synthesis_kwargs)}
    return Module(
        "Generator",
        modules={
            "synthesis": Module(
                "SynthesisNetwork",
                modules={f"b{r}": _block(options, r) for r in resolutions},
                attributes={"num_ws": num_ws, "img_resolution": options.img_resolution, "w_dim": options.w_dim},
            ),
            "mapping": Module(
                "MappingNetwork",
                buffers={} if options.w_avg_beta is None else {"w_avg": numbers(options.w_dim)},
                modules=mapping,
                attributes={"num_layers": options.num_layers, "num_ws": num_ws, "w_avg_beta": options.w_avg_beta},
            ),
        },
        attributes={**sizes, "num_ws": num_ws, "_init_kwargs": {**sizes, "mapping_kwargs": {}, **kwargs}},
    )


def snapshot(network: Any, protocol: int = 4) -> bytes:
    """A training snapshot holding `network` as G_ema."""
    with nvidia_modules():
        return pickle.dumps({"training_set_kwargs": None, "G_ema": network, "augment_pipe": None}, protocol)


def pickled(value: Any, protocol: int = 4) -> bytes:
    with nvidia_modules():
        return pickle.dumps(value, protocol)


def rosinality_state(size: int = 8, channels: int = 4, style_dim: int = 5, n_mlp: int = 2) -> dict[str, Tensor]:
    """A rosinality generator's state dict."""
    state: dict[str, Tensor] = OrderedDict()
    for index in range(n_mlp):
        state[f"style.{index + 1}.weight"] = numbers(style_dim, style_dim)
        state[f"style.{index + 1}.bias"] = numbers(style_dim)
    state["input.input"] = numbers(1, channels, 4, 4)
    layers = ["conv1"] + [f"convs.{i}" for i in range(2 * (size.bit_length() - 3))]
    for name in layers:
        state[f"{name}.conv.weight"] = numbers(1, channels, channels, 3, 3)
        state[f"{name}.conv.modulation.weight"] = numbers(channels, style_dim)
        state[f"{name}.conv.modulation.bias"] = numbers(channels)
        if name.startswith("convs.") and int(name[6:]) % 2 == 0:
            state[f"{name}.conv.blur.kernel"] = fir((1, 3, 3, 1)) * 4
        state[f"{name}.noise.weight"] = torch.tensor([0.5])
        state[f"{name}.activate.bias"] = numbers(channels)
    for name in ["to_rgb1"] + [f"to_rgbs.{i}" for i in range(size.bit_length() - 3)]:
        state[f"{name}.conv.weight"] = numbers(1, 3, channels, 1, 1)
        state[f"{name}.conv.modulation.weight"] = numbers(channels, style_dim)
        state[f"{name}.conv.modulation.bias"] = numbers(channels)
        state[f"{name}.bias"] = numbers(1, 3, 1, 1)
    for index in range(len(layers)):
        side = 4 << (index + 1) // 2
        state[f"noises.noise_{index}"] = numbers(1, 1, side, side)
    return state

"""Generators as NVIDIA's PyTorch code pickles them: stylegan2-ada-pytorch, and StyleGAN2 of the stylegan3 repository.

Both pickle whole modules (their ``__dict__`` and their source, which is never run). They differ in their defaults
and in whether the options of the synthesis network are nested or flat.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.checkpoints.deduce import ForeignNetwork
from engine.checkpoints.records import ArrayRecord, PersistentObject, TensorRecord, shown
from engine.checkpoints.tensors import LazyTensor, lazy_tensor
from engine.errors import CorruptModelError, UnsupportedModelError

MAX_MODULES = 2_000
MAX_MODULE_DEPTH = 6

_CLASSES = {
    "": "Generator",
    "mapping": "MappingNetwork",
    "synthesis": "SynthesisNetwork",
    "block": "SynthesisBlock",
    "conv": "SynthesisLayer",
    "torgb": "ToRGBLayer",
    "skip": "Conv2dLayer",
    "dense": "FullyConnectedLayer",
}
_MAPPING_OPTIONS = {
    "num_layers", "embed_features", "layer_features", "activation", "lr_multiplier", "w_avg_beta",
}  # fmt: skip
_SYNTHESIS_OPTIONS = {
    "channel_base", "channel_max", "num_fp16_res", "conv_clamp", "architecture", "resample_filter", "use_noise",
    "activation", "kernel_size", "fp16_channels_last", "fused_modconv_default",
}  # fmt: skip
_OWN_OPTIONS = {
    "class_name", "z_dim", "c_dim", "w_dim", "img_resolution", "img_channels", "mapping_kwargs", "synthesis_kwargs",
}  # fmt: skip
_CLAIMS = ("z_dim", "c_dim", "w_dim", "img_resolution", "img_channels")


def nvidia_network(generator: PersistentObject) -> ForeignNetwork:
    """Lay a pickled generator out as tensors and attributes by path.

    Raises:
        UnsupportedModelError: it is not a StyleGAN2 generator.
        CorruptModelError: it is malformed.
    """
    if generator.class_name == "Discriminator":
        raise UnsupportedModelError("This is only a discriminator: it judges pictures and cannot make one.")
    tensors: dict[str, LazyTensor] = {}
    attributes: dict[str, dict[str, Any]] = {}
    _refuse_stylegan3(generator)
    _flatten(generator, "", tensors, attributes, set())
    options = _mapping_of(attributes[""].get("_init_kwargs", {}), "_init_kwargs")
    newer = "in_features" in attributes.get("mapping.fc0", {}) or not _SYNTHESIS_OPTIONS.isdisjoint(options)
    nested = "synthesis_kwargs" in options or not newer
    _check_options(options, _OWN_OPTIONS if nested else _OWN_OPTIONS | _SYNTHESIS_OPTIONS, "Generator")
    mapping_options = _mapping_of(options.get("mapping_kwargs", {}), "mapping_kwargs")
    _check_options(mapping_options, _MAPPING_OPTIONS, "mapping")
    synthesis_options = options
    if nested:
        synthesis_options = _mapping_of(options.get("synthesis_kwargs", {}), "synthesis_kwargs")
        _check_options(synthesis_options, _SYNTHESIS_OPTIONS, "synthesis")
    claims = {name: options[name] for name in _CLAIMS if name in options}
    if "num_layers" in mapping_options:
        claims["num_layers"] = mapping_options["num_layers"]
    attributes["_init_kwargs"] = claims
    return ForeignNetwork(
        tensors,
        attributes,
        layout="stylegan2-ada-pytorch" if nested else "stylegan3-stylegan2",
        default_clamp=_clamp(synthesis_options.get("conv_clamp", None if nested else 256)),
    )


def _clamp(value: Any) -> float | None:
    if value is None:
        return None
    if type(value) not in (int, float) or not 0 <= value <= 1e9:
        raise CorruptModelError(f"The model's conv_clamp is {shown(value)}, which is not a usable number.")
    return float(value)


def _mapping_of(value: Any, name: str) -> dict[str, Any]:
    if type(value) is not dict or not all(type(key) is str for key in value):
        raise CorruptModelError(f"The model's {name} is not a table of options.")
    return value


def _check_options(given: Mapping[str, Any], known: set[str], where: str) -> None:
    if unknown := sorted(set(given) - known):
        raise UnsupportedModelError(
            f"The model was made with the {where} option {shown(unknown[0])}, which StyleGAN2 does not have.",
            "It probably comes from a modified training program.",
        )


def _refuse_stylegan3(generator: PersistentObject) -> None:
    synthesis = _children(generator).get("synthesis")
    if isinstance(synthesis, PersistentObject) and "input" in _children(synthesis):
        raise UnsupportedModelError(
            "This is a StyleGAN3 network. Graft recognises it but does not run it yet.",
            "Use a StyleGAN2 or StyleGAN2-ADA network.",
        )


def _table(module: PersistentObject, name: str) -> dict[Any, Any]:
    table = module.state.get(name, {})
    if type(table) is not dict or not all(type(key) is str for key in table):
        raise CorruptModelError(f"A module of the model has a malformed {name}.")
    return table


def _children(module: PersistentObject) -> dict[Any, Any]:
    return _table(module, "_modules")


def _flatten(
    module: PersistentObject,
    path: str,
    tensors: dict[str, LazyTensor],
    attributes: dict[str, dict[str, Any]],
    seen: set[int],
) -> None:
    if id(module.state) in seen:
        raise UnsupportedModelError(f"The model uses one part twice, which StyleGAN2 never does: {path:.120}.")
    seen.add(id(module.state))
    if len(attributes) >= MAX_MODULES or path.count(".") >= MAX_MODULE_DEPTH:
        raise UnsupportedModelError("The model has more parts than any StyleGAN2 network.")
    _check_class(module, path)
    attributes[path] = {
        name: value
        for name, value in module.state.items()
        if type(name) is str and (not name.startswith("_") or name == "_init_kwargs")
    }
    for table in ("_parameters", "_buffers"):
        for name, record in _table(module, table).items():
            if record is None:
                continue
            full = f"{path}.{name}".lstrip(".")
            if not isinstance(record, TensorRecord | ArrayRecord):
                raise CorruptModelError(f"The model's {full:.120} is not a tensor.")
            tensors[full] = lazy_tensor(full, record)
    for name, child in _children(module).items():
        if child is None:
            continue
        full = f"{path}.{name}".lstrip(".")
        if not isinstance(child, PersistentObject):
            raise CorruptModelError(f"The model's part {full:.120} is not a network module.")
        _flatten(child, full, tensors, attributes, seen)


def _check_class(module: PersistentObject, path: str) -> None:
    last = path.rpartition(".")[2]
    if path in ("", "mapping", "synthesis"):
        role = path
    elif last in ("conv0", "conv1"):
        role = "conv"
    elif last in ("torgb", "skip"):
        role = last
    else:
        role = "dense" if last == "affine" or path.startswith("mapping.") else "block"
    if module.class_name != _CLASSES[role]:
        whose = f"part {path:.80}" if path else "generator"
        rule = f"in StyleGAN2 it is {_CLASSES[role]}"
        raise UnsupportedModelError(f"The class of the model's {whose} is {module.class_name:.60}; {rule}.")


def find_generator(root: dict[Any, Any]) -> PersistentObject | None:
    """The network to use of a training snapshot: ``G_ema``, else ``G``; ``None`` when there are no networks.

    Raises:
        UnsupportedModelError: there are networks, but no generator.
    """
    networks = {name for name, value in root.items() if isinstance(value, PersistentObject)}
    for name in ("G_ema", "G"):
        if name in networks:
            generator: PersistentObject = root[name]
            return generator
    if networks:
        names = ", ".join(sorted(str(name)[:40] for name in networks)[:5])
        raise UnsupportedModelError(f"The file holds no generator (G_ema), only {names}.")
    return None

"""Portrait encoders as pSp, e4e, ReStyle and their relatives save them: ``state_dict``, ``opts``, ``latent_avg``.

The tensors say how an encoder is built; only what they cannot say (whether rows are differences, whether the mean
latent is added) is read from the options. Nothing else of them is looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from engine.checkpoints.allowed import OPTIONS
from engine.checkpoints.records import ArrayRecord, Instance, TensorRecord, shown
from engine.checkpoints.tensors import LazyTensor, lazy_tensor
from engine.errors import CorruptModelError, UnsupportedModelError
from engine.published_encoder import LATENT_AVG, CodeSpace, Heads, PublishedSizes, Trunk, check_shapes

ENCODER = "encoder."
DECODER = "decoder."
MAX_NAME_CHARS = 60

_KINDS: dict[str, tuple[Heads, bool]] = {
    "GradualStyleEncoder": (Heads.PYRAMID, False),
    "BackboneEncoderUsingLastLayerIntoW": (Heads.SINGLE, False),
    "BackboneEncoderUsingLastLayerIntoWPlus": (Heads.DENSE, False),
    "Encoder4Editing": (Heads.PYRAMID, True),
    "SingleStyleCodeEncoder": (Heads.SINGLE, True),
    "BackboneEncoder": (Heads.LAST, False),
    "ResNetBackboneEncoder": (Heads.LAST, False),
    "ProgressiveBackboneEncoder": (Heads.LAST, True),
    "ResNetProgressiveBackboneEncoder": (Heads.LAST, True),
}
_ONLY_E4E = ("delta_norm", "w_discriminator_lambda", "progressive_start")

Records = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ParsedEncoder:
    """An encoder that is understood: exactly the tensors that `sizes` needs, and where it says it was trained."""

    sizes: PublishedSizes
    tensors: Mapping[str, LazyTensor]
    dataset: str


def encoder_names(state: Records) -> dict[str, Any]:
    """The encoder's part of a state dict under its own names, with or without ``encoder.`` before them."""
    inner = {name[len(ENCODER) :]: value for name, value in state.items() if name.startswith(ENCODER)}
    found = inner or dict(state)
    return {name: value for name, value in found.items() if not name.endswith("num_batches_tracked")}


def is_encoder(state: Records) -> bool:
    """Whether these are the names of such an encoder."""
    names = encoder_names(state)
    heads = "linear.weight" in names or "styles.0.linear.weight" in names
    return heads and ("body.0.res_layer.0.weight" in names or "body.0.conv1.weight" in names)


def parse_encoder(state: Records, root: Records) -> ParsedEncoder:
    """Understand an encoder.

    Args:
        state: The state dict that `is_encoder` knew.
        root: What the file holds at the top: ``opts`` and ``latent_avg`` are read.

    Raises:
        UnsupportedModelError: it reads something else than pictures, or is of an unknown kind.
        CorruptModelError: it lacks parts, or they do not fit together.
    """
    names = encoder_names(state)
    options = _options(root)
    heads, deltas = _kind(names, options)
    resnet = "conv1.weight" in names
    first = _shape(names, "conv1.weight" if resnet else "input_layer.0.weight", 4)
    starts = (0, 3, 7, 13) if resnet else (0, 3, 7, 21)
    part = "conv1.weight" if resnet else "res_layer.1.weight"
    widths = tuple(_shape(names, f"body.{start}.{part}", 4)[0] for start in starts)
    label_channels = options.get("label_nc", 0)
    if first[1] not in (1, 3, 6) or (type(label_channels) is int and label_channels > 0):
        raise UnsupportedModelError(
            f"This encoder reads pictures of {first[1]} channels, such as maps of labels; Graft gives it photos.",
            "Encoders with 1, 3 or 6 input channels work.",
        )
    mean = _mean_latent(root)
    is_iterative = first[1] == 6
    adds_mean = is_iterative or _flag(options, "start_from_latent_avg", mean is not None)
    dataset = _text(options, "dataset_type")
    is_plain = heads is Heads.PYRAMID and not deltas and not is_iterative
    is_open = not adds_mean or (is_plain and dataset in ("", "ffhq_encode"))
    sizes = PublishedSizes(
        Trunk.RESNET34 if resnet else Trunk.IR_SE50,
        heads,
        deltas,
        first[1],
        widths,
        _rows(names, heads, widths[-1]),
        adds_mean,
        0 if mean is None else mean.shape[0],
        CodeSpace.EITHER if is_open else CodeSpace.W_PLUS,
        is_drawing="sketch" in dataset,
        is_car=dataset.startswith("cars"),
    )
    tensors = {name: lazy_tensor(name, record) for name, record in names.items()}
    if mean is not None:
        tensors[LATENT_AVG] = mean
    check_shapes(sizes, {name: tensor.shape for name, tensor in tensors.items()})
    return ParsedEncoder(sizes, tensors, dataset)


def _options(root: Records) -> dict[str, Any]:
    """``opts``, which is a table, or the namespace of a command line. A file without has an empty one."""
    found = root.get("opts")
    if isinstance(found, Instance) and found.kind == OPTIONS:
        found = found.state
    if found is None:
        return {}
    if type(found) is not dict:
        raise CorruptModelError(f"The encoder's opts are {shown(found)}, not a table of options.")
    return found


def _kind(names: Records, options: Mapping[str, Any]) -> tuple[Heads, bool]:
    """How rows are read, which the tensors say, and whether they are differences, which only the options can say."""
    if "latlayer1.weight" in names:
        heads = Heads.PYRAMID
    elif "styles.0.linear.weight" in names:
        heads = Heads.LAST
    else:
        heads = Heads.DENSE if "output_layer_2.3.weight" in names else Heads.SINGLE
    said = _text(options, "encoder_type")
    if said:
        if said not in _KINDS:
            raise UnsupportedModelError(f"The encoder is of the kind {shown(said)}, which Graft does not know.")
        claimed, deltas = _KINDS[said]
        if claimed is not heads:
            raise CorruptModelError(f"The file says its encoder is a {shown(said)}; its tensors are of another kind.")
        return heads, deltas
    if any(name in options for name in _ONLY_E4E):
        return heads, heads is not Heads.DENSE
    if heads in (Heads.SINGLE, Heads.DENSE):
        return heads, False
    raise UnsupportedModelError(
        "The file does not say whether its encoder is of the kind pSp or e4e: opts.encoder_type is missing.",
        "Use the file as its makers saved it.",
    )


def _rows(names: Records, heads: Heads, w_dim: int) -> int:
    if heads is Heads.SINGLE:
        return 1
    if heads is Heads.DENSE:
        return max(1, _shape(names, "linear.weight", 2)[0] // w_dim)
    rows = 0
    while f"styles.{rows}.linear.weight" in names:
        rows += 1
    return rows


def _mean_latent(root: Records) -> LazyTensor | None:
    """``[w_dim]`` or one row per style or for all: as ``[rows, w_dim]``."""
    record = root.get(LATENT_AVG)
    if record is None:
        return None
    if not isinstance(record, TensorRecord | ArrayRecord):
        raise CorruptModelError("The encoder's latent_avg is not a tensor.")
    mean = lazy_tensor(LATENT_AVG, record)
    if len(mean.shape) == 3 and mean.shape[0] == 1:
        return replace(mean, shape=mean.shape[1:], read=lambda: np.ascontiguousarray(mean.read()[0]))
    if len(mean.shape) == 1:
        return replace(mean, shape=(1, *mean.shape), read=lambda: mean.read()[None])
    if len(mean.shape) != 2 or 0 in mean.shape:
        raise CorruptModelError(f"The encoder's latent_avg has the impossible shape {list(mean.shape)}.")
    return mean


def _shape(names: Records, name: str, dimensions: int) -> tuple[int, ...]:
    record = names.get(name)
    if record is None:
        raise CorruptModelError(f"The encoder lacks the tensor {name}.")
    shape: tuple[int, ...] = record.shape
    if len(shape) != dimensions or 0 in shape:
        raise CorruptModelError(f"The encoder's tensor {name} has shape {list(shape)}; {dimensions} sides are due.")
    return shape


def _flag(options: Mapping[str, Any], name: str, default: bool) -> bool:
    value = options.get(name, default)
    if type(value) is not bool:
        raise CorruptModelError(f"The encoder's option {name} is {shown(value)}; it must be true or false.")
    return value


def _text(options: Mapping[str, Any], name: str) -> str:
    value = options.get(name)
    if value is None:
        return ""
    if type(value) is not str or len(value) > MAX_NAME_CHARS or not value.isprintable():
        raise CorruptModelError(f"The encoder's option {name} is {shown(value)}, which is no name.")
    return value

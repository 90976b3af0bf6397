"""Helper networks on disk: small nets that come with Graft and see faces for it.

One safetensors file each, float16. Under the metadata key ``graft-helper`` lies a JSON object: ``format`` (version)
and the fields of `HelperCard`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save as to_safetensors
from torch import Tensor

from engine.atomic import write_atomic
from engine.checkpoints.safetensors_file import Header, TensorEntry, read_header
from engine.errors import CorruptModelError, ModelError, UnsupportedModelError
from engine.strict_json import decode, parse_json_object, take_format

FORMAT_VERSION = 1
METADATA_KEY = "graft-helper"
MAX_FILE_BYTES = 64 << 20
LICENCE = (
    "CC BY 4.0. Learned from the Face Research Lab London Set: DeBruine, L. and Jones, B. (2017), "
    "doi 10.6084/m9.figshare.5047666.v5, CC BY 4.0."
)

_DTYPES: Mapping[str, np.dtype[Any]] = {
    "float16": np.dtype("<f2"),
    "float32": np.dtype("<f4"),
    "int64": np.dtype("<i8"),
}


@dataclass(frozen=True, slots=True)
class HelperCard:
    """What a helper's file says of it.

    Attributes:
        kind: ``landmarks``, ``sketch`` or ``perceptual``.
        input_px: Height and width of the pictures that it was trained on.
        points: Landmarks: what each output is, see `engine.nets.landmarks.LANDMARKS`. Empty for other kinds.
        lineage: What was done, oldest first.
        licence: In a sentence.
    """

    kind: str
    input_px: int
    points: tuple[int, ...]
    lineage: tuple[dict[str, Any], ...]
    licence: str


def save_helper(path: Path, card: HelperCard, tensors: Mapping[str, Tensor]) -> None:
    """Write a helper; floats become float16.

    Raises:
        ModelError: a number is too large for float16, or none.
        StorageError: it cannot be written.
    """
    packed = {}
    for name, tensor in tensors.items():
        packed[name] = tensor.detach().cpu().contiguous()
        if tensor.is_floating_point():
            packed[name] = packed[name].half()
            if not torch.isfinite(packed[name]).all():
                raise ModelError(f"The weights {name:.80} do not fit into half precision.", "Train it anew.")
    text = json.dumps({"format": FORMAT_VERSION, **asdict(card)}, allow_nan=False, separators=(",", ":"))
    write_atomic(path, to_safetensors(packed, {METADATA_KEY: text}))


def load_helper(path: Path, kind: str) -> tuple[HelperCard, dict[str, Tensor]]:
    """Read a helper strictly; floats come as float32.

    Raises:
        ModelError: there is no such file, it is damaged, of another kind, or by a newer Graft.
    """
    try:
        if os.stat(path).st_size > MAX_FILE_BYTES:
            raise UnsupportedModelError(f"{path.name:.80} is larger than {MAX_FILE_BYTES >> 20} MiB; no helper is.")
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path.name:.80} cannot be read: {error.strerror}.") from error
    header = read_header(memoryview(data))
    card = _card(header, path.name)
    if card.kind != kind:
        raise UnsupportedModelError(f"{path.name:.80} is a helper for {card.kind:.40}, not for {kind}.")
    return card, {name: _tensor(name, entry, data) for name, entry in header.tensors.items()}


def _card(header: Header, name: str) -> HelperCard:
    text = header.metadata.get(METADATA_KEY)
    if text is None:
        raise UnsupportedModelError(f"{name:.80} is no helper network of Graft's.")
    document = parse_json_object(text)
    take_format(document, FORMAT_VERSION, f"{name:.80}")
    return decode(HelperCard, document, "metadata")


def _tensor(name: str, entry: TensorEntry, data: bytes) -> Tensor:
    dtype = _DTYPES.get(entry.dtype)
    if dtype is None:
        raise UnsupportedModelError(f"Tensor {name:.80} is {entry.dtype}; helpers hold float16, float32 and int64.")
    values = np.frombuffer(data, dtype, (entry.end - entry.begin) // dtype.itemsize, entry.begin)
    tensor = torch.from_numpy(values.reshape(entry.shape).copy())
    if not tensor.is_floating_point():
        return tensor
    if not torch.isfinite(tensor).all():
        raise CorruptModelError(f"Tensor {name:.80} holds values that are no numbers.")
    return tensor.float()

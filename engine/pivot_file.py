"""Graft's file of a tuned model: what tuning changed in its parent, coded small. Knows no torch.

A safetensors file with a JSON object under the metadata key ``graft-pivot``: ``format`` (version), ``parent`` (name,
SHA-256 and size of the file that was tuned; a size of 0 is not known), ``content`` (SHA-256 of the parent's tensors),
``steps`` (what was done since, as lineage steps). Tensors carry the names of those that changed. A large one is coded
in 4 bits: ``uint8``, two numbers from -7 to 7 in each, the first in the lower half, 8 added; with it,
``<name>.scale`` holds one ``float32`` per output channel. A small one is the difference itself, ``float32``. Mapping,
noise maps and filters are the parent's.

Differences do not stack: the parent is a whole model.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save as to_safetensors

from engine.atomic import write_atomic
from engine.checkpoints.opcodes import incomplete
from engine.checkpoints.safetensors_file import Header, TensorEntry, header_bytes, parse_header
from engine.errors import CorruptModelError, ModelError, UnsupportedModelError, printable
from engine.network_metadata import NetworkMetadata, SourceFile
from engine.network_tensors import FREE_SHAPE, expected_tensors
from engine.state import ModelRef
from engine.strict_json import decode, parse_json_object, take_format
from engine.tuning_steps import NAME_CHARS, PIVOT, parent_of

PIVOT_KEY = "graft-pivot"
FORMAT_VERSION = 1
SCALE = ".scale"
LARGEST_CODE = 7
CODED_FROM = 256
"""Numbers in a tensor from which coding it pays."""
MAX_STEPS = 100

Tensors: TypeAlias = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class _Parent:
    name: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class _Document:
    parent: _Parent
    content: str
    steps: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True, eq=False)
class PivotFile:
    """A file of differences, all of it that can be checked without its parent.

    Attributes:
        parent: What they are differences from.
        parent_bytes: Size of its file, 0 where that is not known.
        content: See the module.
        steps: What was done to the parent, oldest first.
        codes: By name: ``uint8`` codes and ``float32`` scales of a coded tensor.
        plain: By name: differences that are not coded, ``float32``.
    """

    parent: ModelRef
    parent_bytes: int
    content: str
    steps: tuple[dict[str, Any], ...]
    codes: Mapping[str, tuple[NDArray[np.uint8], NDArray[np.float32]]]
    plain: Tensors

    def to_bytes(self) -> bytes:
        document = {
            "format": FORMAT_VERSION,
            "parent": {"name": self.parent.name, "sha256": self.parent.sha256, "size": self.parent_bytes},
            "content": self.content,
            "steps": list(self.steps),
        }
        tensors: dict[str, NDArray[Any]] = dict(self.plain)
        for name, (codes, scales) in self.codes.items():
            tensors |= {name: codes, name + SCALE: scales}
        return to_safetensors(tensors, {PIVOT_KEY: json.dumps(document, allow_nan=False, separators=(",", ":"))})

    def save(self, path: Path) -> int:
        """Write it, whole or not at all; returns how many bytes.

        Raises:
            StorageError: it cannot be written.
        """
        return write_atomic(path, self.to_bytes())

    def differences(self, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, NDArray[np.float32]]:
        """What is to be added to the parent's tensors, by name.

        Raises:
            CorruptModelError: they do not fit `shapes`; names the tensor.
        """
        for name in (*self.codes, *self.plain):
            if not is_tunable(name) or shapes.get(name, FREE_SHAPE) == FREE_SHAPE:
                raise CorruptModelError(f"The tuning changes {name:.100}, which its parent does not have or keeps.")
        for name, difference in self.plain.items():
            if difference.shape != shapes[name]:
                raise _misfit(name, difference.shape, shapes[name])
        found = dict(self.plain)
        for name, (codes, scales) in self.codes.items():
            found[name] = _decoded(name, codes, scales, shapes[name])
        return found


def is_tunable(name: str) -> bool:
    """Whether tuning changes this tensor of the open format."""
    return name.startswith("synthesis.") and not name.endswith((".noise_const", ".resample_filter"))


def make_pivot(
    parent: ModelRef,
    before: Tensors,
    after: Tensors,
    steps: Sequence[Mapping[str, Any]],
    *,
    parent_bytes: int = 0,
) -> PivotFile:
    """Code what changed. Coding loses a little: `compose` tells what a reader of the file will get.

    Args:
        parent: A whole model.
        before: Its tensors, float32, under the names of the open format.
        after: The tuned ones.
        steps: As in `PivotFile`, from `engine.tuning_steps.pivot_step`; the first begins with `parent`.
    """
    codes: dict[str, tuple[NDArray[np.uint8], NDArray[np.float32]]] = {}
    plain: dict[str, NDArray[np.float32]] = {}
    for name, old in before.items():
        difference = np.asarray(after[name] - old, np.float32)
        if not is_tunable(name) or not difference.any():
            continue
        if difference.size >= CODED_FROM and difference.ndim >= 2:
            codes[name] = _coded(difference)
        else:
            plain[name] = difference
    content = _content(before)
    return PivotFile(parent, parent_bytes, content, tuple(map(dict, steps)), codes, plain)


def compose(
    pivot: PivotFile, metadata: NetworkMetadata, tensors: Tensors
) -> tuple[NetworkMetadata, dict[str, NDArray[np.float32]]]:
    """The tuned model.

    Args:
        metadata: Of the parent.
        tensors: Its tensors; not modified, those that did not change are shared.

    Raises:
        CorruptModelError: the differences do not fit this model, or give numbers that are none.
    """
    differences = pivot.differences(expected_tensors(metadata.network))
    if _content(tensors) != pivot.content:
        problem = f"The tuning was made from another “{pivot.parent.name:.60}” than the one that is here."
        raise CorruptModelError(problem, f"Its parent's SHA-256 starts with {pivot.parent.sha256[:12]}.")
    tuned = dict(tensors)
    for name, difference in differences.items():
        tuned[name] = np.asarray(tensors[name] + difference)
        if not np.isfinite(tuned[name]).all():
            raise CorruptModelError(f"Tensor {name:.120} holds values that are not finite numbers.")
    lineage = (*metadata.lineage, *pivot.steps)
    return replace(metadata, source=SourceFile("graft"), lineage=lineage, warnings=()), tuned


# --- reading --------------------------------------------------------------------------------------------------------


def is_pivot(file: BinaryIO, size: int) -> bool:
    """Whether a file claims to be one; if it does, `read_pivot` says whether it is a good one."""
    try:
        return PIVOT_KEY in _read_header(file, size).metadata
    except ModelError:
        return False


def read_pivot(file: BinaryIO) -> PivotFile:
    """Read and check a file of differences, as far as that goes without its parent.

    Raises:
        ModelError: with what is wrong.
    """
    header = _read_header(file, os.fstat(file.fileno()).st_size)
    text = header.metadata.get(PIVOT_KEY)
    if text is None:
        raise UnsupportedModelError("The file is not a tuning that Graft saved.")
    document = _document(text)
    parent = ModelRef(document.parent.sha256, printable(document.parent.name, NAME_CHARS))
    codes: dict[str, tuple[NDArray[np.uint8], NDArray[np.float32]]] = {}
    plain: dict[str, NDArray[np.float32]] = {}
    coded = {name for name, entry in header.tensors.items() if entry.dtype == "uint8"}
    for name, entry in header.tensors.items():
        if name in coded:
            codes[name] = _numbers(file, name, entry, np.uint8), _scales(file, name, header)
        elif entry.dtype != "float32":
            raise UnsupportedModelError(f"Tensor {name:.100} is {entry.dtype}; a tuning holds float32 and uint8.")
        elif name.removesuffix(SCALE) not in coded:
            plain[name] = _finite(name, _numbers(file, name, entry, np.float32))
    return PivotFile(parent, document.parent.size, document.content, document.steps, codes, plain)


def _document(text: str) -> _Document:
    found = parse_json_object(text)
    take_format(found, FORMAT_VERSION, "This tuning", "Update Graft, or save it as a whole model there.")
    document = decode(_Document, found, PIVOT_KEY)
    steps = document.steps
    if not 1 <= len(steps) <= MAX_STEPS or any(
        type(step) is not dict or step.get("step") != PIVOT or parent_of(step) is None for step in steps
    ):
        raise CorruptModelError("The tuning does not say properly what was done.")
    first = parent_of(steps[0])
    if first is None or first.sha256 != document.parent.sha256:
        raise CorruptModelError("The tuning names one parent, and its first step another.")
    return document


def _read_header(file: BinaryIO, size: int) -> Header:
    file.seek(0)
    length = header_bytes(file.read(8), size)
    raw = file.read(length)
    if len(raw) != length:
        raise incomplete(8 + length, 8 + len(raw))
    return parse_header(raw, size)


def _numbers(file: BinaryIO, name: str, entry: TensorEntry, dtype: Any) -> NDArray[Any]:
    file.seek(entry.begin)
    raw = file.read(entry.end - entry.begin)
    if len(raw) != entry.end - entry.begin:
        raise incomplete(entry.end, entry.begin + len(raw))
    return np.frombuffer(raw, np.dtype(dtype).newbyteorder("<")).reshape(entry.shape).copy()


def _scales(file: BinaryIO, name: str, header: Header) -> NDArray[np.float32]:
    entry = header.tensors.get(name + SCALE)
    if entry is None or entry.dtype != "float32" or len(entry.shape) != 1:
        raise CorruptModelError(f"Tensor {name:.100} of the tuning has no proper scales.")
    return _finite(name + SCALE, _numbers(file, name, entry, np.float32))


def _finite(name: str, values: NDArray[np.float32]) -> NDArray[np.float32]:
    if not np.isfinite(values).all():
        raise CorruptModelError(f"Tensor {name:.120} of the tuning holds values that are not finite numbers.")
    return values


# --- coding ---------------------------------------------------------------------------------------------------------


def _coded(difference: NDArray[np.float32]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Codes and the scale per output channel that leaves the smallest squared error, of eight that are tried."""
    rows = difference.reshape(len(difference), -1)
    largest = np.abs(rows).max(axis=1, keepdims=True)
    scales = np.zeros_like(largest)
    least = np.full_like(largest, np.inf)
    for share in (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3):
        tried = np.maximum(largest * np.float32(share / LARGEST_CODE), np.float32(1e-30))
        error = np.square(_rounded(rows, tried) * tried - rows).sum(axis=1, keepdims=True)
        scales, least = np.where(error < least, tried, scales), np.minimum(error, least)
    flat = (_rounded(rows, scales) + 8).astype(np.uint8).reshape(-1)
    if len(flat) % 2:
        flat = np.append(flat, np.uint8(8))
    packed: NDArray[np.uint8] = np.bitwise_or(flat[0::2], flat[1::2] << 4).astype(np.uint8)
    return packed, scales[:, 0].astype(np.float32)


def _rounded(rows: NDArray[np.float32], scales: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.clip(np.round(rows / scales), -LARGEST_CODE, LARGEST_CODE)


def _decoded(
    name: str, codes: NDArray[np.uint8], scales: NDArray[np.float32], shape: tuple[int, ...]
) -> NDArray[np.float32]:
    count = math.prod(shape)
    if codes.shape != ((count + 1) // 2,):
        raise _misfit(name, codes.shape, shape)
    if not shape or scales.shape != shape[:1]:
        raise _misfit(name + SCALE, scales.shape, shape[:1])
    halves = np.stack([codes & 15, codes >> 4], axis=1).reshape(-1)
    if not halves.all() or (halves[count:] != 8).any():
        raise CorruptModelError(f"Tensor {name:.100} of the tuning holds codes that mean nothing.")
    values = halves[:count].astype(np.float32) - np.float32(8)
    with np.errstate(over="ignore"):  # what is not finite is refused once it is composed
        return (values.reshape(shape[0], -1) * scales[:, None]).reshape(shape)


def _misfit(name: str, found: tuple[int, ...], wanted: tuple[int, ...]) -> CorruptModelError:
    return CorruptModelError(f"Tensor {name:.100} of the tuning has shape {list(found)}, for one of {list(wanted)}.")


def _content(tensors: Tensors) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(tensors[name], np.dtype("<f4")).tobytes())
    return digest.hexdigest()

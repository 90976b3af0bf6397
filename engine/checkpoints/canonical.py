"""Graft's own files, checked to the last tensor before anyone uses one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from engine.checkpoints.opcodes import incomplete
from engine.checkpoints.safetensors_file import Header, TensorEntry, header_bytes, parse_header
from engine.errors import CorruptModelError, ModelError, UnsupportedModelError
from engine.network_metadata import METADATA_KEY, NetworkMetadata
from engine.network_tensors import check_tensor_shapes, expected_tensors

_BLOCK_BYTES = 4 << 20
_DTYPES: dict[str, np.dtype[Any]] = {
    "float32": np.dtype("<f4"),
    "float16": np.dtype("<f2"),
}


@dataclass(frozen=True, slots=True)
class CanonicalFile:
    """What a checked file holds."""

    header: Header
    metadata: NetworkMetadata


def is_canonical(file: BinaryIO, size: int) -> bool:
    """Whether a file claims to be Graft's own; if it does, `check_canonical` says whether it is a good one."""
    try:
        return METADATA_KEY in _read_header(file, size).metadata
    except ModelError:
        return False


def check_canonical(file: BinaryIO, *, finite: bool = False) -> CanonicalFile:
    """Check that a file is exactly Graft's open format.

    Args:
        finite: Also read every number and refuse NaN and infinity.

    Raises:
        ModelError: with what is wrong.
    """
    header = _read_header(file, os.fstat(file.fileno()).st_size)
    text = header.metadata.get(METADATA_KEY)
    if text is None:
        raise UnsupportedModelError("The file is not one of Graft's own: it lacks the description of its network.")
    metadata = NetworkMetadata.from_json_text(text)
    for name, entry in header.tensors.items():
        if entry.dtype not in _DTYPES:
            allowed = "float32 or float16"
            raise UnsupportedModelError(f"Tensor {name:.100} is {entry.dtype}; Graft's own format holds {allowed}.")
    check_tensor_shapes(metadata.network, {name: entry.shape for name, entry in header.tensors.items()})
    if finite:
        for name, entry in header.tensors.items():
            for block in _blocks(file, entry):
                if not np.isfinite(block).all():
                    raise CorruptModelError(f"Tensor {name:.120} holds values that are not finite numbers.")
    return CanonicalFile(header, metadata)


def read_tensors(file: BinaryIO, checked: CanonicalFile) -> dict[str, NDArray[np.float32]]:
    """All tensors of a checked file as float32, in the order of `expected_tensors`."""
    entries = checked.header.tensors
    return {name: _read(file, entries[name]) for name in expected_tensors(checked.metadata.network)}


def _read_header(file: BinaryIO, size: int) -> Header:
    file.seek(0)
    length = header_bytes(file.read(8), size)
    raw = file.read(length)
    if len(raw) != length:
        raise incomplete(8 + length, 8 + len(raw))
    return parse_header(raw, size)


def _read(file: BinaryIO, entry: TensorEntry) -> NDArray[np.float32]:
    values = np.empty(entry.shape, np.float32)
    flat = values.reshape(-1)
    done = 0
    for block in _blocks(file, entry):
        flat[done : done + len(block)] = block
        done += len(block)
    return values


def _blocks(file: BinaryIO, entry: TensorEntry) -> Iterator[NDArray[Any]]:
    dtype = _DTYPES[entry.dtype]
    file.seek(entry.begin)
    left = entry.end - entry.begin
    while left:
        raw = file.read(min(left, _BLOCK_BYTES))
        if not raw or len(raw) % dtype.itemsize:
            raise incomplete(entry.end, entry.end - left)
        left -= len(raw)
        yield np.frombuffer(raw, dtype)

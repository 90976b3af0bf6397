"""safetensors, read with stricter rules than the format's own, and written piece by piece.

The format: an 8-byte length, a JSON header, the numbers. Ours on top: a header of at most 16 MiB, at most 20,000
tensors, short printable names, no name twice, data that tiles the file exactly.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from engine.checkpoints.opcodes import incomplete
from engine.checkpoints.records import ITEM_SIZES, StorageRecord, TensorRecord, shown
from engine.errors import CorruptModelError, UnsupportedModelError
from engine.strict_json import parse_json_object

MAX_HEADER_BYTES = 16 << 20
MAX_TENSORS = 20_000
MAX_NAME_CHARS = 256
MAX_METADATA_BYTES = 4 << 20
MAX_DIMENSIONS = 8

DTYPES = {
    "F16": "float16",
    "BF16": "bfloat16",
    "F32": "float32",
    "F64": "float64",
    "I8": "int8",
    "U8": "uint8",
    "BOOL": "bool",
    "I16": "int16",
    "U16": "uint16",
    "I32": "int32",
    "U32": "uint32",
    "I64": "int64",
    "U64": "uint64",
}


@dataclass(frozen=True, slots=True)
class TensorEntry:
    """One tensor: `dtype` as in `ITEM_SIZES`, data at ``[begin, end)`` of the file."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Header:
    tensors: Mapping[str, TensorEntry]
    metadata: Mapping[str, str]


def header_bytes(prefix: bytes, file_size: int) -> int:
    """How long the JSON header is, from the file's first 8 bytes.

    Raises:
        CorruptModelError: it cannot be right.
    """
    if len(prefix) < 8:
        raise incomplete(8, file_size)
    length = int.from_bytes(prefix[:8], "little")
    if length > MAX_HEADER_BYTES or length < 2:
        raise CorruptModelError(f"The safetensors header has {length:,} bytes; the limit is {MAX_HEADER_BYTES:,}.")
    if 8 + length > file_size:
        raise incomplete(8 + length, file_size)
    return length


def parse_header(raw: bytes, file_size: int) -> Header:
    """Check and read the JSON header (without its length).

    Raises:
        CorruptModelError, UnsupportedModelError: it breaks a rule of the format, or of ours.
    """
    if raw.count(b"{") > 4 * MAX_TENSORS:  # before the time is spent on reading them
        raise CorruptModelError(f"The file announces too many tensors; {MAX_TENSORS:,} are the limit.")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise CorruptModelError("The safetensors header is not text.") from None
    if not text.startswith("{"):
        raise CorruptModelError("The safetensors header does not begin with a brace.")
    document = parse_json_object(text)
    metadata = _metadata(document.pop("__metadata__", {}))
    if len(document) > MAX_TENSORS:
        raise CorruptModelError(f"The file announces {len(document):,} tensors; {MAX_TENSORS:,} are the limit.")
    start = 8 + len(raw)
    tensors = {name: _entry(name, value, start) for name, value in document.items()}
    pos = start
    for entry in sorted(tensors.values(), key=lambda entry: (entry.begin, entry.end)):
        if entry.begin != pos:
            raise CorruptModelError("The tensors in the file overlap or leave gaps.")
        pos = entry.end
    if pos > file_size:
        raise incomplete(pos, file_size)
    if pos < file_size:
        raise CorruptModelError(f"The file goes on for {file_size - pos:,} bytes after its last tensor.")
    return Header(tensors, metadata)


def read_header(data: memoryview) -> Header:
    """`parse_header` for a whole file in memory or mapped."""
    length = header_bytes(bytes(data[:8]), len(data))
    return parse_header(bytes(data[8 : 8 + length]), len(data))


def tensor_records(data: memoryview, header: Header) -> dict[str, TensorRecord]:
    """Every tensor as a record whose numbers stay in the file until they are read."""
    return {name: _record(data, entry) for name, entry in header.tensors.items()}


def write_safetensors(
    out: BinaryIO,
    shapes: Mapping[str, tuple[int, ...]],
    values: Iterator[bytes | memoryview],
    metadata: Mapping[str, str],
) -> None:
    """Write float32 tensors one by one, so that only one is in memory.

    Args:
        shapes: Names and shapes, in the order of `values`.
        values: The little-endian bytes of each tensor.
    """
    document: dict[str, Any] = {"__metadata__": dict(metadata)}
    pos = 0
    for name, shape in shapes.items():
        size = 4
        for side in shape:
            size *= side
        document[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [pos, pos + size]}
        pos += size
    header = json.dumps(document, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)
    out.write(len(header).to_bytes(8, "little"))
    out.write(header)
    for value in values:
        out.write(value)


def _record(data: memoryview, entry: TensorEntry) -> TensorRecord:
    count = (entry.end - entry.begin) // ITEM_SIZES[entry.dtype]
    storage = StorageRecord(entry.dtype, count, lambda: data[entry.begin : entry.end])
    strides = []
    step = 1
    for side in reversed(entry.shape):
        strides.append(step)
        step *= side
    return TensorRecord(storage, 0, entry.shape, tuple(reversed(strides)))


def _metadata(value: Any) -> dict[str, str]:
    if type(value) is not dict or not all(type(text) is str for text in value.values()):
        raise CorruptModelError("The file's metadata must be texts.")
    if sum(len(key) + len(text) for key, text in value.items()) > MAX_METADATA_BYTES:
        raise CorruptModelError(f"The file's metadata is longer than {MAX_METADATA_BYTES:,} characters.")
    return value


def _entry(name: str, value: Any, start: int) -> TensorEntry:
    if not 0 < len(name) <= MAX_NAME_CHARS or not name.isprintable() or "/" in name or "\\" in name or ".." in name:
        raise CorruptModelError(f"The file has a tensor with the odd name {shown(name)}.")
    if type(value) is not dict or not {"dtype", "shape", "data_offsets"} <= value.keys():
        raise CorruptModelError(f"The description of tensor {name:.100} lacks a field.")
    code, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if type(code) is not str or code not in DTYPES:
        raise UnsupportedModelError(f"Tensor {name:.100} has numbers of the unknown type {shown(code)}.")
    if not _naturals(shape) or len(shape) > MAX_DIMENSIONS or not _naturals(offsets) or len(offsets) != 2:
        raise CorruptModelError(f"Tensor {name:.100} has an impossible shape or place.")
    size = ITEM_SIZES[DTYPES[code]]
    for side in shape:
        size *= side
    given = offsets[1] - offsets[0]
    if given != size:
        raise CorruptModelError(f"Tensor {name:.100} has {given:,} bytes; its shape needs {size:,}.")
    return TensorEntry(DTYPES[code], tuple(shape), start + offsets[0], start + offsets[1])


def _naturals(value: Any) -> bool:
    return type(value) is list and all(type(item) is int and 0 <= item < 1 << 62 for item in value)


def check_all_float32(header: Header) -> None:
    """Graft's own files hold float32 only.

    Raises:
        UnsupportedModelError
    """
    for name, entry in header.tensors.items():
        if entry.dtype != "float32":
            raise UnsupportedModelError(f"Tensor {name:.100} is {entry.dtype}; Graft's own format holds float32.")


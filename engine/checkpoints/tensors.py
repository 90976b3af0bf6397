"""From records to numbers: every tensor is checked against its data, then copied as float32."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.checkpoints.records import FLOAT_DTYPES, ITEM_SIZES, ArrayRecord, TensorRecord
from engine.errors import CorruptModelError, UnsupportedModelError

MAX_TENSOR_BYTES = 4 << 30

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class LazyTensor:
    """A float32 tensor that is not read yet. `read` gives it C-contiguous, finite, of `shape`."""

    shape: tuple[int, ...]
    read: Callable[[], Floats]


def lazy_tensor(name: str, record: TensorRecord | ArrayRecord) -> LazyTensor:
    """Check a record's type and bounds now; its numbers are read and checked later.

    Raises:
        UnsupportedModelError: it is not of floating point numbers.
        CorruptModelError: it reaches outside its data or is not laid out as a tensor is.
    """
    dtype = record.dtype if isinstance(record, ArrayRecord) else record.storage.dtype
    if dtype not in FLOAT_DTYPES:
        raise UnsupportedModelError(f"Tensor {name:.120} holds numbers of type {dtype}; weights must be floats.")
    if 4 * math.prod(record.shape) > MAX_TENSOR_BYTES:
        raise CorruptModelError(f"Tensor {name:.120} has shape {list(record.shape)}, larger than any model's.")
    if isinstance(record, TensorRecord):
        _check_bounds(name, record)
    return LazyTensor(record.shape, lambda: read_tensor(name, record))


def read_tensor(name: str, record: TensorRecord | ArrayRecord) -> Floats:
    """The record's numbers as a new float32 array.

    Raises:
        CorruptModelError: its data is missing or damaged, or it holds NaN or infinity.
    """
    values = _read_array(name, record) if isinstance(record, ArrayRecord) else _read_view(name, record)
    if not np.isfinite(values).all():
        raise CorruptModelError(
            f"Tensor {name:.120} holds values that are not finite numbers.",
            "The training that made it may have diverged; use an earlier checkpoint.",
        )
    return values


def _check_bounds(name: str, record: TensorRecord) -> None:
    shape, stride, storage = record.shape, record.stride, record.storage
    if 0 in shape:
        return
    last = record.offset + sum((size - 1) * step for size, step in zip(shape, stride, strict=True))
    if last >= storage.numel:
        what = f"ends at number {last + 1:,} of {storage.numel:,}"
        raise CorruptModelError(f"Tensor {name:.120} reaches outside its data: it {what}.")
    # Dense in some order of its dimensions (channels-last files keep their strides); no overlap, no gaps.
    dense = 1
    for step, size in sorted((step, size) for step, size in zip(stride, shape, strict=True) if size > 1):
        if step != dense:
            raise CorruptModelError(f"Tensor {name:.120} has strides {list(stride)}, which weights never have.")
        dense *= size


def _read_view(name: str, record: TensorRecord) -> Floats:
    storage = record.storage
    if storage.read is None:
        raise CorruptModelError(f"The data of tensor {name:.120} is missing.")
    raw = storage.read()
    item = ITEM_SIZES[storage.dtype]
    count = math.prod(record.shape)
    if len(raw) != storage.nbytes:
        raise CorruptModelError(f"The data of tensor {name:.120} has {len(raw):,} bytes, not {storage.nbytes:,}.")
    flat = _as_float32(raw[record.offset * item : (record.offset + count) * item], storage.dtype, storage.byteorder)
    order = sorted(range(len(record.shape)), key=lambda axis: (-record.stride[axis], -record.shape[axis]))
    dense = flat.reshape([record.shape[axis] for axis in order])
    return np.ascontiguousarray(dense.transpose(np.argsort(order))).reshape(record.shape)


def _read_array(name: str, record: ArrayRecord) -> Floats:
    if record.data is None:
        raise CorruptModelError(f"The data of tensor {name:.120} is missing.")
    order = "big" if record.byteorder == ">" else "little"
    flat = _as_float32(record.data, record.dtype, order)
    return np.ascontiguousarray(flat.reshape(record.shape, order="F" if record.fortran_order else "C"))


def _as_float32(raw: memoryview, dtype: str, byteorder: str) -> Floats:
    prefix = ">" if byteorder == "big" else "<"
    if dtype == "bfloat16":
        halves = np.frombuffer(raw, f"{prefix}u2").astype(np.uint32)
        return (halves << 16).view(np.float32)
    code = {"float16": "f2", "float32": "f4", "float64": "f8"}[dtype]
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is found by the check for finite numbers
        return np.frombuffer(raw, prefix + code).astype(np.float32)

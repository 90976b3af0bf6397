"""What the readers make of a foreign file: inert records. None of them can do anything but be looked at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

FLOAT_DTYPES = ("float16", "bfloat16", "float32", "float64")
ITEM_SIZES = {
    "float16": 2,
    "bfloat16": 2,
    "float32": 4,
    "float64": 8,
    "int8": 1,
    "uint8": 1,
    "bool": 1,
    "int16": 2,
    "uint16": 2,
    "int32": 4,
    "uint32": 4,
    "int64": 8,
    "uint64": 8,
}


@dataclass(frozen=True, slots=True)
class Global:
    """A name that a pickle asked for. Only a name: nothing was looked up."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(slots=True, eq=False)
class Instance:
    """An object whose class is known to be harmless and of no use here; carries its arguments and state."""

    kind: Global
    args: tuple[Any, ...] = ()
    state: Any = None


@dataclass(frozen=True, slots=True, eq=False)
class PersistentObject:
    """An object of NVIDIA's persistence scheme. Its embedded source is dropped, never kept, never run."""

    class_name: str
    state: dict[Any, Any]


@dataclass(slots=True, eq=False)
class DtypeRecord:
    """A numpy number type, such as ``f4``; `byteorder` arrives with its state."""

    code: str
    byteorder: str = "="


@dataclass(slots=True, eq=False)
class ArrayRecord:
    """A numpy array; everything but its existence arrives with its state."""

    shape: tuple[int, ...] = ()
    dtype: str = ""
    byteorder: str = "="
    fortran_order: bool = False
    data: memoryview | None = None


@dataclass(slots=True, eq=False)
class StorageRecord:
    """Numbers of one type in a row. `read` gives their bytes, little or big endian as `byteorder` says."""

    dtype: str
    numel: int
    read: Callable[[], memoryview] | None = None
    byteorder: str = "little"

    @property
    def nbytes(self) -> int:
        return self.numel * ITEM_SIZES[self.dtype]


@dataclass(frozen=True, slots=True, eq=False)
class TensorRecord:
    """A view of a storage, in elements. Bounds are checked when it is read, where its name is known."""

    storage: StorageRecord
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


@dataclass(slots=True)
class Budget:
    """What one file may cost, shared by all the streams nested in it.

    Attributes:
        opcodes: Pickle operations left. The largest public checkpoints take some 70,000; these cost half a second.
        produced_bytes: Bytes that operations may still copy, beyond slices of the file.
        ignored: Names of harmless objects met that the layouts have no use for.
    """

    opcodes: int = 400_000
    produced_bytes: int = 1 << 20
    ignored: set[str] = field(default_factory=set)

    @classmethod
    def for_file(cls, size: int) -> Budget:
        return cls(produced_bytes=2 * size + (1 << 20))


def shown(value: Any) -> str:
    """A value from a file, for a message. Containers are only named: printing one could take for ever."""
    if type(value) is str:
        return repr(value[:60])
    if value is None or type(value) in (int, float, bool):
        return repr(value)[:60]
    return f"a {type(value).__name__}"

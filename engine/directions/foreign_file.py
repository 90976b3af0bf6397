"""Directions out of other programs' files. Nothing that is in them is run: pickles are read as inert records.

Read are ``.npy`` (InterFaceGAN's boundaries and the like), ``.npz`` (GANSpace's components), ``.pt`` and ``.pkl``
(SeFa's eigenvectors, GANSpace's saved edits, single tensors) and ``.safetensors`` with one tensor per direction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.checkpoints.npy_file import read_npy
from engine.checkpoints.reader import parse
from engine.checkpoints.records import ArrayRecord, Budget, TensorRecord
from engine.checkpoints.sniff import HEAD_BYTES, sniff
from engine.checkpoints.tensors import lazy_tensor
from engine.directions.bounded_zip import unpacked_members
from engine.directions.latent_moments import Floats
from engine.directions.read_direction import MAX_DIRECTIONS, ReadDirection, Space, as_rows
from engine.errors import LatentError, LatentShapeError, ModelError, UnsafeModelError

NPY_MAGIC = b"\x93NUMPY"
ZIP_MAGIC = b"PK\x03\x04"
MAX_LENGTH_VALUES = 1 << 26

_GANSPACE = ("lat_comp", "lat_stdev", "edit_start", "edit_end", "name")
_EIGENVECTORS = "eigvec"
_READ = "Graft reads .npy, .npz, .safetensors and .pt."


def directions_in(data: bytes, stem: str) -> tuple[ReadDirection, ...]:
    """What a file holds that is not Graft's own.

    Args:
        stem: Of its name: it tells InterFaceGAN's spaces apart, and is what nameless directions are called.

    Raises:
        UnsafeModelError: it asks for more than to be read.
        LatentError: there are no directions in it.
        ModelError: it cannot be read.
    """
    if data[:6] == NPY_MAGIC:
        array = read_npy(memoryview(data))
        if array.ndim == 3 and array.shape[1] == 1 and array.shape[0] > 1:  # several, each of one row
            return _numbered(list(array), stem)
        return (ReadDirection(as_rows(array, stem), stem, _space_by_name(stem)),)
    if data[:4] == ZIP_MAGIC and not _is_torch_zip(data):
        return _in_npz(data, stem)
    try:
        sniff(data[:HEAD_BYTES], len(data))
    except UnsafeModelError:
        raise
    except ModelError as error:  # which tells of models
        raise LatentError("This is no file of directions.", _READ) from error
    return _in_records(parse(memoryview(data), Budget.for_file(len(data))), stem)


def _space_by_name(stem: str) -> Space:
    """InterFaceGAN writes ``stylegan_ffhq_age_w_boundary`` for W and ``stylegan_ffhq_age_boundary`` for Z."""
    name = stem.lower()
    is_z = name.endswith("boundary") and "_w_" not in name and not name.startswith("w_")
    return Space.Z if is_z else Space.W


def _is_torch_zip(data: bytes) -> bool:
    return b"/data.pkl" in data[:4096] or b"data.pkl" in data[-65536:]


def _in_npz(data: bytes, stem: str) -> tuple[ReadDirection, ...]:
    wanted = _GANSPACE if b"lat_comp.npy" in data else None  # its activations may be large, and are not needed
    arrays = {name: read_npy(memoryview(content)) for name, content in unpacked_members(data, wanted)}
    return _named(arrays, stem)


def _in_records(root: Any, stem: str) -> tuple[ReadDirection, ...]:
    if isinstance(root, TensorRecord | ArrayRecord):
        return (ReadDirection(as_rows(_numbers(root, stem), stem), stem),)
    if not isinstance(root, Mapping):
        raise LatentError("The file holds no directions that Graft can read.", "Save them with numpy.save.")
    arrays = {
        name: _numbers(value, name)
        for name, value in root.items()
        if type(name) is str and isinstance(value, TensorRecord | ArrayRecord)
    }
    found = _named(arrays, stem, root)
    if not found:
        raise LatentError("The file holds no directions that Graft can read.", "Save them with numpy.save.")
    return found


def _numbers(record: TensorRecord | ArrayRecord, name: str) -> Floats:
    if isinstance(record, ArrayRecord) and "O" in record.dtype:
        raise UnsafeModelError("The array file holds Python objects, which could run code. It was not opened.")
    if int(np.prod(record.shape)) > MAX_LENGTH_VALUES:
        raise LatentShapeError(f"“{name:.60}” is far larger than any direction.")
    return lazy_tensor(name, record).read()


def _named(
    arrays: Mapping[str, Floats], stem: str, facts: Mapping[Any, Any] | None = None
) -> tuple[ReadDirection, ...]:
    if "lat_comp" in arrays:
        return _of_ganspace(arrays["lat_comp"], arrays.get("lat_stdev"), stem, facts or {})
    if _EIGENVECTORS in arrays and arrays[_EIGENVECTORS].ndim == 2:
        return _numbered(list(arrays[_EIGENVECTORS].T), stem, "sefa")
    if len(arrays) == 1:
        (array,) = arrays.values()
        return (ReadDirection(as_rows(array, stem), stem),)
    names = sorted(arrays)[:MAX_DIRECTIONS]
    return tuple(ReadDirection(as_rows(arrays[name], name), name) for name in names)


def _of_ganspace(
    components: Floats, sigmas: Floats | None, stem: str, facts: Mapping[Any, Any]
) -> tuple[ReadDirection, ...]:
    """``lat_comp`` is ``[n, 1, D]`` of unit length, ``lat_stdev`` ``[n]``; a saved edit has one of them, and rows."""
    if components.ndim < 2 or components.size == 0:
        raise LatentShapeError(f"GANSpace's components have the shape {list(components.shape)}; they are rows.")
    rows = components.reshape(-1, components.shape[-1])
    lengths = np.ones(0, np.float32) if sigmas is None else sigmas.reshape(-1)
    in_sigmas = len(lengths) == len(rows)
    if in_sigmas:
        rows = rows * lengths[:, None]
    first, stop = facts.get("edit_start"), facts.get("edit_end")
    layers = (first, stop) if type(first) is int and type(stop) is int and 0 <= first < stop <= 64 else None
    name = facts.get("name")
    label = name if type(name) is str and name.strip() and len(rows) == 1 else stem
    return _numbered(list(rows), label, "ganspace-w", in_sigmas=in_sigmas, layers=layers)


def _numbered(
    arrays: list[Floats],
    stem: str,
    source: str = "import",
    *,
    in_sigmas: bool = False,
    layers: tuple[int, int] | None = None,
) -> tuple[ReadDirection, ...]:
    several = len(arrays) > 1
    return tuple(
        ReadDirection(
            as_rows(array, stem), f"{stem} {number + 1}" if several else stem,
            in_sigmas=in_sigmas, rows=layers, source=source, number=number,
        )
        for number, array in enumerate(arrays[:MAX_DIRECTIONS])
    )  # fmt: skip

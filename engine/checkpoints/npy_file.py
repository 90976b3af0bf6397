"""Latent codes in .npy and .npz files: plain float arrays, headers read without evaluating anything."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.checkpoints.opcodes import incomplete
from engine.checkpoints.regular_file import open_regular, shown_name, unreadable
from engine.checkpoints.strict_zip import list_members, read_member
from engine.errors import CorruptModelError, LatentError, LatentShapeError, UnsafeModelError, UnsupportedModelError

MAX_FILE_BYTES = 256 << 20
MAX_HEADER_BYTES = 4_096
MAX_DIMENSIONS = 8

_MAGIC = b"\x93NUMPY"
_HEADER = re.compile(
    r"\{'descr': '(?P<descr>[^']{1,20})', 'fortran_order': (?P<order>True|False), "
    r"'shape': \((?P<shape>[0-9, ]{0,200})\),? ?\} *\n?"
)
_FLOATS = {"<f2", "<f4", "<f8", ">f2", ">f4", ">f8"}

_NAMES = ("w", "ws", "latent", "latents", "projected_w")

Floats = NDArray[np.float32]


def read_arrays(data: memoryview) -> dict[str, Floats]:
    """All float arrays of a .npy (under the name ``""``) or a stored .npz file, as finite float32.

    Raises:
        UnsafeModelError: an array of objects, which only unpickling could read.
        UnsupportedModelError, CorruptModelError: it is something else, or damaged.
    """
    if bytes(data[:6]) == _MAGIC:
        return {"": read_npy(data)}
    if bytes(data[:4]) != b"PK\x03\x04":
        raise UnsupportedModelError("The file is neither .npy nor .npz.", "Save latents with numpy.save.")
    arrays = {}
    for name, member in list_members(data).items():
        if "/" in name or not name.endswith(".npy"):
            raise UnsupportedModelError(f"The archive has a member {name:.80} that is no array.")
        arrays[name.removesuffix(".npy")] = read_npy(read_member(data, member))
    return arrays


def read_npy(data: memoryview) -> Floats:
    """One .npy array as a new, finite float32 array.

    Raises:
        ModelError: as for `read_arrays`.
    """
    descr, fortran_order, shape, start = _read_header(data)
    if "O" in descr or "V" in descr:
        raise UnsafeModelError("The array file holds Python objects, which could run code. It was not opened.")
    if descr not in _FLOATS:
        raise UnsupportedModelError(f"The array holds numbers of type {descr}; latents are floats.")
    dtype = np.dtype(descr)
    needed = math.prod(shape) * dtype.itemsize
    if start + needed > len(data):
        raise incomplete(start + needed, len(data))
    if start + needed < len(data):
        raise CorruptModelError(f"The array file goes on for {len(data) - start - needed:,} bytes after its array.")
    with np.errstate(over="ignore", invalid="ignore"):
        flat = np.frombuffer(data[start:], dtype).astype(np.float32)
    if not np.isfinite(flat).all():
        raise CorruptModelError("The array holds values that are not finite numbers.")
    return np.ascontiguousarray(flat.reshape(shape, order="F" if fortran_order else "C"))


def _read_header(data: memoryview) -> tuple[str, bool, tuple[int, ...], int]:
    version = bytes(data[6:8])
    if version not in (b"\x01\x00", b"\x02\x00", b"\x03\x00"):
        raise UnsupportedModelError("The array file has an unknown version.")
    width = 2 if version == b"\x01\x00" else 4
    start = 8 + width
    length = int.from_bytes(data[8:start], "little")
    if length > MAX_HEADER_BYTES:
        raise CorruptModelError(f"The array file has a header of {length:,} bytes, too long for an array.")
    if start + length > len(data):
        raise incomplete(start + length, len(data))
    match = _HEADER.fullmatch(bytes(data[start : start + length]).decode("latin-1"))
    if match is None:
        raise UnsupportedModelError("The array file does not hold one plain array.")
    sides = [side.strip() for side in match["shape"].split(",")]
    if sides and not sides[-1]:
        sides.pop()
    if len(sides) > MAX_DIMENSIONS or not all(side.isdigit() and len(side) < 19 for side in sides):
        raise CorruptModelError("The array file has an impossible shape.")
    return match["descr"], match["order"] == "True", tuple(int(side) for side in sides), start + length


def read_latents(path: Path, num_ws: int, w_dim: int) -> Floats:
    """The latents of a .npy or .npz file (its only array, or the one called ``w``, ``ws`` or ``latent``).

    Returns:
        ``[N, num_ws, w_dim]`` float32.

    Raises:
        LatentShapeError: they do not fit a model with `num_ws` rows of `w_dim` numbers.
        LatentError: which array to take is not clear, or the file is too large.
        ModelError: the file cannot be read, or is not one of plain arrays.
    """
    try:
        with open_regular(path) as file:
            raw = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise unreadable(path, error) from None
    if len(raw) > MAX_FILE_BYTES:
        raise LatentError(f"{shown_name(path)} is larger than {MAX_FILE_BYTES >> 20} MiB, too large for latents.")
    arrays = read_arrays(memoryview(raw))
    if len(arrays) > 1:
        arrays = {name: array for name, array in arrays.items() if name in _NAMES}
    if len(arrays) != 1:
        raise LatentError("The file holds several arrays and none or many are called w.", "Save the latent alone.")
    return fit_latents(next(iter(arrays.values())), num_ws, w_dim)


def fit_latents(array: Floats, num_ws: int, w_dim: int) -> Floats:
    """Bring an array of one or many w, with or without a row per layer, to ``[N, num_ws, w_dim]``.

    Raises:
        LatentShapeError: it does not fit.
    """
    shape = array.shape
    if shape and shape[-1] == w_dim and 0 not in shape:
        if shape[-2:] == (num_ws, w_dim) and len(shape) in (2, 3, 4):
            return array.reshape(-1, num_ws, w_dim)
        rows = array.reshape(-1, 1, w_dim)
        if len(shape) == 1 or (len(shape) == 2 and shape[0] == 1) or (len(shape) == 3 and shape[1] == 1):
            return np.repeat(rows, num_ws, axis=1)
    raise LatentShapeError(
        f"The latent has shape {list(shape)}; this model needs {w_dim} numbers, once or in {num_ws} rows.",
        "It was made with a model of another size.",
    )

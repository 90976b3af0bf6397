"""The containers: zip, safetensors and numpy files, read strictly, and what ours are to others."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hostile_files import ZipMember, torch_zip, zipped
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of
from numpy.testing import assert_array_equal
from safetensors.numpy import load, save
from watch import watched

from engine.checkpoints.npy_file import fit_latents, read_arrays, read_latents, read_npy
from engine.checkpoints.safetensors_file import MAX_TENSORS, read_header, tensor_records, write_safetensors
from engine.checkpoints.strict_zip import list_members, read_member
from engine.checkpoints.tensors import read_tensor
from engine.errors import (
    CorruptModelError,
    LatentError,
    LatentShapeError,
    ModelError,
    UnsafeModelError,
    UnsupportedModelError,
)

_FLOAT32 = arrays_of.arrays(
    np.float32, arrays_of.array_shapes(min_dims=0, max_side=4), elements=st.floats(-9, 9, width=32)
)
_TENSORS = st.dictionaries(st.from_regex(r"[a-z]{1,8}(\.[a-z0-9]{1,4}){0,2}", fullmatch=True), _FLOAT32, max_size=6)


# --- zip -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["torch", "python", "python, unknown sizes"])
def test_that_stored_archives_are_read_as_python_reads_them(how: str) -> None:
    if how == "torch":
        data = torch_zip({"a": torch.arange(5.0), "b": torch.zeros(0)})
    else:
        buffer = io.BytesIO()
        target = buffer if how == "python" else _Unseekable(buffer)
        with zipfile.ZipFile(target, "w") as archive:  # type: ignore[arg-type]
            for name, content in {"x/a": b"1" * 100, "x/b": b"", "ü": b"2"}.items():
                archive.writestr(name, content)
            with archive.open("big", "w", force_zip64=True) as member:
                member.write(b"3")
        data = buffer.getvalue()
    members = list_members(memoryview(data))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert list(members) == archive.namelist()
        for name, member in members.items():
            assert bytes(read_member(memoryview(data), member)) == archive.read(name)


class _Unseekable(io.RawIOBase):
    def __init__(self, inner: io.BytesIO) -> None:
        self.inner = inner

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        return self.inner.write(data)


def test_that_compressed_archives_are_refused() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", bytes(100))
    with pytest.raises(UnsupportedModelError, match="compressed"):
        list_members(memoryview(buffer.getvalue()))


@settings(max_examples=300, deadline=None)
@given(position=st.floats(0, 1), bit=st.integers(0, 7))
def test_that_a_flipped_bit_in_an_archive_is_found_or_harmless(position: float, bit: int) -> None:
    good = zipped([ZipMember("x/a", b"1" * 20), ZipMember("x/b", b"2" * 9)])
    spoilt = bytearray(good)
    spoilt[int(position * (len(good) - 1))] ^= 1 << bit
    view = memoryview(bytes(spoilt))
    try:
        contents = {name: bytes(read_member(view, member)) for name, member in list_members(view).items()}
    except ModelError:
        return
    assert contents == {"x/a": b"1" * 20, "x/b": b"2" * 9}  # a time stamp or a version may differ


# --- safetensors -----------------------------------------------------------------------------------------------


@settings(max_examples=100, deadline=None)
@given(tensors=_TENSORS)
def test_that_what_the_library_writes_we_read(tensors: dict[str, np.ndarray]) -> None:
    data = memoryview(save(tensors, {"note": "x"}))
    header = read_header(data)
    assert header.metadata == {"note": "x"}
    records = tensor_records(data, header)
    assert records.keys() == tensors.keys()
    for name, values in tensors.items():
        assert_array_equal(read_tensor(name, records[name]), values)


@settings(max_examples=100, deadline=None)
@given(tensors=_TENSORS)
def test_that_what_we_write_the_library_reads(tensors: dict[str, np.ndarray]) -> None:
    out = io.BytesIO()
    shapes = {name: values.shape for name, values in tensors.items()}
    write_safetensors(out, shapes, (values.tobytes() for values in tensors.values()), {"note": "x"})
    found = load(out.getvalue())
    assert found.keys() == tensors.keys()
    for name, values in tensors.items():
        assert_array_equal(found[name], values)
    read_header(memoryview(out.getvalue()))


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=60), length=st.integers(0, 80))
def test_that_any_header_ends_in_a_model_error_or_a_header(data: bytes, length: int) -> None:
    for header in (data, b"{" + data, b'{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}' + data):
        try:
            read_header(memoryview(struct.pack("<Q", length) + header))
        except ModelError:
            continue


@pytest.mark.parametrize("dtype", ["F16", "F64", "I64", "U8"])
def test_that_other_number_types_keep_their_size(dtype: str) -> None:
    kinds = {"F16": np.float16, "F64": np.float64, "I64": np.int64, "U8": np.uint8}
    header = read_header(memoryview(save({"x": np.ones((2, 3), kinds[dtype])})))
    assert header.tensors["x"].shape == (2, 3)


def test_that_20_000_tensors_pass_and_one_more_does_not() -> None:
    some = {f"t{i}": np.zeros((), np.float32) for i in range(MAX_TENSORS)}
    assert len(read_header(memoryview(save(some))).tensors) == MAX_TENSORS
    with pytest.raises(CorruptModelError, match="20,000"):
        read_header(memoryview(save({**some, "more": np.zeros((), np.float32)})))


# --- numpy -----------------------------------------------------------------------------------------------------


def npy(value: object, **options: object) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, value, **options)  # type: ignore[arg-type, call-overload]
    return buffer.getvalue()


def npz(**values: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **values)  # type: ignore[arg-type]
    return buffer.getvalue()


def header_of(text: str, version: bytes = b"\x01\x00", length: int | None = None) -> bytes:
    raw = text.encode()
    width = "<H" if version == b"\x01\x00" else "<I"
    return b"\x93NUMPY" + version + struct.pack(width, len(raw) if length is None else length) + raw


@settings(max_examples=100, deadline=None)
@given(values=_FLOAT32, order=st.sampled_from("CF"), dtype=st.sampled_from(["<f4", ">f8", "<f8"]))
def test_that_float_arrays_are_read_as_numpy_wrote_them(values: np.ndarray, order: str, dtype: str) -> None:
    data = npy(values.astype(dtype, order=order))  # type: ignore[call-overload]
    assert_array_equal(read_npy(memoryview(data)), values)
    (again,) = read_arrays(memoryview(npz(w=values))).values()
    assert_array_equal(again, values)


_SHAPE = "{'descr': '<f4', 'fortran_order': False, 'shape': %s, }"
NUMPY_BOMBS: dict[str, tuple[Callable[[], bytes], type[ModelError]]] = {
    "D01 (65536, 65536) in 71 bytes": (lambda: header_of(_SHAPE % "(65536, 65536)"), CorruptModelError),
    "D02 header of 4 GB": (lambda: header_of("{", b"\x02\x00", 0xFFFFFFF0), CorruptModelError),
    "D03 objects": (lambda: npy(np.array([None]), allow_pickle=True), UnsafeModelError),
    "D04 a pickle": (lambda: b"\x80\x04N.", UnsupportedModelError),
    "D05 extra key": (
        lambda: header_of("{'descr': '<f4', 'x': 1, 'fortran_order': False, 'shape': (1,), }"),
        UnsupportedModelError,
    ),
    "D06 3,000 parentheses": (lambda: header_of(_SHAPE % ("(" * 3000)), UnsupportedModelError),
    "D06 code": (lambda: header_of(_SHAPE % "(__import__('os').getpid(),)"), UnsupportedModelError),
    "D07 shape (-1,)": (lambda: header_of(_SHAPE % "(-1,)"), UnsupportedModelError),
    "D07 shape (2^32, 2^32, 4)": (lambda: header_of(_SHAPE % "(4294967296, 4294967296, 4)"), CorruptModelError),
    "D07 9 dimensions": (lambda: header_of(_SHAPE % ("(" + "1, " * 9 + ")")) + bytes(4), CorruptModelError),
    "D08 cut": (lambda: npy(np.zeros(9, np.float32))[:-1], CorruptModelError),
    "D09 longer": (lambda: npy(np.zeros(9, np.float32)) + b"x", CorruptModelError),
    "D11 int32": (lambda: npy(np.zeros(9, np.int32)), UnsupportedModelError),
    "D11 complex": (lambda: npy(np.zeros(9, np.complex64)), UnsupportedModelError),
    "D11 bool": (lambda: npy(np.zeros(9, np.bool_)), UnsupportedModelError),
    "D11 structured": (lambda: npy(np.zeros(9, "f4,f4")), UnsupportedModelError),
    "D13 NaN": (lambda: npy(np.float32([np.nan])), CorruptModelError),
    "D13 1e300": (lambda: npy(np.float64([1e300])), CorruptModelError),
    "D14 compressed archive": (lambda: _compressed(np.zeros(1 << 20, np.float32)), UnsupportedModelError),
    "D15 member outside": (
        lambda: zipped([ZipMember("../../x.npy", npy(np.zeros(4, np.float32)))]),
        UnsafeModelError,
    ),
    "D15 member no array": (lambda: zipped([ZipMember("x.txt", b"")]), UnsupportedModelError),
    "D16 text": (lambda: b"1,2,3\n", UnsupportedModelError),
    "empty": (lambda: b"", UnsupportedModelError),
    "magic only": (lambda: b"\x93NUMPY", UnsupportedModelError),
}


def _compressed(values: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, w=values)
    return buffer.getvalue()


@pytest.mark.parametrize("name", NUMPY_BOMBS)
def test_that_hostile_array_files_run_and_allocate_nothing(name: str) -> None:
    make, kind = NUMPY_BOMBS[name]
    data = memoryview(make())
    with watched() as events, pytest.raises(kind):
        read_arrays(data)
    assert events == []


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=80))
def test_that_any_array_file_ends_in_arrays_or_a_model_error(data: bytes) -> None:
    for raw in (data, b"\x93NUMPY" + data, b"\x93NUMPY\x01\x00v\x00" + data):
        try:
            read_arrays(memoryview(raw))
        except ModelError:
            continue


@pytest.mark.parametrize("shape", [(512,), (1, 512), (18, 512), (1, 18, 512), (5, 18, 512), (3, 1, 512)])
def test_that_latents_of_any_usual_shape_fit(shape: tuple[int, ...]) -> None:
    values = np.random.RandomState(0).standard_normal(shape).astype(np.float32)
    ws = fit_latents(values, 18, 512)
    assert ws.shape == (shape[0] if len(shape) == 3 else 1, 18, 512)
    assert_array_equal(ws[0, 0], values.reshape(-1, 512)[0])
    assert_array_equal(ws[-1, -1], values.reshape(-1, 512)[-1])


@pytest.mark.parametrize("shape", [(1, 14, 512), (3, 5), (), (0,), (0, 18, 512), (512, 18), (2, 512), (18, 256)])
def test_that_latents_of_another_model_are_refused_with_both_sizes(shape: tuple[int, ...]) -> None:
    with pytest.raises(LatentShapeError, match="512 numbers, once or in 18 rows"):
        fit_latents(np.zeros(shape, np.float32), 18, 512)


def test_that_a_projected_latent_is_found_in_an_archive(tmp_path: Path) -> None:
    file = tmp_path / "projected_w.npz"
    file.write_bytes(npz(w=np.ones((1, 4, 5), np.float32), loss=np.zeros(3, np.float32)))
    assert read_latents(file, 4, 5).shape == (1, 4, 5)
    file.write_bytes(npz(a=np.ones(5, np.float32), b=np.zeros(5, np.float32)))
    with pytest.raises(LatentError, match="several arrays"):
        read_latents(file, 4, 5)
    with pytest.raises(ModelError, match="not there"):
        read_latents(tmp_path / "none.npy", 4, 5)

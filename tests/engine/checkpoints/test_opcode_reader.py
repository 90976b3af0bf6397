"""The opcode reader, fed anything: a value of plain containers and records, or a ModelError. Nothing else."""

from __future__ import annotations

import contextlib
import pickle
import pickletools
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from watch import watched

from engine.checkpoints.graph import check_graph
from engine.checkpoints.opcodes import read_pickle
from engine.checkpoints.records import Budget
from engine.checkpoints.torch_streams import network_pickle_context, read_legacy_stream
from engine.errors import CorruptModelError, ModelError

_NAMES = [
    b"cnumpy\ndtype\n",
    b"ctorch._utils\n_rebuild_tensor_v2\n",
    b"ctorch._utils\n_rebuild_parameter\n",
    b"ctorch\nSize\n",
    b"ctorch.storage\n_load_from_bytes\n",
    b"ccollections\nOrderedDict\n",
    b"cnumpy.core.multiarray\nscalar\n",
    b"cnumpy.core.multiarray\n_reconstruct\n",
    b"cnumpy\nndarray\n",
    b"c_codecs\nencode\n",
    b"cbuiltins\nset\n",
    b"ctorch_utils.persistence\n_reconstruct_persistent_obj\n",
    b"cdnnlib.util\nEasyDict\n",
    b"cos\nsystem\n",
    b"cargparse\nNamespace\n",
    b"cdnnlib.tflib.network\nNetwork\n",
    b"ctorch\nFloatStorage\n",
]
_VALUES = [
    b"N",
    b"\x88",
    b"\x89",
    b"K\x01",
    b"M\x00\x01",
    b"J\xff\xff\xff\xff",
    b"\x8a\x02\x00\x01",
    b"G?\xf0\0\0\0\0\0\0",
    b"X\x04\0\0\0type",
    b"X\x05\0\0\0class",
    b"X\x07\0\0\0version",
    b"K\x06",
    b"X\x0a\0\0\0class_name",
    b"X\x05\0\0\0state",
    b"X\x02\0\0\0f4",
    b"X\x01\0\0\0<",
    b"C\x04\0\0\x80?",
    b"U\x02ab",
    b"X\x06\0\0\0latin1",
    b"X\x07\0\0\0storage",
    b")",
    b"]",
    b"}",
    b"\x8f",
]
_ACTIONS = [
    b"(",
    b"t",
    b"\x85",
    b"\x86",
    b"\x87",
    b"a",
    b"e",
    b"s",
    b"u",
    b"\x90",
    b"q\x00",
    b"q\x01",
    b"\x94",
    b"h\x00",
    b"h\x01",
    b"R",
    b"\x81",
    b"b",
    b"Q",
    b"\x93",
    b".",
    b"0",
    b"2",
    b"i",
    b"o",
    b"\x95\x04\0\0\0\0\0\0\0",
]
_PROGRAMS = st.lists(st.sampled_from(_NAMES + _VALUES * 2 + _ACTIONS * 3), max_size=60).map(b"".join)


def read(data: bytes) -> Any:
    return read_pickle(memoryview(data), 0, network_pickle_context(Budget.for_file(len(data))))[0]


def assert_only_model_errors(data: bytes) -> None:
    with watched() as events:
        with contextlib.suppress(ModelError):
            read(data)
        with contextlib.suppress(ModelError):
            read_legacy_stream(memoryview(data), Budget.for_file(len(data)))
    assert events == []


@settings(max_examples=400, deadline=None)
@given(program=_PROGRAMS, protocol=st.integers(2, 5))
def test_that_any_program_of_opcodes_ends_in_a_value_or_a_model_error(program: bytes, protocol: int) -> None:
    assert_only_model_errors(b"\x80" + bytes([protocol]) + program + b".")


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=200))
def test_that_any_bytes_end_in_a_value_or_a_model_error(data: bytes) -> None:
    assert_only_model_errors(data)


_PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**200), 2**200) | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.text(), inner, max_size=5)
        | st.lists(inner, max_size=3).map(tuple)
    ),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(value=_PLAIN, protocol=st.integers(3, 5))
def test_that_plain_values_are_read_as_pickle_wrote_them(value: object, protocol: int) -> None:
    assert read(pickle.dumps(value, protocol)) == value


def test_that_optimised_and_python_written_pickles_are_read() -> None:
    value = {"a": [1, 2.5, ("x", None)], "b": b"raw" * 100, "big": "y" * 70_000, "set": {1, "z"}}
    for protocol in (3, 4, 5):
        assert read(pickletools.optimize(pickle.dumps(value, protocol))) == value
        assert read(pickle._dumps(value, protocol)) == value  # type: ignore[attr-defined]


def test_that_bytes_of_protocol_2_are_read() -> None:
    assert read(pickle.dumps(b"\x00\xff\x80abc", 2)) == b"\x00\xff\x80abc"


def test_that_large_bytes_stay_slices_of_the_file() -> None:
    data = pickle.dumps(bytes(100_000), 4)
    value = read(data)
    assert isinstance(value, memoryview)
    assert value.obj is data


def test_that_unpacking_the_same_text_again_and_again_is_bounded() -> None:
    text = b"\x80\x02X" + struct.pack("<I", 300_000) + b"a" * 300_000 + b"q\x00"
    again = b"c_codecs\nencode\nh\x00X\x06\0\0\0latin1\x86R"
    with pytest.raises(CorruptModelError, match="more than its size"):
        read(text + again * 1_000 + b"t.")


def test_that_the_budget_is_shared_by_nested_streams() -> None:
    budget = Budget(opcodes=20)
    with pytest.raises(CorruptModelError, match="complex"):
        read_legacy_stream(memoryview(_legacy_of_many(50)), budget)


def _legacy_of_many(count: int) -> bytes:
    parts = (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, list(range(count)), [])
    return b"".join(pickle.dumps(part, 2) for part in parts)


def test_that_shared_values_are_no_cycle_and_depth_is_measured_along_the_longest_way() -> None:
    shared: list[Any] = [1]
    check_graph([shared, shared, {"a": shared}])
    deep: Any = [0]
    for _ in range(198):
        deep = [deep]
    check_graph(deep)
    with pytest.raises(CorruptModelError, match="complex"):
        check_graph([deep, [[deep]]])

"""Hostile and broken model files, built here byte by byte, each with what must become of it.

`CASES` are files of a few MB at most. Their names begin with their number in the plan: A pickles, B torch files,
C safetensors. Nobody else's file is among them. None of them does anything unless a reader is broken; then it
makes the file `CANARY`, which the tests look for.
"""

from __future__ import annotations

import collections
import io
import os
import pickle
import struct
import tempfile
import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import foreign_networks as foreign
import numpy as np
import torch
from foreign_networks import generator, pickled, snapshot

from engine.checkpoints.torch_streams import LEGACY_START
from engine.errors import CorruptModelError, ModelError, UnsafeModelError, UnsupportedModelError

CANARY = Path(tempfile.gettempdir()) / f"graft-canary-{os.getpid()}"
PAYLOAD = f"open({str(CANARY)!r}, 'w').close()"
GOLDEN = Path(__file__).parents[2] / "golden"

OPENS = "opens"
REFUSED = (CorruptModelError, UnsafeModelError, UnsupportedModelError)
Expected = str | type[ModelError] | tuple[type[ModelError], ...]


@dataclass(frozen=True)
class Case:
    """A file, made when it is needed, and what opening it must come to."""

    name: str
    make: Callable[[], bytes]
    expected: Expected = UnsafeModelError

    def __str__(self) -> str:
        return self.name


class Calls:
    """Pickles as the call of a real function: ``REDUCE(function, args)``."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.call = function, args

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.call


def text(value: str) -> bytes:
    raw = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(raw)) + raw


def name_of(module: str, name: str) -> bytes:
    return b"c" + module.encode() + b"\n" + name.encode() + b"\n"


def call(module: str, name: str, argument: str = PAYLOAD) -> bytes:
    """A protocol-2 pickle that is the call ``module.name(argument)``."""
    return b"\x80\x02" + name_of(module, name) + text(argument) + b"\x85R."


def legacy_torch(
    body: bytes, keys: bytes = b"\x80\x02].", magic: bytes = LEGACY_START, protocol: int = 1001
) -> bytes:
    system = pickle.dumps({"protocol_version": 1001, "little_endian": True, "type_sizes": {}}, 2)
    return magic + pickle.dumps(protocol, 2) + system + body + keys


def nested(stream: bytes) -> bytes:
    """A call of torch.storage._load_from_bytes on `stream`."""
    blob = b"B" + struct.pack("<I", len(stream)) + stream
    return b"\x80\x04" + name_of("torch.storage", "_load_from_bytes") + blob + b"\x85R."


def torch_zip(value: Any, legacy: bool = False) -> bytes:
    """A checkpoint as torch.save writes it; the file name inside is ``archive``."""
    buffer = io.BytesIO()
    with foreign.nvidia_modules():
        torch.save(value, buffer, _use_new_zipfile_serialization=not legacy)
    return buffer.getvalue()


@dataclass(frozen=True)
class ZipMember:
    """One zip member, every field of whose headers can be made to lie."""

    name: str
    data: bytes
    local_name: str | None = None
    flags: int = 0
    method: int = 0
    crc: int | None = None
    size: int | None = None
    offset: int | None = None


def zipped(members: list[ZipMember], prefix: bytes = b"", comment: bytes = b"", count: int | None = None) -> bytes:
    """A zip archive written by hand."""
    body, directory = bytearray(prefix), bytearray()
    for member in members:
        offset = len(body) if member.offset is None else member.offset
        crc = zlib.crc32(member.data) if member.crc is None else member.crc
        size = len(member.data) if member.size is None else member.size
        raw, local = member.name.encode(), (member.local_name or member.name).encode()
        fields = (member.flags, member.method, 0, 0, crc, len(member.data), size)
        body += struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, *fields, len(local), 0) + local + member.data
        directory += (
            struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 20, 20, *fields, len(raw), 0, 0, 0, 0, 0, offset) + raw
        )
    number = len(members) if count is None else count
    end = (0x06054B50, 0, 0, number, number, len(directory), len(body), len(comment))
    return bytes(body + directory + struct.pack("<IHHHHIIH", *end) + comment)


def torch_members(state: dict[str, Any] | None = None) -> list[ZipMember]:
    """The members of a good rosinality checkpoint, to be spoilt."""
    import zipfile

    with zipfile.ZipFile(
        io.BytesIO(torch_zip({"g_ema": foreign.rosinality_state()} if state is None else state))
    ) as good:
        return [ZipMember(name, good.read(name)) for name in good.namelist()]


def spoilt_zip(part: str, **changes: Any) -> bytes:
    """A good checkpoint in which the member called `part` lies."""
    return zipped([replace(m, **changes) if m.name.endswith(part) else m for m in torch_members()])


def safetensors(header: bytes, data: bytes = b"", length: int | None = None) -> bytes:
    return struct.pack("<Q", len(header) if length is None else length) + header + data


# --- A: pickles ---------------------------------------------------------------------------------------------


def _evil(protocol: int) -> bytes:
    return pickle.dumps(Calls(eval, PAYLOAD), protocol)


_GADGETS = (
    ("torch.utils.collect_env", "run"), ("torch.hub", "load"), ("torch", "load"),
    ("torch._inductor.codecache", "compile_file"), ("numpy.testing._private.utils", "runstring"),
    ("numpy.f2py.crackfortran", "getlincoef"), ("functools", "partial"), ("operator", "methodcaller"),
    ("pkgutil", "resolve_name"), ("importlib", "import_module"), ("marshal", "loads"), ("types", "CodeType"),
    ("logging", "FileHandler"), ("io", "FileIO"), ("urllib.request", "urlopen"), ("timeit", "timeit"),
    ("cProfile", "run"), ("os", "system"), ("posix", "system"), ("builtins", "exec"), ("builtins", "getattr"),
    ("torch.serialization", "load"), ("torch.storage", "_load_from_bytes2"), ("collections", "namedtuple"),
    ("torch.jit", "load"), ("torch._dynamo.guards.GuardBuilder", "get"), ("numpy", "load"), ("bdb", "Bdb"),
    ("asyncio.unix_events", "_UnixSubprocessTransport"), ("ctypes", "CDLL"), ("sys", "exit"), ("pydoc", "pipepager"),
)  # fmt: skip


def _with_module_source(source: bytes) -> bytes:
    """A golden network whose embedded source is replaced, byte for byte."""
    good = (GOLDEN / "sg2ada_64_auto_map2" / "net.pkl").read_bytes()
    start = good.index(b"# network module source")
    end = good.index(b"\x94", start)
    return good[:start] + source.ljust(end - start, b"\n")[: end - start] + good[end:]


def _bad_meta(**meta: Any) -> bytes:
    network = generator()
    network.meta = meta
    return snapshot(network)


def _bad_class(class_name: Any) -> bytes:
    network = generator()
    network.class_name = class_name
    return snapshot(network)


def _claims(**claims: Any) -> bytes:
    network = generator()
    network.attributes.update(claims)
    return snapshot(network)


def _kwargs(**kwargs: Any) -> bytes:
    network = generator()
    network.attributes["_init_kwargs"] = {**network.attributes["_init_kwargs"], **kwargs}
    return snapshot(network)


def _with_state_extras() -> bytes:
    network = generator()
    network.attributes.update(
        {
            "__class__": "x",
            "__dict__": {"a": 1},
            "__reduce__": 1,
            "forward": "y",
            "_forward_hooks": {1: torch.zeros(2)},
        }
    )
    return snapshot(network)


class View:
    """A tensor record with any offset, size and stride, over a real storage of 16 bytes."""

    def __init__(self, offset: Any, size: Any, stride: Any) -> None:
        self.parts = offset, size, stride

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        storage = torch.zeros(4)._typed_storage()
        return torch._utils._rebuild_tensor_v2, (storage, *self.parts, False, collections.OrderedDict())


def _viewed(offset: Any, size: Any, stride: Any) -> bytes:
    network = generator()
    network.modules["mapping"].buffers["w_avg"] = View(offset, size, stride)
    return snapshot(network)


def _weights(value: float) -> bytes:
    network = generator()
    network.modules["mapping"].modules["fc0"].parameters["weight"].fill_(value)
    return snapshot(network)


def _array(value: Any) -> bytes:
    network = generator()
    network.modules["mapping"].buffers["w_avg"] = value
    return snapshot(network)


def _array_record(dtype: str, kind: bytes = b"cnumpy\nndarray\n") -> bytes:
    array = name_of("numpy.core.multiarray", "_reconstruct") + kind + b"K\x00\x85C\x01b\x87R"
    number = name_of("numpy", "dtype") + text(dtype) + b"\x89\x88\x87R"
    return b"\x80\x04" + array + b"(K\x01K\x01\x85" + number + b"\x89C\x04\0\0\0\0tb."


def _lying_frame() -> bytes:
    hidden = name_of("os", "system") + text(f"touch {CANARY}") + b"\x85R"
    filler = b"\x8e" + struct.pack("<Q", 131_000) + b"x" * 131_000 + b"\x85"
    return (
        b"\x80\x04"
        + filler
        + b"\x95"
        + struct.pack("<Q", 2)
        + b"B\x07\x01\x00\x00"
        + hidden.ljust(0x107, b"N")
        + b"."
    )


def _laughs(memo: bool) -> bytes:
    if not memo:
        return b"\x80\x04(" + b"\x8c\x03lol" * 9 + b"l" + b"(" + (b"2" * 9 + b"l") * 9 + b"."
    out = b"\x80\x02(]q\x00"
    for level in range(1, 60):
        below = b"h" + bytes([level - 1])
        out += b"](" + below + below + b"eq" + bytes([level])
    return out + b"t."


def _shown_laughs() -> bytes:
    """A bomb where a message would quote it: a list of lists of ... as the network's resolution."""
    bomb: Any = ["lol"]
    for _ in range(60):
        bomb = [bomb, bomb]
    return _claims(img_resolution=bomb, z_dim=bomb)


def _tf_tuple() -> bytes:
    return b"\x80\x02" + name_of("os", "system") + text(f"touch {CANARY}") + b"\x85RNN\x87."


def _pickles() -> Iterator[Case]:
    for protocol in range(6):
        yield Case(f"A01 eval, protocol {protocol}", partial(_evil, protocol))
    yield Case("A02 nested torch stream that evals", lambda: nested(legacy_torch(_evil(2))))
    yield Case("A02 nested pickle that evals", lambda: nested(_evil(2)))
    yield Case("A02 nested zip", lambda: nested(torch_zip({"a": 1})), UnsupportedModelError)
    yield Case(
        "A03 nested twice",
        lambda: nested(legacy_torch(nested(legacy_torch(_evil(2))).replace(b"\x80\x04", b"\x80\x02"))),
    )
    yield Case(
        "A04 dotted STACK_GLOBAL", lambda: b"\x80\x04\x8c\x13torch.serialization\x8c\x09os.system\x93\x8c\x02id\x85R."
    )
    yield Case("A04 dotted GLOBAL", lambda: call("torch", "serialization.os.system"))
    for module, name in _GADGETS:
        yield Case(f"A05 {module}.{name}", partial(call, module, name))
    yield Case("A07 module_src is code", lambda: _with_module_source(PAYLOAD.encode()), OPENS)
    for bad in ("os", "__import__", "Generator\0", "G" * 10_000_000, 7, "", "a b"):
        yield Case(f"A08 class {str(bad)[:12]!r}", partial(_bad_class, bad), REFUSED)
    for version in (7, 5, "x", None, True, 10**30):
        yield Case(f"A09 version {version}", partial(_bad_meta, version=version), UnsupportedModelError)
    yield Case("A10 type module", lambda: _bad_meta(type="module"), UnsupportedModelError)
    yield Case("A11 special names in the state", _with_state_extras, OPENS)
    slot_state = b"N}" + text("__doc__") + text("pwned") + b"s\x86b."
    yield Case(
        "A12 BUILD on a function", lambda: b"\x80\x02" + name_of("torch._utils", "_rebuild_parameter") + slot_state
    )
    replaced = b"}" + text("update") + text("x") + b"sb."
    yield Case("A13 BUILD on a class", lambda: b"\x80\x02" + name_of("dnnlib.util", "EasyDict") + replaced)
    yield Case("A13 BUILD on a dict with slots", lambda: b"\x80\x02}" + slot_state)
    yield Case("A14 INST", lambda: b"(S'raise RuntimeError(1)'\ni__builtin__\nexec\n.", REFUSED)
    yield Case("A14 INST alone", lambda: b"\x80\x02(i__builtin__\nexec\n.")
    yield Case("A15 OBJ", lambda: b"(cos\nsystem\nS'id'\no.")
    yield Case("A15 OBJ alone", lambda: b"\x80\x02(o.")
    for code in (b"\x82\x01", b"\x83\x01\x00", b"\x84\x01\x00\x00\x00"):
        yield Case(f"A16 EXT {code.hex()}", partial(bytes.__add__, b"\x80\x02", code + b"."))
    yield Case("A17 PERSID", lambda: b"\x80\x02Pabc\n.")
    yield Case("A18 BINPERSID in a network pickle", lambda: b"\x80\x02" + text("storage") + b"\x85Q.")
    yield Case(
        "A18 BINPERSID not a storage", lambda: legacy_torch(b"\x80\x02" + text("module") + text("x") + b"\x86Q.")
    )
    yield Case("A19 memo bomb", lambda: bytes.fromhex("80025d72ffffff0f2e"), CorruptModelError)
    for name, code in {
        "BINUNICODE8": b"\x8d",
        "BINBYTES8": b"\x8e",
        "BYTEARRAY8": b"\x96",
        "FRAME": b"\x95",
    }.items():
        yield Case(
            f"A20 {name} of 2^40",
            partial(bytes.__add__, b"\x80\x04", code + struct.pack("<Q", 1 << 40)),
            CorruptModelError,
        )
        yield Case(
            f"A20 {name} of 2^64-1", partial(bytes.__add__, b"\x80\x04", code + b"\xff" * 8), CorruptModelError
        )
    yield Case("A20 LONG4 of 2^31-1", lambda: b"\x80\x02\x8b\xff\xff\xff\x7f.", CorruptModelError)
    yield Case("A20 LONG1 of 255 bytes", lambda: b"\x80\x02\x8a\xff" + b"\x01" * 255 + b".", CorruptModelError)
    yield Case("A20 INT of 20,000 digits", lambda: b"\x80\x02I" + b"9" * 20_000 + b"\n.", UnsupportedModelError)
    yield Case("A20 name of 1 MB", lambda: b"\x80\x02c" + b"a" * 1_000_000 + b"\nb\n.", CorruptModelError)
    yield Case("A21 billion laughs by DUP", lambda: _laughs(memo=False), REFUSED)
    yield Case("A21 billion laughs by memo", lambda: _laughs(memo=True), UnsupportedModelError)
    yield Case("A21 billion laughs where a message quotes it", _shown_laughs, CorruptModelError)
    yield Case(
        "A21 billion laughs as a name", lambda: b"\x80\x02})q\0" + b"h\0h\0\x86q\0" * 60 + b"Ns.", CorruptModelError
    )
    yield Case("A22 list in itself", lambda: b"\x80\x02]q\x00h\x00a.", CorruptModelError)
    yield Case("A22 dict in itself", lambda: b"\x80\x02}q\x00X\x01\0\0\0ah\x00s.", CorruptModelError)
    yield Case("A22 tuple in itself", lambda: b"\x80\x02]q\x00h\x00\x85a.", CorruptModelError)
    yield Case("A23 a million nested tuples", lambda: b"\x80\x02)" + b"\x85" * 1_000_000 + b".", CorruptModelError)
    yield Case("A23 999,000 nested tuples", lambda: b"\x80\x02)" + b"\x85" * 999_000 + b".", CorruptModelError)
    yield Case("A23 300 nested lists by memo", _lists_by_memo, CorruptModelError)
    yield Case("A24 five million marks", lambda: b"\x80\x02" + b"(" * 5_000_000, CorruptModelError)
    yield Case("A24 stack of 500,000", lambda: b"\x80\x02" + b"N" * 500_000 + b".", CorruptModelError)
    for name, body in {
        "underflow": b"R.",
        "empty memo": b"h\x07.",
        "no STOP": b"N",
        "two values": b"NN.",
        "nothing": b".",
        "open mark": b"(N.",
        "no mark": b"t.",
        "pop under mark": b"N(\x85.",
        "odd items": b"}(NNNu.",
    }.items():
        yield Case(f"A24 {name}", partial(bytes.__add__, b"\x80\x02", body), REFUSED)
    yield Case("A24 bytes after STOP", lambda: snapshot(generator()) + b"x", CorruptModelError)
    yield Case("A24 second pickle", lambda: snapshot(generator()) + _evil(4), CorruptModelError)
    yield Case("A24 second PROTO", lambda: b"\x80\x02\x80\x02N.", CorruptModelError)
    yield Case("A25 lying FRAME", _lying_frame, CorruptModelError)
    yield Case(
        "A25 FRAME in a FRAME",
        lambda: b"\x80\x04\x95" + struct.pack("<Q", 12) + b"\x95" + struct.pack("<Q", 1) + b"NN.",
        CorruptModelError,
    )
    yield Case("A25 STOP in a FRAME", lambda: b"\x80\x04\x95" + struct.pack("<Q", 4) + b"N.NN", CorruptModelError)
    yield Case("A26 protocol 6", lambda: b"\x80\x06N.", UnsupportedModelError)
    yield Case("A26 protocol 255", lambda: b"\x80\xffN.", UnsupportedModelError)
    yield Case("A26 protocol 1", lambda: b"\x80\x01N.", UnsupportedModelError)
    for name, view in {
        "overlapping": (0, (1 << 20, 1 << 14), (0, 0)),
        "stride -1": (0, (4,), (-1,)),
        "offset -100000": (-100_000, (4,), (1,)),
        "offset beyond": (100, (4,), (1,)),
        "product over 2^63": (0, (1 << 40, 1 << 40), (1, 1)),
        "2^40 from 16 bytes": (0, (1 << 40,), (1,)),
        "gaps": (0, (2,), (2,)),
        "float size": (0, (2.0,), (1,)),
        "9 dimensions": (0, (1,) * 9, (1,) * 9),
        "unequal": (0, (2, 2), (1,)),
        "not a tuple": (0, [5], (1,)),
        "bool offset": (True, (3,), (1,)),
    }.items():
        yield Case(f"A27 tensor {name}", partial(_viewed, *view), CorruptModelError)
    for dtype in ("O8", "V8", "S1000000", "U4", "M8", "c8", "f16"):
        yield Case(f"A28 dtype {dtype}", partial(_array_record, dtype), REFUSED)
    yield Case("A28 array of another class", lambda: _array_record("f4", name_of("numpy", "dtype")))
    yield Case(
        "A28 codec zip", lambda: b"\x80\x02" + name_of("_codecs", "encode") + text("x") + text("zip") + b"\x86R."
    )
    yield Case("A28 array for a tensor, big-endian", lambda: _array(np.arange(5, dtype=">f4")), OPENS)
    yield Case("A28 array of ints for a tensor", lambda: _array(np.arange(5)), UnsupportedModelError)
    yield Case("A28 structured array", lambda: _array(np.zeros(5, "f4,i4")), REFUSED)
    yield Case("A28 array of objects", lambda: _array(np.array([None] * 5)), REFUSED)
    for value in (float("nan"), float("inf")):
        yield Case(f"A29 {value} weights", partial(_weights, value), CorruptModelError)
    yield Case("A29 denormal weights", lambda: _weights(1e-42), OPENS)
    for name, claims in {
        "resolution 3": {"img_resolution": 3},
        "resolution 65536": {"img_resolution": 65536},
        "channels 0": {"img_channels": 0},
        "channels 5": {"img_channels": 5},
        "z_dim 10^9": {"z_dim": 10**9},
        "c_dim 10": {"c_dim": 10},
        "num_ws -1": {"num_ws": -1},
        "z_dim text": {"z_dim": "6"},
        "w_dim None": {"w_dim": None},
    }.items():
        yield Case(f"A30 claims {name}", partial(_claims, **claims), CorruptModelError)
    yield Case("A30 num_layers -1", lambda: _kwargs(mapping_kwargs={"num_layers": -1}), CorruptModelError)
    yield Case("A30 unknown option", lambda: _kwargs(exec="x"), UnsupportedModelError)
    yield Case("A30 unknown synthesis option", lambda: _kwargs(synthesis_kwargs={"exec": 1}), UnsupportedModelError)
    yield Case("A30 options are a list", lambda: _kwargs(synthesis_kwargs=[1]), CorruptModelError)
    yield Case("A30 D only", lambda: pickled({"D": generator()}), UnsupportedModelError)
    yield Case("A30 resolution 4096 in names", _huge_resolution, REFUSED)
    yield Case("A30 a module is text", lambda: snapshot(_with_module("mapping", "x")), CorruptModelError)
    yield Case("A30 a tensor is text", lambda: snapshot(_with_buffer("x")), CorruptModelError)
    yield Case("A30 modules without end", _deep_modules, UnsupportedModelError)
    yield Case("A30 modules shared a billion times", _shared_modules, UnsupportedModelError)
    yield Case("A30 states shared by many modules", _shared_states, UnsupportedModelError)
    yield Case("A33 TF tuple with a call", _tf_tuple)
    yield Case("A33 TF network", lambda: (GOLDEN / "tf_sg2_64" / "net.pkl").read_bytes(), UnsupportedModelError)
    yield Case("A36 module_src of 9 MB", lambda: _bad_meta(module_src="#" * 9_000_000), OPENS)
    yield Case("A36 bidi and ANSI in a class", lambda: _bad_class("\x1b[31m\u202eGen\u2066"), REFUSED)
    yield Case("A36 bidi in a global", lambda: call("os\u202e", "sys\x1b[2Jtem"))
    yield Case("A36 surrogates in a name", lambda: b"\x80\x04" + text("\ud800") + text("\udfff") + b"\x93.")


def _lists_by_memo() -> bytes:
    """Each list enters the one above while it is still empty, so that no mark ever nests."""
    return b"\x80\x02(]q\x00" + b"]q\x01ah\x01" * 300 + b"t."


def _with_module(name: str, value: Any) -> foreign.Module:
    network = generator()
    network.modules[name] = value
    return network


def _with_buffer(value: Any) -> foreign.Module:
    network = generator()
    network.modules["mapping"].buffers["w_avg"] = value
    return network


def _huge_resolution() -> bytes:
    network = generator()
    blocks = network.modules["synthesis"].modules
    blocks["b65536"] = blocks.pop("b8")
    return snapshot(network)


def _deep_modules() -> bytes:
    module: Any = foreign.Module("FullyConnectedLayer")
    for _ in range(30):
        module = foreign.Module("FullyConnectedLayer", modules={"affine": module})
    return snapshot(_with_module("mapping", foreign.Module("MappingNetwork", modules={"fc0": module})))


def _shared_states() -> bytes:
    """Two thousand modules that share one table of 20,000 attributes."""
    child = foreign.Module("FullyConnectedLayer", attributes={f"a{i}": None for i in range(20_000)})
    network = _with_module(
        "mapping", foreign.Module("MappingNetwork", modules={f"fc{i}": child for i in range(1_900)})
    )
    return snapshot(network)


def _shared_tables() -> bytes:
    """A checkpoint whose every wrapper is the same table of 20,000 tensors, four levels deep."""
    tensor = torch.zeros(1)
    table: dict[str, Any] = {f"t{i}": tensor for i in range(20_000)}
    for _ in range(4):
        table = dict.fromkeys(("g_ema", "G_ema", "state_dict", "generator", "g", "G", "params", "model"), table)
    return torch_zip(table)


def _shared_modules() -> bytes:
    module: Any = foreign.Module("FullyConnectedLayer")
    for _ in range(4):
        module = foreign.Module("FullyConnectedLayer", modules={f"fc{i}": module for i in range(20)})
    return snapshot(_with_module("mapping", foreign.Module("MappingNetwork", modules={"fc0": module})))


# --- B: torch files -----------------------------------------------------------------------------------------


def _deflated_zeros(declared: int) -> bytes:
    members = torch_members()
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    data = packed.compress(bytes(1 << 20)) + packed.flush()  # 1 MiB here; the claim below is what a bomb would claim
    return zipped(
        [replace(m, data=data, method=8, size=declared, crc=0) if m.name.endswith("data/0") else m for m in members]
    )


def _data_pkl(body: bytes) -> bytes:
    return zipped([ZipMember("archive/data.pkl", body), ZipMember("archive/version", b"3\n")])


def _storage(kind: str = "FloatStorage", key: str = "0", numel: int = 4) -> bytes:
    """A pickle of one tensor of 4 numbers in a storage as described."""
    number = b"\x8a\x09" + numel.to_bytes(9, "little")
    pid = b"(" + text("storage") + name_of("torch", kind) + text(key) + text("cpu") + number + b"tQ"
    rest = b"K\x00K\x04\x85K\x01\x85\x89" + name_of("collections", "OrderedDict") + b")R"
    tensor = name_of("torch._utils", "_rebuild_tensor_v2") + b"(" + pid + rest + b"tR"
    return b"\x80\x02}" + text("x") + tensor + b"s."


def _stored(numel: int, size: int, key: str = "0", kind: str = "FloatStorage") -> bytes:
    members = [ZipMember("archive/data.pkl", _storage(kind, key, numel)), ZipMember("archive/data/0", bytes(size))]
    return zipped(members)


def _overlapping() -> bytes:
    members = torch_members()
    return zipped([*members, replace(members[0], name="archive/data/evil", offset=0)])


def _torchscript() -> bytes:
    return zipped(
        [
            ZipMember("m/data.pkl", b"\x80\x02N."),
            ZipMember("m/constants.pkl", b"\x80\x02)."),
            ZipMember("m/code/x.py", b""),
        ]
    )


def _package() -> bytes:
    return zipped([ZipMember("m/.data/extern_modules", b""), ZipMember("m/model.py", PAYLOAD.encode())])


def _checkpoint(**others: Any) -> bytes:
    return torch_zip({"g_ema": foreign.rosinality_state(), **others})


def _quantized() -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch announces the end of quantised tensors
        return torch_zip({"g_ema": torch.quantize_per_tensor(torch.zeros(4), 0.1, 0, torch.qint8)})


def _changed_state(name: str, value: torch.Tensor | None) -> bytes:
    state = foreign.rosinality_state()
    if value is None:
        del state[name]
    else:
        state[name] = value
    return torch_zip({"g_ema": state})


def _torch_files() -> Iterator[Case]:
    for declared in (1 << 30, 4, 0xFFFFFFFF):
        yield Case(f"B01 deflated storage of {declared}", partial(_deflated_zeros, declared), REFUSED)
    yield Case("B03 legacy stream that evals", lambda: legacy_torch(_evil(2)))
    yield Case(
        "B04 computed magic",
        lambda: (
            pickle.dumps(Calls(eval, "0x1950A86A20F9469CFC6C"), 2) + legacy_torch(b"\x80\x02N.")[len(LEGACY_START) :]
        ),
        REFUSED,
    )
    yield Case("B05 tar file", _tar, UnsupportedModelError)
    yield Case("B06 protocol 1002", lambda: legacy_torch(b"\x80\x02N.", protocol=1002), UnsupportedModelError)
    yield Case("B06 evil keys", lambda: legacy_torch(b"\x80\x02N.", keys=_evil(2)))
    yield Case(
        "B06 keys that are no list", lambda: legacy_torch(b"\x80\x02N.", keys=b"\x80\x02N."), CorruptModelError
    )
    yield Case(
        "B06 big-endian",
        lambda: (
            LEGACY_START + pickle.dumps(1001, 2) + pickle.dumps({"little_endian": False}, 2) + b"\x80\x02N.\x80\x02]."
        ),
        UnsupportedModelError,
    )
    yield Case("B07 two names", lambda: spoilt_zip("data.pkl", local_name="archive/datap.kl"), CorruptModelError)
    yield Case("B08 wrong CRC", lambda: spoilt_zip("data.pkl", crc=1), CorruptModelError)
    yield Case("B08 wrong CRC of numbers", lambda: spoilt_zip("data/3", crc=1), CorruptModelError)
    for flag in (0x1, 0x20, 0x40, 0x2000):
        yield Case(f"B09 flag {flag:#x}", partial(spoilt_zip, "data.pkl", flags=flag))
    yield Case(
        "B10 two data.pkl",
        lambda: zipped([*torch_members(), ZipMember("archive/data.pkl", _evil(2))]),
        CorruptModelError,
    )
    yield Case(
        "B11 hidden data.pkl",
        lambda: zipped([*torch_members(), ZipMember("archive/sub/data.pkl", _evil(2))]),
        UnsupportedModelError,
    )
    yield Case("B11 member outside", lambda: zipped([*torch_members(), ZipMember("other/x", b"")]))
    yield Case("B11 member with ..", lambda: zipped([*torch_members(), ZipMember("archive/../x", b"")]))
    yield Case("B12 spanned marker", lambda: b"PK\x07\x08" + zipped(torch_members()))
    yield Case("B13 zip behind a JPEG", lambda: b"\xff\xd8\xff\xe0" + zipped(torch_members()), UnsupportedModelError)
    yield Case(
        "B13 zip behind another zip's head",
        lambda: zipped(torch_members(), prefix=b"PK\x03\x04" + bytes(60)),
        CorruptModelError,
    )
    yield Case("B14 comment", lambda: zipped(torch_members(), comment=bytes(65_535)), CorruptModelError)
    yield Case("B15 size lies", lambda: spoilt_zip("data/0", size=1 << 30), CorruptModelError)
    yield Case("B15 size 2^32-1 without zip64", lambda: spoilt_zip("data/0", size=0xFFFFFFFF), CorruptModelError)
    yield Case("B16 overlap", _overlapping, CorruptModelError)
    yield Case("B16 offset lies", lambda: spoilt_zip("data/0", offset=7), CorruptModelError)
    yield Case(
        "B17 60,000 members", lambda: zipped([ZipMember(f"a/{i}", b"") for i in range(60_000)]), CorruptModelError
    )
    yield Case("B17 member count lies", lambda: zipped(torch_members(), count=3), CorruptModelError)
    yield Case("B17 no members", lambda: zipped([]), REFUSED)
    yield Case("B18 encrypted", lambda: spoilt_zip("data/0", flags=1, method=99))
    yield Case("B19 TorchScript", _torchscript, UnsupportedModelError)
    yield Case("B20 torch.package", _package, UnsupportedModelError)
    yield Case("B21 eval in data.pkl", lambda: _data_pkl(_evil(2)))
    yield Case("B21 eval behind data.pkl", lambda: _data_pkl(b"\x80\x02N." + _evil(2)))
    yield Case("B21 declared too big", lambda: _stored(1 << 20, 16), CorruptModelError)
    yield Case("B21 declared too small", lambda: _stored(1, 16), CorruptModelError)
    yield Case("B21 size_t overflow", lambda: _stored(1 << 62, 16), CorruptModelError)
    yield Case("B21 negative", lambda: _stored(-1 % (1 << 72), 16), CorruptModelError)
    yield Case("B21 storage missing", lambda: _stored(4, 16, key="1"), CorruptModelError)
    yield Case("B21 storage outside", lambda: _stored(4, 16, key="../0"), CorruptModelError)
    yield Case("B21 no network in it", lambda: _stored(4, 16), UnsupportedModelError)
    yield Case("B22 Namespace, paths, numpy scalars", _with_ignored, OPENS)
    yield Case(
        "B22 DataParallel prefix",
        lambda: torch_zip({"module." + k: v for k, v in foreign.rosinality_state().items()}),
        OPENS,
    )
    yield Case("B22 a pickled class of the user", lambda: _checkpoint(net=Calls(collections.Counter, "ab")))
    yield Case("B24 one storage under two names", _shared_storage, OPENS)
    yield Case("B24 one table under many names", _shared_tables, UnsupportedModelError)
    yield Case("B25 quantised", _quantized, UnsupportedModelError)
    yield Case("B25 sparse", lambda: torch_zip({"g_ema": torch.eye(3).to_sparse()}), REFUSED)
    yield Case("B25 meta tensor", lambda: torch_zip({"g_ema": torch.empty(3, device="meta")}), REFUSED)
    yield Case(
        "B25 complex", lambda: _changed_state("conv1.activate.bias", torch.zeros(4, dtype=torch.complex64)), REFUSED
    )
    yield Case(
        "B25 whole numbers",
        lambda: _changed_state("conv1.activate.bias", torch.zeros(4, dtype=torch.int64)),
        UnsupportedModelError,
    )
    yield Case(
        "B25 float8", lambda: _changed_state("conv1.activate.bias", torch.zeros(4).to(torch.float8_e4m3fn)), REFUSED
    )
    yield Case("B25 byteorder nonsense", lambda: spoilt_zip("byteorder", data=b"middle"), CorruptModelError)
    yield Case("a tensor is missing", lambda: _changed_state("to_rgb1.bias", None), UnsupportedModelError)
    yield Case("a weight is missing", lambda: _changed_state("convs.0.conv.weight", None), CorruptModelError)
    yield Case("a shape is wrong", lambda: _changed_state("convs.0.activate.bias", torch.zeros(9)), CorruptModelError)
    yield Case(
        "a dimension is missing", lambda: _changed_state("convs.0.conv.weight", torch.zeros(4, 4)), CorruptModelError
    )
    yield Case(
        "a tensor is empty",
        lambda: _changed_state("convs.0.conv.weight", torch.zeros(1, 0, 4, 3, 3)),
        CorruptModelError,
    )
    yield Case("an extra tensor", lambda: _changed_state("attention.0.weight", torch.zeros(9)), UnsupportedModelError)
    for folder, name in (
        ("sg3t_64_small", "net.pkl"),
        ("sg1_huang_64_linear", "net.pt"),
        ("layout_pretrain", "generator-pretrain.pt"),
    ):
        yield Case(f"not yet: {folder}", (GOLDEN / folder / name).read_bytes, UnsupportedModelError)


def _tar() -> bytes:
    import tarfile

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        info = tarfile.TarInfo("pickle")
        info.size = len(_evil(2))
        tar.addfile(info, io.BytesIO(_evil(2)))
    return buffer.getvalue()


def _with_ignored() -> bytes:
    import argparse
    import pathlib

    args = argparse.Namespace(path=pathlib.PurePosixPath("/data"), lr=np.float64(0.002), device=torch.device("cpu"))
    return _checkpoint(args=args, step=np.int64(7), size=torch.Size([1, 2]))


def _shared_storage() -> bytes:
    state = foreign.rosinality_state()
    state["style.2.bias"] = state["style.1.bias"]
    state["style.1.weight"] = torch.cat([state["style.1.weight"], state["style.2.weight"]])[:5]
    return torch_zip({"g": state, "g_ema": state})


# --- C: safetensors -----------------------------------------------------------------------------------------

_X = b'"dtype":"F32","shape":[4],"data_offsets":[0,16]'


def _many_tensors(count: int) -> bytes:
    names = b",".join(
        b'"t%d":{"dtype":"F32","shape":[],"data_offsets":[%d,%d]}' % (i, 4 * i, 4 * i + 4) for i in range(count)
    )
    return safetensors(b"{" + names + b"}", bytes(4 * count))


def _safetensors_files() -> Iterator[Case]:
    vectors: dict[str, tuple[bytes, Expected]] = {
        "C01 ten tensors on the same bytes": (
            safetensors(b"{" + b",".join(b'"x%d":{%s}' % (i, _X) for i in range(10)) + b"}", bytes(16)),
            CorruptModelError,
        ),
        "C02 trailing data": (
            safetensors(b'{"x":{' + _X + b"}}", bytes(16) + b"extra_bogus_data_for_polyglot_file"),
            CorruptModelError,
        ),
        "C03 two bytes missing": (safetensors(b'{"x":{' + _X + b"}}", bytes(14)), CorruptModelError),
        "C04 header too large": (bytes.fromhex("3c00000000ffffff"), REFUSED),
        "C05 empty": (b"", CorruptModelError),
        "C06 header length beyond the file": (safetensors(b"{}", length=60), REFUSED),
        "C07 header not UTF-8": (bytes.fromhex("01000000000000 00ff".replace(" ", "")), REFUSED),
        "C08 header not JSON": (bytes.fromhex("0100000000000000 7b".replace(" ", "")), REFUSED),
        "C09 offsets do not fit the shape": (
            safetensors(b'{"x":{"dtype":"F32","shape":[2,2],"data_offsets":[0,4]}}', bytes(4)),
            CorruptModelError,
        ),
        "C10 shape overflows": (
            safetensors(b'{"x":{"dtype":"F32","shape":[2,18446744073709551614],"data_offsets":[0,16]}}', bytes(16)),
            CorruptModelError,
        ),
        "C11 begins beyond its end": (
            safetensors(b'{"x":{"dtype":"F32","shape":[4],"data_offsets":[16,0]}}', bytes(16)),
            CorruptModelError,
        ),
        "C12 gap": (
            safetensors(b'{"x":{"dtype":"F32","shape":[4],"data_offsets":[4,20]}}', bytes(20)),
            CorruptModelError,
        ),
        "C13 no tensors": (safetensors(b"{}"), UnsupportedModelError),
        "C13 zero-sized tensor": (
            safetensors(b'{"x":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}'),
            UnsupportedModelError,
        ),
        "C14 duplicate key": (safetensors(b'{"x":{' + _X + b'},"x":{' + _X + b"}}", bytes(16)), CorruptModelError),
        "C15 extra field": (safetensors(b'{"x":{' + _X + b',"exec":"x"}}', bytes(16)), UnsupportedModelError),
        "C17 metadata not text": (safetensors(b'{"__metadata__":{"a":1}}'), CorruptModelError),
        "C18 header of 17 MB of spaces": (safetensors(b"{}" + b" " * (17 << 20)), CorruptModelError),
        "NaN in the header": (safetensors(b'{"x":NaN}'), CorruptModelError),
        "deep header": (safetensors(b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"), CorruptModelError),
        "number of 10,000 digits": (safetensors(b'{"x":' + b"9" * 10_000 + b"}"), CorruptModelError),
        "shape of a bool": (
            safetensors(b'{"x":{"dtype":"F32","shape":[true],"data_offsets":[0,4]}}', bytes(4)),
            CorruptModelError,
        ),
        "unknown type": (
            safetensors(b'{"x":{"dtype":"F4","shape":[4],"data_offsets":[0,16]}}', bytes(16)),
            UnsupportedModelError,
        ),
        "claims to be Graft's, is nonsense": (safetensors(b'{"__metadata__":{"graft":"{}"}}'), REFUSED),
        "claims to be Graft's, of the future": (
            safetensors(b'{"__metadata__":{"graft":"{\\"format\\":99}"}}'),
            UnsupportedModelError,
        ),
        "claims to be Graft's, not JSON": (safetensors(b'{"__metadata__":{"graft":"\\ud800{"}}'), REFUSED),
    }
    for name, (data, expected) in vectors.items():
        yield Case(name, partial(bytes, data), expected)
    for name in ("a\\u0000b", "../x", "a/b", "a\\nb", "\\u001b[2J", "\\u202ex", "", "x" * 1_000_000):
        header = b'{"' + name.encode() + b'":{' + _X + b"}}"
        yield Case(f"C16 name {name[:10]}", partial(safetensors, header, bytes(16)), CorruptModelError)
    yield Case("C16 200,000 tensors", partial(_many_tensors, 200_000), CorruptModelError)
    yield Case(
        "C17 metadata of 5 MB",
        lambda: safetensors(b'{"__metadata__":{"a":"' + b"<" * 5_000_000 + b'"}}'),
        CorruptModelError,
    )


def _other_files() -> Iterator[Case]:
    for name, data in {
        "web page": b"<!DOCTYPE html><html><title>Google Drive - Quota exceeded</title>",
        "git-lfs": b"version https://git-lfs.github.com/spec/v1\noid",
        "PNG": b"\x89PNG\r\n\x1a\n" + bytes(50),
        "JPEG": b"\xff\xd8\xff\xe0" + bytes(50),
        "JSON": b'{"a": 1}',
        "gzip": b"\x1f\x8b\x08" + bytes(50),
        "ELF": b"\x7fELF" + bytes(50),
        "HDF5": b"\x89HDF\r\n" + bytes(50),
        "numpy": b"\x93NUMPY\x01\x00" + bytes(50),
        "script": b"#!/bin/sh\nid\n",
        "ONNX": b"\x08\x07\x12\x07pytorch\x1a\x03" + bytes(50),
        "text": b"hello",
        "one byte": b"\x00x",
        "npz": b"PK\x03\x04" + bytes(22) + b"\x05\x00\x00\x00w.npy",
    }.items():
        yield Case(f"no model: {name}", partial(bytes, data), UnsupportedModelError)
    yield Case("no model: zeros", lambda: bytes(10_000), CorruptModelError)
    yield Case("no model: noise", lambda: np.random.RandomState(1).bytes(100_000), REFUSED)


CASES: tuple[Case, ...] = (*_pickles(), *_torch_files(), *_safetensors_files(), *_other_files())


def truncations(good: bytes) -> Iterator[bytes]:
    """The beginnings of a good file, down to nothing."""
    yield from (
        good[:length] for length in (1, 2, 10, len(good) // 100, len(good) // 2, len(good) * 99 // 100, len(good) - 1)
    )
    yield from (good[:length] for length in range(4096, len(good), max(4096, len(good) // 40)))


def bit_flips(good: bytes, count: int, seed: int) -> Iterator[bytes]:
    """Copies of a good file with one bit changed."""
    random = np.random.RandomState(seed)
    for _ in range(count):
        spoilt = bytearray(good)
        spoilt[random.randint(len(good))] ^= 1 << random.randint(8)
        yield bytes(spoilt)

"""The exact list of names that a weight file may mention, and the inert record that each one becomes.

A pair (module, name) is in one of the tables below or the file is refused. Nothing is ever imported or looked up:
every entry is a function of this module that makes a record or a plain container.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from engine.checkpoints.opcodes import CODE_HINT, PickleContext
from engine.checkpoints.records import (
    ITEM_SIZES,
    ArrayRecord,
    DtypeRecord,
    Global,
    Instance,
    PersistentObject,
    StorageRecord,
    TensorRecord,
    shown,
)
from engine.errors import CorruptModelError, UnsafeModelError, UnsupportedModelError

PERSISTENCE_VERSION = 6
MAX_DIMENSIONS = 8
MAX_CLASS_NAME = 100

STORAGE_DTYPES = {
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "FloatStorage": "float32",
    "DoubleStorage": "float64",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ShortStorage": "int16",
    "IntStorage": "int32",
    "LongStorage": "int64",
}
NUMPY_DTYPES = {
    "f2": "float16",
    "f4": "float32",
    "f8": "float64",
    "i1": "int8",
    "i2": "int16",
    "i4": "int32",
    "i8": "int64",
    "u1": "uint8",
    "u2": "uint16",
    "u4": "uint32",
    "u8": "uint64",
    "b1": "bool",
}
_SCALAR_CODES = {
    "float16": "e",
    "float32": "f",
    "float64": "d",
    "int8": "b",
    "uint8": "B",
    "bool": "?",
    "int16": "h",
    "uint16": "H",
    "int32": "i",
    "uint32": "I",
    "int64": "q",
    "uint64": "Q",
}

Args = tuple[Any, ...]
Factory = Callable[[PickleContext, Global, Args], Any]


def _malformed(name: Global) -> CorruptModelError:
    return CorruptModelError(f"The file describes a {name} in a way that makes no sense.")


def _persistent_object(_: PickleContext, name: Global, args: Args) -> PersistentObject:
    if len(args) != 1 or type(args[0]) is not dict:
        raise _malformed(name)
    meta = args[0]
    version, class_name, state = meta.get("version"), meta.get("class_name"), meta.get("state")
    if meta.get("type") != "class":
        raise UnsupportedModelError(f"The file stores a network part of kind {shown(meta.get('type'))}, not a class.")
    if type(version) is not int or version != PERSISTENCE_VERSION:
        made_by = f"v{version}" if type(version) is int and abs(version) < 10**6 else "an unknown version"
        raise UnsupportedModelError(
            f"The network was pickled by a newer or unknown tool ({made_by}); Graft reads v{PERSISTENCE_VERSION}."
        )
    if type(class_name) is not str or len(class_name) > MAX_CLASS_NAME or not class_name.isidentifier():
        raise UnsafeModelError(f"The file names a network class {shown(class_name)}, which is no name.", CODE_HINT)
    if type(state) is not dict:
        raise _malformed(name)
    return PersistentObject(class_name, state)


def _dict(_: PickleContext, name: Global, args: Args) -> dict[Any, Any]:
    """OrderedDict and EasyDict, empty or from a list of pairs as Python 2 wrote them."""
    if not args:
        return {}
    pairs = args[0]
    if len(args) != 1 or type(pairs) is not list:
        raise _malformed(name)
    result = {}
    for pair in pairs:
        if type(pair) not in (list, tuple) or len(pair) != 2 or type(pair[0]) not in (str, int):
            raise _malformed(name)
        result[pair[0]] = pair[1]
    return result


def _set(_: PickleContext, name: Global, args: Args) -> set[Any]:
    if not args:
        return set()
    if len(args) != 1 or type(args[0]) is not list or not all(type(item) in (str, int) for item in args[0]):
        raise _malformed(name)
    return set(args[0])


def _encode(context: PickleContext, name: Global, args: Args) -> bytes:
    """How pickle protocol 2 writes bytes: as a text of code points below 256."""
    if len(args) != 2 or type(args[0]) is not str or type(args[1]) is not str:
        raise _malformed(name)
    if args[1] not in ("latin1", "latin-1"):
        raise UnsafeModelError(f"The file asks to decode data with {shown(args[1])}. It was not opened.", CODE_HINT)
    return bytes(_raw(context, name, args[0]))


def _raw(context: PickleContext, name: Global, value: Any) -> memoryview:
    """Bytes; or the text that stands for them in files of Python 2 and of protocol 2."""
    if isinstance(value, bytes | memoryview):
        return memoryview(value)
    if type(value) is not str:
        raise _malformed(name)
    context.budget.produced_bytes -= 2 * len(value)
    if context.budget.produced_bytes < 0:
        raise CorruptModelError("The file unpacks to much more than its size; it was not opened.")
    try:
        return memoryview(bytes(value, "latin-1"))
    except UnicodeEncodeError:
        raise _malformed(name) from None


def _load_from_bytes(context: PickleContext, name: Global, args: Args) -> Any:
    """A tensor's storage as a torch file inside the pickle: read by the same rules, one level deep."""
    if len(args) != 1 or not isinstance(args[0], bytes | memoryview):
        raise _malformed(name)
    if context.load_storage is None:
        raise UnsafeModelError("The file hides a pickle in a pickle in a pickle. It was not opened.", CODE_HINT)
    return context.load_storage(memoryview(args[0]))


def _is_sizes(value: Any) -> bool:
    if type(value) is not tuple or len(value) > MAX_DIMENSIONS:
        return False
    return all(type(size) is int and 0 <= size < 1 << 62 for size in value)


def _tensor(_: PickleContext, name: Global, args: Args) -> TensorRecord:
    """``(storage, offset, size, stride, requires_grad, hooks[, metadata])``; the old form ends after stride."""
    if not 4 <= len(args) <= 7 or type(args[0]) is not StorageRecord:
        raise _malformed(name)
    storage, offset, shape, stride = args[:4]
    fits = type(offset) is int and _is_sizes(shape) and _is_sizes(stride) and len(shape) == len(stride)
    if not fits or offset < 0:
        raise CorruptModelError("A tensor in the file has an impossible shape, stride or offset.")
    return TensorRecord(storage, offset, shape, stride)


def _parameter(_: PickleContext, name: Global, args: Args) -> TensorRecord:
    if not args or type(args[0]) is not TensorRecord:
        raise _malformed(name)
    return args[0]


def _size(_: PickleContext, name: Global, args: Args) -> tuple[int, ...]:
    if len(args) != 1 or not _is_sizes(tuple(args[0]) if type(args[0]) is list else args[0]):
        raise _malformed(name)
    return tuple(args[0])


def _dtype(_: PickleContext, name: Global, args: Args) -> DtypeRecord:
    if not 1 <= len(args) <= 3 or type(args[0]) is not str:
        raise _malformed(name)
    code = args[0].lstrip("<>=|")
    if code not in NUMPY_DTYPES:
        if code.startswith("O"):
            raise UnsafeModelError("The file holds an array of objects. It was not opened.", CODE_HINT)
        raise UnsupportedModelError(f"The file holds an array of type {shown(args[0])}; Graft reads plain numbers.")
    return DtypeRecord(code, args[0][0] if args[0][0] in "<>" else "=")


def _empty_array(_: PickleContext, name: Global, args: Args) -> ArrayRecord:
    if len(args) != 3 or args[0] != _NDARRAY:
        raise UnsafeModelError("The file builds an array of a class other than ndarray.", CODE_HINT)
    return ArrayRecord()


def _array_from_buffer(context: PickleContext, name: Global, args: Args) -> ArrayRecord:
    """How pickle protocol 5 writes arrays: ``(bytes, dtype, shape, order)``."""
    if len(args) != 4 or args[3] not in ("C", "F"):
        raise _malformed(name)
    data, dtype, shape, order = args
    array = ArrayRecord()
    _set_array_state(context, array, (1, shape, dtype, order == "F", data))
    return array


def _scalar(context: PickleContext, name: Global, args: Args) -> float | int | bool:
    if len(args) != 2 or type(args[0]) is not DtypeRecord:
        raise _malformed(name)
    dtype = NUMPY_DTYPES[args[0].code]
    raw = _raw(context, name, args[1])
    if len(raw) != ITEM_SIZES[dtype]:
        raise _malformed(name)
    order = ">" if args[0].byteorder == ">" else "<"
    value: float | int | bool = struct.unpack(order + _SCALAR_CODES[dtype], raw)[0]
    return value


def _ignored(context: PickleContext, name: Global, args: Args) -> Instance:
    context.budget.ignored.add(str(name))
    return Instance(name, args)


def _network(_: PickleContext, name: Global, args: Args) -> Instance:
    return Instance(name, args)


_NDARRAY = Global("numpy", "ndarray")
_NUMPY_CORE = ("numpy.core.multiarray", "numpy._core.multiarray")
_NUMPY_NUMERIC = ("numpy.core.numeric", "numpy._core.numeric")
TF_NETWORK = Global("dnnlib.tflib.network", "Network")
OPTIONS = Global("argparse", "Namespace")

_IGNORED = {
    OPTIONS,
    Global("torch", "device"),
    *(Global("pathlib", name) for name in ("Path", "PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath")),
    Global("pathlib._local", "PosixPath"),
    Global("pathlib._local", "WindowsPath"),
    Global("pytorch_lightning.callbacks.model_checkpoint", "ModelCheckpoint"),
    Global("pytorch_lightning.callbacks.early_stopping", "EarlyStopping"),
}
_DICTS = {
    Global("dnnlib.util", "EasyDict"),
    Global("collections", "OrderedDict"),
    Global("pytorch_lightning.utilities.parsing", "AttributeDict"),
    Global("lightning_fabric.utilities.data", "AttributeDict"),
}

_CALLS: dict[Global, Factory] = {
    Global("torch_utils.persistence", "_reconstruct_persistent_obj"): _persistent_object,
    Global("builtins", "set"): _set,
    Global("__builtin__", "set"): _set,
    Global("_codecs", "encode"): _encode,
    Global("torch.storage", "_load_from_bytes"): _load_from_bytes,
    Global("torch._utils", "_rebuild_tensor"): _tensor,
    Global("torch._utils", "_rebuild_tensor_v2"): _tensor,
    Global("torch._utils", "_rebuild_parameter"): _parameter,
    Global("torch._utils", "_rebuild_parameter_with_state"): _parameter,
    Global("torch.nn.parameter", "Parameter"): _parameter,
    Global("torch", "Size"): _size,
    Global("numpy", "dtype"): _dtype,
    **{Global(core, "_reconstruct"): _empty_array for core in _NUMPY_CORE},
    **{Global(core, "scalar"): _scalar for core in _NUMPY_CORE},
    **{Global(numeric, "_frombuffer"): _array_from_buffer for numeric in _NUMPY_NUMERIC},
    **dict.fromkeys(_DICTS, _dict),
    **dict.fromkeys(_IGNORED, _ignored),
}
_CONSTRUCTIONS: dict[Global, Factory] = {
    TF_NETWORK: _network,
    **dict.fromkeys(_DICTS, _dict),
    **dict.fromkeys(_IGNORED, _ignored),
}
_STORAGE_CLASSES = {
    Global(module, name): dtype for module in ("torch", "torch.cuda") for name, dtype in STORAGE_DTYPES.items()
}
_NAMES_ONLY = {
    _NDARRAY,
    *(Global("torch", name) for name in (*ITEM_SIZES, "half", "float", "double", "long")),
    *_STORAGE_CLASSES,
}
ALLOWED = frozenset({*_CALLS, *_CONSTRUCTIONS, *_NAMES_ONLY})


def admit(name: Global) -> None:
    """Let a name pass that is in the tables.

    Raises:
        UnsupportedModelError: a kind of tensor that torch knows and Graft does not.
        UnsafeModelError: anything else.
    """
    if name in ALLOWED:
        return
    if name.module in ("torch", "torch.cuda", "torch.storage") and name.name.endswith("Storage"):
        raise UnsupportedModelError(f"The file holds numbers of type {name}, which Graft does not read.")
    if name.module == "torch._utils" and name.name.startswith("_rebuild_"):
        kind = name.name.removeprefix("_rebuild_").replace("_", " ")
        raise UnsupportedModelError(f"The file holds a special kind of tensor ({kind}), which Graft does not read.")
    raise UnsafeModelError(
        f"The file contains program code: it asks for {name}. Nothing was run and the file was not opened.", CODE_HINT
    )


def call(context: PickleContext, name: Global, args: Args) -> Any:
    """The record of ``name(*args)``.

    Raises:
        ModelError: the name may not be called, or not like this.
    """
    factory = _CALLS.get(name)
    if factory is None:
        raise UnsafeModelError(f"The file calls {name}, which weight files never do. It was not opened.", CODE_HINT)
    return factory(context, name, args)


def construct(context: PickleContext, name: Global, args: Args) -> Any:
    """The record of a new object of class `name`.

    Raises:
        ModelError: as for `call`.
    """
    factory = _CONSTRUCTIONS.get(name)
    if factory is None:
        raise UnsafeModelError(f"The file builds a {name}, as weight files never do. It was not opened.", CODE_HINT)
    return factory(context, name, args)


def build(context: PickleContext, target: Any, state: Any) -> None:
    """Give a record its state, once. Dicts drop theirs (it is ``_metadata`` of a state dict).

    Raises:
        UnsafeModelError: the target is not something that a weight file gives a state to.
        ModelError: the state makes no sense.
    """
    if type(target) is dict and (state is None or type(state) is dict):
        return
    if type(target) is DtypeRecord:
        _set_dtype_state(target, state)
    elif type(target) is ArrayRecord and target.data is None:
        _set_array_state(context, target, state)
    elif type(target) is Instance and target.state is None:
        target.state = state
    else:
        raise UnsafeModelError("The file changes something that it must not. It was not opened.", CODE_HINT)


def _set_dtype_state(dtype: DtypeRecord, state: Any) -> None:
    plain = type(state) is tuple and len(state) >= 5 and state[2:5] == (None, None, None)
    if not plain or state[1] not in ("<", ">", "|", "="):
        raise UnsupportedModelError("The file holds an array with fields or of objects; Graft reads plain numbers.")
    dtype.byteorder = state[1]


def _set_array_state(context: PickleContext, array: ArrayRecord, state: Any) -> None:
    if type(state) is not tuple or len(state) != 5:
        raise CorruptModelError("An array in the file has a malformed description.")
    _, shape, dtype, fortran_order, data = state
    if not _is_sizes(shape) or type(dtype) is not DtypeRecord:
        raise CorruptModelError("An array in the file has a malformed description.")
    raw = _raw(context, _NDARRAY, data)
    array.dtype = NUMPY_DTYPES[dtype.code]
    needed = ITEM_SIZES[array.dtype]
    for size in shape:
        needed *= size
    if needed != len(raw):
        raise CorruptModelError(f"An array in the file has {len(raw):,} bytes; its shape needs {needed:,}.")
    array.shape, array.byteorder, array.fortran_order = shape, dtype.byteorder, bool(fortran_order)
    array.data = raw


def storage_dtype(name: Any) -> str:
    """Number type of a storage class.

    Raises:
        CorruptModelError: it is none.
    """
    if type(name) is not Global or name not in _STORAGE_CLASSES:
        raise CorruptModelError("The file refers to tensor data that has no number type.")
    return _STORAGE_CLASSES[name]

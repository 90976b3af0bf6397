"""torch.save's old format: five pickles back to back, then the numbers. Also nested in NVIDIA's network pickles.

Pickles: magic number, protocol 1001, a dict about the writing system, the object, the list of storage keys; then
for each key an int64 count and the raw numbers.
"""

from __future__ import annotations

from typing import Any

from engine.checkpoints import allowed
from engine.checkpoints.opcodes import PickleContext, incomplete, read_pickle
from engine.checkpoints.records import ITEM_SIZES, Budget, StorageRecord, shown
from engine.errors import CorruptModelError, UnsafeModelError, UnsupportedModelError

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
LEGACY_START = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
MAX_NUMEL = 1 << 40


def is_legacy_stream(data: memoryview) -> bool:
    """Whether `data` begins with the magic number of the old format."""
    return bytes(data[: len(LEGACY_START)]) == LEGACY_START


def network_pickle_context(budget: Budget) -> PickleContext:
    """For NVIDIA's pickles: no persistent ids, tensors in streams nested one level deep."""
    context = _context(budget)
    context.load_storage = lambda data: _nested_storage(data, budget)
    return context


def _context(budget: Budget) -> PickleContext:
    return PickleContext(budget, allowed.admit, allowed.call, allowed.construct, allowed.build)


def torch_context(budget: Budget, storages: dict[str, StorageRecord]) -> PickleContext:
    """For torch files: a persistent id gives the storage of that key, which is added to `storages`."""
    context = _context(budget)

    def persistent(pid: Any) -> StorageRecord:
        if type(pid) is not tuple or not 5 <= len(pid) <= 6 or pid[0] != "storage":
            raise UnsafeModelError("The file refers to an outside object that is not tensor data. It was not opened.")
        kind, key, numel = pid[1], pid[2], pid[4]
        if type(key) is int:
            key = str(key)
        if type(key) is not str or type(numel) is not int or not 0 <= numel <= MAX_NUMEL:
            raise CorruptModelError("The file describes a tensor's data in a way that makes no sense.")
        if len(pid) == 6 and pid[5] is not None:
            raise UnsupportedModelError("The file uses views of storages, as torch 0.3 did; save it again.")
        dtype = allowed.storage_dtype(kind)
        known = storages.get(key)
        if known is None:
            known = storages[key] = StorageRecord(dtype, numel)
        elif (known.dtype, known.numel) != (dtype, numel):
            raise CorruptModelError(f"The file describes its tensor data {shown(key)} in two different ways.")
        return known

    context.persistent = persistent
    return context


def read_legacy_stream(data: memoryview, budget: Budget) -> Any:
    """Read a whole old-format file or nested stream; the storages keep slices of `data`.

    Raises:
        ModelError: anything that is not exactly this format.
    """
    storages: dict[str, StorageRecord] = {}
    plain = _context(budget)
    magic, pos = read_pickle(data, 0, plain)
    protocol, pos = read_pickle(data, pos, plain)
    system, pos = read_pickle(data, pos, plain)
    if type(magic) is not int or magic != MAGIC:
        raise CorruptModelError("A torch stream in the file does not begin as one.")
    if type(protocol) is not int or protocol != PROTOCOL:
        raise UnsupportedModelError(f"The torch stream has protocol {shown(protocol)}; only {PROTOCOL} is known.")
    if type(system) is not dict or system.get("little_endian", True) is not True:
        raise UnsupportedModelError("The file was written on a big-endian computer by an old torch.")
    value, pos = read_pickle(data, pos, torch_context(budget, storages))
    keys, pos = read_pickle(data, pos, plain)
    fits = type(keys) is list and all(type(key) in (str, int) for key in keys) and len(keys) == len(storages)
    if not fits or {str(key) for key in keys} != set(storages):
        raise CorruptModelError("The file's list of tensor data does not match the tensors in it.")
    for key in keys:
        pos = _attach(data, pos, storages[str(key)])
    if pos != len(data):
        raise CorruptModelError(f"The file goes on for {len(data) - pos:,} bytes after its last tensor.")
    return value


def _attach(data: memoryview, pos: int, storage: StorageRecord) -> int:
    begin = pos + 8
    if begin > len(data):
        raise incomplete(begin, len(data))
    numel = int.from_bytes(data[pos:begin], "little", signed=True)
    if numel != storage.numel:
        raise CorruptModelError(f"The file announces {storage.numel:,} numbers for a tensor and gives {numel:,}.")
    end = begin + numel * ITEM_SIZES[storage.dtype]
    if end > len(data):
        raise incomplete(end, len(data))
    piece = data[begin:end]
    storage.read = lambda: piece
    return end


def _nested_storage(data: memoryview, budget: Budget) -> StorageRecord:
    if not is_legacy_stream(data):
        if bytes(data[:4]) == b"PK\x03\x04":
            raise UnsupportedModelError("The tensors in this pickle are zip files; no known tool writes them so.")
        # Not a torch stream: read it all the same, so that a hidden payload is named for what it is.
        read_pickle(data, 0, _context(budget))
        raise CorruptModelError("The data of a tensor in the file is not a torch stream.")
    storage = read_legacy_stream(data, budget)
    if type(storage) is not StorageRecord:
        raise CorruptModelError("The data of a tensor in the file is something else.")
    return storage

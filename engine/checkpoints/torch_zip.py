"""torch.save's zip format: one pickle and one stored member per tensor storage."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

from engine.checkpoints.opcodes import read_pickle
from engine.checkpoints.records import Budget, StorageRecord, shown
from engine.checkpoints.strict_zip import Member, list_members, read_member
from engine.checkpoints.torch_streams import torch_context
from engine.errors import CorruptModelError, UnsafeModelError, UnsupportedModelError

MAX_PICKLE_BYTES = 64 << 20


def read_torch_zip(data: memoryview, budget: Budget) -> Any:
    """Read a zip checkpoint. No storage is touched until its record is read.

    Raises:
        ModelError: it is something else, or breaks the rules of `engine.checkpoints.strict_zip`.
    """
    members = list_members(data)
    root = _root(members)
    byteorder = _byteorder(data, members.get(f"{root}/byteorder"))
    main = members[f"{root}/data.pkl"]
    if main.size > MAX_PICKLE_BYTES:
        raise CorruptModelError(f"The file's table of tensors has {main.size:,} bytes; no model needs that.")
    storages: dict[str, StorageRecord] = {}
    pickle = read_member(data, main)
    value, end = read_pickle(pickle, 0, torch_context(budget, storages))
    if end != len(pickle):
        raise UnsafeModelError("The file hides more data behind its table of tensors. It was not opened.")
    for key, storage in storages.items():
        member = members.get(f"{root}/data/{key}")
        if member is None:
            raise CorruptModelError(f"The file is incomplete: the data of tensor storage {shown(key)} is missing.")
        if member.size != storage.nbytes:
            size = f"{member.size:,} bytes instead of {storage.nbytes:,}"
            raise CorruptModelError(f"The data of tensor storage {shown(key)} has {size}.")
        storage.byteorder = byteorder
        storage.read = cache(partial(read_member, data, member))  # many tensors may share one: check it once
    return value


def _root(members: dict[str, Member]) -> str:
    """The folder that all members lie in; refuses the relatives of this format."""
    names = members.keys()
    pickles = [name for name in names if name.rpartition("/")[2] == "data.pkl"]
    if any(name.endswith("/constants.pkl") or "/code/" in name for name in names):
        raise UnsupportedModelError(
            "This is a TorchScript model: a program, not only weights. Graft does not run it.",
            "Export the model's state_dict with torch.save instead.",
        )
    if any("/.data/extern_modules" in f"/{name}" or name.endswith(".py") for name in names):
        raise UnsupportedModelError("This is a torch.package archive: a program, not only weights.")
    if len(pickles) != 1 or pickles[0].count("/") != 1:
        raise UnsupportedModelError(f"The zip archive is not a torch checkpoint: it has {len(pickles)} data.pkl.")
    root = pickles[0].partition("/")[0]
    if not all(name.startswith(f"{root}/") for name in names):
        raise UnsafeModelError("The archive has members outside the checkpoint's folder. It was not opened.")
    return root


def _byteorder(data: memoryview, member: Member | None) -> str:
    if member is None:
        return "little"
    text = bytes(read_member(data, member)[:16])
    if text not in (b"little", b"big"):
        raise CorruptModelError("The file's note of its byte order is neither little nor big.")
    return text.decode()

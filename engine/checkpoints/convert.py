"""Open a model file of any origin: hash it, have it read in quarantine, keep the result in the cache, check it.

The engine and the window only ever see Graft's own format, out of Graft's own cache folder. Knows no torch.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from numpy.typing import NDArray

from engine.atomic import storage_error, write_atomic
from engine.checkpoints.canonical import check_canonical, is_canonical, read_tensors
from engine.checkpoints.child import run_quarantine
from engine.checkpoints.regular_file import open_regular, shown_name, unreadable
from engine.checkpoints.sniff import HEAD_BYTES, sniff
from engine.errors import CorruptModelError, EngineError, ModelError
from engine.network_config import NetworkConfig
from engine.network_metadata import NetworkMetadata
from engine.pivot_file import is_pivot
from engine.places import user_places
from engine.strict_json import parse_json_object

if TYPE_CHECKING:
    from engine.pivot_parent import Composed, Find, ParentPlaces

CONVERTER_VERSION = 1
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class OpenedCheckpoint:
    """A model in Graft's cache, checked.

    Attributes:
        sha256: Of the file that was opened, in hex; the model's identity in recipes and the library.
        safetensors_path: The converted model, in Graft's open format.
        metadata: Its description.
        parents: For a tuned model, which is kept as a difference (`engine.pivot_file`): where its parent may be.
    """

    sha256: str
    safetensors_path: Path
    metadata: NetworkMetadata
    parents: ParentPlaces | None = None

    @property
    def config(self) -> NetworkConfig:
        return self.metadata.network

    @property
    def warnings(self) -> tuple[str, ...]:
        return self.metadata.warnings

    @cached_property
    def is_difference(self) -> bool:
        """Whether the file in the cache holds what tuning changed in another model, and not a whole one."""
        with open(self.safetensors_path, "rb") as file:
            return is_pivot(file, os.fstat(file.fileno()).st_size)

    @cached_property
    def tensors(self) -> dict[str, NDArray[np.float32]]:
        """Every tensor of the network, read from the cache at first use; writable copies, float32.

        Raises:
            ModelError: the cached file is gone or was changed in the meantime.
            MissingModelError: it is a tuned model, and its parent is gone.
        """
        try:
            with open(self.safetensors_path, "rb") as file:
                if not self.is_difference:
                    return read_tensors(file, check_canonical(file))
            return _read_tuned(self.safetensors_path, self.parents)[1]
        except OSError:
            raise ModelError("The converted model is gone from the cache.", "Open the model again.") from None


def open_checkpoint(
    path: str | Path, *, cache_dir: Path | None = None, timeout_s: float = 60.0, find: Find | None = None
) -> OpenedCheckpoint:
    """Turn a model file into a checked network of Graft's open format, running nothing that is in it.

    Args:
        path: A file of any kind; what it is shows in its content, not in its name. Links are followed.
        cache_dir: Where converted models are kept, under the SHA-256 of their source; the user's cache by default.
        timeout_s: When to give up reading it.
        find: Where to look first for the parent of a tuned model.

    Raises:
        MissingModelError: it is a tuned model, and its parent is not on this computer.
        ModelError: UnsupportedModelError, CorruptModelError or UnsafeModelError as the case may be; plain ModelError
            when the file cannot be read at all.
        OutOfMemoryError: it is too large for this machine.
        StorageError: the cache cannot be written.
    """
    from engine.pivot_parent import ParentPlaces  # which opens parents through this module

    path = Path(path)
    folder, parents = _cache_folder(cache_dir), ParentPlaces(find, path.absolute().parent)
    with open_regular(path) as file:
        before = os.fstat(file.fileno())
        try:
            sniff(file.read(HEAD_BYTES), before.st_size)
            sha256 = _hash(file)
            opened = (
                _from_cache(path, folder, sha256, parents)
                or _reuse(folder, sha256, parents)
                or _convert(file, before.st_size, sha256, folder, timeout_s, parents)
            )
            after = os.fstat(file.fileno())
        except OSError as error:
            raise unreadable(path, error) from None
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            _forget(folder, sha256)
            what = f"{shown_name(path)} changed while it was being read."
            raise CorruptModelError(what, "Wait until it is complete.")
        return opened


def discard_if_damaged(path: Path) -> bool:
    """Remove a file of the user's cache that is no longer what was put there; leave every other file alone.

    Returns:
        Whether it was removed: then the file that it was made from can be opened again.
    """
    folder = path.parent
    if folder != user_places().models_cache:
        return False
    try:
        with open(path, "rb", buffering=0) as file:
            damaged = _digest(folder, path.stem) != _hash(file)
    except (OSError, ValueError, EngineError):
        return False
    if damaged:
        _forget(folder, path.stem)
    return damaged


def _cache_folder(cache_dir: Path | None) -> Path:
    folder = user_places().models_cache if cache_dir is None else cache_dir
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error(f"create its folder {folder}", error) from error
    return folder


def _hash(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    for block in _blocks(file):
        digest.update(block)
    return digest.hexdigest()


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    file.seek(0)
    while block := file.read(_BLOCK_BYTES):
        yield block


def _convert(
    file: BinaryIO, size: int, sha256: str, folder: Path, timeout_s: float, parents: ParentPlaces
) -> OpenedCheckpoint:
    """Read the file (Graft's own directly, any other in quarantine) and put the checked result into the cache."""
    try:
        staging = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by the with below
    except OSError as error:
        raise storage_error("keep the converted model in its cache", error) from error
    with staging:
        if is_canonical(file, size) or is_pivot(file, size):
            _copy(file, staging, sha256)
        else:
            run_quarantine(file, staging, size=size, sha256=sha256, timeout_s=timeout_s, scratch=folder)
        is_difference = is_pivot(staging, staging.seek(0, os.SEEK_END))
        metadata = None if is_difference else check_canonical(staging, finite=True).metadata
        target = folder / f"{sha256}.safetensors"
        digest = _hash(staging)
        staging.seek(0, os.SEEK_END)
        receipt = {"converter": CONVERTER_VERSION, "size": staging.tell(), "sha256": digest}
        write_atomic(target, _blocks(staging), mode=0o600)
        write_atomic(_receipt_path(folder, sha256), json.dumps(receipt).encode(), mode=0o600)
    if metadata is None:
        try:
            metadata = _read_tuned(target, parents)[0]
        except EngineError:
            _forget(folder, sha256)
            raise
    return OpenedCheckpoint(sha256, target, metadata, parents)


def _read_tuned(path: Path, parents: ParentPlaces | None) -> Composed:
    from engine.pivot_parent import ParentPlaces, read_tuned

    return read_tuned(path, parents or ParentPlaces())


def _copy(file: BinaryIO, staging: BinaryIO, sha256: str) -> None:
    digest = hashlib.sha256()
    for block in _blocks(file):
        digest.update(block)
        try:
            staging.write(block)
        except OSError as error:
            raise storage_error("keep the model in its cache", error) from error
    staging.flush()
    if digest.hexdigest() != sha256:
        raise CorruptModelError("The file changed while it was being read.", "Wait until it is complete.")


def _receipt_path(folder: Path, sha256: str) -> Path:
    return folder / f"{sha256}.json"


def _reuse(folder: Path, sha256: str, parents: ParentPlaces) -> OpenedCheckpoint | None:
    """The earlier conversion of this file, if it is all there and unchanged, and made by this version's rules."""
    target = folder / f"{sha256}.safetensors"
    try:
        receipt = parse_json_object(_receipt_path(folder, sha256).read_text("utf-8"))
        if receipt.get("converter") != CONVERTER_VERSION:
            return None
        with open(target, "rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            if size != receipt.get("size") or _hash(file) != receipt.get("sha256"):
                return None
            if not is_pivot(file, size):
                return OpenedCheckpoint(sha256, target, check_canonical(file).metadata)
        return OpenedCheckpoint(sha256, target, _read_tuned(target, parents)[0], parents)
    except (OSError, ValueError, EngineError):
        return None  # damaged or half gone: it is made anew


def _from_cache(path: Path, folder: Path, sha256: str, parents: ParentPlaces) -> OpenedCheckpoint | None:
    """The file itself, when it is an earlier conversion: the library hands those out, and one copy is enough."""
    if path.parent != folder or path.suffix != ".safetensors":
        return None
    opened = _reuse(folder, path.stem, parents)
    return opened if opened is not None and _digest(folder, path.stem) == sha256 else None


def _digest(folder: Path, source_sha256: str) -> object:
    return parse_json_object(_receipt_path(folder, source_sha256).read_text("utf-8")).get("sha256")


def _forget(folder: Path, sha256: str) -> None:
    for path in (_receipt_path(folder, sha256), folder / f"{sha256}.safetensors"):
        with contextlib.suppress(OSError):
            path.unlink()

"""Files that are either the old one or the new one, whole, whatever happens in between.

Used for everything Graft writes: a temporary file beside the target, written in pieces of at most 1 MiB with every
write checked (a single large write was seen to be cut short on a full disk and still reported as a success), synced,
read back, and only then renamed over the target.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import stat
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeAlias

from engine.errors import StorageError

CHUNK_BYTES = 1 << 20
TEMP_SUFFIX = ".graft-tmp"
MAX_NAME_BYTES = 255

Bytes: TypeAlias = bytes | bytearray | memoryview

_REASONS = {
    errno.ENOSPC: ("the disk is full", "Free some space or choose another drive; nothing was overwritten."),
    errno.EDQUOT: ("your disk quota is used up", "Free some space or choose another drive."),
    errno.EFBIG: ("the file would be larger than this drive allows", "Choose another drive."),
    errno.EACCES: ("there is no permission", "Choose a folder that you may write to."),
    errno.EPERM: ("there is no permission", "Choose a folder that you may write to."),
    errno.EROFS: ("the drive is read-only", "Choose another drive."),
    errno.ENOENT: ("the folder or file is not there (any more)", "Check that the drive is connected."),
    errno.ENOTDIR: ("part of its path is a file, not a folder", "Choose another folder."),
    errno.EEXIST: ("a file of that name is there", "Choose another name."),
    errno.EISDIR: ("a folder has that name", "Choose another name."),
    errno.ENAMETOOLONG: ("the name is too long", "Choose a shorter name."),
    errno.EIO: ("the drive reports an error", "Save to another drive; this one may be failing."),
    errno.ESTALE: ("the network drive went away", "Connect it again, or choose another drive."),
}


def storage_error(doing: str, error: OSError) -> StorageError:
    """Say an operating system's error in plain words.

    Args:
        doing: What was tried, as "Graft could not {doing}", for example "save portrait.png".
    """
    reason, hint = _REASONS.get(error.errno or 0, (os.strerror(error.errno) if error.errno else str(error), ""))
    shown = doing if len(doing) <= 160 else doing[:159] + "…"
    return StorageError(f"Graft could not {shown}: {reason}.", hint)


def is_disk_full(error: Exception) -> bool:
    """Whether nothing more can be written at all, rather than this one file."""
    cause = error.__cause__
    return isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT)


def write_atomic(path: Path, data: Bytes | Iterable[Bytes], *, mode: int | None = None, verify: bool = True) -> int:
    """Replace or create `path`; after any failure, the old file is still there, unchanged.

    A symbolic link is followed: the file it points to is replaced. Permissions of an existing file are kept.

    Args:
        data: The content, whole or in pieces.
        mode: Permission bits for the file; by default those it has, or what the umask gives to a new one.
        verify: Read the temporary file back and compare before it takes the target's place.

    Returns:
        How many bytes were written.

    Raises:
        StorageError: the file could not be written; says why.
    """
    target = Path(os.path.realpath(path))
    try:
        return _write_beside_and_replace(target, _pieces(data), mode, verify)
    except OSError as error:
        raise storage_error(f"save {path.name}", error) from error


class BesideFile:
    """A file that somebody else writes, under a temporary name beside its target until it is whole.

    It is there, empty, from the beginning. After `commit` it is the target; after `discard`, or a failure of either,
    it is gone and the target is what it was. Killed in between, it is left for `remove_leftovers`.

    Raises:
        StorageError: there can be no such file; says why.
    """

    def __init__(self, path: Path) -> None:
        self._name = path.name
        self._target = Path(os.path.realpath(path))
        try:
            permissions = _permissions_to_keep(self._target)
            self.temp = _temp_path(self._target)
            self._handle: int | None = os.open(self.temp, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
            _lock(self._handle)
            if permissions is not None:
                os.chmod(self.temp, permissions)
        except OSError as error:
            raise storage_error(f"save {path.name}", error) from error

    def commit(self) -> None:
        """
        Raises:
            StorageError: the file could not take its place; says why.
        """
        try:
            assert self._handle is not None, "a file takes its place once"
            os.fsync(self._handle)
            self._close()
            _replace(self.temp, self._target)
        except OSError as error:
            self.discard()
            raise storage_error(f"save {self._name}", error) from error
        sync_folder(self._target.parent)

    def discard(self) -> None:
        self._close()
        with contextlib.suppress(OSError):
            os.unlink(self.temp)

    def _close(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def check_writable(path: Path, *, beside: Path | None = None) -> None:
    """Refuse a place that `write_atomic` would refuse, before long work is done for it. Leaves nothing there.

    Args:
        beside: What the work begins with, and must not write over.

    Raises:
        StorageError: as `write_atomic`; the place is that of `beside`.
    """
    target = Path(os.path.realpath(path))
    if beside is not None and target == Path(os.path.realpath(beside)):
        raise StorageError(f"{path.name:.100} is what this begins with; it would be lost.", "Choose another name.")
    try:
        _permissions_to_keep(target)
        temp = _temp_path(target)
        os.close(os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        os.unlink(temp)
    except OSError as error:
        raise storage_error(f"save {path.name}", error) from error


def remove_leftovers(folder: Path) -> int:
    """Delete temporary files that writers in `folder` left when they were killed; files being written now stay.

    Returns:
        How many were deleted.
    """
    removed = 0
    try:
        names = os.listdir(folder)
    except OSError:
        return 0
    for name in names:
        if name.startswith(".") and name.endswith(TEMP_SUFFIX):
            with contextlib.suppress(OSError):  # in use, or not ours to delete
                _remove_unless_locked(folder / name)
                removed += 1
    return removed


def sync_folder(folder: Path) -> None:
    """Make renames in `folder` survive a power cut, where the system can."""
    if sys.platform == "win32":
        return
    # The files in it are whole in any case, so a file system that cannot sync a folder is not an error.
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _write_beside_and_replace(target: Path, pieces: Iterator[memoryview], mode: int | None, verify: bool) -> int:
    permissions = _permissions_to_keep(target) if mode is None else mode
    temp = _temp_path(target)
    handle = os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        try:
            _lock(handle)  # tells remove_leftovers that somebody is at work here
            if permissions is not None:
                os.chmod(temp, permissions)
            digest = hashlib.sha256()
            size = 0
            for piece in pieces:
                digest.update(piece)
                size += len(piece)
                while piece:
                    piece = piece[os.write(handle, piece) :]
            os.fsync(handle)
        finally:
            os.close(handle)
        if verify:
            _check_written(temp, size, digest.digest())
        _replace(temp, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temp)
        raise
    sync_folder(target.parent)
    return size


def _pieces(data: Bytes | Iterable[Bytes]) -> Iterator[memoryview]:
    for block in (data,) if isinstance(data, bytes | bytearray | memoryview) else data:
        view = memoryview(block).cast("B")
        for start in range(0, len(view), CHUNK_BYTES):
            yield view[start : start + CHUNK_BYTES]


def _temp_path(target: Path) -> Path:
    tail = f".{secrets.token_hex(6)}{TEMP_SUFFIX}"
    head = os.fsencode(target.name)[: MAX_NAME_BYTES - len(tail) - 1].decode("utf-8", "ignore")
    return target.with_name(f".{head}{tail}")


def _permissions_to_keep(target: Path) -> int | None:
    """Permission bits of the file that will be replaced; refuses one that its owner has made read-only."""
    try:
        existing = os.stat(target)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(existing.st_mode):
        raise IsADirectoryError(errno.EISDIR, "is a folder")
    if not stat.S_ISREG(existing.st_mode) or not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, "is read-only or not a plain file")
    return stat.S_IMODE(existing.st_mode)


def _check_written(temp: Path, size: int, digest: bytes) -> None:
    with open(temp, "rb") as file:
        read_back = hashlib.file_digest(file, "sha256").digest()
        if file.tell() != size or read_back != digest:
            raise OSError(errno.EIO, "what was written does not read back the same")


def _replace(temp: Path, target: Path) -> None:
    attempts = 10 if sys.platform == "win32" else 1  # there, a virus scanner may hold the target for a moment
    for attempt in range(1, attempts + 1):
        try:
            os.replace(temp, target)
            return
        except PermissionError:
            if attempt == attempts:
                raise
            time.sleep(0.2)


if sys.platform == "win32":

    def _lock(handle: int) -> None:
        """Nothing to do: Windows does not let anyone delete an open file."""

    def _remove_unless_locked(path: Path) -> None:
        os.unlink(path)

else:
    import fcntl

    def _lock(handle: int) -> None:
        with contextlib.suppress(OSError):  # a network drive without locks
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _remove_unless_locked(path: Path) -> None:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(path)
        finally:
            os.close(handle)

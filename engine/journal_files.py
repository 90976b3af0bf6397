"""The files of the autosave journal: their names, their numbers, and the locks that tell whether a session runs."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from pathlib import Path

from engine.database import database_files

_NAME = re.compile(r"session-(\d{6,})\.sqlite3")


def journal_files(folder: Path) -> list[tuple[int, Path]]:
    """Numbers and files, the oldest first."""
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    return sorted((int(match[1]), folder / name) for name in names if (match := _NAME.fullmatch(name)))


def claim_number(folder: Path) -> tuple[Path, int]:
    """A file name that no session has had, and the lock on it."""
    number = max((number for number, _ in journal_files(folder)), default=0)
    while True:
        number += 1
        file = folder / f"session-{number:06d}.sqlite3"
        lock = try_lock(file)
        if lock is not None and not file.exists():
            return file, lock
        if lock is not None:
            os.close(lock)


def lock_file(file: Path) -> Path:
    return file.with_suffix(".lock")


def release(file: Path, lock: int) -> None:
    """Let go of the lock and take it away."""
    with contextlib.suppress(OSError):  # Windows cannot delete what is open; `delete_files` comes later
        lock_file(file).unlink()
    os.close(lock)


def delete_files(file: Path) -> None:
    """Delete a journal and what belongs to it."""
    for path in (*database_files(file), lock_file(file)):
        with contextlib.suppress(OSError):
            path.unlink()


if sys.platform == "win32":
    import msvcrt

    def try_lock(file: Path) -> int | None:
        handle = os.open(lock_file(file), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            os.close(handle)
            return None
        return handle

else:
    import fcntl

    def try_lock(file: Path) -> int | None:
        """The lock's handle, or None when a living process holds it. Closing the handle lets go."""
        handle = os.open(lock_file(file), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            still_there = os.path.samestat(os.fstat(handle), os.stat(lock_file(file)))
        except OSError:
            still_there = False
        if not still_there:  # held, or deleted between our two steps by a session that is just ending
            os.close(handle)
            return None
        return handle

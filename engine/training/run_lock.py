"""One process per run folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.atomic import storage_error
from engine.errors import JobError

LOCK_FILE = ".lock"


@contextmanager
def only_trainer_in(folder: Path) -> Iterator[None]:
    """Hold the folder; the lock goes when the process does, however it ends.

    Raises:
        JobError: another process trains there.
        StorageError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise storage_error(f"use the folder {folder.name}", error) from error
    try:
        try:
            _lock(handle)
        except OSError:
            raise JobError(
                f"Another process trains in {folder.name:.150} already.", "Stop it first, or choose another folder."
            ) from None
        yield
    finally:
        os.close(handle)


if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)

"""A lock that the system lets go of when the process ends, however it ends."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def held_alone(path: Path) -> Iterator[bool]:
    """Hold a lock file, which is deleted afterwards. False: somebody else holds it.

    Raises:
        OSError: the file cannot be made.
    """
    handle = _try_lock(path)
    if handle is None:
        yield False
        return
    try:
        yield True
    finally:
        with contextlib.suppress(OSError):  # Windows cannot delete what is open
            path.unlink()
        os.close(handle)


if sys.platform == "win32":
    import msvcrt

    def _try_lock(path: Path) -> int | None:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            os.close(handle)
            return None
        return handle

else:
    import fcntl

    def _try_lock(path: Path) -> int | None:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            still_there = os.path.samestat(os.fstat(handle), os.stat(path))
        except OSError:
            still_there = False
        if not still_there:  # held, or deleted between our two steps by one that is just ending
            os.close(handle)
            return None
        return handle

"""Keeping the memory of one step for the next."""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # of malloc.h


def keep_freed_memory() -> bool:
    """Tell the C library to keep what this process frees, and to hand it out again.

    By default it returns every large tensor to the system, which clears the pages of the next one: a quarter of the
    processor's time of a training step. Memory then stays at its highest so far, so this is for processes that do
    one long job. What is computed does not change.

    Returns:
        Whether the C library knows how; glibc does.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and bool(mallopt(_MMAP_MAX, 0)) and bool(mallopt(_TRIM_THRESHOLD, -1))

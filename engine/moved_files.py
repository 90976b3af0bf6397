"""Model files that were moved or renamed, found again by their content."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

MAX_FILES = 20_000
"""Names that are looked at in one search: a folder may be a whole archive."""

DEPTH = 2
"""Folders below a folder that are looked into."""


def find_by_content(
    sha256: str, size: int, folders: Iterable[Path], hash_of: Callable[[Path], str | None]
) -> Path | None:
    """The first file of that size and content in some folders and, a little way, below them.

    Only files of the right size are read. Folders that are not there are passed over.

    Args:
        hash_of: SHA-256 of a file, or None when it cannot be read.
    """
    seen: set[Path] = set()
    budget = MAX_FILES
    for folder in folders:
        for path, bytes_there in _files(folder, seen, DEPTH):
            budget -= 1
            if budget < 0:
                return None
            if bytes_there == size and hash_of(path) == sha256:
                return path
    return None


def _files(folder: Path, seen: set[Path], depth: int) -> Iterator[tuple[Path, int]]:
    real = Path(os.path.realpath(folder))
    if real in seen:
        return
    seen.add(real)
    below: list[Path] = []
    try:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        try:
            if entry.is_dir(follow_symlinks=False):
                below.append(Path(entry.path))
                continue
            status = entry.stat()
        except OSError:
            continue
        if stat.S_ISREG(status.st_mode):
            yield Path(entry.path), status.st_size
    if depth > 0:
        for deeper in below:
            if not deeper.name.startswith("."):
                yield from _files(deeper, seen, depth - 1)

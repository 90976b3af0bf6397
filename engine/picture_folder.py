"""Which files of a folder are pictures to learn from, by their names. Standard library only."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from engine.errors import JobError

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"})
PHOTO_SUFFIXES = SUFFIXES | {".heic", ".heif", ".avif"}
"""What portraits may come as."""


def picture_files(folder: Path, suffixes: Collection[str] = SUFFIXES) -> list[str]:
    """Names of the picture files under `folder`, relative, sorted; what their bytes are is not looked at.

    Links to nothing are among them, so that whoever reads them can say so; pipes and devices are not:
    reading them may never end.

    Args:
        suffixes: What a picture's name ends in, in lower case.

    Raises:
        JobError: it is not a folder, or holds no picture files.
    """
    if not folder.is_dir():
        raise JobError(f"There is no folder {folder!s:.200}.", "Choose the folder that holds the pictures.")
    names = []
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in files:
            if name.startswith(".") or Path(name).suffix.lower() not in suffixes:
                continue
            path = os.path.join(root, name)
            if os.path.isfile(path) or not os.path.exists(path):
                names.append(os.path.relpath(path, folder))
    if not names:
        known = ", ".join(sorted(suffix[1:] for suffix in suffixes))
        raise JobError(f"The folder {folder.name:.100} holds no pictures ({known}).", "Choose another folder.")
    return sorted(names)

"""Open what the user named, if it is a plain file, and say in plain words if it is not."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from engine.errors import ModelError, UnsupportedModelError, printable

MAX_FILE_BYTES = 16 << 30


def shown_name(path: Path) -> str:
    """The file's name, safe and short enough to show."""
    return printable(path.name or str(path), 80)


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for unbuffered reading, without waiting on a pipe or reading a device.

    Raises:
        ModelError: it is none, or cannot be opened.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        handle = os.open(path, flags)
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from None
    mode, size, name = os.fstat(handle).st_mode, os.fstat(handle).st_size, shown_name(path)
    if stat.S_ISREG(mode) and size <= MAX_FILE_BYTES:
        return os.fdopen(handle, "rb", buffering=0)
    os.close(handle)
    if stat.S_ISDIR(mode):
        raise ModelError(f"{name} is a folder, not a model file.", "Open the file inside it.")
    if not stat.S_ISREG(mode):
        raise ModelError(f"{name} is a device or a pipe, not a model file.")
    limit = f"{MAX_FILE_BYTES >> 30} GiB is the limit"
    raise UnsupportedModelError(f"{name} has {size >> 30:,} GiB; {limit}.", "No StyleGAN is that large.")


def unreadable(path: Path, error: OSError | ValueError) -> ModelError:
    """Say in plain words why the system does not let a file be read."""
    name = shown_name(path)
    if isinstance(error, FileNotFoundError):
        return ModelError(f"{name} is not there (any more).", "Check the name, and that the drive is connected.")
    if isinstance(error, IsADirectoryError):
        return ModelError(f"{name} is a folder, not a model file.", "Open the file inside it.")
    if isinstance(error, PermissionError):
        return ModelError(f"{name} may not be read: there is no permission.", "Change its permissions or copy it.")
    reason = error.strerror if isinstance(error, OSError) else "no file can have this name"
    return ModelError(f"{name} cannot be read: {reason}.", "Check that the drive is connected.")

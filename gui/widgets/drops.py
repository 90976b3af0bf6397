"""Files that are dropped on the window."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QMimeData


def local_paths(mime: QMimeData) -> tuple[Path, ...]:
    """The files of this machine in a drag; empty for anything else, such as a link."""
    return tuple(Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile())

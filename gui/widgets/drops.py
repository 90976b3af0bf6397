"""Files that are dropped on the window."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QMimeData

MODEL_KIND = "application/x-graft-model"
"""A model of the shelf in a drag, by its hash: it never leaves the window."""


def local_paths(mime: QMimeData) -> tuple[Path, ...]:
    """The files of this machine in a drag; empty for anything else, such as a link."""
    return tuple(Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile())


def dropped_model(mime: QMimeData) -> str | None:
    """The hash of the shelf's model in a drag."""
    return bytes(mime.data(MODEL_KIND).data()).decode("ascii", "replace") if mime.hasFormat(MODEL_KIND) else None

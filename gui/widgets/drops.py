"""Files that are dropped on the window."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QMimeData

MODEL_KIND = "application/x-graft-model"
"""A model of the shelf in a drag, by its hash: it never leaves the window."""

PORTRAIT_KIND = "application/x-graft-portrait"
"""Likewise a portrait, by the key of its latent."""


def local_paths(mime: QMimeData) -> tuple[Path, ...]:
    """The files of this machine in a drag; empty for anything else, such as a link."""
    return tuple(Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile())


def dropped_model(mime: QMimeData) -> str | None:
    """The hash of the shelf's model in a drag."""
    return _carried(mime, MODEL_KIND)


def dropped_portrait(mime: QMimeData) -> str | None:
    """The key of the shelf's portrait in a drag."""
    return _carried(mime, PORTRAIT_KIND)


def _carried(mime: QMimeData, kind: str) -> str | None:
    return bytes(mime.data(kind).data()).decode("ascii", "replace") if mime.hasFormat(kind) else None

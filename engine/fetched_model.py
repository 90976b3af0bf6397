"""What the library notes about a model that was downloaded."""

from __future__ import annotations

from typing import Any

from engine.catalogue import CatalogueEntry


def fetched_note(entry: CatalogueEntry) -> dict[str, Any]:
    """For the model's note: its licence and where it came from."""
    note: dict[str, Any] = {"from": entry.url}
    if entry.maker:
        note["maker"] = entry.maker
    if entry.licence is not None:
        note["licence"] = f"{entry.licence.name}. {entry.licence.gist}".strip()
        note["licence_url"] = entry.licence.url
    return note

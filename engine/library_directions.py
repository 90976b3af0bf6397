"""Directions in the library: named, thrown away and brought back. Their arrays are in the latent store."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from engine.library_file import LibraryFile, clean_file_name, free_name
from engine.library_records import DIRECTION_SOURCES, DirectionRecord
from engine.state import ModelRef

_COLUMNS = "key, name, model_sha256, model_name, source, number, first, stop, low, high"


class DirectionTable:
    def __init__(self, file: LibraryFile) -> None:
        self._file = file

    def put(self, *directions: DirectionRecord) -> tuple[DirectionRecord, ...]:
        """Keep directions, or bring those with the same arrays up to date and out of the trash: all or none.

        Returns:
            As kept: each name is made unlike every other one.
        """
        with self._file.writing("keep the direction") as connection:
            return tuple(self._put(connection, direction) for direction in directions)

    def _put(self, connection: sqlite3.Connection, direction: DirectionRecord) -> DirectionRecord:
        kept = replace(direction, name=self._free_name(direction.name, direction.key))
        first, stop = kept.layer_range or (None, None)
        model = kept.model
        connection.execute(
            f"INSERT OR REPLACE INTO directions ({_COLUMNS}, added)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, coalesce((SELECT added FROM directions WHERE key = ?),"
            " (SELECT coalesce(max(added), 0) + 1 FROM directions)))",
            (
                kept.key, kept.name, model and model.sha256, model and model.name, kept.source, kept.index,
                first, stop, *kept.strength_range, kept.key,
            ),
        )  # fmt: skip
        return kept

    def kept(self) -> tuple[DirectionRecord, ...]:
        """The newest first."""
        return self._select("trashed IS NULL ORDER BY added DESC")

    def in_trash(self) -> tuple[DirectionRecord, ...]:
        """The one that went there last first."""
        return self._select("trashed IS NOT NULL ORDER BY trashed DESC")

    def rename(self, key: str, name: str) -> str:
        """Give a direction another name, and return it: it is made unlike that of every other one."""
        with self._file.writing("rename the direction") as connection:
            free = self._free_name(name, key)
            connection.execute("UPDATE directions SET name = ? WHERE key = ?", (free, key))
        return free

    def trash(self, key: str) -> None:
        with self._file.writing("move the direction to the trash") as connection:
            newest = "(SELECT coalesce(max(trashed), 0) + 1 FROM directions)"
            connection.execute(f"UPDATE directions SET trashed = {newest} WHERE key = ?", (key,))

    def restore(self, key: str) -> None:
        with self._file.writing("bring the direction back") as connection:
            row = self._file.row("SELECT name FROM directions WHERE key = ?", key)
            if row is not None:
                change = "UPDATE directions SET trashed = NULL, name = ? WHERE key = ?"
                connection.execute(change, (self._free_name(row[0], key), key))

    def _select(self, which: str) -> tuple[DirectionRecord, ...]:
        rows = self._file.rows(f"SELECT {_COLUMNS} FROM directions WHERE {which}")
        return tuple(_record(row) for row in rows)

    def _free_name(self, name: str, key: str) -> str:
        rows = self._file.rows("SELECT name FROM directions WHERE trashed IS NULL AND key != ?", key)
        return free_name(clean_file_name(name) or "direction", {str(row[0]).lower() for row in rows})


def _record(row: Sequence[Any]) -> DirectionRecord:
    key, name, sha256, model_name, source, number, first, stop, low, high = row
    reach = (float(low), float(high)) if low is not None and high is not None and low < high else (-3.0, 3.0)
    return DirectionRecord(
        key=key,
        name=name,
        model=ModelRef(sha256, model_name or "") if sha256 else None,
        layer_range=(first, stop) if first is not None and stop is not None else None,
        source=source if source in DIRECTION_SOURCES else "import",
        index=number,
        strength_range=reach,
    )

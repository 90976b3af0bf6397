"""Looks in the library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from engine.errors import RecipeError
from engine.library_file import LibraryFile, free_name
from engine.library_records import LookRecord
from engine.look import MAX_LOOK_BYTES, VERSION_FIELD, Look, clean_name, look_from_json, look_of, look_to_json
from engine.state_json import parse_json, state_from_json

KEPT_PARSED = 10_000


class LookTable:
    def __init__(self, file: LibraryFile) -> None:
        self._file = file

    def add(self, look: Look, thumbnail: bytes = b"") -> LookRecord:
        """Keep a look. Its name is made unlike that of every other one on the shelf."""
        with self._file.writing("keep the look") as connection:
            named = replace(look, name=self._free_name(look.name))
            insert = "INSERT INTO looks (name, state, thumbnail) VALUES (?, ?, ?)"
            values = (named.name, look_to_json(named), thumbnail or None)
            return LookRecord(connection.execute(insert, values).lastrowid or 0, named)

    def on_shelf(self) -> tuple[LookRecord, ...]:
        """The newest first."""
        return self._select("trashed IS NULL ORDER BY id DESC")

    def in_trash(self) -> tuple[LookRecord, ...]:
        """The one that went there last first."""
        return self._select("trashed IS NOT NULL ORDER BY trashed DESC")

    def thumbnail(self, look_id: int) -> bytes | None:
        return self._file.thumbnail("SELECT thumbnail FROM looks WHERE id = ?", look_id)

    def set_thumbnail(self, look_id: int, png: bytes) -> None:
        self._file.set_thumbnail("UPDATE looks SET thumbnail = ? WHERE id = ?", png, look_id)

    def rename(self, look_id: int, name: str) -> str:
        """Give a look another name, and return it: it is made unlike that of every other one."""
        with self._file.writing("rename the look") as connection:
            free = self._free_name(name, look_id)
            connection.execute("UPDATE looks SET name = ? WHERE id = ?", (free, look_id))
        return free

    def trash(self, look_id: int) -> None:
        with self._file.writing("move the look to the trash") as connection:
            newest = "(SELECT coalesce(max(trashed), 0) + 1 FROM looks)"
            connection.execute(f"UPDATE looks SET trashed = {newest} WHERE id = ?", (look_id,))

    def restore(self, look_id: int) -> None:
        with self._file.writing("bring the look back") as connection:
            row = self._file.row("SELECT name FROM looks WHERE id = ?", look_id)
            if row is not None:
                change = "UPDATE looks SET trashed = NULL, name = ? WHERE id = ?"
                connection.execute(change, (self._free_name(row[0], look_id), look_id))

    def _select(self, which: str) -> tuple[LookRecord, ...]:
        rows = self._file.rows(f"SELECT id, name, state FROM looks WHERE {which}")
        return tuple(record for row in rows if (record := _record(row)) is not None)

    def _free_name(self, name: str, look_id: int = 0) -> str:
        rows = self._file.rows("SELECT name FROM looks WHERE trashed IS NULL AND id != ?", look_id)
        return free_name(clean_name(name), {str(row[0]).lower() for row in rows})


def _record(row: Sequence[Any]) -> LookRecord | None:
    """None for a row that cannot be read. Before version 2 of the library a look was a whole state."""
    look_id, name, text = row
    look = _parsed(text)
    return None if look is None else LookRecord(look_id, replace(look, name=name))


@lru_cache(maxsize=KEPT_PARSED)
def _parsed(text: str) -> Look | None:
    """Remembered, for the shelf reads all looks whenever one changes."""
    try:
        document = parse_json(text, "The look", MAX_LOOK_BYTES)
        is_look = isinstance(document, dict) and VERSION_FIELD in document
        return look_from_json(text) if is_look else look_of(state_from_json(document), "")
    except RecipeError:
        return None

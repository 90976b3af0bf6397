"""Renaming, throwing away and bringing back, for everything in the library alike. Files stay where they are."""

from __future__ import annotations

from collections.abc import Iterable

from engine.library import Library
from engine.library_directions import DirectionTable
from engine.library_tags import Kind, TagTable

Thing = tuple[Kind, str]
"""What it is, and its key. A look's key is its number, as text."""

_TABLES = {
    Kind.MODEL: ("models", "sha256"),
    Kind.PORTRAIT: ("latents", "key"),
    Kind.LOOK: ("looks", "id"),
    Kind.DIRECTION: ("directions", "key"),
}


def rename(library: Library, thing: Thing, name: str) -> None:
    kind, key = thing
    match kind:
        case Kind.MODEL:
            library.rename_model(key, name)
        case Kind.PORTRAIT:
            library.rename_latent(key, name)
        case Kind.LOOK:
            library.rename_look(int(key), name)
        case Kind.DIRECTION:
            DirectionTable(library.file).rename(key, name)


def trash(library: Library, things: Iterable[Thing]) -> None:
    """All of them or none. A model that comes with Graft stays on the shelf."""
    by_kind: dict[Kind, list[str]] = {}
    for kind, key in things:
        by_kind.setdefault(kind, []).append(key)
    with library.file.writing("move it to the trash") as connection:
        for kind, keys in by_kind.items():
            table, column = _TABLES[kind]
            kept = " AND NOT embedded" if kind is Kind.MODEL else ""
            (newest,) = connection.execute(f"SELECT coalesce(max(trashed), 0) FROM {table}").fetchone()
            change = f"UPDATE {table} SET trashed = ? WHERE {column} = ?{kept}"
            connection.executemany(change, [(newest + place, key) for place, key in enumerate(keys, 1)])


def restore(library: Library, things: Iterable[Thing]) -> None:
    for kind, key in things:
        match kind:
            case Kind.MODEL:
                library.restore_model(key)
            case Kind.PORTRAIT:
                library.restore_latent(key)
            case Kind.LOOK:
                library.restore_look(int(key))
            case Kind.DIRECTION:
                DirectionTable(library.file).restore(key)


def empty_trash(library: Library) -> int:
    """Forget everything in the trash for good, and its tags. Returns how many things went."""
    gone: list[Thing] = []
    with library.file.writing("empty the trash") as connection:
        for kind, (table, column) in _TABLES.items():
            rows = connection.execute(f"SELECT {column} FROM {table} WHERE trashed IS NOT NULL").fetchall()
            gone += [(kind, str(row[0])) for row in rows]
            connection.execute(f"DELETE FROM {table} WHERE trashed IS NOT NULL")
    TagTable(library.file).forget(gone)
    return len(gone)

"""Tags: words that a user hangs on models, portraits, looks and directions."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from engine.errors import printable
from engine.library_file import LibraryFile

MAX_TAG_CHARS = 40
MAX_TAGS = 20


class Kind(StrEnum):
    """What is in the library. The key of a look is its number, as text."""

    MODEL = "model"
    PORTRAIT = "portrait"
    LOOK = "look"
    DIRECTION = "direction"


class TagTable:
    def __init__(self, file: LibraryFile) -> None:
        self._file = file

    def all(self) -> dict[tuple[Kind, str], tuple[str, ...]]:
        """The tags of everything that has any, in the order of the alphabet."""
        found: dict[tuple[Kind, str], tuple[str, ...]] = {}
        for kind, key, tag in self._file.rows("SELECT kind, key, tag FROM tags ORDER BY tag"):
            if kind in set(Kind):
                found[Kind(kind), key] = (*found.get((Kind(kind), key), ()), tag)
        return found

    def of(self, kind: Kind, key: str) -> tuple[str, ...]:
        rows = self._file.rows("SELECT tag FROM tags WHERE kind = ? AND key = ? ORDER BY tag", kind, key)
        return tuple(row[0] for row in rows)

    def set(self, kind: Kind, key: str, tags: Iterable[str]) -> tuple[str, ...]:
        """Give a thing these tags and no others. Returns them as they are kept."""
        kept = clean_tags(tags)
        with self._file.writing("keep the tags") as connection:
            connection.execute("DELETE FROM tags WHERE kind = ? AND key = ?", (kind, key))
            connection.executemany("INSERT INTO tags VALUES (?, ?, ?)", [(kind, key, tag) for tag in kept])
        return kept

    def add(self, things: Iterable[tuple[Kind, str]], tags: Iterable[str]) -> None:
        """Hang tags on several things, beside those that they have."""
        kept = clean_tags(tags)
        rows = [(kind, key, tag) for kind, key in things for tag in kept]
        with self._file.writing("keep the tags") as connection:
            connection.executemany("INSERT OR IGNORE INTO tags VALUES (?, ?, ?)", rows)

    def forget(self, things: Iterable[tuple[Kind, str]]) -> None:
        with self._file.writing("forget the tags") as connection:
            connection.executemany("DELETE FROM tags WHERE kind = ? AND key = ?", list(things))


def clean_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Small letters, one line, without the mark #, each once."""
    cleaned = (printable(" ".join(tag.lower().replace("#", " ").split()), MAX_TAG_CHARS) for tag in tags)
    return tuple(sorted({tag for tag in cleaned if tag}))[:MAX_TAGS]


def tags_of_text(text: str) -> tuple[str, ...]:
    """The tags of a line in which commas part them."""
    return clean_tags(text.split(","))

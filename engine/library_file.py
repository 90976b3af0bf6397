"""The library's SQLite file: its tables, their versions, and how they are read and written.

What the tables hold is in `engine.library` (models and files), `engine.library_latents`, `engine.library_looks`,
`engine.library_directions`, `engine.library_tags` and `engine.library_links`. Each takes a `LibraryFile` and says its
own SQL.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from engine.atomic import storage_error
from engine.database import DamagedDatabaseError, database_files, in_plain_words, open_database, transaction
from engine.errors import EngineError, StorageError, printable

LIBRARY_VERSION = 4
MAX_NAME_CHARS = 100
MAX_THUMBNAIL_BYTES = 1 << 20

log = logging.getLogger(__name__)

_SINCE_3 = """
CREATE TABLE directions (key TEXT PRIMARY KEY, name TEXT NOT NULL, model_sha256 TEXT, model_name TEXT,
    source TEXT NOT NULL, number INTEGER, first INTEGER, stop INTEGER, low REAL, high REAL, added INTEGER NOT NULL,
    trashed INTEGER);
CREATE TABLE tags (kind TEXT NOT NULL, key TEXT NOT NULL, tag TEXT NOT NULL, PRIMARY KEY (kind, key, tag));
CREATE TABLE links (url TEXT PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT, added INTEGER NOT NULL);
CREATE TABLE fetched (url TEXT PRIMARY KEY, sha256 TEXT NOT NULL, size INTEGER NOT NULL)
"""

_SCHEMA = f"""
CREATE TABLE models (sha256 TEXT PRIMARY KEY, name TEXT NOT NULL, path TEXT NOT NULL, source TEXT,
    source_size INTEGER, descriptor TEXT NOT NULL, note TEXT NOT NULL, embedded INTEGER NOT NULL,
    used INTEGER NOT NULL, thumbnail BLOB, trashed INTEGER, added_at INTEGER);
CREATE TABLE latents (key TEXT PRIMARY KEY, noise_key TEXT, name TEXT NOT NULL, model_sha256 TEXT, model_name TEXT,
    added INTEGER NOT NULL, thumbnail BLOB, trashed INTEGER, source TEXT, likeness TEXT);
CREATE TABLE looks (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, state TEXT NOT NULL, thumbnail BLOB,
    trashed INTEGER);
CREATE TABLE samples (key TEXT PRIMARY KEY);
CREATE TABLE hashes (path TEXT PRIMARY KEY, size INTEGER NOT NULL, changed_ns INTEGER NOT NULL, sha256 TEXT NOT NULL);
{_SINCE_3}
"""

_MIGRATIONS = {
    # Looks go to the trash and come back; sample portraits are put on the shelf once.
    1: "ALTER TABLE looks ADD COLUMN trashed INTEGER; CREATE TABLE samples (key TEXT PRIMARY KEY)",
    # So do models and portraits; directions and tags; where models were downloaded from.
    2: f"ALTER TABLE models ADD COLUMN trashed INTEGER; ALTER TABLE models ADD COLUMN added_at INTEGER;"
    f" ALTER TABLE latents ADD COLUMN trashed INTEGER; {_SINCE_3}",
    # Which photo a portrait was found in, and how like it is.
    3: "ALTER TABLE latents ADD COLUMN source TEXT; ALTER TABLE latents ADD COLUMN likeness TEXT",
}


class LibraryFile:
    """One connection to the library, for any thread, beside those of other running Grafts.

    A damaged file is set aside and a new one begun; `notice` then says so. A file that is deleted while it is open is
    written again, from what the connection still holds.

    Attributes:
        tell: Called, on whatever thread notices, with a sentence about the file that the user should know.

    Args:
        file: The SQLite file; its folder is made if need be.

    Raises:
        StorageError: it can be neither opened nor made.
    """

    def __init__(self, file: Path) -> None:
        self.path = file
        self.notice = ""
        self.tell: Callable[[str], None] = lambda sentence: None
        self._has_told_loss = False
        self._guard = threading.RLock()
        try:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error("make the folder of the library", error) from error
        try:
            self._connection = _opened(file)
        except DamagedDatabaseError:
            kept = _set_aside(file)
            self.notice = (
                f"The library file was damaged. Graft began a new one and kept the old as {kept.name}. "
                "Model files were not touched: drop them on the window to add them again."
            )
            self._connection = _opened(file)
        self._identity = _identity(file)

    def close(self) -> None:
        with self._guard:
            self._connection.close()

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """What a SELECT finds.

        Raises:
            StorageError: with the reason in plain words.
        """
        with self._guard, in_plain_words("read the library"):
            self._stay_on_disk()
            return self._connection.execute(query, values).fetchall()

    def row(self, query: str, *values: object) -> tuple[Any, ...] | None:
        """The first of what a SELECT finds."""
        rows = self.rows(query, *values)
        return rows[0] if rows else None

    @contextmanager
    def writing(self, doing: str) -> Iterator[sqlite3.Connection]:
        """A transaction: all that is executed on the given connection is kept, or nothing. It does not nest.

        Args:
            doing: What is tried, as "Graft could not {doing}".

        Raises:
            StorageError: with the reason in plain words.
        """
        with self._guard, in_plain_words(doing):
            self._stay_on_disk()
            with transaction(self._connection):
                yield self._connection

    def _stay_on_disk(self) -> None:
        """See to it that the file on disk is the one that is open: it may have been deleted or exchanged.

        A deleted file lives on, nameless, as long as it is open; all that is in it goes into a new one. When even
        that cannot be written, the window goes on with the nameless one.
        """
        if self._connection.in_transaction or _identity(self.path) == self._identity:
            return
        try:
            if not self.path.exists():
                self._write_again()
                sentence = "The library file was deleted while Graft was running. Graft has written it again."
            else:
                sentence = "The library file was exchanged while Graft was running. Graft goes on with the new one."
            fresh = _opened(self.path)
        except (EngineError, OSError, sqlite3.Error) as error:
            if not self._has_told_loss:
                self._has_told_loss = True
                log.warning("the library file is gone: %s", error)
                self.tell(
                    "The library file is gone, and it cannot be written again. Graft goes on without it; the next "
                    "start begins a new one."
                )
            return
        self._connection.close()
        self._connection, self._identity, self._has_told_loss = fresh, _identity(self.path), False
        self.tell(sentence)

    def _write_again(self) -> None:
        """Copy what is open to the place of the deleted file, without what SQLite had left beside that."""
        for left in database_files(self.path)[1:]:
            left.unlink(missing_ok=True)
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with closing(sqlite3.connect(self.path)) as target:
            self._connection.backup(target)

    def thumbnail(self, query: str, key: object) -> bytes | None:
        row = self.row(query, key)
        return bytes(row[0]) if row and row[0] else None

    def set_thumbnail(self, change: str, png: bytes, key: object) -> None:
        if len(png) > MAX_THUMBNAIL_BYTES:
            raise StorageError(f"A thumbnail of {len(png):,} bytes is too large for the library.")
        with self.writing("keep a thumbnail") as connection:
            connection.execute(change, (png, key))


def free_name(wanted: str, taken: Collection[str]) -> str:
    """A name that is not among `taken` (in small letters): with a number, where need be."""
    free, number = wanted, 1
    while free.lower() in taken:
        number += 1
        free = f"{wanted} {number}"
    return free


def clean_file_name(name: str) -> str:
    """A name for the shelf: one line, without the folders of a path, not too long."""
    return printable(" ".join(name.replace("\\", "/").rpartition("/")[2].split()), MAX_NAME_CHARS)


def as_column(path: Path) -> str | bytes:
    """A path for SQLite: text, or its bytes when they are none, which Linux allows."""
    text = str(path)
    try:
        text.encode()
    except UnicodeEncodeError:
        return os.fsencode(path)
    return text


def as_path(column: str | bytes) -> Path:
    return Path(os.fsdecode(column))


def _identity(file: Path) -> tuple[int, int] | None:
    """What tells a file from another of the same name; None where there is none."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _opened(file: Path) -> sqlite3.Connection:
    return open_database(file, LIBRARY_VERSION, _SCHEMA, "the library", _MIGRATIONS)


def _set_aside(file: Path) -> Path:
    """Rename a damaged database, and what SQLite keeps beside it, to a free name."""
    number = 1
    while (kept := file.with_name(f"{file.name}.damaged-{number}")).exists():
        number += 1
    try:
        for path, target in zip(database_files(file), database_files(kept), strict=True):
            if path.exists():
                os.replace(path, target)
    except OSError as error:
        raise storage_error(f"set the damaged {file.name} aside", error) from error
    return kept

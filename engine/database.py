"""SQLite files that survive a kill: WAL, versions, and errors in plain words."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from engine.errors import StorageError

BUSY_S = 5.0


class DamagedDatabaseError(StorageError):
    """The file is no SQLite database, or a broken one."""


class NewerDatabaseError(StorageError):
    """The file was written by a newer Graft."""


_REASONS = {
    "SQLITE_FULL": ("the disk is full", "Free some space."),
    "SQLITE_READONLY": ("the file is read-only", "Make its folder writable."),
    "SQLITE_CANTOPEN": ("the file cannot be opened", "Check that its folder is there and writable."),
    "SQLITE_PERM": ("there is no permission", "Make its folder writable."),
    "SQLITE_IOERR": ("the drive reports an error", "The disk may be full or failing."),
    "SQLITE_BUSY": ("another Graft is writing to it", "Try again in a moment."),
    "SQLITE_LOCKED": ("another Graft is writing to it", "Try again in a moment."),
}
_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_FORMAT")


@contextmanager
def in_plain_words(doing: str) -> Iterator[None]:
    """Turn SQLite's errors into ours.

    Args:
        doing: What is tried, as "Graft could not {doing}".
    """
    try:
        yield
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", None) or ""
        kind = "_".join(name.split("_")[:2])
        if kind in _DAMAGED:
            raise DamagedDatabaseError(f"Graft could not {doing}: the file is damaged.") from error
        reason, hint = _REASONS.get(kind, (str(error), ""))
        raise StorageError(f"Graft could not {doing}: {reason}.", hint) from error


def open_database(
    file: Path, version: int, schema: str, what: str, migrations: Mapping[int, str] | None = None
) -> sqlite3.Connection:
    """Open or create. Commits survive a kill at once, a power cut after the next checkpoint. Any thread may use it.

    Args:
        version: Of `schema`, from 1 up. A file of a higher version is refused.
        schema: SQL that creates everything; run when the file is new.
        what: For messages: "the library".
        migrations: ``migrations[n]`` is SQL that turns version n into version n + 1. All that are needed run at
            once: the file is either as it was or up to date.

    Raises:
        DamagedDatabaseError: the file is there, but is broken.
        NewerDatabaseError: a newer Graft wrote it.
        StorageError: any other failure.
    """
    with in_plain_words(f"open {what}"):
        connection = sqlite3.connect(file, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            _prepare(connection, version, schema, what, migrations or {})
        except BaseException:
            connection.close()
            raise
    return connection


def _prepare(
    connection: sqlite3.Connection, version: int, schema: str, what: str, migrations: Mapping[int, str]
) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA trusted_schema = OFF")
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found > version:
        raise NewerDatabaseError(
            f"Graft could not open {what}: a newer Graft wrote it (version {found}; this one knows {version}).",
            "Update Graft, or set GRAFT_HOME to another folder to start afresh.",
        )
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise DamagedDatabaseError(f"Graft could not open {what}: the file is damaged.")
    if found < version:
        with transaction(connection):
            (found,) = connection.execute("PRAGMA user_version").fetchone()  # somebody may have been faster
            for step in [schema] if found == 0 else [migrations[number] for number in range(found, version)]:
                for statement in step.split(";"):
                    connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {version:d}")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All of it or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # SQLite has already rolled back after some errors
            connection.execute("ROLLBACK")
        raise


def database_files(file: Path) -> tuple[Path, ...]:
    """The database and what SQLite may keep beside it."""
    return (file, file.with_name(file.name + "-wal"), file.with_name(file.name + "-shm"))

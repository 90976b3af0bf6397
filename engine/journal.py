"""The autosave journal: every committed edit is on disk before the next one, so a kill loses nothing.

Each running session has a SQLite file (WAL) of its own in the autosave folder, and a lock beside it that the system
drops when the process dies. At the next start, files without a living owner are what crashed sessions left. Arrays
need no journal: the latent store writes them to disk before any state names them.

A file is kept until its work has been saved or dismissed; closing the window is neither.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sqlite3
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from engine.atomic import storage_error
from engine.database import database_files, in_plain_words, open_database
from engine.errors import RecipeError, StorageError
from engine.history import HistoryEntry
from engine.state import EditState
from engine.state_json import parse_json, state_from_json, state_to_json

JOURNAL_VERSION = 1
KEPT_EDITS = 500
KEPT_CLOSED = 20
EDITS_PER_SYNC = 20
"""How often the journal is forced to the platter: what a power cut, unlike a crash, may cost."""
MAX_STATE_BYTES = 1 << 20

_SCHEMA = """
CREATE TABLE edits (id INTEGER PRIMARY KEY AUTOINCREMENT, label TEXT NOT NULL, state TEXT NOT NULL, at REAL NOT NULL);
CREATE TABLE facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL)
"""
_NAME = re.compile(r"session-(\d{6,})\.sqlite3")


@dataclass(frozen=True, slots=True)
class RecoverableSession:
    """What a session that is no longer running left unsaved.

    Attributes:
        number: Rises with every session; the order, whatever the clock said.
        entries: Its last edits, oldest first; at least one.
        unsaved: How many edits came after the last save.
        crashed: Whether it ended without saying goodbye.
        changed_at: Clock time of the last edit, in seconds since 1970: to be shown only.
    """

    file: Path
    number: int
    entries: tuple[HistoryEntry, ...]
    unsaved: int
    crashed: bool
    changed_at: float

    @property
    def state(self) -> EditState:
        return self.entries[-1].state


class Journal:
    """The running session's own file. Thread-safe. Made by `start`."""

    def __init__(self, file: Path, lock: int, connection: sqlite3.Connection) -> None:
        self._file = file
        self._lock_handle: int | None = lock
        self._connection = connection
        self._guard = threading.Lock()
        self._since_sync = 0

    @classmethod
    def start(cls, folder: Path) -> Journal:
        """Begin a journal for this session in `folder`, which is made if need be.

        Raises:
            StorageError: it cannot be written.
        """
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            file, lock = _claim_number(folder)
        except OSError as error:
            raise storage_error("start an autosave", error) from error
        try:
            connection = open_database(file, JOURNAL_VERSION, _SCHEMA, "the autosave")
        except BaseException:
            _release(file, lock)
            _delete(file)
            raise
        _forget_oldest_closed(folder)
        return cls(file, lock, connection)

    def record(self, entry: HistoryEntry) -> None:
        """Put a committed edit on disk; when this returns, a kill cannot lose it.

        Raises:
            StorageError: it could not be written.
        """
        text = json.dumps(state_to_json(entry.state), allow_nan=False, separators=(",", ":"))
        with self._guard, in_plain_words("autosave"):
            values = (entry.label[:100], text, time.time())
            cursor = self._connection.execute("INSERT INTO edits (label, state, at) VALUES (?, ?, ?)", values)
            self._since_sync += 1
            if self._since_sync >= EDITS_PER_SYNC:
                self._since_sync = 0
                self._connection.execute("DELETE FROM edits WHERE id <= ?", ((cursor.lastrowid or 0) - KEPT_EDITS,))
                self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def mark_saved(self) -> None:
        """All edits so far are in a file of the user's: they need no recovery."""
        with self._guard, in_plain_words("autosave"):
            self._set_fact("saved", "(SELECT coalesce(max(id), 0) FROM edits)")

    def adopt(self, session: RecoverableSession) -> None:
        """Take over the edits of a session that was recovered, then dismiss it."""
        for entry in session.entries:
            self.record(entry)
        dismiss(session)

    def close(self) -> None:
        """End cleanly. Unsaved edits stay on disk, marked as closed rather than crashed."""
        with self._guard, in_plain_words("close the autosave"):
            if self._lock_handle is None:
                return
            unsaved = _unsaved(self._connection)
            if unsaved:
                self._set_fact("closed", "1")
            self._end()
        if not unsaved:
            _delete(self._file)

    def discard(self) -> None:
        """End cleanly and leave nothing."""
        with self._guard, in_plain_words("close the autosave"):
            if self._lock_handle is None:
                return
            self._end()
        _delete(self._file)

    def _end(self) -> None:
        self._connection.close()
        if self._lock_handle is not None:
            _release(self._file, self._lock_handle)
            self._lock_handle = None

    def _set_fact(self, name: str, value_sql: str) -> None:
        self._connection.execute(f"INSERT OR REPLACE INTO facts VALUES (?, {value_sql})", (name,))


def recoverable_sessions(folder: Path) -> tuple[RecoverableSession, ...]:
    """What sessions that no longer run left unsaved, the newest first. Damaged files are passed over."""
    found = []
    for number, file in _journal_files(folder):
        with contextlib.suppress(OSError, StorageError):
            lock = _try_lock(file)
            if lock is None:
                continue  # its session is running
            try:
                session = _read(file, number)
            finally:
                os.close(lock)
            if session is not None:
                found.append(session)
    return tuple(reversed(found))


def dismiss(session: RecoverableSession) -> None:
    """Delete what a session left."""
    _delete(session.file)


def _read(file: Path, number: int) -> RecoverableSession | None:
    connection = open_database(file, JOURNAL_VERSION, _SCHEMA, "an autosave")
    with contextlib.closing(connection), in_plain_words("read an autosave"):
        unsaved = _unsaved(connection)
        closed = connection.execute("SELECT 1 FROM facts WHERE name = 'closed'").fetchone() is not None
        newest_first = "SELECT label, state, at FROM edits ORDER BY id DESC LIMIT ?"
        rows = connection.execute(newest_first, (KEPT_EDITS,)).fetchall()
    entries: list[HistoryEntry] = []
    for label, text, _ in reversed(rows):
        with contextlib.suppress(RecipeError):
            state = state_from_json(parse_json(text, "The autosave", MAX_STATE_BYTES))
            if not entries or entries[-1].state != state:
                entries.append(HistoryEntry(state, label))
    if not unsaved or not entries:
        return None
    return RecoverableSession(file, number, tuple(entries), unsaved, not closed, rows[0][2])


def _unsaved(connection: sqlite3.Connection) -> int:
    query = "SELECT count(*) FROM edits WHERE id > coalesce((SELECT value FROM facts WHERE name = 'saved'), 0)"
    (count,) = connection.execute(query).fetchone()
    return int(count)


def _journal_files(folder: Path) -> list[tuple[int, Path]]:
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    return sorted((int(match[1]), folder / name) for name in names if (match := _NAME.fullmatch(name)))


def _claim_number(folder: Path) -> tuple[Path, int]:
    """A file name that no session has had, and the lock on it."""
    number = max((number for number, _ in _journal_files(folder)), default=0)
    while True:
        number += 1
        file = folder / f"session-{number:06d}.sqlite3"
        lock = _try_lock(file)
        if lock is not None and not file.exists():
            return file, lock
        if lock is not None:
            os.close(lock)


def _forget_oldest_closed(folder: Path) -> None:
    closed = [session for session in recoverable_sessions(folder) if not session.crashed]
    for session in closed[KEPT_CLOSED:]:
        dismiss(session)


def _lock_file(file: Path) -> Path:
    return file.with_suffix(".lock")


def _release(file: Path, lock: int) -> None:
    with contextlib.suppress(OSError):  # Windows cannot delete what is open; `_delete` comes later
        _lock_file(file).unlink()
    os.close(lock)


def _delete(file: Path) -> None:
    for path in (*database_files(file), _lock_file(file)):
        with contextlib.suppress(OSError):
            path.unlink()


if sys.platform == "win32":
    import msvcrt

    def _try_lock(file: Path) -> int | None:
        handle = os.open(_lock_file(file), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            os.close(handle)
            return None
        return handle

else:
    import fcntl

    def _try_lock(file: Path) -> int | None:
        """The lock's handle, or None when a living process holds it. Closing the handle lets go."""
        handle = os.open(_lock_file(file), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            still_there = os.path.samestat(os.fstat(handle), os.stat(_lock_file(file)))
        except OSError:
            still_there = False
        if not still_there:  # held, or deleted between our two steps by a session that is just ending
            os.close(handle)
            return None
        return handle

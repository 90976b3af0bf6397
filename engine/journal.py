"""The autosave journal: every committed edit is on disk before the next one, so a kill loses nothing.

Each running session has a SQLite file (WAL) of its own in the autosave folder, and a lock beside it that the system
drops when the process dies. At the next start, files without a living owner are what crashed sessions left. Arrays
need no journal: the latent store writes them to disk before any state names them.

A file is kept until its work has been saved or dismissed; closing the window is neither.

It holds a row for every entry of the history, with its parent's row, and one for every step that was taken: which
entry one stood on after it.
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
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.atomic import storage_error
from engine.database import database_files, in_plain_words, open_database, transaction
from engine.errors import RecipeError, StorageError
from engine.history import MAX_ENTRIES, History, HistoryEntry
from engine.history_entry import parents_of
from engine.history_json import MAX_LABEL_CHARS, marked_from_json, marks_to_json
from engine.state import EditState
from engine.state_json import parse_json, state_from_json, state_to_json

JOURNAL_VERSION = 2
KEPT_EDITS = MAX_ENTRIES
KEPT_STEPS = 500
KEPT_CLOSED = 20
EDITS_PER_SYNC = 20
"""How often the journal is forced to the platter: what a power cut, unlike a crash, may cost."""
MAX_STATE_BYTES = 1 << 20

_SCHEMA = """
CREATE TABLE edits (
    id INTEGER PRIMARY KEY AUTOINCREMENT, label TEXT NOT NULL, state TEXT NOT NULL, at REAL NOT NULL,
    parent INTEGER, marks TEXT NOT NULL DEFAULT '{}');
CREATE TABLE steps (id INTEGER PRIMARY KEY AUTOINCREMENT, edit INTEGER NOT NULL, at REAL NOT NULL);
CREATE TABLE facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL)
"""
_MIGRATIONS = {
    1: """
    ALTER TABLE edits ADD COLUMN parent INTEGER;
    ALTER TABLE edits ADD COLUMN marks TEXT NOT NULL DEFAULT '{}';
    CREATE TABLE steps (id INTEGER PRIMARY KEY AUTOINCREMENT, edit INTEGER NOT NULL, at REAL NOT NULL);
    INSERT INTO steps SELECT id, id, at FROM edits
    """,  # an edit without a parent hangs on the one before it: version 1 had a line, whose steps were its edits
}
_INSERT = "INSERT INTO edits (label, state, at, parent, marks) VALUES (?, ?, ?, ?, ?)"
_INSERT_ROW = "INSERT INTO edits (label, state, at, parent, marks, id) VALUES (?, ?, ?, ?, ?, ?)"
_NAME = re.compile(r"session-(\d{6,})\.sqlite3")


@dataclass(frozen=True, slots=True)
class RecoverableSession:
    """What a session that is no longer running left unsaved.

    Attributes:
        number: Rises with every session; the order, whatever the clock said.
        entries: Its history, a tree (see `HistoryEntry.parent`); at least one.
        index: The entry that it stood on.
        tip: Where redo led to from there, in the end.
        unsaved: How many steps came after the last save.
        crashed: Whether it ended without saying goodbye.
        changed_at: Clock time of the last edit, in seconds since 1970: to be shown only.
    """

    file: Path
    number: int
    entries: tuple[HistoryEntry, ...]
    index: int
    tip: int
    unsaved: int
    crashed: bool
    changed_at: float

    @property
    def state(self) -> EditState:
        return self.entries[self.index].state


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
            connection = open_database(file, JOURNAL_VERSION, _SCHEMA, "the autosave", _MIGRATIONS)
        except BaseException:
            _release(file, lock)
            _delete(file)
            raise
        _forget_oldest_closed(folder)
        return cls(file, lock, connection)

    def record(self, entry: HistoryEntry, parent: int | None = None, *, is_present: bool = True) -> int:
        """Put an entry on disk; when this returns, a kill cannot lose it.

        Args:
            parent: The row of the entry that it hangs on; None is the row before, and nothing for the first.
            is_present: Whether one stands on it now.

        Returns:
            Its row.

        Raises:
            StorageError: it could not be written.
        """
        values = _values(entry, parent)
        with self._guard, in_plain_words("autosave"):
            with transaction(self._connection):
                row = self._connection.execute(_INSERT, values).lastrowid or 0
                self._step(row, values[2], is_move=is_present)
            self._sync(1)
        return row

    def record_all(self, entries: Sequence[HistoryEntry], present: int) -> tuple[int, ...]:
        """Put a whole tree of entries on disk, all or none.

        Args:
            present: Place of the one that one stands on.

        Returns:
            Their rows.
        """
        with self._guard, in_plain_words("autosave"):
            (last,) = self._connection.execute("SELECT coalesce(max(id), 0) FROM edits").fetchone()
            rows = range(last + 1, last + 1 + len(entries))
            parents = (None if parent is None else rows[parent] for parent in parents_of(entries))
            numbered = (
                (*_values(entry, parent), row) for entry, parent, row in zip(entries, parents, rows, strict=True)
            )
            with transaction(self._connection):
                self._connection.executemany(_INSERT_ROW, numbered)
                self._step(rows[present], time.time(), is_move=True)
            self._sync(1)
        return tuple(rows)

    def stand_on(self, row: int) -> None:
        """One went to another entry."""
        with self._guard, in_plain_words("autosave"):
            self._step(row, time.time(), is_move=True)
            self._sync(1)

    def mark(self, row: int, entry: HistoryEntry, *, is_work: bool = True) -> None:
        """An entry got another name, a star or a sheet of variations.

        Args:
            is_work: Whether this alone is worth being recovered.
        """
        with self._guard, in_plain_words("autosave"), transaction(self._connection):
            self._connection.execute("UPDATE edits SET marks = ? WHERE id = ?", (_marks(entry), row))
            if is_work:
                self._step(row, time.time(), is_move=False)

    def forget(self, rows: Sequence[int]) -> None:
        """Entries went because there were too many."""
        with self._guard, in_plain_words("autosave"), transaction(self._connection):
            self._connection.executemany("DELETE FROM edits WHERE id = ?", [(row,) for row in rows])

    def mark_saved(self) -> None:
        """All so far is in a file of the user's: it needs no recovery."""
        with self._guard, in_plain_words("autosave"):
            self._set_fact("saved", "(SELECT coalesce(max(id), 0) FROM steps)")

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

    def _step(self, row: int, now: float, *, is_move: bool) -> None:
        """A step that moves nowhere is one all the same: it is something to be recovered."""
        here = "coalesce((SELECT edit FROM steps ORDER BY id DESC LIMIT 1), ?)"
        self._connection.execute(f"INSERT INTO steps (edit, at) VALUES ({'?' if is_move else here}, ?)", (row, now))

    def _sync(self, written: int) -> None:
        self._since_sync += written
        if self._since_sync >= EDITS_PER_SYNC:
            self._since_sync = 0
            surplus = "SELECT id FROM edits ORDER BY id DESC LIMIT -1 OFFSET ?"
            self._connection.execute(f"DELETE FROM edits WHERE id IN ({surplus})", (KEPT_EDITS,))
            self._connection.execute("DELETE FROM steps WHERE id <= (SELECT max(id) FROM steps) - ?", (KEPT_STEPS,))
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

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
    connection = open_database(file, JOURNAL_VERSION, _SCHEMA, "an autosave", _MIGRATIONS)
    with contextlib.closing(connection), in_plain_words("read an autosave"):
        unsaved = _unsaved(connection)
        closed = connection.execute("SELECT 1 FROM facts WHERE name = 'closed'").fetchone() is not None
        newest_first = "SELECT id, label, state, parent, marks FROM edits ORDER BY id DESC LIMIT ?"
        rows = connection.execute(newest_first, (KEPT_EDITS,)).fetchall()
        steps = connection.execute("SELECT edit, at FROM steps ORDER BY id").fetchall()
    entries, places = _tree(rows[::-1])
    if not unsaved or not entries:
        return None
    history = History.from_entries(entries, len(entries) - 1)
    for edit, _ in steps:
        if edit in places:
            history.go_to(places[edit])
    changed_at = float(steps[-1][1]) if steps else 0.0
    return RecoverableSession(
        file, number, history.entries, history.index, history.tip, unsaved, not closed, changed_at
    )


def _tree(rows: Sequence[tuple[int, str, str, int | None, str]]) -> tuple[list[HistoryEntry], dict[int, int]]:
    """Entries of the rows that can be read, and their places by row. What hung on one that cannot hangs on the one
    that it hung on; what hung on one that was forgotten, on the first."""
    entries: list[HistoryEntry] = []
    places: dict[int, int] = {}
    for row, label, text, parent_row, marks in rows:
        parent = len(entries) - 1 if parent_row is None else places.get(parent_row, 0)
        try:
            state = state_from_json(parse_json(text, "The autosave", MAX_STATE_BYTES))
            marked = parse_json(marks, "The autosave", MAX_STATE_BYTES)
            entry = marked_from_json(marked, state, label, None if parent_row is None or not entries else parent)
        except RecipeError:
            places[row] = max(parent, 0)
            continue
        is_same = bool(entries) and parent_row is None and entries[parent].state == state
        places[row] = parent if is_same else len(entries)
        if not is_same:
            entries.append(entry)
    return entries, places


def _unsaved(connection: sqlite3.Connection) -> int:
    query = "SELECT count(*) FROM steps WHERE id > coalesce((SELECT value FROM facts WHERE name = 'saved'), 0)"
    (count,) = connection.execute(query).fetchone()
    return int(count)


def _values(entry: HistoryEntry, parent: int | None) -> tuple[str, str, float, int | None, str]:
    text = json.dumps(state_to_json(entry.state), allow_nan=False, separators=(",", ":"))
    return entry.label[:MAX_LABEL_CHARS], text, time.time(), parent, _marks(entry)


def _marks(entry: HistoryEntry) -> str:
    return json.dumps(marks_to_json(entry), allow_nan=False, separators=(",", ":"))


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

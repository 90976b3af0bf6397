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
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from engine.atomic import storage_error
from engine.database import in_plain_words, open_database, transaction
from engine.errors import RecipeError, StorageError
from engine.history import MAX_ENTRIES, History, HistoryEntry
from engine.history_entry import parents_of
from engine.history_json import MAX_LABEL_CHARS, marked_from_json, marks_to_json
from engine.journal_files import claim_number, delete_files, journal_files, release, try_lock
from engine.state import EditState
from engine.state_json import parse_json, state_from_json, state_to_json

if TYPE_CHECKING:
    from engine.animation.timeline import Timeline

JOURNAL_VERSION = 2
KEPT_EDITS = MAX_ENTRIES
KEPT_STEPS = 500
KEPT_CLOSED = 20
EDITS_PER_SYNC = 20
"""How often the journal is forced to the platter: what a power cut, unlike a crash, may cost."""
MAX_STATE_BYTES = 1 << 20
MAX_TIMELINE_BYTES = 16 << 20
AT_ONCE = 200
"""As many entries are written without anybody feeling it."""

ASIDE = 40
"""As many entries another thread writes before it lets others write."""

_Numbered: TypeAlias = tuple[HistoryEntry, int | None, int]
"""An entry, the row of its parent, and its own."""

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
_FILM_TABLE = "CREATE TABLE IF NOT EXISTS film (id INTEGER PRIMARY KEY CHECK (id = 0), timeline TEXT NOT NULL)"
"""Made with the first timeline: most sessions have none."""

_INSERT = "INSERT INTO edits (label, state, at, parent, marks) VALUES (?, ?, ?, ?, ?)"
_INSERT_ROW = "INSERT OR IGNORE INTO edits (label, state, at, parent, marks, id) VALUES (?, ?, ?, ?, ?, ?)"


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
        timeline: What moved in its film, if there was one.
    """

    file: Path
    number: int
    entries: tuple[HistoryEntry, ...]
    index: int
    tip: int
    unsaved: int
    crashed: bool
    changed_at: float
    timeline: Timeline | None = None

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
        self._chore: threading.Thread | None = None
        self._is_writing_aside = False
        self._late: list[tuple[str, tuple[str | int, ...]]] = []

    @classmethod
    def start(cls, folder: Path) -> Journal:
        """Begin a journal for this session in `folder`, which is made if need be.

        Raises:
            StorageError: it cannot be written.
        """
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            file, lock = claim_number(folder)
        except OSError as error:
            raise storage_error("start an autosave", error) from error
        try:
            connection = open_database(file, JOURNAL_VERSION, _SCHEMA, "the autosave", _MIGRATIONS)
        except BaseException:
            release(file, lock)
            delete_files(file)
            raise
        connection.execute("PRAGMA wal_autocheckpoint = 0")  # would be felt; see `_sync`
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
        """Put a whole tree of entries on disk. Of a large one the present entry is there at once, the others a moment
        later (see `wait`): they are in a file of the user's, or in another journal that is still there.

        Args:
            present: Place of the one that one stands on.

        Returns:
            Their rows.
        """
        parents = parents_of(entries)
        with self._guard, in_plain_words("autosave"):
            (last,) = self._connection.execute("SELECT coalesce(max(id), 0) FROM edits").fetchone()
            rows = tuple(range(last + 1, last + 1 + len(entries)))
            numbered = [
                (entry, None if parent is None else rows[parent], row)
                for entry, parent, row in zip(entries, parents, rows, strict=True)
            ]
            is_large = len(entries) > AT_ONCE
            self._write_rows(_values_of([numbered[present], *numbered[-1:]] if is_large else numbered))
            self._step(rows[present], time.time(), is_move=True)
            self._since_sync += 1
            self._is_writing_aside = is_large
        if is_large:
            self._run_aside(lambda: self._write_aside(numbered))
        return rows

    def _write_aside(self, numbered: Sequence[_Numbered]) -> None:
        for first in range(0, len(numbered), ASIDE):
            values = _values_of(numbered[first : first + ASIDE])
            with self._guard:
                self._write_rows(values)
        with self._guard, transaction(self._connection):
            for statement in self._late:
                self._connection.execute(*statement)
            self._is_writing_aside = False

    def _write_rows(self, values: Sequence[tuple[object, ...]]) -> None:
        with transaction(self._connection):
            self._connection.executemany(_INSERT_ROW, values)

    def wait(self) -> bool:
        """Until all that was recorded is on disk. False when some of it could not be written."""
        if self._chore is not None:
            self._chore.join()
        return not self._is_writing_aside

    def _run_aside(self, chore: Callable[[], None]) -> None:
        """Do what may take long on a thread of its own. One that fails is not missed: the next one does it too."""

        def run() -> None:
            with contextlib.suppress(sqlite3.Error):
                chore()

        self.wait()
        self._chore = threading.Thread(target=run, name="graft-journal", daemon=True)
        self._chore.start()

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
            self._change("UPDATE edits SET marks = ? WHERE id = ?", (_marks(entry), row))
            if is_work:
                self._step(row, time.time(), is_move=False)

    def keep_timeline(self, timeline: Timeline | None, row: int) -> None:
        """What moves in the film now.

        Args:
            row: Of the entry that one stands on.
        """
        from engine.animation.timeline_json import timeline_to_json

        text = "" if timeline is None else json.dumps(timeline_to_json(timeline), allow_nan=False)
        with self._guard, in_plain_words("autosave"), transaction(self._connection):
            self._connection.execute(_FILM_TABLE)
            self._connection.execute("INSERT OR REPLACE INTO film VALUES (0, ?)", (text,))
            self._step(row, time.time(), is_move=False)

    def forget(self, rows: Sequence[int]) -> None:
        """Entries went because there were too many."""
        with self._guard, in_plain_words("autosave"), transaction(self._connection):
            for row in rows:
                self._change("DELETE FROM edits WHERE id = ?", (row,))

    def step(self) -> int:
        """The last step that was taken."""
        with self._guard, in_plain_words("read the autosave"):
            (step,) = self._connection.execute("SELECT coalesce(max(id), 0) FROM steps").fetchone()
        return int(step)

    def mark_saved(self, step: int | None = None) -> None:
        """All up to a step, by default the last, is in a file of the user's: it needs no recovery."""
        saved = self.step() if step is None else step
        with self._guard, in_plain_words("autosave"):
            self._set_fact("saved", saved)

    def close(self) -> None:
        """End cleanly. Unsaved edits stay on disk, marked as closed rather than crashed."""
        self.wait()
        with self._guard, in_plain_words("close the autosave"):
            if self._lock_handle is None:
                return
            unsaved = _unsaved(self._connection)
            if unsaved:
                self._set_fact("closed", 1)
            self._end()
        if not unsaved:
            delete_files(self._file)

    def discard(self) -> None:
        """End cleanly and leave nothing."""
        self.wait()
        with self._guard, in_plain_words("close the autosave"):
            if self._lock_handle is None:
                return
            self._end()
        delete_files(self._file)

    def _end(self) -> None:
        self._connection.close()
        if self._lock_handle is not None:
            release(self._file, self._lock_handle)
            self._lock_handle = None

    def _change(self, statement: str, values: tuple[str | int, ...]) -> None:
        """Change a row, also one that is still being written."""
        self._connection.execute(statement, values)
        if self._is_writing_aside:
            self._late.append((statement, values))

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
            if self._chore is None or not self._chore.is_alive():
                self._run_aside(self._checkpoint)  # it waits for the drive

    def _checkpoint(self) -> None:
        with contextlib.closing(sqlite3.connect(self._file)) as connection:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def _set_fact(self, name: str, value: int) -> None:
        self._connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))


def recoverable_sessions(folder: Path) -> tuple[RecoverableSession, ...]:
    """What sessions that no longer run left unsaved, the newest first. Damaged files are passed over."""
    found = []
    for number, file in journal_files(folder):
        with contextlib.suppress(OSError, StorageError):
            lock = try_lock(file)
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
    delete_files(session.file)


def _read(file: Path, number: int) -> RecoverableSession | None:
    connection = open_database(file, JOURNAL_VERSION, _SCHEMA, "an autosave", _MIGRATIONS)
    with contextlib.closing(connection), in_plain_words("read an autosave"):
        unsaved = _unsaved(connection)
        closed = connection.execute("SELECT 1 FROM facts WHERE name = 'closed'").fetchone() is not None
        newest_first = "SELECT id, label, state, parent, marks FROM edits ORDER BY id DESC LIMIT ?"
        rows = connection.execute(newest_first, (KEPT_EDITS,)).fetchall()
        steps = connection.execute("SELECT edit, at FROM steps ORDER BY id").fetchall()
        timeline = _timeline(connection)
    entries, places = _tree(rows[::-1])
    if not unsaved or not entries:
        return None
    history = History.from_entries(entries, len(entries) - 1)
    for edit, _ in steps:
        if edit in places:
            history.go_to(places[edit])
    changed_at = float(steps[-1][1]) if steps else 0.0
    return RecoverableSession(
        file, number, history.entries, history.index, history.tip, unsaved, not closed, changed_at, timeline
    )


def _timeline(connection: sqlite3.Connection) -> Timeline | None:
    """A damaged one is left behind: the history is worth more."""
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'film'").fetchone() is None:
        return None
    from engine.animation.timeline_json import timeline_from_json

    row = connection.execute("SELECT timeline FROM film").fetchone()
    try:
        return timeline_from_json(parse_json(row[0], "The autosave", MAX_TIMELINE_BYTES)) if row and row[0] else None
    except RecipeError:
        return None


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


def _values_of(numbered: Sequence[_Numbered]) -> list[tuple[object, ...]]:
    return [(*_values(entry, parent), row) for entry, parent, row in numbered]


def _marks(entry: HistoryEntry) -> str:
    return json.dumps(marks_to_json(entry), allow_nan=False, separators=(",", ":"))


def forget_oldest_closed(folder: Path) -> None:
    """Delete all but the newest that sessions left which were closed and not saved. Reads them: takes a moment."""
    closed = [session for session in recoverable_sessions(folder) if not session.crashed]
    for session in closed[KEPT_CLOSED:]:
        dismiss(session)

"""Session: what is being edited. The current EditState, where it has been, whether it is saved.

Knows nothing of widgets. Every change of the picture goes through `edit`, so that every change can be undone, is
journalled, and reaches every panel by the one signal `state_changed`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from engine.errors import EngineError
from engine.history import History, HistoryEntry
from engine.journal import Journal
from engine.state import EditState


class Session(QObject):
    """The document. A drag is `begin_gesture`, any number of `edit`, `end_gesture`: one undo entry."""

    opened = Signal(object)  # EditState: another document, which is about to be shown
    state_changed = Signal(object)  # EditState: every change, also within a gesture
    history_changed = Signal()  # an entry came, or undo, redo or a jump moved along them
    document_changed = Signal()  # saved or unsaved, or another file
    locks_changed = Signal(object)  # frozenset[str]
    autosave_failed = Signal(object)  # EngineError

    def __init__(
        self, state: EditState, start_journal: Callable[[], Journal] | None = None, parent: QObject | None = None
    ) -> None:
        """
        Args:
            start_journal: Begins a file to which every committed edit is written at once, one per document, when
                there is a first edit; None keeps no autosave.
        """
        super().__init__(parent)
        self._history = History(state)
        self._start_journal = start_journal
        self._journal: Journal | None = None
        self._saved = state
        self._path: Path | None = None
        self._owner: object | None = None
        self._locks: frozenset[str] = frozenset()

    # --- reading --------------------------------------------------------------------------------------------------

    @property
    def state(self) -> EditState:
        return self._history.state

    @property
    def history(self) -> History:
        """For reading; changes go through the session."""
        return self._history

    @property
    def path(self) -> Path | None:
        return self._path

    @property
    def is_dirty(self) -> bool:
        return self.state != self._saved

    @property
    def locks(self) -> frozenset[str]:
        """Names of the controls that "surprise me" and "new seed" leave alone."""
        return self._locks

    # --- editing --------------------------------------------------------------------------------------------------

    def edit(self, state: EditState, label: str = "") -> bool:
        """Go to `state`. Within a gesture only the picture follows; outside it is one undo entry.

        Returns:
            False when nothing changes.
        """
        if state == self.state:
            return False
        in_gesture = self._history.in_gesture
        self._history.apply(state, label)
        if not in_gesture:
            self._committed()
        self._announce()
        return True

    def insert(self, state: EditState, label: str) -> bool:
        """Like `edit`, as an undo entry of its own also in the middle of somebody's drag."""
        owner = self._owner
        self.end_gesture()
        changed = self.edit(state, label)
        if owner is not None:
            self.begin_gesture(owner)
        return changed

    def begin_gesture(self, owner: object, label: str = "") -> None:
        """
        Args:
            owner: Whose hand it is. Another owner's open gesture is ended first.
        """
        self.end_gesture()
        self._owner = owner
        self._history.begin_gesture(label)

    def end_gesture(self, owner: object | None = None) -> None:
        """
        Args:
            owner: Ends only a gesture of this owner; None ends whichever is open.
        """
        if not self._history.in_gesture or (owner is not None and owner is not self._owner):
            return
        self._owner = None
        if self._history.end_gesture():
            self._committed()
            self.document_changed.emit()

    def undo(self) -> bool:
        self.end_gesture()
        return self._travelled(self._history.undo())

    def redo(self) -> bool:
        self.end_gesture()
        return self._travelled(self._history.redo())

    def go_to(self, index: int) -> bool:
        """Jump to an entry of the history."""
        self.end_gesture()
        if index == self._history.index or not 0 <= index < len(self._history.entries):
            return False
        return self._travelled(self._history.go_to(index))

    def set_lock(self, name: str, locked: bool) -> None:
        self.set_locks(self._locks | {name} if locked else self._locks - {name})

    def set_locks(self, locks: frozenset[str]) -> None:
        if locks != self._locks:
            self._locks = locks
            self.locks_changed.emit(locks)

    # --- the document ---------------------------------------------------------------------------------------------

    def replace_document(
        self, entries: tuple[HistoryEntry, ...], index: int, path: Path | None, *, saved: bool
    ) -> None:
        """Open another document: its states, its place in them, its file."""
        self._leave_journal()
        self._owner = None
        self._history = History.from_entries(entries, index)
        self._path = path
        self._saved = self.state if saved else self._history.entries[0].state
        if not saved:
            self._journal_entry()
        self.opened.emit(self.state)
        self.history_changed.emit()
        self._announce()

    def mark_saved(self, path: Path) -> None:
        self._path = path
        self._saved = self.state
        if self._journal is not None:
            try:
                self._journal.mark_saved()
            except EngineError as error:
                self.autosave_failed.emit(error)
        self.document_changed.emit()

    def close(self) -> None:
        """A clean exit. What was not saved stays in the journal and is offered at the next start."""
        self.end_gesture()
        self._leave_journal()

    # --- inside ---------------------------------------------------------------------------------------------------

    @property
    def _entry(self) -> HistoryEntry:
        return self._history.entries[self._history.index]

    def _travelled(self, state: EditState | None) -> bool:
        if state is None:
            return False
        self._journal_entry()
        self.history_changed.emit()
        self._announce()
        return True

    def _announce(self) -> None:
        self.state_changed.emit(self.state)
        self.document_changed.emit()

    def _committed(self) -> None:
        self._journal_entry()
        self.history_changed.emit()

    def _journal_entry(self) -> None:
        """Write the present entry, and before the first one what led to it."""
        if self._start_journal is None:
            return
        try:
            if self._journal is None:
                self._journal = self._start_journal()
                for entry in self._history.entries[: self._history.index]:
                    self._journal.record(entry)
            self._journal.record(self._entry)
        except EngineError as error:
            self.autosave_failed.emit(error)

    def _leave_journal(self) -> None:
        """Done with this document. What was not saved stays on disk and is offered at the next start."""
        journal, self._journal = self._journal, None
        if journal is None:
            return
        try:
            if self.is_dirty:
                journal.close()
            else:
                journal.discard()
        except EngineError as error:
            self.autosave_failed.emit(error)

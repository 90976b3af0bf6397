"""Session: what is being edited. The current EditState, where it has been, whether it is saved.

Knows nothing of widgets. Every change of the picture goes through `edit`, so that every change can be undone, is
journalled, and reaches every panel by the one signal `state_changed`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from engine.errors import EngineError
from engine.history import History, HistoryEntry
from engine.journal import Journal
from engine.state import EditState
from engine.variations import Sheet

if TYPE_CHECKING:
    from engine.animation.timeline import Timeline


@dataclass(frozen=True, slots=True)
class SavePoint:
    """What a save holds.

    Attributes:
        step: The last one in the journal; None where there is no journal.
    """

    history: History
    state: EditState
    timeline: Timeline | None
    marks: int
    step: int | None


class Session(QObject):
    """The document. A drag is `begin_gesture`, any number of `edit`, `end_gesture`: one undo entry."""

    opened = Signal(object)  # EditState: another document, which is about to be shown
    state_changed = Signal(object)  # EditState: every change, also within a gesture
    hand_coming = Signal()  # a gesture is about to begin: what is glanced at can still change
    history_changed = Signal()  # an entry came, or undo, redo or a jump moved among them
    marks_changed = Signal()  # an entry got a name, a star or a sheet of variations
    document_changed = Signal()  # saved or unsaved, or another file
    locks_changed = Signal(object)  # frozenset[str]
    timeline_changed = Signal(object)  # Timeline | None
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
        self._rows: dict[int, int] = {}
        self._is_journalled = False
        self._saved = state
        self._marks = self._saved_marks = 0
        self._path: Path | None = None
        self._owner: object | None = None
        self._locks: frozenset[str] = frozenset()
        self._glance: EditState | None = None
        self._timeline: Timeline | None = None
        self._saved_timeline: Timeline | None = None

    # --- reading --------------------------------------------------------------------------------------------------

    @property
    def state(self) -> EditState:
        """What is shown and edited: the history's present, unless there is a glance at something else."""
        return self._history.state if self._glance is None else self._glance

    @property
    def history(self) -> History:
        """For reading; changes go through the session."""
        return self._history

    @property
    def path(self) -> Path | None:
        return self._path

    @property
    def is_dirty(self) -> bool:
        has_changed = self._history.state != self._saved or self._timeline != self._saved_timeline
        return has_changed or self._marks != self._saved_marks

    @property
    def timeline(self) -> Timeline | None:
        """What moves in the film that is being made of this document, if one is."""
        return self._timeline

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
        self._glance = None
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

    def glance(self, state: EditState | None) -> None:
        """Show another state for a while, as it is at some time of a film, with every control as it is there.

        The history knows nothing of it. An edit goes on from what is glanced at; None goes back to the present.
        """
        if self._history.in_gesture or state == self._glance:
            return
        before, self._glance = self.state, state
        if self.state != before:
            self.state_changed.emit(self.state)

    def set_timeline(self, timeline: Timeline | None) -> None:
        if timeline != self._timeline:
            self._timeline = timeline
            self.timeline_changed.emit(timeline)
            self.document_changed.emit()

    def keep_timeline(self) -> None:
        """Journal the timeline: not with every move of a hand, but when it lets go."""
        self._with_journal(self._write_timeline)

    def begin_gesture(self, owner: object, label: str = "") -> None:
        """
        Args:
            owner: Whose hand it is. Another owner's open gesture is ended first.
        """
        self.end_gesture()
        self.hand_coming.emit()
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

    def keep(self, state: EditState, label: str) -> bool:
        """Hang a state on the present entry, as a branch to come back to, without going there.

        Returns:
            False when it is there already.
        """
        self.end_gesture()
        kept = self._history.keep(state, label)
        if kept is None:
            return False
        self._marks += 1
        self._with_journal(lambda journal: self._record(journal, kept, is_present=False))
        self.history_changed.emit()
        self.document_changed.emit()
        return True

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

    def step_aside(self, step: int) -> bool:
        """Go to the branch before (-1) or after (1) the present one."""
        self.end_gesture()
        there = self._history.beside(step)
        return there is not None and self.go_to(there)

    def mark(self, index: int, *, name: str | None = None, is_starred: bool | None = None) -> None:
        """Name an entry of the history, or give it a star."""
        if self._history.mark(index, name=name, is_starred=is_starred):
            self._marks += 1
            self._write_marks(index, is_work=True)
            self.document_changed.emit()

    def note_sheet(self, sheet: Sheet) -> None:
        """Remember with the present entry that this sheet of variations was shown round it."""
        if self._history.note_sheet(sheet):
            self._write_marks(self._history.index, is_work=False)

    def set_lock(self, name: str, locked: bool) -> None:
        self.set_locks(self._locks | {name} if locked else self._locks - {name})

    def set_locks(self, locks: frozenset[str]) -> None:
        if locks != self._locks:
            self._locks = locks
            self.locks_changed.emit(locks)

    # --- the document ---------------------------------------------------------------------------------------------

    def replace_document(
        self,
        entries: tuple[HistoryEntry, ...],
        index: int,
        path: Path | None,
        *,
        saved: bool,
        tip: int | None = None,
        timeline: Timeline | None = None,
    ) -> None:
        """Open another document: its states, its place in them, its file, its film."""
        self._leave_journal()
        self._owner = None
        self._glance = None
        self._history = History.from_entries(entries, index, tip)
        self._marks = self._saved_marks = 0
        self._path = path
        self._saved_timeline = timeline if saved else None
        self.set_timeline(timeline)
        self._saved = self.state if saved else self._history.entries[0].state
        if not saved:
            self._journal_entry()
        self.opened.emit(self.state)
        self.history_changed.emit()
        self._announce()

    def save_point(self) -> SavePoint:
        """What would be saved now, to be told to `mark_saved` once it is."""
        step = None if self._journal is None else self._journal.step()
        return SavePoint(self._history, self._history.state, self._timeline, self._marks, step)

    def mark_saved(self, path: Path, point: SavePoint | None = None) -> None:
        """
        Args:
            point: What was saved; by default all that is there. One of another document counts for nothing.
        """
        point = point or self.save_point()
        if point.history is not self._history:
            return
        self._path = path
        self._saved, self._saved_timeline, self._saved_marks = point.state, point.timeline, point.marks
        if self._journal is not None and point.step is not None:
            try:
                self._journal.mark_saved(point.step)
            except EngineError as error:
                self.autosave_failed.emit(error)
        self.document_changed.emit()

    def journal_written(self) -> Callable[[], bool]:
        """A function for another thread: waits until the journal holds all of this document, and says whether."""
        journal = self._journal
        return journal.wait if journal is not None and self._is_journalled else lambda: False

    def close(self) -> None:
        """A clean exit. What was not saved stays in the journal and is offered at the next start."""
        self.end_gesture()
        self._leave_journal()

    # --- inside ---------------------------------------------------------------------------------------------------

    def _travelled(self, state: EditState | None) -> bool:
        if state is None:
            return False
        self._glance = None
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

    def _write_marks(self, index: int, *, is_work: bool) -> None:
        if self._journal is not None or is_work:

            def write(journal: Journal) -> None:
                entry = self._history.entries[index]
                journal.mark(self._rows[self._history.number(index)], entry, is_work=is_work)

            self._with_journal(write)
        self.marks_changed.emit()

    def _journal_entry(self) -> None:
        """Write where one stands, and the entry itself if it is new."""
        self._with_journal(self._write_present)

    def _write_present(self, journal: Journal) -> None:
        row = self._rows.get(self._history.number(self._history.index))
        if row is None:
            self._record(journal, self._history.index, is_present=True)
        else:
            journal.stand_on(row)

    def _write_timeline(self, journal: Journal) -> None:
        journal.keep_timeline(self._timeline, self._rows.get(self._history.number(self._history.index), 1))

    def _with_journal(self, write: Callable[[Journal], None]) -> None:
        """Write what is new to the journal; begin one, with all that is there, if there is none."""
        if self._start_journal is None:
            return
        try:
            if self._journal is None:
                self._journal = self._start_journal()
                self._rows.clear()
                self._record_all(self._journal)
                if self._timeline is not None:
                    self._write_timeline(self._journal)
            else:
                write(self._journal)
            dropped = [self._rows.pop(number) for number in self._history.take_dropped() if number in self._rows]
            if dropped:
                self._journal.forget(dropped)
            self._is_journalled = True
        except EngineError as error:
            self._is_journalled = False
            self.autosave_failed.emit(error)

    def _record_all(self, journal: Journal) -> None:
        history = self._history
        rows = journal.record_all(history.entries, history.index)
        self._rows = {history.number(place): row for place, row in enumerate(rows)}

    def _record(self, journal: Journal, index: int, *, is_present: bool) -> None:
        parent = self._history.parent(index)
        parent_row = None if parent is None else self._rows.get(self._history.number(parent))
        row = journal.record(self._history.entries[index], parent_row, is_present=is_present)
        self._rows[self._history.number(index)] = row

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

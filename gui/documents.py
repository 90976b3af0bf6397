"""Documents: sessions saved and opened, and what an earlier run left unsaved."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

from PySide6.QtCore import QObject, Signal, Slot

from engine.errors import EngineError, printable
from engine.history import HistoryEntry
from engine.journal import RecoverableSession, dismiss, forget_oldest_closed, recoverable_sessions
from engine.latents import LatentStore
from engine.session_file import SESSION_SUFFIX, SessionDocument, Setting, open_session, save_session
from engine.state import EditState
from gui.aside import Aside
from gui.canvas import Canvas, CanvasMode
from gui.collection import Collection
from gui.messages import Choice, Messages
from gui.opening import Opener
from gui.session import Session
from gui.settings import Settings

SettingsToSave: TypeAlias = Callable[[], Mapping[str, Setting]]
TakeSettings: TypeAlias = Callable[[Mapping[str, Setting]], object]
Stamp: TypeAlias = tuple[int, int, int]
"""What tells one writing of a file from another."""


class Documents(QObject):
    recoverable_changed = Signal()
    recent_changed = Signal()  # a session was saved or opened
    name_wanted = Signal()  # the session has no file yet: ask for one, then `save`

    def __init__(
        self,
        session: Session,
        collection: Collection,
        store: LatentStore,
        canvas: Canvas,
        opener: Opener,
        messages: Messages,
        settings: Settings,
        autosave_folder: Path,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._collection = collection
        self._store = store
        self._canvas = canvas
        self._opener = opener
        self._messages = messages
        self._settings = settings
        self._autosave_folder = autosave_folder
        self._recoverable: tuple[RecoverableSession, ...] = ()
        self._carried: list[tuple[SettingsToSave, TakeSettings]] = []
        self._left: tuple[Path, Stamp | None] | None = None  # the session's file as it was last read or written
        self._aside = Aside("graft-documents", self)
        session.autosave_failed.connect(self._autosave_failed)
        opener.session_found.connect(self.open)

    def carry(self, to_save: SettingsToSave, take: TakeSettings) -> None:
        """Keep something more in session files: plain values by name, which `take` gets back when one is opened."""
        self._carried.append((to_save, take))

    # --- files ----------------------------------------------------------------------------------------------------

    @Slot()
    def save_here(self) -> None:
        """Save to the session's own file, or ask for one."""
        if self._session.path is None:
            self.name_wanted.emit()
        else:
            self.save(self._session.path)

    def save(self, path: Path, *, over: bool = False) -> None:
        """Write the session as it is now. On failure the old file is intact and the session stays unsaved.

        Args:
            over: Also when another window has written the session's own file since.
        """
        if path.suffix.lower() != SESSION_SUFFIX:
            path = path.with_name(path.name + SESSION_SUFFIX)
        self._session.end_gesture()
        history, store = self._session.history, self._store
        latents = tuple(record.latent for record in self._collection.latents())
        document = SessionDocument(
            history.entries, history.index, self._window_settings(), latents, history.tip, self._session.timeline
        )
        point = self._session.save_point()

        def write() -> bool:
            found, left = _stamp(path), self._left
            if not over and found is not None and left is not None and left[0] == path and left[1] != found:
                return False
            save_session(path, document, store)
            self._left = path, _stamp(path)
            return True

        def told(is_saved: bool) -> None:
            if not is_saved:
                self._tell_exchanged(path)
                return
            self._session.mark_saved(path, point)
            self._note_recent(path)
            self._messages.say(f"Saved {printable(path.name, 80)}.")

        self._aside.run(write, told, self._messages.error)

    def _tell_exchanged(self, path: Path) -> None:
        self._messages.warn(
            f"Another window has saved {printable(path.name, 80)} since.",
            "Save under another name to keep both.",
            Choice("Save as…", self.name_wanted.emit),
            Choice("Save over it", lambda: self.save(path, over=True)),
        )

    @Slot()
    def new(self) -> None:
        """Begin afresh with the present models. What was not saved stays in the journal."""
        self._session.end_gesture()
        before = self._session.state
        first = HistoryEntry(EditState(model_a=before.model_a, model_b=before.model_b), "new session")
        was_dirty = self._session.is_dirty
        self._session.replace_document((first,), 0, None, saved=True)
        self._session.set_locks(frozenset())
        for _, take in self._carried:
            take({})
        self._look_for_unsaved_work()
        if was_dirty:
            self._messages.say("A new session. The one before was not saved.", "File ▸ Restore unsaved work has it.")

    @Slot(object)
    def open(self, path: Path) -> None:
        """Open a session in place of the present one, which stays in the journal when it was not saved."""
        store = self._store

        def read() -> tuple[Stamp | None, SessionDocument]:
            return _stamp(path), open_session(path, store)

        def opened(found: tuple[Stamp | None, SessionDocument]) -> None:
            stamp, document = found
            self._left = path, stamp
            known = {record.latent.key for record in self._collection.latents()}
            for latent in document.latents:
                if latent.key not in known:
                    self._collection.add_latent(latent, None, None)
            shown = document.entries[document.index].state
            self._opener.when_models_are_here(shown, lambda _: self._show(document, path))

        self._aside.run(read, opened, self._messages.error)

    def _show(self, document: SessionDocument, path: Path) -> None:
        self._session.replace_document(
            document.entries, document.index, path, saved=True, tip=document.tip, timeline=document.timeline
        )
        self._look_for_unsaved_work()  # the document that was left may not have been saved
        self._apply_window_settings(document)
        self._note_recent(path)

    def _note_recent(self, path: Path) -> None:
        self._settings.add_recent_file(path)
        self._settings.set_folder("session", path.parent)
        self.recent_changed.emit()

    def wait(self) -> None:
        """Until what is being written and read is there."""
        self._aside.wait()

    def close(self) -> None:
        """Let a save come to its end."""
        self._aside.wait()

    def _window_settings(self) -> dict[str, Setting]:
        settings: dict[str, Setting] = {
            "view": self._canvas.mode.value, "locks": ",".join(sorted(self._session.locks))
        }
        for to_save, _ in self._carried:
            settings |= to_save()
        return settings

    def _apply_window_settings(self, document: SessionDocument) -> None:
        view = document.settings.get("view")
        if isinstance(view, str) and view in {mode.value for mode in CanvasMode}:
            self._canvas.set_mode(CanvasMode(view))
        locks = document.settings.get("locks")
        if isinstance(locks, str):
            self._session.set_locks(frozenset(filter(None, locks.split(","))))
        for _, take in self._carried:
            take(document.settings)

    # --- what was left unsaved ------------------------------------------------------------------------------------

    def offer_recovery(self) -> None:
        """Ask, without getting in the way, about unsaved work of an earlier run."""
        self._look_for_unsaved_work(self._offer)

    def _offer(self) -> None:
        if not self._recoverable:
            return
        newest = self._recoverable[0]
        steps = len(newest.entries) - 1
        how = "Graft ended unexpectedly" if newest.crashed else "Your last session was not saved"
        self._messages.warn(
            f"{how}. Its {steps} step{'s are' if steps > 1 else ' is'} still here.",
            "Restore brings them back, with their undo history. They are kept until you discard them.",
            Choice("Restore", self.restore),
            Choice("Discard", self.discard),
        )

    def _look_for_unsaved_work(self, then: Callable[[], None] | None = None) -> None:
        folder = self._autosave_folder

        def look() -> tuple[RecoverableSession, ...]:
            forget_oldest_closed(folder)
            return recoverable_sessions(folder)

        def found(sessions: tuple[RecoverableSession, ...]) -> None:
            self._recoverable = tuple(one for one in sessions if one.unsaved)
            self.recoverable_changed.emit()
            if then is not None:
                then()

        self._aside.run(look, found, self._messages.error)

    @property
    def can_restore(self) -> bool:
        return bool(self._recoverable)

    @Slot()
    def restore(self) -> None:
        """Bring back the newest unsaved work. It stays recoverable until this session takes it over."""
        if not self._recoverable:
            return
        found = self._recoverable[0]

        def show(state: EditState) -> None:
            self._session.replace_document(
                found.entries, found.index, None, saved=False, tip=found.tip, timeline=found.timeline
            )
            has_it = self._session.journal_written()
            self._dismiss(found, once=has_it)

        self._opener.when_models_are_here(found.state, show)

    @Slot()
    def discard(self) -> None:
        """Forget the newest unsaved work."""
        if self._recoverable:
            self._dismiss(self._recoverable[0])

    def _dismiss(self, session: RecoverableSession, once: Callable[[], bool] = lambda: True) -> None:
        """
        Args:
            once: Waits until this session's own journal holds it; False when it does not.
        """
        self._recoverable = tuple(one for one in self._recoverable if one is not session)
        self.recoverable_changed.emit()

        def forget() -> None:
            if once():
                dismiss(session)

        self._aside.run(forget, lambda _: self._look_for_unsaved_work(), self._messages.error)

    @Slot(object)
    def _autosave_failed(self, error: EngineError) -> None:
        self._messages.error(error)


def _stamp(path: Path) -> Stamp | None:
    """None where there is no such file."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino

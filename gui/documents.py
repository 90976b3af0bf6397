"""Documents: sessions saved and opened, and what an earlier run left unsaved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

from PySide6.QtCore import QObject, Signal, Slot

from engine.errors import EngineError, printable
from engine.journal import RecoverableSession, dismiss, recoverable_sessions
from engine.latents import LatentStore
from engine.session_file import SESSION_SUFFIX, SessionDocument, Setting, open_session, save_session
from engine.state import EditState
from gui.canvas import Canvas, CanvasMode
from gui.collection import Collection
from gui.messages import Choice, Messages
from gui.opening import Opener
from gui.session import Session
from gui.settings import Settings

SettingsToSave: TypeAlias = Callable[[], Mapping[str, Setting]]
TakeSettings: TypeAlias = Callable[[Mapping[str, Setting]], object]


class Documents(QObject):
    recoverable_changed = Signal()
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
        session.autosave_failed.connect(self._autosave_failed)
        opener.session_found.connect(self.open)

    def carry(self, to_save: SettingsToSave, take: TakeSettings) -> None:
        """Keep something more in session files: plain values by name, which `take` gets back when one is opened."""
        self._carried.append((to_save, take))

    # --- files ----------------------------------------------------------------------------------------------------

    @Slot()
    def save_here(self) -> bool:
        """Save to the session's own file, or ask for one."""
        if self._session.path is None:
            self.name_wanted.emit()
            return False
        return self.save(self._session.path)

    def save(self, path: Path) -> bool:
        """Write the session. On failure the old file is intact and the session stays unsaved."""
        if path.suffix.lower() != SESSION_SUFFIX:
            path = path.with_name(path.name + SESSION_SUFFIX)
        self._session.end_gesture()
        history = self._session.history
        latents = tuple(record.latent for record in self._collection.latents())
        document = SessionDocument(
            tuple(history.entries), history.index, self._window_settings(), latents, history.tip,
            self._session.timeline,
        )  # fmt: skip
        try:
            save_session(path, document, self._store)
        except EngineError as error:
            self._messages.error(error)
            return False
        self._session.mark_saved(path)
        self._settings.add_recent_file(path)
        self._settings.set_folder("session", path.parent)
        self._messages.say(f"Saved {printable(path.name, 80)}.")
        return True

    @Slot(object)
    def open(self, path: Path) -> None:
        """Open a session in place of the present one, which stays in the journal when it was not saved."""
        try:
            document = open_session(path, self._store)
        except EngineError as error:
            self._messages.error(error)
            return
        known = {record.latent.key for record in self._collection.latents()}
        for latent in document.latents:
            if latent.key not in known:
                self._collection.add_latent(latent, None, None)

        def show(state: EditState) -> None:
            self._session.replace_document(
                document.entries, document.index, path, saved=True, tip=document.tip, timeline=document.timeline
            )
            self._look_for_unsaved_work()  # the document that was left may not have been saved
            self._apply_window_settings(document)
            self._settings.add_recent_file(path)
            self._settings.set_folder("session", path.parent)

        self._opener.when_models_are_here(document.entries[document.index].state, show)

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

    def offer_recovery(self) -> bool:
        """Ask, without getting in the way, about unsaved work of an earlier run. True when there is some."""
        self._look_for_unsaved_work()
        if not self._recoverable:
            return False
        newest = self._recoverable[0]
        steps = len(newest.entries) - 1
        how = "Graft ended unexpectedly" if newest.crashed else "Your last session was not saved"
        self._messages.warn(
            f"{how}. Its {steps} step{'s are' if steps > 1 else ' is'} still here.",
            "Restore brings them back, with their undo history. They are kept until you discard them.",
            Choice("Restore", self.restore),
            Choice("Discard", self.discard),
        )
        return True

    def _look_for_unsaved_work(self) -> None:
        try:
            found = recoverable_sessions(self._autosave_folder)
        except EngineError as error:
            self._messages.error(error)
            return
        self._recoverable = tuple(one for one in found if one.unsaved)
        self.recoverable_changed.emit()

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
            self._session.replace_document(found.entries, found.index, None, saved=False, tip=found.tip)
            dismiss(found)  # this session's own journal holds it now
            self._look_for_unsaved_work()

        self._opener.when_models_are_here(found.state, show)

    @Slot()
    def discard(self) -> None:
        """Forget the newest unsaved work."""
        if self._recoverable:
            dismiss(self._recoverable[0])
            self._look_for_unsaved_work()

    @Slot(object)
    def _autosave_failed(self, error: EngineError) -> None:
        self._messages.error(error)

"""What happens to models and portraits on the shelf: about, rename, tag, trash; and to files that went away."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs
from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtWidgets import QWidget

from engine.errors import EngineError, printable
from engine.failures import as_engine_error
from engine.latents import LatentStore
from engine.library_file import MAX_NAME_CHARS
from engine.library_records import DirectionRecord, ModelRecord
from engine.library_tags import Kind
from engine.library_trash import Thing
from engine.places import Places
from engine.state import DirectionUse, ModelRef, model_refs, with_direction
from gui.actions import Actions
from gui.collection import Collection
from gui.messages import Choice, Messages
from gui.missing_files import MissingFiles
from gui.panels.shelf import Shelf
from gui.session import Session
from gui.settings import Settings
from gui.widgets.name_field import NameField

if TYPE_CHECKING:
    from engine.library_search import Entry
    from gui.library_window.window import LibraryWindow

_WORDS = {Kind.MODEL: "model", Kind.PORTRAIT: "portrait", Kind.LOOK: "look", Kind.DIRECTION: "direction"}


class LibraryFlow(QObject):
    _exported = Signal(object, object)  # how many, or EngineError; folder

    def __init__(
        self,
        owner: QWidget,
        session: Session,
        collection: Collection,
        shelf: Shelf,
        messages: Messages,
        settings: Settings,
        places: Places,
        store: LatentStore,
        locate: Callable[[ModelRef], object],
        use: Callable[[Entry], object],
        parent: QObject | None = None,
    ) -> None:
        """
        Args:
            locate: Asks the user for a model's file.
            use: Puts a thing of the library to use.
        """
        super().__init__(parent)
        self._owner = owner
        self._session = session
        self._collection = collection
        self._shelf = shelf
        self._messages = messages
        self._settings = settings
        self._store = store
        self._locate = locate
        self._use = use
        self._window: LibraryWindow | None = None
        self._exporting: threading.Thread | None = None
        self._exported.connect(self._told_of_export, Qt.ConnectionType.QueuedConnection)
        collection.library.other_folders = (
            places.downloads_folder, places.trained_folder, Path(platformdirs.user_downloads_dir()),
        )  # fmt: skip
        self._missing = MissingFiles(collection.library, self)
        self._missing.searched.connect(self._searched)
        collection.told.connect(self._told)
        shelf.details_wanted.connect(self.show_details)
        shelf.locate_wanted.connect(self.locate)
        shelf.trash_wanted.connect(self._trash_one)
        shelf.renamed.connect(collection.rename)
        shelf.rename_wanted.connect(self._ask_for_name)
        shelf.direction_picked.connect(self.add_direction)
        shelf.library_wanted.connect(self.open_window)
        shelf.search.done.connect(self._owner.setFocus)

    def connect_actions(self, actions: Actions) -> None:
        actions["library"].triggered.connect(self.open_window)

        def find() -> None:
            if actions["hide_docks"].isChecked():
                actions["hide_docks"].trigger()
            dock = self._shelf.parentWidget()
            if dock is not None:
                dock.show()
            self._shelf.search.begin()

        actions["find_on_shelf"].triggered.connect(find)

    def close(self) -> None:
        self._missing.close()
        self._shelf.stop_reading()
        if self._exporting is not None:
            self._exporting.join()
        if self._window is not None:
            self._window.reader.close()
            self._window.close()

    # --- files ----------------------------------------------------------------------------------------------------

    def look_for_files(self) -> None:
        """Find models again whose files were moved. Those that cannot be found are marked on the shelf, quietly:
        whoever wants to use one is told."""
        self._missing.search(self._collection.models())

    @Slot(object, object)
    def _searched(self, found: tuple[ModelRecord, ...], absent: frozenset[str]) -> None:
        self._collection.set_absent(absent)
        if found:
            self._collection.refresh([Kind.MODEL])
            names = ", ".join(f"“{printable(record.ref.name, 40)}”" for record in found[:4])
            self._messages.say(f"The moved file of {names} was found again.")

    @Slot(str)
    def locate(self, sha256: str) -> None:
        record = self._collection.model(sha256)
        if record is not None:
            self._locate(record.ref)

    @Slot(str)
    def _told(self, sentence: str) -> None:
        self._messages.warn(sentence)

    # --- one thing ------------------------------------------------------------------------------------------------

    @Slot(str)
    def show_details(self, sha256: str) -> None:
        """The card about a model."""
        from gui.panels.model_card import ModelCard

        record = self._collection.model(sha256)
        if record is None:
            return
        thing = (Kind.MODEL, sha256)
        in_use = self._is_in_use(sha256)
        used_by = [f"look {one.look.name}" for one in self._collection.looks() if record.ref in one.look.models]
        if in_use:
            used_by.insert(0, "the picture")
        picture = self._shelf.picture_of(sha256)
        card = ModelCard(
            record, self._collection.models(), self._collection.tags(thing), used_by, picture,
            is_absent=self._collection.is_absent(sha256), in_use=in_use, parent=self._owner,
        )  # fmt: skip
        card.renamed.connect(partial(self._collection.rename, thing))
        card.tagged.connect(partial(self._collection.set_tags, thing))
        card.trash_wanted.connect(partial(self._trash_one, thing))
        card.locate_wanted.connect(partial(self.locate, sha256))
        card.open_beside(self._shelf)

    @Slot(object, str)
    def _ask_for_name(self, thing: Thing, name: str) -> None:
        take = partial(self._collection.rename, thing)
        NameField(f"Rename the {_WORDS[thing[0]]}", name, take, MAX_NAME_CHARS, self._shelf).open_beside(self._shelf)

    @Slot(object)
    def add_direction(self, record: DirectionRecord) -> None:
        """Give a direction a slider, or do nothing when it has one."""
        state = self._session.state
        if any(use.key == record.key for use in state.directions):
            self._messages.say(f"The direction “{printable(record.name, 60)}” has a slider already.")
            return
        use = DirectionUse(record.key, 1.0, record.layer_range, record.name)
        self._session.insert(with_direction(state, len(state.directions), use), f"direction {record.name}")

    # --- the trash ------------------------------------------------------------------------------------------------

    @Slot(object)
    def _trash_one(self, thing: Thing) -> None:
        self.trash([thing])

    def trash(self, things: list[Thing]) -> None:
        """Throw away what can be, and say what cannot and why."""
        gone = [thing for thing in things if not (reason := self._reason_to_stay(thing)) or self._say(reason)]
        if not gone:
            return
        words = self._name(gone[0]) if len(gone) == 1 else f"{len(gone)} things"
        self._collection.trash(gone)
        back = Choice("Bring it back" if len(gone) == 1 else "Bring them back", partial(self.restore, gone))
        verb = "is" if len(gone) == 1 else "are"
        self._messages.say(f"{words} {verb} in the trash. Files stay where they are.", "", back)

    def restore(self, things: list[Thing]) -> None:
        self._collection.restore(things)

    def _say(self, reason: str) -> bool:
        self._messages.say(reason)
        return False

    def _reason_to_stay(self, thing: Thing) -> str:
        kind, key = thing
        record = self._collection.model(key) if kind is Kind.MODEL else None
        if record is None:
            return ""
        name = printable(record.ref.name, 60)
        if record.embedded:
            return f"The model “{name}” came with Graft and stays on the shelf."
        if self._is_in_use(key):
            return f"The model “{name}” is in the picture. Choose another model first."
        return ""

    def _is_in_use(self, sha256: str) -> bool:
        return sha256 in {ref.sha256 for ref in model_refs(self._session.state)}

    def _name(self, thing: Thing) -> str:
        kind, key = thing
        name = ""
        if kind is Kind.MODEL and (record := self._collection.model(key)) is not None:
            name = record.ref.name
        elif kind is Kind.PORTRAIT and (latent := self._collection.latent(key)) is not None:
            name = latent.latent.name
        return f"The {_WORDS[kind]} “{printable(name, 60)}”" if name else f"The {_WORDS[kind]}"

    # --- the window -----------------------------------------------------------------------------------------------

    @property
    def window(self) -> LibraryWindow:
        if self._window is None:
            from gui.library_window.window import LibraryWindow

            self._window = LibraryWindow(self._collection, self._settings, self._owner)
            self._window.used.connect(self._use)
            self._window.export_wanted.connect(self.export)
            self._window.trash_wanted.connect(self.trash)
            self._window.details_wanted.connect(self.show_details)
        return self._window

    @Slot()
    def open_window(self) -> None:
        self.window.open()

    @Slot(object, object)
    def export(self, things: list[Thing], folder: Path) -> None:
        """Write things as files, on a thread of its own: models are large."""
        if self._exporting is not None and self._exporting.is_alive():
            self._messages.say("An export is under way. Wait for it.")
            return
        self._exporting = threading.Thread(target=self._export, args=(things, folder), name="library-export")
        self._exporting.start()

    def _export(self, things: list[Thing], folder: Path) -> None:
        from engine.library_export import export_things

        try:
            written = export_things(self._collection.library, self._store, things, folder)
        except Exception as error:  # noqa: BLE001 - whatever it is, the window is told
            self._exported.emit(as_engine_error(error, "exporting"), folder)
        else:
            self._exported.emit(len(written), folder)

    @Slot(object, object)
    def _told_of_export(self, outcome: int | EngineError, folder: Path) -> None:
        if isinstance(outcome, EngineError):
            self._messages.error(outcome)
        else:
            files = "1 file is" if outcome == 1 else f"{outcome} files are"
            self._messages.say(f"{files} in {printable(folder.name, 80)}.")

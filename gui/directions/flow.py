"""Directions from the window: found, read from files, kept, put on sliders, written out."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol

from PySide6.QtCore import QObject, Slot
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QFileDialog, QMenu, QWidget

from engine.direction_events import (
    SAMPLES,
    DirectionsExported,
    DirectionsFound,
    ExportDirections,
    FindDirections,
    ImportDirections,
    SubtractLatents,
)
from engine.errors import EngineError, printable
from engine.library_directions import DirectionTable
from engine.library_file import LibraryFile
from engine.library_records import DirectionRecord
from engine.library_tags import Kind
from engine.messages import JobFinished, JobOutcome, JobProgress
from engine.state import DirectionUse, EditState, with_direction
from gui.bring_forward import bring_forward
from gui.collection import Collection
from gui.directions.pictures import DirectionPictures
from gui.directions.section import DirectionSection
from gui.directions.styles_flow import StylesFlow
from gui.directions.window import NOTHING_FOUND, DirectionWindow, Wish
from gui.engine_bridge import EngineBridge
from gui.messages import Choice, Messages
from gui.session import Session
from gui.settings import Settings
from gui.thumbnails import Thumbnails

IN_MENU = 12
"""More kept directions than this are looked for in the panel."""

FILTER = "Directions (*.npy *.npz *.safetensors *.pt *.pth *.pkl)"
OWN_FILTER = "Graft directions (*.safetensors)"


class HasFile(Protocol):
    @property
    def file(self) -> LibraryFile: ...


class DirectionFlow(QObject):
    """Made when it is first needed; its windows when they are first opened."""

    def __init__(
        self,
        owner: QWidget,
        section: DirectionSection,
        session: Session,
        bridge: EngineBridge,
        collection: Collection,
        library: HasFile,
        thumbnails: Thumbnails,
        messages: Messages,
        settings: Settings,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._owner = owner
        self._section = section
        self._session = session
        self._bridge = bridge
        self._collection = collection
        self._table = DirectionTable(library.file)
        self._messages = messages
        self._settings = settings
        self._window: DirectionWindow | None = None
        self._found: DirectionsFound | None = None
        self._kept: tuple[DirectionRecord, ...] = ()
        self._start: EditState | None = None
        self._job_id = ""
        self.styles = StylesFlow(owner, session, bridge, messages, settings, self)
        self.pictures = DirectionPictures(session, thumbnails, self)
        self.pictures.ready.connect(self._show_picture)
        section.set_reaches({})
        section.renamed.connect(self._rename_kept)
        collection.directions_changed.connect(self._read_kept)  # also by the library's own window
        bridge.job_progress.connect(self._progress)
        session.state_changed.connect(self._follow)
        self._read_kept()

    # --- the panel ------------------------------------------------------------------------------------------------

    @property
    def window(self) -> DirectionWindow:
        if self._window is None:
            self._window = window = DirectionWindow(self._settings, self._owner)
            window.find_wanted.connect(self.find)
            window.cancel_wanted.connect(self._cancel)
            window.import_wanted.connect(self.ask_files)
            window.files_dropped.connect(self.import_files)
            window.export_wanted.connect(self.ask_target)
            window.search_changed.connect(self._show_kept)
            window.page_changed.connect(self.pictures.forget)
            window.hidden.connect(lambda: self.pictures.want(()))
            for results in (window.found, window.kept):
                results.seen.connect(self.pictures.want)
                results.use_wanted.connect(self.use)
                results.keep_wanted.connect(self.keep)
                results.renamed.connect(self._rename_kept)
                results.trash_wanted.connect(self.trash)
            self._show_kept()
            self._follow(self._session.state)
        return self._window

    @Slot()
    def open(self) -> None:
        self._bring_up(self.window)
        self.window.results.tell_seen()

    @Slot()
    def open_kept(self) -> None:
        """The panel at what is in the library."""
        self.window.show_page("kept")
        self.open()

    @staticmethod
    def _bring_up(window: QWidget) -> None:
        bring_forward(window)

    @Slot(object)
    def _follow(self, state: EditState) -> None:
        if self._window is not None:
            descriptor = self._collection.descriptor(state.model_a)
            self._window.show_models(descriptor, has_b=state.model_b is not None)

    @Slot(str, float, QImage)
    def _show_picture(self, key: str, amount: float, picture: QImage) -> None:
        if self._window is not None:
            self._window.results.set_picture(key, amount, picture)

    # --- finding --------------------------------------------------------------------------------------------------

    @Slot(object)
    def find(self, wish: Wish) -> None:
        state = self._session.state
        if state.model_a is not None:
            job = FindDirections(state, wish.method, wish.view, wish.rows, wish.count, SAMPLES)
            self.window.set_at_work(None, "Waiting for the engine")
            self._job_id = self._bridge.submit(job, self._finished)

    @Slot()
    def _cancel(self) -> None:
        self._bridge.cancel(self._job_id)

    @Slot(object)
    def _progress(self, event: JobProgress) -> None:
        if event.job_id == self._job_id and self._window is not None:
            self._window.set_at_work(event.fraction, event.text)

    def _finished(self, event: JobFinished) -> None:
        """Of a search, an import or a difference."""
        if event.job_id == self._job_id:
            self._job_id = ""
            if self._window is not None:
                self._window.set_at_work(None, "")
        result = event.result
        if isinstance(result, DirectionsFound):
            self._take_found(event, result)
        elif event.outcome is JobOutcome.FAILED and event.error is not None:
            self._messages.error(event.error)
            if self._window is not None and self._window.isVisible():
                self._window.say(event.error.user_message)

    def _take_found(self, event: JobFinished, result: DirectionsFound) -> None:
        if isinstance(event.job, FindDirections):
            self._found = result
            self._show_found()
            self.window.show_page("found")
            self.window.say(f"{len(result.directions)} directions in {result.elapsed_s:.1f} s")
            return
        kept = self._put(*result.directions)
        self._tell_changed()
        for note in result.notes:
            self._messages.say(note)
        if len(kept) == 1:
            self._messages.say(f"“{printable(kept[0].name, 60)}” is in the library.")
            self.use(kept[0], 0.0)
        elif kept:
            self._messages.say(f"{len(kept)} directions are in the library.")
            self.open_kept()

    def _show_found(self) -> None:
        if self._found is not None:
            descriptor = self._collection.descriptor(self._session.state.model_a)
            kept = frozenset(record.key for record in self._kept)
            self.window.found.show_records(self._found.directions, self._found.parts, kept, descriptor)
            self.window.found.show_kept(self._kept)
        else:
            self.window.found.empty.setText(NOTHING_FOUND)

    # --- the difference of two faces ------------------------------------------------------------------------------

    @Slot()
    def start_here(self) -> None:
        """Remember the present face as the one that a direction starts at."""
        self._start = self._session.state
        self._messages.say("The direction starts at this face.", "Go to another one and choose “…to this face”.")

    @Slot()
    def end_here(self) -> None:
        """Make the direction from the remembered face to this one."""
        if self._start is not None:
            self._job_id = self._bridge.submit(SubtractLatents(self._start, self._session.state), self._finished)

    # --- sliders --------------------------------------------------------------------------------------------------

    @Slot(object, float)
    def use(self, record: DirectionRecord, amount: float) -> None:
        """Put a direction on a slider, or turn the one it has."""
        state = self._session.state
        index = next((place for place, use in enumerate(state.directions) if use.key == record.key), None)
        if index is None:
            index, use = len(state.directions), DirectionUse(record.key, amount, record.layer_range, record.name)
        else:
            old = state.directions[index]
            use = replace(old, amount=amount if amount else old.amount, layer_range=record.layer_range)
        self._remember_reach(record)
        self._session.insert(with_direction(state, index, use), f"direction {record.name}")
        self._section.reveal(index)

    def _remember_reach(self, record: DirectionRecord) -> None:
        known = {kept.key: kept.strength_range for kept in self._kept}
        self._section.set_reaches({**known, record.key: record.strength_range})

    @Slot(object)
    def keep_used(self, use: DirectionUse) -> None:
        """Keep a direction that is on a slider; it may have come with somebody's recipe."""
        there = (record for record in (self._found.directions if self._found else ()) if record.key == use.key)
        record = next(there, None) or DirectionRecord(use.key, use.name, self._session.state.model_a)
        self.keep(replace(record, name=use.name or record.name, layer_range=use.layer_range))

    # --- the library ----------------------------------------------------------------------------------------------

    def _tell_changed(self) -> None:
        """The shelf shows directions too."""
        self._collection.refresh((Kind.DIRECTION,))

    @Slot()
    def _read_kept(self) -> None:
        try:
            self._kept = self._table.kept()
        except EngineError as error:
            self._messages.error(error)
        self._section.set_reaches({record.key: record.strength_range for record in self._kept})
        if self._window is not None:
            self._show_kept()
            self._window.found.show_kept(self._kept)

    @Slot()
    def _show_kept(self) -> None:
        wanted = self.window.search.text().lower().split()
        shown = [record for record in self._kept if all(word in _searched(record) for word in wanted)]
        descriptor = self._collection.descriptor(self._session.state.model_a)
        self.window.kept.show_records(shown, (), frozenset(record.key for record in shown), descriptor)

    @Slot(object)
    def keep(self, record: DirectionRecord) -> None:
        was_kept = any(kept.key == record.key for kept in self._kept)
        kept = self._put(record)
        if kept and not was_kept:
            self._messages.say(f"“{printable(kept[0].name, 60)}” is in the library.")
        self._tell_changed()

    def _put(self, *records: DirectionRecord) -> tuple[DirectionRecord, ...]:
        try:
            return self._table.put(*records)
        except EngineError as error:
            self._messages.error(error)
            return ()

    @Slot(str, str)
    def _rename_kept(self, key: str, name: str) -> None:
        if any(record.key == key for record in self._kept):
            try:
                self._table.rename(key, name)
            except EngineError as error:
                self._messages.error(error)
            self._tell_changed()

    @Slot(str)
    def trash(self, key: str) -> None:
        record = next((record for record in self._kept if record.key == key), None)
        if record is None:
            return
        try:
            self._table.trash(key)
        except EngineError as error:
            self._messages.error(error)
            return
        self._tell_changed()
        back = Choice("Bring it back", partial(self._restore, key))
        self._messages.say(f"The direction “{printable(record.name, 60)}” is in the trash.", "", back)

    def _restore(self, key: str) -> None:
        try:
            self._table.restore(key)
        except EngineError as error:
            self._messages.error(error)
        self._tell_changed()

    # --- files ----------------------------------------------------------------------------------------------------

    @Slot()
    def ask_files(self) -> None:
        folder = str(self._settings.folder("directions"))
        names, _ = QFileDialog.getOpenFileNames(self._over(), "Import directions", folder, FILTER)
        if names:
            self._settings.set_folder("directions", Path(names[0]).parent)
            self.import_files(tuple(map(Path, names)))

    @Slot(object)
    def import_files(self, paths: tuple[Path, ...]) -> None:
        state = self._session.state
        if state.model_a is None:
            self._messages.warn("There is no model to fit a direction to.", "Choose one as model A first.")
            return
        for path in paths:
            self._bridge.submit(ImportDirections(path, state), self._finished)

    @Slot()
    def ask_target(self) -> None:
        records = tuple(row.record for row in self.window.results.rows)
        if not records:
            self._messages.say("There are no directions to write here.")
            return
        start = self._settings.folder("directions") / "directions.safetensors"
        name, _ = QFileDialog.getSaveFileName(self._over(), "Export directions", str(start), OWN_FILTER)
        if name:
            path = Path(name) if name.lower().endswith(".safetensors") else Path(name + ".safetensors")
            self._settings.set_folder("directions", path.parent)
            self._bridge.submit(ExportDirections(path, records), self._exported)

    def _exported(self, event: JobFinished) -> None:
        if isinstance(event.result, DirectionsExported):
            count = event.result.count
            self._messages.say(f"Wrote {count} directions to {printable(event.result.path.name, 80)}.")
        elif event.error is not None:
            self._messages.error(event.error)

    def _over(self) -> QWidget:
        """What a file dialogue belongs to."""
        return self._window if self._window is not None and self._window.isActiveWindow() else self._owner

    # --- the section's menu ---------------------------------------------------------------------------------------

    @Slot(object)
    def fill_menu(self, menu: QMenu) -> None:
        for record in self._kept[:IN_MENU]:
            menu.addAction(printable(record.name, 40), partial(self.use, record, 0.0))
        if len(self._kept) > IN_MENU:
            menu.addAction("More…", self.open_kept)
        if self._kept:
            menu.addSeparator()
        menu.addAction("Import…", self.ask_files).setToolTip("From a .npy, .npz, .safetensors or .pt file")
        menu.addAction("Difference: from this face…", self.start_here).setToolTip("The first of two faces")
        to_here = menu.addAction("Difference: …to this face", self.end_here)
        to_here.setToolTip("A direction from the remembered face to this one")
        to_here.setEnabled(self._start is not None and self._start != self._session.state)
        menu.addSeparator()
        menu.addAction("Kept directions…", self.open_kept)
        menu.addAction("StyleSpace channels…", self.styles.open)

    def close(self) -> None:
        """The program ends."""
        if self._window is not None:
            self._window.close()
        self.styles.close()


def _searched(record: DirectionRecord) -> str:
    model = record.model.name if record.model is not None else ""
    return f"{record.name} {record.source} {model}".lower()

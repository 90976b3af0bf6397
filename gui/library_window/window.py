"""The library in a window of its own: everything there is, searched, tagged, thrown away and brought back."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import QPoint, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QKeyEvent, QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import QFileDialog, QLineEdit, QMenu, QPushButton, QTabBar, QVBoxLayout, QWidget

from engine.library_file import MAX_NAME_CHARS
from engine.library_search import Entry, search
from engine.library_tags import Kind, tags_of_text
from engine.library_trash import Thing
from gui.bring_forward import bring_forward
from gui.collection import Collection
from gui.icons import icon
from gui.library_window.grid import EntryGrid
from gui.library_window.reader import LibraryReader
from gui.panels.labels import caption_label, row
from gui.settings import Settings
from gui.widgets.name_field import NameField

DEFAULT_SIZE = QSize(900, 640)
MINIMUM_SIZE = QSize(620, 420)
PAUSE_MS = 100
TABS = (("All", None), ("Models", Kind.MODEL), ("Portraits", Kind.PORTRAIT), ("Looks", Kind.LOOK),
        ("Directions", Kind.DIRECTION))  # fmt: skip
TRASH_TAB = len(TABS)


class LibraryWindow(QWidget):
    """Not modal. It reads on a thread of its own, and only while it is shown."""

    used = Signal(object)  # Entry: double-clicked
    trash_wanted = Signal(object)  # list[Thing]
    details_wanted = Signal(str)  # sha256

    export_wanted = Signal(object, object)  # list[Thing], folder

    def __init__(self, collection: Collection, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self._collection = collection
        self._settings = settings
        self._entries: tuple[Entry, ...] = ()
        self._tag = ""
        self.setWindowTitle("Library - Graft")
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setMinimumSize(MINIMUM_SIZE)
        self.resize(DEFAULT_SIZE)
        self.reader = LibraryReader(collection.library, self)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search names, tags, families, sizes, licences: toon 256, #faces")
        self.search.setClearButtonEnabled(True)
        self.search.setAccessibleName("Search the library")
        self.search.addAction(icon("search", color="muted"), QLineEdit.ActionPosition.LeadingPosition)
        self.tabs = QTabBar()
        self.tabs.setExpanding(False)
        self.tabs.setDrawBase(False)
        for words, _ in TABS:
            self.tabs.addTab(words)
        self.tabs.addTab("Trash")
        self.tag_button = QPushButton("Tag")
        self.tag_button.setToolTip("Only what has a tag")
        self.grid = EntryGrid()
        self.count = caption_label()
        self.add_tag = QPushButton("Add tag…")
        self.trash = QPushButton("Move to trash")
        self.restore = QPushButton("Bring back")
        self.empty = QPushButton("Empty trash")
        self.empty.setToolTip("Forget all that is in the trash for good. Model files stay where they are")
        self.export_button = QPushButton("Export…")
        self.export_button.setToolTip("Write the chosen models, portraits and looks as files into a folder")
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(PAUSE_MS)
        self._lay_out()
        self._connect()
        self._show_buttons()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 14, 16, 12)
        column.setSpacing(10)
        column.addWidget(row(self.search, self.tag_button))
        column.addWidget(self.tabs)
        column.addWidget(self.grid, 1)
        column.addWidget(row(self.count, 1, self.add_tag, self.export_button, self.restore, self.trash, self.empty))

    def _connect(self) -> None:
        self.reader.entries_read.connect(self._take)
        self.reader.picture_read.connect(self.grid.entries_model.take_picture)
        self.reader.failed.connect(self._collection.failed)
        self.grid.entries_model.picture_wanted.connect(self.reader.want_picture)
        self._soon.timeout.connect(self._show)
        self.search.textChanged.connect(self._search_soon)
        self.tabs.currentChanged.connect(self._show)
        self.tag_button.clicked.connect(self._choose_tag)
        self.grid.chosen_changed.connect(self._show_buttons)
        self.grid.opened.connect(self._use)
        self.grid.trash_wanted.connect(self._throw_away)
        self.grid.rename_wanted.connect(self._rename)
        self.grid.menu_wanted.connect(self._menu)
        self.add_tag.clicked.connect(self._ask_for_tag)
        self.trash.clicked.connect(self._throw_away)
        self.restore.clicked.connect(self._bring_back)
        self.empty.clicked.connect(self._collection.empty_trash)
        self.export_button.clicked.connect(self._ask_where_to_export)
        self._collection.changed.connect(self._read_if_shown)
        QShortcut(QKeySequence.StandardKey.Close, self, self.close)
        QShortcut(QKeySequence.StandardKey.Find, self, self.search.setFocus)

    @Slot()
    def open(self) -> None:
        bring_forward(self)
        self.search.setFocus()

    # --- what there is --------------------------------------------------------------------------------------------

    @Slot()
    def _read_if_shown(self) -> None:
        if self.isVisible():
            self.reader.read()

    @Slot(object)
    def _take(self, entries: tuple[Entry, ...]) -> None:
        self._entries = entries
        self._show()

    @Slot()
    def _search_soon(self) -> None:
        self._soon.start()

    @property
    def _shows_trash(self) -> bool:
        return self.tabs.currentIndex() == TRASH_TAB

    @Slot()
    def _show(self) -> None:
        kind = None if self._shows_trash else TABS[self.tabs.currentIndex()][1]
        tags = {tag for entry in self._entries for tag in entry.tags}
        if self._tag not in tags:
            self._tag = ""
        self.tag_button.setVisible(bool(tags))
        self.tag_button.setText(f"#{self._tag}: show all" if self._tag else "Tag")
        found = search(
            self._entries, self.search.text(), kinds=(kind,) if kind else (), tags=(self._tag,) if self._tag else (),
            trashed=self._shows_trash,
        )  # fmt: skip
        self.grid.show_entries(found)
        thrown = sum(entry.is_trashed for entry in self._entries)
        self.tabs.setTabText(TRASH_TAB, f"Trash ({thrown})" if thrown else "Trash")
        self._show_buttons()

    @Slot()
    def _show_buttons(self) -> None:
        chosen, shown = self.grid.chosen, len(self.grid.entries_model.entries)
        trash = self._shows_trash
        words = f"{len(chosen)} of {shown:,} chosen" if chosen else _count_words(shown, trash=trash)
        self.count.setText(words)
        for button in (self.add_tag, self.export_button, self.trash):
            button.setVisible(not trash)
            button.setEnabled(bool(chosen))
        self.trash.setEnabled(any(not entry.is_fixed for entry in chosen))
        self.export_button.setEnabled(any(entry.kind is not Kind.DIRECTION for entry in chosen))
        self.restore.setVisible(trash)
        self.restore.setEnabled(bool(chosen))
        self.empty.setVisible(trash)
        self.empty.setEnabled(any(entry.is_trashed for entry in self._entries))

    @Slot()
    def _choose_tag(self) -> None:
        if self._tag:
            self._tag = ""
            self._show()
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for tag in sorted({tag for entry in self._entries for tag in entry.tags}):
            menu.addAction(f"#{tag}", partial(self.show_tag, tag))
        menu.popup(self.tag_button.mapToGlobal(self.tag_button.rect().bottomLeft()))

    def show_tag(self, tag: str) -> None:
        """Only what has it."""
        self._tag = tag
        self._show()

    # --- doing ----------------------------------------------------------------------------------------------------

    @property
    def _chosen_things(self) -> list[Thing]:
        return [entry.id for entry in self.grid.chosen]

    @Slot(object)
    def _use(self, entry: Entry) -> None:
        if entry.is_trashed:
            self._collection.restore([entry.id])
        else:
            self.used.emit(entry)

    @Slot()
    def _throw_away(self) -> None:
        things = [entry.id for entry in self.grid.chosen if not entry.is_fixed and not entry.is_trashed]
        if things:
            self.trash_wanted.emit(things)

    @Slot()
    def _bring_back(self) -> None:
        self._collection.restore(self._chosen_things)

    @Slot()
    def _rename(self) -> None:
        chosen = self.grid.chosen
        if len(chosen) == 1 and not chosen[0].is_trashed:
            take = partial(self._collection.rename, chosen[0].id)
            field = NameField(f"Rename the {chosen[0].kind.value}", chosen[0].name, take, MAX_NAME_CHARS, self.grid)
            field.open_beside(self.grid)

    @Slot()
    def _ask_for_tag(self) -> None:
        things = self._chosen_things
        if things:
            question = "Tags for what is chosen, with commas between"
            field = NameField(question, "", partial(self._add_tags, things), MAX_NAME_CHARS, self.add_tag)
            field.open_beside(self.add_tag)

    def _add_tags(self, things: list[Thing], text: str) -> None:
        self._collection.add_tags(things, tags_of_text(text))

    def _remove_tag(self, things: list[Thing], tag: str) -> None:
        for thing in things:
            self._collection.set_tags(thing, [one for one in self._collection.tags(thing) if one != tag])

    @Slot()
    def _ask_where_to_export(self) -> None:
        chosen = self.grid.chosen
        folder = QFileDialog.getExistingDirectory(self, "Export to", str(self._settings.folder("library")))
        if folder and chosen:
            self._settings.set_folder("library", Path(folder))
            self.export_wanted.emit([entry.id for entry in chosen], Path(folder))

    @Slot(QPoint)
    def _menu(self, place: QPoint) -> None:
        chosen = self.grid.chosen
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        if self._shows_trash:
            menu.addAction("Bring back", self._bring_back)
            menu.popup(place)
            return
        if len(chosen) == 1:
            menu.addAction("Use it", partial(self._use, chosen[0]))
            if chosen[0].kind is Kind.MODEL:
                menu.addAction("About this model…", partial(self.details_wanted.emit, chosen[0].key))
            menu.addAction("Rename…", self._rename)
        menu.addAction("Add tag…", self._ask_for_tag)
        for tag in sorted({tag for entry in chosen for tag in entry.tags}):
            menu.addAction(f"Take off #{tag}", partial(self._remove_tag, self._chosen_things, tag))
        menu.addAction("Export…", self._ask_where_to_export).setEnabled(self.export_button.isEnabled())
        menu.addSeparator()
        menu.addAction("Move to trash", self._throw_away).setEnabled(self.trash.isEnabled())
        menu.popup(place)

    # --- events ---------------------------------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.grid.entries_model.forget_pictures()
        self.reader.read()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close()
        else:
            super().keyPressEvent(event)


def _count_words(count: int, *, trash: bool) -> str:
    if not count:
        return "The trash is empty." if trash else "Nothing in the library has all these words."
    return "1 thing" if count == 1 else f"{count:,} things"

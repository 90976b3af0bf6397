"""The history window: the whole tree, a search over it, and what the entry under the pointer is."""

from __future__ import annotations

from PySide6.QtCore import QByteArray, QPoint, QSize, Qt, Slot
from PySide6.QtGui import QCloseEvent, QKeyEvent, QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QMenu, QToolButton, QVBoxLayout, QWidget

from engine.history_entry import HistoryEntry
from engine.history_json import MAX_LABEL_CHARS
from gui.history_tree.view import ZOOMS_PX, HistoryTreeView
from gui.icons import icon
from gui.panels.labels import caption_label
from gui.session import Session
from gui.settings import Settings
from gui.state_pictures import StatePictures
from gui.widgets.inline_edit import InlineEdit

DEFAULT_SIZE = QSize(900, 420)
MINIMUM_SIZE = QSize(480, 280)
PICTURES_WANTED = 240
HELP = "Click or arrow keys go there. S stars, F2 names, Ctrl+wheel zooms."


class HistoryWindow(QWidget):
    """Not modal: what one does in the other window appears here."""

    def __init__(
        self, session: Session, pictures: StatePictures, settings: Settings, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self._session = session
        self._pictures = pictures
        self._settings = settings
        self._matches: list[int] | None = None
        self._renamed = 0
        self.setWindowTitle("History - Graft")
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setMinimumSize(MINIMUM_SIZE)
        self.resize(DEFAULT_SIZE)
        self.view = HistoryTreeView(pictures.picture)
        self.view.set_zoom(int(settings.get("history.zoom", self.view.zoom)))
        self.search = QLineEdit()
        self.search.setPlaceholderText("Find: alpha, seed 44, a name")
        self.search.setAccessibleName("Find a step")
        self.search.setToolTip("Words in the names and labels of steps; Enter goes to the next one (Ctrl+F)")
        self.search.setClearButtonEnabled(True)
        self.search.setMaximumWidth(300)
        self.starred = _button("star", "Only what has a star")
        self.starred.setCheckable(True)
        self.closer = _button("zoom_in", "Larger pictures (+)")
        self.farther = _button("zoom_out", "Smaller pictures (-)")
        self.count = caption_label()
        self.about = caption_label(HELP)
        self.about.setTextFormat(Qt.TextFormat.PlainText)
        self._name_field = InlineEdit(self.view.viewport())
        self._name_field.setMaxLength(MAX_LABEL_CHARS)
        self._name_field.setAccessibleName("Name of this step")
        self._lay_out()
        self._connect()
        if geometry := settings.get_bytes("history.geometry"):
            self.restoreGeometry(QByteArray(geometry))
        self.refresh()

    def _lay_out(self) -> None:
        top = QHBoxLayout()
        top.setContentsMargins(12, 10, 12, 8)
        top.setSpacing(8)
        top.addWidget(self.search, 1)
        top.addWidget(self.starred)
        top.addWidget(self.count)
        top.addStretch(1)
        top.addWidget(self.farther)
        top.addWidget(self.closer)
        foot = QHBoxLayout()
        foot.setContentsMargins(14, 6, 14, 8)
        foot.addWidget(self.about, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(top)
        layout.addWidget(self.view, 1)
        layout.addLayout(foot)

    def _connect(self) -> None:
        session, view = self._session, self.view
        session.history_changed.connect(self.refresh)
        session.marks_changed.connect(self.refresh)
        self._pictures.ready.connect(view.repaint_pictures)
        view.picked.connect(session.go_to)
        view.star_wanted.connect(self.toggle_star)
        view.rename_wanted.connect(self.rename)
        view.menu_requested.connect(self._menu)
        view.looked_at.connect(self._tell)
        view.seen_changed.connect(self._want_pictures)
        view.zoom_changed.connect(self._keep_zoom)
        self.search.textChanged.connect(self._search)
        self.search.returnPressed.connect(self.go_to_next_match)
        self.starred.toggled.connect(self._search)
        self.closer.clicked.connect(lambda: view.set_zoom(view.zoom + 1))
        self.farther.clicked.connect(lambda: view.set_zoom(view.zoom - 1))
        self._name_field.committed.connect(self._take_name)
        for keys, run in (("Ctrl+F", self.search.setFocus), ("Ctrl+W", self.close), ("Ctrl+H", self.close),
                          ("Ctrl+Z", session.undo), ("Ctrl+Shift+Z", session.redo), ("Ctrl+Y", session.redo)):
            QShortcut(QKeySequence(keys), self).activated.connect(run)

    # --- showing --------------------------------------------------------------------------------------------------

    @Slot()
    def refresh(self) -> None:
        if not self.isVisible():
            return
        history = self._session.history
        entries = history.entries
        parents = [history.parent(place) for place in range(len(entries))]
        self.view.show_tree(entries, parents, history.index, history.path)
        self._search()

    @Slot()
    def _search(self) -> None:
        words = self.search.text().casefold().split()
        entries = self._session.history.entries
        if not words and not self.starred.isChecked():
            self._matches = None
            self.count.setText(f"{len(entries)} step{'s' if len(entries) != 1 else ''}")
        else:
            self._matches = [place for place, entry in enumerate(entries) if self._fits(entry, words)]
            self.count.setText(f"{len(self._matches)} of {len(entries)}")
        self.view.set_matches(None if self._matches is None else frozenset(self._matches))

    def _fits(self, entry: HistoryEntry, words: list[str]) -> bool:
        latent = getattr(entry.state.latent, "seed", None)
        face = f"seed {latent}" if latent is not None else getattr(entry.state.latent, "name", "")
        text = f"{entry.name} {entry.label} {face}".casefold()
        numbers = {word for word in text.split() if word.isdigit()}  # seed 3 is not seed 31
        found = all(word in numbers if word.isdigit() else word in text for word in words)
        return found and (entry.is_starred or not self.starred.isChecked())

    @Slot()
    def go_to_next_match(self) -> None:
        """The next match after the present entry, or the first."""
        if self._matches:
            here = self._session.history.index
            self._session.go_to(next((place for place in self._matches if place > here), self._matches[0]))

    @Slot(object)
    def _tell(self, place: int | None) -> None:
        self.about.setText(HELP if place is None else ", ".join(self.view.words(place).split("\n")))

    @Slot()
    def _want_pictures(self) -> None:
        entries = self._session.history.entries
        missing = [
            entries[place].state
            for place in self.view.seen()
            if place < len(entries) and self._pictures.picture(entries[place].state) is None
        ]
        self._pictures.want("tree", missing[:PICTURES_WANTED] if self.isVisible() else ())

    @Slot(int)
    def _keep_zoom(self, zoom: int) -> None:
        self._settings.set("history.zoom", zoom)
        self.closer.setEnabled(zoom < len(ZOOMS_PX) - 1)
        self.farther.setEnabled(zoom > 0)

    # --- marking --------------------------------------------------------------------------------------------------

    @Slot(int)
    def toggle_star(self, place: int) -> None:
        self._session.mark(place, is_starred=not self._session.history.entries[place].is_starred)

    @Slot(int)
    def rename(self, place: int) -> None:
        self._renamed = self._session.history.number(place)
        entry = self._session.history.entries[place]
        self.view.bring_into_view(place)
        self._name_field.open_at(self.view.caption_rect(place), entry.name, Qt.AlignmentFlag.AlignLeft)

    @Slot(str)
    def _take_name(self, name: str) -> None:
        history = self._session.history
        places = range(len(history.entries))
        place = next((place for place in places if history.number(place) == self._renamed), None)
        if place is not None:
            self._session.mark(place, name=name.strip())

    @Slot(int, QPoint)
    def _menu(self, place: int, where: QPoint) -> None:
        entry = self._session.history.entries[place]
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Go there", lambda: self._session.go_to(place))
        menu.addAction("Take the star away" if entry.is_starred else "Star", lambda: self.toggle_star(place))
        menu.addAction("Name…", lambda: self.rename(place))
        menu.popup(where)

    # --- window ---------------------------------------------------------------------------------------------------

    def toggle(self) -> None:
        """Show it, bring it to the front, or, where one is in it, close it."""
        if not self.isVisible():
            self.show()
        elif self.isActiveWindow():
            self.close()
        else:
            self.raise_()
            self.activateWindow()

    def showEvent(self, event: QShowEvent) -> None:
        self.refresh()
        self.view.setFocus()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() != Qt.Key.Key_Escape:  # no shortcut: Esc also leaves a name that is being typed
            super().keyPressEvent(event)
        elif self.search.text() or self.starred.isChecked():
            self.search.clear()
            self.starred.setChecked(False)
            self.view.setFocus()
        else:
            self.close()

    def closeEvent(self, event: QCloseEvent) -> None:
        self._settings.set_bytes("history.geometry", bytes(self.saveGeometry().data()))
        self._pictures.want("tree", ())
        event.accept()


def _button(name: str, words: str) -> QToolButton:
    button = QToolButton()
    button.setIcon(icon(name))
    button.setProperty("role", "quiet")
    button.setToolTip(words)
    button.setAccessibleName(words)
    return button

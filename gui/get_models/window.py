"""Get models: what there is at the left, one of it at the right."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from engine.catalogue import CatalogueEntry
from gui.get_models.details import EntryDetails
from gui.get_models.entry_list import EntryItem, EntryList
from gui.get_models.link_form import LinkForm
from gui.icons import icon
from gui.panels.labels import caption_label, title_label, vertical_line

DEFAULT_SIZE = QSize(860, 600)
MINIMUM_SIZE = QSize(760, 480)
LIST_PX = 380


class GetModelsWindow(QWidget):
    """Not modal; closing it disturbs no download."""

    added = Signal(str, str)  # address, checksum

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self.setWindowTitle("Get models - Graft")
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setMinimumSize(MINIMUM_SIZE)
        self.resize(DEFAULT_SIZE)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search: faces, 256, cats, StyleGAN2")
        self.search.setClearButtonEnabled(True)
        self.search.setAccessibleName("Search the models")
        self.search.addAction(icon("search", color="muted"), QLineEdit.ActionPosition.LeadingPosition)
        self.entries = EntryList()
        self.nothing = caption_label("No model in the list has all these words.")
        self.nothing.hide()
        self.from_link = QPushButton(icon("plus"), "From a link…")
        self.from_link.setToolTip("Download a model from an address of your own")
        self.details = EntryDetails()
        self.form = LinkForm()
        self.form.hide()
        self._lay_out()
        self.from_link.clicked.connect(self.open_form)
        self.entries.picked.connect(self._close_form)
        self.form.left.connect(self._close_form)
        self.form.added.connect(self._close_form)  # first: what was added is shown next
        self.form.added.connect(self.added)
        QShortcut(QKeySequence.StandardKey.Close, self, self.close)
        QShortcut(QKeySequence.StandardKey.Find, self, self.search.setFocus)

    def _lay_out(self) -> None:
        left = QVBoxLayout()
        left.setContentsMargins(16, 16, 8, 12)
        left.setSpacing(10)
        left.addWidget(title_label("Get models"))
        left.addWidget(self.search)
        left.addWidget(self.entries, 1)
        left.addWidget(self.nothing)
        left.addWidget(self.from_link, 0, Qt.AlignmentFlag.AlignLeft)
        holder = QWidget()
        holder.setLayout(left)
        holder.setFixedWidth(LIST_PX)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(holder)
        row.addWidget(vertical_line())
        row.addWidget(self.details, 1)
        row.addWidget(self.form, 1)

    def show_items(self, items: Sequence[EntryItem]) -> None:
        self.entries.set_items(items)
        self.nothing.setVisible(not items)

    def show_entry(self, entry: CatalogueEntry | None) -> None:
        if self.form.isHidden():
            self.details.show_entry(entry)

    @Slot()
    def open_form(self) -> None:
        self.details.hide()
        self.form.begin()

    @Slot()
    def _close_form(self) -> None:
        self.form.hide()
        self.details.show()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            if self.form.isVisible():
                self._close_form()
            else:
                self.close()
        else:
            super().keyPressEvent(event)

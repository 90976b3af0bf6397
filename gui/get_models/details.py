"""The right half of the window: one entry, its licence, and the buttons."""

from __future__ import annotations

from enum import StrEnum

from PySide6.QtCore import Qt, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from engine.catalogue import CatalogueEntry
from engine.file_size import in_words
from gui.get_models.words import checksum_words
from gui.panels.labels import caption_label, title_label
from gui.widgets.job_card import ProgressLine


class Standing(StrEnum):
    """Where an entry stands."""

    THERE = "there"  # can be downloaded
    PARTLY = "partly"  # began earlier
    RUNNING = "running"
    HERE = "here"  # on the shelf
    CHANGED = "changed"  # lies ready, but is another file than the first time
    UNREADABLE = "unreadable"


_PRIMARY = {
    Standing.THERE: "Accept and download",
    Standing.PARTLY: "Resume",
    Standing.RUNNING: "Pause",
    Standing.HERE: "Use as B",
    Standing.CHANGED: "Accept the other file",
    Standing.UNREADABLE: "Accept and download",
}


class EntryDetails(QWidget):
    primary_wanted = Signal()
    cancel_wanted = Signal()
    forget_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._entry: CatalogueEntry | None = None
        self.title = title_label()
        self.title.setWordWrap(True)
        self._facts = QGridLayout()
        self._facts.setHorizontalSpacing(12)
        self._facts.setVerticalSpacing(5)
        self._facts.setColumnStretch(1, 1)
        self._values = {name: self._row(place, name) for place, name in enumerate(
            ("Draws", "Size", "Faces", "Kind", "Maker", "Checksum", "Address")
        )}  # fmt: skip
        self.licence = QLabel()
        self.licence.setWordWrap(True)
        self.licence.setTextFormat(Qt.TextFormat.PlainText)
        self.gist = QLabel()
        self.gist.setWordWrap(True)
        self.read = QPushButton("Read the licence")
        self.page = QPushButton("Maker's page")
        self.forget = QPushButton("Forget this link")
        self.primary = QPushButton()
        self.primary.setProperty("role", "primary")
        self.cancel = QPushButton("Cancel")
        self.cancel.setToolTip("Stop, and delete what has come")
        self.state = caption_label()
        self.state.setWordWrap(True)
        self.bar = ProgressLine()
        self._lay_out()
        self.read.clicked.connect(self._open_licence)
        self.page.clicked.connect(self._open_page)
        self.forget.clicked.connect(self.forget_wanted)
        self.primary.clicked.connect(self.primary_wanted)
        self.cancel.clicked.connect(self.cancel_wanted)

    def _row(self, place: int, name: str) -> tuple[QLabel, QLabel]:
        words, value = caption_label(name), QLabel()
        value.setWordWrap(True)
        value.setTextFormat(Qt.TextFormat.PlainText)
        value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._facts.addWidget(words, place, 0, Qt.AlignmentFlag.AlignTop)
        self._facts.addWidget(value, place, 1)
        return words, value

    def _lay_out(self) -> None:
        card = self._licence_card = QFrame()
        card.setProperty("role", "card")
        inside = QVBoxLayout(card)
        inside.setContentsMargins(12, 10, 12, 10)
        inside.setSpacing(6)
        inside.addWidget(caption_label("Licence"))
        inside.addWidget(self.licence)
        inside.addWidget(self.gist)
        inside.addWidget(self.read, 0, Qt.AlignmentFlag.AlignLeft)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self.primary)
        buttons.addWidget(self.cancel)
        buttons.addStretch(1)
        buttons.addWidget(self.forget)
        buttons.addWidget(self.page)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 16, 20, 16)
        column.setSpacing(12)
        column.addWidget(self.title)
        column.addLayout(self._facts)
        column.addWidget(card)
        column.addStretch(1)
        column.addWidget(self.state)
        column.addWidget(self.bar)
        column.addLayout(buttons)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)

    def show_entry(self, entry: CatalogueEntry | None) -> None:
        self._entry = entry
        self.setVisible(entry is not None)
        if entry is None:
            return
        self.title.setText(entry.name)
        size = in_words(entry.size) if entry.size else "told when the download begins"
        resolution = f"{entry.resolution} px; file: {size}" if entry.resolution else size
        for name, text in (
            ("Draws", entry.draws),
            ("Size", resolution),
            ("Faces", entry.framing),
            ("Kind", entry.family),
            ("Maker", entry.maker),
            ("Checksum", checksum_words(entry)),
            ("Address", _breakable(entry.url)),
        ):
            words, value = self._values[name]
            value.setText(text)
            words.setVisible(bool(text))
            value.setVisible(bool(text))
        licence = entry.licence
        self.licence.setText(licence.name if licence else "Not known: ask the maker before you publish pictures.")
        self.gist.setText(licence.gist if licence else "")
        self.gist.setVisible(bool(licence and licence.gist))
        self.read.setVisible(licence is not None)
        self.read.setToolTip(licence.url if licence else "")
        self.page.setVisible(bool(entry.page) and not entry.is_own)
        self.page.setToolTip(entry.page)
        self.forget.setVisible(entry.is_own)

    def show_standing(self, standing: Standing, words: str, fraction: float | None) -> None:
        """Where it stands, and how far: 0 to 1, or None where nothing is measured."""
        self.primary.setText(_PRIMARY[standing])
        self.cancel.setVisible(standing in (Standing.RUNNING, Standing.PARTLY, Standing.CHANGED))
        self.state.setText(words)
        self.state.setVisible(bool(words))
        self.bar.setVisible(standing in (Standing.RUNNING, Standing.PARTLY))
        self.bar.set_fraction(fraction)
        self.forget.setEnabled(standing is not Standing.RUNNING)

    @Slot()
    def _open_licence(self) -> None:
        if self._entry is not None and self._entry.licence is not None:
            QDesktopServices.openUrl(QUrl(self._entry.licence.url))

    @Slot()
    def _open_page(self) -> None:
        if self._entry is not None:
            QDesktopServices.openUrl(QUrl(self._entry.page))


def _breakable(url: str) -> str:
    """An address that may break behind each slash."""
    return url.replace("/", "/\u200b")

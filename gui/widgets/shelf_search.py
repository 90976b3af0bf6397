"""The search over the shelf: one line; the kinds and tags to choose from come with the first letter."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QGridLayout, QLineEdit, QMenu, QPushButton, QVBoxLayout, QWidget

from engine.library_tags import Kind
from gui.icons import icon
from gui.shelf_filter import ShelfFilter

PAUSE_MS = 120
"""How long the typing rests before the shelf is searched."""

_WORDS = {Kind.MODEL: "Models", Kind.PORTRAIT: "Portraits", Kind.LOOK: "Looks", Kind.DIRECTION: "Directions"}


class ShelfSearch(QWidget):
    changed = Signal(object)  # ShelfFilter
    done = Signal()  # Esc: back to the picture

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tag = ""
        self.field = QLineEdit()
        self.field.setPlaceholderText("Search")
        self.field.setClearButtonEnabled(True)
        self.field.setAccessibleName("Search the shelf")
        self.field.setToolTip("Name, tag, family, resolution or licence, for example: toon 256 (Ctrl+F)")
        self.field.addAction(icon("search", color="muted"), QLineEdit.ActionPosition.LeadingPosition)
        self.field.installEventFilter(self)
        self.chips = {kind: self._chip(words, f"Only {words.lower()}") for kind, words in _WORDS.items()}
        self.tag_chip = self._chip("Tag", "Only what has a tag")
        self.tag_menu = QMenu(self)
        self._chip_box = QWidget()
        grid = QGridLayout(self._chip_box)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(4)
        chips = (*self.chips.values(), self.tag_chip)
        for place, chip in enumerate(chips):
            grid.addWidget(chip, place // 3, place % 3)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self.field)
        layout.addWidget(self._chip_box)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(PAUSE_MS)
        self._soon.timeout.connect(self._tell)
        self.field.textChanged.connect(self._typed)
        for chip in self.chips.values():
            chip.clicked.connect(self._chip_clicked)
        self.tag_chip.clicked.connect(self._offer_tags)
        self.set_tags(())
        self._show_chips()

    @property
    def filter(self) -> ShelfFilter:
        kind = next((kind for kind, chip in self.chips.items() if chip.isChecked()), None)
        return ShelfFilter(self.field.text(), kind, self._tag)

    @Slot()
    def begin(self) -> None:
        """Take the keyboard, with what is there selected."""
        self.field.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.field.selectAll()

    @Slot()
    def clear(self) -> None:
        for chip in self.chips.values():
            chip.setChecked(False)
        self._set_tag("")
        self.field.clear()
        self._tell()

    def set_tags(self, tags: Sequence[str]) -> None:
        """The tags that there are."""
        self.tag_menu.clear()
        for tag in tags:
            self.tag_menu.addAction(f"#{tag}").setData(tag)
        if self._tag and self._tag not in tags:
            self._set_tag("")
            self._tell()
        self.tag_chip.setVisible(bool(tags))

    def _chip(self, words: str, tip: str) -> QPushButton:
        chip = QPushButton(words)
        chip.setCheckable(True)
        chip.setProperty("role", "chip")
        chip.setToolTip(tip)
        chip.setAccessibleName(tip)
        return chip

    @Slot(str)
    def _typed(self, _text: str) -> None:
        self._show_chips()
        self._soon.start()

    @Slot()
    def _chip_clicked(self) -> None:
        """One kind at a time; a click on the chosen one takes it back."""
        clicked = self.sender()
        for chip in self.chips.values():
            if chip is not clicked:
                chip.setChecked(False)
        self._tell()

    @Slot()
    def _offer_tags(self) -> None:
        if self._tag:
            self._set_tag("")
            self._tell()
            return
        self.tag_chip.setChecked(False)
        chosen = self.tag_menu.exec(self.tag_chip.mapToGlobal(self.tag_chip.rect().bottomLeft()))
        if chosen is not None:
            self._set_tag(str(chosen.data()))
            self._tell()

    def _set_tag(self, tag: str) -> None:
        self._tag = tag
        self.tag_chip.setChecked(bool(tag))
        metrics = self.tag_chip.fontMetrics()
        self.tag_chip.setText(metrics.elidedText(f"#{tag}", Qt.TextElideMode.ElideRight, 52) if tag else "Tag")
        self.tag_chip.setToolTip(f"Only what has the tag “{tag}”; click for all" if tag else "Only what has a tag")

    @Slot()
    def _tell(self) -> None:
        self._soon.stop()
        self._show_chips()
        self.changed.emit(self.filter)

    def _show_chips(self) -> None:
        """A shelf that nobody searches is calm."""
        self._chip_box.setVisible(self.filter.is_on or self.field.hasFocus())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.field:
            if event.type() in (QEvent.Type.FocusIn, QEvent.Type.FocusOut):
                QTimer.singleShot(0, self, self._chips_if_left)
            elif event.type() is QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
                if event.key() == Qt.Key.Key_Escape:
                    self.clear()
                    self.done.emit()
                    return True
                if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                    self._tell()
        return False

    @Slot()
    def _chips_if_left(self) -> None:
        focused = self.focusWidget()
        inside = focused is not None and self._chip_box.isAncestorOf(focused) and focused.hasFocus()
        self._chip_box.setVisible(self.filter.is_on or self.field.hasFocus() or inside)

"""One direction in the panel: its name, its pictures, and what can be done with it."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from engine.descriptor import NetworkDescriptor
from engine.library_records import DirectionRecord
from gui.directions.range_chip import RangeChip
from gui.directions.ranges import Rows
from gui.directions.strip import DirectionStrip
from gui.panels.labels import caption_label
from gui.widgets.icon_button import IconButton

NAME_PX = 170
MAX_NAME_CHARS = 100

SOURCES = {
    "ganspace-w": "GANSpace in W",
    "ganspace-act": "GANSpace in activations",
    "sefa": "SeFa",
    "import": "from a file",
    "difference": "difference of two faces",
}


class ResultRow(QFrame):
    use_wanted = Signal(object, float)  # DirectionRecord, amount
    keep_wanted = Signal(object)  # DirectionRecord
    rows_picked = Signal()
    renamed = Signal(str, str)  # key, name
    trash_wanted = Signal(str)

    def __init__(
        self, record: DirectionRecord, part: float | None, *, is_kept: bool, parent: QWidget | None = None
    ) -> None:
        """
        Args:
            part: Share of all variance that it accounts for.
            is_kept: Whether the library has it.
        """
        super().__init__(parent)
        self._record = record
        self._is_kept = is_kept
        self.setProperty("role", "card")
        self.name = QLineEdit(record.name)
        self.name.setMaxLength(MAX_NAME_CHARS)
        self.name.setFixedWidth(NAME_PX)
        self.name.setAccessibleName("Name of the direction")
        self.name.setToolTip("What it does, in your words; Enter keeps the name")
        facts = SOURCES[record.source] + (f", {part:.1%} of the variance" if part is not None else "")
        if record.source == "import" and record.model is not None:
            facts = f"from a file, for {record.model.name}"
        self.facts = caption_label(facts)
        self.chip = RangeChip()
        self.use = QPushButton("Add slider")
        self.use.setToolTip("A slider in the controls, at 0; or click one of the pictures")
        self.keep = QPushButton()
        self.strip = DirectionStrip(record.name)
        self.trash = IconButton("trash", "Into the trash; it can be brought back", size_px=14)
        self.trash.setVisible(is_kept)
        head = QHBoxLayout()
        head.setSpacing(6)
        head.addWidget(self.name)
        head.addWidget(self.facts)
        head.addStretch(1)
        for widget in (self.chip, self.use, self.keep, self.trash):
            head.addWidget(widget)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 8, 10, 6)
        layout.setSpacing(6)
        layout.addLayout(head)
        layout.addWidget(self.strip)
        self._show_kept()
        self.name.editingFinished.connect(self._take_name)
        self.chip.picked.connect(self._pick_rows)
        self.use.clicked.connect(lambda: self.use_wanted.emit(self.record, 0.0))
        self.keep.clicked.connect(lambda: self.keep_wanted.emit(self.record))
        self.trash.clicked.connect(lambda: self.trash_wanted.emit(self.record.key))
        self.strip.picked.connect(lambda amount: self.use_wanted.emit(self.record, amount))

    @property
    def record(self) -> DirectionRecord:
        """With the name and the layers that were given to it here."""
        return self._record

    @property
    def wanted(self) -> tuple[str, Rows | None]:
        return self._record.key, self._record.layer_range

    def show_model(self, descriptor: NetworkDescriptor | None) -> None:
        self.chip.show_rows(self._record.layer_range, descriptor)

    def set_kept(self, record: DirectionRecord) -> None:
        """It is in the library, under this name."""
        self._is_kept = True
        self._record = record
        if not self.name.hasFocus():
            self.name.setText(record.name)
        self._show_kept()

    def set_picture(self, amount: float, picture: QImage) -> None:
        self.strip.set_picture(amount, picture)

    def _show_kept(self) -> None:
        self.keep.setText("Kept" if self._is_kept else "Keep")
        self.keep.setEnabled(not self._is_kept)
        tip = "In the library, for every picture" if self._is_kept else "Into the library, to use again"
        self.keep.setToolTip(tip)
        self.trash.setVisible(self._is_kept)

    @Slot()
    def _take_name(self) -> None:
        name = " ".join(self.name.text().split())
        if not name:
            self.name.setText(self._record.name)
        elif name != self._record.name:
            self._record = replace(self._record, name=name)
            self.strip.set_name(name)
            if self._is_kept:
                self.renamed.emit(self._record.key, name)

    def _pick_rows(self, rows: Rows | None) -> None:
        self._record = replace(self._record, layer_range=rows)
        self.rows_picked.emit()
        if self._is_kept:
            self.keep_wanted.emit(self._record)


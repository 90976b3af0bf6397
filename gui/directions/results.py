"""A scrolling list of directions with their pictures, of which those in sight are drawn."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QTimer, Signal, Slot
from PySide6.QtGui import QImage, QResizeEvent
from PySide6.QtWidgets import QLabel, QScrollArea, QVBoxLayout, QWidget

from engine.descriptor import NetworkDescriptor
from engine.library_records import DirectionRecord
from gui.directions.ranges import Rows
from gui.directions.result_row import ResultRow
from gui.panels.labels import muted_label, scrolling

SEEN_AFTER_MS = 120


class Results(QWidget):
    """`seen` fires with the directions in sight whenever they change: their pictures are wanted."""

    seen = Signal(object)  # tuple[tuple[str, Rows | None], ...]
    use_wanted = Signal(object, float)
    keep_wanted = Signal(object)
    renamed = Signal(str, str)
    trash_wanted = Signal(str)

    def __init__(self, empty: str, parent: QWidget | None = None) -> None:
        """
        Args:
            empty: What to say while there are none.
        """
        super().__init__(parent)
        self._rows: list[ResultRow] = []
        self._descriptor: NetworkDescriptor | None = None
        self.empty: QLabel = muted_label(empty)
        self.empty.setWordWrap(True)
        inside = QWidget()
        self._column = QVBoxLayout(inside)
        self._column.setContentsMargins(16, 12, 16, 12)
        self._column.setSpacing(8)
        self._column.addWidget(self.empty)
        self._column.addStretch(1)
        self._area: QScrollArea = scrolling(inside)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._area)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(SEEN_AFTER_MS)
        self._soon.timeout.connect(self.tell_seen)
        self._area.verticalScrollBar().valueChanged.connect(lambda: self._soon.start())

    @property
    def rows(self) -> tuple[ResultRow, ...]:
        return tuple(self._rows)

    def show_records(
        self,
        records: Sequence[DirectionRecord],
        parts: Sequence[float],
        kept: frozenset[str],
        descriptor: NetworkDescriptor | None,
    ) -> None:
        """Args:
        parts: Share of the variance of each; empty where that means nothing.
        kept: Keys of those that are in the library.
        """
        self._descriptor = descriptor
        old = {row.record.key: row.strip.pictures for row in self._rows}
        for row in self._rows:
            self._column.removeWidget(row)
            row.hide()
            row.deleteLater()
        self._rows = []
        for index, record in enumerate(records):
            row = ResultRow(record, parts[index] if parts else None, is_kept=record.key in kept)
            row.show_model(descriptor)
            row.use_wanted.connect(self.use_wanted)
            row.keep_wanted.connect(self.keep_wanted)
            row.renamed.connect(self.renamed)
            row.trash_wanted.connect(self.trash_wanted)
            row.rows_picked.connect(self._soon.start)
            for amount, picture in old.get(record.key, {}).items():
                row.set_picture(amount, picture)
            self._rows.append(row)
            self._column.insertWidget(index, row)
        self.empty.setVisible(not self._rows)
        self._soon.start()

    def show_kept(self, records: Sequence[DirectionRecord]) -> None:
        """Bring up to date which are in the library, and under what name."""
        kept = {record.key: record for record in records}
        for row in self._rows:
            if (record := kept.get(row.record.key)) is not None:
                row.set_kept(record)

    def set_picture(self, key: str, amount: float, picture: QImage) -> None:
        for row in self._rows:
            if row.record.key == key:
                row.set_picture(amount, picture)

    @Slot()
    def tell_seen(self) -> None:
        if self.isVisible():
            self.seen.emit(self._in_sight())

    def _in_sight(self) -> tuple[tuple[str, Rows | None], ...]:
        top = self._area.verticalScrollBar().value()
        bottom = top + self._area.viewport().height()
        return tuple(
            row.wanted for row in self._rows if row.geometry().bottom() >= top and row.geometry().top() <= bottom
        )

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._soon.start()

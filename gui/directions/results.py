"""A scrolling list of directions with their pictures, of which those in sight are drawn."""

from __future__ import annotations

from collections import deque
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
AT_ONCE = 5


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
        self._coming: deque[tuple[DirectionRecord, float | None, bool]] = deque()
        self._old: dict[str, dict[float, QImage]] = {}
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
        self._more = QTimer(self)
        self._more.setSingleShot(True)
        self._more.setInterval(0)
        self._more.timeout.connect(self._add_some)
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
        if [record.key for record in records] == [row.record.key for row in self._rows] and not self._coming:
            self.show_kept([record for record in records if record.key in kept])
            return
        self._old = {row.record.key: row.strip.pictures for row in self._rows}
        for row in self._rows:
            self._column.removeWidget(row)
            row.hide()
            row.deleteLater()
        self._rows = []
        shares: Sequence[float | None] = parts or (None,) * len(records)
        self._coming = deque(
            (record, part, record.key in kept) for record, part in zip(records, shares, strict=True)
        )
        self.empty.setVisible(not records)
        self._add_some()

    @Slot()
    def _add_some(self) -> None:
        """Rows take a moment each: of many, the window shows the first before the others are made."""
        for _ in range(min(AT_ONCE, len(self._coming))):
            record, part, is_kept = self._coming.popleft()
            row = ResultRow(record, part, is_kept=is_kept)
            row.show_model(self._descriptor)
            row.use_wanted.connect(self.use_wanted)
            row.keep_wanted.connect(self.keep_wanted)
            row.renamed.connect(self.renamed)
            row.trash_wanted.connect(self.trash_wanted)
            row.rows_picked.connect(self._soon.start)
            for amount, picture in self._old.get(record.key, {}).items():
                row.set_picture(amount, picture)
            self._column.insertWidget(len(self._rows), row)
            self._rows.append(row)
        if self._coming:
            self._more.start()
        self._soon.start()

    def show_kept(self, records: Sequence[DirectionRecord]) -> None:
        """Bring up to date which are in the library, and under what name."""
        kept = {record.key: record for record in records}
        for row in self._rows:
            if (record := kept.get(row.record.key)) is not None:
                row.set_kept(record)
                row.show_model(self._descriptor)

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

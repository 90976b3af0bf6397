"""The palette: type a few letters of what you want, Enter does it. Actions, models, looks, files, parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from PySide6.QtCore import QEvent, QObject, Qt, Slot
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QDialog, QHeaderView, QLineEdit, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from gui.theme import current_theme

MOST_SHOWN = 60
SIZE = (480, 380)
_MARGIN_PX, _GAP_PX = 8, 6
_FROM_TOP_PX = 90


@dataclass(frozen=True, slots=True)
class Entry:
    """Attributes:
    detail: Shown faintly at the right: a key, or what kind of thing it is. It is searched too.
    is_exact: It answers to the whole query, whatever its words: ``alpha 0.5``.
    """

    text: str
    run: Callable[[], object]
    detail: str = ""
    is_exact: bool = False


Source: TypeAlias = Callable[[str], Iterable[Entry]]
"""Entries for a query; an empty one asks for what to show before anything is typed."""


class Palette(QDialog):
    def __init__(self, sources: Sequence[Source], parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self._sources = tuple(sources)
        self._entries: list[Entry] = []
        self.field = QLineEdit()
        self.field.setPlaceholderText("What would you like to do?  For example: toon as B, alpha 0.5")
        self.field.setAccessibleName("Find an action, a model, a look, a file or a setting")
        self.list = QTreeWidget()
        self.list.setColumnCount(2)
        self.list.setHeaderHidden(True)
        self.list.setRootIsDecorated(False)
        self.list.setUniformRowHeights(True)
        self.list.setStyleSheet("QTreeView::item { padding: 4px 4px; }")
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.header().setStretchLastSection(False)
        self.list.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.list.header().setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(_MARGIN_PX, _MARGIN_PX, _MARGIN_PX, _MARGIN_PX)
        layout.setSpacing(_GAP_PX)
        layout.addWidget(self.field)
        layout.addWidget(self.list, 1)
        self.list.setMinimumHeight(0)
        self.resize(*SIZE)
        self.field.textChanged.connect(self._filter)
        self.field.returnPressed.connect(self._run)
        self.field.installEventFilter(self)
        self.list.itemClicked.connect(self._run)
        self._filter("")
        if parent is not None:
            corner = parent.mapToGlobal(parent.rect().topLeft())
            self.move(corner.x() + (parent.width() - SIZE[0]) // 2, corner.y() + _FROM_TOP_PX)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """What is listed, the best first."""
        return tuple(self._entries)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1, Qt.Key.Key_PageDown: 8, Qt.Key.Key_PageUp: -8}
            by = step.get(Qt.Key(event.key()), 0)
            if by:
                self._go_to(min(max(self._row + by, 0), self.list.topLevelItemCount() - 1))
                return True
        return super().eventFilter(watched, event)

    @property
    def _row(self) -> int:
        item = self.list.currentItem()
        return -1 if item is None else self.list.indexOfTopLevelItem(item)

    def _go_to(self, row: int) -> None:
        item = self.list.topLevelItem(row)
        if item is not None:
            self.list.setCurrentItem(item)

    @Slot(str)
    def _filter(self, text: str) -> None:
        found = [entry for source in self._sources for entry in source(text)]
        self._entries = ranked(text, found)[:MOST_SHOWN]
        self.list.clear()
        faint = QColor(current_theme().muted)
        for entry in self._entries:
            item = QTreeWidgetItem([entry.text, entry.detail])
            item.setForeground(1, faint)
            item.setTextAlignment(1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self.list.addTopLevelItem(item)
        self._go_to(0)
        self._fit_height()

    def _fit_height(self) -> None:
        """As high as what is listed, up to the usual height."""
        first = self.list.topLevelItem(0)
        row = self.list.visualItemRect(first).height() if first is not None else 0
        field = 2 * _MARGIN_PX + self.field.sizeHint().height()
        wanted = field + (_GAP_PX + self.list.topLevelItemCount() * row + 4 if row else 0)
        self.resize(SIZE[0], min(SIZE[1], wanted))

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        with QPainter(self) as painter:
            painter.setPen(QColor(current_theme().line))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))

    @Slot()
    def _run(self) -> None:
        row = self._row
        self.close()
        if 0 <= row < len(self._entries):
            self._entries[row].run()


def ranked(query: str, entries: Iterable[Entry]) -> list[Entry]:
    """Those that answer to the query, the best first; in the order given where they are as good."""
    words = query.lower().split()
    if not words:
        return list(entries)
    scored = [(99.0 if entry.is_exact else score(words, entry), entry) for entry in entries]
    return [entry for at, entry in sorted(scored, key=lambda one: -one[0]) if at > 0]


def score(words: Sequence[str], entry: Entry) -> float:
    """How well an entry answers, 0 where a word is nowhere in it.

    A word counts most at the start of one of the entry's words, less inside, least where only its letters come in
    that order; the detail counts less than the text.
    """
    text, detail = entry.text.lower(), entry.detail.lower()
    points = 0.0
    for word in words:
        best = max(_fit(word, text), 0.4 * _fit(word, detail))
        if best == 0:
            return 0.0
        points += best
    return points - 0.001 * len(text)


def _fit(word: str, text: str) -> float:
    if text.startswith(word) or text.split(": ", 1)[-1].startswith(word):
        return 4.0
    if f" {word}" in f" {text.replace(':', ' ').replace('(', ' ')}":
        return 3.0
    if word in text:
        return 2.0
    if len(word) < 3:
        return 0.0
    place, first = -1, -1
    for letter in word:
        place = text.find(letter, place + 1)
        if place < 0:
            return 0.0
        first = place if first < 0 else first
    return 1.0 if place - first < 3 * len(word) else 0.0

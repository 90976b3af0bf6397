"""The small button that says and changes which layers a direction works on."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QMenu, QToolButton, QWidget

from engine.descriptor import NetworkDescriptor
from gui.directions.ranges import Rows, groups, read_rows, sizes_in_words, words
from gui.mixing import ws_resolutions
from gui.widgets.name_field import NameField

WIDTH_PX = 58
_ALL = "all"


class RangeChip(QToolButton):
    """`picked` fires when the user chooses: the rows, or None for all."""

    picked = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: Rows | None = None
        self._descriptor: NetworkDescriptor | None = None
        self.setProperty("caption", "true")
        self.setFixedWidth(WIDTH_PX)
        self._menu = QMenu(self)
        self._menu.setToolTipsVisible(True)
        self._menu.aboutToShow.connect(self._fill)
        self.setMenu(self._menu)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.show_rows(None, None)

    @property
    def rows(self) -> Rows | None:
        return self._rows

    def show_rows(self, rows: Rows | None, descriptor: NetworkDescriptor | None) -> None:
        """Show a range, silently."""
        self._rows, self._descriptor = rows, descriptor
        name = words(rows, descriptor)
        self.setText(f"{name} ▾")
        self.setToolTip(f"The layers it works on: {name}, {sizes_in_words(rows, descriptor)}")
        self.setAccessibleName(f"Layers: {name}")

    @Slot()
    def _fill(self) -> None:
        self._menu.clear()
        ranges: dict[str, Rows | None] = {_ALL: None, **groups(self._descriptor)}
        shown = words(self._rows, self._descriptor)
        for name, rows in ranges.items():
            action = self._menu.addAction(
                f"{name.capitalize()} ({sizes_in_words(rows, self._descriptor)})", partial(self.pick, rows)
            )
            action.setCheckable(True)
            action.setChecked(name == shown)
        self._menu.addSeparator()
        self._menu.addAction("Own rows…", self.ask)

    def pick(self, rows: Rows | None) -> None:
        """As the user does."""
        if rows != self._rows:
            self.show_rows(rows, self._descriptor)
            self.picked.emit(rows)

    @Slot()
    def ask(self) -> None:
        last = len(ws_resolutions(self._descriptor)) - 1
        first, stop = self._rows or (0, last + 1)
        question = f"First and last row, 0 to {last}"
        NameField(question, f"{first}-{stop - 1}", self.take_text, 8, self).open_beside(self)

    def take_text(self, text: str) -> None:
        """Rows that were typed; what is no range changes nothing."""
        rows = read_rows(text, len(ws_resolutions(self._descriptor)))
        if rows is not None:
            self.pick(rows)

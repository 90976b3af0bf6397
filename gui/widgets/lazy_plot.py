"""A widget that draws with pyqtgraph, which takes most of a second to import and is seldom needed."""

from __future__ import annotations

import threading
from typing import Any

from PySide6.QtCore import QEvent, Qt, Signal, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget


class LazyPlot(QWidget):
    """A thread imports pyqtgraph when `get_ready` is first called; then `_build` and `_color` are called.

    What comes before that is to be kept and drawn by `_draw`.
    """

    imported = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._plot: Any = None
        self._is_importing = False
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self.imported.connect(self._put_in, Qt.ConnectionType.QueuedConnection)

    @property
    def is_drawn(self) -> bool:
        return self._plot is not None

    def get_ready(self) -> None:
        if self._plot is None and not self._is_importing:
            self._is_importing = True
            threading.Thread(target=self._import, name="graft-import-pyqtgraph", daemon=True).start()

    def _import(self) -> None:
        try:
            import pyqtgraph  # noqa: F401 - for `_build`, which finds it imported

            self.imported.emit()
        except RuntimeError:
            return  # the window was closed in the meantime

    @Slot()
    def _put_in(self) -> None:
        self._plot = self._build()
        self._column.addWidget(self._plot)
        self._color()
        self._draw()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if self._plot is not None and event.type() in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange):
            self._color()

    def _build(self) -> Any:
        """A new ``pyqtgraph.PlotWidget``."""
        raise NotImplementedError

    def _color(self) -> None:
        """Take the theme's colours: pyqtgraph keeps its own and does not follow the style sheet."""
        raise NotImplementedError

    def _draw(self) -> None:
        """Show the points, if there is a plot."""
        raise NotImplementedError

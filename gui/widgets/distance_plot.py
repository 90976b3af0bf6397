"""How far the picture still is from the portrait, drawn while the search goes on."""

from __future__ import annotations

import threading
from typing import Any

from PySide6.QtCore import QEvent, Qt, Signal, Slot
from PySide6.QtWidgets import QVBoxLayout, QWidget

from gui.theme import caption_font, current_theme


class DistancePlot(QWidget):
    """Pixel distance over the steps of one search.

    pyqtgraph takes most of a second to import and is needed here alone, so a thread imports it when the first search
    begins, and the points that come before it is there are kept.
    """

    imported = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._points: list[tuple[float, float]] = []
        self._curve: Any = None
        self._plot: Any = None
        self._importing = False
        self.setLayout(QVBoxLayout(self))
        self.layout().setContentsMargins(0, 0, 0, 0)  # type: ignore[union-attr]
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAccessibleName("Distance from the portrait")
        self.imported.connect(self._build, Qt.ConnectionType.QueuedConnection)

    @property
    def points(self) -> tuple[tuple[float, float], ...]:
        """Share of the search done, 0 to 1, and the distance there, 0 to 1."""
        return tuple(self._points)

    @property
    def is_drawn(self) -> bool:
        return self._curve is not None

    def begin(self) -> None:
        """Forget the last search."""
        self._points.clear()
        self._draw()
        if self._curve is None and not self._importing:
            self._importing = True
            threading.Thread(target=self._import, name="graft-import-pyqtgraph", daemon=True).start()

    def add(self, fraction: float, distance: float) -> None:
        self._points.append((fraction, distance))
        self._draw()

    def _import(self) -> None:
        try:
            import pyqtgraph  # noqa: F401 - for `_build`, which finds it imported

            self.imported.emit()
        except RuntimeError:
            return  # the window was closed in the meantime

    @Slot()
    def _build(self) -> None:
        import pyqtgraph

        plot = pyqtgraph.PlotWidget(self)
        plot.setMenuEnabled(False)
        plot.hideButtons()
        plot.setXRange(0.0, 1.0, padding=0.0)
        axis = plot.getAxis("left")
        axis.setStyle(tickFont=caption_font(), tickLength=-4, maxTickLevel=0)
        axis.setWidth(44)
        plot.hideAxis("bottom")
        plot.getPlotItem().setContentsMargins(0, 8, 0, 8)  # or the outermost figures are cut in half
        self._plot = plot
        self._curve = plot.plot(antialias=True)
        self._color()
        layout = self.layout()
        assert layout is not None
        layout.addWidget(plot)
        self._draw()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange):
            self._color()

    def _color(self) -> None:
        """Take the theme's colours: pyqtgraph keeps its own and does not follow the style sheet."""
        if self._curve is None:
            return
        theme = current_theme()
        self._plot.setBackground(theme.canvas)
        self._curve.setPen(theme.focus, width=2)
        axis = self._plot.getAxis("left")
        axis.setPen(theme.line)
        axis.setTextPen(theme.canvas_text)

    def _draw(self) -> None:
        if self._curve is None:
            return
        self._curve.setData([at for at, _ in self._points], [distance for _, distance in self._points])
        if self._points:
            self._plot.setYRange(0.0, 1.05 * max(distance for _, distance in self._points), padding=0.0)

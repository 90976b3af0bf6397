"""How far the picture still is from the portrait, drawn while the search goes on."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from gui.theme import caption_font, current_theme
from gui.widgets.lazy_plot import LazyPlot


class DistancePlot(LazyPlot):
    """Pixel distance over the steps of one search."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._points: list[tuple[float, float]] = []
        self._curve: Any = None
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAccessibleName("Distance from the portrait")

    @property
    def points(self) -> tuple[tuple[float, float], ...]:
        """Share of the search done, 0 to 1, and the distance there, 0 to 1."""
        return tuple(self._points)

    def begin(self) -> None:
        """Forget the last search."""
        self._points.clear()
        self._draw()
        self.get_ready()

    def add(self, fraction: float, distance: float) -> None:
        self._points.append((fraction, distance))
        self._draw()

    def _build(self) -> Any:
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
        self._curve = plot.plot(antialias=True)
        return plot

    def _color(self) -> None:
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

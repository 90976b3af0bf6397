"""A few lines over the images seen, drawn while they grow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from gui.theme import caption_font, current_theme, figures_font
from gui.widgets.lazy_plot import LazyPlot

HEAD_PX = 20
MAX_POINTS = 120
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Line:
    """Attributes:
    color: A token of the theme.
    dotted: Each point has a dot.
    """

    name: str
    color: str
    dotted: bool = False


class LineChart(LazyPlot):
    """Points come whole, as `show_points`.

    Args:
        title: Over the chart, at its left; the names of the lines are at its right.
        from_zero: The scale starts at 0 even if no point is there.
    """

    def __init__(
        self, title: str, lines: Sequence[Line], *, from_zero: bool = True, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._title = title
        self._lines = tuple(lines)
        self._from_zero = from_zero
        self._points: dict[str, tuple[Point, ...]] = {}
        self._marked: Point | None = None
        self._level: float | None = None
        self._end = 0.0
        self._note = ""
        self._curves: dict[str, Any] = {}
        self._mark: Any = None
        self._floor: Any = None
        self._column.setContentsMargins(0, HEAD_PX, 0, 0)
        self.setMinimumSize(200, 110)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(title)

    @property
    def points(self) -> dict[str, tuple[Point, ...]]:
        return dict(self._points)

    @property
    def marked(self) -> Point | None:
        return self._marked

    @property
    def level(self) -> float | None:
        return self._level

    def show_points(
        self,
        points: dict[str, Sequence[Point]],
        *,
        end: float = 0.0,
        marked: Point | None = None,
        level: float | None = None,
        note: str = "",
    ) -> None:
        """
        Args:
            points: By the line's name, from left to right; those that are no numbers are left out.
            end: Where the run will end, the right edge of the chart.
            marked: A point that stands out.
            level: A dashed line right across.
            note: At the right of the title, in place of the lines' names.
        """
        self._points = {name: averaged(found) for name, found in points.items()}
        self._end, self._marked, self._note = end, marked, note
        self._level = level if level is not None and math.isfinite(level) else None
        self.update()
        self._draw()

    def _build(self) -> Any:
        import pyqtgraph

        plot = pyqtgraph.PlotWidget(self)
        plot.setMenuEnabled(False)
        plot.setMouseEnabled(False, False)
        plot.hideButtons()
        plot.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        plot.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        for side in ("left", "bottom"):
            axis = plot.getAxis(side)
            axis.setStyle(tickFont=caption_font(), tickLength=-4, maxTickLevel=0)
            axis.enableAutoSIPrefix(False)
        plot.getAxis("left").setWidth(44)
        plot.getAxis("bottom").setHeight(20)
        plot.getAxis("bottom").tickStrings = _thousands
        plot.getPlotItem().setContentsMargins(0, 4, 18, 0)
        self._floor = pyqtgraph.InfiniteLine(angle=0)
        self._floor.setVisible(False)
        plot.addItem(self._floor)
        self._curves = {line.name: plot.plot(antialias=True) for line in self._lines}
        self._mark = plot.plot(antialias=True, pen=None, symbol="o")
        return plot

    def _color(self) -> None:
        import pyqtgraph

        theme = current_theme()
        self._plot.setBackground(theme.panel)
        for line in self._lines:
            color = getattr(theme, line.color)
            curve = self._curves[line.name]
            curve.setPen(color, width=2)
            curve.setSymbol("o" if line.dotted else None)
            curve.setSymbolSize(5)
            curve.setSymbolBrush(color)
            curve.setSymbolPen(None)
        self._floor.setPen(pyqtgraph.mkPen(theme.muted, width=1, style=Qt.PenStyle.DashLine))
        self._mark.setSymbolSize(11)
        self._mark.setSymbolBrush(theme.panel)
        self._mark.setSymbolPen(pyqtgraph.mkPen(theme.text, width=2))
        for side in ("left", "bottom"):
            self._plot.getAxis(side).setPen(theme.line)
            self._plot.getAxis(side).setTextPen(theme.muted)

    def _draw(self) -> None:
        if self._plot is None:
            return
        for name, curve in self._curves.items():
            found = self._points.get(name, ())
            curve.setData([x for x, _ in found], [y for _, y in found])
        self._mark.setData(*([[self._marked[0]], [self._marked[1]]] if self._marked else [[], []]))
        self._floor.setVisible(self._level is not None)
        if self._level is not None:
            self._floor.setValue(self._level)
        values = [y for found in self._points.values() for _, y in found]
        values += [] if self._level is None else [self._level]
        places = [x for found in self._points.values() for x, _ in found]
        self._plot.setXRange(0.0, max([self._end, 1.0, *places]), padding=0.02)
        if values:
            low = min([0.0, *values]) if self._from_zero else min(values)
            room = max(max(values) - low, 1e-6)
            self._plot.setYRange(low - (0.05 * room if low < 0 else 0), low + 1.08 * room, padding=0.0)

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current_theme()
        with QPainter(self) as painter:
            painter.setFont(caption_font())
            painter.setPen(QColor(theme.muted))
            head = QRect(2, 0, self.width() - 20, HEAD_PX)
            painter.drawText(head, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), self._title)
            painter.setFont(figures_font(11))
            painter.drawText(head, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), self._note)
            right = head.right()
            for line in reversed(self._lines if not self._note else ()):
                found = self._points.get(line.name, ())
                text = f"{line.name} {found[-1][1]:.2f}" if found else line.name
                width = painter.fontMetrics().horizontalAdvance(text)
                painter.setPen(QColor(getattr(theme, line.color)))
                place = QRect(right - width, 0, width + 1, HEAD_PX)
                painter.drawText(place, int(Qt.AlignmentFlag.AlignVCenter), text)
                right -= width + 14


def averaged(points: Sequence[Point]) -> tuple[Point, ...]:
    """At most `MAX_POINTS`, neighbours taken together; without those that are no numbers."""
    known = [(x, y) for x, y in points if math.isfinite(y)]
    size = max(1, math.ceil(len(known) / MAX_POINTS))
    groups = [known[start : start + size] for start in range(0, len(known), size)]
    return tuple((sum(x for x, _ in group) / len(group), sum(y for _, y in group) / len(group)) for group in groups)


def _thousands(values: Sequence[float], scale: float, spacing: float) -> list[str]:
    return [f"{value:.0f}" if abs(value) < 1000 else f"{value / 1000:g}k" for value in values]

"""The alpha curve: how much of B each resolution takes, dragged like a tone curve."""

from __future__ import annotations

from itertools import pairwise

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QBrush, QColor, QLinearGradient, QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from gui.theme import Theme, body_font, current_theme, mix
from gui.widgets.columns import Columns
from gui.widgets.slider_paint import paint_knob

HEIGHT_PX = 112
_LEFT_PX, _RIGHT_PX, _TOP_PX, _BOTTOM_PX = 24.0, 18.0, 16.0, 24.0
_AXIS_FONT_PX = 9


class AlphaCurve(Columns):
    """Share of B, 0 to 1, per resolution or per layer."""

    curve_changed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0.0, 1.0, 0.0, unfolded=False, parent=parent)
        self._alpha = 1.0
        self.setAccessibleName("Alpha curve: share of B per resolution")
        self.setFixedHeight(HEIGHT_PX)
        self.values_edited.connect(self.curve_changed)

    @property
    def curve(self) -> tuple[float, ...]:
        """Share of B per position, two positions per resolution."""
        return self.values

    def set_curve(self, curve: tuple[float, ...]) -> None:
        """Show a curve, silently; a short one is continued by its last value."""
        count = 2 * len(self.resolutions)
        self.set_values((*curve, *((curve[-1],) * (count - len(curve)) if curve else ())))

    def set_default_curve(self, curve: tuple[float, ...]) -> None:
        """What double-click goes back to."""
        self.set_defaults(curve)

    def set_alpha(self, alpha: float) -> None:
        """The slider that scales the whole curve: its effect is drawn as a faint line."""
        self._alpha = alpha
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(240, HEIGHT_PX)

    def minimumSizeHint(self) -> QSize:
        return QSize(140, HEIGHT_PX)

    def column_x(self, column: int) -> float:
        width = self.width() - _LEFT_PX - _RIGHT_PX
        return _LEFT_PX + width * column / max(1, self.column_count - 1)

    def value_y(self, value: float) -> float:
        height = self.height() - _TOP_PX - _BOTTOM_PX
        return _TOP_PX + height * (1 - value)

    def points(self, scale: float = 1.0) -> list[QPointF]:
        """Where the knobs are, with the curve scaled."""
        return [
            QPointF(self.column_x(column), self.value_y(scale * self.column_value(column)))
            for column in range(self.column_count)
        ]

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current_theme()
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            self._paint_ground(painter, theme)
            if not self.column_count:
                return
            points = self.points()
            painter.setBrush(Qt.BrushStyle.NoBrush)
            if self._alpha != 1.0:
                scaled = self.points(self._alpha)
                painter.setPen(QPen(self._line_brush(theme, 0.45), 1.2, Qt.PenStyle.DotLine))
                painter.drawPath(smooth_path(scaled))
            painter.setPen(QPen(self._line_brush(theme, 1.0), 2.4))
            painter.drawPath(smooth_path(points))
            self._paint_knobs(painter, theme, points)

    def _line_brush(self, theme: Theme, strength: float) -> QBrush:
        if not self.isEnabled():
            return QBrush(QColor(theme.disabled))
        gradient = QLinearGradient(0, self.value_y(0), 0, self.value_y(1))
        gradient.setColorAt(0, mix(theme.sunken, theme.a, strength))
        gradient.setColorAt(1, mix(theme.sunken, theme.b, strength))
        return QBrush(gradient)

    def _paint_ground(self, painter: QPainter, theme: Theme) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.sunken))
        painter.drawRoundedRect(QRectF(self.rect()), 6, 6)
        painter.setPen(QPen(mix(theme.sunken, theme.line, 0.7), 1))
        for share in (0.0, 0.5, 1.0):
            y = round(self.value_y(share)) + 0.5
            painter.drawLine(QPointF(_LEFT_PX - 4, y), QPointF(self.width() - _RIGHT_PX + 5, y))
        painter.setFont(body_font(_AXIS_FONT_PX))
        letters = (("A", 0.0, theme.a_text), ("B", 1.0, theme.b_text))
        for letter, share, color in letters:
            painter.setPen(QColor(color if self.isEnabled() else theme.disabled))
            box = QRectF(0, self.value_y(share) - 8, _LEFT_PX - 4, 16)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, letter)
        painter.setPen(QColor(theme.muted if self.isEnabled() else theme.disabled))
        for index, resolution in enumerate(self.resolutions):
            x = self._resolution_x(index)
            box = QRectF(clamp_box(x, 36, self.width()), self.height() - 19, 36, 14)
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, str(resolution))

    def _resolution_x(self, index: int) -> float:
        if not self.is_unfolded:
            return self.column_x(index)
        return (self.column_x(2 * index) + self.column_x(2 * index + 1)) / 2

    def _paint_knobs(self, painter: QPainter, theme: Theme, points: list[QPointF]) -> None:
        diameter = 6.0 if self.is_unfolded else 8.0
        for column, point in enumerate(points):
            is_current = self.hasFocus() and column == self.current
            grown = diameter + (2 if column == self._hovered else 0)
            paint_knob(
                painter,
                theme,
                point,
                is_enabled=self.isEnabled(),
                has_focus=is_current,
                diameter_px=grown,
                ring_px=1.0 if self.is_unfolded and not is_current else 2.0,
            )


def clamp_box(middle: float, width: float, available: float) -> float:
    """The left edge of a box round `middle` that stays inside."""
    return min(max(1.0, middle - width / 2), available - width - 1)


def smooth_path(points: list[QPointF]) -> QPainterPath:
    """A monotone cubic through points of ascending x: it never swings past them.

    Source: Fritsch & Carlson 1980, doi 10.1137/0717021, with the three-point harmonic mean of the slopes.
    """
    path = QPainterPath(points[0])
    slopes = [(right.y() - left.y()) / max(1e-6, right.x() - left.x()) for left, right in pairwise(points)]
    tangents = [0.0, *(_harmonic(before, after) for before, after in pairwise(slopes)), 0.0]
    for index, (left, right) in enumerate(pairwise(points)):
        third = (right.x() - left.x()) / 3
        path.cubicTo(
            QPointF(left.x() + third, left.y() + third * tangents[index]),
            QPointF(right.x() - third, right.y() - third * tangents[index + 1]),
            right,
        )
    return path


def _harmonic(before: float, after: float) -> float:
    return 0.0 if before * after <= 0 else 2 * before * after / (before + after)

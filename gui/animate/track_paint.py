"""Draws the timeline: ruler, tracks, curves, keys and the head."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFontMetricsF, QPainter, QPen, QPolygonF

from engine.animation.easing import Easing
from engine.animation.timeline import Key
from gui.animate.rows import KEY_PX, MARGIN_PX, NAMES_PX, RULER_PX, Layout, Row, is_curved
from gui.icons import paint_icon
from gui.theme import Theme, caption_font, current_theme, figures_font, mix

FOLD_PX = 18
_TEXT_PAD_PX = 8


def paint_ruler(painter: QPainter, layout: Layout, theme: Theme, visible: QRectF) -> None:
    painter.fillRect(QRectF(0, 0, layout.width, RULER_PX), QColor(theme.panel))
    painter.setFont(caption_font())
    for time_s, is_named in layout.ticks():
        x = round(layout.x(time_s)) + 0.5
        painter.setPen(QColor(theme.muted if is_named else theme.line))
        painter.drawLine(QPointF(x, RULER_PX - (7 if is_named else 4)), QPointF(x, RULER_PX - 1))
        if is_named:
            box = QRectF(x - 30, 0, 60, RULER_PX - 7)
            painter.drawText(box, int(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignVCenter), f"{time_s:g} s")
    painter.fillRect(QRectF(0, RULER_PX - 1, layout.width, 1), QColor(theme.line))


def paint_row(
    painter: QPainter, layout: Layout, row: Row, theme: Theme, *, name: str, value: str, is_current: bool,
    is_focused: bool, is_touched: bool, is_chosen: Callable[[Key], bool],
) -> None:  # fmt: skip
    box = QRectF(0, row.top, layout.width, row.height)
    if is_current:
        painter.fillRect(box, mix(theme.window, theme.focus, 0.10 if is_focused else 0.05))
    painter.fillRect(QRectF(0, box.bottom() - 1, layout.width, 1), mix(theme.window, theme.line, 0.6))
    _paint_name(painter, row, theme, name, value, is_touched)
    painter.save()
    painter.setClipRect(QRectF(NAMES_PX, row.top, layout.width - NAMES_PX, row.height))
    _paint_way(painter, layout, row, theme)
    for key in row.track.keys:
        _paint_key(painter, QPointF(layout.x(key.time_s), layout.y(row, key)), key, theme, is_chosen(key))
    painter.restore()


def paint_head(painter: QPainter, layout: Layout, head_s: float, height: float, theme: Theme) -> None:
    x = round(layout.x(head_s)) + 0.5
    painter.setPen(QPen(QColor(theme.focus), 1))
    painter.drawLine(QPointF(x, RULER_PX - 8), QPointF(x, height))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(theme.focus))
    top = RULER_PX - 12
    corners = ((-6, 0), (6, 0), (6, 5), (0, 11), (-6, 5))
    painter.drawPolygon(QPolygonF([QPointF(x + right, top + down) for right, down in corners]))


def paint_hint(painter: QPainter, box: QRectF, text: str) -> None:
    painter.setFont(caption_font())
    painter.setPen(QColor(current_theme().muted))
    painter.drawText(box, int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap), text)


def _paint_name(painter: QPainter, row: Row, theme: Theme, name: str, value: str, is_touched: bool) -> None:
    line = QRectF(0, row.top, NAMES_PX, 26)
    if is_curved(row.path):
        place = QRect(6, int(row.top) + 8, 10, 10)
        paint_icon(painter, place, "fold" if row.is_open else "unfold", QColor(theme.muted))
    painter.setFont(figures_font(11))
    metrics = QFontMetricsF(painter.font())
    room = NAMES_PX - FOLD_PX - 2 * _TEXT_PAD_PX
    shown = metrics.elidedText(value, Qt.TextElideMode.ElideRight, room * 0.5)
    painter.setPen(QColor(theme.warn if is_touched else theme.muted))
    right = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    painter.drawText(line.adjusted(0, 0, -_TEXT_PAD_PX, 0), right, shown)
    painter.setFont(figures_font(12))
    left_over = room - metrics.horizontalAdvance(shown) - 4
    painter.setPen(QColor(theme.text))
    text = QFontMetricsF(painter.font()).elidedText(name, Qt.TextElideMode.ElideRight, left_over + _TEXT_PAD_PX)
    left = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    painter.drawText(line.adjusted(FOLD_PX + 2, 0, 0, 0), left, text)
    painter.fillRect(QRectF(NAMES_PX, row.top, 1, row.height), QColor(theme.line))


def _paint_way(painter: QPainter, layout: Layout, row: Row, theme: Theme) -> None:
    """The curve of a number; of anything else lines where it is on its way."""
    points = [QPointF(x, y) for x, y in layout.curve(row)]
    if points:
        painter.setPen(QPen(mix(theme.window, theme.focus, 0.75 if row.is_open else 0.45), 1.5))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawPolyline(QPolygonF(points))
        if row.is_open:
            _paint_scale(painter, layout, row, theme)
        return
    keys = row.track.keys
    painter.setPen(QPen(mix(theme.window, theme.focus, 0.45), 2))
    for start, stop in pairwise(keys):
        if start.easing is not Easing.HOLD and start.value != stop.value:
            painter.drawLine(
                QPointF(layout.x(start.time_s), row.middle), QPointF(layout.x(stop.time_s), row.middle)
            )
    if layout.timeline.loop and len(keys) > 1 and keys[-1].easing is not Easing.HOLD:
        end = layout.x(layout.timeline.duration_s)
        painter.drawLine(QPointF(layout.x(keys[-1].time_s), row.middle), QPointF(end, row.middle))


def _paint_scale(painter: QPainter, layout: Layout, row: Row, theme: Theme) -> None:
    painter.setFont(caption_font())
    painter.setPen(QColor(theme.muted))
    for value in (row.low, row.high):
        y = layout.value_y(row, value)
        box = QRectF(NAMES_PX - 60, y - 8, 60 - _TEXT_PAD_PX, 16)
        painter.setClipping(False)
        if value == row.low:  # at the head of the row stands the name
            painter.drawText(box, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), f"{value:g}")
        painter.setClipping(True)
        painter.fillRect(
            QRectF(layout.left - MARGIN_PX, y, layout.width, 1), mix(theme.window, theme.line, 0.5)
        )


def _paint_key(painter: QPainter, place: QPointF, key: Key, theme: Theme, is_chosen: bool) -> None:
    """A diamond; a square holds, a circle flows."""
    size = KEY_PX
    painter.setPen(QPen(QColor(theme.knob_edge if not is_chosen else theme.focus), 1.5))
    painter.setBrush(QColor(theme.focus if is_chosen else theme.knob))
    if key.easing is Easing.HOLD:
        painter.drawRect(QRectF(place.x() - size * 0.8, place.y() - size * 0.8, size * 1.6, size * 1.6))
    elif key.easing is Easing.FLOW:
        painter.drawEllipse(place, size * 0.9, size * 0.9)
    else:
        corners = ((0, -size), (size, 0), (0, size), (-size, 0))
        painter.drawPolygon(QPolygonF([place + QPointF(x, y) for x, y in corners]))

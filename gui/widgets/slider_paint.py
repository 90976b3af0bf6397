"""How labels, value boxes, tracks and knobs look, for every control that has them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QLinearGradient, QPainter, QPen

from gui.icons import paint_icon
from gui.theme import Theme, body_font, figures_font

TRACK_PX = 4.0
KNOB_PX = 12.0
_CENTRE_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter


def text_width(text: str, font: QFont) -> float:
    return QFontMetricsF(font).horizontalAdvance(text)


def paint_label(painter: QPainter, theme: Theme, rect: QRectF, text: str, is_enabled: bool) -> None:
    """Left, elided where it does not fit."""
    font = body_font()
    elided = QFontMetricsF(font).elidedText(text, Qt.TextElideMode.ElideRight, rect.width())
    painter.setFont(font)
    painter.setPen(QColor(theme.text if is_enabled else theme.disabled))
    painter.drawText(rect, _CENTRE_LEFT, elided)


def paint_value_box(
    painter: QPainter, theme: Theme, rect: QRectF, text: str, is_enabled: bool, *, has_focus: bool = False
) -> None:
    """A raised box with a figure in its middle."""
    edge = theme.focus if has_focus else (theme.raised if theme.is_dark else theme.line)
    painter.setPen(QPen(QColor(edge), 1))
    painter.setBrush(QColor(theme.raised) if is_enabled else Qt.BrushStyle.NoBrush)
    painter.drawRoundedRect(rect.adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
    painter.setFont(figures_font())
    painter.setPen(QColor(theme.text if is_enabled else theme.disabled))
    painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, text)


def paint_lock(painter: QPainter, theme: Theme, rect: QRectF, is_locked: bool) -> None:
    color = theme.text if is_locked else theme.disabled
    paint_icon(painter, rect.toAlignedRect(), "lock" if is_locked else "unlock", QColor(color))


def paint_track(
    painter: QPainter,
    theme: Theme,
    rect: QRectF,
    *,
    gradient: bool,
    ticks: Sequence[float],
    notch: float,
    knob: float,
    is_enabled: bool,
    has_focus: bool,
) -> None:
    """The line with its default notch and the knob; `ticks`, `notch` and `knob` are x positions."""
    painter.setPen(Qt.PenStyle.NoPen)
    if gradient and is_enabled:
        fill = QLinearGradient(rect.topLeft(), rect.topRight())
        fill.setColorAt(0, QColor(theme.a))
        fill.setColorAt(1, QColor(theme.b))
        painter.setBrush(fill)
    else:
        painter.setBrush(QColor(theme.line))
    painter.drawRoundedRect(rect, TRACK_PX / 2, TRACK_PX / 2)
    painter.setBrush(QColor(theme.panel))
    for x in ticks[1:-1]:
        painter.drawRect(QRectF(math.floor(x), rect.top(), 1, rect.height()))
    painter.setBrush(QColor(theme.muted if is_enabled else theme.disabled))
    painter.drawRect(QRectF(math.floor(notch), rect.top() - 3, 1, rect.height() + 6))
    paint_knob(painter, theme, QPointF(knob, rect.center().y()), is_enabled=is_enabled, has_focus=has_focus)


def paint_knob(
    painter: QPainter,
    theme: Theme,
    centre: QPointF,
    *,
    is_enabled: bool = True,
    has_focus: bool = False,
    diameter_px: float = KNOB_PX - 2,
    ring_px: float = 2.0,
) -> None:
    """A bright dot; with focus it wears a ring."""
    radius = diameter_px / 2
    edge = (theme.focus if has_focus else theme.knob_edge) if is_enabled else theme.panel
    painter.setPen(QPen(QColor(edge), ring_px))
    painter.setBrush(QColor(theme.knob if is_enabled else theme.disabled))
    painter.drawEllipse(centre, radius + 0.5, radius + 0.5)

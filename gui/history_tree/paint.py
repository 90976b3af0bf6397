"""How the history tree looks: pictures, the lines between them, marks."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPainterPath, QPen

from engine.history import HistoryEntry
from gui.theme import caption_font, current_theme, mix
from gui.widgets.filmstrip import paint_star
from gui.widgets.thumb import paint_thumb

CAPTION_PX = 18
_PATH_PX = 2.0
_DIM = 0.22


@dataclass(frozen=True, slots=True)
class Look:
    """How one entry stands out."""

    is_here: bool
    on_path: bool
    is_hovered: bool
    is_dimmed: bool


def ground(painter: QPainter, area: QRectF) -> None:
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.fillRect(area, QColor(current_theme().window))


def focus_frame(painter: QPainter, area: QRectF) -> None:
    painter.setPen(QPen(QColor(current_theme().focus), 1))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRect(area.adjusted(0.5, 0.5, -0.5, -0.5))


def across(painter: QPainter, left: float, right: float, height: float, *, on_path: bool) -> None:
    painter.setPen(_path_pen() if on_path else _line_pen())
    painter.drawLine(QPointF(left, height), QPointF(right, height))


def upright(painter: QPainter, x: float, top: float, bottom: float) -> None:
    painter.setPen(_line_pen())
    painter.drawLine(QPointF(x, top), QPointF(x, bottom))


def turn(painter: QPainter, left: float, x: float, top: float, bottom: float) -> None:
    """The present path, from a picture down to a branch."""
    painter.setPen(_path_pen())
    painter.setBrush(Qt.BrushStyle.NoBrush)
    way = QPainterPath(QPointF(left, top))
    way.lineTo(x, top)
    way.lineTo(x, bottom)
    painter.drawPath(way)


def _path_pen() -> QPen:
    return QPen(QColor(current_theme().focus), _PATH_PX)


def _line_pen() -> QPen:
    theme = current_theme()
    return QPen(QColor(mix(theme.line, theme.muted, 0.5)), 1.2)


def entry(
    painter: QPainter,
    rect: QRectF,
    caption: QRect | None,
    title: str,
    one: HistoryEntry,
    picture: QImage | None,
    look: Look,
) -> None:
    """
    Args:
        caption: Where its title goes; None shows none.
    """
    theme = current_theme()
    painter.setOpacity(_DIM if look.is_dimmed else 1.0)
    paint_thumb(painter, rect, picture)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    if look.is_here:
        painter.setPen(QPen(QColor(theme.focus), 3))
        painter.drawRoundedRect(rect.adjusted(-2.5, -2.5, 2.5, 2.5), 5, 5)
    elif look.is_hovered:
        painter.setPen(QPen(QColor(theme.text), 1.5))
        painter.drawRoundedRect(rect.adjusted(-1.5, -1.5, 1.5, 1.5), 4, 4)
    if one.is_starred:
        small = min(6.5, rect.width() / 6)
        paint_star(painter, QPointF(rect.left() + small + 2, rect.top() + small + 2), small)
    if caption is not None:
        painter.setFont(caption_font())
        painter.setPen(QColor(theme.text if one.name or look.is_here else theme.muted))
        words = painter.fontMetrics().elidedText(title, Qt.TextElideMode.ElideRight, caption.width())
        painter.drawText(caption, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, words)
    painter.setOpacity(1.0)

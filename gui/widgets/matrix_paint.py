"""How the parts of the mixing matrix look."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QImage, QPainter, QPainterPath, QPen

from gui.icons import paint_icon
from gui.theme import CAPTION_PX, Theme, body_font, caption_font, figures_font, mix

NAME_PX = (72.0, 108.0)
"""How narrow and how wide the column of names may be."""

ICON_PX = 20.0
_GROUP_FONT_PX = 10
_OVERHANG_PX = 4.0


def paint_group(painter: QPainter, theme: Theme, rect: QRectF, name: str, *, is_lit: bool, is_enabled: bool) -> None:
    """The word for a group of columns, with a line under all of them."""
    painter.setFont(body_font(_GROUP_FONT_PX))
    color = theme.text if is_lit else theme.muted
    painter.setPen(QColor(color if is_enabled else theme.disabled))
    words = rect.adjusted(-_OVERHANG_PX, 0, _OVERHANG_PX, -3)
    elided = QFontMetricsF(painter.font()).elidedText(name, Qt.TextElideMode.ElideRight, words.width())
    painter.drawText(words, Qt.AlignmentFlag.AlignCenter, elided)
    painter.fillRect(QRectF(rect.left(), rect.bottom() - 1, rect.width(), 1), QColor(color if is_lit else theme.line))


def paint_header(painter: QPainter, theme: Theme, rect: QRectF, text: str, *, is_lit: bool, is_enabled: bool) -> None:
    """In the painter's font, see `header_font`."""
    painter.setPen(QColor((theme.focus if is_lit else theme.text) if is_enabled else theme.disabled))
    painter.drawText(rect.adjusted(-6, 0, 6, 0), Qt.AlignmentFlag.AlignCenter, text)


def header_font(texts: Sequence[str], width_px: float) -> QFont:
    """The caption size where every header fits over its columns, else a smaller one."""
    font = figures_font(CAPTION_PX)
    widest = max((QFontMetricsF(font).horizontalAdvance(text) for text in texts), default=0.0)
    return font if widest <= width_px else figures_font(CAPTION_PX - 2)


def text_width(painter: QPainter, text: str) -> float:
    return QFontMetricsF(painter.font()).horizontalAdvance(text)


def name_width(names: Sequence[tuple[str, bool]]) -> float:
    """The column that these names need, with a picture before those marked so."""
    metrics = QFontMetricsF(caption_font())
    widths = [metrics.horizontalAdvance(name) + (ICON_PX + 5 if has_icon else 0) + 8 for name, has_icon in names]
    return min(NAME_PX[1], max(NAME_PX[0], *widths)) if widths else NAME_PX[0]


def paint_name(
    painter: QPainter,
    theme: Theme,
    rect: QRectF,
    name: str,
    icon: QImage | None,
    *,
    is_current: bool,
    is_enabled: bool,
    is_muted: bool = False,
) -> None:
    """A source's name, bright where it is the current row, with its picture before it."""
    if icon is not None:
        box = QRectF(rect.left(), rect.center().y() - ICON_PX / 2, ICON_PX, ICON_PX)
        painter.save()
        painter.setOpacity(0.35 if is_muted else 1.0)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        clip = QPainterPath()
        clip.addRoundedRect(box, 3, 3)
        painter.setClipPath(clip)
        painter.drawImage(box, icon)
        painter.restore()
        rect = rect.adjusted(ICON_PX + 5, 0, 0, 0)
    font = caption_font()
    painter.setFont(font)
    color = theme.disabled if is_muted else theme.text if is_current else theme.muted
    painter.setPen(QColor(color if is_enabled else theme.disabled))
    elided = QFontMetricsF(font).elidedText(name, Qt.TextElideMode.ElideRight, rect.width())
    painter.drawText(rect, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, elided)


def paint_button(painter: QPainter, theme: Theme, rect: QRectF, icon: str, *, is_lit: bool) -> None:
    paint_icon(painter, rect.toAlignedRect(), icon, QColor(theme.text if is_lit else theme.muted))


def paint_gap(painter: QPainter, theme: Theme, width: float, y: float) -> None:
    """Where a row lands that is being moved."""
    painter.fillRect(QRectF(0, y - 1, width, 2), QColor(theme.focus))


def paint_ring(painter: QPainter, theme: Theme, rect: QRectF) -> None:
    """Round what keys act on."""
    painter.setPen(QPen(QColor(theme.text), 1.5))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawRoundedRect(rect.adjusted(-0.5, -0.5, 0.5, 0.5), 3, 3)


def paint_cell(
    painter: QPainter,
    theme: Theme,
    rect: QRectF,
    strength: float,
    *,
    is_lit: bool,
    is_enabled: bool,
    is_muted: bool = False,
) -> None:
    """Filled from the left by the strength."""
    shape = QPainterPath()
    shape.addRoundedRect(rect, 3, 3)
    ground = mix(theme.raised, theme.text, 0.10 if is_lit else 0.0) if theme.is_dark else QColor(theme.sunken)
    painter.fillPath(shape, mix(theme.sunken, theme.text, 0.08) if is_lit and not theme.is_dark else ground)
    if strength > 0:
        painter.save()
        painter.setClipRect(QRectF(rect.left(), rect.top(), rect.width() * strength, rect.height()))
        waits = is_muted or not is_enabled
        painter.fillPath(shape, QColor(theme.disabled) if waits else mix(theme.focus, theme.raised, 0.1))
        painter.restore()


def paint_empty(painter: QPainter, theme: Theme, rect: QRectF, text: str) -> None:
    painter.setFont(caption_font())
    painter.setPen(QColor(theme.muted))
    painter.drawText(rect, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)

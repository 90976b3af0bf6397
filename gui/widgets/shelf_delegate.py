"""How the items of the shelf look."""

from __future__ import annotations

from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import QBrush, QColor, QFont, QFontMetricsF, QLinearGradient, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QAbstractItemView, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from gui.icons import paint_icon
from gui.theme import Theme, body_font, caption_font, current_theme, mix, share_color
from gui.widgets.item_model import ITEM_ROLE, Index
from gui.widgets.thumb import paint_thumb

THUMB_PX = 36.0
_LETTER_PX = 16.0
_SHARES_PX = 3.0
_UNUSABLE_OPACITY = 0.4
_VERTICAL = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter


def name_rect(cell: QRectF) -> QRectF:
    """Where the name of a row is: for typing another."""
    left = cell.left() + THUMB_PX + 7
    return QRectF(left, cell.top() + 1, cell.right() - 2 - left, cell.height() / 2)


def letter_rects(cell: QRectF) -> dict[str, QRectF]:
    """Where the letters A and B of a row are: two columns at its right end."""
    right = cell.right() - 3
    top, height = cell.top(), cell.height()
    return {
        "A": QRectF(right - 2 * _LETTER_PX, top, _LETTER_PX, height),
        "B": QRectF(right - _LETTER_PX, top, _LETTER_PX, height),
    }


class _ShelfDelegate(QStyledItemDelegate):
    def __init__(self, view: QAbstractItemView) -> None:
        super().__init__(view)
        self._view = view

    def _has(self, option: QStyleOptionViewItem, flag: QStyle.StateFlag) -> bool:
        return bool(option.state & flag)

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        size: QSize = self._view.cell_size()  # type: ignore[attr-defined]
        return size


class RowDelegate(_ShelfDelegate):
    """A thumbnail, a name and a caption; tinted by the side it is on; A and B to click while hovered.

    Args:
        glyph: Drawn where there is no thumbnail and can be none; such rows have no sides either.
    """

    def __init__(self, view: QAbstractItemView, glyph: str = "") -> None:
        super().__init__(view)
        self._glyph = glyph

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        theme, item = current_theme(), index.data(ITEM_ROLE)
        cell = QRectF(option.rect).adjusted(0, 0, 0, -3)
        is_hovered = self._has(option, QStyle.StateFlag.State_MouseOver)
        is_selected = self._has(option, QStyle.StateFlag.State_Selected)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(row_brush(theme, cell, item.badge, is_hovered=is_hovered))
        painter.drawRoundedRect(cell, 5, 5)
        if is_selected and self._view.hasFocus():
            painter.setPen(QPen(QColor(theme.focus), 1))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(cell.adjusted(0.5, 0.5, -0.5, -0.5), 5, 5)
        thumb = QRectF(cell.left() + 3, cell.center().y() - THUMB_PX / 2, THUMB_PX, THUMB_PX)
        if self._glyph:
            paint_icon(painter, _middle(thumb, 18), self._glyph, QColor(theme.muted))
        else:
            paint_thumb(painter, thumb, item.thumbnail)
        self._paint_words(painter, theme, cell, item.name, item.caption)
        shows_both = not self._glyph and (is_hovered or (is_selected and self._view.hasFocus()))
        self._paint_letters(painter, theme, QRectF(option.rect), item.badge, shows_both)
        painter.restore()

    def _paint_words(self, painter: QPainter, theme: Theme, cell: QRectF, name: str, caption: str) -> None:
        left = cell.left() + THUMB_PX + 11
        width = cell.right() - 2 * _LETTER_PX - 5 - left
        half = cell.height() / 2
        if caption:
            _paint_line(painter, QRectF(left, cell.top() + 3, width, half - 2), name, body_font(), theme.text)
            lower = QRectF(left, cell.top() + half + 1, width, half - 4)
            _paint_line(painter, lower, caption, caption_font(), theme.muted)
        else:
            _paint_line(painter, QRectF(left, cell.top(), width, cell.height()), name, body_font(), theme.text)

    def _paint_letters(self, painter: QPainter, theme: Theme, cell: QRectF, badge: str, shows_both: bool) -> None:
        font = caption_font()
        font.setWeight(QFont.Weight.Bold)
        painter.setFont(font)
        for letter, rect in letter_rects(cell).items():
            if letter in badge:
                painter.setPen(QColor(theme.a_text if letter == "A" else theme.b_text))
            elif shows_both:
                painter.setPen(QColor(theme.muted))
            else:
                continue
            painter.drawText(rect.adjusted(0, 0, 0, -3), Qt.AlignmentFlag.AlignCenter, letter)


class GridDelegate(_ShelfDelegate):
    """A thumbnail with a ring where it is selected, and at its foot how much of B it takes, from coarse to fine."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        theme, item = current_theme(), index.data(ITEM_ROLE)
        cell = QRectF(option.rect)
        edge = min(cell.width(), cell.height()) - 5
        rect = QRectF(cell.left(), cell.top(), edge, edge)
        is_selected = self._has(option, QStyle.StateFlag.State_Selected)
        is_hovered = self._has(option, QStyle.StateFlag.State_MouseOver)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setOpacity(1.0 if item.is_usable else _UNUSABLE_OPACITY)
        paint_thumb(painter, rect, item.thumbnail, radius=4)
        if not item.is_usable:
            paint_icon(painter, _middle(rect, 16), "unlink", QColor(theme.text))
        paint_shares(painter, rect.adjusted(2, 2, -2, -2) if is_selected else rect, item.shares)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if is_selected:
            painter.setPen(QPen(QColor(theme.focus), 2))
            painter.drawRoundedRect(rect.adjusted(1, 1, -1, -1), 4, 4)
        else:
            painter.setPen(QPen(QColor(theme.muted if is_hovered else theme.line), 1))
            painter.drawRoundedRect(rect.adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
        painter.restore()


def paint_shares(painter: QPainter, rect: QRectF, shares: tuple[float, ...]) -> None:
    """A line along the foot of `rect`, from the coarsest layer to the finest: teal where it is A, coral where B."""
    if not shares:
        return
    theme = current_theme()
    corners = QPainterPath()
    corners.addRoundedRect(rect, 4, 4)
    painter.save()
    painter.setClipPath(corners)
    gradient = QLinearGradient(rect.bottomLeft(), rect.bottomRight())
    for place, share in enumerate(shares):
        gradient.setColorAt((place + 0.5) / len(shares), share_color(theme, share))
    painter.fillRect(QRectF(rect.left(), rect.bottom() - _SHARES_PX, rect.width(), _SHARES_PX), gradient)
    painter.restore()


def _middle(rect: QRectF, edge: int) -> QRect:
    middle = rect.center()
    return QRect(round(middle.x() - edge / 2), round(middle.y() - edge / 2), edge, edge)


def row_brush(theme: Theme, cell: QRectF, badge: str, *, is_hovered: bool = False) -> QBrush:
    """The ground of a row: teal for A, coral for B, the gradient for both."""
    strength = 0.17 if theme.is_dark else 0.16
    ground_a, ground_b = mix(theme.panel, theme.a, strength), mix(theme.panel, theme.b, strength * 0.9)
    if badge == "A":
        return QBrush(ground_a)
    if badge == "B":
        return QBrush(ground_b)
    if badge == "AB":
        gradient = QLinearGradient(cell.topLeft(), cell.topRight())
        gradient.setColorAt(0, ground_a)
        gradient.setColorAt(1, ground_b)
        return QBrush(gradient)
    return QBrush(QColor(theme.raised)) if is_hovered else QBrush(Qt.BrushStyle.NoBrush)


def _paint_line(painter: QPainter, rect: QRectF, text: str, font: QFont, color: str) -> None:
    painter.setFont(font)
    painter.setPen(QColor(color))
    elided = QFontMetricsF(font).elidedText(text, Qt.TextElideMode.ElideRight, rect.width())
    painter.drawText(rect, _VERTICAL, elided)

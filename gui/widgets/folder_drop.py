"""A place to drop a folder of pictures on: empty it asks for one, filled it shows what is in it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QImage,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPen,
)
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from gui.icons import paint_icon
from gui.theme import RADIUS_PX, body_font, caption_font, current_theme, mix
from gui.widgets.drops import local_paths

HEIGHT_PX = 132
MOST_PX = 420
PICTURE_PX = 80
_MARGIN_PX = 10
_GAP_PX = 6
_WORDS_PX = 38


class FolderDrop(QAbstractButton):
    """A click, Space or Enter asks for a folder; `dropped` brings one, or that of dropped pictures."""

    dropped = Signal(object)  # Path

    def __init__(self, question: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._question = question
        self._pictures: tuple[QImage, ...] = ()
        self._caption = ""
        self._is_warning = False
        self._is_target = False
        self.setAcceptDrops(True)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumHeight(HEIGHT_PX)
        self.setMaximumHeight(MOST_PX)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName(question)

    @property
    def caption(self) -> str:
        return self._caption

    def show_folder(self, name: str, caption: str, pictures: Sequence[QImage], *, is_warning: bool = False) -> None:
        """
        Args:
            name: Of the folder.
            caption: What is in it.
        """
        self.setText(name)
        self._caption, self._pictures, self._is_warning = caption, tuple(pictures), is_warning
        self.setAccessibleDescription(f"{name}, {caption}")
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(420, HEIGHT_PX)

    def minimumSizeHint(self) -> QSize:
        return QSize(240, HEIGHT_PX)

    # --- drops ----------------------------------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if local_paths(event.mimeData()):
            event.acceptProposedAction()
            self._mark(True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._mark(False)

    def dropEvent(self, event: QDropEvent) -> None:
        self._mark(False)
        paths = local_paths(event.mimeData())
        if paths:
            event.acceptProposedAction()
            self.dropped.emit(folder_meant(paths[0]))

    def _mark(self, is_target: bool) -> None:
        self._is_target = is_target
        self.update()

    # --- showing --------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current_theme()
        rect = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        is_lit = self._is_target or self.hasFocus()
        with QPainter(self) as painter:
            painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
            edge = QColor(theme.focus) if is_lit else mix(theme.line, theme.muted, 0.5 if self.underMouse() else 0.2)
            is_dashed = not self.text() and not is_lit
            painter.setPen(QPen(edge, 1, Qt.PenStyle.DashLine if is_dashed else Qt.PenStyle.SolidLine))
            painter.setBrush(QColor(theme.sunken))
            painter.drawRoundedRect(rect, RADIUS_PX, RADIUS_PX)
            if self.text():
                self._paint_pictures(painter)
                self._paint_words(painter)
            else:
                self._paint_question(painter)

    def _paint_question(self, painter: QPainter) -> None:
        theme, middle = current_theme(), self.rect().center()
        paint_icon(painter, QRect(middle.x() - 12, middle.y() - 34, 24, 24), "folder", QColor(theme.muted))
        painter.setFont(body_font())
        painter.setPen(QColor(theme.text))
        below = QRect(_MARGIN_PX, middle.y() - 2, self.width() - 2 * _MARGIN_PX, 40)
        flags = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap
        painter.drawText(below, int(flags), self._question)

    def _paint_pictures(self, painter: QPainter) -> None:
        """As many rows as there is room for, spread over the whole width."""
        wide = self.width() - 2 * _MARGIN_PX
        high = self.height() - _WORDS_PX - 2 * _MARGIN_PX
        rows = max(1, round(high / (PICTURE_PX + _GAP_PX)))
        edge = (high - _GAP_PX * (rows - 1)) / rows
        columns = max(1, int((wide + _GAP_PX) // (edge + _GAP_PX)))
        gap = (wide - columns * edge) / max(1, columns - 1)
        painter.save()
        clip = QPainterPath()
        places = [
            QRectF(_MARGIN_PX + column * (edge + gap), _MARGIN_PX + row * (edge + _GAP_PX), edge, edge)
            for row in range(rows)
            for column in range(columns)
        ]
        for place, picture in zip(places, self._pictures, strict=False):
            clip.clear()
            clip.addRoundedRect(place, 4, 4)
            painter.setClipPath(clip)
            painter.drawImage(place, picture)
        painter.restore()

    def _paint_words(self, painter: QPainter) -> None:
        theme = current_theme()
        room = self.width() - 2 * _MARGIN_PX
        top = self.height() - _WORDS_PX - 4
        flags = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        painter.setFont(body_font())
        painter.setPen(QColor(theme.text))
        shown = painter.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideMiddle, room)
        painter.drawText(QRect(_MARGIN_PX, top, room, 18), flags, shown)
        below = QRect(_MARGIN_PX, top + 19, room, 18)
        if self._is_warning:
            paint_icon(painter, QRect(below.left(), below.top() + 2, 14, 14), "warning", QColor(theme.warn))
            below.setLeft(below.left() + 19)
        painter.setFont(caption_font())
        painter.setPen(QColor(theme.text if self._is_warning else theme.muted))
        shown = painter.fontMetrics().elidedText(self._caption, Qt.TextElideMode.ElideRight, below.width())
        painter.drawText(below, flags, shown)


def folder_meant(path: Path) -> Path:
    """A dropped folder, or the one that a dropped picture lies in."""
    return path if path.is_dir() else path.parent

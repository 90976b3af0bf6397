"""A sample sheet: as large as fits; held under the pointer, its own pixels."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from gui.theme import body_font, current_theme

_MARGIN_PX = 12


class SheetView(QWidget):
    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._sheet: QImage | None = None
        self._words = ""
        self._held: QPointF | None = None
        self.setMinimumSize(240, 130)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setToolTip("Press and hold to look closer")
        self.setAccessibleName("Sample sheet")

    @property
    def sheet(self) -> QImage | None:
        return self._sheet

    def show_sheet(self, sheet: QImage | None, words: str = "") -> None:
        """`words` are shown as long as there is none."""
        self._sheet, self._words = sheet, words
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(720, 360)

    def shown_rect(self) -> QRectF:
        """Where the whole sheet is drawn: small ones up to three times their size, so that pixels stay pixels."""
        if self._sheet is None or self._sheet.isNull():
            return QRectF()
        room = QRectF(self.rect()).adjusted(_MARGIN_PX, _MARGIN_PX, -_MARGIN_PX, -_MARGIN_PX)
        factor = min(room.width() / self._sheet.width(), room.height() / self._sheet.height(), 3.0)
        width, height = self._sheet.width() * factor, self._sheet.height() * factor
        return QRectF(room.center().x() - width / 2, room.center().y() - height / 2, width, height)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton:
            self._hold(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._held is not None:
            self._hold(event.position())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._hold(None)

    def _hold(self, place: QPointF | None) -> None:
        self._held = place
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current_theme()
        with QPainter(self) as painter:
            painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
            painter.fillRect(self.rect(), QColor(theme.canvas))
            if self._sheet is None or self._sheet.isNull():
                painter.setFont(body_font())
                painter.setPen(QColor(theme.canvas_text))
                flags = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap)
                painter.drawText(self.rect(), flags, self._words)
                return
            shown = self.shown_rect()
            clip = QPainterPath()
            clip.addRoundedRect(shown, 4, 4)
            painter.setClipPath(clip)
            painter.drawImage(shown, self._sheet, QRectF(self._looked_at(shown)))

    def _looked_at(self, shown: QRectF) -> QRectF:
        """The part of the sheet that is drawn: all of it, or a third round the pointer."""
        sheet = self._sheet
        assert sheet is not None
        whole = QRectF(sheet.rect())
        if self._held is None:
            return whole
        width, height = whole.width() / 3, whole.height() / 3
        across = min(1.0, max(0.0, (self._held.x() - shown.left()) / max(1.0, shown.width())))
        down = min(1.0, max(0.0, (self._held.y() - shown.top()) / max(1.0, shown.height())))
        return QRectF(across * (whole.width() - width), down * (whole.height() - height), width, height)

"""A slider between two goods: each end has a name, and the value stands between them."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from gui.theme import body_font, current_theme, figures_font
from gui.widgets import slider_paint
from gui.widgets.edit_slider import HEADER_PX, HEIGHT_PX, EditSlider

_GAP_PX = 8.0


class EndsSlider(EditSlider):
    """From 0, which is `low`, to 1, which is `high`. The value can be typed with Enter as everywhere.

    Args:
        label: What it turns, for a screen reader.
    """

    def __init__(self, label: str, low: str, high: str, default: float, parent: QWidget | None = None) -> None:
        super().__init__(label, 0.0, 1.0, default, parent=parent)
        self._low, self._high = low, high

    def _word_width(self, word: str) -> float:
        return slider_paint.text_width(word, body_font())

    def minimumSizeHint(self) -> QSize:
        return QSize(round(self._word_width(self._low) + self._word_width(self._high) + 2 * _GAP_PX), HEIGHT_PX)

    def value_rect(self) -> QRectF:
        """In the middle between the two words."""
        left, right = self._word_width(self._low) + _GAP_PX, self.width() - self._word_width(self._high) - _GAP_PX
        width = max(30.0, slider_paint.text_width(self.shown_text(), figures_font()) + 10)
        middle = (left + right) / 2
        return QRectF(middle - width / 2, 1, width, HEADER_PX - 2)

    def _has_room_for_value(self) -> bool:
        taken = self._word_width(self._low) + self._word_width(self._high) + 2 * _GAP_PX
        return self.value_rect().width() + taken <= self.width()

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = current_theme()
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setFont(body_font())
            header = QRectF(0, 0, self.width(), HEADER_PX)
            for word, side, share in (
                (self._low, Qt.AlignmentFlag.AlignLeft, 1.0 - self.value),
                (self._high, Qt.AlignmentFlag.AlignRight, self.value),
            ):
                color = theme.disabled if not self.isEnabled() else theme.text if share >= 0.5 else theme.muted
                painter.setPen(QColor(color))
                painter.drawText(header, side | Qt.AlignmentFlag.AlignVCenter, word)
            if self._has_room_for_value():
                slider_paint.paint_value_box(painter, theme, self.value_rect(), self.shown_text(), self.isEnabled())
            slider_paint.paint_track(
                painter, theme, self.track_rect(), gradient=False, ticks=(), notch=self.knob_x(self.default),
                knob=self.knob_x(), is_enabled=self.isEnabled(), has_focus=self.hasFocus(),
            )  # fmt: skip

"""Choices that need a sentence each: cards of which one is on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetrics, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QGridLayout, QSizePolicy, QWidget

from gui.theme import RADIUS_PX, body_font, caption_font, current_theme, mix

HEIGHT_PX = 56
_PADDING_PX = 10
_STEPS = {Qt.Key.Key_Right: 1, Qt.Key.Key_Down: 1, Qt.Key.Key_Left: -1, Qt.Key.Key_Up: -1}


@dataclass(frozen=True, slots=True)
class ChoiceCard:
    key: str
    title: str
    sentence: str
    tooltip: str = ""


class ChoiceCards(QWidget):
    """`picked` fires when the user chooses; arrow keys walk."""

    picked = Signal(str)

    def __init__(self, cards: Sequence[ChoiceCard], *, columns: int = 2, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._buttons = {card.key: _Card(card, self) for card in cards}
        self._group = QButtonGroup(self)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(8)
        for place, button in enumerate(self._buttons.values()):
            self._group.addButton(button)
            grid.addWidget(button, *divmod(place, columns))
        next(iter(self._buttons.values())).setChecked(True)
        self._group.buttonClicked.connect(self._tell)

    @property
    def current(self) -> str:
        return next(key for key, button in self._buttons.items() if button.isChecked())

    def set_current(self, key: str) -> None:
        """Show a choice, silently."""
        self._buttons[key].setChecked(True)

    def card(self, key: str) -> QAbstractButton:
        return self._buttons[key]

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = _STEPS.get(Qt.Key(event.key()), 0)
        if not step:
            super().keyPressEvent(event)
            return
        buttons = list(self._buttons.values())
        here = next(place for place, button in enumerate(buttons) if button.isChecked())
        wanted = buttons[min(max(here + step, 0), len(buttons) - 1)]
        wanted.setFocus(Qt.FocusReason.TabFocusReason)
        wanted.click()

    def _tell(self, button: QAbstractButton) -> None:
        self.picked.emit(next(key for key, each in self._buttons.items() if each is button))


class _Card(QAbstractButton):
    def __init__(self, card: ChoiceCard, parent: QWidget) -> None:
        super().__init__(parent)
        self._card = card
        self.setText(card.title)
        self.setCheckable(True)
        self.setToolTip(card.tooltip)
        self.setAccessibleDescription(card.sentence)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def sizeHint(self) -> QSize:
        return QSize(220, HEIGHT_PX)

    def minimumSizeHint(self) -> QSize:
        return QSize(150, HEIGHT_PX)

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        room = QRect(0, 0, max(60, width - 2 * _PADDING_PX), 1000)
        flags = int(Qt.TextFlag.TextWordWrap)
        sentence = QFontMetrics(caption_font()).boundingRect(room, flags, self._card.sentence).height()
        return max(HEIGHT_PX, 2 * _PADDING_PX + QFontMetrics(body_font()).height() + 3 + sentence)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if Qt.Key(event.key()) in _STEPS:
            event.ignore()  # the cards are walked as one
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        theme, is_on = current_theme(), self.isChecked()
        rect = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        ground = mix(theme.raised, theme.focus, 0.16) if is_on else QColor(theme.raised)
        if self.underMouse() and not is_on and self.isEnabled():
            ground = mix(theme.raised, theme.text, 0.05)
        edge = theme.focus if is_on or self.hasFocus() else theme.line
        title = body_font()
        title.setWeight(QFont.Weight.DemiBold)
        words = self.rect().adjusted(_PADDING_PX, _PADDING_PX - 1, -_PADDING_PX, -_PADDING_PX)
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(QColor(edge), 2 if is_on and self.hasFocus() else 1))
            painter.setBrush(ground if self.isEnabled() else QColor(theme.panel))
            painter.drawRoundedRect(rect, RADIUS_PX, RADIUS_PX)
            painter.setFont(title)
            painter.setPen(QColor(theme.text if self.isEnabled() else theme.disabled))
            painter.drawText(words, int(Qt.AlignmentFlag.AlignTop), self._card.title)
            below = words.adjusted(0, QFontMetrics(title).height() + 3, 0, 0)
            painter.setFont(caption_font())
            painter.setPen(QColor(theme.muted if self.isEnabled() else theme.disabled))
            painter.drawText(below, int(Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap), self._card.sentence)

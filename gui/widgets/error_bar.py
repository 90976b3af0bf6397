"""The one bar for messages: a sentence, what to do, details on demand."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from engine.errors import EngineError
from gui.icons import icon
from gui.theme import current_theme, figures_font, mix
from gui.widgets.icon_button import IconButton

INFO_TIMEOUT_S = 6.0
MAX_MESSAGES = 20
_DETAILS_PX = (44, 120)


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


_TOKENS = {Severity.INFO: "focus", Severity.WARNING: "warn", Severity.ERROR: "error"}


@dataclass
class _Message:
    sentence: str
    hint: str
    details: str
    severity: Severity
    action: str
    action_key: str
    timeout_s: float | None
    second_action: str = ""
    second_key: str = ""
    count: int = 1


class ErrorBar(QFrame):
    """Shows the newest message, but no mere remark over a question; dismissing it uncovers the one before."""

    action_triggered = Signal(str)
    dismissed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._messages: list[_Message] = []
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.dismiss)
        self._mark = QLabel(self)
        self._mark.setFixedWidth(20)
        self._sentence = _wrapping_label(self)
        self._hint = _wrapping_label(self)
        self._hint.setProperty("role", "muted")
        self._count = QLabel(self)
        self._count.setFont(figures_font(11))
        self._count.setProperty("role", "caption")
        self._more = QToolButton(self)
        self._more.setText("Details")
        self._more.setCheckable(True)
        self._more.setProperty("role", "quiet")
        self._more.setProperty("caption", "true")
        self._more.toggled.connect(self._show_details)
        self._action = QPushButton(self)
        self._action.clicked.connect(self._trigger)
        self._second = QPushButton(self)
        self._second.clicked.connect(self._trigger_second)
        self._close = IconButton("close", "Dismiss (Esc)", size_px=14, parent=self)
        self._close.clicked.connect(self.dismiss)
        self._details = QPlainTextEdit(self)
        self._details.setReadOnly(True)
        self._details.setAccessibleName("Details")
        self._lay_out()
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        self.hide()

    def _lay_out(self) -> None:
        words = QVBoxLayout()
        words.setSpacing(1)
        words.addWidget(self._sentence)
        words.addWidget(self._hint)
        line = QHBoxLayout()
        line.setSpacing(8)
        line.addWidget(self._mark, 0, Qt.AlignmentFlag.AlignVCenter)
        line.addLayout(words, 1)
        for widget in (self._count, self._more, self._action, self._second, self._close):
            line.addWidget(widget, 0, Qt.AlignmentFlag.AlignVCenter)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 7, 8, 7)
        layout.setSpacing(6)
        layout.addLayout(line)
        layout.addWidget(self._details)

    # --- what it says ----------------------------------------------------------------------------------------------

    @property
    def message_count(self) -> int:
        """Different messages that wait to be dismissed."""
        return len(self._messages)

    @property
    def sentence(self) -> str:
        """What is on screen now, empty when nothing is."""
        return self._messages[-1].sentence if self._messages else ""

    @property
    def repeat_count(self) -> int:
        """How often the message on screen has come."""
        return self._messages[-1].count if self._messages else 0

    def show_message(
        self,
        sentence: str,
        hint: str = "",
        *,
        details: str = "",
        severity: Severity = Severity.ERROR,
        action: str = "",
        action_key: str = "",
        second_action: str = "",
        second_key: str = "",
        timeout_s: float | None = None,
    ) -> None:
        """Say something. The same sentence and hint again only raises its count.

        Args:
            details: Technical, shown on demand.
            action: Text of a button; `action_triggered` then carries `action_key`. `second_action` likewise.
            timeout_s: Go away by itself; None is never, except for INFO.
        """
        if timeout_s is None and severity is Severity.INFO:
            timeout_s = INFO_TIMEOUT_S
        message = _Message(
            sentence, hint, details, severity, action, action_key, timeout_s, second_action, second_key
        )
        for index, old in enumerate(self._messages):
            if (old.sentence, old.hint) == (sentence, hint):
                message.count = old.count + 1
                del self._messages[index]
                break
        place = len(self._messages) - _asks(self._messages, message)
        self._messages = [*self._messages[:place], message, *self._messages[place:]][-MAX_MESSAGES:]
        self._refresh()

    def show_error(self, error: EngineError, details: str = "") -> None:
        """Say what an expected failure has to say."""
        self.show_message(error.user_message, error.hint, details=details)

    def dismiss(self) -> None:
        """Take the message on screen away."""
        if self._messages:
            self._messages.pop()
            self._refresh()
            self.dismissed.emit()

    def forget_errors(self) -> None:
        """Take away what failed before, as something else is tried; what offers a choice stays."""
        kept = [old for old in self._messages if old.severity is not Severity.ERROR or old.action]
        if kept != self._messages:
            self._messages = kept
            self._refresh()

    def clear(self) -> None:
        """Take all messages away."""
        self._messages.clear()
        self._refresh()

    def _trigger(self) -> None:
        if self._messages:
            self._leave_by(self._messages[-1].action_key)

    def _trigger_second(self) -> None:
        if self._messages:
            self._leave_by(self._messages[-1].second_key)

    def _leave_by(self, key: str) -> None:
        self.dismiss()
        self.action_triggered.emit(key)

    def _refresh(self) -> None:
        self._timer.stop()
        self._more.setChecked(False)
        self._details.hide()
        self.setVisible(bool(self._messages))
        if not self._messages:
            return
        message = self._messages[-1]
        self._sentence.setText(message.sentence)
        self._hint.setText(message.hint)
        self._hint.setVisible(bool(message.hint))
        self._count.setText(self._count_text(message))
        self._count.setVisible(bool(self._count.text()))
        self._more.setVisible(bool(message.details))
        self._details.setPlainText(message.details)
        lines = message.details.count("\n") + 1
        height = lines * self._details.fontMetrics().lineSpacing() + 16
        self._details.setFixedHeight(min(_DETAILS_PX[1], max(_DETAILS_PX[0], height)))
        self._action.setText(message.action)
        self._action.setVisible(bool(message.action))
        self._second.setText(message.second_action)
        self._second.setVisible(bool(message.second_action))
        self.setAccessibleName(f"{message.severity.value}: {message.sentence} {message.hint}".strip())
        self._tint()
        if message.timeout_s is not None:
            self._timer.start(round(1000 * message.timeout_s))

    def _count_text(self, message: _Message) -> str:
        parts = [f"×{message.count}"] if message.count > 1 else []  # noqa: RUF001
        if len(self._messages) > 1:
            parts.append(f"{len(self._messages) - 1} more")
        return "   ".join(parts)

    def _show_details(self, shown: bool) -> None:
        self._details.setVisible(shown)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self._messages:
            self.dismiss()
        else:
            super().keyPressEvent(event)

    # --- how it looks ----------------------------------------------------------------------------------------------

    def _tint(self) -> None:
        severity = self._messages[-1].severity
        self._mark.setPixmap(
            icon(severity.value, color=_TOKENS[severity]).pixmap(QSize(18, 18), self.devicePixelRatioF())
        )
        self.update()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() is QEvent.Type.PaletteChange and self._messages:
            self._tint()
        super().changeEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        if not self._messages:
            return
        theme = current_theme()
        color = str(getattr(theme, _TOKENS[self._messages[-1].severity]))
        rect = QRectF(self.rect())
        with QPainter(self) as painter:
            shape = QPainterPath()
            shape.addRect(rect)
            painter.fillPath(shape, mix(theme.raised, color, 0.10))
            painter.fillRect(QRectF(0, 0, 3, rect.height()), QColor(color))
            painter.fillRect(QRectF(0, 0, rect.width(), 1), QColor(theme.line))


def _wrapping_label(parent: QWidget) -> QLabel:
    label = QLabel(parent)
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


def _asks(messages: list[_Message], message: _Message) -> bool:
    """Whether a question is on screen that a mere remark must not hide: unsaved work can be restored, say."""
    return bool(
        messages
        and messages[-1].second_action
        and not message.action
        and message.severity is not Severity.ERROR
    )

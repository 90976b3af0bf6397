"""A long job at the foot of the shelf: picture, words, bar, time left, pause, cancel."""

from __future__ import annotations

from enum import StrEnum

from PySide6.QtCore import QElapsedTimer, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from gui.theme import current_theme, figures_font
from gui.widgets.icon_button import IconButton
from gui.widgets.thumb import Thumb

_THUMB_PX = 40
LONG_S = 3.0
"""After so long without a guess of what is left, a card makes one of its own, or says how long it has been."""

LEAST_WAY = 0.02
"""How far it must have come for that."""


class JobState(StrEnum):
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


class JobCard(QFrame):
    """What a job is doing, until it is dismissed. Every signal carries the job's id."""

    pause_requested = Signal(str)
    resume_requested = Signal(str)
    cancel_requested = Signal(str)
    use_requested = Signal(str)
    dismiss_requested = Signal(str)

    def __init__(self, job_id: str, title: str, parent: QWidget | None = None, *, can_pause: bool = True) -> None:
        super().__init__(parent)
        self.job_id = job_id
        self._state = JobState.RUNNING
        self._told: tuple[float | None, str, float | None] = (None, "", None)
        self._first: tuple[float, float] | None = None
        self._since = QElapsedTimer()
        self._since.start()
        self._tick = QTimer(self)  # where nobody knows how long it takes, time itself is told
        self._tick.setInterval(1000)
        self._tick.timeout.connect(self._show_told)
        self.setProperty("role", "card")
        self._thumb = Thumb(_THUMB_PX, self)
        self._title = QLabel(self)
        self._title.setWordWrap(True)
        self._title.setTextFormat(Qt.TextFormat.PlainText)
        self._bar = ProgressLine(self)
        self._text = QLabel(self)
        self._text.setFont(figures_font(11))
        self._text.setProperty("role", "caption")
        self._text.setWordWrap(True)
        self._text.setTextFormat(Qt.TextFormat.PlainText)
        self._pause = IconButton("pause", "Pause", size_px=14, parent=self)
        self._pause.clicked.connect(self._toggle_pause)
        self._pause.setVisible(can_pause)
        self._close = IconButton("close", "Cancel", size_px=14, parent=self)
        self._close.clicked.connect(self._leave)
        self._use = QPushButton("Use it", self)
        self._use.setProperty("role", "primary")
        self._use.clicked.connect(self._ask_to_use)
        self._use.hide()
        self._lay_out()
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        self.set_title(title)

    def _lay_out(self) -> None:
        words = QVBoxLayout()
        words.setSpacing(4)
        words.addWidget(self._title)
        words.addWidget(self._bar)
        words.addWidget(self._text)
        words.addStretch(1)
        buttons = QVBoxLayout()
        buttons.setSpacing(2)
        buttons.addWidget(self._close)
        buttons.addWidget(self._pause)
        buttons.addStretch(1)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self._thumb, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(words, 1)
        row.addLayout(buttons)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 8, 4, 8)
        layout.setSpacing(6)
        layout.addLayout(row)
        layout.addWidget(self._use)

    @property
    def state(self) -> JobState:
        return self._state

    @property
    def title(self) -> str:
        return self._title.text()

    @property
    def text(self) -> str:
        return self._text.text()

    def set_title(self, title: str) -> None:
        self._title.setText(title)
        self.setAccessibleName(title)

    def set_thumbnail(self, image: QImage) -> None:
        """The improving picture."""
        self._thumb.set_image(image)

    def set_progress(self, fraction: float | None, text: str, remaining_s: float | None = None) -> None:
        """How far it is: 0 to 1, or None when that is unknown, with what is happening in words."""
        if self._state not in (JobState.RUNNING, JobState.PAUSED):
            return
        self._bar.set_fraction(fraction)
        self._told = (fraction, text, remaining_s)
        self._tick.start()
        self._show_told()

    def _show_told(self) -> None:
        fraction, text, remaining_s = self._told
        figures = [] if fraction is None else [f"{round(100 * fraction)} %"]
        elapsed_s = self._since.elapsed() / 1000
        if remaining_s is None:
            remaining_s = self._guess_s(elapsed_s, fraction)
        if self._state is JobState.PAUSED:
            figures.append("paused")
        elif remaining_s is not None:
            figures.append(f"{words_for_time(remaining_s)} left")
        elif elapsed_s >= LONG_S:
            figures.append(f"{words_for_time(elapsed_s)} so far")
        told = ", ".join(figures)
        self._text.setText("\n".join(part for part in (text, told) if part))
        self.setAccessibleDescription(f"{text} {told}".strip())

    def _guess_s(self, elapsed_s: float, fraction: float | None) -> float | None:
        """Time left, from how far it has come since it was first told; None while that says little."""
        if fraction is None or self._state is not JobState.RUNNING:
            self._first = None
            return None
        if self._first is None or fraction < self._first[1]:
            self._first = (elapsed_s, fraction)
        begun_s, begun = self._first
        if elapsed_s - begun_s < LONG_S or fraction - begun < LEAST_WAY:
            return None
        return (elapsed_s - begun_s) * (1.0 - fraction) / (fraction - begun)

    def set_paused(self, paused: bool) -> None:
        if self._state in (JobState.RUNNING, JobState.PAUSED):
            self._state = JobState.PAUSED if paused else JobState.RUNNING
            self._pause.set_icon_name("play" if paused else "pause")
            self._pause.setToolTip("Go on" if paused else "Pause")

    def finish(self, state: JobState, text: str = "", *, usable: bool = False) -> None:
        """The job has ended; the card stays until it is dismissed.

        Args:
            usable: There is a result that can be put to use, also after a cancel.
        """
        self._state = state
        self._tick.stop()
        self._pause.hide()
        self._close.setToolTip("Dismiss")
        self._bar.setVisible(state is JobState.DONE and not usable)
        self._bar.set_fraction(1.0)
        self._text.setText(text)
        self._text.setVisible(bool(text))
        self._use.setVisible(usable)
        self._use.setText("Use it" if state is JobState.DONE else "Use the best so far")
        self.setAccessibleDescription(text)

    def _toggle_pause(self) -> None:
        is_paused = self._state is JobState.PAUSED
        (self.resume_requested if is_paused else self.pause_requested).emit(self.job_id)

    def _leave(self) -> None:
        is_alive = self._state in (JobState.RUNNING, JobState.PAUSED)
        (self.cancel_requested if is_alive else self.dismiss_requested).emit(self.job_id)

    def _ask_to_use(self) -> None:
        self.use_requested.emit(self.job_id)


class ProgressLine(QWidget):
    """A line of 3 px; full and faint where the length is unknown."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._fraction: float | None = 0.0
        self.setFixedHeight(3)

    @property
    def fraction(self) -> float | None:
        return self._fraction

    def set_fraction(self, fraction: float | None) -> None:
        self._fraction = None if fraction is None else min(1.0, max(0.0, fraction))
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(80, 3)

    def paintEvent(self, event: QPaintEvent) -> None:
        theme, rect = current_theme(), QRectF(self.rect())
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(theme.line))
            painter.drawRoundedRect(rect, 1.5, 1.5)
            painter.setBrush(QColor(theme.focus))
            if self._fraction is None:
                painter.setOpacity(0.35)
            rect.setWidth(rect.width() * (1.0 if self._fraction is None else self._fraction))
            if rect.width() >= 1:
                painter.drawRoundedRect(rect, 1.5, 1.5)


def words_for_time(seconds: float) -> str:
    """``4 s``, ``2 min``, ``1 h 5 min``: never finer than one can trust."""
    seconds = max(0.0, seconds)
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"

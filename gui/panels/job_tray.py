"""The job tray at the foot of the shelf: one card per long piece of work."""

from __future__ import annotations

import re
from functools import partial

from PySide6.QtCore import QEvent, QObject, QTimer, Signal, Slot
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from engine.direction_events import FindDirections, ImportDirections
from engine.errors import printable
from engine.messages import (
    DrawLines,
    DrawSheet,
    ExportNetwork,
    ExportStill,
    ExportVideo,
    InvertPortrait,
    Job,
    JobFinished,
    JobOutcome,
    JobProgress,
    LoadModel,
    OpenPortrait,
    SaveBlend,
)
from engine.paste_events import PasteBack
from engine.pivot_events import TunePivot
from gui.engine_bridge import EngineBridge
from gui.pixels import to_thumbnail
from gui.widgets.job_card import JobCard, JobState

SHOW_AFTER_MS = 500
"""Work that is done sooner needs no card."""

LEAVE_AFTER_MS = 4000
DONE_LEAVES_AFTER_MS = 1200
"""What was done is on screen by then; its card has nothing more to say."""

THUMBNAIL_PX = 40

_STATES = {
    JobOutcome.DONE: JobState.DONE,
    JobOutcome.CANCELLED: JobState.CANCELLED,
    JobOutcome.FAILED: JobState.FAILED,
}


_WORDS = {JobOutcome.CANCELLED: "Cancelled", JobOutcome.FAILED: "It failed; the message says why."}


def job_title(job: Job) -> str:
    """What a card is headed with; empty for work that gets no card."""
    match job:
        case LoadModel(path=path):
            return f"Loading {printable(path.name, 60)}"
        case OpenPortrait(path=path):
            return f"Opening {printable(path.name, 60)}"
        case InvertPortrait(name=name):
            return f"Inverting {printable(name, 60)}"
        case TunePivot(portrait=portrait):
            return f"Tuning to {printable(portrait, 60)}"
        case ExportStill(path=path) | ExportVideo(path=path) | DrawSheet(path=path) | ExportNetwork(path=path):
            return f"Exporting {printable(path.name, 60)}"
        case PasteBack(path=path):
            return f"Exporting {printable(path.name, 60)}"
        case SaveBlend(path=path):
            return f"Saving {printable(path.name, 60)}"
        case DrawLines(portrait=path):
            return f"Drawing {printable(path.name, 60)}"
        case FindDirections():
            return "Finding directions"
        case ImportDirections(path=path):
            return f"Reading {printable(path.name, 60)}"
        case _:
            return ""


def breakable(text: str) -> str:
    """Let a line break also within long names, which have no spaces."""
    return re.sub(r"([_.\-]|[^\W_]{10})(?=\w)", "\\1\u200b", text)


class JobTray(QWidget):
    card_opened = Signal(str)  # a card was clicked: show what that job is doing

    def __init__(self, bridge: EngineBridge, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self._cards: dict[str, JobCard] = {}
        self._early: dict[str, Job] = {}
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(10, 0, 10, 10)
        self._layout.setSpacing(6)
        bridge.job_submitted.connect(self._submitted)
        bridge.job_progress.connect(self._progress)
        bridge.job_finished.connect(self._finished)
        # A long name must not widen the shelf.
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.setVisible(False)

    def card(self, job_id: str) -> JobCard | None:
        return self._cards.get(job_id)

    @property
    def cards(self) -> tuple[JobCard, ...]:
        return tuple(self._cards.values())

    @Slot(str, QImage)
    def set_picture(self, job_id: str, picture: QImage) -> None:
        if job_id in self._cards:
            self._cards[job_id].set_thumbnail(picture)

    @Slot(str, object)
    def _submitted(self, job_id: str, job: Job) -> None:
        if not job_title(job):
            return
        self.dismiss(job_id)  # a restarted engine counts from one again
        if isinstance(job, InvertPortrait) and job.steps:
            self._add(job_id, job)
            return
        self._early[job_id] = job
        QTimer.singleShot(SHOW_AFTER_MS, self, partial(self._show_if_still_at_work, job_id))

    def _show_if_still_at_work(self, job_id: str) -> None:
        job = self._early.pop(job_id, None)
        if job is not None:
            self._add(job_id, job)

    def _add(self, job_id: str, job: Job) -> None:
        card = JobCard(job_id, breakable(job_title(job)))
        card.set_progress(None, "Waiting")
        card.pause_requested.connect(self._bridge.pause)
        card.resume_requested.connect(self._bridge.resume)
        card.cancel_requested.connect(self._bridge.cancel)
        self.put(card)

    def put(self, card: JobCard) -> None:
        """Add a card, also one of work that is not the engine's; whoever made it hears its buttons."""
        self.dismiss(card.job_id)
        card.dismiss_requested.connect(self.dismiss)
        card.installEventFilter(self)
        self._cards[card.job_id] = card
        self._layout.addWidget(card)
        self.setVisible(True)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.MouseButtonRelease and isinstance(watched, JobCard):
            self.card_opened.emit(watched.job_id)
        return super().eventFilter(watched, event)

    @Slot(object)
    def _progress(self, event: JobProgress) -> None:
        card = self._cards.get(event.job_id)
        if card is None:
            return
        card.set_paused(event.paused)
        card.set_progress(event.fraction, event.text, event.remaining_s)
        if event.preview is not None:
            card.set_thumbnail(to_thumbnail(event.preview, 2 * THUMBNAIL_PX))

    @Slot(object)
    def _finished(self, event: JobFinished) -> None:
        self._early.pop(event.job_id, None)
        card = self._cards.get(event.job_id)
        if card is None:
            return
        card.finish(_STATES[event.outcome], _WORDS.get(event.outcome, ""))
        if event.outcome is not JobOutcome.FAILED:
            leave_ms = DONE_LEAVES_AFTER_MS if event.outcome is JobOutcome.DONE else LEAVE_AFTER_MS
            QTimer.singleShot(leave_ms, self, partial(self.dismiss, event.job_id))

    @Slot(str)
    def dismiss(self, job_id: str) -> None:
        card = self._cards.pop(job_id, None)
        if card is not None:
            self._layout.removeWidget(card)
            card.hide()
            card.deleteLater()
            self.setVisible(bool(self._cards))

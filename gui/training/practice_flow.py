"""Practice pictures from the window: made in a process of their own, then taken as the pictures to train on."""

from __future__ import annotations

import math
from collections.abc import Callable

from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtWidgets import QWidget

from engine.places import Places
from engine.portrait_events import PortraitsProgress, read_portrait_event
from engine.verb_process import NICENESS
from gui.bring_forward import bring_forward
from gui.messages import Messages
from gui.panels.job_tray import JobTray
from gui.settings import Settings
from gui.training.practice_window import PracticeOrder, PracticeWindow
from gui.verb_card import VerbCard
from gui.verb_process import VerbProcess
from gui.widgets.job_card import words_for_time

CARD_ID = "practice"
FOLDER = "practice pictures"


class PracticeFlow(QObject):
    made = Signal(object)  # the folder of the style to train on

    def __init__(
        self,
        owner: Callable[[], QWidget],
        tray: JobTray,
        messages: Messages,
        settings: Settings,
        places: Places,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._owner = owner
        self._messages = messages
        self._settings = settings
        self._folder = places.data / FOLDER
        self._window: PracticeWindow | None = None
        self._order: PracticeOrder | None = None
        self.nice = NICENESS
        self.process = VerbProcess("The making of pictures", self)
        self.process.said.connect(self._said)
        self.process.done.connect(self._done)
        self.process.failed.connect(self._failed)
        self.process.cancelled.connect(self._cancelled)
        self._card = VerbCard(CARD_ID, tray, self.process, self.open)

    @property
    def window(self) -> PracticeWindow:
        if self._window is None:
            self._window = PracticeWindow(self._folder, self._settings, self._owner())
            self._window.start_wanted.connect(self.start)
            self._window.cancel_wanted.connect(self.process.cancel)
        return self._window

    @Slot()
    def open(self) -> None:
        window = self.window
        bring_forward(window)

    @Slot(object)
    def start(self, order: PracticeOrder) -> None:
        if self.process.is_at_work:
            return
        self._order = order
        self.window.set_at_work(True)
        self._card.begin("Making practice pictures")
        self._show("Cutting out the faces", None, None)
        words = ["train", "portrait-data", "--json", "--nice", str(self.nice), "--london", str(order.london)]
        words += ["--out", str(order.out), "--count", str(order.count), "--size", str(order.size)]
        words += ["--seed", str(order.seed)]
        for style in order.styles:
            words += ["--style", style]
        self.process.start(words)

    @Slot(str)
    def _said(self, line: str) -> None:
        event = read_portrait_event(line)
        if isinstance(event, PortraitsProgress) and math.isfinite(event.time_left_s):
            sentence = f"{event.done:,} of {event.total:,} pictures"
            self._show(sentence, event.done / event.total, event.time_left_s)

    def _show(self, sentence: str, fraction: float | None, left_s: float | None) -> None:
        left = f", {words_for_time(left_s)} left" if left_s else ""
        self.window.show_progress(f"{sentence}{left}", fraction)
        if (card := self._card.card) is not None:
            card.set_progress(fraction, sentence, left_s)

    @Slot()
    def _done(self) -> None:
        order = self._order
        assert order is not None
        self._end()
        self.window.show_state(f"Made: {order.count:,} pictures in each style.")
        self.made.emit(order.out / order.then)
        self._messages.say(f"The practice pictures are made; “{order.then}” is chosen to train on.")
        self.window.close()

    @Slot(str)
    def _failed(self, problem: str) -> None:
        self._end()
        self.window.show_state(problem, is_error=True)
        if not self.window.isVisible():
            self._messages.warn(f"The practice pictures could not be made. {problem}")

    @Slot()
    def _cancelled(self) -> None:
        self._end()
        self.window.show_state("Cancelled. The next start goes on with what was kept.")

    def _end(self) -> None:
        self.window.set_at_work(False)
        self._card.end()

    def close(self) -> None:
        """End what is at work; the pictures that were kept so far stay."""
        self.process.close()
        if self._window is not None:
            self._window.close()

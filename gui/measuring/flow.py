"""Measuring from the window: start, follow, cancel, show what it came to."""

from __future__ import annotations

import tempfile
from pathlib import Path

from PySide6.QtCore import QObject, Slot
from PySide6.QtWidgets import QWidget

from engine.errors import printable
from engine.library_records import ModelRecord
from engine.measure_events import read_measure_event
from engine.verb_process import NICENESS
from gui.bring_forward import bring_forward
from gui.collection import Collection
from gui.measuring.story import MeasureStory
from gui.measuring.window import MeasureWindow, Order
from gui.measuring.words import progress_words
from gui.messages import Choice, Messages
from gui.panels.job_tray import JobTray
from gui.settings import Settings
from gui.verb_card import VerbCard
from gui.verb_process import VerbProcess
from gui.widgets.job_card import words_for_time

CARD_ID = "measuring"
IDLE = "Choose a model and what to compare it with."


class MeasureFlow(QObject):
    """One measurement at a time, in a process of its own; the window is made when it is first wanted."""

    def __init__(
        self,
        owner: QWidget,
        collection: Collection,
        tray: JobTray,
        messages: Messages,
        settings: Settings,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._owner = owner
        self._collection = collection
        self._messages = messages
        self._settings = settings
        self._window: MeasureWindow | None = None
        self._order: Order | None = None
        self._story = MeasureStory()
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self.nice = NICENESS
        self.process = VerbProcess("The measurement", self)
        self.process.said.connect(self._said)
        self.process.done.connect(self._done)
        self.process.failed.connect(self._failed)
        self.process.cancelled.connect(self._cancelled)
        self._card = VerbCard(CARD_ID, tray, self.process, self.open)

    @property
    def window(self) -> MeasureWindow:
        if self._window is None:
            self._window = window = MeasureWindow(self._collection, self._settings, self._owner)
            window.start_wanted.connect(self.start)
            window.cancel_wanted.connect(self.process.cancel)
            window.results.show_state(IDLE)
        return self._window

    @Slot()
    def open(self) -> None:
        window = self.window
        bring_forward(window)

    @Slot(str)
    def open_for(self, sha256: str) -> None:
        """With this model chosen."""
        self.window.choose_model(sha256)
        self.open()

    # --- the work -------------------------------------------------------------------------------------------------

    @Slot(object)
    def start(self, order: Order) -> None:
        record = self._collection.model(order.sha256)
        if record is None or self.process.is_at_work:
            return
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="graft-measure-")
        for file in (self._report, self._sheet):
            file.unlink(missing_ok=True)
        self._order, self._story = order, MeasureStory()
        self.window.results.begin(printable(order.name, 60), with_originals=order.originals is not None)
        self.window.set_at_work(True)
        self._card.begin(f"Measuring {self._name}", self._collection.model_picture(order.sha256))
        self._show_progress()
        self.process.start(self._arguments(order, record))

    @property
    def _report(self) -> Path:
        assert self._folder is not None
        return Path(self._folder.name, "report.json")

    @property
    def _sheet(self) -> Path:
        assert self._folder is not None
        return Path(self._folder.name, "nearest.png")

    def _arguments(self, order: Order, record: ModelRecord) -> list[str]:
        words = ["measure", _path_of(record), "--json", "--nice", str(self.nice), "--out", str(self._report)]
        words += ["--samples", str(order.samples), "--psi", f"{order.psi:g}", "--seed", str(order.seed)]
        words += ["--ppl-space", order.path_space, "--ppl-part", order.path_part, "--device", order.device]
        if order.data is not None:
            words += ["--data", str(order.data)]
        if order.originals is not None:
            words += ["--originals", str(order.originals)]
            words += ["--sheet", str(self._sheet), "--closest", str(order.closest)]
        return words

    @Slot(str)
    def _said(self, line: str) -> None:
        event = read_measure_event(line)
        if event is not None:
            self._story.take(event)
            self.window.results.show_story(self._story)
            self._show_progress()

    def _show_progress(self) -> None:
        self.window.results.show_progress(self._story)
        if (card := self._card.card) is not None:
            progress = self._story.progress
            fraction = progress.done / progress.total if progress is not None and progress.total else None
            card.set_progress(fraction, progress.text if progress is not None else "Getting ready")
            card.setToolTip(f"{progress_words(progress)}. Click to look at it")

    # --- the end --------------------------------------------------------------------------------------------------

    @Slot()
    def _done(self) -> None:
        results, finished = self.window.results, self._story.finished
        took = f" in {words_for_time(finished.elapsed_s)}" if finished is not None else ""
        results.show_story(self._story)
        results.show_state(f"Measured {self._name}{took}.")
        results.show_files(self._report, self._sheet if self._story.copies is not None else None)
        self._end()
        if not self.window.isVisible():
            self._messages.say(f"“{self._name}” is measured.", "", Choice("Show it", self.open))

    @Slot(str)
    def _failed(self, problem: str) -> None:
        self.window.results.show_state(problem, is_error=True)
        self._end()
        if not self.window.isVisible():
            self._messages.warn(f"“{self._name}” could not be measured. {problem}", "", Choice("Show it", self.open))

    @Slot()
    def _cancelled(self) -> None:
        known = " What was known by then stays below." if self._story.metrics else ""
        self.window.results.show_state(f"Cancelled.{known}")
        self._end()

    def _end(self) -> None:
        self.window.set_at_work(False)
        self._card.end()

    @property
    def _name(self) -> str:
        return printable(self._order.name, 60) if self._order is not None else ""

    def close(self) -> None:
        """End what is at work; a measurement that nobody will see is of no use."""
        self.process.close()
        if self._window is not None:
            self._window.close()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None


def _path_of(record: ModelRecord) -> str:
    return str(record.path if record.path.is_file() or record.source is None else record.source)

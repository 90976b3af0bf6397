"""Applying a look to many from the window: in a process of its own, that a crash or a closed window does not undo."""

from __future__ import annotations

import tempfile
from pathlib import Path

from PySide6.QtCore import QObject, QSize, QUrl, Slot
from PySide6.QtGui import QDesktopServices, QImage
from PySide6.QtWidgets import QWidget

from engine.atomic import write_atomic
from engine.batch_events import (
    BatchFinished,
    BatchPicture,
    BatchProgress,
    BatchSkipped,
    read_batch_event,
)
from engine.errors import EngineError, printable
from engine.latents import LatentStore
from engine.recipe import make_recipe, recipe_to_json
from engine.state import View
from gui.bring_forward import bring_forward
from gui.export.batch_window import IDLE, BatchWindow, BatchWish
from gui.export.picture_reader import PictureReader
from gui.left_out_words import left_out_words
from gui.messages import Choice, Messages
from gui.panels.job_tray import JobTray
from gui.pixels import to_thumbnail
from gui.presets import state_caption
from gui.session import Session
from gui.settings import Settings
from gui.verb_card import VerbCard
from gui.verb_process import VerbProcess
from gui.viewer import Viewer
from gui.widgets.job_card import words_for_time

CARD_ID = "batch"
SHOWN_PX = QSize(1600, 1600)
NONE_MADE = "None of them could be made."


class BatchFlow(QObject):
    """One batch at a time; the window is made when it is first wanted."""

    def __init__(
        self,
        owner: QWidget,
        session: Session,
        store: LatentStore,
        viewer: Viewer,
        tray: JobTray,
        messages: Messages,
        settings: Settings,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._owner = owner
        self._session = session
        self._store = store
        self._viewer = viewer
        self._messages = messages
        self._settings = settings
        self._window: BatchWindow | None = None
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._folder = Path()
        self._skipped: list[BatchSkipped] = []
        self._finished: BatchFinished | None = None
        self._reader = PictureReader(SHOWN_PX, self)
        self._reader.read.connect(self._show_picture)
        self.process = VerbProcess("The batch", self)
        self.process.said.connect(self._said)
        self.process.done.connect(self._done)
        self.process.failed.connect(self._failed)
        self.process.cancelled.connect(self._cancelled)
        self._card = VerbCard(CARD_ID, tray, self.process, self.open)

    @property
    def window(self) -> BatchWindow:
        if self._window is None:
            self._window = window = BatchWindow(self._settings, self._owner)
            window.start_wanted.connect(self.start)
            window.cancel_wanted.connect(self.process.cancel)
            window.sheet.show_sheet(None, IDLE)
            self._session.state_changed.connect(self._show_look)
        return self._window

    @Slot()
    def open(self) -> None:
        window = self.window
        self._show_look()
        bring_forward(window)

    @Slot()
    def _show_look(self) -> None:
        if self._window is None or self.process.is_at_work:
            return
        frame = self._viewer.frame(View.BLEND)
        picture = None if frame is None else to_thumbnail(frame.image, 128)
        self._window.show_look(f"The look on the canvas: {state_caption(self._session.state)}", picture)

    # --- the work -------------------------------------------------------------------------------------------------

    @Slot(object)
    def start(self, wish: BatchWish) -> None:
        if self.process.is_at_work or self._session.state.model_a is None:
            return
        self._session.end_gesture()
        try:
            recipe = self._written_recipe()
        except EngineError as error:
            self.window.state.setText(f"{error.user_message} {error.hint}".strip())
            return
        self._settings.set_folder("batch", wish.folder)
        self._folder, self._skipped, self._finished = wish.folder, [], None
        self.window.show_left_out("")
        self.window.sheet.show_sheet(None, IDLE)
        self.window.set_at_work(True)
        self._card.begin(f"Look on many, to {printable(wish.folder.name, 40)}")
        self._show_progress("Getting ready", None)
        self.process.start(_arguments(wish, recipe), gives_way=True)

    def _written_recipe(self) -> Path:
        if self._temporary is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="graft-batch-")
        path = Path(self._temporary.name, "look.json")
        write_atomic(path, recipe_to_json(make_recipe(self._session.state, View.BLEND, self._store)).encode())
        return path

    @Slot(str)
    def _said(self, line: str) -> None:
        match read_batch_event(line):
            case BatchProgress(text=text, done=done, total=total, time_left_s=left):
                more = f", {words_for_time(left)} left" if left == left else ""
                self._show_progress(f"{printable(text, 80)}{more}", done / total if total else None)
            case BatchPicture(file=file):
                self._reader.want(Path(file))
            case BatchSkipped() as skipped:
                self._skipped.append(skipped)
                self.window.show_left_out(skipped_words(self._skipped))
            case BatchFinished() as finished:
                self._finished = finished

    def _show_progress(self, text: str, fraction: float | None) -> None:
        self.window.state.setText(text)
        self.window.bar.set_fraction(fraction)
        if (card := self._card.card) is not None:
            card.set_progress(fraction, text)

    @Slot(QImage)
    def _show_picture(self, picture: QImage) -> None:
        if self._window is not None:
            self._window.sheet.show_sheet(picture)
        if (card := self._card.card) is not None:
            card.set_thumbnail(picture)

    # --- the end --------------------------------------------------------------------------------------------------

    @Slot()
    def _done(self) -> None:
        finished = self._finished
        words, sentence = "Done.", "The look is on all of them."
        if finished is not None:
            if finished.failed:
                sentence = "The look is on all that could be read." if finished.made + finished.kept else NONE_MADE
            counts = ((finished.made, "made"), (finished.kept, "there already"), (finished.failed, "left out"))
            parts = ", ".join(f"{count} {word}" for count, word in counts if count) or "nothing made"
            words = f"{parts[0].upper()}{parts[1:]}, in {words_for_time(finished.elapsed_s)}."
            if finished.sheet:
                self._reader.want(Path(finished.sheet))
        self._end(words)
        self.window.bar.set_fraction(1.0)
        folder = QUrl.fromLocalFile(str(self._folder))
        self._messages.say(sentence, words, Choice("Show folder", lambda: _open(folder)))

    @Slot(str)
    def _failed(self, problem: str) -> None:
        self._end(problem)
        if not self.window.isVisible():
            self._messages.warn(f"The look could not be put on them. {problem}", "", Choice("Show it", self.open))

    @Slot()
    def _cancelled(self) -> None:
        self._end("Stopped. What is made stays; started again, it goes on from there.")

    def _end(self, words: str) -> None:
        self.window.state.setText(words)
        self.window.set_at_work(False)
        if self.window.bar.fraction is None:
            self.window.bar.set_fraction(0.0)
        self._card.end()
        self._show_look()

    def close(self) -> None:
        """End what is at work: it goes on from where it was when it is started again."""
        self.process.close()
        self._reader.close()
        if self._window is not None:
            self._window.close()
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None


def _open(folder: QUrl) -> None:
    QDesktopServices.openUrl(folder)


def _arguments(wish: BatchWish, recipe: Path) -> list[str]:
    words = ["batch", str(recipe), "--json", "-o", str(wish.folder), "--format", wish.suffix.lstrip(".")]
    words += ["--steps", str(wish.steps)]
    if wish.photos is not None:
        words += ["--photos", str(wish.photos)]
    if wish.seeds:
        words += ["--seeds", wish.seeds]
    if wish.size_px:
        words += ["--size", str(wish.size_px)]
    return words


def skipped_words(skipped: list[BatchSkipped]) -> str:
    """Each reason once, with whom it is about."""
    return left_out_words(
        [(one.name, one.problem.removeprefix(f"{one.name}: ").replace(one.name, "it")) for one in skipped]
    )

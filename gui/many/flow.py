"""Finding the portraits of a folder from the window: in a process of its own, each on the shelf as it is found."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, QUrl, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QWidget

from engine.errors import EngineError, printable
from engine.invert_events import (
    InvertFinished,
    InvertProgress,
    PhotoLeftOut,
    PortraitFound,
    read_invert_event,
)
from engine.latents import LatentStore
from engine.library_records import LatentRecord
from engine.library_tags import Kind
from engine.messages import Pixels
from gui.bring_forward import bring_forward
from gui.collection import Collection
from gui.left_out_words import left_out_words
from gui.many.pair_list import portrait_in
from gui.many.shelver import Shelved, Shelver
from gui.many.window import ManyWindow, ManyWish
from gui.messages import Choice, Messages
from gui.panels.invert_bar import SearchSpace
from gui.panels.job_tray import JobTray, breakable
from gui.session import Session
from gui.settings import Settings
from gui.verb_card import VerbCard
from gui.verb_process import VerbProcess
from gui.widgets.job_card import words_for_time

CARD_ID = "many-portraits"
WISH = "many.wish"
UNFINISHED = "many.unfinished"
REFRESH_MS = 700
"""The shelf is read anew so often at most, however fast portraits are found."""


class ManyFlow(QObject):
    """One folder at a time; the window is made when it is first wanted.

    Args:
        encoder_folders: Where encoders of models are looked for.
        keep_photo: Called with a latent's key and the crop that it was found in.
        use_portrait: Puts one of the shelf under the sliders.
    """

    def __init__(
        self,
        owner: QWidget,
        session: Session,
        collection: Collection,
        store: LatentStore,
        tray: JobTray,
        messages: Messages,
        settings: Settings,
        encoder_folders: Sequence[Path],
        keep_photo: Callable[[str, Pixels], None],
        use_portrait: Callable[[LatentRecord], None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._owner = owner
        self._session = session
        self._collection = collection
        self._messages = messages
        self._settings = settings
        self._encoder_folders = tuple(encoder_folders)
        self._keep_photo = keep_photo
        self._use_portrait = use_portrait
        self._window: ManyWindow | None = None
        self._wish: ManyWish | None = None
        self._left_out: list[tuple[str, str]] = []
        self._finished: InvertFinished | None = None
        self._shelver = Shelver(collection.library, store, self)
        self._shelver.shelved.connect(self._shelved)
        self._refresh = QTimer(self)
        self._refresh.setSingleShot(True)
        self._refresh.setInterval(REFRESH_MS)
        self._refresh.timeout.connect(self._show_shelf)
        self.process = VerbProcess("The search for portraits", self)
        self.process.said.connect(self._said)
        self.process.done.connect(self._done)
        self.process.failed.connect(self._failed)
        self.process.cancelled.connect(self._cancelled)
        self._card = VerbCard(CARD_ID, tray, self.process, self.open)

    @property
    def window(self) -> ManyWindow:
        if self._window is None:
            self._window = window = ManyWindow(
                self._collection, self._settings, self._encoder_folders, self._owner
            )
            window.start_wanted.connect(self.start)
            window.cancel_wanted.connect(self.process.cancel)
            window.pairs.portrait_wanted.connect(self._use)
            window.report.clicked.connect(self._open_report)
            window.show_folder.clicked.connect(self._open_folder)
            self._recall(window)
        return self._window

    @Slot()
    def open(self) -> None:
        bring_forward(self.window)

    def open_for(self, photos: Path) -> None:
        """With a folder chosen."""
        self.window.photos.choose(photos)
        self.open()

    def _recall(self, window: ManyWindow) -> None:
        """What was wanted the last time; the model is that of the canvas where nothing was."""
        model = self._session.state.model_a
        window.choose_model(model.sha256 if model is not None else None)
        wish = wish_of(self._settings.get(WISH, ""))
        if wish is not None and self._settings.get(UNFINISHED, False):
            window.show_wish(wish)
            window.show_unfinished(wish.photos)

    # --- the work -------------------------------------------------------------------------------------------------

    @Slot(object)
    def start(self, wish: ManyWish) -> None:
        if self.process.is_at_work:
            return
        self._wish, self._left_out, self._finished = wish, [], None
        self._settings.set(WISH, text_of(wish))
        self._settings.set(UNFINISHED, True)
        self._save_settings()
        self._shelver.begin(wish.photos.name)
        self.window.begin_anew()
        self.window.set_at_work(True)
        self._card.begin(f"Portraits of {printable(wish.photos.name, 40)}")
        self._show_progress("Getting ready", None, None)
        self.process.start(arguments_for(wish), gives_way=True)

    def _save_settings(self) -> None:
        """Now: should the window be killed, it knows what goes on."""
        try:
            self._settings.save()
        except EngineError as error:
            self._messages.error(error)

    @Slot(str)
    def _said(self, line: str) -> None:
        match read_invert_event(line):
            case InvertProgress(text=text, fraction=fraction, time_left_s=left):
                self._show_progress(printable(text, 80), fraction, left if left == left else None)
            case PortraitFound() as found:
                self._shelver.put(found)
            case PhotoLeftOut(photo=photo, problem=problem) if not self.process.is_cancelled:
                self._left_out.append((photo, problem))
                self.window.show_left_out(left_out_words(self._left_out))
            case InvertFinished() as finished:
                self._finished = finished

    def _show_progress(self, text: str, fraction: float | None, left_s: float | None) -> None:
        self.window.state.setText(text if left_s is None else f"{text}, {words_for_time(left_s)} left")
        self.window.bar.set_fraction(fraction)
        if (card := self._card.card) is not None:
            card.set_progress(fraction, breakable(text), left_s)

    @Slot(object)
    def _shelved(self, shelved: Shelved) -> None:
        if self._window is not None:
            self._window.show_pair(shelved.key, shelved.name, shelved.pair, shelved.details)
        if (card := self._card.card) is not None:
            card.set_thumbnail(portrait_in(shelved.pair))
        if shelved.is_new:
            self._keep_photo(shelved.key, shelved.crop)
            if not self._refresh.isActive():
                self._refresh.start()

    @Slot()
    def _show_shelf(self) -> None:
        self._collection.refresh((Kind.PORTRAIT,))

    @Slot(str)
    def _use(self, key: str) -> None:
        if self._collection.latent(key) is None:
            self._show_shelf()  # it was found a moment ago
        if (record := self._collection.latent(key)) is not None:
            self._use_portrait(record)

    # --- the end --------------------------------------------------------------------------------------------------

    @Slot()
    def _done(self) -> None:
        finished = self._finished
        if finished is None:
            self._end("Done.")
            return
        self._settings.set(UNFINISHED, False)
        self._save_settings()
        counts = ((finished.made, "found"), (finished.kept, "there already"), (finished.left_out, "left out"))
        parts = ", ".join(f"{count} {word}" for count, word in counts if count) or "nothing found"
        words = f"{parts[0].upper()}{parts[1:]}, in {words_for_time(finished.elapsed_s)}."
        self.window.show_unfinished(None)
        self._end(f"{words} {printable(finished.summary, 300)}")
        self.window.bar.set_fraction(1.0)
        self.window.ends.show()
        whole = finished.made + finished.kept
        sentence = f"{_portraits(whole)} on the shelf." if whole else "No portrait was found in this folder."
        self._messages.say(sentence, words, Choice("Open the report", self._open_report))

    @Slot(str)
    def _failed(self, problem: str) -> None:
        self._end(problem)
        if not self.window.isVisible():
            self._messages.warn(f"The portraits were not all found. {problem}", "", Choice("Show it", self.open))

    @Slot()
    def _cancelled(self) -> None:
        if self._wish is not None:
            self.window.show_unfinished(self._wish.photos)
        self._end("Stopped. What is found stays; started again, it goes on from there.")

    def _end(self, words: str) -> None:
        self.window.state.setText(words)
        self.window.set_at_work(False)
        if self.window.bar.fraction is None:
            self.window.bar.set_fraction(0.0)
        self._card.end()

    @Slot()
    def _open_report(self) -> None:
        if self._finished is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(self._finished.report))

    @Slot()
    def _open_folder(self) -> None:
        if self._wish is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._wish.folder)))

    def close(self) -> None:
        """End what is at work: it goes on from where it was when it is started again."""
        self.process.close()
        self._shelver.close()
        self._refresh.stop()
        if self._window is not None:
            self._window.close()


def arguments_for(wish: ManyWish) -> list[str]:
    """The verb's."""
    space = "w" if wish.space == SearchSpace.W else "w+"
    words = ["invert", str(wish.photos), "--json", "-o", str(wish.folder), "--model", wish.sha256]
    words += ["--steps", str(wish.steps), "--space", space, "--editability", f"{wish.editability:g}"]
    words.append("--noise" if wish.space == SearchSpace.NOISE else "--no-noise")
    words.append("--all-faces" if wish.all_faces else "--largest-face")
    return words


def text_of(wish: ManyWish) -> str:
    return json.dumps({**asdict(wish), "photos": str(wish.photos), "folder": str(wish.folder)})


def wish_of(text: str) -> ManyWish | None:
    """Twin of `text_of`; None for what is none, such as one of another Graft."""
    from engine.errors import CorruptModelError
    from engine.strict_json import parse_json_object

    try:
        fields = parse_json_object(text)
        wish = ManyWish(**{**fields, "photos": Path(fields["photos"]), "folder": Path(fields["folder"])})
    except (CorruptModelError, KeyError, TypeError):
        return None
    return wish if text_of(wish) == text else None


def _portraits(count: int) -> str:
    return "One portrait is" if count == 1 else f"{count} portraits are"

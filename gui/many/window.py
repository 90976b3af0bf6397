"""The window that finds the portraits of a folder of photos: how at the left, what was found at the right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QByteArray, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QCloseEvent,
    QDragEnterEvent,
    QDropEvent,
    QIcon,
    QImage,
    QKeyEvent,
    QKeySequence,
    QPixmap,
    QShortcut,
)
from PySide6.QtWidgets import QFileDialog, QLabel, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from engine.encoder_file import EncoderOffer, offer_encoder
from engine.picture_folder import PHOTO_SUFFIXES
from gui.collection import Collection
from gui.many.pair_list import PairList
from gui.panels.asking import ask_beside, asking_column
from gui.panels.calm_combo import CalmComboBox
from gui.panels.invert_bar import DEFAULT_EDITABILITY, EDITABILITY_HELP, SPACES, SearchSpace
from gui.panels.labels import caption_label, muted_label, row, title_label
from gui.settings import Settings
from gui.training.folder_choice import FolderChoice
from gui.widgets.drops import local_paths
from gui.widgets.ends_slider import EndsSlider
from gui.widgets.folder_drop import folder_meant
from gui.widgets.job_card import ProgressLine
from gui.widgets.segmented import Segment, Segmented

DEFAULT_SIZE = QSize(1040, 680)
MINIMUM_SIZE = QSize(880, 560)
ORDER_PX = 340
ICON_PX = 22
QUALITIES = (
    Segment("0", "At once", "What the model's encoder says: a quarter of a second for each photo"),
    Segment("50", "Good", "50 steps of search: some seconds for each photo"),
    Segment("200", "Close", "200 steps of search: a quarter of a minute or more for each photo"),
)
FACES = (
    Segment("largest", "The largest", "One portrait of each photo"),
    Segment("all", "Every face", "Group photos too: a portrait of each who looks into the camera"),
)
IDLE = "The portraits will be shown here, photo and model side by side.\nThey go on the shelf as they are found."
NOTHING = "Drop a folder of photos."
GOES_ON = "This folder was not finished the last time. It goes on where it was."


@dataclass(frozen=True, slots=True)
class ManyWish:
    """What the user wants found."""

    photos: Path
    folder: Path
    sha256: str
    steps: int
    space: str
    editability: float
    all_faces: bool


class ManyWindow(QWidget):
    """Not modal. Closing it does not end the work."""

    start_wanted = Signal(object)  # ManyWish
    cancel_wanted = Signal()

    def __init__(
        self,
        collection: Collection,
        settings: Settings,
        encoder_folders: Sequence[Path],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self._collection = collection
        self._settings = settings
        self._encoder_folders = tuple(encoder_folders)
        self._encoder = EncoderOffer(None)
        self._is_at_work = False
        self._folder: Path | None = None
        self._unfinished = ""
        self.setWindowTitle("Find portraits in a folder - Graft")
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setMinimumSize(MINIMUM_SIZE)
        self.setAcceptDrops(True)
        self.resize(DEFAULT_SIZE)
        self.model = CalmComboBox()
        self.model.setIconSize(QSize(ICON_PX, ICON_PX))
        self.model.setToolTip("The model that shall show them")
        self.photos = FolderChoice(
            "Photos", "Drop a folder of portraits, or click to choose", "many.photos", settings, is_needed=True,
            suffixes=PHOTO_SUFFIXES,
        )  # fmt: skip
        self.photos.drop.setToolTip("With the folders in it. Photos are only read, never changed")
        self.quality = Segmented(QUALITIES)
        self.quality.set_current("50")
        self.space = Segmented(SPACES)
        self.space.set_current(str(SearchSpace.W_PLUS))
        self.editability = EndsSlider("Editability", "Fidelity", "Editability", DEFAULT_EDITABILITY)
        self.editability.set_help(EDITABILITY_HELP)
        self.faces = Segmented(FACES)
        self.folder_button = QPushButton()
        self.folder_button.setToolTip("Where latents, pictures and the report go. What is there is not found again")
        self.note = caption_label()
        self.note.setWordWrap(True)
        self.start = QPushButton("Find them")
        self.start.setProperty("role", "primary")
        self.state = QLabel()
        self.state.setTextFormat(Qt.TextFormat.PlainText)
        self.state.setWordWrap(True)
        self.bar = ProgressLine()
        self.left_out = caption_label()
        self.left_out.setWordWrap(True)
        self.left_out.hide()
        self.report = QPushButton("Open the report")
        self.report.setToolTip("Photo, portrait, difference and numbers of each, in the browser")
        self.show_folder = QPushButton("Show the folder")
        self.show_folder.setToolTip("Latents, pictures and the report as files")
        self.pairs = PairList()
        self._lay_out()
        self._connect()
        self.show_models()
        self.show_folder_name()
        self.set_at_work(False)
        self.photos.drop.setFocus()
        if geometry := settings.get_bytes("many.geometry"):
            self.restoreGeometry(QByteArray(geometry))

    def _lay_out(self) -> None:
        inside = QWidget()
        form = QVBoxLayout(inside)
        form.setContentsMargins(16, 14, 16, 8)
        form.setSpacing(6)
        form.addWidget(title_label("Find portraits in a folder"))
        form.addWidget(self.photos)
        form.addSpacing(2)
        for text, control in (
            ("Model", self.model), ("Search", self.quality), ("Space", self.space), ("Faces", self.faces),
            ("Results", self.folder_button),
        ):  # fmt: skip
            control.setAccessibleName(text)
            form.addWidget(row(muted_label(text), 1, control))
            if control is self.space:
                form.addWidget(self.editability)
        form.addStretch(1)
        self.idle = QLabel(IDLE)
        self.idle.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.idle.setProperty("role", "muted")
        self.shown = QStackedWidget()
        self.shown.addWidget(self.idle)
        self.shown.addWidget(self.pairs)
        right = QVBoxLayout()
        right.setContentsMargins(16, 16, 16, 16)
        right.setSpacing(8)
        for widget in (self.state, self.bar, self.left_out):
            right.addWidget(widget)
        right.addWidget(self.shown, 1)
        self.ends = row(1, self.show_folder, self.report)
        self.ends.hide()
        right.addWidget(self.ends)
        ask_beside(self, asking_column(inside, self.note, self.start, width_px=ORDER_PX), right)

    def _connect(self) -> None:
        self.photos.changed.connect(self._photos_changed)
        self.model.currentIndexChanged.connect(self._model_changed)
        self.quality.picked.connect(self.check)
        self.folder_button.clicked.connect(self._choose_folder)
        self.start.clicked.connect(self._start_or_cancel)
        self._collection.models_changed.connect(self.show_models)
        for keys, run in (("Ctrl+W", self.close), ("Ctrl+Return", self.start.click)):
            QShortcut(QKeySequence(keys), self).activated.connect(run)

    # --- the wish -------------------------------------------------------------------------------------------------

    @Slot()
    def show_models(self) -> None:
        chosen = self.model.currentData()
        self.model.blockSignals(True)
        self.model.clear()
        for record in self._collection.models():
            picture = self._collection.model_picture(record.ref.sha256)
            shown = QIcon(QPixmap.fromImage(picture)) if isinstance(picture, QImage) else QIcon()
            self.model.addItem(shown, f"{record.ref.name}, {record.descriptor.img_resolution} px", record.ref.sha256)
        self.model.blockSignals(False)
        self.choose_model(chosen)

    def choose_model(self, sha256: str | None) -> None:
        self.model.setCurrentIndex(max(0, self.model.findData(sha256)))
        self._model_changed()

    @Slot()
    def _model_changed(self) -> None:
        record = self._collection.model(self.model.currentData())
        if record is not None:
            self._encoder = offer_encoder(record.ref, self._encoder_folders, record.descriptor.tuned_from)
        self.check()

    def wish(self) -> ManyWish | None:
        """None while no folder is chosen."""
        photos = self.photos.folder
        if photos is None:
            return None
        return ManyWish(
            photos=photos,
            folder=self.folder or photos,
            sha256=str(self.model.currentData()),
            steps=int(self.quality.current),
            space=self.space.current,
            editability=self.editability.value,
            all_faces=self.faces.current == "all",
        )

    def show_wish(self, wish: ManyWish) -> None:
        """Of the last time."""
        if wish.photos.is_dir():
            self.photos.choose(wish.photos)
        self._folder = wish.folder
        self.choose_model(wish.sha256)
        self.quality.set_current(str(wish.steps))
        self.space.set_current(wish.space)
        self.faces.set_current("all" if wish.all_faces else "largest")
        self.editability.set_value(wish.editability)
        self.show_folder_name()
        self.check()

    def show_unfinished(self, photos: Path | None) -> None:
        """Say that a folder goes on where it was."""
        self._unfinished = "" if photos is None else str(photos)
        self.check()

    @property
    def folder(self) -> Path | None:
        """Where the results go: beside the photos, unless one has said otherwise."""
        photos = self.photos.folder
        return self._folder or (photos and photos.with_name(f"{photos.name} portraits"))

    def set_folder(self, folder: Path | None) -> None:
        self._folder = folder
        self.show_folder_name()
        self.check()

    @Slot()
    def _photos_changed(self) -> None:
        self.set_folder(None)

    @Slot()
    def _choose_folder(self) -> None:
        start = str((self.folder or Path.home()).parent)
        chosen = QFileDialog.getExistingDirectory(self, "Where the results go", start)
        if chosen:
            self.set_folder(Path(chosen))

    def show_folder_name(self) -> None:
        metrics = self.folder_button.fontMetrics()
        text = str(self.folder) if self.folder is not None else "Beside the photos"
        self.folder_button.setText(metrics.elidedText(text, Qt.TextElideMode.ElideMiddle, 190))

    @Slot()
    def check(self) -> None:
        wish, problem, note = self.wish(), "", ""
        if wish is None:
            problem = NOTHING
        elif wish.steps == 0 and self._encoder.path is None:
            problem = f"At once needs an encoder. {self._encoder.reason}"
        elif wish.folder == wish.photos:
            problem = "The results would go among the photos themselves: choose another folder."
        elif str(wish.photos) == self._unfinished and not self._is_at_work:
            note = GOES_ON
        elif wish.steps and self._encoder.path is None:
            note = f"{self._encoder.reason} The search starts from the mean face and takes longer."
        self.note.setText(problem or note)
        self.note.setVisible(bool(problem or note))
        self.editability.setEnabled(self.quality.current != "0")
        self.start.setEnabled(self._is_at_work or not problem)

    # --- the work -------------------------------------------------------------------------------------------------

    def set_at_work(self, is_at_work: bool) -> None:
        self._is_at_work = is_at_work
        self.start.setText("Stop" if is_at_work else "Find them")
        tip = "What is found stays; started again, it goes on" if is_at_work else "Begin (Ctrl+Enter)"
        self.start.setToolTip(tip)
        self.start.setProperty("role", "" if is_at_work else "primary")
        self.start.style().polish(self.start)
        self.check()

    def show_left_out(self, words: str) -> None:
        self.left_out.setText(words)
        self.left_out.setVisible(bool(words))

    def show_pair(self, key: str, name: str, pair: QImage, details: str) -> None:
        self.pairs.add(key, name, pair, details)
        self.shown.setCurrentWidget(self.pairs)

    def begin_anew(self) -> None:
        self.pairs.clear()
        self.shown.setCurrentWidget(self.idle)
        self.show_left_out("")
        self.ends.hide()

    @Slot()
    def _start_or_cancel(self) -> None:
        if self._is_at_work:
            self.cancel_wanted.emit()
        elif (wish := self.wish()) is not None:
            self.start_wanted.emit(wish)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if local_paths(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Anywhere on the window, as on its field."""
        event.acceptProposedAction()
        self.photos.drop.dropped.emit(folder_meant(local_paths(event.mimeData())[0]))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close()
        else:
            super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        self._settings.set_bytes("many.geometry", bytes(self.saveGeometry().data()))
        event.accept()

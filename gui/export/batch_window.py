"""The window that puts the present look on many faces: which faces at the left, what came of them at the right."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QByteArray, QSize, Qt, Signal, Slot
from PySide6.QtGui import (
    QCloseEvent,
    QDragEnterEvent,
    QDropEvent,
    QImage,
    QKeyEvent,
    QKeySequence,
    QPixmap,
    QShortcut,
)
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from engine.errors import EngineError
from engine.number_lists import read_seeds
from engine.picture_folder import PHOTO_SUFFIXES
from gui.exporting import FORMATS
from gui.panels.asking import ask_beside, asking_column
from gui.panels.labels import caption_label, muted_label, row, title_label
from gui.settings import Settings
from gui.training.folder_choice import FolderChoice
from gui.widgets.drops import local_paths
from gui.widgets.folder_drop import folder_meant
from gui.widgets.job_card import ProgressLine
from gui.widgets.sheet_view import SheetView

DEFAULT_SIZE = QSize(1000, 680)
MINIMUM_SIZE = QSize(860, 560)
ORDER_PX = 330
SEARCHES = (
    (0, "At once", "The encoder's first guess: well under a second a photo"),
    (60, "Close, 60 steps", "Some seconds a photo"),
    (300, "Closest, 300 steps", "Half a minute a photo on a processor"),
)
SIZES = ((0, "The model's own"), (512, "512 px at most"), (256, "256 px at most"), (128, "128 px at most"))
IDLE = "The pictures will be shown here on one sheet."
NOTHING = "Drop a folder of photos, or type seeds."


@dataclass(frozen=True, slots=True)
class BatchWish:
    """What the user wants made."""

    photos: Path | None
    seeds: str
    folder: Path
    suffix: str
    size_px: int
    steps: int


class BatchWindow(QWidget):
    """Not modal. Closing it does not end the work."""

    start_wanted = Signal(object)  # BatchWish
    cancel_wanted = Signal()

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self._settings = settings
        self._is_at_work = False
        self._folder = settings.folder("batch")
        self.setWindowTitle("Apply the look to many - Graft")
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setMinimumSize(MINIMUM_SIZE)
        self.setAcceptDrops(True)
        self.resize(DEFAULT_SIZE)
        self.look = QLabel()
        self.look.setTextFormat(Qt.TextFormat.PlainText)
        self.look.setWordWrap(True)
        self.look_picture = QLabel()
        self.photos = FolderChoice(
            "Photos",
            "Drop a folder of portraits, or click to choose",
            "batch.photos",
            settings,
            suffixes=PHOTO_SUFFIXES,
        )
        self.seeds = QLineEdit()
        self.seeds.setAccessibleName("Seeds")
        self.seeds.setPlaceholderText("such as 0-23 or 4,8,15")
        self.seeds.setToolTip("Faces from seeds: numbers and ranges")
        self.search = QComboBox()
        for place, (steps, text, tip) in enumerate(SEARCHES):
            self.search.addItem(text, steps)
            self.search.setItemData(place, tip, Qt.ItemDataRole.ToolTipRole)
        self.search.setToolTip("How long the face of each photo is looked for in model A")
        self.format = QComboBox()
        for suffix, text in FORMATS.items():
            self.format.addItem(text, suffix)
        self.size_choice = QComboBox()
        for edge, text in SIZES:
            self.size_choice.addItem(text, edge)
        self.folder_button = QPushButton()
        self.folder_button.setToolTip("Where the pictures go. What is there already is not made again")
        self.note = caption_label()
        self.note.setWordWrap(True)
        self.start = QPushButton("Make them")
        self.start.setProperty("role", "primary")
        self.state = QLabel()
        self.state.setTextFormat(Qt.TextFormat.PlainText)
        self.state.setWordWrap(True)
        self.bar = ProgressLine()
        self.left_out = caption_label()
        self.left_out.setWordWrap(True)
        self.left_out.hide()
        self.sheet = SheetView()
        self.sheet.setAccessibleName("The pictures so far")
        self._lay_out()
        self._show_folder()
        self.photos.changed.connect(self.check)
        self.seeds.textChanged.connect(self.check)
        self.folder_button.clicked.connect(self._choose_folder)
        self.start.clicked.connect(self._start_or_cancel)
        for keys, run in (("Ctrl+W", self.close), ("Ctrl+Return", self.start.click)):
            QShortcut(QKeySequence(keys), self).activated.connect(run)
        self.check()
        self.photos.drop.setFocus()
        if geometry := settings.get_bytes("batch.geometry"):
            self.restoreGeometry(QByteArray(geometry))

    def _lay_out(self) -> None:
        inside = QWidget()
        form = QVBoxLayout(inside)
        form.setContentsMargins(16, 14, 16, 8)
        form.setSpacing(6)
        form.addWidget(title_label("Apply the look to many"))
        form.addWidget(row(self.look_picture, self.look, 1))
        form.addWidget(self.photos)
        form.addWidget(muted_label("Seeds"))
        form.addWidget(self.seeds)
        form.addSpacing(4)
        for text, control in (
            ("Search for faces", self.search), ("Format", self.format), ("Size", self.size_choice),
            ("Folder", self.folder_button),
        ):  # fmt: skip
            control.setAccessibleName(text)
            form.addWidget(row(muted_label(text), 1, control))
        form.addStretch(1)
        right = QVBoxLayout()
        right.setContentsMargins(16, 16, 16, 16)
        right.setSpacing(8)
        for widget in (self.state, self.bar, self.left_out):
            right.addWidget(widget)
        right.addWidget(self.sheet, 1)
        ask_beside(self, asking_column(inside, self.note, self.start, width_px=ORDER_PX), right)

    # --- the wish -------------------------------------------------------------------------------------------------

    def show_look(self, words: str, picture: QImage | None) -> None:
        """What will be put on every face."""
        self.look.setText(words)
        self.look_picture.setVisible(picture is not None)
        if picture is not None:
            edge = 64
            shown = picture.scaled(
                edge, edge, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
            )
            self.look_picture.setPixmap(QPixmap.fromImage(shown))

    def wish(self) -> BatchWish:
        return BatchWish(
            photos=self.photos.folder,
            seeds=self.seeds.text().strip(),
            folder=self._folder,
            suffix=str(self.format.currentData()),
            size_px=int(self.size_choice.currentData()),
            steps=int(self.search.currentData()),
        )

    def show_left_out(self, words: str) -> None:
        self.left_out.setText(words)
        self.left_out.setVisible(bool(words))

    def set_folder(self, folder: Path) -> None:
        self._folder = folder
        self._show_folder()

    @Slot()
    def _choose_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Where the pictures go", str(self._folder))
        if chosen:
            self.set_folder(Path(chosen))

    def _show_folder(self) -> None:
        metrics = self.folder_button.fontMetrics()
        self.folder_button.setText(metrics.elidedText(str(self._folder), Qt.TextElideMode.ElideMiddle, 190))

    @Slot()
    def check(self) -> None:
        problem = ""
        if self.photos.folder is None and not self.seeds.text().strip():
            problem = NOTHING
        elif self.seeds.text().strip():
            try:
                read_seeds(self.seeds.text())
            except EngineError as error:
                problem = error.user_message
        self.note.setText(problem)
        self.note.setVisible(bool(problem))
        self.search.setEnabled(self.photos.folder is not None)
        self.start.setEnabled(self._is_at_work or not problem)

    # --- the work -------------------------------------------------------------------------------------------------

    def set_at_work(self, is_at_work: bool) -> None:
        self._is_at_work = is_at_work
        self.start.setText("Stop" if is_at_work else "Make them")
        self.start.setToolTip("What is made stays; started again, it goes on" if is_at_work else "Begin (Ctrl+Enter)")
        self.start.setProperty("role", "" if is_at_work else "primary")
        self.start.style().polish(self.start)
        self.check()

    @Slot()
    def _start_or_cancel(self) -> None:
        if self._is_at_work:
            self.cancel_wanted.emit()
        else:
            self.start_wanted.emit(self.wish())

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
        self._settings.set_bytes("batch.geometry", bytes(self.saveGeometry().data()))
        event.accept()

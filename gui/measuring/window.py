"""The window that measures a model: what at the left, what it came to at the right."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QByteArray, QSize, Qt, Signal, Slot
from PySide6.QtGui import QCloseEvent, QIcon, QImage, QKeyEvent, QKeySequence, QPixmap, QShortcut
from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from gui.collection import Collection
from gui.measuring.results import Results
from gui.panels.asking import ask_beside, asking_column
from gui.panels.calm_combo import CalmComboBox
from gui.panels.labels import caption_label, muted_label, row, title_label
from gui.settings import Settings
from gui.training.folder_choice import FolderChoice
from gui.widgets.section import Section
from gui.widgets.value_field import ValueField

DEFAULT_SIZE = QSize(1080, 720)
MINIMUM_SIZE = QSize(980, 620)
ORDER_PX = 316
ICON_PX = 22
MIN_SAMPLES, DEFAULT_SAMPLES, MAX_SAMPLES = 100, 500, 10_000
MAX_SEED = 2**32 - 1
SPACES = (("w", "in W"), ("z", "in Z"))
PARTS = (("end", "where they begin"), ("full", "anywhere on them"))
DEVICES = (("auto", "The fastest"), ("cpu", "Processor"), ("cuda", "NVIDIA card"), ("mps", "Apple graphics"))
WITHOUT = "Without real pictures, only how evenly the model's pictures change (PPL) can be measured."
ONLY_COPIES = "Without real pictures, only copies are looked for."


@dataclass(frozen=True, slots=True)
class Order:
    """What the user wants measured."""

    sha256: str
    name: str
    data: Path | None
    originals: Path | None
    samples: int
    psi: float
    seed: int
    closest: int
    path_space: str
    path_part: str
    device: str


class MeasureWindow(QWidget):
    """Not modal: one goes on working in the other window. Closing it disturbs no measurement."""

    start_wanted = Signal(object)  # Order
    cancel_wanted = Signal()

    def __init__(self, collection: Collection, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self._collection = collection
        self._settings = settings
        self._is_at_work = False
        self.setWindowTitle("Measure a model - Graft")
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setMinimumSize(MINIMUM_SIZE)
        self.resize(DEFAULT_SIZE)
        self.model = CalmComboBox()
        self.model.setAccessibleName("Model")
        self.model.setIconSize(QSize(ICON_PX, ICON_PX))
        self.data = FolderChoice(
            "Real pictures", "Drop the pictures it should look like, or click to choose", "measure.data", settings
        )
        self.data.drop.setToolTip("Such as it was trained on; twice as many as samples are best")
        self.originals = FolderChoice(
            "Look for copies of", "Optional: drop photos that it must not copy", "measure.originals", settings
        )
        self.originals.drop.setToolTip(
            "Each sample's nearest photo is found and shown beside it. Framed like the model's pictures, please"
        )
        self.samples = ValueField(MIN_SAMPLES, MAX_SAMPLES, DEFAULT_SAMPLES, step=100)
        self.samples.setAccessibleName("Samples")
        self.samples.setToolTip("Pictures on each side. More takes longer and is surer")
        self.psi = ValueField(0, 2, 1, decimals=2, step=0.05)
        self.psi.setToolTip("Truncation psi; 1 measures the model as it was trained")
        self.seed = ValueField(0, MAX_SEED, 0)
        self.seed.setToolTip("The samples are the seeds from here on")
        self.closest = ValueField(1, 200, 20)
        self.closest.setToolTip("How many of the pairs that are most alike are drawn")
        self.path_space = _combo(SPACES)
        self.path_part = _combo(PARTS)
        self.device = _combo(DEVICES)
        self.more = Section("More")
        self.more.set_folded(True)
        self.note = caption_label(WITHOUT)
        self.note.setWordWrap(True)
        self.start = QPushButton("Measure")
        self.start.setProperty("role", "primary")
        self.results = Results(settings)
        self._lay_out()
        self._connect()
        self.show_models()
        self._check()
        if geometry := settings.get_bytes("measure.geometry"):
            self.restoreGeometry(QByteArray(geometry))

    def _lay_out(self) -> None:
        inside = QWidget()
        form = QVBoxLayout(inside)
        form.setContentsMargins(16, 14, 16, 8)
        form.setSpacing(6)
        form.addWidget(title_label("Measure a model"))
        form.addSpacing(2)
        form.addWidget(muted_label("Model"))
        form.addWidget(self.model)
        form.addWidget(self.data)
        form.addWidget(self.originals)
        form.addSpacing(2)
        form.addWidget(row(muted_label("Samples"), 1, self.samples))
        for text, control in (
            ("Truncation psi", self.psi),
            ("First seed", self.seed),
            ("Pairs shown", self.closest),
            ("PPL paths run", self.path_space),
            ("PPL measured", self.path_part),
            ("Computed on", self.device),
        ):
            control.setAccessibleName(text)
            self.more.add_widget(row(muted_label(text), 1, control))
        form.addWidget(self.more)
        form.addStretch(1)
        ask_beside(self, asking_column(inside, self.note, self.start, width_px=ORDER_PX), self.results)

    def _connect(self) -> None:
        self.start.clicked.connect(self._start_or_cancel)
        for choice in (self.data, self.originals):
            choice.changed.connect(self._check)
        self._collection.models_changed.connect(self.show_models)
        for keys, run in (("Ctrl+W", self.close), ("Ctrl+Return", self.start.click)):
            QShortcut(QKeySequence(keys), self).activated.connect(run)

    # --- the order ------------------------------------------------------------------------------------------------

    @Slot()
    def show_models(self) -> None:
        chosen = self.model.currentData()
        self.model.clear()
        for record in self._collection.models():
            picture = self._collection.model_picture(record.ref.sha256)
            shown = QIcon(QPixmap.fromImage(picture)) if isinstance(picture, QImage) else QIcon()
            self.model.addItem(shown, f"{record.ref.name}, {record.descriptor.img_resolution} px", record.ref.sha256)
        self.choose_model(chosen)
        self._check()

    def choose_model(self, sha256: str | None) -> None:
        self.model.setCurrentIndex(max(0, self.model.findData(sha256)))

    def order(self) -> Order:
        sha256 = str(self.model.currentData())
        record = self._collection.model(sha256)
        return Order(
            sha256=sha256,
            name=record.ref.name if record is not None else "",
            data=self.data.folder,
            originals=self.originals.folder,
            samples=int(self.samples.value),
            psi=self.psi.value,
            seed=int(self.seed.value),
            closest=int(self.closest.value),
            path_space=str(self.path_space.currentData()),
            path_part=str(self.path_part.currentData()),
            device=str(self.device.currentData()),
        )

    # --- the work -------------------------------------------------------------------------------------------------

    def set_at_work(self, is_at_work: bool) -> None:
        self._is_at_work = is_at_work
        self.start.setText("Cancel" if is_at_work else "Measure")
        role = "" if is_at_work else "primary"
        if role != self.start.property("role"):
            self.start.setProperty("role", role)
            self.start.style().polish(self.start)
        self._check()

    @Slot()
    def _check(self) -> None:
        has_model = self.model.count() > 0
        self.start.setEnabled(has_model or self._is_at_work)
        self.start.setToolTip("Begin (Ctrl+Enter)" if has_model else "Add a model to the shelf first")
        self.note.setText(WITHOUT if self.originals.folder is None else ONLY_COPIES)
        self.note.setVisible(self.data.folder is None)

    @Slot()
    def _start_or_cancel(self) -> None:
        if self._is_at_work:
            self.cancel_wanted.emit()
        else:
            self.start_wanted.emit(self.order())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:  # no shortcut: Esc also leaves a value that is being typed
            self.close()
        else:
            super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        self._settings.set_bytes("measure.geometry", bytes(self.saveGeometry().data()))
        event.accept()


def _combo(items: tuple[tuple[str, str], ...]) -> CalmComboBox:
    combo = CalmComboBox()
    for value, text in items:
        combo.addItem(text, value)
    return combo

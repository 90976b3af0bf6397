"""The panel that finds directions: how at the left, what was found and what is kept at the right."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QByteArray, QSize, Qt, Signal, Slot
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QHideEvent, QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QLineEdit,
    QProgressBar,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from engine.descriptor import NetworkDescriptor
from engine.direction_events import DirectionMethod
from engine.state import View
from gui.directions.range_chip import RangeChip
from gui.directions.ranges import Rows
from gui.directions.results import Results
from gui.directions.section import FILE_SUFFIXES
from gui.panels.asking import ask_beside, asking_column
from gui.panels.calm_combo import CalmComboBox
from gui.panels.labels import caption_label, muted_label, row, title_label
from gui.settings import Settings
from gui.widgets.choice_cards import ChoiceCard, ChoiceCards
from gui.widgets.drops import local_paths
from gui.widgets.segmented import Segment, Segmented
from gui.widgets.value_field import ValueField

DEFAULT_SIZE = QSize(980, 680)
MINIMUM_SIZE = QSize(860, 520)
FORM_PX = 288
DEFAULT_COUNT, MAX_COUNT = 10, 80
METHODS = (
    ChoiceCard(
        DirectionMethod.GANSPACE_W, "GANSpace in W", "What the model's faces differ in most. Start here.",
        "Principal components of 10,000 latents",
    ),
    ChoiceCard(
        DirectionMethod.GANSPACE_ACTIVATIONS, "GANSpace in activations", "What low layers see differ most: shapes.",
        "Principal components of a low block's activations, brought back to W by least squares",
    ),
    ChoiceCard(
        DirectionMethod.SEFA, "SeFa", "What the chosen layers answer to most. At once.",
        "Eigenvectors of the weights that turn w into styles; no picture is made",
    ),
)  # fmt: skip
VIEWS = ((View.BLEND, "the blend"), (View.A, "model A"), (View.B, "model B"))
NOTHING_FOUND = "Choose how to look and press Find. Each direction then shows the present face along it."
NOTHING_KEPT = "Nothing is kept yet. Keep a direction that was found, or drop a file of directions here."


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user wants found."""

    method: DirectionMethod
    view: View
    rows: Rows | None
    count: int


class DirectionWindow(QWidget):
    """Not modal: sliders are turned in the other window meanwhile."""

    find_wanted = Signal(object)  # Wish
    cancel_wanted = Signal()
    import_wanted = Signal()
    files_dropped = Signal(object)  # tuple[Path, ...]
    export_wanted = Signal()
    search_changed = Signal(str)
    page_changed = Signal()
    hidden = Signal()

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self._settings = settings
        self._is_at_work = False
        self.setWindowTitle("Directions - Graft")
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setMinimumSize(MINIMUM_SIZE)
        self.resize(DEFAULT_SIZE)
        self.setAcceptDrops(True)
        self.methods = ChoiceCards(METHODS, columns=1)
        self.view = CalmComboBox()
        self.view.setAccessibleName("Where to look")
        self.view.setToolTip("Whose weights are looked at; the latents are the picture's own")
        for view, words in VIEWS:
            self.view.addItem(words, view.value)
        self.chip = RangeChip()
        self.count = ValueField(1, MAX_COUNT, DEFAULT_COUNT)
        self.count.setAccessibleName("How many")
        self.count.setToolTip("The strongest so many")
        self.find_button = QPushButton("Find")
        self.find_button.setProperty("role", "primary")
        self.find_button.setToolTip("Begin (Ctrl+Enter); previews go on meanwhile")
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.note = caption_label()
        self.note.setWordWrap(True)
        self.pages = Segmented(
            (Segment("found", "Found", "What was found last"), Segment("kept", "Kept", "What is in the library"))
        )
        self.pages.setAccessibleName("Which directions")
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search (Ctrl+F)")
        self.search.setClearButtonEnabled(True)
        self.search.setAccessibleName("Search the kept directions")
        self.search.setFixedWidth(180)
        self.import_button = QPushButton("Import…")
        self.import_button.setToolTip("Directions from a file: .npy, .npz, .safetensors, .pt. Or drop it here")
        self.export_button = QPushButton("Export…")
        self.found = Results(NOTHING_FOUND)
        self.kept = Results(NOTHING_KEPT)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.found)
        self._stack.addWidget(self.kept)
        self._lay_out()
        self._connect()
        self.set_at_work(None, "")
        self._turn_page("found")
        if geometry := settings.get_bytes("directions.geometry"):
            self.restoreGeometry(QByteArray(geometry))

    def _lay_out(self) -> None:
        inside = QWidget()
        form = QVBoxLayout(inside)
        form.setContentsMargins(16, 14, 16, 8)
        form.setSpacing(8)
        form.addWidget(title_label("Find directions"))
        form.addWidget(self.methods)
        for text, control in (("In", self.view), ("Layers", self.chip), ("How many", self.count)):
            form.addWidget(row(muted_label(text), 1, control))
        form.addStretch(1)
        head = row(self.pages, 1, self.search, self.import_button, self.export_button)
        head.layout().setContentsMargins(16, 12, 16, 0)  # type: ignore[union-attr]
        right = QVBoxLayout()
        right.setContentsMargins(0, 0, 0, 0)
        right.setSpacing(0)
        right.addWidget(head)
        right.addWidget(self._stack, 1)
        asking = asking_column(inside, self.note, self.bar, self.find_button, width_px=FORM_PX)
        ask_beside(self, asking, right)

    def _connect(self) -> None:
        self.find_button.clicked.connect(self._find_or_cancel)
        self.import_button.clicked.connect(self.import_wanted)
        self.export_button.clicked.connect(self.export_wanted)
        self.search.textChanged.connect(self.search_changed)
        self.pages.picked.connect(self._turn_page)
        for keys, run in (
            ("Ctrl+W", self.close),
            ("Ctrl+Return", self.find_button.click),
            ("Ctrl+F", self._go_to_search),
        ):
            QShortcut(QKeySequence(keys), self).activated.connect(run)

    # --- what is shown --------------------------------------------------------------------------------------------

    @property
    def wish(self) -> Wish:
        return Wish(
            DirectionMethod(self.methods.current),
            View(self.view.currentData()),
            self.chip.rows,
            int(self.count.value),
        )

    @property
    def results(self) -> Results:
        """The page in sight."""
        return self.found if self.pages.current == "found" else self.kept

    def show_page(self, key: str) -> None:
        """``found`` or ``kept``."""
        self.pages.set_current(key)
        self._turn_page(key)

    def _turn_page(self, key: str) -> None:
        is_kept = key == "kept"
        self._stack.setCurrentWidget(self.kept if is_kept else self.found)
        self.search.setVisible(is_kept)
        which = "shown here" if is_kept else "found here"
        self.export_button.setToolTip(f"Write the directions {which} to one .safetensors file")
        self.page_changed.emit()
        self.results.tell_seen()

    @Slot()
    def _go_to_search(self) -> None:
        self.show_page("kept")
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def show_models(self, descriptor: NetworkDescriptor | None, *, has_b: bool) -> None:
        """What there is to look at: layers, and whether there is a B."""
        self.chip.show_rows(self.chip.rows, descriptor)
        self.view.setEnabled(has_b)
        if not has_b:
            self.view.setCurrentIndex(0)
        self._enable(descriptor is not None)

    def set_at_work(self, fraction: float | None, text: str) -> None:
        """Show how far it is, 0 to 1; without a text nothing is at work."""
        self._is_at_work = bool(text)
        self.bar.setVisible(self._is_at_work)
        self.bar.setValue(round(1000 * (fraction or 0.0)))
        self.note.setText(text)
        self.note.setVisible(bool(text))
        self.find_button.setText("Cancel" if self._is_at_work else "Find")

    def say(self, text: str) -> None:
        """A sentence above the button."""
        self.note.setText(text)
        self.note.setVisible(bool(text))

    def _enable(self, has_model: bool) -> None:
        self.find_button.setEnabled(has_model or self._is_at_work)

    @Slot()
    def _find_or_cancel(self) -> None:
        if self._is_at_work:
            self.cancel_wanted.emit()
        else:
            self.find_wanted.emit(self.wish)

    # --- events ---------------------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.close()
        else:
            super().keyPressEvent(event)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if any(path.suffix.lower() in FILE_SUFFIXES for path in local_paths(event.mimeData())):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        event.acceptProposedAction()
        self.files_dropped.emit(local_paths(event.mimeData()))

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.hidden.emit()

    def closeEvent(self, event: QCloseEvent) -> None:
        self._settings.set_bytes("directions.geometry", bytes(self.saveGeometry().data()))
        event.accept()

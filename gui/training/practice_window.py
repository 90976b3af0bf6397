"""Asks how practice pictures are to be made: from which faces, in which styles, how many, where to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QCheckBox, QFileDialog, QLabel, QPushButton, QVBoxLayout, QWidget

from engine.errors import printable
from engine.portrait_events import PORTRAIT_STYLES
from gui.panels.calm_combo import CalmComboBox
from gui.panels.labels import caption_label, muted_label, row, title_label
from gui.settings import Settings
from gui.training.folder_choice import FolderChoice
from gui.widgets.job_card import ProgressLine
from gui.widgets.value_field import ValueField

WIDTH_PX = 560
DEFAULT_COUNT, MAX_COUNT = 2000, 100_000
MAX_SEED = 2**32 - 1
SIZES = (32, 64, 128, 256, 512, 1024)
DEFAULT_SIZE = 256
STYLE_TIPS = {
    "portrait": "As photographed, in other colours",
    "toon": "Flat colours, large eyes",
    "woodblock": "Few inks, cut lines",
    "pencil": "Grey strokes on paper",
    "lines": "Contours, black on white",
}
ABOUT = (
    "Every picture mixes two photographed people into one who does not exist; the drawings show the same nobodies. "
    "You need the Face Research Lab London Set with its landmarks (CC BY 4.0, doi 10.6084/m9.figshare.5047666)."
)


@dataclass(frozen=True, slots=True)
class PracticeOrder:
    """Attributes:
    then: The style to train on.
    """

    london: Path
    out: Path
    styles: tuple[str, ...]
    then: str
    count: int
    size: int
    seed: int


class PracticeWindow(QWidget):
    start_wanted = Signal(object)  # PracticeOrder
    cancel_wanted = Signal()

    def __init__(self, out: Path, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self._settings = settings
        self._out = out
        self._is_at_work = False
        self.setWindowTitle("Make practice pictures - Graft")
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFixedWidth(WIDTH_PX)
        self.london = FolderChoice(
            "London set", "Drop the folder of the London set here, or click to choose it", "london", settings,
            is_needed=True,
        )  # fmt: skip
        self.styles = {style: QCheckBox(style.capitalize()) for style in PORTRAIT_STYLES}
        for style, box in self.styles.items():
            box.setToolTip(STYLE_TIPS[style])
            box.setChecked(style in ("portrait", "toon"))
        self.then = CalmComboBox()
        self.then.setAccessibleName("Then train on")
        self.then.setToolTip("The style whose folder is taken as the pictures to learn from")
        self.count = ValueField(1, MAX_COUNT, DEFAULT_COUNT, step=250)
        self.count.setAccessibleName("Pictures in each style")
        self.edge = CalmComboBox()
        self.edge.setAccessibleName("Size")
        for size in SIZES:
            self.edge.addItem(f"{size} px", size)
        self.edge.setCurrentIndex(SIZES.index(DEFAULT_SIZE))
        self.seed = ValueField(0, MAX_SEED, 0)
        self.seed.setAccessibleName("Seed")
        self.seed.setToolTip("The same seed makes the same pictures")
        self.out = QPushButton()
        self.out.setToolTip("Where the pictures go, a folder for each style. What is there already is kept")
        self.state = QLabel()
        self.state.setWordWrap(True)
        self.state.setTextFormat(Qt.TextFormat.PlainText)
        self.state.setMinimumHeight(2 * self.state.fontMetrics().lineSpacing())
        self.state.setAlignment(Qt.AlignmentFlag.AlignBottom)
        self.bar = ProgressLine()
        for foot in (self.state, self.bar):
            policy = foot.sizePolicy()
            policy.setRetainSizeWhenHidden(True)  # nothing jumps when the work begins
            foot.setSizePolicy(policy)
        self.start = QPushButton("Make pictures")
        self._lay_out()
        self._connect()
        self._styles_changed()
        self._show_out()
        self.set_at_work(False)

    def _lay_out(self) -> None:
        about = caption_label(ABOUT)
        about.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 16, 20, 16)
        layout.setSpacing(10)
        for widget in (
            title_label("Make practice pictures"),
            about,
            self.london,
            muted_label("Styles"),
            row(*self.styles.values(), 1, spacing=16),
            row(muted_label("Then train on"), 1, self.then),
            row(muted_label("Pictures in each style"), 1, self.count),
            row(muted_label("Size"), 1, self.edge),
            row(muted_label("Seed"), 1, self.seed),
            row(muted_label("Folder"), 1, self.out),
        ):
            layout.addWidget(widget)
        layout.addStretch(1)
        for foot in (self.state, self.bar, self.start):
            layout.addWidget(foot)
        self.setMinimumHeight(layout.totalHeightForWidth(WIDTH_PX))

    def _connect(self) -> None:
        self.london.changed.connect(self._check)
        for box in self.styles.values():
            box.toggled.connect(self._styles_changed)
        self.out.clicked.connect(self._choose_out)
        self.start.clicked.connect(self._start_or_cancel)
        for keys, run in (("Ctrl+W", self.close), ("Ctrl+Return", self.start.click)):
            QShortcut(QKeySequence(keys), self).activated.connect(run)

    # --- the order ------------------------------------------------------------------------------------------------

    @property
    def chosen_styles(self) -> tuple[str, ...]:
        return tuple(style for style, box in self.styles.items() if box.isChecked())

    @Slot()
    def _styles_changed(self) -> None:
        wanted = self.then.currentData() if self.then.count() else "toon"
        self.then.clear()
        for style in self.chosen_styles:
            self.then.addItem(style.capitalize(), style)
        self.then.setCurrentIndex(max(0, self.then.findData(wanted)))
        self._check()

    @Slot()
    def _choose_out(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Practice pictures go to", str(self._nearest_there()))
        if chosen:
            self.choose_out(Path(chosen))

    def choose_out(self, folder: Path) -> None:
        self._out = folder.absolute()
        self._show_out()

    def _nearest_there(self) -> Path:
        return next((folder for folder in (self._out, *self._out.parents) if folder.is_dir()), Path.home())

    def _show_out(self) -> None:
        shown = printable(str(self._out), 300)
        self.out.setText(self.out.fontMetrics().elidedText(shown, Qt.TextElideMode.ElideMiddle, WIDTH_PX - 180))

    def order(self) -> PracticeOrder | None:
        """None as long as something is missing."""
        if self.london.folder is None or not self.chosen_styles:
            return None
        return PracticeOrder(
            london=self.london.folder,
            out=self._out,
            styles=self.chosen_styles,
            then=str(self.then.currentData()),
            count=int(self.count.value),
            size=int(self.edge.currentData()),
            seed=int(self.seed.value),
        )

    # --- the work -------------------------------------------------------------------------------------------------

    def set_at_work(self, is_at_work: bool) -> None:
        self._is_at_work = is_at_work
        self.start.setText("Cancel" if is_at_work else "Make pictures")
        role = "" if is_at_work else "primary"
        if role != self.start.property("role"):
            self.start.setProperty("role", role)
            self.start.style().polish(self.start)
        self.bar.setVisible(is_at_work)
        self._check()

    def show_progress(self, sentence: str, fraction: float | None) -> None:
        self.show_state(sentence)
        self.bar.set_fraction(fraction)

    def show_state(self, sentence: str, *, is_error: bool = False) -> None:
        self.state.setText(sentence)
        self.state.setVisible(bool(sentence))
        role = "problem" if is_error else "muted"
        if role != self.state.property("role"):
            self.state.setProperty("role", role)
            self.state.style().polish(self.state)

    @Slot()
    def _check(self) -> None:
        """Say in a sentence why it cannot start yet."""
        missing = ""
        if self.london.folder is None:
            missing = "Choose the folder of the London set first."
        elif not self.chosen_styles:
            missing = "Choose a style at least."
        self.start.setEnabled(self._is_at_work or not missing)
        self.start.setToolTip(missing or "Begin (Ctrl+Enter)")
        if not self._is_at_work:
            self.show_state(missing)

    @Slot()
    def _start_or_cancel(self) -> None:
        order = self.order()
        if self._is_at_work:
            self.cancel_wanted.emit()
        elif order is not None:
            self.start_wanted.emit(order)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:  # no shortcut: Esc also leaves a value that is being typed
            self.close()
        else:
            super().keyPressEvent(event)

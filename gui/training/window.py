"""The training window: earlier runs at the left; at the right a new training, or the run that is picked."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QByteArray, QSize, Qt, Signal, Slot
from PySide6.QtGui import QCloseEvent, QKeyEvent, QKeySequence, QShortcut
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from engine.training_runs import RunGlance
from gui.collection import Collection
from gui.icons import icon
from gui.panels.labels import caption_label, vertical_line
from gui.settings import Settings
from gui.training.run_list import RunList
from gui.training.run_page import RunPage
from gui.training.setup_page import SetupPage

DEFAULT_SIZE = QSize(1180, 760)
MINIMUM_SIZE = QSize(900, 600)
RUNS_PX = 224
GOES_ON_SETTING = "training.goes_on"


class TrainingWindow(QWidget):
    """Not modal: one goes on working in the other window. Closing it disturbs no training."""

    run_picked = Signal(object)  # folder

    def __init__(self, collection: Collection, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self._settings = settings
        self.setWindowTitle("Train a model - Graft")
        self.setProperty("role", "panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setMinimumSize(MINIMUM_SIZE)
        self.resize(DEFAULT_SIZE)
        self.new = QPushButton(icon("plus"), "New training")
        self.new.setToolTip("Choose pictures and a goal (Ctrl+N)")
        self.runs = RunList()
        self.nothing = caption_label("Your trainings will be listed here, also those that were interrupted.")
        self.nothing.setWordWrap(True)
        self.goes_on = QCheckBox("Train on when Graft closes")
        self.goes_on.setToolTip(
            "Off: closing Graft pauses the training, with everything saved. On: it goes on alone, and Graft finds it "
            "again at the next start"
        )
        self.goes_on.setChecked(settings.get(GOES_ON_SETTING, False))
        self.setup = SetupPage(collection, settings)
        self.page = RunPage()
        self.stack = QStackedWidget()
        self.stack.addWidget(self.setup)
        self.stack.addWidget(self.page)
        self._lay_out()
        self._connect()
        if geometry := settings.get_bytes("training.geometry"):
            self.restoreGeometry(QByteArray(geometry))

    def _lay_out(self) -> None:
        heading = QLabel("RUNS")
        heading.setProperty("role", "heading")
        column = QVBoxLayout()
        column.setContentsMargins(12, 14, 12, 12)
        column.setSpacing(8)
        for widget in (self.new, heading, self.nothing):
            column.addWidget(widget)
        column.addWidget(self.runs, 1)
        column.addWidget(self.goes_on)
        otherwise = caption_label("Otherwise it pauses then, with everything saved.")
        otherwise.setWordWrap(True)
        column.addWidget(otherwise)
        left = QWidget()
        left.setFixedWidth(RUNS_PX)
        left.setLayout(column)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(left)
        layout.addWidget(vertical_line())
        layout.addWidget(self.stack, 1)

    def _connect(self) -> None:
        self.new.clicked.connect(self.show_setup)
        self.runs.picked.connect(self.run_picked)
        self.goes_on.toggled.connect(self._keep_choice)
        for keys, run in (
            ("Ctrl+N", self.show_setup),
            ("Ctrl+W", self.close),
            ("Ctrl+Return", self.setup.start.click),
            ("Ctrl+P", self.page.toggle),
        ):
            QShortcut(QKeySequence(keys), self).activated.connect(run)

    @property
    def shown_folder(self) -> Path | None:
        """Of the run that is shown, or None while a new training is set up."""
        run = self.page.run
        return run.folder if run is not None and self.stack.currentWidget() is self.page else None

    @Slot()
    def show_setup(self) -> None:
        self.runs.select(None)
        self.stack.setCurrentWidget(self.setup)
        self.setup.pictures.setFocus()

    def show_run(self, run: RunGlance, *, busy: str = "") -> None:
        self.page.show_run(run, busy=busy)
        self.stack.setCurrentWidget(self.page)
        self.runs.select(run.folder)

    def show_runs(self, runs: tuple[RunGlance, ...]) -> None:
        self.runs.show_runs(runs)
        self.nothing.setVisible(not runs)

    @Slot(bool)
    def _keep_choice(self, goes_on: bool) -> None:
        self._settings.set(GOES_ON_SETTING, goes_on)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:  # no shortcut: Esc also leaves a value that is being typed
            self.close()
        else:
            super().keyPressEvent(event)

    def closeEvent(self, event: QCloseEvent) -> None:
        self._settings.set_bytes("training.geometry", bytes(self.saveGeometry().data()))
        event.accept()

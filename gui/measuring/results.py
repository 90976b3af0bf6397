"""What a measurement came to: figures beside their floor, a sentence each, and the pairs that are most alike."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Slot
from PySide6.QtWidgets import (
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from engine.atomic import storage_error, write_atomic
from engine.errors import StorageError, printable
from gui.measuring.story import MeasureStory
from gui.measuring.words import METRICS, MetricWords, copies_words, features_words, figure, meaning, progress_words
from gui.panels.labels import caption_label
from gui.settings import Settings
from gui.theme import figures_font
from gui.training.sheets import read_sheet
from gui.widgets.job_card import ProgressLine
from gui.widgets.sheet_view import SheetView

FIGURE_PX = 112
NO_SHEET = "With photos to look for copies of, the samples that are most like one will be shown here, beside it."
SHEET_COMES = "The pairs that are most alike will be shown here."


class Results(QWidget):
    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        self._name = ""
        self._report: Path | None = None
        self._sheet_file: Path | None = None
        self.state = QLabel()
        self.state.setTextFormat(Qt.TextFormat.PlainText)
        self.state.setWordWrap(True)
        self.bar = ProgressLine()
        self.values = {words.metric: _figure_label() for words in METRICS}
        self.floors = {words.metric: _figure_label() for words in METRICS}
        self.meanings = {words.metric: _sentence_label() for words in METRICS}
        self.features = caption_label()
        self.features.setWordWrap(True)
        self.copies = _sentence_label()
        self.sheet = SheetView()
        self.sheet.setAccessibleName("Samples beside their nearest originals")
        self.save_report = QPushButton("Save report…")
        self.save_report.setToolTip("Every figure, and under which conditions, as JSON")
        self.save_sheet = QPushButton("Save sheet…")
        self.save_sheet.setToolTip("The pairs as a picture")
        self._lay_out()
        self.save_report.clicked.connect(self._ask_for_report)
        self.save_sheet.clicked.connect(self._ask_for_sheet)
        self.show_story(MeasureStory())

    def _lay_out(self) -> None:
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(8)
        for place, text in enumerate(("", "This model", "Real against real", "What it means")):
            align = Qt.AlignmentFlag.AlignRight if place in (1, 2) else Qt.AlignmentFlag.AlignLeft
            grid.addWidget(caption_label(text), 0, place, align)
        top = Qt.AlignmentFlag.AlignTop
        for line, words in enumerate(METRICS, start=1):
            name = QLabel(words.name)
            name.setToolTip(words.tooltip)
            for label in (self.values[words.metric], self.floors[words.metric], self.meanings[words.metric]):
                label.setToolTip(words.tooltip)
            grid.addWidget(name, line, 0, top)
            grid.addWidget(self.values[words.metric], line, 1, top | Qt.AlignmentFlag.AlignRight)
            grid.addWidget(self.floors[words.metric], line, 2, top | Qt.AlignmentFlag.AlignRight)
            grid.addWidget(self.meanings[words.metric], line, 3)
        for column in (1, 2):
            grid.setColumnMinimumWidth(column, FIGURE_PX)
        grid.setColumnStretch(3, 1)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self.copies, 1)
        for button in (self.save_report, self.save_sheet):
            buttons.addWidget(button, 0, Qt.AlignmentFlag.AlignBottom)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 16, 20, 16)
        layout.setSpacing(10)
        layout.addWidget(self.state)
        layout.addWidget(self.bar)
        layout.addSpacing(2)
        layout.addLayout(grid)
        layout.addWidget(self.features)
        layout.addWidget(self.sheet, 1)
        layout.addLayout(buttons)

    # --- showing --------------------------------------------------------------------------------------------------

    def begin(self, name: str, *, with_originals: bool) -> None:
        """Forget what the last measurement said."""
        self._name = name
        self.forget_files()
        self.sheet.show_sheet(None, SHEET_COMES if with_originals else NO_SHEET)
        self.show_story(MeasureStory())

    def forget_files(self) -> None:
        self._report = self._sheet_file = None
        self.save_report.setEnabled(False)
        self.save_sheet.setEnabled(False)

    def show_story(self, story: MeasureStory) -> None:
        for words in METRICS:
            self._show_metric(words, story)
        self.features.setText(features_words(story))
        self.features.setToolTip(story.started.features if story.started is not None else "")
        self.copies.setText(copies_words(story.copies) if story.copies is not None else "")
        if story.started is None and story.progress is None and not self._name:
            self.sheet.show_sheet(None, NO_SHEET)
            self.forget_files()

    def _show_metric(self, words: MetricWords, story: MeasureStory) -> None:
        measured = story.metrics.get(words.metric)
        self.values[words.metric].setText(figure(words, measured))
        self.floors[words.metric].setText(figure(words, measured, floor=True))
        sentence = self.meanings[words.metric]
        sentence.setText(words.question if measured is None else meaning(measured))
        for label in (sentence, self.values[words.metric], self.floors[words.metric]):
            _set_role(label, "muted" if measured is None else "")

    def show_progress(self, story: MeasureStory) -> None:
        self._say(f"Measuring {self._name}. {progress_words(story.progress)}", "")
        progress = story.progress
        self.bar.set_fraction(progress.done / progress.total if progress is not None and progress.total else None)
        self.bar.setVisible(True)

    def show_state(self, sentence: str, *, is_error: bool = False) -> None:
        """A sentence over the figures while nothing is measured."""
        self._say(sentence, "problem" if is_error else "")
        self.bar.setVisible(False)

    def _say(self, sentence: str, role: str) -> None:
        self.state.setText(sentence)
        _set_role(self.state, role)

    def show_files(self, report: Path, sheet: Path | None) -> None:
        """What there is to save now."""
        self._report = report
        picture = read_sheet(sheet) if sheet is not None else None
        self._sheet_file = sheet if picture is not None else None
        self.sheet.show_sheet(picture, NO_SHEET)
        self.save_report.setEnabled(True)
        self.save_sheet.setEnabled(picture is not None)

    # --- saving ---------------------------------------------------------------------------------------------------

    @Slot()
    def _ask_for_report(self) -> None:
        self._ask(self._report, "Save report", f"{self._stem}-measured.json", "Reports (*.json)")

    @Slot()
    def _ask_for_sheet(self) -> None:
        self._ask(self._sheet_file, "Save sheet", f"{self._stem}-nearest.png", "Pictures (*.png)")

    @property
    def _stem(self) -> str:
        return printable(self._name, 60).replace("/", " ").replace("\\", " ")

    def _ask(self, file: Path | None, title: str, name: str, kinds: str) -> None:
        if file is None:
            return
        start = self._settings.folder("export") / name
        chosen, _ = QFileDialog.getSaveFileName(self, title, str(start), kinds)
        if chosen:
            target = Path(chosen) if Path(chosen).suffix else Path(chosen + file.suffix)
            self._settings.set_folder("export", target.parent)
            self.keep(file, target)

    def keep(self, file: Path, target: Path) -> None:
        """Copy a result to where the user wants it."""
        try:
            write_atomic(target, _content(file))
        except StorageError as error:
            self.show_state(f"{error.user_message} {error.hint}".strip(), is_error=True)
        else:
            self.show_state(f"Saved {printable(target.name, 80)}.")


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise storage_error(f"read {file.name}", error) from error


def _figure_label() -> QLabel:
    label = QLabel()
    label.setFont(figures_font())
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label


def _sentence_label() -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
    return label


def _set_role(label: QLabel, role: str) -> None:
    if role != (label.property("role") or ""):
        label.setProperty("role", role)
        label.style().polish(label)

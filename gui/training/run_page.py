"""One run: its newest sheet and all before, how the losses and the distance go, and what one can do with it."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEvent, Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from engine.errors import printable
from engine.training_runs import RunGlance, RunState, has_checkpoint, sheets_of
from engine.training_snapshot import Snapshot
from gui.panels.labels import caption_label, muted_label, title_label
from gui.theme import current_theme, figures_font
from gui.training.goals import LEARNING_RATE
from gui.training.setup_page import MAX_IMAGES
from gui.training.sheets import read_sheet
from gui.training.words import figures, origin_words, state_sentence
from gui.widgets.edit_slider import EditSlider
from gui.widgets.icon_button import IconButton
from gui.widgets.job_card import ProgressLine
from gui.widgets.line_chart import Line, LineChart
from gui.widgets.segmented import Segment, Segmented
from gui.widgets.sheet_view import SheetView
from gui.widgets.value_field import ValueField

CHART_PX = 132
TITLE_PX = 340
SNAPSHOTS = (
    Segment(Snapshot.BEST.value, "Best", "The snapshot that came closest to your pictures, as far as was measured"),
    Segment(Snapshot.NEWEST.value, "Newest", "The last one that was saved"),
)
LOSSES_TIP = (
    "Both should stay level. A discriminator that falls to 0 has learned too much by heart: add augmentation, or stop"
)
DISTANCE_TIP = (
    "How far the made pictures are from yours; smaller is better. Ringed: the best snapshot. Dashed: two halves of "
    "your own pictures, the least there can be"
)
NO_SHEET = {
    RunState.STARTING: "The first samples come as soon as the pictures are looked through.",
    RunState.FAILED: "There are no samples of this run.",
}


class RunPage(QWidget):
    pause_wanted = Signal()
    finish_wanted = Signal()
    go_on_wanted = Signal(object, object)  # folder of the run, settings that are others now
    keep_wanted = Signal(object, str, bool)  # folder of the run, which snapshot, use it as B
    bin_wanted = Signal(object)  # folder
    folder_wanted = Signal(object)  # folder: show it in the file manager

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._run: RunGlance | None = None
        self._sheets: dict[int, Path] = {}
        self._newest = 0
        self._shown_sheet: Path | None = None
        self._busy = ""
        self.title = title_label()
        self.origin = muted_label()
        self.pause = QPushButton("Pause")
        self.pause.setToolTip("Save everything and stop; it goes on from there whenever you like (Ctrl+P)")
        self.finish = QPushButton("Finish now")
        self.finish.setToolTip("Save, stop, and put the best snapshot on the shelf")
        self.go_on = QPushButton("Go on")
        self.until = ValueField(1, MAX_IMAGES, 1, step=1000)
        self.until.setAccessibleName("Until this many images")
        self.until.setToolTip("Where the run will end, in images shown")
        self._until_label = muted_label("until")
        self.rate = ValueField(0.00001, 0.1, LEARNING_RATE, decimals=5, step=0.0005)
        self.rate.setAccessibleName("Learning rate")
        self.rate.setToolTip("A run that went astray wants a smaller learning rate")
        self._rate_label = muted_label("learning rate")
        self.show_folder = IconButton("folder", "Show the folder of this run")
        self.bin = IconButton("trash", "Move this run to the bin; models on the shelf stay")
        self.line = ProgressLine()
        self.figures = QLabel()
        self.figures.setFont(figures_font())
        self.sentence = QLabel()
        self.sentence.setWordWrap(True)
        self.sentence.setTextFormat(Qt.TextFormat.PlainText)
        self.sheet = SheetView()
        self.look_back = EditSlider("Look back", 0, 1, 1, decimals=0, suffix=" images")
        self.look_back.set_help("The same faces at every sheet of this run. Arrow keys step")
        self.losses = LineChart("Losses", (Line("generator", "focus"), Line("discriminator", "muted")))
        self.losses.setToolTip(LOSSES_TIP)
        self.distance = LineChart("Distance from your pictures (KID)", (Line("KID", "focus", dotted=True),))
        self.distance.setToolTip(DISTANCE_TIP)
        self.notices = caption_label()
        self.notices.setWordWrap(True)
        self.which = Segmented(SNAPSHOTS)
        self.which.setAccessibleName("Which snapshot")
        self.keep = QPushButton("Put on the shelf")
        self.use = QPushButton("Use as B")
        self.use.setProperty("role", "primary")
        self.use.setToolTip("Put this snapshot on the shelf and blend with it at once")
        self._lay_out()
        self._connect()

    # --- building -------------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self.title, 1)
        controls: tuple[QWidget, ...] = (
            self._rate_label, self.rate, self._until_label, self.until, self.go_on, self.pause, self.finish,
            self.show_folder, self.bin,
        )
        for control in controls:
            head.addWidget(control)
        told = QHBoxLayout()
        told.addWidget(self.figures)
        told.addStretch(1)
        told.addWidget(self.origin)
        charts = QHBoxLayout()
        charts.setSpacing(16)
        for chart in (self.losses, self.distance):
            chart.setFixedHeight(CHART_PX)
            charts.addWidget(chart, 1)
        foot = QHBoxLayout()
        foot.setSpacing(8)
        foot.addWidget(self.notices, 1)
        for snapshot in (self.which, self.keep, self.use):
            foot.addWidget(snapshot)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 14, 20, 14)
        layout.setSpacing(8)
        layout.addLayout(head)
        layout.addWidget(self.line)
        layout.addLayout(told)
        layout.addWidget(self.sentence)
        layout.addWidget(self.sheet, 1)
        layout.addWidget(self.look_back)
        layout.addLayout(charts)
        layout.addLayout(foot)

    def _connect(self) -> None:
        self.pause.clicked.connect(self.pause_wanted)
        self.finish.clicked.connect(self.finish_wanted)
        self.go_on.clicked.connect(self._go_on)
        self.keep.clicked.connect(self._keep)
        self.use.clicked.connect(self._use)
        self.bin.clicked.connect(self._bin)
        self.show_folder.clicked.connect(self._show_folder)
        self.look_back.value_changed.connect(self._look_back)

    # --- showing --------------------------------------------------------------------------------------------------

    @property
    def run(self) -> RunGlance | None:
        return self._run

    def show_run(self, run: RunGlance, *, busy: str = "") -> None:
        """
        Args:
            run: With its whole story.
            busy: Why another run cannot go on just now, or empty.
        """
        is_new = self._run is None or self._run.folder != run.folder
        was_total = 0 if is_new or self._run is None else self._run.story.total_images
        was_alive = self._run is not None and self._run.state.is_alive
        self._run, self._busy = run, busy
        story = run.story
        name = printable(run.name, 60)
        self.title.setText(elided(self.title, name, TITLE_PX))
        self.title.setToolTip(name)
        self.origin.setText(origin_words(run))
        self.figures.setText(figures(run))
        total = story.total_images or (run.plan.total_images if run.plan else 0)
        self.line.set_fraction(None if run.state is RunState.STARTING else story.images_seen / max(1, total))
        if is_new or total != was_total or (was_alive and not run.state.is_alive):
            is_over = story.images_seen >= total
            self.until.set_value(story.images_seen + max(total // 2, 1) if is_over else total)
            rate = run.plan.settings.get("learning_rate") if run.plan else None
            self.rate.set_value(float(rate) if isinstance(rate, int | float) else LEARNING_RATE)
        self._show_sentence()
        self._show_buttons()
        self._show_sheets(is_new)
        self._show_charts(total)
        self.notices.setText(" ".join(story.notices[-2:]))
        self.notices.setToolTip("\n".join(story.notices))

    def _show_sentence(self) -> None:
        assert self._run is not None
        sentence, color = state_sentence(self._run)
        self.sentence.setText(sentence)
        self.sentence.setVisible(bool(sentence))
        style = f"color: {getattr(current_theme(), color)};"
        if style != self.sentence.styleSheet():
            self.sentence.setStyleSheet(style)

    def _show_buttons(self) -> None:
        run = self._run
        assert run is not None
        lives = run.state.is_alive
        goes_on = run.plan is not None and not lives
        for widget in (self.go_on, self.until, self._until_label):
            widget.setVisible(goes_on)
        for widget in (self.rate, self._rate_label):
            widget.setVisible(goes_on and run.state is RunState.FAILED and bool(run.story.saved_images))
        for button in (self.pause, self.finish):
            button.setVisible(lives)
            button.setEnabled(run.state is not RunState.STOPPING)
        self.finish.setEnabled(run.state in (RunState.TRAINING, RunState.WAITING))
        is_done = run.state is RunState.DONE
        self.go_on.setText("Train on" if is_done else "Go on")
        self.go_on.setEnabled(not self._busy)
        usual = "Train it longer" if is_done else "Take the run up again where it stopped"
        self.go_on.setToolTip(self._busy or f"{usual} (Ctrl+P)")
        self.bin.setVisible(not lives)
        can_keep = has_checkpoint(run.folder)
        for snapshot in (self.which, self.keep, self.use):
            snapshot.setEnabled(can_keep)
        best = run.story.best
        seen = f" That is the snapshot of {best.images_seen:,} images." if best is not None else ""
        self.keep.setToolTip(f"Make this snapshot a model of the shelf.{seen}")

    def _show_sheets(self, is_new: bool) -> None:
        run = self._run
        assert run is not None
        sheets = sheets_of(run.folder, run.story)
        was_newest = is_new or self.look_back.value >= self._newest
        self._sheets = dict(sheets)
        self._newest = sheets[-1][0] if sheets else 0
        self.look_back.setVisible(len(sheets) > 1)
        if len(sheets) > 1:
            self.look_back.set_stops(tuple(float(seen) for seen, _ in sheets))
            self.look_back.set_default(self._newest)
        if was_newest:
            self.look_back.set_value(self._newest)
        self._look_back()

    @Slot()
    def _look_back(self) -> None:
        path = self._sheets.get(int(self.look_back.value)) or self._sheets.get(self._newest)
        if path is None:
            assert self._run is not None
            self._shown_sheet = None
            self.sheet.show_sheet(None, NO_SHEET.get(self._run.state, "No samples yet."))
        elif path != self._shown_sheet:
            picture = read_sheet(path)
            if picture is not None:  # another one is being written in its place: keep what is there
                self._shown_sheet = path
                self.sheet.show_sheet(picture)

    def _show_charts(self, total: int) -> None:
        assert self._run is not None
        story = self._run.story
        self.losses.get_ready()
        self.distance.get_ready()
        self.losses.show_points(
            {name: [(event.images_seen, getattr(event, name)) for event in story.progress]
             for name in ("generator", "discriminator")},
            end=total,
        )  # fmt: skip
        best = story.best
        self.distance.show_points(
            {"KID": [(score.images_seen, score.kid) for score in story.scores]},
            end=total,
            marked=(best.images_seen, best.kid) if best is not None else None,
            level=story.scores[-1].floor if story.scores else None,
            note=f"best {best.kid:.3f} at {best.images_seen:,}" if best is not None else "not measured yet",
        )

    def show_kept(self, name: str) -> None:
        """Say that a snapshot is a model now; until there is other news."""
        self.notices.setText(f"“{name}” is on the shelf.")

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() is QEvent.Type.PaletteChange and self._run is not None:
            self._show_sentence()

    # --- asking ---------------------------------------------------------------------------------------------------

    @Slot()
    def toggle(self) -> None:
        """Pause what is at work, go on with what is not."""
        for button in (self.pause, self.go_on):
            if button.isVisible() and button.isEnabled():
                button.click()
                return

    @Slot()
    def _go_on(self) -> None:
        if self._run is not None:
            settings: dict[str, object] = {"total_images": int(self.until.value)}
            if self.rate.isVisible():
                settings["learning_rate"] = self.rate.value
            self.go_on_wanted.emit(self._run.folder, settings)

    @Slot()
    def _keep(self) -> None:
        if self._run is not None:
            self.keep_wanted.emit(self._run.folder, self.which.current, False)

    @Slot()
    def _use(self) -> None:
        if self._run is not None:
            self.keep_wanted.emit(self._run.folder, self.which.current, True)

    @Slot()
    def _bin(self) -> None:
        if self._run is not None:
            self.bin_wanted.emit(self._run.folder)

    @Slot()
    def _show_folder(self) -> None:
        if self._run is not None:
            self.folder_wanted.emit(self._run.folder)


def elided(label: QLabel, text: str, room_px: int) -> str:
    """The text, shortened to fit: a long name must not widen the window."""
    label.ensurePolished()
    return label.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, room_px)

"""A new training: which pictures, from which model, to what end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtGui import QIcon, QPixmap
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from engine.errors import EngineError, JobError, printable
from engine.library_records import ModelRecord
from engine.training_runs import RunGlance, TrainingPlan, has_checkpoint
from gui.collection import Collection
from gui.panels.asking import asking_column
from gui.panels.calm_combo import CalmComboBox
from gui.panels.labels import caption_label, muted_label, row, scrolling, title_label, vertical_line
from gui.settings import Settings
from gui.training.advanced import AdvancedSettings
from gui.training.goals import GOALS, Goal, settings_of, suggested
from gui.training.picture_look import FolderLook, FolderLooker, words_for
from gui.widgets.choice_cards import ChoiceCard, ChoiceCards
from gui.widgets.folder_drop import FolderDrop
from gui.widgets.job_card import words_for_time
from gui.widgets.section import Section
from gui.widgets.value_field import ValueField

SIDE_PX = 320
MAX_IMAGES = 100_000_000
ICON_PX = 22
QUESTION = "Drop a folder of pictures here, or click to choose one"
PROMISE = "Training runs beside Graft and gives way to it. Pause it at any time; it goes on where it stopped."


@dataclass(frozen=True, slots=True)
class Source:
    """Something to start from: what the trainer calls it, what the user does, and how large its pictures are."""

    path: str
    name: str
    resolution: int
    is_run: bool = False


class SetupPage(QWidget):
    start_wanted = Signal(object)  # TrainingPlan
    practice_wanted = Signal()

    def __init__(self, collection: Collection, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._collection = collection
        self._settings = settings
        self._folder: Path | None = None
        self._look: FolderLook | None = None
        self._runs: tuple[RunGlance, ...] = ()
        self._last_source = ""
        self._is_own_name = False
        self._is_own_choice = False
        self._looker = FolderLooker(self)
        self.pictures = FolderDrop(QUESTION)
        self.pictures.setToolTip("The pictures to learn from: PNG, JPEG, WebP, BMP or TIFF, also in folders within")
        self.practice = QPushButton("Make practice pictures from the London set…")
        self.practice.setProperty("role", "quiet")
        self.practice.setToolTip("Portraits of nobody, mixed from photographed faces, and drawings of them")
        self.source = CalmComboBox()
        self.source.setAccessibleName("Start from")
        self.source.setToolTip("The model that learns. A run brings its trained discriminator too")
        self.source.setIconSize(QSize(ICON_PX, ICON_PX))
        self.goal = ChoiceCards([ChoiceCard(w.goal.value, w.title, w.sentence, w.tooltip) for w in GOALS])
        self.name = QLineEdit()
        self.name.setAccessibleName("Name")
        self.name.setToolTip("What the model will be called on the shelf")
        self.images = ValueField(1, MAX_IMAGES, 10_000, step=1000)
        self.images.setAccessibleName("Images shown")
        self.images.setToolTip("How many pictures the model is shown until the end, repeats included")
        self.estimate = caption_label()
        self.estimate.setWordWrap(True)
        self.advanced = AdvancedSettings()
        self.advanced.set_folded(True)
        self.problem = QLabel()
        self.problem.setWordWrap(True)
        self.problem.setProperty("role", "muted")
        self.problem.setTextFormat(Qt.TextFormat.PlainText)
        self.start = QPushButton("Start training")
        self.start.setProperty("role", "primary")
        self._lay_out()
        self._connect()
        self.set_busy(None)
        self.show_sources(())
        self._suggest()

    # --- building -------------------------------------------------------------------------------------------------

    def _lay_out(self) -> None:
        left = QWidget()
        form = QVBoxLayout(left)
        form.setContentsMargins(20, 16, 20, 16)
        form.setSpacing(8)
        form.addWidget(title_label("Train a model"))
        form.addSpacing(4)
        form.addWidget(row(muted_label("Pictures"), 1, self.practice))
        form.addWidget(self.pictures, 1)
        form.addSpacing(8)
        form.addWidget(muted_label("Start from"))
        form.addWidget(self.source)
        form.addSpacing(8)
        form.addWidget(muted_label("Goal"))
        form.addWidget(self.goal)
        form.addStretch()
        form.addSpacing(8)
        promise = caption_label(PROMISE)
        promise.setWordWrap(True)
        form.addWidget(promise)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(scrolling(left), 1)
        layout.addWidget(vertical_line())
        layout.addWidget(self._side())

    def _side(self) -> QWidget:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(16, 12, 16, 8)
        column.setSpacing(8)
        model, length = Section("Model", foldable=False), Section("Length", foldable=False)
        model.add_widget(row(muted_label("Name"), self.name))
        length.add_widget(row(muted_label("Images shown"), 1, self.images))
        length.add_widget(self.estimate)
        for section in (model, length, self.advanced):
            column.addWidget(section)
        column.addStretch(1)
        return asking_column(inside, self.problem, self.start, width_px=SIDE_PX, takes_focus=True)

    def _connect(self) -> None:
        self.pictures.clicked.connect(self.browse)
        self.pictures.dropped.connect(self.choose_folder)
        self.practice.clicked.connect(self.practice_wanted)
        self._looker.found.connect(self._show_look)
        self.source.activated.connect(self._source_picked)
        self.goal.picked.connect(self._goal_picked)
        self.name.textEdited.connect(self._name_typed)
        self.images.value_changed.connect(self._images_turned)
        self.advanced.changed.connect(self._setting_turned)
        self.advanced.new_size.activated.connect(self._size_picked)
        self.start.clicked.connect(self._start)
        self._collection.models_changed.connect(self._refresh_sources)

    # --- pictures -------------------------------------------------------------------------------------------------

    @Slot()
    def browse(self) -> None:
        start = str(self._folder or self._settings.folder("training"))
        chosen = QFileDialog.getExistingDirectory(self, "Pictures to learn from", start)
        if chosen:
            self.choose_folder(Path(chosen))

    @Slot(object)
    def choose_folder(self, folder: Path) -> None:
        self._folder, self._look = folder, None
        self._settings.set_folder("training", folder)
        self.pictures.show_folder(printable(str(folder), 300), "Looking…", ())
        if not self._is_own_name:
            self.name.setText(printable(folder.name, 60))
        self._looker.look(folder)
        self._check()

    @Slot(object)
    def _show_look(self, look: FolderLook) -> None:
        self._look = look
        if self._is_own_choice:  # what was turned by hand stays
            self._show_pictures()
            self._check()
        else:
            self._suggest()

    def _show_pictures(self) -> None:
        if self._look is not None:
            words, is_warning = words_for(self._look, self.target_px)
            folder = printable(str(self._look.folder), 300)
            self.pictures.show_folder(folder, words, self._look.thumbnails, is_warning=is_warning)

    # --- what to start from ---------------------------------------------------------------------------------------

    def show_sources(self, runs: tuple[RunGlance, ...]) -> None:
        """Everything on the shelf, every run with a checkpoint, and nothing."""
        self._runs = tuple(run for run in runs if has_checkpoint(run.folder))
        self._refresh_sources()

    @Slot()
    def _refresh_sources(self) -> None:
        chosen = self.current_source
        self.source.clear()
        for record in self._collection.models():
            if record.descriptor.img_channels == 3 and not record.descriptor.c_dim:
                self._add_source(_source_of(record), f"{record.ref.name}, {record.descriptor.img_resolution} px",
                                 self._collection.model_picture(record.ref.sha256))  # fmt: skip
        for run in self._runs:
            size = run.story.started.resolution if run.story.started else 0
            told = f"run “{printable(run.name, 40)}”, {run.story.saved_images:,} images"
            self._add_source(Source(str(run.folder), run.name, size, is_run=True), told, None)
        self.source.addItem("Nothing", None)
        paths = [data.path if isinstance(data, Source) else "" for data in self._source_items()]
        wanted = chosen.path if chosen is not None else "" if self.current_goal is Goal.NOTHING else paths[0]
        self.source.setCurrentIndex(paths.index(wanted) if wanted in paths else 0)

    def _add_source(self, source: Source, text: str, picture: object) -> None:
        icon = QIcon(QPixmap.fromImage(picture)) if picture is not None else QIcon()  # type: ignore[arg-type]
        self.source.addItem(icon, text, source)

    def _source_items(self) -> list[object]:
        return [self.source.itemData(row) for row in range(self.source.count())]

    @property
    def current_source(self) -> Source | None:
        found = self.source.currentData()
        return found if isinstance(found, Source) else None

    @property
    def current_goal(self) -> Goal:
        return Goal(self.goal.current)

    @property
    def start_px(self) -> int:
        """Size of the pictures that the run begins with."""
        source = self.current_source
        return source.resolution or 64 if source is not None else int(self.advanced.new_size.currentData())

    @property
    def target_px(self) -> int:
        return self.start_px * (2 if self.current_goal is Goal.GROW else 1)

    @Slot()
    def _source_picked(self) -> None:
        source = self.current_source
        if source is None:
            self.goal.set_current(Goal.NOTHING)
        else:
            self._last_source = source.path
            if self.current_goal is Goal.NOTHING:
                self.goal.set_current(Goal.LIGHT)
        self._suggest()

    @Slot(str)
    def _goal_picked(self, key: str) -> None:
        if Goal(key) is Goal.NOTHING:
            self.source.setCurrentIndex(self.source.count() - 1)
        elif self.current_source is None:
            paths = [data.path for data in self._source_items() if isinstance(data, Source)]
            self.source.setCurrentIndex(paths.index(self._last_source) if self._last_source in paths else 0)
        self._suggest()

    @Slot()
    def _size_picked(self) -> None:
        self.advanced.set_resolution(self.target_px)
        self._show_pictures()
        self._show_estimate()

    def _suggest(self) -> None:
        """Fill in what suits the goal, the model and the pictures."""
        self._is_own_choice = False
        source, goal = self.current_source, self.current_goal
        pictures = self._look.count if self._look is not None else 0
        self.advanced.set_from_nothing(source is None)
        self.advanced.set_resolution(self.target_px)
        choices = suggested(goal, self.start_px, pictures, has_opponent=source is not None and source.is_run)
        self.advanced.show_choices(choices)
        self.images.set_value(choices.total_images)
        self._show_pictures()
        self._show_estimate()

    # --- length ---------------------------------------------------------------------------------------------------

    @Slot()
    def _show_estimate(self) -> None:
        speed = self._settings.get(speed_setting(self.target_px), 0.0)
        if speed > 0:
            time = words_for_time(self.images.value / speed)
            self.estimate.setText(f"About {time} at {speed:.3g} images/s, as the last {self.target_px} px run went.")
        else:
            self.estimate.setText("How long that takes is known a minute after the start.")
        self._check()

    @Slot()
    def _images_turned(self) -> None:
        self._is_own_choice = True
        self._show_estimate()

    @Slot()
    def _setting_turned(self) -> None:
        self._is_own_choice = True
        self._check()

    @Slot()
    def _name_typed(self) -> None:
        self._is_own_name = True
        self._check()

    # --- starting -------------------------------------------------------------------------------------------------

    def set_busy(self, reason: str | None) -> None:
        """Whether another training is at work, and why that is in the way."""
        self._busy = reason or ""
        self._check()

    def show_problem(self, sentence: str, *, is_error: bool = True) -> None:
        self.problem.setText(sentence)
        self.problem.setVisible(bool(sentence))
        role = "problem" if is_error else "muted"
        if role != self.problem.property("role"):
            self.problem.setProperty("role", role)
            self.problem.style().polish(self.problem)

    def plan(self) -> TrainingPlan:
        """Raises:
        JobError: something is missing; says what.
        """
        if self._folder is None:
            raise JobError("Choose the pictures first.")
        if self._look is not None and self._look.problem:
            raise JobError(self._look.problem)
        if not self.name.text().strip():
            raise JobError("Give the model a name.")
        source, goal, extras = self.current_source, self.current_goal, self.advanced.extras()
        if source is None and goal is not Goal.NOTHING:
            raise JobError("Choose a model to start from.")
        choices = self.advanced.choices(int(self.images.value))
        return TrainingPlan(
            name=printable(self.name.text().strip(), 60),
            data=str(self._folder.absolute()),
            source=source.path if source is not None else None,
            source_name=source.name if source is not None else "",
            goal=goal.value,
            size=extras.size,
            channel_base=extras.channel_base,
            channel_max=extras.channel_max,
            framing=extras.framing,
            grow=goal is Goal.GROW,
            device=extras.device,
            minutes=extras.minutes,
            settings=settings_of(choices, goal, self.advanced.more_settings()),
        )

    @Slot()
    def _check(self) -> None:
        """Say why it cannot start yet, in the button's tooltip."""
        missing = self._busy
        if not missing:
            try:
                self.plan()
            except EngineError as error:
                missing = f"{error.user_message} {error.hint}".strip()
        self.start.setEnabled(not missing)
        self.start.setToolTip(missing or "Look through the pictures and begin (Ctrl+Enter)")
        self.show_problem(missing, is_error=not self._busy and self._folder is not None)

    @Slot()
    def _start(self) -> None:
        self.start_wanted.emit(self.plan())


def speed_setting(resolution: int) -> str:
    """The name under which the last measured speed is kept."""
    return f"training.images_per_s.{resolution}"


def _source_of(record: ModelRecord) -> Source:
    path = record.path if record.path.is_file() or record.source is None else record.source
    return Source(str(path), record.ref.name, record.descriptor.img_resolution)

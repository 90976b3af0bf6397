"""Training from the window: start, follow, pause, take up again, and put what was learned on the shelf."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import QFile, QObject, QUrl, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QWidget

from engine.errors import EngineError, JobError, StorageError, printable
from engine.messages import JobFinished, LoadModel, ModelLoaded
from engine.places import Places
from engine.state import Side
from engine.training_process import forget_process, is_at_work, was_left
from engine.training_runs import (
    RunGlance,
    RunState,
    TrainingPlan,
    free_folder,
    glance_at,
    plan_of,
    runs_in,
    story_of,
)
from engine.training_snapshot import Snapshot, keep_snapshot
from gui.bring_forward import bring_forward
from gui.collection import Collection
from gui.engine_bridge import EngineBridge
from gui.messages import Choice, Messages
from gui.opening import Opener
from gui.panels.job_tray import JobTray, breakable
from gui.settings import Settings
from gui.training.practice_flow import PracticeFlow
from gui.training.setup_page import speed_setting
from gui.training.sheets import first_face
from gui.training.watch import TrainerWatch
from gui.training.window import GOES_ON_SETTING, TrainingWindow
from gui.training.words import figures, state_words
from gui.widgets.job_card import JobCard

CARD_ID = "training"


class TrainingFlow(QObject):
    """One training at a time; the window is made when it is first wanted."""

    def __init__(
        self,
        owner: QWidget,
        collection: Collection,
        bridge: EngineBridge,
        opener: Opener,
        tray: JobTray,
        messages: Messages,
        settings: Settings,
        places: Places,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._owner = owner
        self._collection = collection
        self._bridge = bridge
        self._opener = opener
        self._tray = tray
        self._messages = messages
        self._settings = settings
        self._places = places
        self._window: TrainingWindow | None = None
        self._card_sheet: Path | None = None
        self._is_finishing = False
        self.watch = TrainerWatch(parent=self)
        self.watch.told.connect(self._told)
        self.watch.ended.connect(self._ended)
        tray.card_opened.connect(self._card_opened)
        self.practice = PracticeFlow(lambda: self.window, tray, messages, settings, places, self)
        self.practice.made.connect(self._practice_made)

    # --- the window -----------------------------------------------------------------------------------------------

    @property
    def window(self) -> TrainingWindow:
        if self._window is None:
            self._window = window = TrainingWindow(self._collection, self._settings, self._owner)
            window.run_picked.connect(self.show_run)
            window.setup.start_wanted.connect(self.start)
            window.setup.practice_wanted.connect(self.practice.open)
            window.page.pause_wanted.connect(self.pause)
            window.page.finish_wanted.connect(self.finish)
            window.page.go_on_wanted.connect(self.go_on)
            window.page.keep_wanted.connect(self.keep)
            window.page.bin_wanted.connect(self.move_to_bin)
            window.page.folder_wanted.connect(self._show_folder)
        return self._window

    @Slot()
    def open(self) -> None:
        """Show the window: the training at work, or a new one."""
        is_new = self._window is None
        window = self.window
        self._refresh()
        if self.watch.folder is not None:
            self.show_run(self.watch.folder)
        elif is_new:
            window.show_setup()
        bring_forward(window)

    @Slot(object)
    def _practice_made(self, folder: Path) -> None:
        self.window.setup.choose_folder(folder)

    @Slot(object)
    def show_run(self, folder: Path) -> None:
        self.window.show_run(self._whole(folder), busy=self._busy(folder))

    def _whole(self, folder: Path) -> RunGlance:
        """A run with its whole story."""
        return self.watch.glance() if folder == self.watch.folder else glance_at(folder, story_of(folder))

    def _busy(self, folder: Path | None) -> str:
        """Why nothing else can be trained now, or empty."""
        if self.watch.folder is None or self.watch.folder == folder:
            return ""
        return f"“{printable(self.watch.glance().name, 40)}” is being trained. Pause it first; one at a time."

    def _refresh(self) -> None:
        """List the runs anew."""
        if self._window is None:
            return
        runs = runs_in(self._places.runs_folder)
        runs = tuple(self.watch.glance() if run.folder == self.watch.folder else run for run in runs)
        self._window.show_runs(runs)
        self._window.setup.show_sources(runs)
        self._window.setup.set_busy(self._busy(None) or None)

    # --- starting and stopping ------------------------------------------------------------------------------------

    @Slot(object)
    def start(self, plan: TrainingPlan) -> None:
        """Begin a new run."""
        if self.watch.folder is None:
            self._start(free_folder(self._places.runs_folder, plan.name), plan)

    @Slot(object, object)
    def go_on(self, folder: Path, settings: Mapping[str, Any] | None = None) -> None:
        """Take a run up again where it stopped.

        Args:
            settings: Those that are others from now on, such as where it ends.
        """
        plan = plan_of(folder)
        if plan is None or self.watch.folder is not None:
            return
        self._start(folder, replace(plan, settings={**plan.settings, **(settings or {})}))

    def _start(self, folder: Path, plan: TrainingPlan) -> None:
        try:
            self.watch.start(folder, plan)
        except EngineError as error:
            self._complain(error)
            return
        self._is_finishing = False
        self._begin_card()
        self._refresh()
        if self._window is not None:
            self.show_run(folder)

    @Slot()
    def pause(self) -> None:
        """Save and stop."""
        try:
            self.watch.stop()
        except StorageError as error:
            self._complain(error)

    @Slot()
    def finish(self) -> None:
        """Save, stop, and put the best snapshot on the shelf."""
        self._is_finishing = True
        self.pause()

    # --- what is told ---------------------------------------------------------------------------------------------

    @Slot()
    def _told(self) -> None:
        run = self.watch.glance()
        self._note_speed(run)
        self._show_card(run)
        if self._window is not None:
            if self._window.shown_folder == run.folder:
                self._window.page.show_run(run)
            self._window.runs.update_run(run)

    def _note_speed(self, run: RunGlance) -> None:
        """For the estimate of the next run of that size."""
        progress, started = run.story.progress, run.story.started
        if progress and started is not None and progress[-1].images_per_s > 0:
            self._settings.set(speed_setting(started.resolution), float(progress[-1].images_per_s))

    @Slot(object)
    def _ended(self, run: RunGlance) -> None:
        self._note_speed(run)
        self._end_card(run)
        self._refresh()
        if self._window is not None and self._window.shown_folder == run.folder:
            self._window.page.show_run(run)
        name = printable(run.name, 60)
        if run.state is RunState.DONE or (self._is_finishing and run.state is RunState.PAUSED):
            self.keep(run.folder, Snapshot.BEST.value, False)
        elif run.state is RunState.FAILED:
            show = Choice("Show it", partial(self._open_at, run.folder))
            self._messages.warn(f"The training “{name}” failed. {run.problem}", "", show)
        elif run.state is RunState.INTERRUPTED and run.story.started is not None:
            again = Choice("Go on", partial(self.go_on, run.folder))
            self._messages.warn(f"The training “{name}” was interrupted.", "It can go on where it was saved.", again)
        self._is_finishing = False

    # --- the card at the foot of the shelf ------------------------------------------------------------------------

    def _begin_card(self) -> None:
        run = self.watch.glance()
        card = JobCard(CARD_ID, breakable(f"Training {printable(run.name, 60)}"))
        card.pause_requested.connect(self.pause)
        card.resume_requested.connect(self._resume_card)
        card.cancel_requested.connect(self._cancel_card)
        self._card_sheet = None
        self._tray.put(card)
        self._show_card(run)

    def _show_card(self, run: RunGlance) -> None:
        card = self._tray.card(CARD_ID)
        if card is None:
            return
        story = run.story
        last = story.progress[-1] if story.progress else None
        is_under_way = run.state is RunState.TRAINING and last is not None
        fraction = story.images_seen / story.total_images if story.total_images else None
        words = "" if is_under_way else state_words(run).partition(",")[0].capitalize()
        card.set_progress(fraction, words, last.time_left_s if is_under_way and last is not None else None)
        card.setToolTip(f"{figures(run)}. Click to look at it")
        if run.sheet is not None and run.sheet != self._card_sheet:
            picture = first_face(run.sheet)
            if picture is not None:
                self._card_sheet = run.sheet
                card.set_thumbnail(picture)

    def _end_card(self, run: RunGlance) -> None:
        card = self._tray.card(CARD_ID)
        if card is None:
            return
        if run.state is RunState.PAUSED and not self._is_finishing:
            card.set_paused(True)
            total = max(1, run.story.total_images)
            card.set_progress(run.story.images_seen / total, "")
        else:
            self._tray.dismiss(CARD_ID)

    @Slot()
    def _resume_card(self) -> None:
        runs = [run for run in runs_in(self._places.runs_folder) if run.can_go_on]
        if runs:
            self.go_on(runs[0].folder)

    @Slot()
    def _cancel_card(self) -> None:
        if self.watch.folder is not None:
            self.pause()
        else:
            self._tray.dismiss(CARD_ID)

    @Slot(str)
    def _card_opened(self, job_id: str) -> None:
        if job_id == CARD_ID:
            self.open()

    # --- the shelf ------------------------------------------------------------------------------------------------

    @Slot(object, str, bool)
    def keep(self, folder: Path, which: str, use_as_b: bool = False) -> None:
        """Make a snapshot a model of the shelf."""
        run = glance_at(folder)
        try:
            name = printable(run.name, 60).replace("/", " ").replace("\\", " ")
            path = keep_snapshot(folder, Snapshot(which), self._places.trained_folder, name)
        except EngineError as error:
            self._complain(error)
            return
        self._bridge.submit(LoadModel(path), partial(self._kept, folder, use_as_b))

    def _kept(self, folder: Path, use_as_b: bool, event: JobFinished) -> None:
        if not isinstance(event.result, ModelLoaded):
            if event.error is not None:
                self._complain(event.error)
            return
        model = event.result.model
        self._collection.refresh()
        name = printable(model.name, 60)
        if self._window is not None and self._window.shown_folder == folder:
            self._window.page.show_kept(name)
        if use_as_b:
            self._opener.use_model(model, Side.B)
            self._messages.say(f"“{name}” is B now, and on the shelf.")
        else:
            use = Choice("Use as B", partial(self._opener.use_model, model, Side.B))
            trained = "" if folder == self.watch.folder else "trained and "
            self._messages.say(f"“{name}” is {trained}on the shelf.", "", use)

    # --- files ----------------------------------------------------------------------------------------------------

    @Slot(object)
    def move_to_bin(self, folder: Path) -> None:
        if folder == self.watch.folder:
            return
        if not QFile(str(folder)).moveToTrash():
            problem = f"The run {folder.name:.80} could not be moved to the bin."
            self._complain(JobError(problem, "Delete its folder by hand."))
            return
        self.window.show_setup()
        self._refresh()

    @Slot(object)
    def _show_folder(self, folder: Path) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder)))

    def _open_at(self, folder: Path) -> None:
        self.open()
        self.show_run(folder)

    def _complain(self, error: EngineError) -> None:
        self._messages.error(error)
        if self._window is not None and self._window.shown_folder is None:
            self._window.setup.show_problem(f"{error.user_message} {error.hint}".strip())

    # --- life -----------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Find what earlier Grafts left: a trainer at work, a model that is done, a run that waits."""
        runs = runs_in(self._places.runs_folder)
        for run in runs:
            if is_at_work(run.folder):
                self.watch.follow(run.folder)
                self._begin_card()
                return
        for run in runs:
            if run.state is RunState.DONE and was_left(run.folder):
                forget_process(run.folder)
                self.keep(run.folder, Snapshot.BEST.value)
        for run in runs:
            if run.can_go_on and was_left(run.folder):
                forget_process(run.folder)  # said once is enough: it stays in the list of runs
                again: Callable[[], object] = partial(self.go_on, run.folder)
                choices = Choice("Go on", again), Choice("Show it", partial(self._open_at, run.folder))
                told = f"{run.problem} " if run.state is RunState.FAILED else ""
                sentence = f"The training “{printable(run.name, 60)}” is {state_words(run)}. {told}".strip()
                self._messages.say(sentence, "It can go on from what was saved.", *choices)

    def close(self) -> None:
        """Leave the run in good order. The trainer saves in its own time; nobody waits for it."""
        if self.watch.folder is not None and not self._settings.get(GOES_ON_SETTING, False):
            self.pause()
        self.watch.let_go()
        self.practice.close()
        if self._window is not None:
            self._window.close()

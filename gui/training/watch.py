"""Follows the one training that is at work: starts its process, reads what it tells, notices its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QObject, QProcess, QTimer, Signal, Slot

from engine.errors import JobError
from engine.training_events import Started
from engine.training_process import (
    ask_to_stop,
    end_at_once,
    forget_process,
    is_asked_to_stop,
    is_at_work,
    note_process,
    prepare_to_start,
    train_arguments,
)
from engine.training_runs import (
    EVENTS_FILE,
    RunGlance,
    RunState,
    RunStory,
    TrainingPlan,
    glance_at,
    read_events,
    save_plan,
)
from engine.verb_process import NICENESS, graft_program

LOOK_MS = 250


class TrainerWatch(QObject):
    """The trainer is a process of its own that reports to files, so it outlives a window that closes or crashes.

    Attributes:
        program: What is started, before its arguments.
        nice: How far it gives way to other programs, 0 to 19.
    """

    told = Signal()
    ended = Signal(object)  # RunGlance

    def __init__(self, program: Sequence[str] | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.program = tuple(program or graft_program())
        self.nice = NICENESS
        self._folder: Path | None = None
        self._story = RunStory()
        self._offset = 0
        self._has_begun = False
        self._is_stopping = False
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self._look)

    @property
    def folder(self) -> Path | None:
        """Of the run at work, or None."""
        return self._folder

    @property
    def state(self) -> RunState:
        if self._is_stopping:
            return RunState.STOPPING
        if not self._has_begun:
            return RunState.STARTING
        return RunState.WAITING if self._story.paused is not None else RunState.TRAINING

    def glance(self) -> RunGlance:
        assert self._folder is not None
        return replace(glance_at(self._folder, self._story), state=self.state, problem="")

    def start(self, folder: Path, plan: TrainingPlan) -> None:
        """Begin a run, or go on with the one in `folder`.

        Raises:
            StorageError: the folder cannot be written.
            JobError: the process cannot be started.
        """
        prepare_to_start(folder)
        save_plan(folder, plan)
        self._read(folder)  # before the trainer says anything: what it says first tells that it has begun
        arguments = [*self.program[1:], *train_arguments(plan, folder, self.nice)]
        is_started, pid = QProcess.startDetached(self.program[0], arguments, str(folder))
        if not is_started:
            raise JobError("The trainer could not be started.", "Is this Graft's Python still where it was?")
        note_process(folder, pid)
        self._folder = folder
        self._has_begun = self._is_stopping = False
        self._timer.start()

    def follow(self, folder: Path) -> None:
        """Watch a trainer that is at work already."""
        self._read(folder)
        self._folder = folder
        self._has_begun = self._story.started is not None and self._story.finished is None
        self._is_stopping = is_asked_to_stop(folder)
        self._timer.start()

    def _read(self, folder: Path) -> None:
        """Take in what was told so far."""
        self._story = RunStory()
        events, self._offset = read_events(folder / EVENTS_FILE, 0)
        for event in events:
            self._story.take(event)

    def stop(self) -> None:
        """Have it save and end; while it looks through the pictures there is nothing to save.

        Raises:
            StorageError: its folder cannot be written.
        """
        if self._folder is None:
            return
        if self._has_begun:
            ask_to_stop(self._folder)
        else:
            end_at_once(self._folder)
        self._is_stopping = True
        self.told.emit()

    def let_go(self) -> None:
        """Watch no longer; the trainer does as it was told."""
        self._timer.stop()
        self._folder = None

    @Slot()
    def _look(self) -> None:
        folder = self._folder
        if folder is None:
            return
        lives = is_at_work(folder)  # asked first: what it says last is read below
        events, self._offset = read_events(folder / EVENTS_FILE, self._offset)
        for event in events:
            self._story.take(event)
            self._has_begun |= isinstance(event, Started)
        if not lives:
            self._timer.stop()
            forget_process(folder)
            self._folder = None
            self._is_stopping = False
            self.ended.emit(glance_at(folder, self._story))
        elif events:
            self.told.emit()

"""Finding a face for the wall: at once by the encoder, then closer step by step while one looks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, Signal, Slot

from engine.errors import EngineError
from engine.framing import FacePoints
from engine.likeness import Likeness
from engine.messages import (
    InvertPortrait,
    JobFinished,
    JobOutcome,
    JobProgress,
    Pixels,
    PortraitInverted,
    StartPoint,
)
from engine.portrait_source import PortraitSource
from engine.state import ModelRef, StoredLatent
from gui.engine_bridge import EngineBridge

STAGES = (0, 20, 100)
"""Steps of one search after the other: a picture at once, then a likeness, then a good one."""

SHOW_EVERY = 34
"""Steps of the last one after which its present state is worth new pictures."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """A latent of the face.

    Attributes:
        steps: How many were taken since the encoder.
        image: What it shows; None in the middle of a search.
        target: What was aimed at.
        is_last: Nothing closer will follow.
    """

    latent: StoredLatent
    model: ModelRef
    steps: int
    image: Pixels | None = None
    target: Pixels | None = None
    source: PortraitSource | None = None
    likeness: Likeness | None = None
    is_last: bool = False


class Finding(QObject):
    """One face at a time. `find`, then `go_on` whenever what was found is on screen."""

    found = Signal(object)  # Found: closer than the one before
    progressed = Signal(int, float)  # steps that are done, and how far it is in all
    failed = Signal(object)  # EngineError: nothing was found
    ended = Signal()  # nothing closer will follow

    def __init__(self, bridge: EngineBridge, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self._face: tuple[Path, FacePoints, ModelRef, str] | None = None
        self._job_id = ""
        self._stage = 0
        self._shown_at = 0
        self.newest: Found | None = None
        bridge.job_progress.connect(self._progress)

    @property
    def is_at_work(self) -> bool:
        return bool(self._job_id)

    def find(self, path: Path, face: FacePoints, model: ModelRef, name: str) -> None:
        """Begin with a face; what was searched for before is given up.

        Args:
            model: One that has an encoder.
        """
        self.stop()
        self._face = path, face, model, name
        self.newest = None
        self._begin(0)

    @Slot()
    def go_on(self) -> None:
        """Search closer, if that is not under way already."""
        if self.newest is not None and not self.newest.is_last and not self._job_id and self._face is not None:
            self._begin(self._stage + 1)

    def stop(self) -> None:
        """Search no closer."""
        job_id, self._job_id = self._job_id, ""
        self._face = None
        if job_id:
            self._bridge.cancel(job_id)

    def _begin(self, stage: int) -> None:
        assert self._face is not None
        path, face, model, name = self._face
        self._stage, self._shown_at = stage, 0
        begin_at = None if self.newest is None else self.newest.latent
        start = StartPoint.ENCODER if begin_at is None else StartPoint.FOUND
        job = InvertPortrait(
            path, face, model, name, steps=STAGES[stage], optimise_noise=False, start=start, begin_at=begin_at
        )  # fmt: skip
        self._job_id = self._bridge.submit(job, self._finished)

    @Slot(object)
    def _progress(self, event: JobProgress) -> None:
        if event.job_id != self._job_id or not isinstance(event.job, InvertPortrait) or not event.job.steps:
            return
        step, before = event.step or 0, sum(STAGES[: self._stage])
        self.progressed.emit(before + step, (before + step) / sum(STAGES))
        is_due = step - self._shown_at >= SHOW_EVERY and event.job.steps - step >= SHOW_EVERY // 2
        if event.latent is not None and is_due:
            self._shown_at = step
            last = self.newest
            self._tell(
                Found(
                    event.latent, event.job.model, before + step,
                    target=None if last is None else last.target, source=None if last is None else last.source,
                )
            )  # fmt: skip

    def _finished(self, event: JobFinished) -> None:
        if event.job_id != self._job_id:
            return
        self._job_id = ""
        result = event.result
        if isinstance(result, PortraitInverted):
            is_last = self._stage == len(STAGES) - 1 or event.outcome is not JobOutcome.DONE
            steps = sum(STAGES[: self._stage]) + result.steps
            self._tell(
                Found(
                    result.latent, result.model, steps, result.image, result.target, result.source, result.likeness,
                    is_last,
                )
            )  # fmt: skip
            if is_last:
                self.ended.emit()
        elif self.newest is None:
            self.failed.emit(event.error or EngineError("The search was stopped before a face was found."))
        else:
            self.ended.emit()

    def _tell(self, found: Found) -> None:
        self.newest = found
        self.found.emit(found)

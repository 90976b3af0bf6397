"""Training runs as they lie on disk: what was asked for, what was told so far, how far they are. No torch.

A run that the window starts has, beside what `engine.training.loop` writes, ``order.json`` (the plan),
``events.jsonl`` (every line the trainer ever said), ``errors.txt`` (its complaints of the last time) and
``trainer.json`` (its process, until its end was seen).
"""

from __future__ import annotations

import contextlib
import json
import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from engine.atomic import write_atomic
from engine.errors import EngineError, printable
from engine.strict_json import decode, parse_json_object
from engine.training_events import (
    CheckpointSaved,
    Event,
    Finished,
    Measured,
    Notice,
    Paused,
    Progress,
    SheetSaved,
    Started,
    read_event,
)
from engine.verb_process import last_complaint

ORDER_FILE = "order.json"
EVENTS_FILE = "events.jsonl"
ERRORS_FILE = "errors.txt"
STOP_FILE = "stop"

FORMAT_VERSION = 1
GLANCE_BYTES = 1 << 16
MAX_EVENTS_BYTES = 64 << 20
MAX_SMALL_BYTES = 1 << 20

_CHECKPOINT_NAME = re.compile(r"\d{12}")


class RunState(StrEnum):
    STARTING = "starting"  # the trainer looks through the pictures
    TRAINING = "training"
    WAITING = "waiting"  # for something outside, such as room on the disk
    STOPPING = "stopping"  # it was asked to stop, and saves
    PAUSED = "paused"
    INTERRUPTED = "interrupted"  # it ended without a word
    FAILED = "failed"
    DONE = "done"

    @property
    def is_alive(self) -> bool:
        return self in (RunState.STARTING, RunState.TRAINING, RunState.WAITING, RunState.STOPPING)


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """What is asked of a trainer, in its own words.

    Attributes:
        name: What the model will be called.
        data: Folder of pictures.
        source: Model file or folder of a run to start from; None for nothing.
        source_name: What the user calls it.
        goal: Which preset it came from.
        size: From nothing: height and width of the pictures.
        channel_base, channel_max: From nothing: feature channels times resolution, and at most.
        framing: From nothing: how faces sit, see `engine.framing`.
        settings: Of `engine.training.config.TrainingConfig`, by name.
    """

    name: str
    data: str
    source: str | None = None
    source_name: str = ""
    goal: str = ""
    size: int = 64
    channel_base: int = 4096
    channel_max: int = 128
    framing: str = "ffhq"
    grow: bool = False
    device: str = "auto"
    minutes: float = 0.0
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def total_images(self) -> int:
        return int(self.settings.get("total_images", 0))

    def to_json_text(self) -> str:
        return json.dumps({"format": FORMAT_VERSION, **asdict(self)}, indent=1)

    @staticmethod
    def from_json_text(text: str) -> TrainingPlan:
        """Raises:
        CorruptModelError: it is not one, or a newer Graft's.
        """
        document = parse_json_object(text)
        document.pop("format", None)
        return decode(TrainingPlan, document, "training plan")


@dataclass
class RunStory:
    """What a run has told so far, oldest first.

    Attributes:
        saved_images: Images seen at its newest checkpoint.
    """

    started: Started | None = None
    progress: list[Progress] = field(default_factory=list)
    scores: list[Measured] = field(default_factory=list)
    sheets: list[SheetSaved] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    saved_images: int = 0
    paused: Paused | None = None
    finished: Finished | None = None

    @property
    def images_seen(self) -> int:
        seen = [self.started.images_seen if self.started else 0, self.saved_images]
        if self.finished is not None:
            seen.append(self.finished.images_seen)
        return max(*seen, *(event.images_seen for event in self.progress[-1:]), 0)

    @property
    def total_images(self) -> int:
        """Where it ends; 0 as long as nobody said."""
        if self.progress:
            return self.progress[-1].total_images
        return self.started.total_images if self.started else 0

    @property
    def best(self) -> Measured | None:
        return next((score for score in reversed(self.scores) if score.is_best), None)

    def take(self, event: Event) -> None:
        if not isinstance(event, Notice):
            self.paused = event if isinstance(event, Paused) else None
        match event:
            case Started():
                self._take_up_again(event)
            case Notice():
                self.notices.append(event.text)
            case Progress():
                self.progress.append(event)
            case Measured():
                self.scores.append(event)
            case SheetSaved():
                self.sheets = [sheet for sheet in self.sheets if sheet.images_seen != event.images_seen]
                self.sheets.append(event)
            case CheckpointSaved():
                self.saved_images = event.images_seen
            case Finished():
                self.finished = event

    def _take_up_again(self, event: Started) -> None:
        """A run that was killed goes on from its last checkpoint: what came after that has not happened."""
        seen = event.images_seen
        self.started, self.finished, self.saved_images = event, None, seen
        self.progress = [old for old in self.progress if old.images_seen <= seen]
        self.scores = [old for old in self.scores if old.images_seen <= seen]
        self.sheets = [old for old in self.sheets if old.images_seen <= seen]
        self.notices.clear()


def story_of(folder: Path, *, glance: bool = False) -> RunStory:
    """All that is known of a run; with `glance` its end only, which is enough for a line in a list."""
    story = RunStory()
    path = folder / EVENTS_FILE
    if path.is_file():
        start = max(0, _size(path) - GLANCE_BYTES) if glance else 0
        if start:
            _take_beginning(path, story)
        for event in read_events(path, start)[0]:
            story.take(event)
    else:
        _tell_from_files(folder, story)
    return story


def _take_beginning(path: Path, story: RunStory) -> None:
    """The first thing that was told: how large the pictures are, and how many."""
    with contextlib.suppress(OSError), open(path, "rb") as file:
        first = read_event(file.readline(MAX_SMALL_BYTES).decode("utf-8", "replace"))
        if isinstance(first, Started):
            story.take(first)


def read_events(path: Path, start: int) -> tuple[list[Event], int]:
    """The events from byte `start` on, and where to go on reading: behind the last line that is whole."""
    try:
        with open(path, "rb") as file:
            file.seek(start)
            data = file.read(MAX_EVENTS_BYTES)
    except OSError:
        return [], start
    whole = data[: data.rfind(b"\n") + 1]
    found = (read_event(line.decode("utf-8", "replace")) for line in whole.splitlines())
    return [event for event in found if event is not None], start + len(whole)


@dataclass(frozen=True)
class RunGlance:
    """One run in a list of runs.

    Attributes:
        plan: None for one that was started from the command line.
        state: As far as its files tell; whether a process is at work is somebody else's knowledge.
        problem: What went wrong, in a sentence, when it failed.
        sheet: Its newest sample sheet.
    """

    folder: Path
    plan: TrainingPlan | None
    story: RunStory
    state: RunState
    problem: str = ""
    sheet: Path | None = None

    @property
    def name(self) -> str:
        return self.plan.name if self.plan else printable(self.folder.name, 80)

    @property
    def can_go_on(self) -> bool:
        return self.plan is not None and self.state in (RunState.PAUSED, RunState.INTERRUPTED, RunState.FAILED)


def runs_in(folder: Path) -> tuple[RunGlance, ...]:
    """Every run in a folder, the one that was at work last first."""
    found = [path for path in _listed(folder) if path.is_dir() and is_run(path)]
    return tuple(glance_at(path) for path in sorted(found, key=_last_change, reverse=True))


def is_run(folder: Path) -> bool:
    return any((folder / name).exists() for name in (ORDER_FILE, "settings.json", "checkpoints"))


def glance_at(folder: Path, story: RunStory | None = None) -> RunGlance:
    """What there is to know about a run at which no process is at work."""
    story = story_of(folder, glance=True) if story is None else story
    problem = complaint(folder)
    if story.finished is not None:
        state = RunState.DONE if story.finished.complete else RunState.PAUSED
    else:
        state = RunState.FAILED if problem else RunState.INTERRUPTED
    return RunGlance(folder, plan_of(folder), story, state, problem, newest_sheet(folder, story))


def plan_of(folder: Path) -> TrainingPlan | None:
    try:
        return TrainingPlan.from_json_text(_small_text(folder / ORDER_FILE))
    except (OSError, EngineError):
        return None


def save_plan(folder: Path, plan: TrainingPlan) -> None:
    """Raises:
    StorageError: it cannot be written.
    """
    write_atomic(folder / ORDER_FILE, plan.to_json_text().encode())


def complaint(folder: Path) -> str:
    """The trainer's last sentence on stderr, if that was a complaint; empty when there was none."""
    try:
        return last_complaint(_small_text(folder / ERRORS_FILE), "The trainer")
    except OSError:
        return ""


def newest_sheet(folder: Path, story: RunStory) -> Path | None:
    sheets = sheets_of(folder, story)
    return sheets[-1][1] if sheets else None


def sheets_of(folder: Path, story: RunStory) -> list[tuple[int, Path]]:
    """Images seen and file of every sample sheet. The folder may have been moved since they were told of."""
    return [(sheet.images_seen, folder / "sheets" / Path(sheet.path).name) for sheet in story.sheets]


def has_checkpoint(folder: Path) -> bool:
    return bool(checkpoints_of(folder))


def checkpoints_of(folder: Path) -> list[Path]:
    """Newest first."""
    found = [path for path in _listed(folder / "checkpoints") if _CHECKPOINT_NAME.fullmatch(path.name)]
    return sorted(found, reverse=True)


def free_folder(parent: Path, name: str) -> Path:
    """A folder in `parent` that is not there yet, named after `name`; not created."""
    stem = re.sub(r"[^\w\- ]+", "", name).strip().strip("-")[:60] or "run"
    path, number = parent / stem, 2
    while path.exists():
        path, number = parent / f"{stem} {number}", number + 1
    return path


def _tell_from_files(folder: Path, story: RunStory) -> None:
    """For runs that were started from the command line, whose events nobody kept."""
    total = _total_of(folder)
    for row in _rows(folder / "log.jsonl"):
        numbers: dict[str, Any] = {name: math.nan if value is None else value for name, value in row.items()}
        try:
            story.take(Progress(**numbers, total_images=total, time_left_s=math.nan))
        except TypeError:
            continue
    for path in sorted(_listed(folder / "sheets")):
        if path.suffix == ".png" and path.stem.isdigit():
            story.take(SheetSaved(int(path.stem), str(path)))
    newest = checkpoints_of(folder)[:1]
    if newest:
        story.take(CheckpointSaved(int(newest[0].name), str(newest[0])))
    done = (folder / "model.safetensors").is_file()
    story.take(Finished(str(folder / "model.safetensors"), story.images_seen, 0, done))


def _total_of(folder: Path) -> int:
    try:
        return int(parse_json_object(_small_text(folder / "settings.json"))["total_images"])
    except (OSError, EngineError, KeyError, TypeError, ValueError):
        return 0


def _rows(path: Path) -> list[dict[str, Any]]:
    try:
        lines = path.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return []
    rows = []
    for line in lines:
        try:
            rows.append(parse_json_object(line))
        except EngineError:
            continue
    return rows


def _small_text(path: Path) -> str:
    with open(path, "rb") as file:
        return file.read(MAX_SMALL_BYTES).decode("utf-8", "replace")


def _last_change(folder: Path) -> float:
    names = (EVENTS_FILE, "log.jsonl", ORDER_FILE, ".")
    return max(_changed(folder / name) for name in names)


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _listed(folder: Path) -> Sequence[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []

"""What `engine.invert_many` and the processes that search for it say to each other: lines of JSON. No torch.

A process is first given an `Order`, then a `Task` for each photo; it answers with the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, get_args

from engine.event_lines import from_json_line
from engine.found_portraits import FoundPortrait
from engine.framing import FacePoints
from engine.messages import InvertPortrait, LatentSpaceChoice, StartPoint
from engine.state import ModelRef


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """What decides a portrait beside model and photo: see `engine.messages.InvertPortrait`.

    Attributes:
        encoder_file: Empty for the model's own.
    """

    space: LatentSpaceChoice = LatentSpaceChoice.W_PLUS
    steps: int = 100
    editability: float = 0.5
    optimise_noise: bool = True
    start: StartPoint = StartPoint.AUTO
    encoder_file: str = ""
    looks: int | None = None

    def search(self, photo: Path, face: FacePoints, model: ModelRef, name: str) -> InvertPortrait:
        """The job for one face."""
        return InvertPortrait(
            photo, face, model, name, space=self.space, steps=self.steps, optimise_noise=self.optimise_noise,
            start=self.start, editability=self.editability, looks=self.looks,
            encoder_file=Path(self.encoder_file) if self.encoder_file else None,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Order:
    """Attributes:
    folder: Where the results go.
    """

    folder: str
    device: str
    model_sha256: str
    model_name: str
    settings: SearchSettings
    all_faces: bool


@dataclass(frozen=True, slots=True)
class Task:
    """Search in one photo.

    Attributes:
        photo: Its name in its folder.
        stem: Of its files.
        key: Goes into what is found (`FoundPortrait`).
        done: Faces that need not be searched for.
    """

    photo: str
    path: str
    sha256: str
    stem: str
    key: str
    done: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Ready:
    """The order is understood, and the model is there."""

    device: str


@dataclass(frozen=True, slots=True)
class Searching:
    """How far a photo is, 0 to 1."""

    photo: str
    fraction: float


@dataclass(frozen=True, slots=True)
class Found:
    """The files of a portrait are there."""

    portrait: FoundPortrait


@dataclass(frozen=True, slots=True)
class Failed:
    """Nothing came of a photo, or of one of its faces."""

    photo: str
    problem: str


@dataclass(frozen=True, slots=True)
class Done:
    """A photo is finished.

    Attributes:
        faces: As in `SeenPhoto`; None where that could not be told.
    """

    photo: str
    faces: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class Broken:
    """Nothing more can be done, with this photo or any other."""

    problem: str
    hint: str


Answer: TypeAlias = Ready | Searching | Found | Failed | Done | Broken

_ANSWERS: dict[str, type[Answer]] = {kind.__name__: kind for kind in get_args(Answer)}


def read_answer(line: str) -> Answer | None:
    """None for a line that is no answer."""
    answer: Answer | None = from_json_line(line, _ANSWERS)
    return answer


def read_order(line: str) -> Order | None:
    """None for a line that is no order, or was cut short."""
    order: Order | None = from_json_line(line, {"Order": Order})
    return order


def read_task(line: str) -> Task | None:
    """None for a line that is no task, or was cut short."""
    task: Task | None = from_json_line(line, {"Task": Task})
    return task

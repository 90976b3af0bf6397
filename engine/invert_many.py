"""Find the portraits in a folder of photos: latents, crops, pictures, and a report on all of them. No torch here.

Photos are searched side by side by processes of their own (`engine.invert_crew`); this one alone keeps the list of
what is there (`engine.found_portraits`), and tells. A result is told when it is on the disk and on the list, so that
a run that was killed at any moment goes on with what was not told, and does nothing again.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path, PurePath

from engine.atomic import check_writable, remove_leftovers, storage_error
from engine.device import free_memory, thread_count
from engine.encoder_file import encoder_folders, offer_encoder
from engine.errors import EngineError, JobError, NoFaceError, printable
from engine.file_hash import file_sha256
from engine.file_lock import held_alone
from engine.found_portraits import CROPS, LIST, FoundPortrait, FoundPortraits, LeftOut, ReportOrder, SeenPhoto
from engine.inversion_report import write_report
from engine.invert_crew import Crew, Worker
from engine.invert_events import (
    InvertEvent,
    InvertFinished,
    InvertProgress,
    InvertStarted,
    PhotoLeftOut,
    PortraitFound,
)
from engine.invert_tasks import Broken, Done, Failed, Found, Order, Ready, Searching, SearchSettings, Task
from engine.messages import StartPoint
from engine.picture_folder import PHOTO_SUFFIXES, picture_files
from engine.places import user_places
from engine.state import ModelRef

KEY_VERSION = 1
"""Rises when the search itself changes so much that older results should be found again."""

LOCK = ".graft-portraits.lock"
NO_FACE = "No face was found in it."
AHEAD = 2
"""Photos given to a worker: while it searches one, it opens the next."""

BYTES_EACH = 700 << 20
BYTES_AT_1024 = 2 << 30
"""What a worker takes: that, and what grows with the pixels of the model's pictures."""

WAIT_S = 1.0
PATIENCE_S = 3.0
"""After a worker's end, before another takes its place: whoever ends this run ends its workers first."""

MAX_ENDS = 3
"""Workers that may end by themselves, one after the other, with nothing found in between."""


@dataclass(frozen=True, slots=True)
class ManyOrder:
    """Attributes:
    photos: The folder to look through, with the folders in it.
    folder: Where the results go.
    img_resolution: Of the model.
    all_faces: Every face of a photo; otherwise the largest.
    jobs: Processes; None for as many as help.
    program: What is started as a worker; empty for the usual. For tests.
    tuned_from: The parent of a tuned model.
    """

    photos: Path
    folder: Path
    model: ModelRef
    img_resolution: int = 256
    settings: SearchSettings = field(default_factory=SearchSettings)
    all_faces: bool = False
    jobs: int | None = None
    device: str = "auto"
    report_order: ReportOrder = ReportOrder.WORST
    program: tuple[str, ...] = ()
    tuned_from: ModelRef | None = None


def find_many(order: ManyOrder) -> Iterator[InvertEvent]:
    """Search all photos of a folder.

    Raises:
        JobError: there are no photos, the two folders are one, another Graft is at work there, or an encoder is
            needed and there is none.
        StorageError: the folder cannot be written, or is full.
        EngineError: whatever else makes every search fail, such as a model that is gone.
    """
    encoder = _encoder_hash(order)
    names = _photos(order)
    try:
        (order.folder / CROPS).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise storage_error("make the folder for the portraits", error) from error
    check_writable(order.folder / LIST)
    with _alone(order.folder):
        yield from _Run(order, names, encoder).events()


class _Run:
    def __init__(self, order: ManyOrder, names: Sequence[str], encoder: str) -> None:
        self._order = order
        self._encoder = encoder
        self._names = names
        self._list = FoundPortraits(order.folder)
        self._list.tidy()
        for folder in (order.folder, order.folder / CROPS):
            remove_leftovers(folder)
        self._waiting = deque(names)
        self._jobs, threads = jobs_and_threads(order, len(names))
        told = Order(
            str(order.folder), order.device, order.model.sha256, order.model.name, order.settings, order.all_faces
        )
        self._crew = Crew(told, threads, order.program)
        self._begun = self._counted_from = time.monotonic()
        self._done = self._searched = self._made = 0
        self._under_way: dict[str, float] = {}
        self._results: list[FoundPortrait] = []
        self._problems: list[LeftOut] = []
        self._ends = 0
        self._not_before = 0.0

    def events(self) -> Iterator[InvertEvent]:
        yield InvertStarted(len(self._names), str(self._order.folder), self._jobs)
        try:
            while self._waiting or self._crew.is_at_work:
                yield from self._hand_out()
                yield from self._listen()
        finally:
            self._crew.close()
        yield InvertProgress("Drawing the report", 1.0, self._elapsed_s, 0.0)
        order = self._order
        title = f"Portraits of {printable(order.photos.resolve().name, 60)}, in the model {order.model.name}"
        report = write_report(order.folder, self._results, self._problems, order.report_order, title)
        kept = len(self._results) - self._made
        yield InvertFinished(
            self._made, kept, len(self._problems), str(report.page), report.summary, self._elapsed_s
        )

    @property
    def _elapsed_s(self) -> float:
        return time.monotonic() - self._begun

    # --- giving ---------------------------------------------------------------------------------------------------

    def _hand_out(self) -> Iterator[InvertEvent]:
        """Give the workers what they can hold; tell of the photos on the way that need none."""
        while self._waiting and self._has_room():
            name = self._waiting.popleft()
            task = yield from self._task(name)
            if task is not None:
                self._crew.give(task)
            else:
                self._done += 1

    def _has_room(self) -> bool:
        """The first worker alone says what it computes on; not all photos are given away ahead."""
        workers = self._crew.workers
        if not workers:
            return time.monotonic() >= self._not_before
        is_plenty = len(workers) == self._jobs and len(self._waiting) >= len(workers)
        return min(len(worker.tasks) for worker in workers) < (AHEAD if is_plenty else 1)

    def _task(self, name: str) -> Generator[InvertEvent, None, Task | None]:
        """What is left to do in a photo. Tells what was found there before.

        Raises:
            StorageError: the list cannot be written.
        """
        path = self._order.photos / name
        photo = PurePath(name).as_posix()
        try:
            sha256 = file_sha256(path)
        except OSError as error:
            yield self._left_out(photo, storage_error("read it", error))
            return None
        seen = self._list.seen(photo, sha256)
        if seen is not None and not seen.faces:
            yield self._left_out(photo, NoFaceError(NO_FACE))
            return None
        key = result_key(sha256, self._order, self._encoder)
        wanted = None if seen is None else seen.faces if self._order.all_faces else seen.faces[:1]
        there = [one for one in self._list.found_in(photo) if one.key == key]
        if wanted is not None:
            there = [one for one in there if one.face in wanted]
        elif not self._order.all_faces:
            there = there[:1]
        for one in there:
            yield self._found(one, is_new=False)
        done = tuple(one.face for one in there)
        if wanted is not None and set(wanted) <= set(done):
            return None
        return Task(photo, str(path.absolute()), sha256, self._list.name(photo), key, done)

    # --- listening ------------------------------------------------------------------------------------------------

    def _listen(self) -> Iterator[InvertEvent]:
        heard = self._crew.next_answer(WAIT_S)
        if heard is None:
            return
        worker, answer = heard
        match answer:
            case None:
                yield from self._worker_ended(worker)
            case Ready(device=device):
                worker.is_ready = True
                self._start_others(device)
            case Searching(photo=photo, fraction=fraction):
                self._under_way[photo] = fraction
                yield self._progress(photo)
            case Found(portrait=portrait):
                self._list.put_found(portrait)
                self._ends = 0
                yield self._found(portrait, is_new=True)
            case Failed(photo=photo, problem=problem):
                yield self._left_out(photo, JobError(problem))
            case Done(photo=photo, faces=faces):
                yield from self._photo_done(worker, photo, faces)
            case Broken(problem=problem, hint=hint):
                if worker.is_ready or not any(other.is_ready for other in self._crew.workers):
                    raise JobError(problem, hint)
                yield from self._worker_ended(worker)  # the others are well: it may have been one too many

    def _start_others(self, device: str) -> None:
        """On a card one process is enough: it works on every part of a picture at once."""
        if self._order.jobs is None and device != "cpu":
            self._jobs = 1
        while len(self._crew.workers) < min(self._jobs, 1 + len(self._waiting)):
            self._crew.add()

    def _photo_done(self, worker: Worker, photo: str, faces: tuple[int, ...] | None) -> Iterator[InvertEvent]:
        task = next(one for one in worker.tasks if one.photo == photo)
        worker.tasks.remove(task)
        self._under_way.pop(photo, None)
        self._done += 1
        self._searched += 1
        if faces is not None:
            self._list.put_seen(SeenPhoto(photo, task.sha256, faces))
            self._ends = 0
            if not faces:
                yield self._left_out(photo, NoFaceError(NO_FACE))
        yield self._progress(photo)

    def _worker_ended(self, worker: Worker) -> Iterator[InvertEvent]:
        """One that was killed, or broke down. What it worked at is left out for now; another takes on the rest."""
        if worker not in self._crew.workers:
            return
        self._crew.dismiss(worker)
        self._ends += 1
        if self._ends >= MAX_ENDS:
            raise JobError(
                "The search broke down several times in a row.",
                "Close other programs, or give it fewer --jobs: memory may have run out.",
            )
        self._not_before = time.monotonic() + PATIENCE_S
        left = [task.photo for task in worker.tasks]
        if left and worker.is_ready:
            self._under_way.pop(left[0], None)
            self._done += 1
            broken = JobError("The search broke down over it.", "It is tried again the next time.")
            yield self._left_out(left.pop(0), broken)
        self._waiting.extendleft(reversed(left))

    # --- telling --------------------------------------------------------------------------------------------------

    def _found(self, one: FoundPortrait, *, is_new: bool) -> PortraitFound:
        files = one.files(self._order.folder)
        self._results.append(one)
        self._made += is_new
        return PortraitFound(
            one.photo, one.face, one.name, str(files.latent), str(files.picture), str(files.crop), is_new
        )

    def _left_out(self, photo: str, error: EngineError) -> PhotoLeftOut:
        problem = f"{error.user_message} {error.hint}".strip().removeprefix(f"{PurePath(photo).name}: ")
        self._problems.append(LeftOut(photo, problem))
        return PhotoLeftOut(photo, problem)

    def _progress(self, photo: str) -> InvertProgress:
        now, total = sum(self._under_way.values()), len(self._names)
        so_far = self._searched + now
        elapsed_s = self._elapsed_s
        left = elapsed_s / so_far * (total - self._done - now) if so_far > 0 else math.nan
        text = f"{printable(photo, 80)}, {min(total, self._done + 1)} of {total}"
        return InvertProgress(text, (self._done + now) / total, elapsed_s, left)


# --- before it begins -----------------------------------------------------------------------------------------------


def result_key(sha256: str, order: ManyOrder, encoder: str) -> str:
    """A hash of everything that decides what is found in a photo.

    Args:
        sha256: Of the photo.
        encoder: Hash of the encoder's file; empty where none takes part.
    """
    decides = [KEY_VERSION, sha256, order.model.sha256, encoder, asdict(replace(order.settings, encoder_file=""))]
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:32]


def jobs_and_threads(order: ManyOrder, photos: int) -> tuple[int, int]:
    """Processes, and threads of each: a thread for each core that may be used, as far as memory goes."""
    cores = thread_count()
    each = BYTES_EACH + BYTES_AT_1024 * order.img_resolution**2 // 1024**2
    fits = max(1, free_memory() // each)
    jobs = order.jobs or min(cores, fits, photos)
    return jobs, max(1, cores // jobs)


def _encoder_hash(order: ManyOrder) -> str:
    """Raises JobError, as every single search would: an encoder is asked for, or needed, and there is none."""
    settings = order.settings
    path = Path(settings.encoder_file) if settings.encoder_file else None
    if path is None and settings.start is not StartPoint.MEAN:
        offer = offer_encoder(order.model, encoder_folders(user_places()), order.tuned_from)
        if offer.path is None and (settings.start is StartPoint.ENCODER or settings.steps == 0):
            raise JobError(f"An encoder is needed for this. {offer.reason}", "Give it some steps, from the mean.")
        path = offer.path
    elif path is None and settings.steps == 0:
        raise JobError("Without steps, only an encoder can find a portrait.", "Give it some steps.")
    try:
        return "" if path is None else file_sha256(path)
    except OSError as error:
        raise storage_error(f"read {path}", error) from error


def _photos(order: ManyOrder) -> list[str]:
    """Names of the photos, without results of earlier runs that lie among them.

    Raises:
        JobError: the folders cannot be these two, or there is no photo.
    """
    photos, folder = order.photos.resolve(), order.folder.resolve()
    if folder in (photos, photos.parent if photos.name == CROPS else None):
        raise JobError("The results would go among the photos themselves.", "Choose another folder for them.")
    names = picture_files(order.photos, PHOTO_SUFFIXES)
    if folder.is_relative_to(photos):
        names = [name for name in names if not (photos / name).is_relative_to(folder)]
    if not names:
        raise JobError(f"The folder {photos.name:.100} holds no photos but results.", "Choose another folder.")
    return names


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    try:
        with held_alone(folder / LOCK) as is_mine:
            if not is_mine:
                problem = f"Another Graft is finding portraits for the folder {printable(folder.name, 100)}."
                raise JobError(problem, "Wait until it is done, or stop it.")
            yield
    except OSError as error:
        raise storage_error("lock the folder", error) from error

"""A process that searches photos for portraits, as `engine.invert_many` tells it on stdin (`engine.invert_tasks`).

When stdin ends, so does the process, at once: whoever asked is gone. While one photo is searched, the next is opened.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Queue, SimpleQueue
from typing import TypeAlias

from engine.atomic import is_disk_full, storage_error, write_atomic
from engine.device import prepare_process
from engine.errors import EngineError
from engine.event_lines import to_json_line
from engine.export.stills import encoded_still
from engine.failures import as_engine_error
from engine.found_portraits import FoundPortrait, PortraitFiles, stem_of_face
from engine.headless import Headless, open_headless
from engine.imaging import Rgb
from engine.inversion.landmarks import LocatedFace
from engine.inversion.photo_faces import PhotoFaces, open_faces
from engine.invert_tasks import (
    Answer,
    Broken,
    Done,
    Failed,
    Found,
    Order,
    Ready,
    Searching,
    Task,
    read_order,
    read_task,
)
from engine.latent_file import write_latent
from engine.messages import PortraitInverted
from engine.state import EditState

TELL_EVERY_S = 0.3



@dataclass(frozen=True, slots=True, eq=False)
class OpenedPhoto:
    """Attributes:
    crops: Of the faces that are to be searched for, by their number: ``[S, S, 3]`` uint8 RGB, or what went wrong.
    faces: Those.
    likely: Numbers of all faces that are worth a search, the largest first.
    """

    crops: Mapping[int, Rgb | EngineError]
    faces: Mapping[int, LocatedFace]
    likely: tuple[int, ...]


Opened: TypeAlias = OpenedPhoto | EngineError


def main() -> None:
    """Answer until stdin ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for whoever asked, and ends this process too
    prepare_process()
    order = read_order(sys.stdin.readline())
    if order is None:
        return
    tasks: SimpleQueue[Task] = SimpleQueue()
    threading.Thread(target=_read_tasks, args=(tasks,), daemon=True).start()
    try:
        with open_headless(order.device) as engine:
            search = PhotoSearch(order, engine)
            engine.report = search.tell
            opened: Queue[tuple[Task, Opened]] = Queue(maxsize=1)
            threading.Thread(target=_open_photos, args=(search.open, tasks, opened), daemon=True).start()
            _say(Ready(engine.device))
            while True:
                for answer in search.answers(*opened.get()):
                    _say(answer)
    except EngineError as error:
        _say(Broken(error.user_message, error.hint))


def _say(answer: Answer) -> None:
    print(to_json_line(answer), flush=True)


def _read_tasks(tasks: SimpleQueue[Task]) -> None:
    for line in sys.stdin:
        if (task := read_task(line)) is not None:
            tasks.put(task)
    os._exit(0)  # files are written whole or not at all, so nothing is left half done


def _open_photos(
    open_photo: Callable[[Task], OpenedPhoto], tasks: SimpleQueue[Task], opened: Queue[tuple[Task, Opened]]
) -> None:
    while True:
        task = tasks.get()
        try:
            photo: Opened = open_photo(task)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is told with the photo's name
            photo = as_engine_error(error, f"opening {task.photo}")
        opened.put((task, photo))


class PhotoSearch:
    """Finds the faces of photos and writes down what came of them.

    Raises:
        ModelError: the model cannot be used.
    """

    def __init__(self, order: Order, engine: Headless) -> None:
        self._engine = engine
        self._settings = order.settings
        self._all_faces = order.all_faces
        self._folder = Path(order.folder)
        self._model = replace(engine.model(order.model_sha256), name=order.model_name)
        self._framing, self._size_px = engine.crop_of(self._model)
        self._now = ("", 0, 1)
        self._told_at = 0.0

    def open(self, task: Task) -> OpenedPhoto:
        """Decode a photo, find its faces and cut them out. On a thread of its own, while another one is searched.

        Raises:
            UnreadableImageError: it is no picture, or cannot be read.
        """
        photo = open_faces(Path(task.path))
        wanted = photo.likely if self._all_faces else photo.likely[:1]
        numbers = [number for number in wanted if number not in task.done]
        crops = {number: self._cut(photo, number) for number in numbers}
        return OpenedPhoto(crops, {number: photo.face(number) for number in numbers}, photo.likely)

    def _cut(self, photo: PhotoFaces, number: int) -> Rgb | EngineError:
        try:
            return photo.cut(number, self._framing, self._size_px)
        except EngineError as error:
            return error

    def answers(self, task: Task, photo: Opened) -> Iterator[Answer]:
        """What comes of a photo; `Done` is the last.

        Raises:
            StorageError: nothing can be written any more.
        """
        if isinstance(photo, EngineError):
            yield Failed(task.photo, _words(photo))
            yield Done(task.photo, None)
            return
        for place, (face, crop) in enumerate(photo.crops.items()):
            self._now = task.photo, place, len(photo.crops)
            try:
                if isinstance(crop, EngineError):
                    raise crop
                yield self._search(task, photo.faces[face], face, crop)
            except Exception as failure:
                if is_disk_full(failure):
                    raise
                error = as_engine_error(failure, f"searching {task.photo}")
                yield Failed(task.photo, f"Face {face}: {_words(error)}" if len(photo.crops) > 1 else _words(error))
        yield Done(task.photo, photo.likely)

    def _search(self, task: Task, place: LocatedFace, face: int, crop: Rgb) -> Found:
        stem = stem_of_face(task.stem, face)
        name = task.stem if face == 1 else f"{task.stem}, face {face}"
        job = self._settings.search(Path(task.path), place.points, self._model, name)
        result = self._engine.search_crop(job, crop, task.sha256)
        assert isinstance(result, PortraitInverted)
        found = FoundPortrait(
            photo=task.photo, face=face, stem=stem, sha256=task.sha256, key=task.key, model=self._model.name,
            steps=result.steps, elapsed_s=result.elapsed_s, encoder=result.encoder, remark=place.remark,
            likeness=result.likeness,
        )  # fmt: skip
        self._write(found, crop, result)
        return Found(found)

    def _write(self, found: FoundPortrait, crop: Rgb, result: PortraitInverted) -> None:
        engine, latent, files = self._engine, result.latent, PortraitFiles.of(self._folder, found.stem)
        state = EditState(model_a=self._model, latent=latent, truncation_psi=1.0)
        try:
            files.latent.unlink(missing_ok=True)  # an older one would say that the others are its own
        except OSError as error:
            raise storage_error(f"replace {files.latent.name}", error) from error
        write_atomic(files.crop, encoded_still(crop, ".png"))
        engine.export(files.picture, engine.render(state), state)
        write_latent(
            files.latent, latent, self._model, engine.store,
            source=result.source, likeness=result.likeness, found=found.to_json(),
        )  # fmt: skip
        engine.store.let_go(latent.key, latent.noise_key or "")

    def tell(self, text: str, fraction: float | None = None) -> None:
        """How far the search is: called by the engine at every step."""
        photo, place, faces = self._now
        if photo and fraction is not None and time.monotonic() - self._told_at >= TELL_EVERY_S:
            self._told_at = time.monotonic()
            _say(Searching(photo, (place + fraction) / faces))


def _words(error: EngineError) -> str:
    return f"{error.user_message} {error.hint}".strip()


if __name__ == "__main__":
    main()

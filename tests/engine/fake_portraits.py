"""What `engine.invert_many` starts, without an engine: ``fake_portraits.py worker`` answers by the names of photos.

``none``: no face. ``many``: three faces. ``junk``: cannot be read. ``dies``: the process ends over it, once.
``always``: every time. ``full``: the disk is. ``fake_portraits.py run PHOTOS OUT [STEPS]`` prints what a run tells.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
from PIL import Image

from engine.event_lines import to_json_line
from engine.found_portraits import FoundPortrait, PortraitFiles, stem_of_face
from engine.framing import FacePoints
from engine.invert_many import ManyOrder, find_many
from engine.invert_tasks import (
    Answer,
    Broken,
    Done,
    Failed,
    Found,
    Order,
    Ready,
    SearchSettings,
    Task,
    read_order,
    read_task,
)
from engine.latent_file import write_latent
from engine.latents import LatentStore
from engine.likeness import Likeness
from engine.portrait_source import PortraitSource
from engine.state import ModelRef, StoredLatent

MODEL = ModelRef("ab" * 32, "portrait")
PROGRAM = (sys.executable, __file__, "worker")
LOG = "searched.txt"
FACE = FacePoints((10.0, 10.0), (20.0, 10.0), (15.0, 20.0))


def say(answer: Answer) -> None:
    print(to_json_line(answer), flush=True)


def work() -> None:
    order = read_order(sys.stdin.readline())
    assert order is not None
    started = Path(order.folder) / "started"
    if (Path(order.folder) / "only-one").exists() and started.exists():
        say(Broken("There was not enough memory.", ""))
        return
    started.touch()
    say(Ready("cpu"))
    for line in sys.stdin:
        task = read_task(line)
        assert task is not None
        answer(order, task)


def answer(order: Order, task: Task) -> None:
    folder = Path(order.folder)
    if "none" in task.photo:
        say(Done(task.photo, ()))
    elif "junk" in task.photo:
        say(Failed(task.photo, "It is no picture."))
        say(Done(task.photo, None))
    elif "full" in task.photo:
        say(Broken("Graft could not save it: the disk is full.", "Free some space."))
    elif "always" in task.photo or ("dies" in task.photo and not (folder / "died").exists()):
        (folder / "died").touch()
        os._exit(9)
    else:
        faces = (1, 2, 3) if "many" in task.photo else (1,)
        for face in faces if order.all_faces else faces[:1]:
            if face not in task.done:
                say(Found(found_portrait(order, task, face)))
        say(Done(task.photo, faces))


def found_portrait(order: Order, task: Task, face: int) -> FoundPortrait:
    folder, steps = Path(order.folder), order.settings.steps
    # What was searched, to see that nothing was twice.
    with open(folder / LOG, "a", encoding="utf-8", errors="backslashreplace") as log:
        log.write(f"{task.photo} {face} {steps}\n")
    likeness = Likeness(0.01 * len(task.photo), 0.02 * len(task.photo), "a judge", 0.01)
    found = FoundPortrait(
        photo=task.photo, face=face, stem=stem_of_face(task.stem, face), sha256=task.sha256, key=task.key,
        model=order.model_name, steps=steps, elapsed_s=0.1, encoder="", remark="", likeness=likeness,
    )  # fmt: skip
    files = PortraitFiles.of(folder, found.stem)
    for path, shade in ((files.crop, 90), (files.picture, 120)):
        Image.new("RGB", (16, 16), (shade, 80, 70)).save(path)
    store = LatentStore()
    ws = np.full((4, 8), int(task.sha256[:4], 16) + face + steps, np.float32)
    source = PortraitSource(Path(task.path), task.sha256, FACE)
    model = ModelRef(order.model_sha256, order.model_name)
    latent = StoredLatent(store.put_ws(ws), found.stem)
    write_latent(files.latent, latent, model, store, source=source, likeness=likeness, found=found.to_json())
    return found


def run(photos: str, out: str, steps: str = "5") -> None:
    settings = SearchSettings(steps=int(steps))
    order = ManyOrder(Path(photos), Path(out), MODEL, settings=settings, all_faces=True, jobs=2, program=PROGRAM)
    for event in find_many(order):
        print(to_json_line(event), flush=True)


if __name__ == "__main__":
    {"worker": work, "run": run}[sys.argv[1]](*sys.argv[2:])

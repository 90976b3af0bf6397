"""A trainer that trains nothing: ``fake_trainer.py BEHAVIOUR train --out RUN ...`` tells recorded events.

steps: one event per file ``next-N`` that appears in RUN, obeying ``stop``. whole: all events at once, then the end.
refuses: complains about the pictures. astray: goes wrong halfway. dies: is killed halfway.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

LOOK_S = 0.02
PATIENCE_S = 60
FIRST = (
    {"event": "Started", "folder": "run", "images_seen": 0, "total_images": 80, "pictures": 12, "resolution": 64},
    {"event": "Notice", "text": "2 of 14 files are left out; dataset.json in the run names them."},
    {"event": "SheetSaved", "images_seen": 0, "path": "/x/sheets/000000000000.png"},
    {"event": "CheckpointSaved", "images_seen": 0, "path": "/x/checkpoints/000000000000"},
)
LOSSES = {"generator": 1.2, "discriminator": 0.9, "real_sign": 0.5, "r1": None, "path_length": None, "ada_p": 0.1}


def progress(seen: int) -> dict[str, Any]:
    speed = {"images_per_s": 4.0, "elapsed_s": seen / 4, "time_left_s": (80 - seen) / 4}
    return {"event": "Progress", "images_seen": seen, "total_images": 80, **LOSSES, **speed}


def measured(seen: int, kid: float, *, best: bool) -> dict[str, Any]:
    told = {"images_seen": seen, "kid": kid, "features": "ours", "floor": 0.01, "is_best": best}
    return {"event": "Measured", **told}


MIDDLE = (
    progress(20), measured(20, 0.2, best=True), progress(40), measured(40, 0.1, best=True),
    {"event": "SheetSaved", "images_seen": 40, "path": "/x/sheets/000000000040.png"},
    {"event": "CheckpointSaved", "images_seen": 40, "path": "/x/checkpoints/000000000040"},
    {"event": "Paused", "reason": "Graft could not save it: the disk is full.", "hint": "Free some space."},
    progress(60), measured(60, 0.15, best=False), progress(80),
)  # fmt: skip


class Trainer:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.out = open(folder / "events.jsonl", "a")  # noqa: SIM115 - open till the end
        self.told = 0

    def tell(self, event: dict[str, Any]) -> None:
        match event["event"]:
            case "SheetSaved":
                self.paint_sheet(event["images_seen"])
            case "CheckpointSaved":
                (self.folder / "checkpoints" / Path(event["path"]).name).mkdir(parents=True, exist_ok=True)
            case "Measured" if event["is_best"]:
                (self.folder / "best.safetensors").write_text(f"the model of {event['images_seen']} images")
        self.out.write(json.dumps(event) + "\n")
        self.out.flush()

    def paint_sheet(self, seen: int) -> None:
        from PIL import Image

        path = self.folder / "sheets" / f"{seen:012d}.png"
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (64, 32), (seen, 120, 200)).save(path)

    def wait(self, *names: str) -> str:
        """The first of these files that appears."""
        pause = threading.Event()
        for _ in range(round(PATIENCE_S / LOOK_S)):
            for name in names:
                if (self.folder / name).exists():
                    return name
            pause.wait(LOOK_S)
        raise SystemExit("nobody said anything")

    def steps(self) -> None:
        for event in MIDDLE:
            name = f"next-{self.told}"
            if self.wait("stop", name) == "stop":
                (self.folder / "stop").unlink()
                seen = 40 if self.told >= 6 else 20
                self.tell({"event": "CheckpointSaved", "images_seen": seen, "path": f"/x/{seen:012d}"})
                self.finish(seen, complete=False)
                return
            self.told += 1
            self.tell(event)
        self.finish(80, complete=True)

    def finish(self, seen: int, *, complete: bool) -> None:
        end = {"model": "m", "images_seen": seen, "best_images": 40, "complete": complete}
        self.tell({"event": "Finished", **end})

    def complain(self, sentence: str) -> None:
        (self.folder / "errors.txt").write_text(f"a library warns\ngraft: {sentence}\n")
        raise SystemExit(1)


def main(behaviour: str, arguments: list[str]) -> None:
    folder = Path(arguments[arguments.index("--out") + 1])
    (folder / "arguments.json").write_text(json.dumps(arguments))
    trainer = Trainer(folder)
    if behaviour == "refuses":
        trainer.complain("Too few pictures to learn from: 3 of 5 pictures can be used, at least 16 are needed.")
    for event in FIRST:
        trainer.tell(event)
    if behaviour == "steps":
        trainer.steps()
        return
    for event in MIDDLE if behaviour == "whole" else MIDDLE[:6]:
        trainer.tell(event)
    match behaviour:
        case "whole":
            trainer.finish(80, complete=True)
        case "astray":
            trainer.complain("The training went astray after 60 images: a loss is nan. The last good one was kept.")
        case "dies":
            os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])

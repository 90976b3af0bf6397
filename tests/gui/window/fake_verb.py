"""A verb that does nothing: ``fake_verb.py BEHAVIOUR measure MODEL ...``, ``... train portrait-data``, ``... batch``.

whole: tells recorded events and ends. waits: tells the first ones and is at work until it is killed.
refuses: complains. breaks: crashes as a program does.
"""

from __future__ import annotations

import itertools
import json
import sys
import threading
from pathlib import Path
from typing import Any

PATIENCE_S = 60
FEATURES = "graft-perceptual-0123456789ab/mean+std"


def measured(metric: str, value: float, floor: float | None, error: float | None = None) -> dict[str, Any]:
    higher = metric in ("precision", "recall")
    told = {"value": value, "standard_error": error, "floor": floor, "higher_is_better": higher}
    return {"event": "MetricMeasured", "metric": metric, **told}


MEASURE = (
    {"event": "MeasureNotice", "text": "Preparing the pictures; what was prepared before is used again."},
    {"event": "MeasureStarted", "model": "portrait", "img_resolution": 64, "metrics": ["kid", "fid"], "data": "/x",
     "pictures": 900, "count": 300, "psi": 1.0, "seed": 0, "device": "cpu", "features": FEATURES},
    {"event": "MeasureNotice", "text": f"Sets are compared by Graft's own features ({FEATURES}), not Inception's."},
    {"event": "MeasureProgress", "text": "Generating", "done": 75, "total": 300, "elapsed_s": 5, "time_left_s": 15.0},
    measured("kid", 0.25, 0.05, 0.01),
    measured("fid", 30.0, 12.0),
    measured("precision", 0.5, 0.75),
    measured("recall", 0.25, 0.8),
    measured("ppl", 31.5, None, 2.0),
)  # fmt: skip
COPIES = {
    "event": "CopiesChecked", "samples": 300, "originals": 20, "closest": 0.1, "median": 0.3,
    "between_originals": 0.2, "between_originals_median": 0.4, "below": 2, "below_median": 9, "sheet": "/x.png",
}  # fmt: skip
PORTRAITS = (
    {"event": "PortraitsProgress", "done": 0, "total": 40, "elapsed_s": 1.0, "time_left_s": None},
    {"event": "PortraitsProgress", "done": 10, "total": 40, "elapsed_s": 5.0, "time_left_s": 15.0},
)


BATCH = (
    {"event": "BatchStarted", "total": 3, "folder": "/x"},
    {"event": "BatchProgress", "text": "seed 3, 1 of 3", "done": 0, "total": 3, "elapsed_s": 1, "time_left_s": None},
    {"event": "BatchSkipped", "name": "wall.png", "problem": "wall.png: No face was found in it."},
)  # fmt: skip
INVERT = (
    {"event": "InvertStarted", "photos": 4, "folder": "/x", "jobs": 2},
    {"event": "InvertProgress", "text": "anna.jpg, 1 of 4", "fraction": 0.25, "elapsed_s": 4, "time_left_s": 12.0},
    {"event": "PhotoLeftOut", "photo": "wall.png", "problem": "No face was found in it."},
)  # fmt: skip


def tell(event: dict[str, Any]) -> None:
    print(json.dumps(event), flush=True)


def after(arguments: list[str], name: str) -> str:
    return arguments[arguments.index(name) + 1]


def finish_measuring(arguments: list[str]) -> None:
    from PIL import Image

    if "--originals" in arguments:
        Image.new("RGB", (96, 64), (10, 120, 200)).save(after(arguments, "--sheet"))
        tell(COPIES)
    report = Path(after(arguments, "--out"))
    report.write_text(json.dumps(arguments))
    tell({"event": "MeasureFinished", "report": str(report), "elapsed_s": 61.0})


def finish_portraits(arguments: list[str]) -> None:
    from PIL import Image

    out = Path(after(arguments, "--out"))
    styles = [word for before, word in itertools.pairwise(arguments) if before == "--style"]
    for style in styles:
        (out / style).mkdir(parents=True)
        for number in range(3):
            Image.new("RGB", (32, 32), (number, 120, 200)).save(out / style / f"{number}.png")
    (out / "arguments.json").write_text(json.dumps(arguments))
    made = {"folder": str(out), "count": 40, "size": 32, "styles": styles, "elapsed_s": 20.0}
    tell({"event": "PortraitsMade", **made})


def finish_batch(arguments: list[str]) -> None:
    from PIL import Image

    out = Path(after(arguments, "-o"))
    out.mkdir(parents=True)
    (out / "arguments.json").write_text(json.dumps(arguments))
    (out / "recipe.json").write_text(Path(arguments[1]).read_text())
    for number in range(2):
        Image.new("RGB", (64, 64), (number, 90, 120)).save(out / f"{number}.png")
        file = str(out / f"{number}.png")
        tell({"event": "BatchPicture", "name": f"seed {number}", "file": file, "is_new": True})
    made = {"made": 2, "kept": 0, "failed": 1, "sheet": str(out / "1.png"), "elapsed_s": 4.0}
    tell({"event": "BatchFinished", **made})


def finish_inverting(arguments: list[str]) -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
    import numpy as np
    from PIL import Image

    from engine.framing import FacePoints
    from engine.latent_file import write_latent
    from engine.latents import LatentStore
    from engine.likeness import Likeness
    from engine.portrait_source import PortraitSource
    from engine.state import ModelRef, StoredLatent

    out, store = Path(after(arguments, "-o")), LatentStore()
    (out / "crops").mkdir(parents=True, exist_ok=True)
    (out / "arguments.json").write_text(json.dumps(arguments))
    model, face = ModelRef(after(arguments, "--model"), "portrait"), FacePoints((1.0, 1.0), (5.0, 1.0), (3.0, 4.0))
    for number, name in enumerate(("anna", "bert, face 2")):
        latent = StoredLatent(store.put_ws(np.full((4, 8), number, np.float32)), name)
        source, likeness = PortraitSource(Path(f"/photos/{name}.jpg"), "ab" * 32, face), Likeness(0.1, 0.2, "x", 0.3)
        files = [out / f"{number}.safetensors", out / f"{number}.png", out / "crops" / f"{number}.png"]
        write_latent(files[0], latent, model, store, source=source, likeness=likeness)
        for shade, file in enumerate(files[1:]):
            Image.new("RGB", (64, 64), (90 + 60 * shade, 90, 120)).save(file)
        paths = dict(zip(("latent", "picture", "crop"), map(str, files), strict=True))
        tell({"event": "PortraitFound", "photo": f"{name}.jpg", "face": 1, "name": name, **paths, "is_new": True})
    (out / "report.html").write_text("a report")
    ended = {"made": 2, "kept": 0, "left_out": 1, "report": str(out / "report.html"), "summary": "2 portraits: like."}
    tell({"event": "InvertFinished", **ended, "elapsed_s": 4.0})


def main(behaviour: str, arguments: list[str]) -> None:
    if behaviour == "refuses":
        print("a library warns\ngraft: The folder few holds 9 pictures; at least 10 are needed.", file=sys.stderr)
        raise SystemExit(1)
    if behaviour == "breaks":
        raise RuntimeError("out of luck")
    events, finish = {
        "measure": (MEASURE, finish_measuring),
        "batch": (BATCH, finish_batch),
        "invert": (INVERT, finish_inverting),
        "train": (PORTRAITS, finish_portraits),
    }[arguments[0]]
    for event in events:
        tell(event)
    print("no event at all", flush=True)
    if behaviour == "waits":
        threading.Event().wait(PATIENCE_S)
        return
    finish(arguments)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])

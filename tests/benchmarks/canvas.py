"""What a picture costs the window: from a network's numbers to the screen, and an event of a slider.

    python tests/benchmarks/canvas.py [--json FILE]

In milliseconds, medians. ``convert``: `engine.imaging.to_bgrx` of a float32 picture in [-1, 1]. ``paint``: a new
frame taken and painted by the canvas, in a window of 1920 x 1080 logical pixels without a screen, by its size,
what is looked at, and the device pixel ratio; ``repaint`` the same frame once more. ``slider``: one mouse move on the
alpha slider with everything that follows in the window, pictures answered at once by an engine that computes nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "gui")]
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

SIZES = (256, 512, 1024)
WINDOW = (1920, 1080)
ROUNDS = 40
SLIDER_EVENTS = 300
TARGET_MS = 4.0


def timed(run: Callable[[], object], rounds: int = ROUNDS) -> dict[str, float]:
    for _ in range(4):
        run()
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        run()
        times.append(1000 * (time.perf_counter() - began))
    return {"median": round(median(times), 2), "p95": round(quantiles(times, n=20)[-1], 2)}


def convert() -> dict[str, Any]:
    from engine.device import prepare_process, thread_count

    prepare_process()
    import torch

    from engine.imaging import to_bgrx

    torch.set_num_threads(thread_count())
    images = {size: 0.6 * torch.randn(1, 3, size, size) for size in SIZES}
    return {str(size): timed(lambda image=image: to_bgrx(image)) for size, image in images.items()}


def paint() -> dict[str, Any]:
    import numpy as np
    from PySide6.QtWidgets import QApplication

    from engine.messages import Frame
    from engine.state import View
    from gui.canvas import Canvas, CanvasMode
    from gui.theme import DARK, apply_theme

    app = QApplication([])
    apply_theme(app, DARK)
    found: dict[str, Any] = {}
    generation = 0
    for size in SIZES:
        shape = (size, size, 4)
        pictures = [np.random.RandomState(seed).randint(0, 255, shape).astype(np.uint8) for seed in range(3)]
        for name, mode, at_1_to_1 in (
            ("fitted", CanvasMode.BLEND, False),
            ("1:1", CanvasMode.BLEND, True),
            ("triptych", CanvasMode.TRIPTYCH, False),
        ):
            canvas = Canvas()
            canvas.resize(*WINDOW)
            canvas.set_mode(mode)
            canvas.show()

            def take(canvas: Canvas = canvas, pictures: list[Any] = pictures, size: int = size) -> None:
                nonlocal generation
                generation += 1
                for view in canvas.wanted_views:
                    image = pictures[generation % 3]
                    canvas.show_frame(Frame(generation, view, image, size, size, True, 0.0))
                canvas.repaint()

            take()
            if at_1_to_1:
                canvas.one_to_one()
            app.processEvents()
            found[f"{size} {name}"] = {"paint": timed(take), "repaint": timed(canvas.repaint)}
            assert canvas._shown.get(View.BLEND) is not None
            canvas.close()
    return found


def slider() -> dict[str, Any]:
    import numpy as np
    from fake_engine import FakeEngine, descriptor, sha_of
    from PySide6.QtCore import QPoint, Qt
    from PySide6.QtTest import QTest
    from PySide6.QtWidgets import QApplication

    from engine.messages import Pixels
    from engine.places import Places
    from engine.state import EditState, View
    from gui.app import Studio
    from gui.theme import DARK, apply_theme

    app = QApplication([])
    apply_theme(app, DARK)
    picture = np.full((256, 256, 4), 128, np.uint8)

    def same(state: EditState, view: View, size_px: int) -> Pixels:
        return picture if size_px == 256 else np.full((size_px, size_px, 4), 128, np.uint8)

    with tempfile.TemporaryDirectory(prefix="graft-") as home:
        root = Path(home)
        studio = Studio(
            Places(root / "config", root / "data", root / "cache"),
            lambda library, store, publish: FakeEngine(library, store, publish, painter=same, size_px=256),
            embedded_models=root, sample_looks_folder=root,
        )
        for name in ("portrait", "toon"):
            studio.library.add_model(root / f"{name}.pkl", sha_of(name.encode()), name, descriptor())
        studio.window.resize(*WINDOW)
        studio.show()
        while not studio.bridge.is_settled or studio.viewer.frame(View.BLEND) is None:
            app.processEvents()
        alpha = studio.window.parts.controls.blend.alpha
        left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        y = int(alpha.track_rect().center().y())
        QTest.mousePress(alpha, left, none, QPoint(round(alpha.knob_x()), y))
        places = iter(round(alpha.knob_x(0.1 + 0.8 * (index % 97) / 97)) for index in range(SLIDER_EVENTS + 10))

        def move() -> None:
            QTest.mouseMove(alpha, QPoint(next(places), y))
            app.processEvents()

        found = timed(move, SLIDER_EVENTS)
        QTest.mouseRelease(alpha, left, none, QPoint(round(alpha.knob_x(0.5)), y))
        studio.window.close()
        studio.close()
    return found


PARTS: dict[str, Callable[[], dict[str, Any]]] = {"convert": convert, "paint": paint, "slider": slider}


def in_a_process(part: str, ratio: int = 1) -> dict[str, Any]:
    environ = {**os.environ, "QT_SCALE_FACTOR": str(ratio)}
    ended = subprocess.run([sys.executable, __file__, "--part", part], env=environ, capture_output=True, text=True)
    if ended.returncode:
        raise SystemExit(ended.stderr)
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="What a picture costs the window.")
    parser.add_argument("--json", type=Path, help="write everything here")
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        print(json.dumps(PARTS[options.part]()))
        return
    found = {
        "unit": "ms",
        "convert": in_a_process("convert"),
        "paint": {f"ratio {ratio}": in_a_process("paint", ratio) for ratio in (1, 2)},
        "slider": in_a_process("slider"),
    }
    for size, times in found["convert"].items():
        print(f"convert {size:>4}: {times['median']:6.2f}")
    for ratio, rows in found["paint"].items():
        for name, times in rows.items():
            first, again = times["paint"]["median"], times["repaint"]["median"]
            print(f"{ratio}  {name:14} paint {first:6.2f}  again {again:6.2f}")
    print(f"slider event: {found['slider']['median']:.2f}, 95th percentile {found['slider']['p95']:.2f}")
    total = found["convert"]["1024"]["median"] + found["paint"]["ratio 1"]["1024 fitted"]["paint"]["median"]
    print(f"convert and paint a 1024 px frame: {total:.2f} (wanted: under {TARGET_MS:.0f})")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()

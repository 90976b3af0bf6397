"""Drags of what the studio adds to a blend: further models, directions, style channels, seeds of a layer's noise.

    python tests/benchmarks/studio_drags.py [--device cpu] [--steps N] [--rounds N] [--json]

On the models that come with Graft, 256 px. A drag is steps with values that were never seen, each timed until the
screen's bytes exist; figures are medians in milliseconds, the drags taking turns.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]

from engine.device import choose_device, prepare_process  # noqa: E402

if __name__ == "__main__":
    prepare_process()

import numpy as np  # noqa: E402

from engine.backend import open_pipeline, screen_pixels  # noqa: E402
from engine.embedded_models import register_embedded  # noqa: E402
from engine.latents import LatentStore  # noqa: E402
from engine.library import Library  # noqa: E402
from engine.pipeline import Pipeline  # noqa: E402
from engine.state import (  # noqa: E402
    BlendSpace,
    DirectionUse,
    EditState,
    Overlay,
    SeedLatent,
    StyleEdit,
    with_alpha,
    with_blend,
    with_curve,
    with_noise,
)

GOLDEN = 0.5 * (5**0.5 - 1)
SEED = 7
EVERYWHERE = (1.0,) * 14
FROM_64 = (0.0,) * 8 + (1.0,) * 6
"""Positions of 64 px and more."""

Drag = Callable[[float], EditState]
"""The state with a control at a place from 0 to 1."""


def drags(library: Library, store: LatentStore) -> dict[str, Drag]:
    a, b, c = (library.find(name).ref for name in ("portrait", "toon", "woodblock"))
    w_dim = library.find("portrait").descriptor.w_dim
    direction = store.put_ws(np.random.RandomState(0).randn(1, w_dim) / 8.0)
    two = with_curve(EditState(a, b, SeedLatent(SEED)), EVERYWHERE)
    two_fine = with_curve(two, FROM_64)
    over, over_fine = Overlay(c, 0.4), Overlay(c, 0.4, FROM_64)

    def alpha_of(state: EditState) -> Drag:
        return lambda place: with_alpha(state, 0.1 + 0.8 * place)

    def overlay_of(state: EditState, overlay: Overlay) -> Drag:
        return lambda place: replace(state, overlays=(replace(overlay, alpha=0.1 + 0.8 * place),))

    def along(rows: tuple[int, int] | None) -> Drag:
        return lambda place: replace(two, directions=(DirectionUse(direction, 4.0 * place - 2.0, rows),))

    def channel(edit: StyleEdit) -> Drag:
        return lambda place: replace(two, style_edits=(replace(edit, amount=6.0 * place - 3.0),))

    return {
        "alpha, 2 models": alpha_of(two),
        "alpha, 3 models": alpha_of(replace(two, overlays=(over,))),
        "overlay's alpha, 3 models": overlay_of(with_alpha(two, 0.5), over),
        "overlay's alpha, 4 models": lambda place: replace(
            with_alpha(two, 0.5), overlays=(replace(over, alpha=0.1 + 0.8 * place), over)
        ),
        "alpha from 64 px, 2 models": alpha_of(two_fine),
        "alpha from 64 px, 3 models": alpha_of(replace(two_fine, overlays=(over_fine,))),
        "alpha of latents": alpha_of(with_blend(two, space=BlendSpace.LATENTS)),
        "direction": along(None),
        "direction from 64 px": along((8, 14)),
        "style channel at 64 px": channel(StyleEdit(8, 5, 1.0)),
        "colour channel at 256 px": channel(StyleEdit(13, 5, 1.0, torgb=True)),
        "seed of the noise at 256 px": lambda place: with_noise(two, layer_seeds=(None,) * 12 + (100 * place,)),
        "psi, for comparison": lambda place: replace(two, truncation_psi=0.3 + 0.6 * place),
    }


def step_s(pipeline: Pipeline, state: EditState) -> float:
    started = time.perf_counter()
    synthesis = pipeline.start(pipeline.resolve(state))
    while not synthesis.done:
        synthesis.step()
    screen_pixels(synthesis)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with TemporaryDirectory() as folder, closing(Library(Path(folder) / "library.sqlite")) as library:
        register_embedded(library)
        store = LatentStore()
        pipeline = open_pipeline(library, store, choose_device(given.device))
        taken: dict[str, list[float]] = {}
        place = 0.0
        for number in range(given.rounds + 1):
            for name, drag in drags(library, store).items():
                steps = []
                for _ in range(given.steps):
                    place = (place + GOLDEN) % 1.0
                    steps.append(step_s(pipeline, drag(place)))
                if number:  # the first round prepares weights
                    taken.setdefault(name, []).extend(steps[1:])
    figures = {name: round(1000.0 * median(times), 2) for name, times in taken.items()}
    print(json.dumps(figures, indent=2) if given.json else "\n".join(f"{v:7.1f} ms  {k}" for k, v in figures.items()))


if __name__ == "__main__":
    main()

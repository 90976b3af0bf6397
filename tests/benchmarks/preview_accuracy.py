"""How far a preview is from the exact picture, and an early exit from the finished one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from statistics import median

import torch.nn.functional as F
from preview_actions import OTHER_SEED, base_state
from preview_networks import Subject
from torch import Tensor

from engine.exit_colours import ExitColourShelf
from engine.pipeline import Pipeline
from engine.preview.exit_colour import ExitCorrection
from engine.state import (
    EditState,
    MixSource,
    NoiseMode,
    SeedLatent,
    View,
    with_alpha,
    with_curve,
    with_mix_source,
    with_noise,
    with_seed,
    with_swap_resolution,
)

PEAK = 2.0
EXITS_PX = (64, 128, 256, 512)


def psnr(found: Tensor, wanted: Tensor) -> float:
    """In dB, of pictures in [-1, 1]."""
    error = float((found.float() - wanted).square().mean())
    return math.inf if error == 0.0 else 10 * math.log10(PEAK**2 / error)


def blends(subject: Subject) -> dict[str, EditState]:
    """States in which every part of the engine has a share."""
    base = base_state(subject)
    everywhere = (1.0,) * 64
    half_way = tuple(1.0 if row % 2 else 0.5 for row in range(64))
    return {
        "a": replace(base, model_b=None),
        "swap": with_swap_resolution(base, min(32, subject.resolution // 2)),
        "half": with_alpha(with_curve(base, everywhere), 0.5),
        "beyond": with_alpha(with_curve(base, everywhere), 1.3),
        "mixed": with_mix_source(base, 0, MixSource(SeedLatent(OTHER_SEED), half_way)),
        "random-noise": with_noise(base, mode=NoiseMode.RANDOM, seed=7, strength=1.5),
    }


def accuracy(pipeline: Pipeline, subject: Subject, seeds: int, names: Sequence[str] = ()) -> dict[str, object]:
    """PSNR of settled previews against `Pipeline.render`, and of early exits against its box-filtered picture.

    Exits are taken as the network leaves them, and in the colours that are measured for a model once: those of the
    models that ship. What a settled picture nearby adds to them during a drag is not in it.
    """
    settled: dict[str, list[float]] = {}
    exits: dict[int, list[float]] = {}
    corrected: dict[int, list[float]] = {}
    correction = ExitCorrection(ExitColourShelf(None))
    for name, state in blends(subject).items():
        if names and name not in names:
            continue
        for seed in range(seeds):
            here = with_seed(state, seed)
            exact = pipeline.render(here)
            shots = _shots(pipeline, here)
            settled.setdefault(name, []).append(psnr(shots.pop(subject.resolution), exact))
            for px, shot in shots.items():
                wanted = F.avg_pool2d(exact, subject.resolution // px)
                exits.setdefault(px, []).append(psnr(shot, wanted))
                coloured = correction.corrected(View.BLEND, pipeline.resolve(here), shot)
                corrected.setdefault(px, []).append(psnr(coloured, wanted))
    everything = [value for values in settled.values() for value in values]
    return {
        "seeds": seeds,
        "settled_db": _median_and_worst(everything),
        "settled_by_blend_db": {name: _median_and_worst(values) for name, values in settled.items()},
        "exits_db": {str(px): _median_and_worst(values) for px, values in exits.items()},
        "corrected_exits_db": {str(px): _median_and_worst(values) for px, values in corrected.items()},
    }


def _shots(pipeline: Pipeline, state: EditState) -> dict[int, Tensor]:
    """The pictures on the way and the last one, by size, nothing taken from the cache."""
    synthesis = pipeline.start(pipeline.resolve_view(state, View.BLEND), fresh=True)
    shots = {}
    while not synthesis.done:
        synthesis.step()
        if synthesis.image is not None and (synthesis.done or synthesis.size_px in EXITS_PX):
            shots[synthesis.size_px] = synthesis.image
    return shots


def _median_and_worst(values: Sequence[float]) -> dict[str, float]:
    return {"median": round(median(values), 1), "worst": round(min(values), 1)}

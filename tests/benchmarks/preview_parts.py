"""What a frame's time and memory go into: export, conversion, blending, Python, single operations."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import median

import psutil
import torch
from preview_actions import Action, actions, block_medians, climb, ms, settled_state
from preview_networks import Subject
from preview_yardstick import Yardstick

from engine.headless import Headless
from engine.imaging import to_bgrx
from engine.pipeline import Pipeline
from engine.state import SeedLatent, with_alpha, with_truncation

MIB = 1 << 20
UNSEEN = 1_000_000
"""Far beyond the places that the drags come to."""


def timed(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def export(subject: Subject, device: str, yardstick: Yardstick, times: int) -> dict[str, object]:
    """A still as the window and the command line make it, and how far its picture is from the textbook's."""
    headless = Headless(subject.library, device, lambda text, fraction=None: None)
    state = settled_state(subject)
    headless.render(state)
    renders, encodes, yards = [], [], [yardstick.forward()["seconds"]]
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(times):
            began = time.perf_counter()
            image = headless.render(state)
            rendered = time.perf_counter()
            headless.export(Path(folder) / "still.png", image, state)
            renders.append(rendered - began)
            encodes.append(time.perf_counter() - rendered)
            yards.append(yardstick.forward()["seconds"])
    around = [min(pair) for pair in pairwise(yards)]
    return {
        "render_ms": ms(median(renders)),
        "render_ratio": round(median(yard / render for yard, render in zip(around, renders, strict=True)), 2),
        "encode_ms": ms(median(encodes)),
        "textbook_ms": ms(median(around)),
    }


def export_error(pipeline: Pipeline, subject: Subject, yardstick: Yardstick) -> float:
    """Largest absolute difference of the exact picture from the textbook's."""
    state = settled_state(subject)
    assert isinstance(state.latent, SeedLatent)
    wanted = torch.from_numpy(yardstick.image(state.latent.seed, state.truncation_psi))
    return float((pipeline.render(state).cpu() - wanted).abs().max())


def conversion(subject: Subject, device: str, times: int = 9) -> float:
    """Milliseconds from a picture of the full size to the screen's bytes."""
    image = torch.rand(1, 3, subject.resolution, subject.resolution, device=device) * 2 - 1
    to_bgrx(image)
    return ms(median(timed(lambda: to_bgrx(image)) for _ in range(times)))


def blending(pipeline: Pipeline, subject: Subject, steps: int, synchronize: Callable[[], None]) -> dict[str, object]:
    """Two drags through all blocks of a half-way blend: psi, whose weights stay, and alpha, whose weights move.

    Returns:
        Milliseconds of both by block; the difference is what new weights cost.
    """
    all_layers = actions(subject)["alpha-all"]
    half_way = with_alpha(all_layers.start, 0.5)
    still = Action(half_way, lambda state, place: with_truncation(state, 0.3 + 0.6 * place)).places()
    moving = all_layers.places(UNSEEN)
    for places in (still, moving):
        climb(pipeline, next(places), synchronize)
    kept, changed = [], []
    for _ in range(steps):
        # Alternating would write the weights of both into the same place in turn.
        kept.append(climb(pipeline, next(still), synchronize))
    for _ in range(steps):
        changed.append(climb(pipeline, next(moving), synchronize))
    total = median(one.settled_s for one in changed) - median(one.settled_s for one in kept)
    return {"tick_ms": ms(total), "same_weights_ms": block_medians(kept), "new_weights_ms": block_medians(changed)}


def memory(pipeline: Pipeline) -> dict[str, object]:
    held: dict[str, object] = {
        "rss_mib": round(psutil.Process().memory_info().rss / MIB),
        "cache_mib": round(pipeline.cache.used_bytes / MIB),
        "cache_entries": len(pipeline.cache),
        "models_mib": round(pipeline.models.used_bytes / MIB),
    }
    if pipeline.models.device.startswith("cuda"):
        held["device_mib"] = round(torch.cuda.max_memory_allocated() / MIB)
    return held


def profile(pipeline: Pipeline, subject: Subject, name: str, steps: int) -> str:
    """torch's own table of the operations of a drag."""
    from torch.profiler import ProfilerActivity, profile

    places = actions(subject)[name].places()
    climb(pipeline, next(places), lambda: None)
    on_device = pipeline.models.device.startswith("cuda")
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_device else [])]
    with profile(activities=activities, record_shapes=True) as recorded:
        for _ in range(steps):
            climb(pipeline, next(places), lambda: None)
    by = "self_cuda_time_total" if on_device else "self_cpu_time_total"
    return str(recorded.key_averages(group_by_input_shape=True).table(sort_by=by, row_limit=40))

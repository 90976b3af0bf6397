"""Previews on an NVIDIA GPU: recorded blocks beside plain ones and the exact network, in one go, in a few minutes.

    python tests/benchmarks/cuda_preview.py [--sizes 256 512 1024] [--steps N] [--device cuda] [--json OUT]
    python tests/benchmarks/cuda_preview.py --rehearse

Networks are config-f with random weights, and the models that come with Graft. For each: milliseconds from a state
to the screen's bytes for every drag (with graphs, without, and the exact network), what the kinds of numbers and
layouts cost and how exact they are, whether replayed blocks give what running them gives, memory beside what the
model pool counts, the copy to the screen, and whether running out of memory is survived. --rehearse runs all of it in
small on a CPU, where nothing is recorded: to try the script itself.

Answers wanted, in the report: is "graphs" faster than "eager"; does "different_blocks" say 0; is "counted_mib" at
least "allocated_mib"; which of "arithmetics" is the fastest with at least 45 dB.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "engine")]

from engine.device import DeviceChoice, choose_device, prepare_process, return_freed_memory, wait_for  # noqa: E402

if __name__ == "__main__":
    prepare_process()

import numpy as np  # noqa: E402
import torch  # noqa: E402
from preview_accuracy import accuracy  # noqa: E402
from preview_actions import actions, base_state, ms  # noqa: E402
from preview_networks import Size, Subject, embedded_pair, random_pair  # noqa: E402
from preview_report import commit, machine  # noqa: E402
from torch import Tensor  # noqa: E402

from engine.backend import open_pipeline, screen_pixels  # noqa: E402
from engine.errors import OutOfMemoryError  # noqa: E402
from engine.failures import as_engine_error  # noqa: E402
from engine.imaging import to_bgrx  # noqa: E402
from engine.latents import LatentStore  # noqa: E402
from engine.library import Library  # noqa: E402
from engine.models import ModelPool  # noqa: E402
from engine.pipeline import Pipeline  # noqa: E402
from engine.preview import blocks  # noqa: E402
from engine.preview.arithmetic import Arithmetic, choose_arithmetic  # noqa: E402
from engine.preview.graphs import Capture, CudaCapture, capture_on  # noqa: E402
from engine.preview.screen_copy import ScreenCopy  # noqa: E402
from engine.stage_cache import StageCache  # noqa: E402
from engine.state import EditState, NoiseMode, View, with_alpha, with_noise, with_seed, with_swap_resolution  # noqa: E402

MIB = 1 << 20
FIRST_PX = 256
WARM_FRAMES = 4
"""Run, recorded, replayed, and once more: the first picture of a pair packs its weights, too."""

SAME_DB = 40.0
"""Two ways of computing the same picture in half precision, which may choose different algorithms."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="*", default=[256, 512, 1024], help="of random config-f networks")
    parser.add_argument("--steps", type=int, default=20, help="of every drag")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--rehearse", action="store_true", help="in small, on the CPU")
    parser.add_argument("--folder", type=Path, help="keeps the random networks for the next run")
    parser.add_argument("--json", type=Path, help="where the report goes; printed without it")
    options = parser.parse_args()
    if options.rehearse:
        options.sizes, options.steps, options.device = [32], 2, "cpu"
    elif not torch.cuda.is_available():
        sys.exit("There is no CUDA device that this PyTorch can use; nothing was measured.")
    report = json.dumps(run(options), indent=1)
    if options.json is None:
        print(report)
    else:
        options.json.write_text(report + "\n", "utf-8")


@torch.no_grad()
def run(options: argparse.Namespace) -> dict[str, Any]:
    choice = choose_device(options.device)
    networks = {}
    with tempfile.TemporaryDirectory() as temporary, closing(Library(Path(temporary) / "library.sqlite3")) as library:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for edge in (*options.sizes, None):
            began = time.perf_counter()
            small = {"channel_base": 256, "channel_max": 16} if options.rehearse else {}
            subject = embedded_pair(library) if edge is None else random_pair(library, folder, Size(edge, **small))
            networks[subject.name] = measured(subject, choice, options.steps)
            print(f"{subject.name}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    return {
        "benchmark": "cuda preview",
        "machine": machine(options.device, choice.dtype),
        "commit": commit(),
        "networks": networks,
        "screen_copy": {str(px): screen_copy(choice.name, px) for px in (FIRST_PX, 512, 1024)},
    }


def measured(subject: Subject, choice: DeviceChoice, steps: int) -> dict[str, Any]:
    found: dict[str, Any] = {"free_before_mib": _mib(torch.cuda.mem_get_info()[0]) if _is_cuda(choice.name) else None}
    pipeline = open_pipeline(subject.library, LatentStore(), choice)
    found["exact_ms"] = ms(median(exact_seconds(pipeline, subject, steps)))
    pipeline.forget()
    with recording_with(None):
        found["eager"] = drags(pipeline, subject, steps)
        found["memory_eager"] = memory(pipeline)
        pipeline.forget()
    found["graphs"] = drags(pipeline, subject, steps)
    found["memory_graphs"] = memory(pipeline)
    with recording_with(CudaCapture(choice.name, tunes=True)):
        tuned = open_pipeline(subject.library, LatentStore(), choice)
        found["graphs_tuned"] = drags(tuned, subject, steps, ("psi",))
        tuned.forget()
    found["accuracy"] = accuracy(pipeline, subject, 3)
    found["replayed"] = replayed(subject, choice)
    pipeline.forget()
    found["memory_forgotten"] = memory(pipeline)
    found["arithmetics"] = arithmetics(subject, choice, steps)
    found["out_of_memory"] = out_of_memory(subject, choice)
    return found


@contextmanager
def recording_with(capture: Capture | None) -> Iterator[None]:
    """For pairs of models that are made meanwhile. A CPU records nothing."""
    with patch.object(blocks, "capture_on", lambda device: capture if _is_cuda(device) else None):
        yield


def exact_seconds(pipeline: Pipeline, subject: Subject, steps: int) -> list[float]:
    state = replace(base_state(subject), model_b=None)
    seconds = []
    for _ in range(steps + 1):
        began = time.perf_counter()
        to_bgrx(pipeline.render(state))
        seconds.append(time.perf_counter() - began)
    return seconds[1:]


def drags(pipeline: Pipeline, subject: Subject, steps: int, names: Collection[str] = ()) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, action in actions(subject).items():
        if names and name not in names:
            continue
        places = action.places()
        warm = [frame(pipeline, next(places))[-1] for _ in range(WARM_FRAMES)]
        frames = [frame(pipeline, next(places)) for _ in range(steps)]
        found[name] = {
            "first_256_ms": ms(median(first for first, _ in frames)),
            "settled_ms": ms(median(settled for _, settled in frames)),
            "settled_worst_ms": ms(max(settled for _, settled in frames)),
            "warm_up_ms": [ms(seconds) for seconds in warm],
        }
    return found


def frame(pipeline: Pipeline, state: EditState) -> tuple[float, float]:
    """Seconds from a state to pixels of `FIRST_PX`, and to those of the finished picture."""
    began = time.perf_counter()
    synthesis = pipeline.start(pipeline.resolve_view(state, View.BLEND))
    first = math.nan
    while not synthesis.done:
        synthesis.step()
        if math.isnan(first) and (synthesis.size_px >= FIRST_PX or synthesis.done):
            screen_pixels(synthesis)
            first = time.perf_counter() - began
    screen_pixels(synthesis)
    return first, time.perf_counter() - began


def memory(pipeline: Pipeline) -> dict[str, Any]:
    device = pipeline.models.device
    if not _is_cuda(device):
        return {"counted_mib": _mib(pipeline.models.used_bytes + pipeline.cache.used_bytes)}
    wait_for(device)
    capture = capture_on(device)
    held = {
        "counted_mib": _mib(pipeline.models.used_bytes + pipeline.cache.used_bytes),
        "cache_mib": _mib(pipeline.cache.used_bytes),
        "graph_pool_mib": 0 if capture is None else _mib(capture.held_bytes),
        "allocated_mib": _mib(torch.cuda.memory_allocated(device)),
        "reserved_mib": _mib(torch.cuda.memory_reserved(device)),
        "peak_mib": _mib(torch.cuda.max_memory_allocated(device)),
    }
    torch.cuda.reset_peak_memory_stats(device)
    return held


def replayed(subject: Subject, choice: DeviceChoice) -> dict[str, Any]:
    """Pictures of random edits in a random order, by graphs and without: every block of theirs.

    torch checks meanwhile that what graphs read has not been freed.
    """
    capture = CudaCapture(choice.name, checks=True)
    rng = random.Random(0)
    eager, checked = (open_pipeline(subject.library, LatentStore(), choice) for _ in range(2))
    stops = [4 << i for i in range(subject.resolution.bit_length() - 3)]
    state, worst, different, count = base_state(subject), math.inf, 0, 0
    for _ in range(40 if _is_cuda(choice.name) else 3):
        match rng.randrange(5):
            case 0:
                state = with_alpha(state, rng.choice([0.0, 1.0, rng.random(), 1.3]))
            case 1:
                state = with_swap_resolution(state, rng.choice(stops))
            case 2:
                state = with_noise(state, strength=rng.choice([0.0, rng.random()]))
            case 3:
                state = with_noise(state, mode=rng.choice([NoiseMode.CONST, NoiseMode.RANDOM]), seed=rng.randrange(2))
            case 4:
                state = with_seed(state, rng.randrange(5))
        with recording_with(capture):
            shown = images(checked, state)
        with recording_with(None):
            wanted = images(eager, state)
        for one, other in zip(shown, wanted, strict=True):
            decibels = _db(one, other)
            worst, count = min(worst, decibels), count + 1
            different += decibels < SAME_DB
    eager.forget()
    checked.forget()
    return {
        "blocks": count,
        "different_blocks": different,
        "worst_db": None if math.isinf(worst) else round(worst, 1),
    }


def images(pipeline: Pipeline, state: EditState) -> list[Tensor]:
    """The picture after every block, whatever the cache holds."""
    synthesis = pipeline.start(pipeline.resolve_view(state, View.BLEND), fresh=True)
    found = []
    while not synthesis.done:
        synthesis.step()
        if synthesis.image is not None:
            found.append(synthesis.image)
    return found


def arithmetics(subject: Subject, choice: DeviceChoice, steps: int) -> dict[str, Any]:
    """What kinds of numbers and layouts cost, every picture computed anew, and how exact they are."""
    chosen = choose_arithmetic(choice.name)
    kinds: dict[str, Arithmetic] = {"as chosen": chosen}
    for full in (torch.bfloat16, torch.float32):
        for channels_last in (True, False):
            half = torch.float16 if _is_cuda(choice.name) else full
            name = f"full {_name(full)}, half {_name(half)}, {'channels last' if channels_last else 'contiguous'}"
            kinds[name] = Arithmetic(choice.name, full, half, channels_last, modulates_activations=False)
    found = {}
    for name, arithmetic in kinds.items():
        models = ModelPool(subject.library, choice.name, choice.memory_bytes)
        pipeline = Pipeline(models, LatentStore(), StageCache(0), arithmetic)
        places = actions(subject)["psi"].places()
        for _ in range(WARM_FRAMES):
            frame(pipeline, next(places))
        seconds = [frame(pipeline, next(places))[-1] for _ in range(steps)]
        exact = accuracy(pipeline, subject, 2, ["a", "half"])
        found[name] = {"settled_ms": ms(median(seconds)), "settled_db": exact["settled_db"]}
        pipeline.forget()
    return found


def screen_copy(device: str, size_px: int, times: int = 50) -> dict[str, Any]:
    image = torch.randn(1, 3, size_px, size_px, generator=torch.Generator().manual_seed(0))
    there, screen = image.to(device), ScreenCopy(device)
    return {
        "locked_ms": ms(median(_seconds(lambda: screen.to_bgrx(there), times))),
        "pageable_ms": ms(median(_seconds(lambda: to_bgrx(there), times))),
        "same_bytes": bool(np.array_equal(screen.to_bgrx(there), to_bgrx(image))),
    }


def out_of_memory(subject: Subject, choice: DeviceChoice) -> str:
    """Take nearly all memory away, ask for a picture, give it back, ask again."""
    if not _is_cuda(choice.name):
        return "not tried"
    pipeline = open_pipeline(subject.library, LatentStore(), choice)
    state = base_state(subject)
    pipeline.resolve(state)
    return_freed_memory(choice.name)
    total = torch.cuda.mem_get_info(choice.name)[1]
    torch.cuda.set_per_process_memory_fraction(
        min(1.0, (torch.cuda.memory_allocated(choice.name) + 4 * MIB) / total), choice.name
    )
    error = None
    try:
        frame(pipeline, state)
    except RuntimeError as failure:
        error = as_engine_error(failure, "drawing the picture")
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, choice.name)
    pipeline.forget()
    for _ in range(WARM_FRAMES):
        frame(pipeline, with_seed(state, random.randrange(1000)))
    pipeline.forget()
    return "never ran out" if error is None else "survived" if isinstance(error, OutOfMemoryError) else str(error)


def _seconds(call: Callable[[], object], times: int) -> list[float]:
    call()
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return seconds


def _db(found: Tensor, wanted: Tensor) -> float:
    error = float((found.float() - wanted.float()).square().mean())
    return math.inf if error == 0.0 else 10.0 * math.log10(4.0 / error) if math.isfinite(error) else -math.inf


def _is_cuda(device: str) -> bool:
    return device.startswith("cuda")


def _mib(size: int) -> int:
    return round(size / MIB)


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


if __name__ == "__main__":
    main()

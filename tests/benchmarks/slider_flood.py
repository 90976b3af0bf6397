"""Drag a slider through thousands of values and measure what the screen would have shown. Prints JSON.

Usage: python tests/benchmarks/slider_flood.py [--events N] [--per-second N] [--control alpha|psi|noise|swap]
                                                [--resolution PX] [--repeat N]

Without --resolution the models that come with Graft are used, otherwise two random ones of that size and of the
channel widths of StyleGAN2's config-f. Every event is a request for the blended picture, as the window sends it; at
the end the full picture is asked for, as when the hand rests. A frame counts as shown if it is not older than the
one before it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "engine")]

import psutil  # noqa: E402

from engine.device import prepare_process  # noqa: E402

prepare_process()

from engine.backend import TorchBackend  # noqa: E402
from engine.embedded_models import register_embedded  # noqa: E402
from engine.latents import LatentStore  # noqa: E402
from engine.library import Library  # noqa: E402
from engine.messages import Event, Frame, RenderFailed, RenderRequest  # noqa: E402
from engine.state import (  # noqa: E402
    Blend,
    EditState,
    ModelRef,
    SeedLatent,
    with_alpha,
    with_noise,
    with_swap_resolution,
    with_truncation,
)
from engine.worker import EngineThread  # noqa: E402

MIB = 1 << 20
GIVE_UP_S = 600.0


class Screen:
    """Where frames arrive, with their times."""

    def __init__(self) -> None:
        self.frames: list[tuple[float, int, bool, int]] = []
        self._changed = threading.Condition()
        self._failure: Exception | None = None

    def __call__(self, event: Event) -> None:
        with self._changed:
            if isinstance(event, Frame):
                self.frames.append((time.perf_counter(), event.generation, event.is_final, event.size_px))
            elif isinstance(event, RenderFailed):
                self._failure = event.error
            self._changed.notify_all()

    def wait_for(self, generation: int, *, final: bool) -> float:
        """When the first such frame came."""

        def found() -> float | None:
            if self._failure is not None:
                raise self._failure
            arrived = (at for at, g, is_final, _ in self.frames if g >= generation and (is_final or not final))
            return next(arrived, None)

        with self._changed:
            assert self._changed.wait_for(lambda: found() is not None, GIVE_UP_S), "no picture came"
            at = found()
        assert at is not None
        return at


def control(name: str, resolution: int) -> Callable[[EditState, float], EditState]:
    """How the slider changes the state; it goes from 0 to 1."""
    stops = [4 << i for i in range(resolution.bit_length() - 2)]
    return {
        "alpha": with_alpha,
        "psi": lambda state, value: with_truncation(state, value),
        "noise": lambda state, value: with_noise(state, strength=value),
        "swap": lambda state, value: with_swap_resolution(state, stops[min(int(value * len(stops)), len(stops) - 1)]),
    }[name]


def models(library: Library, folder: Path, resolution: int | None) -> tuple[ModelRef, ModelRef]:
    if resolution is None:
        found = {ref.name: ref for ref in register_embedded(library)}
        return found["portrait"], found["toon"]
    from small_networks import random_network, small_config

    channels = [min(512, 32768 // (4 << i)) for i in range(resolution.bit_length() - 2)]
    config = small_config(channels, z_dim=512, w_dim=512, num_layers=8)
    refs = []
    for seed, name in enumerate(("a", "b")):
        network = random_network(config, seed)
        path = folder / f"{name}.safetensors"
        network.save(path)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        refs.append(library.add_model(path, sha256, name, network.descriptor))
    return refs[0], refs[1]


def drag(engine: EngineThread, screen: Screen, states: list[EditState], per_second: float, first: int) -> dict:
    process = psutil.Process()
    before_bytes, began = process.memory_info().rss, time.perf_counter()
    seen = len(screen.frames)
    for number, state in enumerate(states):
        engine.request_preview(RenderRequest(first + number, state))
        if per_second and (early := began + (number + 1) / per_second - time.perf_counter()) > 0:
            time.sleep(early)
    released = time.perf_counter()
    last = first + len(states) - 1
    # The hand rests: the window asks once more, for the full picture of the last state.
    engine.request_preview(RenderRequest(last + 1, states[-1], full=True))
    last_shown = screen.wait_for(last, final=False)
    settled = screen.wait_for(last, final=True)
    frames = screen.frames[seen:]
    shown = [frame for i, frame in enumerate(frames) if all(frame[1] >= other[1] for other in frames[:i])]
    during = [frame for frame in shown if frame[0] <= released]
    gaps = sorted(b[0] - a[0] for a, b in pairwise(during)) or [0.0]
    return {
        "events": len(states),
        "drag_s": round(released - began, 3),
        "frames_during_drag": len(during),
        "frames_per_second": round(len(during) / (released - began), 1),
        "frame_gap_median_ms": round(1000 * gaps[len(gaps) // 2], 1),
        "frame_gap_worst_ms": round(1000 * gaps[-1], 1),
        "coarse_px": sorted({frame[3] for frame in during}),
        "frames_out_of_order": len(frames) - len(shown),
        "stale_frames_after_last": sum(at > last_shown and generation < last for at, generation, _, _ in frames),
        "last_value_shown_after_ms": round(1000 * (last_shown - released), 1),
        "final_frame_after_ms": round(1000 * (settled - released), 1),
        "rss_growth_mib": round((process.memory_info().rss - before_bytes) / MIB, 1),
        "rss_mib": round(process.memory_info().rss / MIB),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--per-second", type=float, default=1000.0, help="0: as fast as they can be sent")
    parser.add_argument("--control", default="alpha", choices=("alpha", "psi", "noise", "swap"))
    parser.add_argument("--resolution", type=int, help="of random models; by default the embedded ones")
    parser.add_argument("--repeat", type=int, default=2, help="the first drag also fills caches")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        library, screen = Library(folder / "library.sqlite"), Screen()
        a, b = models(library, folder, options.resolution)
        record = library.model(a.sha256)
        assert record is not None
        resolution = record.descriptor.img_resolution
        change = control(options.control, resolution)
        start = EditState(a, b, SeedLatent(2143), blend=Blend(swap_resolution=min(16, resolution)))
        states = [change(start, number / max(1, options.events - 1)) for number in range(options.events)]
        engine = EngineThread(screen, lambda: TorchBackend(library, LatentStore(), "auto"))
        engine.start()
        engine.request_preview(RenderRequest(0, start, full=True))
        screen.wait_for(0, final=True)
        drags = [
            drag(engine, screen, states, options.per_second, 1 + turn * (options.events + 2))
            for turn in range(options.repeat)
        ]
        stopping = time.perf_counter()
        stopped = engine.stop()
        report = {
            "benchmark": "slider_flood",
            "control": options.control,
            "models": "embedded" if options.resolution is None else "random config-f",
            "img_resolution": resolution,
            "machine": f"{platform.machine()}, {psutil.cpu_count()} cores",
            "load_before": psutil.getloadavg()[0],
            "drags": drags,
            "stopped": stopped,
            "stop_ms": round(1000 * (time.perf_counter() - stopping), 1),
        }
        library.close()
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()

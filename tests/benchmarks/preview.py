"""How well the picture keeps up with the hand: every drag, beside a textbook evaluation of the same network.

    python tests/benchmarks/preview.py [--sizes 256 512 1024] [--embedded] [--actions NAME ...] [--rounds N]
           [--steps N] [--device cpu] [--native] [--parts] [--thread] [--drag-s S] [--accuracy SEEDS]
           [--profile ACTION] [--folder DIR] [--json OUT] [--markdown]
    python tests/benchmarks/preview.py --markdown --json OUT --show

Networks are config-f with random weights, and the models that come with Graft. An action is a drag: one settled
picture (reported as cold in the first round), then steps with values that were never seen, each timed until the
screen's bytes exist. After every round the textbook forward (float32, everything recomputed; see
``textbook_forward.py``) is timed in a process of its own, so that ratios are of one time and one machine. Figures are
medians. With --json an older report of the same machine is brought up to date, so a suite can be measured in pieces.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "engine")]

from engine.device import choose_device, prepare_process  # noqa: E402

if __name__ == "__main__":
    prepare_process()

import psutil  # noqa: E402
import torch  # noqa: E402
from preview_accuracy import accuracy  # noqa: E402
from preview_actions import ACTION_NAMES, Drags, ms  # noqa: E402
from preview_networks import Size, Subject, embedded_pair, random_pair  # noqa: E402
from preview_parts import blending, conversion, export, export_error, memory, profile  # noqa: E402
from preview_report import Neighbours, commit, machine, markdown, merged, read_report  # noqa: E402
from preview_thread import through_the_thread  # noqa: E402
from preview_yardstick import Yardstick, open_yardsticks  # noqa: E402

from engine.backend import open_pipeline  # noqa: E402
from engine.latents import LatentStore  # noqa: E402
from engine.library import Library  # noqa: E402
from engine.native.kernels import SWITCH_VARIABLE  # noqa: E402
from engine.pipeline import Pipeline  # noqa: E402
from engine.preview.arithmetic import choose_arithmetic  # noqa: E402

EXPORT = "export"
THREAD_ACTIONS = ("psi", "alpha-all")


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="*", default=[256, 512, 1024], help="of random config-f networks")
    parser.add_argument("--embedded", action="store_true", help="also the portrait and toon models that ship")
    parser.add_argument("--actions", nargs="*", default=[*ACTION_NAMES, EXPORT], choices=[*ACTION_NAMES, EXPORT])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=3, help="of every drag in every round")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--native", action=argparse.BooleanOptionalAction, default=False, help="compiled kernels")
    parser.add_argument("--parts", action="store_true", help="also conversion, blending, memory")
    parser.add_argument("--thread", action="store_true", help="also events to frames through the engine thread")
    parser.add_argument("--drag-s", type=float, default=2.0, help="how long such a drag lasts")
    parser.add_argument("--accuracy", type=int, default=0, metavar="SEEDS", help="also PSNR, over so many seeds")
    parser.add_argument("--blends", nargs="*", default=[], help="of the accuracy; by default all")
    parser.add_argument("--profile", metavar="ACTION", help="print torch's table of a drag instead")
    parser.add_argument("--channel-base", type=int, default=32768)
    parser.add_argument("--channel-max", type=int, default=512)
    parser.add_argument("--latent", type=int, default=512)
    parser.add_argument("--folder", type=Path, help="keeps the random networks for the next run")
    parser.add_argument("--json", type=Path, help="where the report goes; printed without it")
    parser.add_argument("--markdown", action="store_true", help="print the table")
    parser.add_argument("--show", action="store_true", help="measure nothing: only print what --json holds")
    return parser.parse_args(arguments)


def main() -> None:
    options = parsed()
    os.environ[SWITCH_VARIABLE] = "1" if options.native else "0"
    report = read_report(options.json) if options.show else run(options)
    if options.json is not None and not options.show:
        older = read_report(options.json) if options.json.is_file() else None
        report = merged(older, report)
        options.json.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    if options.markdown:
        print(markdown(report), end="")
    elif options.json is None:
        print(json.dumps(report, indent=1))


@torch.no_grad()
def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure what `options` asks for; the report as plain JSON values."""
    choice = choose_device(options.device)
    chosen = choose_arithmetic(choice.name)
    arithmetic = str(chosen.full).removeprefix("torch.") + (" with kernels" if chosen.kernels is not None else "")
    if options.native and chosen.kernels is None:
        sys.exit("There are no compiled kernels: python main.py kernels build")
    networks = {}
    with _subjects(options) as subjects:
        for make in subjects:
            subject = make()
            pipeline = open_pipeline(subject.library, LatentStore(), choice)
            if options.profile:
                print(profile(pipeline, subject, options.profile, options.steps))
                continue
            print(f"{subject.name}: {' '.join(options.actions)}", file=sys.stderr, flush=True)
            networks[subject.name] = _measured(pipeline, subject, options)
            pipeline.forget()
    return {
        "benchmark": "preview",
        "machine": machine(options.device, arithmetic),
        "commit": commit(),
        "load": psutil.getloadavg()[0],
        "networks": networks,
    }


@contextmanager
def _subjects(options: argparse.Namespace) -> Iterator[list[Callable[[], Subject]]]:
    """What makes each pair: one pair is in memory at a time."""
    with tempfile.TemporaryDirectory() as temporary, closing(Library(Path(temporary) / "library.sqlite3")) as library:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        sizes = [Size(edge, options.channel_base, options.channel_max, options.latent) for edge in options.sizes]
        makers: list[Callable[[], Subject]] = [
            lambda size=size: random_pair(library, folder, size) for size in sizes  # type: ignore[misc]
        ]
        yield [*makers, lambda: embedded_pair(library)] if options.embedded else makers


def _measured(pipeline: Pipeline, subject: Subject, options: argparse.Namespace) -> dict[str, Any]:
    neighbours = Neighbours()
    synchronize = torch.cuda.synchronize if options.device.startswith("cuda") else _nothing
    found = _drags_and_export(pipeline, subject, options, synchronize) if options.actions else {}
    found["busy_elsewhere"] = neighbours.share()
    if options.parts:
        found["parts"] = {
            "convert_ms": conversion(subject, options.device),
            "blend": blending(pipeline, subject, options.steps, synchronize),
            "memory": memory(pipeline),
        }
    if options.accuracy:
        found["accuracy"] = accuracy(pipeline, subject, options.accuracy, options.blends)
    if options.thread:
        pipeline.forget()
        found["thread"] = through_the_thread(
            subject, options.device, THREAD_ACTIONS, options.steps, options.drag_s
        )
    return found


def _drags_and_export(
    pipeline: Pipeline, subject: Subject, options: argparse.Namespace, synchronize: Callable[[], None]
) -> dict[str, Any]:
    drags = Drags(pipeline, subject, synchronize)
    found: dict[str, Any] = {}
    with open_yardsticks(subject.path_a, options.device) as (plain, kept):
        rows: dict[str, dict[str, object]] = {}
        for name in options.actions:
            if name != EXPORT:
                rows |= _dragged(drags, name, plain, kept, options.rounds, options.steps)
        if EXPORT in options.actions:
            rows[EXPORT] = _exported(pipeline, subject, plain, options)
        plain.forward()
        found["textbook_ms"] = ms(median(plain.seconds))
        found["textbook_rss_mib"] = plain.rss_bytes >> 20
        found["textbook_idle_share"] = round(plain.idle_share, 3)
        if kept is not None:
            kept.forward()
            found["textbook_kept_memory_ms"] = ms(median(kept.seconds))
    return {**found, "actions": rows}


def _dragged(
    drags: Drags, name: str, plain: Yardstick, kept: Yardstick | None, rounds: int, steps: int
) -> dict[str, dict[str, object]]:
    """Rounds of one drag with the yardstick between them: a round's own one is the faster of before and after."""
    yards = [plain.forward()["seconds"]]
    names: tuple[str, ...] = ()
    for _ in range(rounds):
        names = drags.take(name, steps)
        if kept is not None:
            kept.forward()
        yards.append(plain.forward()["seconds"])
    around = [min(pair) for pair in pairwise(yards)]
    return {row: drags.done[row].summary(around) for row in names}


def _exported(
    pipeline: Pipeline, subject: Subject, plain: Yardstick, options: argparse.Namespace
) -> dict[str, Any]:
    found = export(subject, options.device, plain, options.rounds)
    return {**found, "max_error": export_error(pipeline, subject, plain)}


def _nothing() -> None:
    """A CPU is never ahead of the program."""


if __name__ == "__main__":
    main()

"""A folder of photos searched for portraits: kill -9 in the middle, and how long one takes.

    python -m tests.benchmarks.invert_many kill [--count 100] [--kills 6] [--steps 2] [--out report.json]
    python -m tests.benchmarks.invert_many time [--count 12] [--steps 0 20 100] [--jobs 1 2] [--out report.json]

The photos are made from those of a folder (``--source``) by other crops, sizes and light. ``kill`` kills the verb
again and again at random moments and lets it go on: a portrait that was told is there, whole, and is never searched
again. ``time`` tells seconds a portrait, start of the program left out.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

from PIL import Image, ImageEnhance

from engine.errors import EngineError
from engine.invert_events import InvertFinished, PhotoLeftOut, PortraitFound, read_invert_event
from engine.latent_file import read_latent_record
from engine.latents import LatentStore
from engine.picture_folder import picture_files

ROOT = Path(__file__).resolve().parents[2]
MOST_BEFORE_KILL = 15
MOST_REST_S = 1.0
"""A run is killed after so many new portraits, drawn from 0 on, and a moment."""

Heard = tuple[list[PortraitFound], list[str], InvertFinished | None]


@dataclass(slots=True)
class KillReport:
    """Attributes:
    told: Portraits that the runs told of as new, over all runs.
    told_twice: Those that were told as new more than once.
    lost: Those that were told, and whose files were missing, unreadable or others at the end.
    """

    photos: int
    kills: int = 0
    told_before_each_kill: list[int] = field(default_factory=list)
    told: int = 0
    told_twice: int = 0
    lost: int = 0
    left_out: int = 0
    kept_at_the_end: int = 0
    elapsed_s: float = 0.0


def make_photos(source: Path, folder: Path, count: int, seed: int = 0) -> None:
    """Other photos of the same faces: cut, shrunk, lighter or darker, some mirrored."""
    names, draw = picture_files(source), random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        with Image.open(source / names[number % len(names)]) as picture:
            photo = picture.convert("RGB")
        width, height = photo.size
        cut = [draw.uniform(0.0, 0.08) for _ in range(4)]
        photo = photo.crop(
            (int(cut[0] * width), int(cut[1] * height), int((1 - cut[2]) * width), int((1 - cut[3]) * height))
        )
        scale = draw.uniform(0.7, 1.0)
        photo = photo.resize((int(photo.width * scale), int(photo.height * scale)))
        photo = ImageEnhance.Brightness(photo).enhance(draw.uniform(0.75, 1.25))
        if draw.random() < 0.5:
            photo = photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        photo.save(folder / f"photo-{number:03}.jpg", quality=92)


def command(photos: Path, out: Path, *more: str) -> list[str]:
    return [sys.executable, str(ROOT / "main.py"), "invert", str(photos), "-o", str(out), "--json", *more]


def run(order: list[str], kill_after: tuple[int, float] | None = None) -> Heard:
    """Start the verb and listen until it ends or is killed; None at the end of a run that was.

    Args:
        kill_after: So many new portraits, and so many seconds.
    """
    found: list[PortraitFound] = []
    left_out: list[str] = []
    finished = None
    with subprocess.Popen(order, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT) as child:
        clock: threading.Timer | None = None
        assert child.stdout is not None
        for line in child.stdout:
            new = sum(one.is_new for one in found)
            if clock is None and kill_after is not None and new >= kill_after[0]:
                clock = threading.Timer(kill_after[1], child.send_signal, [signal.SIGKILL])
                clock.start()
            match read_invert_event(line):
                case PortraitFound() as one:
                    found.append(one)
                case PhotoLeftOut(photo=photo):
                    left_out.append(photo)
                case InvertFinished() as finished:
                    pass
        if clock is not None:
            clock.cancel()
    return found, left_out, finished


def kill_trial(photos: Path, out: Path, kills: int, steps: int, seed: int = 0) -> KillReport:
    order = command(photos, out, "--steps", str(steps), "--all-faces")
    report, draw = KillReport(len(picture_files(photos))), random.Random(seed)
    told: Counter[tuple[str, int]] = Counter()
    contents: dict[Path, bytes] = {}
    begun = time.monotonic()
    finished: InvertFinished | None = None
    while finished is None:
        when = (draw.randrange(MOST_BEFORE_KILL), draw.uniform(0, MOST_REST_S)) if report.kills < kills else None
        found, left_out, finished = run(order, when)
        report.kills += finished is None
        new = [one for one in found if one.is_new]
        report.told_before_each_kill.append(len(new))
        told.update((one.photo, one.face) for one in new)
        for one in new:
            contents |= {Path(file): Path(file).read_bytes() for file in (one.latent, one.picture, one.crop)}
    report.elapsed_s = time.monotonic() - begun
    report.left_out = len(left_out)
    again, _, last = run(order)
    assert last is not None
    report.told = len(told)
    report.told_twice = sum(count > 1 for count in told.values()) + last.made
    report.kept_at_the_end = last.kept
    there = {(one.photo, one.face): one for one in again}
    report.lost = sum(key not in there for key in told)
    report.lost += sum(not path.is_file() or path.read_bytes() != content for path, content in contents.items())
    report.lost += sum(not _is_readable(one) for one in there.values())
    return report


def _is_readable(one: PortraitFound) -> bool:
    try:
        record = read_latent_record(Path(one.latent), LatentStore())
        for file in (one.picture, one.crop):
            with Image.open(file) as picture:
                picture.load()
    except (EngineError, OSError):
        return False
    return record.source is not None and record.likeness is not None


def time_trial(photos: Path, steps: int, jobs: int) -> dict[str, float]:
    """Seconds a portrait from the first to the last one told, and what the searches themselves took."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "out")
        order = command(photos, out, "--steps", str(steps), "--jobs", str(jobs), "--no-noise")
        times: list[float] = []
        with subprocess.Popen(order, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT) as child:
            assert child.stdout is not None
            begun = time.monotonic()
            for line in child.stdout:
                if isinstance(read_invert_event(line), PortraitFound):
                    times.append(time.monotonic() - begun)
        if len(times) <= jobs:
            raise RuntimeError(f"the verb ended with {child.returncode} after {len(times)} portraits")
        searches = [json.loads(line)["found"]["elapsed_s"] for line in _found_lines(out)]
    each = (times[-1] - times[jobs - 1]) / (len(times) - jobs)
    return {
        "steps": steps, "jobs": jobs, "portraits": len(times), "seconds_each": each, "first_after_s": times[0],
        "search_median_s": statistics.median(searches),
    }  # fmt: skip


def _found_lines(out: Path) -> list[str]:
    return [line for line in (out / "graft-portraits.json").read_text().splitlines() if line.startswith('{"found"')]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("kill", "time"))
    parser.add_argument("--source", type=Path, default=ROOT / "resources" / "portraits")
    parser.add_argument("--count", type=int)
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--steps", type=int, nargs="+")
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        photos = Path(folder, "photos")
        make_photos(options.source, photos, options.count or (100 if options.what == "kill" else 12), options.seed)
        found: object
        if options.what == "kill":
            steps = (options.steps or [2])[0]
            report = kill_trial(photos, Path(folder, "out"), options.kills, steps, options.seed)
            found, is_bad = asdict(report), bool(report.told_twice or report.lost)
        else:
            pairs = [(steps, jobs) for steps in options.steps or (0, 20, 100) for jobs in options.jobs]
            found, is_bad = [time_trial(photos, steps, jobs) for steps, jobs in pairs], False
    text = json.dumps(found, indent=2)
    if options.out:
        options.out.write_text(text + "\n")
    print(text)
    sys.exit(is_bad)


if __name__ == "__main__":
    main()

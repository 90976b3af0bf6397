"""Kill a run at random moments, resume it, compare it with one left alone.

    python tests/benchmarks/resume.py --times 50

Each run is killed after a random number of events and a random wait, until one gets to its end.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1] / "engine" / "training")]

from killed_runs import ROOT, environment, fingerprint, train_command, train_to_the_end  # noqa: E402
from training_fixtures import picture_folder  # noqa: E402

IMAGES = 160


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--kills", type=int, default=2, help="Kills per run, before it is left to end.")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    rng = random.Random(given.seed)
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        data, home = picture_folder(root / "set"), root / "home"
        began = time.perf_counter()
        train_to_the_end(command(data, root / "whole"), home)
        whole_s = time.perf_counter() - began
        wanted = fingerprint(root / "whole", IMAGES)
        same = 0
        for number in range(given.times):
            run = root / f"run{number}"
            for _ in range(given.kills):
                kill_after(rng.uniform(0.3, 1.0) * whole_s, command(data, run), home)
            train_to_the_end(command(data, run), home)
            same += fingerprint(run, IMAGES) == wanted
            print(f"{same} of {number + 1} runs ended bit by bit like the one left alone", flush=True)
    sys.exit(same != given.times)


def command(data: Path, run: Path) -> list[str]:
    return train_command(data, run, "--images", str(IMAGES), "--resume")


def kill_after(seconds: float, arguments: list[str], home: Path) -> None:
    with subprocess.Popen(
        arguments, cwd=ROOT, env=environment(home), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()


if __name__ == "__main__":
    main()

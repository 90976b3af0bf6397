"""Kill a run at random moments, resume it, compare it with one left alone.

    python tests/benchmarks/resume.py --times 50

Every run is killed by kill -9 and then left to end: half of the kills come after a random wait, the others as soon
after it as a checkpoint is being written. Runs are forked from a process that has trained before, so that kills meet
them at work and not importing.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[1] / "engine" / "training")]

from killed_runs import fingerprint, train_command  # noqa: E402
from training_fixtures import picture_folder  # noqa: E402

from engine.cli import run  # noqa: E402
from engine.training.checkpoint import newest_checkpoint  # noqa: E402

IMAGES = 48


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--kills", type=int, default=2, help="Kills per run, before it is left to end.")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    rng = random.Random(given.seed)
    with tempfile.TemporaryDirectory() as place:
        root = Path(place)
        os.environ["GRAFT_HOME"] = str(root / "home")
        data = picture_folder(root / "set")
        with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
            run(command(data, root / "first"), lambda *_: 1)
        began = time.perf_counter()
        train(data, root / "whole")
        whole_s = time.perf_counter() - began
        wanted = fingerprint(root / "whole", IMAGES)
        same = kills = writing = 0
        for number in range(given.times):
            folder = root / f"run{number}"
            for _ in range(given.kills):
                aimed = rng.random() < 0.5
                kills += train(data, folder, kill_after_s=rng.uniform(0.0, 0.7) * whole_s, aimed=aimed)
                writing += is_writing(folder)
                assert not newest_checkpoint(folder / "checkpoints").refused, "a checkpoint is damaged"
            train(data, folder)
            same += fingerprint(folder, IMAGES) == wanted
            print(
                f"{same} of {number + 1} runs ended bit by bit like the one left alone; {kills} kills, {writing} of "
                "them inside a checkpoint",
                flush=True,
            )
    sys.exit(same != given.times)


def command(data: Path, folder: Path) -> list[str]:
    return train_command(data, folder, "--images", str(IMAGES), "--resume")[2:]


def train(data: Path, folder: Path, kill_after_s: float | None = None, *, aimed: bool = False) -> bool:
    """Train until the end, or for a while. Returns whether the run was killed."""
    child = os.fork()
    if child == 0:
        work(command(data, folder))
    ended, status = 0, 0
    if kill_after_s is not None:
        time.sleep(kill_after_s)
        while aimed and not ended and not is_writing(folder):
            time.sleep(0.0003)
            ended, status = os.waitpid(child, os.WNOHANG)
        if not ended:
            os.kill(child, signal.SIGKILL)
    if not ended:
        _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return True
    assert os.WEXITSTATUS(status) == 0, "the run failed"
    return False


def is_writing(folder: Path) -> bool:
    """Whether a checkpoint is half there."""
    return any(path.name.startswith(".") for path in (folder / "checkpoints").glob("*"))


def work(arguments: list[str]) -> None:
    """The whole life of a forked process."""
    status = 1
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        run(arguments, lambda *_: 1)
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    finally:
        os._exit(status)


if __name__ == "__main__":
    main()

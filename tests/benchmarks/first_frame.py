"""How long ``python main.py`` takes to show its first picture, and how much of that is imports.

    python tests/benchmarks/first_frame.py [ROUNDS]

Cold: this interpreter's files and Graft's are dropped from the system's file cache first (as far as a user may), and
the home folder is a new one. Warm: the same home again. Times are seconds since the process began, as the window
itself takes them (``GRAFT_QUIT_AFTER_FIRST_FRAME``): window and pictures count from when they are painted. Any
picture: also one kept from an earlier time. First frame: the engine's own. Stall: the longest time between window and
first frame in which the window could not answer. The last column is processor time.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 300
FACTS = (
    "window_shown_s", "any_picture_s", "torch_imported_s", "torch_import_took_s", "first_frame_s", "longest_stall_s",
    "process_s", "cpu_s",
)


def forget_files(folder: Path) -> int:
    """Ask the system to drop what it remembers of every file under `folder`; how many were asked for."""
    asked = 0
    if not hasattr(os, "posix_fadvise"):
        return asked
    for path in folder.rglob("*"):
        try:
            if path.is_file() and not path.is_symlink():
                handle = os.open(path, os.O_RDONLY)
                try:
                    os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
                    asked += 1
                finally:
                    os.close(handle)
        except OSError:
            continue
    return asked


def start(home: Path) -> dict[str, float]:
    """Run the program until its first picture."""
    environ = {**os.environ, "GRAFT_HOME": str(home), "GRAFT_QUIT_AFTER_FIRST_FRAME": "1"}
    environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    environ["GRAFT_BEGAN_AT"] = str(time.time())
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    ended = subprocess.run(
        [sys.executable, "main.py"],
        cwd=ROOT, env=environ, capture_output=True, text=True, timeout=TIMEOUT_S, check=True,
    )
    took, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {**json.loads(ended.stdout), "process_s": took, "cpu_s": cpu}


def show(name: str, rounds: list[dict[str, float]]) -> None:
    figures = "  ".join(f"{fact[:-2]} {statistics.median(each[fact] for each in rounds):6.2f}" for fact in FACTS)
    print(f"{name:5} {figures}", flush=True)


def main(rounds: int) -> None:
    packages = Path(sys.prefix)
    cold, warm = [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(prefix="graft-") as home:
            forget_files(packages)
            forget_files(ROOT)
            cold.append(start(Path(home)))
            warm.append(start(Path(home)))
    print(f"median of {rounds}, seconds")
    show("cold", cold)
    show("warm", warm)
    share = statistics.median(each["torch_import_took_s"] / each["first_frame_s"] for each in warm)
    print(f"importing torch and building the engine is {100 * share:.0f} % of the way to the first picture, warm")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)

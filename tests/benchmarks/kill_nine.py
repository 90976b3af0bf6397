"""kill -9 at random moments of saving and autosaving: is every file readable, and was anything acknowledged lost?

    python -m tests.benchmarks.kill_nine [--kills 200] [--out report.json]

A child saves (or autosaves) over and over and says after each how far it is; it is killed 2 to 200 ms after it began.
Then what is on disk is opened as the next start would. POSIX only.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from engine.atomic import remove_leftovers
from engine.errors import EngineError
from engine.history import HistoryEntry
from engine.journal import Journal, dismiss, recoverable_sessions
from engine.latents import LatentStore
from engine.session_file import SessionDocument, open_session, save_session
from engine.state import EditState, SeedLatent, StoredLatent, with_latent, with_seed

ROOT = Path(__file__).resolve().parents[2]
DELAY_S = (0.002, 0.2)

@dataclass(slots=True)
class Report:
    """Attributes:
    unreadable: Files that could not be opened after the kill.
    lost: Kills after which something was missing that the writer had called done.
    early: Kills before anything had been acknowledged: they show less.
    leftovers: Temporary files that had to be cleaned up.
    """

    kills: int = 0
    unreadable: int = 0
    lost: int = 0
    early: int = 0
    acknowledged: int = 0
    leftovers: int = 0


def kill_savers(folder: Path, kills: int, seed: int = 0) -> Report:
    """Kill a process that saves a session of some megabytes again and again over the same file."""
    report, draw = Report(), random.Random(seed)
    path = folder / "evening.graft"
    for _ in range(kills):
        save = saver(path)
        save(0)
        acknowledged = _killed_after(draw.uniform(*DELAY_S), "save", path)
        _count(report, acknowledged)
        try:
            saved = open_session(path, LatentStore()).settings["saved"]
        except EngineError:
            report.unreadable += 1
        else:
            report.lost += not (isinstance(saved, int) and saved >= acknowledged)
        report.leftovers += remove_leftovers(folder)
    return report


def kill_autosavers(folder: Path, kills: int, seed: int = 0) -> Report:
    """Kill a process that journals one edit after the other."""
    report, draw = Report(), random.Random(seed)
    for kill in range(kills):
        autosaves = folder / str(kill)
        acknowledged = _killed_after(draw.uniform(*DELAY_S), "autosave", autosaves)
        _count(report, acknowledged)
        left = recoverable_sessions(autosaves)
        if acknowledged and (len(left) != 1 or not left[0].crashed):
            report.unreadable += 1
        elif acknowledged:
            latent = left[0].state.latent
            report.lost += not (isinstance(latent, SeedLatent) and latent.seed >= acknowledged)
        for session in left:
            dismiss(session)
    return report


def saver(path: Path) -> Callable[[int], None]:
    store = LatentStore()
    noise = store.put_noise({18: np.random.RandomState(0).randn(1024, 1024)})
    latent = StoredLatent(store.put_ws(np.ones((18, 512))), "portrait", noise)
    entries = (HistoryEntry(with_latent(EditState(), latent)),)
    return lambda number: save_session(path, SessionDocument(entries, 0, {"saved": number}), store)


def autosaver(folder: Path) -> Callable[[int], None]:
    journal = Journal.start(folder)
    return lambda number: journal.record(HistoryEntry(with_seed(EditState(), number)))


def work_forever(kind: str, path: Path) -> None:
    """What the child does: 0 when it begins, then the number of each save that is done."""
    make = {"save": saver, "autosave": autosaver}[kind]
    print(0, flush=True)
    work = make(path)
    number = 0
    while True:
        number += 1
        work(number)
        print(number, flush=True)


def _count(report: Report, acknowledged: int) -> None:
    report.kills += 1
    report.acknowledged += acknowledged
    report.early += acknowledged == 0


def _killed_after(delay_s: float, kind: str, path: Path) -> int:
    """Start a child, kill it, and return the last number that it acknowledged."""
    command = [sys.executable, "-m", "tests.benchmarks.kill_nine", "--child", kind, str(path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        threading.Event().wait(delay_s)
        child.kill()
        answers = child.stdout.read()
    if child.returncode != -signal.SIGKILL:
        raise RuntimeError("the child ended by itself: it could not save at all")
    whole_lines = answers[: answers.rfind(b"\n") + 1].split()
    return int(whole_lines[-1]) if whole_lines else 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--child", nargs=2, metavar=("KIND", "PATH"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        work_forever(options.child[0], Path(options.child[1]))
    report = {}
    for name, killing in (("save", kill_savers), ("autosave", kill_autosavers)):
        with tempfile.TemporaryDirectory() as folder:
            report[name] = asdict(killing(Path(folder), options.kills))
    text = json.dumps(report, indent=2)
    if options.out:
        options.out.write_text(text + "\n")
    print(text)
    sys.exit(any(found["unreadable"] or found["lost"] for found in report.values()))


if __name__ == "__main__":
    main()

"""The process that trains: its command line, whether it lives, how it is asked to stop. No torch."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path

from engine.atomic import storage_error, write_atomic
from engine.errors import StorageError
from engine.training_runs import ERRORS_FILE, EVENTS_FILE, STOP_FILE, TrainingPlan
from engine.verb_process import NICENESS

PROCESS_FILE = "trainer.json"
SAME_PROCESS_S = 2.0

def train_arguments(plan: TrainingPlan, folder: Path, nice: int = NICENESS) -> tuple[str, ...]:
    """What comes after ``main.py``. The same line starts a run and takes it up again."""
    words = ["train", "--data", plan.data, "--out", str(folder), "--resume", "--background", "--nice", str(nice)]
    if plan.source is None:
        words += ["--size", str(plan.size), "--framing", plan.framing]
        words += ["--channel-base", str(plan.channel_base), "--channel-max", str(plan.channel_max)]
    else:
        words += ["--from", plan.source]
    if plan.grow:
        words.append("--grow")
    if plan.minutes:
        words += ["--minutes", f"{plan.minutes:g}"]
    words += ["--device", plan.device]
    for name, value in plan.settings.items():
        words += ["--set", f"{name}={json.dumps(value)}"]
    return tuple(words)


def prepare_to_start(folder: Path) -> None:
    """Forget what an earlier trainer was asked and complained about, and end the line that it was killed in.

    Raises:
        StorageError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in (STOP_FILE, ERRORS_FILE):
            (folder / name).unlink(missing_ok=True)
        with open(folder / EVENTS_FILE, "a+b") as file:
            file.seek(max(0, file.tell() - 1))
            if file.read(1) not in (b"", b"\n"):
                file.write(b"\n")
    except OSError as error:
        raise storage_error(f"use the folder {folder.name}", error) from error


def note_process(folder: Path, pid: int) -> None:
    """Remember who trains there, so that also the next Graft knows."""
    document = {"pid": pid, "created": _created(pid)}
    with contextlib.suppress(StorageError):  # a full disk: the trainer will say so itself
        write_atomic(folder / PROCESS_FILE, json.dumps(document).encode())


def forget_process(folder: Path) -> None:
    """Its end was seen: nothing is left to be told about it."""
    with contextlib.suppress(OSError):
        (folder / PROCESS_FILE).unlink(missing_ok=True)


def was_left(folder: Path) -> bool:
    """Whether a trainer was noted whose end nobody has seen."""
    return (folder / PROCESS_FILE).exists()


def is_at_work(folder: Path) -> bool:
    """Whether the trainer that was noted is still there."""
    return _noted(folder) is not None


def ask_to_stop(folder: Path) -> None:
    """Have the trainer save a checkpoint and end, in its own time.

    Raises:
        StorageError: the folder cannot be written.
    """
    try:
        (folder / STOP_FILE).touch()
    except OSError as error:
        raise storage_error(f"ask the training in {folder.name} to stop", error) from error


def is_asked_to_stop(folder: Path) -> bool:
    return (folder / STOP_FILE).exists()


def end_at_once(folder: Path) -> None:
    """Kill the trainer; the run goes on from its last checkpoint."""
    import psutil

    pid = _noted(folder)
    if pid is not None:
        with contextlib.suppress(psutil.Error):
            psutil.Process(pid).kill()


def _noted(folder: Path) -> int | None:
    try:
        document = json.loads((folder / PROCESS_FILE).read_text())
        pid, created = int(document["pid"]), float(document["created"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return pid if created and abs(_created(pid) - created) < SAME_PROCESS_S else None


def _created(pid: int) -> float:
    """When a process began; 0 for one that is gone."""
    import psutil

    try:
        process = psutil.Process(pid)
        return 0.0 if process.status() == psutil.STATUS_ZOMBIE else float(process.create_time())
    except psutil.Error:
        return 0.0


def shown_command(arguments: Sequence[str]) -> str:
    """The command line as a person would type it."""
    import shlex

    return shlex.join(("python", "main.py", *arguments))

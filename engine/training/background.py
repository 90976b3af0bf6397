"""A run that nobody watches: the window started it, and may be closed, or crash, while it goes on."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

from engine.atomic import storage_error
from engine.training_runs import ERRORS_FILE, EVENTS_FILE, STOP_FILE

LOOK_S = 0.3


def go_to_background(folder: Path) -> None:
    """Send stdout to the end of ``events.jsonl`` and stderr to ``errors.txt`` in `folder`.

    Raises:
        StorageError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, flag, stream in ((EVENTS_FILE, os.O_APPEND, sys.stdout), (ERRORS_FILE, os.O_TRUNC, sys.stderr)):
            file = os.open(folder / name, os.O_WRONLY | os.O_CREAT | flag, 0o666)
            stream.flush()
            os.dup2(file, stream.fileno())
            os.close(file)
    except OSError as error:
        raise storage_error(f"use the folder {folder.name}", error) from error


def give_way(nice: int) -> None:
    """Let other programs go first: 0 not at all, 19 always."""
    if sys.platform == "win32":
        import psutil

        psutil.Process().nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
    else:
        os.nice(nice)


def obey_stop_file(folder: Path, stop: threading.Event) -> None:
    """From now on, a file ``stop`` in `folder` sets `stop`, once, and is taken away."""
    threading.Thread(target=_watch, args=(folder / STOP_FILE, stop), name="graft-stop-file", daemon=True).start()


def _watch(path: Path, stop: threading.Event) -> None:
    while not path.exists():
        if stop.wait(LOOK_S):
            return
    path.unlink(missing_ok=True)
    stop.set()

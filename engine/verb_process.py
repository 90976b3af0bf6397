"""A verb of the command line in a process of its own: how it is started, and what it complained about. No torch."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from engine.errors import printable

MAIN = Path(__file__).resolve().parent.parent / "main.py"
NICENESS = 10
"""Sliders stay quick beside a training or a measurement."""

_COMPLAINT = "graft: "


def graft_program() -> tuple[str, ...]:
    """What stands before a verb."""
    return sys.executable, str(MAIN)


def spoken(line: str) -> str:
    """What a line of stderr tells the user; empty if it is not meant for them."""
    return printable(line.removeprefix(_COMPLAINT).strip(), 500) if line.startswith(_COMPLAINT) else ""


def give_way(pid: int) -> None:
    """Let other programs go before this process and what it will start. It may be gone already."""
    if sys.platform == "win32":
        import psutil

        with contextlib.suppress(psutil.Error):
            psutil.Process(pid).nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
    else:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, pid, NICENESS)


def end_helpers(pid: int) -> bool:
    """Kill everything that a process has started, and what that has started. False when there is nothing."""
    import psutil

    try:
        helpers = psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return False
    for helper in helpers:
        with contextlib.suppress(psutil.Error):
            helper.kill()
    return bool(helpers)


def last_complaint(errors: str, who: str) -> str:
    """The last sentence that a verb wrote to stderr; for a crash, that it broke down; empty for neither.

    Args:
        who: Broke down, as a sentence begins.
    """
    lines = [line for line in errors.splitlines() if line.strip()]
    said = [line.removeprefix(_COMPLAINT) for line in lines if line.startswith(_COMPLAINT)]
    if not said and any(line.startswith("Traceback") for line in lines):
        said = [f"{who} broke down: {lines[-1]}"]
    return printable(said[-1], 500) if said else ""

"""A verb of the command line in a process of its own: how it is started, and what it complained about. No torch."""

from __future__ import annotations

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

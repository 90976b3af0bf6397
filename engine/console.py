"""What the command line says: results to stdout, progress and complaints to stderr."""

from __future__ import annotations

import os
import sys
import time
import traceback
from typing import TextIO

from engine.errors import EngineError, printable
from engine.failures import as_engine_error

DEBUG_VARIABLE = "GRAFT_DEBUG"
REDRAW_S = 0.1
QUIET_STEP = 0.1
MAX_NOTE_CHARS = 2000


class Progress:
    """One line on stderr that is drawn over and over; in a log file, a line per tenth."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._live = self._stream.isatty()
        self._drawn_at = 0.0
        self._next = 0.0
        self._width = 0

    def __call__(self, text: str, fraction: float | None = None) -> None:
        now = time.perf_counter()
        due = now - self._drawn_at >= REDRAW_S if self._live else fraction is not None and fraction >= self._next
        if not text or not due:
            return
        self._drawn_at = now
        self._next = (fraction or 0.0) + QUIET_STEP
        line = text if fraction is None else f"{text}  {fraction:4.0%}"
        if self._live:
            self._stream.write(f"\r{line:<{self._width}}")
            self._width = len(line)
        else:
            self._stream.write(f"{line}\n")
        self._stream.flush()

    def done(self) -> None:
        """Leave a clean line behind."""
        if self._live and self._width:
            self._stream.write(f"\r{'':<{self._width}}\r")
            self._stream.flush()
        self._width = 0


def note(text: str) -> None:
    """One line that the user should know. It may quote a stranger's file, so nothing in it moves the cursor."""
    print(f"graft: {printable(text, MAX_NOTE_CHARS)}", file=sys.stderr)


def complain(failure: BaseException) -> None:
    """One line on stderr for a failure; with ``GRAFT_DEBUG=1`` the traceback before it."""
    if os.environ.get(DEBUG_VARIABLE) == "1":
        traceback.print_exception(failure, file=sys.stderr)
    error = failure if isinstance(failure, EngineError) else as_engine_error(failure, "running this command")
    hint = error.hint
    is_bug = error is not failure and type(error) is EngineError  # memory that ran out has a hint of its own
    if is_bug and not os.environ.get(DEBUG_VARIABLE):
        hint = f"Set {DEBUG_VARIABLE}=1 to see the details; please report it."
    note(" ".join(part for part in (error.user_message, hint) if part))

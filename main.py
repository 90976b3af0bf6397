"""Graft. Without arguments the window opens; with a verb, the same engine works without one: see --help."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence


def open_window(arguments: Sequence[str] = ()) -> int:
    """Open the window, with files in it, and return an exit status when it is closed."""
    gc.disable()  # until the engine is there: nothing that is imported by then becomes rubbish
    from gui.app import run as run_window

    return run_window(arguments)


def main() -> None:
    """Decide between window and command line by whether there are arguments."""
    if len(sys.argv) == 1:
        sys.exit(open_window())
    from engine.cli import run

    run(sys.argv[1:], open_window)


if __name__ == "__main__":
    main()

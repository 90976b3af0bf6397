"""What the program was started with."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

QUIT_VARIABLE = "GRAFT_QUIT_AFTER_FIRST_FRAME"
"""Set to anything, the window closes after its first picture and prints when it was there: for benchmarks."""


@dataclass(frozen=True, slots=True)
class Options:
    files: tuple[Path, ...] = ()
    quit_after_first_frame: bool = False


def parse(argv: Sequence[str]) -> Options:
    quits = bool(os.environ.get(QUIT_VARIABLE))
    if not argv:
        return Options(quit_after_first_frame=quits)
    import argparse

    parser = argparse.ArgumentParser(prog="graft open", description="Open the studio, and in it any of these files.")
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="models, portraits, stills, sessions")
    parser.add_argument("--quit-after-first-frame", action="store_true", help=argparse.SUPPRESS)
    found = parser.parse_args(argv)
    return Options(tuple(path.absolute() for path in found.files), quits or found.quit_after_first_frame)


def no_screen(environ: Mapping[str, str]) -> str:
    """Why there can be no window, or nothing: Qt itself would end the process with a core dump."""
    if not sys.platform.startswith("linux") or environ.get("QT_QPA_PLATFORM"):
        return ""
    if environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"):
        return ""
    return "There is no screen to open a window on. Without one, use a verb: python main.py --help lists them."

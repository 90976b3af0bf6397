"""The compiled file: where it lies, what it was built for, and whether it may be loaded.

Its name tells both: a key of everything that the build depended on, and the digest of its own bytes. So a file for
another torch or processor is not found, and a damaged one is seen before any of it runs.
"""

from __future__ import annotations

import hashlib
import os
import platform
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

import torch

from engine.places import Places

STEM = "graft_native"
SUFFIX = ".pyd" if sys.platform == "win32" else ".so"
SOURCES = Path(__file__).resolve().parent
_DIGITS = 24


@dataclass(frozen=True, slots=True)
class FoundBinary:
    """Attributes:
    path: A whole file for this torch and processor; None if there is none.
    reason: Why there is none, as a part of a sentence.
    """

    path: Path | None
    reason: str = ""


def kernels_folder(places: Places) -> Path:
    return places.cache / "kernels"


def processor_flags() -> tuple[str, ...]:
    """Instruction sets of this processor as torch names them, and its architecture."""
    names = [name for name, value in torch.cpu.get_capabilities().items() if value is True]
    return platform.machine().lower(), *sorted(names)


def compiler_flags() -> tuple[str, ...]:
    """For this processor alone. Products and sums stay apart unless the code joins them: bytes must match torch's."""
    if sys.platform == "win32":
        return "/O2", "/openmp", "/fp:precise", "/arch:AVX512" if "avx512_bw" in processor_flags() else "/arch:AVX2"
    return "-O3", "-march=native", "-mprefer-vector-width=512", "-ffp-contract=off", "-fopenmp"


def source_files() -> tuple[Path, ...]:
    return tuple(sorted([*SOURCES.glob("*.cpp"), *SOURCES.glob("*.h")]))


def build_key() -> str:
    """A digest of everything that decides what the compiler makes: change any of it and the file is another."""
    facts = hashlib.sha256()
    for fact in (torch.__version__, sys.platform, *processor_flags(), *compiler_flags()):
        facts.update(fact.encode() + b"\0")
    for file in source_files():
        facts.update(file.name.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return facts.hexdigest()[:_DIGITS]


def binary_name(content: bytes) -> str:
    return f"{STEM}-{build_key()}-{hashlib.sha256(content).hexdigest()[:_DIGITS]}{SUFFIX}"


def find_binary(places: Places) -> FoundBinary:
    """Look for the file for this torch and processor; reads it whole, runs nothing of it."""
    folder = kernels_folder(places)
    try:
        candidates = sorted(folder.glob(f"{STEM}-*{SUFFIX}"))
        fitting = [path for path in candidates if path.name.startswith(f"{STEM}-{build_key()}-")]
        if not fitting:
            return FoundBinary(None, "built for another torch, processor or Graft" if candidates else "not built")
        reasons = [_objection(path) for path in fitting]
    except OSError as error:
        return FoundBinary(None, f"cannot be read: {error.strerror}")
    for path, reason in zip(fitting, reasons, strict=True):
        if not reason:
            return FoundBinary(path)
    return FoundBinary(None, reasons[0])


def _objection(path: Path) -> str:
    """Why the file may not be loaded; empty if it may: nobody else can have put or changed it."""
    for place, is_kind in ((path, stat.S_ISREG), (path.parent, stat.S_ISDIR)):
        found = place.lstat()
        if not is_kind(found.st_mode):
            return f"{place.name} is not a regular file or folder"
        if hasattr(os, "getuid"):
            if found.st_uid != os.getuid():
                return f"{place.name} belongs to another user"
            if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                return f"others may write to {place.name}"
    if path.name != binary_name(path.read_bytes()):
        return "the file is damaged"
    return ""

"""Compile the kernels for this machine, into Graft's cache; say what is there; remove it again."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engine.atomic import storage_error, write_atomic
from engine.errors import DeviceError, JobError
from engine.native.binary import SOURCES, STEM, SUFFIX, binary_name, find_binary, kernels_folder, processor_flags
from engine.places import Places, user_places

TIMEOUT_S = 600
_LOG_NAME = "build.log"
_WAY_OUT = "Graft works without the kernels, with the same pictures; previews are slower."

Report = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class KernelStatus:
    """Attributes:
    path: The file that would be loaded; None if there is none.
    reason: Why there is none, as a part of a sentence.
    buildable: Empty if this machine can build them; otherwise what is missing, as a sentence.
    size_bytes: Of all that lies in the folder.
    """

    path: Path | None
    reason: str
    buildable: str
    size_bytes: int


def kernel_status(places: Places | None = None) -> KernelStatus:
    """What is built, and whether something could be. Loads nothing."""
    where = places or user_places()
    found = find_binary(where)
    files = [path for path in kernels_folder(where).glob("*") if path.is_file()]
    try:
        _check_machine()
        _check_tools()
        missing = ""
    except (DeviceError, JobError) as error:
        missing = error.user_message
    return KernelStatus(found.path, found.reason, missing, sum(path.stat().st_size for path in files))


def build_kernels(report: Report, places: Places | None = None) -> Path:
    """Compile, try in a process of its own, and put what passed where `load_kernels` looks. Takes under a minute.

    Args:
        report: Called with what is going on, in plain words.

    Returns:
        The file. Files for other versions are gone.

    Raises:
        DeviceError: this processor cannot run the kernels.
        JobError: a tool is missing, the compiler refused, or what it made does not compute the same as torch.
        StorageError: the cache could not be written.
    """
    _check_machine()
    _check_tools()
    where = places or user_places()
    folder = kernels_folder(where)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        with tempfile.TemporaryDirectory(prefix="build-", dir=folder) as workshop:
            report("Compiling the kernels for this machine")
            _run_child(Path(workshop), folder / _LOG_NAME)
            content = (Path(workshop) / f"{STEM}{SUFFIX}").read_bytes()
        target = folder / binary_name(content)
        _remove_binaries(folder)
        write_atomic(target, content, mode=0o700)
    except OSError as error:
        raise storage_error(f"write to its folder {folder}", error) from error
    report("The kernels compute the same as torch")
    return target


def remove_kernels(places: Places | None = None) -> int:
    """Delete every built file; how many there were. A running Graft keeps what it has loaded.

    Raises:
        StorageError: one could not be deleted.
    """
    folder = kernels_folder(places or user_places())
    try:
        removed = _remove_binaries(folder)
        (folder / _LOG_NAME).unlink(missing_ok=True)
    except OSError as error:
        raise storage_error(f"delete from its folder {folder}", error) from error
    return removed


def _remove_binaries(folder: Path) -> int:
    files = list(folder.glob(f"{STEM}-*{SUFFIX}"))
    for file in files:
        file.unlink()
    return len(files)


def _check_machine() -> None:
    flags = processor_flags()
    if flags[0] not in ("x86_64", "amd64") or "avx2" not in flags:
        raise DeviceError(
            f"The kernels need an x86-64 processor with AVX2; this one is {platform.machine()} without it.", _WAY_OUT
        )


def _check_tools() -> None:
    compiler = os.environ.get("CXX") or ("cl" if sys.platform == "win32" else "c++")
    if shutil.which(compiler.split()[0]) is None:
        raise JobError(
            f"There is no C++ compiler here: “{compiler}” was not found.",
            "Install one (on Debian and Ubuntu: g++; on Windows: the Visual Studio build tools, in whose prompt"
            f" to try again). {_WAY_OUT}",
        )
    missing = [name for name in ("setuptools",) if importlib.util.find_spec(name) is None]
    if shutil.which("ninja", path=_child_environment()["PATH"]) is None:
        missing.append("ninja")
    if missing:
        raise JobError(
            f"Building the kernels needs {' and '.join(missing)}.", f"pip install {' '.join(missing)}. {_WAY_OUT}"
        )


def _child_environment() -> dict[str, str]:
    """Programs of this Python's environment are found even when it was not activated."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return {**os.environ, "PATH": path}


def _run_child(workshop: Path, log_file: Path) -> None:
    command = [sys.executable, "-m", "engine.native.compile", str(workshop)]
    try:
        child = subprocess.run(
            command,
            cwd=SOURCES.parents[1],
            env=_child_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=TIMEOUT_S,
            check=False,
            text=True,
            errors="replace",
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except subprocess.TimeoutExpired as expired:
        raise JobError(f"Compiling the kernels took more than {TIMEOUT_S} seconds.", _WAY_OUT) from expired
    if child.returncode == 0:
        return
    log_file.write_text(child.stdout)
    raise JobError(f"The kernels could not be built: {_what_went_wrong(child)}", f"See {log_file}. {_WAY_OUT}")


def _what_went_wrong(child: subprocess.CompletedProcess[str]) -> str:
    if child.returncode < 0:
        return f"they crashed when tried (signal {-child.returncode})."
    lines = [line.strip() for line in child.stdout.splitlines() if line.strip()]
    errors = [line for line in lines if "error:" in line]
    return (errors or lines[-1:] or ["no reason was given"])[0]

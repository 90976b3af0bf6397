"""Start the quarantine process on an open file, wait for it, and turn any end it can take into a sentence."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np

from engine import errors
from engine.atomic import storage_error
from engine.checkpoints.sandbox import TRIPWIRE_STATUS
from engine.errors import CorruptModelError, EngineError, ModelError, OutOfMemoryError, UnsafeModelError
from engine.strict_json import parse_json_object

MAX_REPORT_BYTES = 16 << 10
_BASE_MEMORY = 768 << 20
_MOST_MEMORY = 4 << 30
_REPORTABLE = {
    name: getattr(errors, name)
    for name in (
        "ModelError",
        "UnsupportedModelError",
        "EncoderOnlyError",
        "CorruptModelError",
        "UnsafeModelError",
        "OutOfMemoryError",
        "StorageError",
    )
}


def run_quarantine(
    file: BinaryIO,
    out: BinaryIO,
    *,
    size: int,
    sha256: str,
    timeout_s: float,
    scratch: Path,
    what: Literal["network", "encoder", "encoder-note"] = "network",
) -> None:
    """Have `file` read in a process of its own, which writes the network to `out` in Graft's open format.

    What it wrote is not to be trusted before `engine.checkpoints.canonical.check_canonical` has seen it.

    Args:
        what: "encoder" has the portrait encoder of the file written instead (`engine.published_encoder`), and
            "encoder-note" that without its tensors.
        size: Length of the file; the process may map it and use as much again, and some.
        scratch: A folder in which an empty working folder for the process can be made.

    Raises:
        ModelError, OutOfMemoryError, StorageError: what the process reported, or how it ended.
    """
    try:
        with tempfile.TemporaryDirectory(dir=scratch) as empty, tempfile.TemporaryFile(dir=scratch) as report:
            status = _run(file, out, report, Path(empty), size, [what, sha256], timeout_s)
            report.seek(0)
            text = report.read(MAX_REPORT_BYTES + 1)
    except subprocess.TimeoutExpired:
        raise CorruptModelError(
            f"Reading the file took longer than {timeout_s:g} seconds and was stopped.",
            "No good model takes that long, unless this computer is very busy.",
        ) from None
    except OSError as error:
        raise storage_error("start the safe reader for model files", error) from error
    except MemoryError:
        raise OutOfMemoryError("There is not enough memory to open the model.", "Close other programs.") from None
    if status != 0:
        raise _ended(status)
    _raise_reported(text)


def _run(
    file: BinaryIO, out: BinaryIO, report: BinaryIO, empty: Path, size: int, wanted: list[str], timeout_s: float
) -> int:
    memory = size + min(size + _BASE_MEMORY, _MOST_MEMORY)
    limits = [str(limit) for limit in (memory, int(timeout_s) + 1, 2 * size + (64 << 20))]
    command = [sys.executable, "-P", "-s", "-B", "-X", "utf8", "-m", "engine.checkpoints.quarantine"]
    command += [*wanted, *limits]
    no_window = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # Windows
    process = subprocess.Popen(
        command,
        stdin=file,
        stdout=out,
        stderr=report,
        cwd=empty,
        env=_environment(),
        start_new_session=True,
        creationflags=no_window,
    )
    try:
        return process.wait(timeout_s)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _environment() -> dict[str, str]:
    """Only what Python needs to start: no tokens, no proxies, no user's Python settings."""
    ours = Path(__file__).resolve().parents[2]
    libraries = Path(np.__file__).resolve().parents[1]
    environment = {
        "PYTHONPATH": os.pathsep.join((str(ours), str(libraries))),
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }
    for name in ("SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LC_ALL", "LANG"):
        if name in os.environ:
            environment[name] = os.environ[name]
    return environment


def _ended(status: int) -> EngineError:
    """A process that ended without a report."""
    if status == TRIPWIRE_STATUS:
        return UnsafeModelError("The file tried to make the reader run something. It was stopped; nothing was run.")
    name = next((known.name for known in signal.Signals if known == -status), "")
    if name == "SIGBUS":
        return CorruptModelError("The file was cut short or its drive vanished while it was being read.")
    if name in ("SIGXCPU", "SIGKILL"):
        return CorruptModelError("Reading the file took more time or memory than any model needs, and was stopped.")
    if status < 0:
        return CorruptModelError("The file made the safe reader crash. Graft itself is not affected.")
    return ModelError("The safe reader for model files did not start.", "Set Graft up again; a part may be missing.")


def _raise_reported(text: bytes) -> None:
    """Check the report against its schema, and raise what it says went wrong.

    Raises:
        EngineError: the reported one, or CorruptModelError for a report that makes no sense.
    """
    broken = CorruptModelError("The safe reader gave no sensible answer about the file.")
    if len(text) > MAX_REPORT_BYTES:
        raise broken
    try:
        answer = parse_json_object(text.decode("utf-8"))
    except (UnicodeDecodeError, ModelError):
        raise broken from None
    if answer == {"ok": True}:
        return
    kind, message, hint = answer.get("error"), answer.get("message"), answer.get("hint", "")
    if type(message) is not str or type(hint) is not str or type(kind) is not str or kind not in _REPORTABLE:
        raise broken
    raise _REPORTABLE[kind](message, hint)

"""Writing networks in a process of its own: tracing for ONNX keeps an interpreter busy for many seconds."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engine.errors import JobError
from engine.export.network_formats import NetworkFormat
from engine.verb_process import give_way, graft_program, last_complaint

TIMEOUT_S = 1800.0


@dataclass(frozen=True, slots=True)
class ChildWritten:
    """What the child said: see `engine.export.networks.WrittenNetwork`."""

    max_error: float
    notes: tuple[str, ...]


def write_in_child(save: Callable[[Path], None], path: Path, form: NetworkFormat) -> ChildWritten:
    """Write a network in one of the formats of other programs, and wait until that is done.

    Args:
        save: Writes the network in Graft's own format.

    Raises:
        EngineError: it cannot be written; says why.
    """
    with tempfile.TemporaryDirectory(prefix="graft-network-") as folder:
        own = Path(folder) / "network.safetensors"
        save(own)
        command = [*graft_program(), "convert", str(own), str(path), "--to", form.value, "--json"]
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            encoding="utf-8", errors="replace",
        ) as child:  # fmt: skip
            give_way(child.pid)
            try:
                said, errors = child.communicate(timeout=TIMEOUT_S)
            except subprocess.TimeoutExpired:
                child.kill()
                raise JobError(f"Writing “{path.name:.80}” took more than half an hour and was stopped.") from None
    if child.returncode != 0:
        raise JobError(last_complaint(errors, "Writing the network") or f"“{path.name:.80}” could not be written.")
    facts = json.loads(said.splitlines()[-1])
    return ChildWritten(float(facts["max_error"]), tuple(facts["notes"]))

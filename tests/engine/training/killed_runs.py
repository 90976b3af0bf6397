"""Runs in processes of their own, to be killed."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]


def train_command(data: Path, out: Path, *more: str) -> list[str]:
    return [
        *(sys.executable, "main.py", "train", "--data", str(data), "--out", str(out), "--json"),
        *("--size", "16", "--channel-base", "128", "--channel-max", "8", "--batch", "4", "--images", "48"),
        *("--augment", "ada", "--set", "checkpoint_images=8", "--set", "sheet_images=0", "--set", "metric_images=0"),
        *("--set", "path_length_weight=2", "--set", "ada_interval=2", "--set", "r1_interval=4", "--device", "cpu"),
        *more,
    ]


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "GRAFT_HOME": str(home), "OMP_NUM_THREADS": "1"}


def train_to_the_end(command: list[str], home: Path) -> list[dict[str, Any]]:
    """Events of a run that is left alone."""
    done = subprocess.run(
        command, cwd=ROOT, env=environment(home), capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def train_and_kill(command: list[str], home: Path, now: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    """Kill -9 as soon as `now` says so of an event; returns the events until then."""
    events = []
    with subprocess.Popen(
        command, cwd=ROOT, env=environment(home), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            events.append(json.loads(line))
            if now(events[-1]):
                process.kill()
                break
    return events


def fingerprint(run: Path, images: int) -> dict[str, str]:
    """SHA-256 of every tensor file of a checkpoint, and of the counters."""
    folder = run / "checkpoints" / f"{images:012d}"
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.safetensors")}
    state = json.loads((folder / "manifest.json").read_text())["body"]["state"]
    return {**files, "trainer": json.dumps(state["trainer"], sort_keys=True)}

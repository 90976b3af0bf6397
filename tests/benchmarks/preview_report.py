"""The benchmark's JSON: where it was measured, how runs are put together, and the table for people."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil
import torch

ROOT = Path(__file__).resolve().parents[2]
CPU_FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_tile", "amx_bf16", "amx_int8")
MADE_FOR = "config-f 1024"

TARGETS: dict[str, dict[str, float]] = {
    "latent": {"first_128": 22, "first_256": 16, "settled": 8},
    "psi": {"first_128": 22, "first_256": 16, "settled": 8},
    "swap-unseen": {"first_256": 16, "settled": 8},
    "swap-cached": {"first_256": 300, "settled": 300},
    "alpha-upper": {"first_256": 20, "settled": 8},
    "alpha-all": {"first_256": 13, "settled": 8},
    "noise": {"first_256": 16, "settled": 8},
    "mix-upper": {"first_256": 30, "settled": 10},
    "export": {"render": 1.8},
}
"""At 1024 px: how many times faster than the textbook forward."""

TITLES = {
    "latent": "drag the latent",
    "psi": "drag psi",
    "swap-unseen": "swap resolution, new stop",
    "swap-cached": "swap resolution, seen stop",
    "alpha-upper": "drag alpha, layers from 128 px up",
    "alpha-all": "drag alpha, all layers",
    "noise": "drag noise strength",
    "mix-upper": "drag style mixing, from 256 px up",
    "export": "export, float32, without encoding",
}

MEASURES = {
    "first_128": "first 128 px",
    "first_256": "first 256 px",
    "settled": "settled",
    "render": "rendered",
}


def machine(device: str, dtype: str) -> dict[str, Any]:
    """Ratios are to be compared on one machine only; this says which."""
    facts = {
        "cpu": _cpu_name(),
        "flags": [flag for flag in CPU_FLAGS if flag in _cpu_flags()],
        "cores": psutil.cpu_count(logical=False),
        "threads": torch.get_num_threads(),
        "omp_wait_policy": os.environ.get("OMP_WAIT_POLICY", ""),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "system": platform.platform(terse=True),
        "device": device,
        "arithmetic": dtype,
    }
    if device.startswith("cuda"):
        facts["gpu"] = torch.cuda.get_device_name(device)
    return facts


def commit() -> str:
    """Of the checkout, with a plus when tracked files were changed since."""
    git = ["git", "-C", str(ROOT), "describe", "--always", "--dirty=+", "--exclude=*"]
    try:
        return subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


class Neighbours:
    """What else the machine does while this lives: times are worth little when it is much."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._then = self._elsewhere()

    def share(self) -> float:
        """Of all cores, since the beginning."""
        spent = time.perf_counter() - self._began
        return round((self._elsewhere() - self._then) / (spent * (os.cpu_count() or 1)), 3)

    @staticmethod
    def _elsewhere() -> float:
        process = psutil.Process()
        own = [one.cpu_times() for one in (process, *process.children(recursive=True))]
        ended = process.cpu_times()
        ours = sum(times.user + times.system for times in own) + ended.children_user + ended.children_system
        every = psutil.cpu_times()
        return float(sum(every) - every.idle - getattr(every, "iowait", 0.0) - ours)


def merged(old: dict[str, Any] | None, new: dict[str, Any]) -> dict[str, Any]:
    """A report with what was measured before and not now; one of another machine is not for merging.

    Raises:
        ValueError: it is from elsewhere.
    """
    if old is None:
        return new
    if old["machine"] != new["machine"]:
        raise ValueError("the older report was measured elsewhere or otherwise; give another file")
    networks = dict(old["networks"])
    for name, found in new["networks"].items():
        before = networks.get(name, {})
        networks[name] = before | found | {"actions": before.get("actions", {}) | found.get("actions", {})}
    return {**old, **new, "networks": networks}


def read_report(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def markdown(report: dict[str, Any]) -> str:
    where = report["machine"]
    flags = ", ".join(flag for flag in where["flags"] if "bf16" in flag) or "no fast bf16"
    lines = [
        f"{where.get('gpu') or where['cpu']} ({flags}), {where['threads']} threads, torch {where['torch']}, "
        f"{where['arithmetic']}, commit {report['commit']}.",
    ]
    for name, network in report["networks"].items():
        lines += ["", *_network_lines(name, network)]
    return "\n".join(lines) + "\n"


def _network_lines(name: str, network: dict[str, Any]) -> list[str]:
    if not network.get("actions"):
        return [f"**{name}**", *_notes(network)]
    kept = network.get("textbook_kept_memory_ms")
    with_kept = "" if kept is None else f", {kept:.0f} ms with freed memory kept"
    lines = [
        f"**{name}**: textbook forward {network['textbook_ms']:.0f} ms{with_kept}.",
        "",
        "| action | picture | ms | textbook / this | target | |",
        "|---|---|---|---|---|---|",
    ]
    for action, row in network["actions"].items():
        targets = TARGETS.get(action, {}) if name == MADE_FOR else {}
        for measure, title in MEASURES.items():
            if f"{measure}_ms" not in row:
                continue
            ratio = row[f"{measure}_ratio"]
            target = targets.get(measure)
            verdict = "" if target is None else "met" if ratio >= target else "not met"
            wanted = "" if target is None else f"{target:g}"
            took = row[f"{measure}_ms"]
            cells = (TITLES.get(action, action), title, f"{took:.1f}", f"{ratio:.1f}", wanted, verdict)
            lines.append(f"| {' | '.join(cells)} |")
    return lines + _notes(network)


def _notes(network: dict[str, Any]) -> list[str]:
    notes = []
    if (found := network.get("accuracy")) is not None:
        settled = found["settled_db"]
        exits = ", ".join(
            f"{px} px {db['median']}, corrected {found['corrected_exits_db'][px]['median']}"
            for px, db in found["exits_db"].items()
        )
        notes.append(
            f"Preview against float32: median {settled['median']} dB, worst {settled['worst']}; "
            f"early exits against the finished picture: {exits}."
        )
    if (found := network.get("parts")) is not None:
        notes.append(
            f"To screen bytes {found['convert_ms']:.1f} ms; new weights for every layer "
            f"{found['blend']['tick_ms']:.0f} ms; memory {found['memory']['rss_mib']} MiB, of it cache "
            f"{found['memory']['cache_mib']}."
        )
    if (found := network.get("actions", {}).get("export")) is not None:
        notes.append(f"Export: largest error {found['max_error']:.1e}, PNG encoding {found['encode_ms']:.0f} ms.")
    for action, row in network.get("thread", {}).items():
        notes.append(
            f"Through the engine thread, {TITLES.get(action, action)}: first frame ({row['first_frame_px']} px) "
            f"{row['first_frame_ms']:.0f} ms, settled {row['settled_ms']:.0f} ms; dragging at 60 Hz "
            f"{row['drag_frames_per_second']} frames/s, timer gap p95 {row['timer_gap_p95_ms']:.1f} ms."
        )
    return ["", *(f"- {note}" for note in notes)] if notes else []


def _cpu_name() -> str:
    for line in _cpuinfo():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _cpu_flags() -> frozenset[str]:
    for line in _cpuinfo():
        if line.startswith("flags"):
            return frozenset(line.partition(":")[2].split())
    return frozenset()


def _cpuinfo() -> list[str]:
    try:
        return Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return []

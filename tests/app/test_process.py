"""The program as a process: killed, asked to end, opened with files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from window import Graft

from engine.state import SeedLatent

ROOT = Path(__file__).resolve().parents[2]
KILLED = Path(__file__).with_name("killed.py")
OpenGraft = Callable[[str], Graft]


def environment(home: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "GRAFT_HOME": str(home), "QT_QPA_PLATFORM": "offscreen", **more}


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
def test_that_work_killed_in_the_middle_is_offered_and_restored(open_home: OpenGraft, tmp_path: Path) -> None:
    home = tmp_path / "home"
    ended = subprocess.run(
        [sys.executable, str(KILLED), str(home), "5"],
        cwd=ROOT, env=environment(home), capture_output=True, timeout=120,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr.decode()
    acknowledged = [int(line) for line in ended.stdout.split()]
    assert len(acknowledged) == 5
    graft = open_home("home")
    graft.studio.documents.wait()
    assert "ended unexpectedly" in graft.message()
    graft.studio.messages.bar._trigger()
    assert graft.state.latent == SeedLatent(acknowledged[-1])
    entries = graft.studio.session.history.entries
    assert [entry.state.latent.seed for entry in entries[-5:]] == acknowledged  # type: ignore[union-attr]
    graft.picture()


def test_that_the_first_picture_comes_and_the_process_ends_cleanly(tmp_path: Path) -> None:
    environ = environment(tmp_path / "home", GRAFT_QUIT_AFTER_FIRST_FRAME="1")
    ended = subprocess.run([sys.executable, "main.py"], cwd=ROOT, env=environ, capture_output=True, timeout=120)
    assert ended.returncode == 0, ended.stderr.decode()
    times = json.loads(ended.stdout)
    assert times["window_shown_s"] < times["torch_imported_s"] < times["first_frame_s"]
    assert ended.stderr == b""


@pytest.mark.skipif(sys.platform == "win32", reason="has no SIGTERM")
def test_that_sigterm_ends_it_politely(tmp_path: Path) -> None:
    home = tmp_path / "home"
    process = subprocess.Popen([sys.executable, str(KILLED), str(home), "wait"], cwd=ROOT, env=environment(home),
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline().strip() == b"ready"
    process.send_signal(signal.SIGTERM)
    out, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors.decode()
    assert out.strip() == b"ended"

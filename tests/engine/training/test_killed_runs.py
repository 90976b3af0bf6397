from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from killed_runs import ROOT, environment, fingerprint, train_and_kill, train_command, train_to_the_end
from training_fixtures import picture_folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run left alone; the pictures and the home of all others are beside it."""
    root = tmp_path_factory.mktemp("runs")
    train_to_the_end(train_command(picture_folder(root / "set"), root / "whole"), root / "home")
    return root / "whole"


def test_that_a_run_killed_twice_ends_bit_by_bit_like_one_left_alone(tmp_path: Path, whole: Path) -> None:
    data, home = whole.parent / "set", whole.parent / "home"
    killed = train_command(data, tmp_path / "killed")
    train_and_kill(killed, home, lambda event: event["event"] == "CheckpointSaved" and event["images_seen"] == 16)
    train_and_kill([*killed, "--resume"], home, lambda event: event["event"] == "Started")
    events = train_to_the_end([*killed, "--resume"], home)
    assert events[0]["event"] == "Started"
    assert events[0]["images_seen"] >= 16
    assert events[-1]["event"] == "Finished"
    assert events[-1]["complete"] is True
    wanted = fingerprint(whole, 48)
    assert len(wanted) == 6
    assert fingerprint(tmp_path / "killed", 48) == wanted
    assert (tmp_path / "killed" / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()


@pytest.mark.skipif(sys.platform != "linux", reason="only there can another process be given less room")
def test_that_a_run_without_room_waits_and_goes_on_bit_by_bit_when_there_is_some(tmp_path: Path, whole: Path) -> None:
    import resource

    run = tmp_path / "run"
    command = [*train_command(whole.parent / "set", run), "--retry-s", "0.1"]
    told, beside_paused = [], []
    with subprocess.Popen(
        command, cwd=ROOT, env=environment(whole.parent / "home"), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            event = json.loads(line)
            told.append(event["event"])
            if event["event"] == "CheckpointSaved" and event["images_seen"] == 0:
                resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
            if event["event"] == "Paused":
                beside_paused = sorted(path.name for path in (run / "checkpoints").iterdir() if path.name[0] != ".")
                resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    assert process.returncode == 0
    assert told.count("Paused") == 1
    assert beside_paused[0] == "000000000000"
    assert fingerprint(run, 48) == fingerprint(whole, 48)


def test_that_a_mistake_is_one_line_and_exit_status_1(tmp_path: Path) -> None:
    data = picture_folder(tmp_path / "set", 3)
    command = train_command(data, tmp_path / "run")
    done = subprocess.run(
        command, cwd=ROOT, env=environment(tmp_path), capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "graft: Too few pictures to learn from: 3 of 3 pictures can be used, at least 4 are needed, one batch. "
        "Add pictures, or choose a smaller batch."
    ]

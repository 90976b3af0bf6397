from __future__ import annotations

import subprocess
from pathlib import Path

from killed_runs import ROOT, environment, fingerprint, train_and_kill, train_command, train_to_the_end
from training_fixtures import picture_folder


def test_that_a_run_killed_twice_ends_bit_by_bit_like_one_left_alone(tmp_path: Path) -> None:
    data, home = picture_folder(tmp_path / "set"), tmp_path / "home"
    train_to_the_end(train_command(data, tmp_path / "whole"), home)
    killed = train_command(data, tmp_path / "killed")
    train_and_kill(killed, home, lambda event: event["event"] == "CheckpointSaved" and event["images_seen"] == 16)
    train_and_kill([*killed, "--resume"], home, lambda event: event["event"] == "Started")
    events = train_to_the_end([*killed, "--resume"], home)
    assert events[0]["event"] == "Started"
    assert events[0]["images_seen"] >= 16
    assert events[-1]["event"] == "Finished"
    assert events[-1]["complete"] is True
    wanted = fingerprint(tmp_path / "whole", 48)
    assert len(wanted) == 6
    assert fingerprint(tmp_path / "killed", 48) == wanted
    assert (tmp_path / "killed" / "model.safetensors").read_bytes() == (
        tmp_path / "whole" / "model.safetensors"
    ).read_bytes()


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

"""Runs in the background: they report to files, stop when a file says so, and leave models behind."""

from __future__ import annotations

import subprocess
import threading
from pathlib import Path

import pytest
import torch
from killed_runs import ROOT, environment, train_command
from training_fixtures import picture_folder, run_in, tiny_trainer

from engine.errors import JobError
from engine.network import load_network
from engine.training.background import obey_stop_file
from engine.training.loop import train
from engine.training_process import ask_to_stop, is_asked_to_stop, prepare_to_start
from engine.training_runs import RunState, glance_at, story_of
from engine.training_snapshot import Snapshot, keep_snapshot


def in_background(folder: Path, home: Path, *more: str) -> list[str]:
    command = train_command(picture_folder(home / "pictures"), folder, "--background", *more)
    return [word for word in command if word != "--json"]


def test_that_a_background_run_reports_to_files_and_stops_when_asked(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    prepare_to_start(folder)
    command = in_background(folder, tmp_path, "--images", "100000")
    with subprocess.Popen(
        command, cwd=ROOT, env=environment(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        pause = threading.Event()
        for _ in range(2400):
            if story_of(folder).saved_images >= 8 or process.poll() is not None:
                break
            pause.wait(0.05)
        ask_to_stop(folder)
        out, errors = process.communicate(timeout=240)
    assert (process.returncode, out, errors) == (0, b"", b"")
    run = glance_at(folder)
    assert run.state is RunState.PAUSED
    assert run.story.finished is not None
    assert run.story.images_seen == run.story.saved_images >= 8
    assert not is_asked_to_stop(folder)
    model = load_network(keep_snapshot(folder, Snapshot.BEST, tmp_path / "models", "tiny"))
    assert model.config.img_resolution == 16
    assert model.origin.lineage[-1]["images"] == run.story.saved_images


def test_that_the_trainers_refusal_is_one_sentence_in_a_file(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    prepare_to_start(folder)
    command = in_background(folder, tmp_path, "--batch", "64")
    done = subprocess.run(command, cwd=ROOT, env=environment(tmp_path), capture_output=True, timeout=240, check=False)
    assert done.returncode != 0
    assert done.stderr == b""
    run = glance_at(folder)
    assert run.state is RunState.FAILED
    assert run.problem.startswith("Too few pictures to learn from: 12 of 12 pictures can be used, at least 64")


def test_that_the_stop_file_is_obeyed_once(tmp_path: Path) -> None:
    stop = threading.Event()
    ask_to_stop(tmp_path)
    obey_stop_file(tmp_path, stop)
    assert stop.wait(20)
    assert not is_asked_to_stop(tmp_path)


def test_that_the_newest_snapshot_is_the_average_bit_for_bit_with_its_lineage(tmp_path: Path) -> None:
    trainer = tiny_trainer()
    list(train(run_in(tmp_path / "run", trainer)))
    kept = keep_snapshot(tmp_path / "run", Snapshot.NEWEST, tmp_path / "models", "tiny")
    network = load_network(kept)
    for name, tensor in trainer.models.average.tensors.items():
        assert torch.equal(network.tensors[name], tensor.detach()), name
    (step,) = network.origin.lineage
    assert (step["step"], step["images"], step["batch"]) == ("train", 16, 4)
    assert keep_snapshot(tmp_path / "run", Snapshot.NEWEST, tmp_path / "models", "tiny") == kept
    kept.write_bytes(b"another model")
    again = keep_snapshot(tmp_path / "run", Snapshot.NEWEST, tmp_path / "models", "tiny")
    assert again.name == "tiny 2.safetensors"


def test_that_a_run_without_or_with_a_damaged_checkpoint_says_so(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="saved nothing yet"):
        keep_snapshot(tmp_path / "nowhere", Snapshot.BEST, tmp_path, "x")
    list(train(run_in(tmp_path / "run", tiny_trainer())))
    (file,) = (tmp_path / "run" / "checkpoints" / "000000000016").glob("average.safetensors")
    file.write_bytes(file.read_bytes()[:-1] + b"\x7f")
    with pytest.raises(JobError, match="damaged"):
        keep_snapshot(tmp_path / "run", Snapshot.NEWEST, tmp_path / "models", "tiny")

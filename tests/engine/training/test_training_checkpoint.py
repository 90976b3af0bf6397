from __future__ import annotations

import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from training_fixtures import everything, tiny_trainer, train_some

from engine import atomic
from engine.errors import JobError, StorageError
from engine.training import checkpoint as module
from engine.training.checkpoint import Checkpoint, newest_checkpoint, remove_unfinished, save_checkpoint
from engine.training.start import description_of, models_of
from engine.training.trainer import Trainer


def small(images_seen: int) -> Checkpoint:
    numbers = torch.arange(6, dtype=torch.float32).reshape(2, 3) + images_seen
    return Checkpoint(images_seen, {"note": "ø", "x": 0.1}, {"a": {"w": numbers}, "b": {"step": torch.tensor(3.0)}})


def flip_a_bit(path: Path, place: int = -1) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 0x04
    path.write_bytes(data)


def test_that_a_checkpoint_reads_back_as_it_was(tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path, small(12), keep=2)
    assert path.name == "000000000012"
    found = newest_checkpoint(tmp_path).checkpoint
    assert found is not None
    assert (found.images_seen, found.state) == (12, {"note": "ø", "x": 0.1})
    assert torch.equal(found.groups["a"]["w"], small(12).groups["a"]["w"])
    assert json.loads((path / "manifest.json").read_text())["body"]["files"]["a.safetensors"]["bytes"] > 24


def test_that_the_newest_ones_are_kept(tmp_path: Path) -> None:
    for images in (1, 2, 3, 4):
        save_checkpoint(tmp_path, small(images), keep=3)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{n:012d}" for n in (2, 3, 4)]


@pytest.mark.parametrize("name", ["a.safetensors", "b.safetensors", "manifest.json"])
@pytest.mark.parametrize("place", [0, 9, -1, -20])
def test_that_a_flipped_bit_falls_back_to_the_checkpoint_before_and_says_so(
    tmp_path: Path, name: str, place: int
) -> None:
    save_checkpoint(tmp_path, small(1), keep=2)
    newest = save_checkpoint(tmp_path, small(2), keep=2)
    flip_a_bit(newest / name, place)
    found = newest_checkpoint(tmp_path)
    assert found.checkpoint is not None
    assert found.checkpoint.images_seen == 1
    assert len(found.refused) == 1
    assert found.refused[0].startswith("The checkpoint 000000000002 is damaged")


@pytest.mark.parametrize("missing", ["a.safetensors", "manifest.json"])
def test_that_a_checkpoint_with_a_missing_file_is_passed_over(tmp_path: Path, missing: str) -> None:
    save_checkpoint(tmp_path, small(1), keep=2)
    (save_checkpoint(tmp_path, small(2), keep=2) / missing).unlink()
    found = newest_checkpoint(tmp_path)
    assert found.checkpoint is not None
    assert found.checkpoint.images_seen == 1
    assert missing in found.refused[0]


def test_that_nothing_is_found_where_nothing_is(tmp_path: Path) -> None:
    assert newest_checkpoint(tmp_path / "none").checkpoint is None
    (tmp_path / "notes.txt").write_text("x")
    found = newest_checkpoint(tmp_path)
    assert (found.checkpoint, found.refused) == (None, ())


class Killed(BaseException):
    """Stands for kill -9: nothing after it runs, not even clean-up."""


@pytest.mark.parametrize("moment", ["mkdir", "tensors 0", "tensors 1", "manifest", "rename", "prune"])
def test_that_a_kill_at_any_moment_leaves_a_usable_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    for images in (1, 2):
        save_checkpoint(tmp_path, small(images), keep=2)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", lambda *_args, **_more: None)  # a killed process cleans up nothing
        _kill_at(patch, moment)
        with pytest.raises(Killed):
            save_checkpoint(tmp_path, small(3), keep=2)
    assert remove_unfinished(tmp_path) == {"mkdir": 0}.get(moment, 1) - (moment == "prune")
    found = newest_checkpoint(tmp_path)
    assert found.checkpoint is not None
    assert found.refused == ()
    assert found.checkpoint.images_seen == (3 if moment == "prune" else 2)
    save_checkpoint(tmp_path, small(4), keep=2)
    assert len(list(tmp_path.iterdir())) == 2


def _kill_at(patch: pytest.MonkeyPatch, moment: str) -> None:
    write, rename = module.write_atomic, os.rename
    written: list[str] = []

    def killing_write(path: Path, data: Any, **more: Any) -> int:
        if moment == ("manifest" if path.name == "manifest.json" else f"tensors {len(written)}"):
            path.write_bytes(b"half")
            raise Killed
        written.append(path.name)
        return write(path, data, **more)

    def killing_rename(source: Any, target: Any) -> None:
        pruning = Path(target).name.startswith(".")
        if moment == ("prune" if pruning else "rename"):
            raise Killed
        rename(source, target)

    def killing_mkdir(*_args: Any, **_more: Any) -> None:
        raise Killed

    patch.setattr(module, "write_atomic", killing_write)
    patch.setattr(module.os, "rename", killing_rename)
    if moment == "mkdir":
        patch.setattr(Path, "mkdir", killing_mkdir)


@pytest.mark.parametrize("write_number", range(6))
def test_that_a_full_disk_keeps_the_old_checkpoints_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_number: int
) -> None:
    save_checkpoint(tmp_path, small(1), keep=2)
    calls = 0
    write = os.write

    def full(handle: int, data: Any) -> int:
        nonlocal calls
        calls += 1
        if calls > write_number // 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(handle, data)

    with monkeypatch.context() as patch:
        patch.setattr(atomic.os, "write", full)
        with pytest.raises(StorageError, match="the disk is full"):
            save_checkpoint(tmp_path, small(2), keep=2)
    assert [path.name for path in tmp_path.iterdir()] == ["000000000001"]
    found = newest_checkpoint(tmp_path)
    assert found.checkpoint is not None
    assert found.refused == ()


def test_that_numbers_that_are_none_are_not_kept(tmp_path: Path) -> None:
    bad = Checkpoint(5, {}, {"generator": {"w": torch.tensor([1.0, float("inf")])}})
    with pytest.raises(JobError, match=r"went astray: generator\.w holds numbers that are not finite"):
        save_checkpoint(tmp_path, bad, keep=2)
    assert list(tmp_path.iterdir()) == []


def restored(tmp_path: Path, trainer: Trainer) -> Trainer:
    save_checkpoint(tmp_path, trainer.checkpoint(description_of(trainer.models)), keep=2)
    checkpoint = newest_checkpoint(tmp_path).checkpoint
    assert checkpoint is not None
    again = Trainer(models_of(checkpoint), trainer.config, trainer.world)
    again.restore(checkpoint)
    return again


@pytest.mark.parametrize(
    "settings",
    [{}, {"augmentation": "ada", "ada_interval": 2, "ada_kimg": 0.05, "path_length_weight": 2.0, "r1_interval": 2}],
    ids=["plain", "everything"],
)
def test_that_a_restored_trainer_goes_on_bit_by_bit(tmp_path: Path, settings: dict[str, Any]) -> None:
    straight, stopped = tiny_trainer(**settings), tiny_trainer(**settings)
    train_some(straight, 7)
    train_some(stopped, 3)
    resumed = restored(tmp_path, stopped)
    train_some(resumed, 4)
    assert resumed.state == straight.state
    if settings:
        assert straight.state.path_mean > 0
    wanted = everything(straight)
    found = everything(resumed)
    assert found.keys() == wanted.keys()
    assert [name for name in wanted if not torch.equal(found[name], wanted[name])] == []


def test_that_an_optimiser_of_other_parameters_is_refused(tmp_path: Path) -> None:
    trainer = tiny_trainer()
    train_some(trainer, 1)
    checkpoint = trainer.checkpoint({})
    with pytest.raises(JobError, match="belongs to other parameters"):
        tiny_trainer(trainable="mapping").restore(checkpoint)

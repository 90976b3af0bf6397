from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image
from training_fixtures import dataset, everything, kinds, run_in, tiny_network, tiny_trainer

from engine.errors import JobError, StorageError
from engine.event_lines import to_json_line
from engine.metrics.features import Features
from engine.network import load_network
from engine.training import loop as module
from engine.training.checkpoint import newest_checkpoint
from engine.training.config import TrainingConfig
from engine.training.events import CheckpointSaved, Finished, Measured, Notice, Paused, Progress
from engine.training.loop import due, train
from engine.training.metrics import Judge, Score
from engine.training.pictures import LossLog, drawn_losses


def stopping_after(steps: int) -> Iterator[bool]:
    return itertools.chain([False] * (steps - 1), itertools.repeat(True))


def test_that_a_run_tells_what_it_does_and_exports_its_model(tmp_path: Path) -> None:
    trainer = tiny_trainer(total_images=12, checkpoint_images=8, sheet_images=8)
    events = list(train(run_in(tmp_path / "run", trainer)))
    assert kinds(events) == [
        "Started", "SheetSaved", "CheckpointSaved", "SheetSaved", "CheckpointSaved",
        "Progress", "SheetSaved", "CheckpointSaved", "Notice", "Finished",
    ]  # fmt: skip
    finished = events[-1]
    assert finished == Finished(str(tmp_path / "run" / "model.safetensors"), 12, 12, True)
    model = load_network(tmp_path / "run" / "model.safetensors")
    average = trainer.models.average
    assert all(torch.equal(model.tensors[name], tensor) for name, tensor in average.tensors.items())
    (step,) = model.origin.lineage
    assert (step["step"], step["images"], step["pictures"]) == ("train", 12, 12)
    with Image.open(tmp_path / "run" / "sheets" / "000000000012.png") as sheet:
        assert sheet.size == (8 * 16, 4 * 16)
    assert TrainingConfig.from_json_text((tmp_path / "run" / "settings.json").read_text()) == trainer.config


def test_that_a_run_that_is_asked_to_stop_saves_and_can_be_resumed(tmp_path: Path) -> None:
    trainer = tiny_trainer(total_images=1000)
    wishes = stopping_after(3)
    events = list(train(run_in(tmp_path / "run", trainer, lambda: next(wishes))))
    assert events[-1] == Finished(str(tmp_path / "run" / "model.safetensors"), 12, 0, False)
    found = newest_checkpoint(tmp_path / "run" / "checkpoints").checkpoint
    assert found is not None
    assert found.images_seen == 12
    assert not (tmp_path / "run" / "model.safetensors").exists()


def test_that_a_full_disk_pauses_the_run_until_there_is_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = 0
    save = module.save_checkpoint

    def failing(*args: object) -> object:
        nonlocal attempts
        attempts += 1
        if attempts in (2, 3):
            raise StorageError("Graft could not save: the disk is full.", "Free some space.")
        return save(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "save_checkpoint", failing)
    trainer = tiny_trainer(total_images=8, checkpoint_images=4)
    events = list(train(run_in(tmp_path / "run", trainer)))
    assert [event for event in events if isinstance(event, Paused)] == [
        Paused("Graft could not save: the disk is full.", "Free some space.")
    ] * 2
    saved = sorted(path.name for path in (tmp_path / "run" / "checkpoints").iterdir())
    assert saved == ["000000000004", "000000000008"]


def test_that_a_run_gone_astray_stops_and_keeps_the_last_good_checkpoint(tmp_path: Path) -> None:
    trainer = tiny_trainer(total_images=40, checkpoint_images=8)
    events = train(run_in(tmp_path / "run", trainer))
    saved = (event for event in events if isinstance(event, CheckpointSaved))
    assert [next(saved).images_seen, next(saved).images_seen] == [0, 8]
    with torch.no_grad():
        trainer.models.discriminator.b4.out.weight.fill_(float("nan"))
    with pytest.raises(JobError, match="went astray after 16 images: a loss is nan"):
        list(events)
    found = newest_checkpoint(tmp_path / "run" / "checkpoints").checkpoint
    assert found is not None
    assert found.images_seen == 8
    assert all(bool(t.isfinite().all()) for t in found.groups["discriminator"].values())


class ScriptedJudge:
    floor = 0.01

    def __init__(self, scores: list[float]) -> None:
        self._scores = iter(scores)

    def score(self, _network: object) -> Score:
        return Score(next(self._scores), "scripted", 16)


def test_that_the_best_snapshot_is_exported_not_the_last(tmp_path: Path) -> None:
    trainer = tiny_trainer(total_images=16, metric_images=4)
    run = run_in(tmp_path / "run", trainer)
    kept = {}
    object.__setattr__(run, "judge", ScriptedJudge([0.5, 0.2, 0.4, float("nan")]))
    measured = []
    for event in train(run):
        if isinstance(event, Measured):
            measured.append((event.images_seen, event.is_best))
            kept[event.images_seen] = {n: t.clone() for n, t in trainer.models.average.tensors.items()}
        last = event
    assert measured == [(4, True), (8, True), (12, False), (16, False)]
    assert isinstance(last, Finished)
    assert last.best_images == 8
    model = load_network(tmp_path / "run" / "model.safetensors")
    assert all(torch.equal(model.tensors[name], tensor) for name, tensor in kept[8].items())
    assert model.origin.lineage[-1]["kid"] == 0.2
    assert model.origin.lineage[-1]["features"] == "scripted"


def test_that_without_a_judge_the_export_says_that_it_is_the_last(tmp_path: Path) -> None:
    events = list(train(run_in(tmp_path / "run", tiny_trainer(total_images=4))))
    assert Notice("Nothing was measured, so the exported model is the last one, not the best.") in events


def test_that_the_log_forgets_what_a_resumed_run_will_do_again(tmp_path: Path) -> None:
    log = LossLog(tmp_path, 0)
    row = {"generator": 1.0, "discriminator": 1.2, "real_sign": 0.1, "r1": float("nan"), "path_length": float("nan")}
    row |= {"ada_p": 0.0, "images_per_s": 5.0, "elapsed_s": 1.0}
    for images in (100, 200, 300):
        log.add({"images_seen": images, **row})
    with open(tmp_path / "log.jsonl", "a") as file:
        file.write('{"images_seen": 4')  # the power went
    again = LossLog(tmp_path, 200)
    assert [kept["images_seen"] for kept in again.rows] == [100, 200]
    again.draw()
    lines = (tmp_path / "losses.csv").read_text().splitlines()
    assert lines[0].startswith("images_seen,generator,discriminator")
    assert len(lines) == 3
    with Image.open(tmp_path / "losses.png") as picture:
        assert len(picture.getcolors(1 << 20) or []) > 4


def test_that_the_curve_can_be_drawn_of_nothing_and_of_much() -> None:
    assert drawn_losses([]).size == drawn_losses(
        [{"images_seen": i, "generator": 1.0 + i % 3, "discriminator": None} for i in range(5000)]
    ).size


def test_that_things_are_due_when_a_multiple_is_passed() -> None:
    assert [due(before, before + 4, 10) for before in range(0, 24, 4)] == [False, False, True, False, True, False]
    assert not due(0, 1000, 0)


def test_that_events_become_lines_of_json() -> None:
    event = Progress(8, 16, 1.0, 1.2, 0.1, float("nan"), float("nan"), 0.0, 4.0, 2.0, 2.0)
    line = json.loads(to_json_line(event))
    assert (line["event"], line["images_seen"], line["r1"]) == ("Progress", 8, None)


def test_that_the_judge_prefers_pictures_like_the_real_ones() -> None:
    path = Path(__file__).parents[3] / "resources" / "models" / "perceptual.safetensors"
    features = Features(path, torch.device("cpu"))
    assert features.name.startswith("graft-perceptual-")
    judge = Judge(dataset(), features, 16, torch.device("cpu"))
    network = tiny_network()
    plain = judge.score(network)
    with torch.no_grad():
        network.tensors["synthesis.b16.torgb.bias"].add_(40)  # all white
    assert judge.score(network).kid > plain.kid > judge.floor


def test_that_measuring_and_looking_change_nothing_of_the_training(tmp_path: Path) -> None:
    quiet, busy = tiny_trainer(), tiny_trainer(sheet_images=4, metric_images=4)
    list(train(run_in(tmp_path / "quiet", quiet)))
    run = run_in(tmp_path / "busy", busy)
    object.__setattr__(run, "judge", ScriptedJudge([0.3, 0.2, 0.1, 0.0]))
    list(train(run))
    wanted = everything(quiet)
    assert all(torch.equal(wanted[name], tensor) for name, tensor in everything(busy).items())

"""Runs as they lie on disk, and the command line that trains: without torch."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from engine.event_lines import to_json_line
from engine.training_events import (
    CheckpointSaved,
    Event,
    Finished,
    Measured,
    Notice,
    Paused,
    Progress,
    SheetSaved,
    Started,
    read_event,
)
from engine.training_process import (
    ask_to_stop,
    end_at_once,
    is_asked_to_stop,
    is_at_work,
    note_process,
    prepare_to_start,
    train_arguments,
)
from engine.training_runs import (
    EVENTS_FILE,
    RunState,
    TrainingPlan,
    complaint,
    free_folder,
    glance_at,
    plan_of,
    runs_in,
    save_plan,
    sheets_of,
    story_of,
)

MODEL = "/models/portrait.safetensors"
PLAN = TrainingPlan("woodcuts", "/pictures", MODEL, "portrait", settings={"total_images": 80})


def progress(seen: int, **more: float) -> Progress:
    usual = Progress(seen, 80, 1.0, 0.9, 0.5, math.nan, math.nan, 0.1, 6.0, 10.0, 60.0)
    return replace(usual, **more)


def tell(folder: Path, *events: Event, cut: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / EVENTS_FILE, "a") as file:
        file.write("".join(to_json_line(event) + "\n" for event in events) + cut)
    return folder


TOLD: tuple[Event, ...] = (
    Started("run", 0, 80, 12, 32),
    Notice("All pictures are grey."),
    SheetSaved(0, "/elsewhere/run/sheets/000000000000.png"),
    CheckpointSaved(0, "c"),
    progress(40),
    Measured(40, 0.05, "ours", 0.01, True),
    CheckpointSaved(40, "c"),
    progress(60),
    Measured(60, 0.06, "ours", 0.01, False),
    SheetSaved(60, "/elsewhere/run/sheets/000000000060.png"),
)


@pytest.mark.parametrize("event", [*TOLD, Paused("full", "free some"), Finished("m", 80, 40, True)])
def test_that_every_event_survives_its_line(event: Event) -> None:
    back = read_event(to_json_line(event))
    assert to_json_line(back) == to_json_line(event)  # type: ignore[arg-type]
    assert type(back) is type(event)


@pytest.mark.parametrize(
    "line",
    [
        "", "{", "[]", '{"event": "Bomb"}', '{"event": {}}', '{"event": "Notice"}', '{"event": "Notice", "text": 3}',
        '{"event": "Started", "folder": "x"',
    ],
)
def test_that_a_line_that_is_no_event_is_none(line: str) -> None:
    assert read_event(line) is None


def test_that_a_story_tells_how_far_a_run_is_and_what_its_best_snapshot_is(tmp_path: Path) -> None:
    story = story_of(tell(tmp_path / "run", *TOLD, cut='{"event": "Prog'))
    assert (story.images_seen, story.total_images, story.saved_images) == (60, 80, 40)
    assert story.best is not None
    assert story.best.images_seen == 40
    assert [seen for seen, _ in sheets_of(tmp_path / "run", story)] == [0, 60]
    assert sheets_of(tmp_path / "run", story)[1][1] == tmp_path / "run" / "sheets" / "000000000060.png"


def test_that_what_came_after_the_last_checkpoint_is_forgotten_when_a_killed_run_goes_on(tmp_path: Path) -> None:
    folder = tell(tmp_path / "run", *TOLD, cut='{"event": "Prog')
    prepare_to_start(folder)  # ends the line that the trainer was killed in
    tell(folder, Started("run", 40, 80, 12, 32), progress(50))
    story = story_of(folder)
    assert [event.images_seen for event in story.progress] == [40, 50]
    assert [event.images_seen for event in story.scores] == [40]
    assert [sheet.images_seen for sheet in story.sheets] == [0]
    assert story.notices == []


def test_that_a_pause_is_over_when_anything_else_happens() -> None:
    story = story_of(Path("nowhere"))
    story.take(Paused("the disk is full", "free some space"))
    assert story.paused is not None
    story.take(progress(3))
    assert story.paused is None


def test_that_a_run_is_done_or_paused_or_interrupted_or_failed(tmp_path: Path) -> None:
    for name, last, stderr, state, goes_on in (
        ("done", Finished("m", 80, 40, True), "", RunState.DONE, False),
        ("paused", Finished("m", 60, 40, False), "", RunState.PAUSED, True),
        ("killed", None, "some library warns\n", RunState.INTERRUPTED, True),
        ("astray", None, "graft: a loss is nan. The last good checkpoint was kept.\n", RunState.FAILED, True),
    ):
        folder = tell(tmp_path / name, *TOLD, *([last] if last else []))
        save_plan(folder, PLAN)
        (folder / "errors.txt").write_text(stderr)
        glance = glance_at(folder)
        assert (glance.state, glance.can_go_on, glance.name) == (state, goes_on, "woodcuts")
    assert glance.problem == "a loss is nan. The last good checkpoint was kept."
    assert {run.folder.name for run in runs_in(tmp_path)} == {"done", "paused", "killed", "astray"}


def test_that_a_run_of_the_command_line_is_told_from_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    (folder / "sheets").mkdir(parents=True)
    (folder / "sheets" / "000000000016.png").touch()
    (folder / "checkpoints" / "000000000016").mkdir(parents=True)
    (folder / "settings.json").write_text(json.dumps({"total_images": 64}))
    row = {name: value for name, value in json.loads(to_json_line(progress(16))).items()
           if name not in ("event", "total_images", "time_left_s")}
    (folder / "log.jsonl").write_text(json.dumps(row) + "\nnot a row\n")
    (glance,) = runs_in(tmp_path)
    assert (glance.name, glance.state, glance.can_go_on) == ("mine", RunState.PAUSED, False)
    assert (glance.story.images_seen, glance.story.total_images) == (16, 64)
    assert glance.sheet == folder / "sheets" / "000000000016.png"


def test_that_a_plan_comes_back_as_it_was_and_a_damaged_one_is_none(tmp_path: Path) -> None:
    save_plan(tmp_path, PLAN)
    assert plan_of(tmp_path) == PLAN
    (tmp_path / "order.json").write_text('{"format": 1, "name": 3}')
    assert plan_of(tmp_path) is None


def test_that_a_broken_trainer_is_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "errors.txt").write_text("Traceback (most recent call last):\n  File\nImportError: no torch\n")
    assert complaint(tmp_path) == "The trainer broke down: ImportError: no torch"


def test_that_the_command_line_says_what_the_plan_says(tmp_path: Path) -> None:
    plan = replace(PLAN, grow=True, minutes=90, settings={"batch": 4, "trainable": "mapping"})
    line = " ".join(train_arguments(plan, tmp_path))
    assert line.startswith("train --data /pictures ")
    assert "--from /models/portrait.safetensors --grow --minutes 90" in line
    assert '--set batch=4 --set trainable="mapping"' in line
    assert "--size" not in line
    from_nothing = train_arguments(TrainingPlan("n", "d", size=32, framing="eyes"), tmp_path)
    assert "--size 32 --framing eyes" in " ".join(from_nothing)


def test_that_folders_of_runs_are_named_after_them_and_never_taken_twice(tmp_path: Path) -> None:
    first = free_folder(tmp_path, "wood/../cuts: 1")
    assert first == tmp_path / "woodcuts 1"
    first.mkdir()
    assert free_folder(tmp_path, "woodcuts 1") == tmp_path / "woodcuts 1 2"
    assert free_folder(tmp_path, "../..") == tmp_path / "run"


def test_that_a_trainer_is_known_by_its_process_and_can_be_asked_and_ended(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        note_process(tmp_path, process.pid)
        assert is_at_work(tmp_path)
        ask_to_stop(tmp_path)
        assert is_asked_to_stop(tmp_path)
        end_at_once(tmp_path)
        process.wait(20)
        assert not is_at_work(tmp_path)
    prepare_to_start(tmp_path)
    assert not is_asked_to_stop(tmp_path)
    (tmp_path / "trainer.json").write_text(json.dumps({"pid": os.getpid(), "created": 1.0}))
    assert not is_at_work(tmp_path), "another process has that number now"

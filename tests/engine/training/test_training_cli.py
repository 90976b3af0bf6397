from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from synthetic_faces import write_set
from typer.testing import CliRunner

from engine.errors import JobError, StorageError
from engine.portrait_events import PORTRAIT_STYLES, PortraitsMade, PortraitsProgress, read_portrait_event
from engine.training.cli import _follow, _parsed, app
from engine.training.events import Event, Finished, Measured, Notice, Paused, Progress, Started
from engine.training.portrait_data.make import STYLES
from engine.training.stop_signals import stop_signals


def test_that_settings_are_json_or_plain_words() -> None:
    texts = ["batch=8", "ada_groups=[\"blit\"]", "trainable=mapping", "average_rampup=null", "mirror=false"]
    assert _parsed(texts) == {
        "batch": 8, "ada_groups": ["blit"], "trainable": "mapping", "average_rampup": None, "mirror": False
    }  # fmt: skip
    with pytest.raises(JobError, match="'batch' has no value"):
        _parsed(["batch"])


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGUSR1"])
def test_that_a_signal_asks_the_run_to_stop_and_a_later_one_ends_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class EndedError(Exception):
        pass

    def end(_number: int, _frame: object) -> None:
        raise EndedError

    now = 100.0
    monkeypatch.setattr("engine.training.stop_signals.time.monotonic", lambda: now)
    number = getattr(signal, name)
    before = signal.signal(number, end)
    try:
        with stop_signals() as stop:
            assert not stop.is_set()
            signal.raise_signal(number)
            assert stop.is_set()
            now += 0.5
            signal.raise_signal(number)  # the launcher's, not a second wish
            now += 1
            with pytest.raises(EndedError):
                signal.raise_signal(number)
        assert signal.getsignal(number) is end
    finally:
        signal.signal(number, before)


def test_that_a_run_started_by_nohup_outlives_its_terminal() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_signals() as stop:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not stop.is_set()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_that_a_pause_is_told_once_and_waited_through(capsys: pytest.CaptureFixture[str]) -> None:
    full = Paused("the disk is full.", "Free some space.")
    events: Iterator[Event] = iter([full, full, full, Notice("on we go"), full, Finished("m", 8, 8, True)])
    _follow(events, threading.Event(), retry_s=0.001, as_json=False)
    said = capsys.readouterr()
    assert said.err.splitlines() == [
        "graft: paused: the disk is full. Free some space.",
        "graft: on we go",
        "graft: paused: the disk is full. Free some space.",
    ]
    assert said.out == "Wrote m, the snapshot of 8 images.\n"


def test_that_a_paused_run_can_be_stopped() -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(StorageError, match="Stopped while paused: the disk is full"):
        _follow(iter([Paused("the disk is full.", "")]), stop, retry_s=60, as_json=False)


def test_that_events_read_as_sentences_or_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    events: list[Event] = [
        Started("run", 0, 100, 12, 64),
        Progress(50, 100, 1.25, 0.75, 0.5, 0.1, float("nan"), 0.125, 10.0, 5.0, 7200.0),
        Progress(52, 100, float("nan"), 0.75, 0.5, 0.1, float("nan"), 0.0, 10.0, 5.0, 60.0),
        Measured(50, 0.5, "ours", 0.01, True),
        Finished("m", 60, 0, False),
    ]
    _follow(iter(events), threading.Event(), 1, as_json=False)
    assert capsys.readouterr().out.splitlines() == [
        "Training in run, a new run: 12 pictures of 64 px.",
        "        50 images  50%    10.0/s  2 h 00 min left  generator 1.250  discriminator 0.750  sure 0.50"
        "  augment p 0.125",
        "        52 images  52%    10.0/s  1 min left  generator waits  discriminator 0.750  sure 0.50",
        "KID 0.50000 at 50 images, the best so far; real against real 0.01000",
        "Stopped at 60 images; go on with --resume.",
    ]
    _follow(iter(events), threading.Event(), 1, as_json=True)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["event"] for line in lines] == ["Started", "Progress", "Progress", "Measured", "Finished"]


def test_that_a_run_without_pictures_is_wrong_usage() -> None:
    result = CliRunner().invoke(app, ["--out", "run"])
    assert result.exit_code == 2
    assert "--data FOLDER and --out RUN" in result.output


def test_that_portrait_data_is_made_from_the_command_line(tmp_path: Path) -> None:
    london = write_set(tmp_path / "london")
    arguments = ["portrait-data", "--london", str(london), "--out", str(tmp_path / "out"), "--size", "32"]
    result = CliRunner().invoke(app, [*arguments, "--count", "2", "--style", "toon"])
    assert result.exit_code == 0, result.output
    assert [path.name for path in sorted((tmp_path / "out").iterdir())] == ["landmarks", "portrait-data.json", "toon"]
    assert "Wrote 2 pictures of 32 px" in result.output
    told = CliRunner().invoke(app, [*arguments, "--count", "3", "--style", "toon", "--json"]).output.splitlines()
    *steps, made = [read_portrait_event(line) for line in told]
    assert [step.done for step in steps if isinstance(step, PortraitsProgress)][-1] == 3
    assert isinstance(made, PortraitsMade)
    assert (made.folder, made.count, made.size, made.styles) == (str(tmp_path / "out"), 3, 32, ("toon",))


def test_that_what_is_offered_to_make_is_what_can_be_made() -> None:
    assert tuple(STYLES) == PORTRAIT_STYLES

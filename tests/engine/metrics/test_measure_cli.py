from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_networks import random_network, small_config
from typer.testing import CliRunner, Result

from engine.cli import app
from engine.measure_events import MetricMeasured
from engine.metrics.cli import measured_line
from engine.places import HOME_VARIABLE


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # or choosing a device would take more
    return tmp_path / "home"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    random_network(small_config((6, 6, 4))).save(tmp_path / "mine.safetensors")
    return tmp_path / "mine.safetensors"


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for index, picture in enumerate(np.random.default_rng(0).integers(0, 256, (12, 16, 16, 3), dtype=np.uint8)):
        Image.fromarray(picture).save(folder / f"{index}.png")
    return folder


def graft(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_that_a_model_is_measured_in_sentences_and_in_a_report(model: Path, pictures: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    result = graft(
        "measure", model, "--data", pictures, "--samples", 10, "--metrics", "KID, recall", "--originals", pictures,
        "--sheet", tmp_path / "nearest.png", "-o", report,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "Measuring mine, 16 px, psi 1, cpu, 6 samples against as many of 12 real pictures"
    assert [line.split()[0] for line in lines[1:3]] == ["KID", "recall"]
    assert "±" in lines[1]
    assert all("real against real" in line for line in lines[1:3])
    assert lines[3].startswith("Nearest of 12 originals, by features:")
    assert f"Wrote {tmp_path / 'nearest.png'}: look at it, no number can tell a copy." in lines
    assert lines[-1].startswith(f"Wrote {report} after")
    assert "not with published ones" in result.stderr
    document = json.loads(report.read_text())
    assert list(document["metrics"]) == ["kid", "recall"]
    assert (document["model"], document["count"], document["copies"]["originals"]) == ("mine", 6, 12)
    assert document["copies"]["closest"][0]["original"].endswith(".png")


def test_that_programs_get_one_event_a_line(model: Path) -> None:
    result = graft("measure", model, "--samples", 10, "--json")
    assert result.exit_code == 0, result.output
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert [event["event"] for event in events if event["event"] != "MeasureProgress"] == [
        "MeasureStarted", "MeasureNotice", "MetricMeasured", "MeasureFinished",
    ]  # fmt: skip
    progress = [event for event in events if event["event"] == "MeasureProgress"]
    assert progress[-1]["done"] == progress[-1]["total"] == 10
    (measured,) = (event for event in events if event["event"] == "MetricMeasured")
    assert (measured["metric"], measured["floor"]) == ("ppl", None)
    assert events[0]["metrics"] == ["ppl"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--metrics", "kid"), "kid needs --data FOLDER"),
        (("--metrics", "kid,is", "--data", "x"), "“is” in --metrics: there are kid, fid, precision, recall, ppl."),
        (("--sheet", "x.png"), "--sheet needs --originals"),
        (("--psi", "nan"), "must be a finite number"),
        (("--samples", "1"), "--samples"),
    ],
)
def test_that_wrong_usage_is_said_before_anything_is_loaded(options: tuple[str, ...], said: str) -> None:
    result = graft("measure", "nowhere", *options)
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.replace("│", " ").split())


def test_that_failures_are_one_line(model: Path, tmp_path: Path) -> None:
    for options in (("--data", tmp_path / "nowhere"), ("--samples", 10, "-o", tmp_path / "no" / "report.json")):
        result = graft("measure", model, *options)
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.splitlines()[-1].startswith("graft: ")


def test_that_a_line_says_how_sure_a_number_is_and_what_its_floor_is() -> None:
    assert measured_line(MetricMeasured("kid", 0.01234, 0.0012, -0.0001, False)) == (
        "KID          0.01234 ± 0.00120  real against real -0.00010"
    )
    assert measured_line(MetricMeasured("ppl", 123.45, 2.0, math.nan, False)) == "PPL            123.5 ± 2.0"
    assert measured_line(MetricMeasured("recall", 0.5, math.nan, 0.8, True)) == (
        "recall         0.500            real against real 0.800"
    )

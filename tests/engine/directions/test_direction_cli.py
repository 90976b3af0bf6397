"""The verb ``directions`` and ``render --direction``, over the embedded models' real command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image
from small_networks import random_network, small_config
from typer.testing import CliRunner

from engine.cli import app
from engine.direction_cli import StepWish, read_step


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GRAFT_HOME", str(tmp_path / "home"))
    path = tmp_path / "small.safetensors"
    random_network(small_config(), seed=1).save(path)
    return path


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.output


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image).astype(int)


def test_that_found_directions_turn_pictures(model: Path, tmp_path: Path) -> None:
    found = tmp_path / "found.safetensors"
    said = run("directions", model, "--count", 3, "--samples", 500, "-o", found)
    assert "PCA 1" in said
    assert "3 directions" in said
    plain, turned, back = (tmp_path / name for name in ("plain.png", "turned.png", "back.png"))
    run("render", "--model", model, "--seed", 3, "-o", plain)
    run("render", "--model", model, "--seed", 3, "--direction", f"{found}#2:2.5:0-3", "-o", turned)
    assert np.abs(pixels(turned) - pixels(plain)).max() > 0
    run("render", turned, "-o", back)
    np.testing.assert_array_equal(pixels(back), pixels(turned))
    opposite = [f"{found}:2", f"{found}:-2"]
    run("render", "--model", model, "--seed", 3, "--direction", opposite[0], "--direction", opposite[1], "-o", back)
    np.testing.assert_array_equal(pixels(back), pixels(plain))


def test_that_a_number_that_the_file_does_not_have_is_refused(model: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "age_w.npy", np.ones((1, 10)))
    wish = f"{tmp_path / 'age_w.npy'}#2:1"
    arguments = ["render", "--model", str(model), "--direction", wish, "-o", str(tmp_path / "x.png")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    assert "holds 1 directions; there is no number 2" in result.output


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("age.npy:2", StepWish(Path("age.npy"), 2.0)),
        ("a b/c.npz:-0.5:2-7", StepWish(Path("a b/c.npz"), -0.5, 1, (2, 8))),
        (r"C:\d\found.safetensors#12:+3", StepWish(Path(r"C:\d\found.safetensors"), 3.0, 12)),
    ],
)
def test_that_a_step_is_read_as_it_is_typed(text: str, wish: StepWish) -> None:
    assert read_step(text) == wish


@pytest.mark.parametrize("text", ["", "a.npy", "a.npy:", "a.npy:x", "a.npy:1e9", "a.npy:1:7-2", ":2", "a:nan"])
def test_that_a_step_that_is_none_is_wrong_usage(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        read_step(text)

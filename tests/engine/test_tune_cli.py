"""Tuning a model to a photo on the command line, and rendering with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from small_networks import random_network, small_config
from typer.testing import CliRunner

from engine import load_network
from engine.cli import app
from engine.places import HOME_VARIABLE

FACE = ("--eyes", "45,40,70,40", "--mouth", "57,65")


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))


@pytest.fixture(autouse=True)
def _few_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    path = tmp_path / "base.safetensors"
    random_network(small_config((6, 6, 4)), 1).save(path)
    return path


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    gradient = np.linspace(0, 255, 120, dtype=np.uint8)
    path = tmp_path / "photo.png"
    Image.fromarray(np.stack([np.tile(gradient, (90, 1))] * 3, axis=2)).save(path)
    return path


def graft(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_that_a_photo_becomes_a_tuned_model(base: Path, photo: Path, tmp_path: Path) -> None:
    out = tmp_path / "anna.safetensors"
    how = ("--search-steps", 3, "--steps", 5, "--rate", 0.003, "--stop-at", 0, *FACE)
    said = graft("tune", photo, "--model", base, "-o", out, *how)
    assert "Before: Pixels" in said
    assert "After:  Pixels" in said
    tuned = load_network(out)
    assert tuned.descriptor.tuned_from is not None
    assert tuned.origin.lineage[-1]["portrait"] == "photo"


def test_that_a_latent_that_was_found_before_is_taken(base: Path, photo: Path, tmp_path: Path) -> None:
    found, out, picture = tmp_path / "found.safetensors", tmp_path / "anna.safetensors", tmp_path / "anna.png"
    graft("invert", photo, "--model", base, "--steps", 3, "--no-noise", *FACE, "-o", found)
    graft("tune", photo, "--latent", found, "--steps", 4, "--rate", 0.003, "--stop-at", 0, *FACE, "-o", out)
    graft("render", "--model", out, "--latent", found, "--psi", 1, "-o", picture)
    with Image.open(picture) as image:
        assert image.size == (16, 16)


def test_that_another_suffix_is_refused_before_the_work(photo: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["tune", str(photo), "-o", str(tmp_path / "anna.pt")])
    assert result.exit_code == 1
    assert "safetensors" in result.output


def test_that_a_missing_photo_is_told(base: Path, tmp_path: Path) -> None:
    out = tmp_path / "anna.safetensors"
    arguments = ["tune", str(tmp_path / "none.png"), "--model", str(base), *FACE, "-o", str(out)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    assert not out.exists()


@pytest.fixture
def tuned(base: Path, photo: Path, tmp_path: Path) -> Path:
    out = tmp_path / "anna.safetensors"
    how = ("--search-steps", 2, "--steps", 4, "--rate", 0.01, "--stop-at", 0)
    graft("tune", photo, "--model", base, *how, *FACE, "-o", out)
    return out


def test_that_a_blend_of_a_tuned_model_carries_the_person(base: Path, tuned: Path, tmp_path: Path) -> None:
    toon = tmp_path / "cartoon.safetensors"
    random_network(small_config((6, 6, 4)), 2).save(toon)
    how = ("--swap-resolution", 4, "--level", 0)
    for share, name in ((1, "all"), (0, "none"), (0.5, "half")):
        said = graft("blend", tuned, toon, *how, "--carry", share, "-o", tmp_path / f"{name}.safetensors")
        assert ("is carried into cartoon's layers" in said.replace("\n", " ")) == (share > 0)
    anna, parent, other = (load_network(path) for path in (tuned, base, toon))
    full, none, half = (load_network(tmp_path / f"{name}.safetensors") for name in ("all", "none", "half"))
    name = "synthesis.b16.conv1.weight"  # all of it toon's
    torch.testing.assert_close(none.tensors[name], other.tensors[name])
    difference = anna.tensors[name] - parent.tensors[name]
    assert difference.abs().max() > 0
    torch.testing.assert_close(full.tensors[name], other.tensors[name] + difference)
    torch.testing.assert_close(half.tensors[name], other.tensors[name] + 0.5 * difference)
    kept = "synthesis.b4.conv1.weight"  # all of it Anna's
    assert torch.equal(full.tensors[kept], anna.tensors[kept])
    assert full.descriptor.tuned_from is None


def test_that_fading_to_the_parent_is_not_changed_by_carrying(base: Path, tuned: Path, tmp_path: Path) -> None:
    out = tmp_path / "faded.safetensors"
    said = graft("blend", tuned, base, "--swap-resolution", 4, "-o", out)
    assert "carried" not in said
    name = "synthesis.b16.conv1.weight"
    assert torch.equal(load_network(out).tensors[name], load_network(base).tensors[name])

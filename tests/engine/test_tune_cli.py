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

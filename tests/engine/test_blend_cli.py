"""Further models on the command line, and pictures with everything in them rendered without a window."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
from PIL import Image
from small_networks import random_network, small_config
from typer.testing import CliRunner

from engine import load_network
from engine.blend_cli import read_overlay
from engine.blending import blend, blend_networks, layer_shares
from engine.cli import app
from engine.export.embedded import read_recipe
from engine.headless import open_headless
from engine.places import HOME_VARIABLE
from engine.state import BlendSpace, DirectionUse, EditState, Overlay, StyleEdit, View, with_blend, with_noise


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
def trio(tmp_path: Path) -> tuple[Path, Path, Path]:
    paths = (tmp_path / "ay.safetensors", tmp_path / "bee.safetensors", tmp_path / "sea.safetensors")
    for seed, path in enumerate(paths):
        random_network(small_config((6, 6, 4)), seed).save(path)
    return paths


def graft(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.stderr


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("woodblock:0.3", ("woodblock", 0.3)),
        ("woodblock", ("woodblock", 1.0)),
        ("woodblock:", ("woodblock", 1.0)),
        ("toon:-0.5", ("toon", -0.5)),
        (r"C:\models\toon.pkl", (r"C:\models\toon.pkl", 1.0)),
        (r"C:\models\toon.pkl:0.25", (r"C:\models\toon.pkl", 0.25)),
    ],
)
def test_that_a_model_may_have_an_alpha(text: str, read: tuple[str, float]) -> None:
    assert read_overlay(text) == read


@pytest.mark.parametrize("text", ["", ":0.3", "toon:half", "toon:nan", "toon:inf"])
def test_that_an_alpha_that_is_no_number_is_wrong_usage(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="MODEL:ALPHA"):
        read_overlay(text)


def test_that_further_models_are_laid_over_a_blend(tmp_path: Path, trio: tuple[Path, Path, Path]) -> None:
    a, b, c = trio
    out = tmp_path / "mixed.safetensors"
    said = graft("blend", a, b, "--swap-resolution", 8, "--overlay", f"{c}:0.25", "--overlay", f"{a}:0.5", "-o", out)
    below = blend_networks(*map(load_network, (a, b)), 8)
    for path, share in ((c, 0.25), (a, 0.5)):
        below = blend(below, load_network(path), layer_shares([share] * 6))
    found = load_network(out)
    assert all(torch.equal(found.tensors[name], tensor) for name, tensor in below.tensors.items())
    assert "unrelated" in said


def test_that_a_picture_with_everything_comes_back_from_its_recipe(
    tmp_path: Path, trio: tuple[Path, Path, Path]
) -> None:
    first, again = tmp_path / "first.png", tmp_path / "again.png"
    with open_headless("cpu") as engine:
        refs = [engine.model(str(path)) for path in trio]
        step = engine.store.put_ws(np.random.RandomState(0).randn(1, 10))
        state = EditState(*refs[:2], overlays=(Overlay(refs[2], 0.4),), directions=(DirectionUse(step, 1.0),))
        state = replace(state, style_edits=(StyleEdit(2, 0, 1.5),))
        state = with_noise(with_blend(state, space=BlendSpace.LATENTS), layer_seeds=(None, 0.5))
        image = engine.render(state, View.LATENTS)
        engine.export(first, image, state, View.LATENTS)
    graft("render", first, "-o", again)
    assert np.array_equal(np.asarray(Image.open(first)), np.asarray(Image.open(again)))
    assert np.array_equal(np.asarray(Image.open(first)), image)
    assert read_recipe(again).state == state
    other = tmp_path / "other.png"
    graft("render", first, "--overlay", f"{trio[2]}:0.9", "-o", other)
    assert [overlay.alpha for overlay in read_recipe(other).state.overlays] == [0.4, 0.9]
    assert not np.array_equal(np.asarray(Image.open(other)), image)


def test_that_inspecting_a_picture_tells_what_is_in_it(tmp_path: Path, trio: tuple[Path, Path, Path]) -> None:
    out = tmp_path / "one.png"
    with open_headless("cpu") as engine:
        refs = [engine.model(str(path)) for path in trio]
        step = engine.store.put_ws(np.ones((1, 10)))
        along = DirectionUse(step, 1.5, name="age")
        state = EditState(*refs[:2], overlays=(Overlay(refs[2], 0.4),), directions=(along,))
        state = with_blend(replace(state, style_edits=(StyleEdit(2, 0, 1.5),)), space=BlendSpace.LATENTS)
        engine.export(out, engine.render(state), state)
    result = CliRunner().invoke(app, ["inspect", str(out)])
    said = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert f"laid over it sea ({refs[2].sha256[:12]}), alpha 0.4" in said
    assert {"direction age, +1.5", "style 1 channel"} <= set(said)
    assert any(line.endswith("of latents") for line in said)

"""The preview benchmark, on networks so small that it takes seconds: its figures mean nothing, its workings do."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from small_networks import latents, random_network, relative_error, small_config

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))

import preview
from preview_actions import ACTION_NAMES, SWAP_CACHED, SWAP_UNSEEN, actions
from preview_networks import IMAGE_STD, Size, random_pair
from preview_report import markdown, merged
from textbook_forward import TextbookForward

from engine.library import Library
from engine.models import read_network

SMALL = Size(32, channel_base=256, channel_max=8, latent=8)
ROWS = {*ACTION_NAMES, SWAP_UNSEEN, SWAP_CACHED, "export"} - {"swap"}


@pytest.mark.parametrize("clamp", [None, 0.5])
@pytest.mark.parametrize("taps", [(0.125, 0.375, 0.375, 0.125), (0.1, 0.2, 0.3, 0.25, 0.1, 0.05)])
def test_that_the_yardstick_is_the_exact_network(taps: tuple[float, ...], clamp: float | None) -> None:
    network = random_network(small_config((6, 8, 4, 4), taps=taps, conv_clamp=clamp))
    textbook = TextbookForward(network.config, network.tensors)
    ws = latents(network)
    assert relative_error(textbook.synthesis(ws), network.synthesis(ws)) < 1e-4
    z = torch.randn(2, network.descriptor.z_dim, generator=torch.Generator().manual_seed(1))
    exact = network.synthesis(network.mapping(z, truncation_psi=0.6))
    assert relative_error(textbook(z, 0.6), exact) < 1e-4


def test_that_the_yardstick_refuses_what_it_would_get_wrong() -> None:
    network = random_network(small_config((6, 6, 4), architecture="resnet"))
    with pytest.raises(ValueError, match="skip networks"):
        TextbookForward(network.config, network.tensors)


def test_that_the_random_pair_is_related_and_of_the_right_contrast(tmp_path: Path) -> None:
    library = Library(tmp_path / "library.sqlite3")
    subject = random_pair(library, tmp_path, SMALL)
    paths = [library.locate(ref.sha256) for ref in (subject.a, subject.b)]
    library.close()
    a, b = (read_network(path, "cpu") for path in paths if path is not None)
    z = torch.randn(1, 8, generator=torch.Generator().manual_seed(0))
    assert float(a.synthesis(a.mapping(z, truncation_psi=0.7)).std()) == pytest.approx(IMAGE_STD, rel=1e-3)
    for name, tensor in a.tensors.items():
        apart = float((b.tensors[name] - tensor).norm() / tensor.norm())
        assert 0 < apart < 0.2, name


def test_that_a_drag_never_comes_to_the_same_place_twice(tmp_path: Path) -> None:
    library = Library(tmp_path / "library.sqlite3")
    subject = random_pair(library, tmp_path, SMALL)
    library.close()
    for name, action in actions(subject).items():
        places = action.places()
        assert len({next(places) for _ in range(100)}) == 100, name


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = str(tmp_path_factory.mktemp("preview"))
    small = ["--sizes", "32", "--channel-base", "256", "--channel-max", "8", "--latent", "8", "--folder", folder]
    more = ["--rounds", "1", "--steps", "2", "--parts", "--thread", "--drag-s", "0.2", "--accuracy", "1"]
    return preview.run(preview.parsed([*small, *more]))


def test_that_the_report_has_every_action(report: dict[str, Any]) -> None:
    (network,) = report["networks"].values()
    assert set(network["actions"]) == ROWS
    for name, row in network["actions"].items():
        measure = "render" if name == "export" else "settled"
        assert row[f"{measure}_ms"] > 0, name
        assert row[f"{measure}_ratio"] > 0, name
    assert network["actions"]["export"]["max_error"] < 1e-4
    assert network["accuracy"]["settled_db"]["worst"] > 30
    assert network["thread"]["psi"]["settled_ms"] > 0
    assert network["actions"]["alpha-all"]["block_ms"].keys() == {"4", "8", "16", "32"}
    assert not network["actions"][SWAP_CACHED]["block_ms"], "a stop that was seen is found, not drawn"


def test_that_the_table_shows_every_action_and_its_targets(report: dict[str, Any]) -> None:
    (network,) = report["networks"].values()
    text = markdown({**report, "networks": {"config-f 1024": network}})
    assert text.count("| met |") + text.count("| not met |") >= len(ROWS)


def test_that_a_report_in_pieces_becomes_one(report: dict[str, Any]) -> None:
    (name,) = report["networks"]
    piece = {**report, "networks": {name: {"actions": {"psi": {"settled_ms": 1.0}}, "textbook_ms": 5.0}}}
    whole = merged(report, piece)["networks"][name]
    assert set(whole["actions"]) == ROWS
    assert whole["actions"]["psi"] == {"settled_ms": 1.0}
    assert whole["accuracy"] == report["networks"][name]["accuracy"]
    with pytest.raises(ValueError, match="elsewhere"):
        merged({**report, "machine": {}}, piece)

from __future__ import annotations

import json
from pathlib import Path

from small_networks import random_network, small_config
from test_cli import done, few_threads, home, refused  # noqa: F401 - two are fixtures

from engine.blending import blend, layer_shares


def test_that_the_embedded_pair_is_found_to_be_related() -> None:
    text = done("doctor", "portrait", "toon")
    assert "toon was made from portrait" in text
    assert "They are relatives" in text
    assert "Swap at 32 px" in text
    assert "b256.torgb" in text


def test_that_programs_get_json() -> None:
    facts = json.loads(done("doctor", "portrait", "woodblock", "--json"))
    assert facts["swap_resolution"] == 32
    assert facts["distance"]["same_noise"] is True
    assert facts["distance"]["overall"] < 0.3
    assert facts["distance"]["mapping"] < 0.05
    assert {"name", "resolution", "distance"} == set(facts["distance"]["layers"][0])


def test_that_strangers_and_other_sizes_are_told(tmp_path: Path) -> None:
    small = random_network(small_config(), 1)
    small.save(tmp_path / "small.safetensors")
    random_network(small_config(), 2).save(tmp_path / "stranger.safetensors")
    text = done("doctor", tmp_path / "small.safetensors", tmp_path / "stranger.safetensors")
    assert "! These two were not trained from one another" in text
    child = blend(small, random_network(small_config(), 2), layer_shares([0.2] * small.descriptor.num_ws))
    child.save(tmp_path / "child.safetensors")
    assert "They are relatives" in done("doctor", tmp_path / "small.safetensors", tmp_path / "child.safetensors")
    assert "x These two do not mix" in done("doctor", "portrait", tmp_path / "small.safetensors")


def test_that_a_model_that_is_not_there_is_refused_in_one_line(tmp_path: Path) -> None:
    assert "nowhere" in refused("doctor", "portrait", "nowhere")
    (tmp_path / "torn.safetensors").write_bytes(b"\x08\x00\x00\x00\x00\x00\x00\x00{}")
    refused("doctor", "portrait", tmp_path / "torn.safetensors")

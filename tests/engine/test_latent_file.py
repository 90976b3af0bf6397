from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from edit_states import store_with_portrait

from engine.errors import EngineError
from engine.latent_file import read_latent, write_latent
from engine.latents import LatentStore
from engine.state import ModelRef

MODEL = ModelRef("ab" * 32, "portrait")


@pytest.mark.parametrize("with_noise", [True, False])
def test_that_a_latent_comes_back_from_its_file_with_the_same_content(tmp_path: Path, with_noise: bool) -> None:
    here, portrait = store_with_portrait()
    latent = portrait if with_noise else replace(portrait, noise_key=None)
    path = tmp_path / "found.safetensors"
    write_latent(path, latent, MODEL, here)
    there = LatentStore()
    assert read_latent(path, there) == replace(latent, name="found")
    assert np.array_equal(there.ws(latent.key), here.ws(latent.key))


def test_that_the_file_says_for_which_model_and_not_whose_face_it_is(tmp_path: Path) -> None:
    store, portrait = store_with_portrait()
    path = tmp_path / "found.safetensors"
    write_latent(path, portrait, MODEL, store)
    content = path.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    assert json.loads(header["__metadata__"]["graft-latent"])["model"] == {"sha256": "ab" * 32, "name": "portrait"}
    assert portrait.name.encode() not in content


WS = np.ones((10, 32), np.float32)


@pytest.mark.parametrize(
    "arrays",
    [
        {"w": WS},
        {"noise.0": np.ones((4, 4), np.float32)},
        {"ws": WS, "noise.x": np.ones((4, 4), np.float32)},
        {"ws": WS, "noise.100": np.ones((4, 4), np.float32)},
        {"ws": WS, "noise.-1": np.ones((4, 4), np.float32)},
        {"ws": WS, "exec": WS},
        {"ws": WS * np.nan},
        {"ws": np.ones((3, 3, 3), np.float32)},
        {"ws": WS, "noise.0": np.ones((4, 5), np.float32)},
    ],
)
def test_that_files_that_hold_something_else_are_refused(tmp_path: Path, arrays: dict[str, np.ndarray]) -> None:
    path = tmp_path / "odd.safetensors"
    path.write_bytes(safetensors.numpy.save(arrays))
    with pytest.raises(EngineError) as caught:
        read_latent(path, LatentStore())
    assert caught.value.user_message.endswith(".")


def test_that_damaged_files_and_no_files_are_refused(tmp_path: Path) -> None:
    store, portrait = store_with_portrait()
    whole = tmp_path / "whole.safetensors"
    write_latent(whole, portrait, MODEL, store)
    data = whole.read_bytes()
    os.mkfifo(tmp_path / "pipe")
    for number, content in enumerate((b"", data[:5], data[:-1], b"\xff" * 100, b"\x80\x04.", data + b"x")):
        (tmp_path / str(number)).write_bytes(content)
        with pytest.raises(EngineError):
            read_latent(tmp_path / str(number), LatentStore())
    for path in (tmp_path / "gone", tmp_path / "pipe", tmp_path):
        with pytest.raises(EngineError):
            read_latent(path, LatentStore())

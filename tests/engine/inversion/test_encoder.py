"""An encoder's file, which model it fits, and searches that start from it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from small_networks import random_tensors, small_config

from engine.encoder_file import (
    METADATA_KEY,
    EncoderMetadata,
    EncoderSizes,
    ModelMark,
    offer_encoder,
    read_encoder_metadata,
)
from engine.errors import JobError, ModelError, RenderCancelled, SpaceMismatchError
from engine.framing import Framing
from engine.imaging import to_rgb
from engine.inversion.curvature import Curvature
from engine.inversion.distance import PixelsAndEdges
from engine.inversion.encoder import PortraitEncoder, build_encoder, curvature_of, load_encoder, save_encoder
from engine.inversion.project import InversionProgress, InversionResult, invert_portrait
from engine.inversion.w_space import WSpace, measure_w_space
from engine.messages import LatentSpaceChoice
from engine.network import Network
from engine.state import ModelRef

PLAIN = PixelsAndEdges()
SIZES = EncoderSizes(input_px=32, widths=(8, 8, 16, 16), features=16, w_dim=10, num_ws=8)
MARK = ModelMark("portrait", "ab" * 32)
METADATA = EncoderMetadata(MARK, SIZES, Framing(), ({"operation": "train encoder"},))


@pytest.fixture(scope="module")
def network() -> Network:
    """32 px, random weights that make smooth pictures of moderate contrast."""
    config = small_config((8, 8, 8, 6), num_layers=2)
    tensors = random_tensors(config, seed=5)
    for name, tensor in tensors.items():
        if "torgb.weight" in name:
            tensor *= 0.15
    return Network.from_tensors(config, tensors)


@pytest.fixture(scope="module")
def ws(network: Network) -> torch.Tensor:
    return network.mapping(torch.randn(1, 8, generator=torch.Generator().manual_seed(8)))


@pytest.fixture(scope="module")
def target(network: Network, ws: torch.Tensor) -> np.ndarray:
    return to_rgb(network.synthesis(ws))


@pytest.fixture(scope="module")
def knowing(network: Network, ws: torch.Tensor) -> PortraitEncoder:
    """An encoder that has learned one face by heart, nearly."""
    module = build_encoder(SIZES)
    shape = measure_w_space(network, 1)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
        module.axes.copy_(shape.axes)
        module.mean.copy_(shape.mean)
        module.shared.bias.copy_(0.9 * shape.encode(ws)[0, 0])
    return PortraitEncoder(METADATA, module.requires_grad_(False))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    save_encoder(tmp_path / "encoder.safetensors", build_encoder(SIZES), METADATA)
    return tmp_path / "encoder.safetensors"


def finished(run: Any) -> tuple[list[InversionProgress], InversionResult]:
    seen = []
    try:
        while True:
            seen.append(next(run))
    except StopIteration as end:
        return seen, end.value


# --- the search ---------------------------------------------------------------------------------------------------


def test_that_without_steps_the_encoders_word_is_the_result(
    network: Network, target: np.ndarray, knowing: PortraitEncoder
) -> None:
    seen, result = finished(invert_portrait(network, target, steps=0, distance=PLAIN, encoder=knowing))
    assert [progress.step for progress in seen] == [0]
    assert result.steps == 0
    assert result.noise is None
    np.testing.assert_allclose(result.ws, knowing.encode(target, network)[0].numpy(), atol=1e-4)


def test_that_the_encoders_picture_is_seen_before_the_first_step(
    network: Network, target: np.ndarray, knowing: PortraitEncoder
) -> None:
    first = next(invert_portrait(network, target, steps=9, distance=PLAIN, encoder=knowing))
    assert first.step == 0
    assert first.image is not None
    shown = network.synthesis(knowing.encode(target, network))
    torch.testing.assert_close(first.image, shown, rtol=0, atol=1e-4)


@pytest.mark.parametrize("steps", [1, 5, 20, 60])
def test_that_a_near_start_is_never_made_worse_and_beats_the_mean(
    network: Network, target: np.ndarray, knowing: PortraitEncoder, steps: int
) -> None:
    _, alone = finished(invert_portrait(network, target, steps=0, distance=PLAIN, encoder=knowing))
    _, near = finished(invert_portrait(network, target, steps=steps, distance=PLAIN, encoder=knowing))
    _, far = finished(invert_portrait(network, target, steps=steps, distance=PLAIN))
    assert near.perceptual_distance <= alone.perceptual_distance + 1e-6
    assert near.perceptual_distance < far.perceptual_distance


def test_that_a_search_in_w_starts_at_the_rows_mean(
    network: Network, target: np.ndarray, knowing: PortraitEncoder
) -> None:
    settings = {"steps": 0, "distance": PLAIN, "encoder": knowing}
    _, result = finished(invert_portrait(network, target, space=LatentSpaceChoice.W, **settings))
    assert np.ptp(result.ws, axis=0).max() == 0


def test_that_a_search_cancelled_at_once_keeps_what_the_encoder_found(
    network: Network, target: np.ndarray, knowing: PortraitEncoder
) -> None:
    run = invert_portrait(network, target, steps=50, distance=PLAIN, encoder=knowing)
    next(run)
    with pytest.raises(StopIteration) as end:
        run.throw(RenderCancelled())
    assert end.value.value.steps == 0


def test_that_no_steps_without_an_encoder_are_refused(network: Network, target: np.ndarray) -> None:
    with pytest.raises(JobError, match="from 1 to 5000"):
        next(invert_portrait(network, target, steps=0, distance=PLAIN))


def test_that_an_encoder_of_other_latents_is_refused(network: Network, target: np.ndarray) -> None:
    sizes = replace(SIZES, num_ws=10)
    other = PortraitEncoder(replace(METADATA, sizes=sizes), build_encoder(sizes))
    with pytest.raises(SpaceMismatchError, match="10 x 10; this model takes 8 x 10"):
        next(invert_portrait(network, target, distance=PLAIN, encoder=other))


# --- the file -----------------------------------------------------------------------------------------------------


def test_that_the_file_says_whose_it_is(path: Path) -> None:
    assert read_encoder_metadata(path) == METADATA
    assert load_encoder(path).metadata == METADATA
    assert {tensor.dtype for tensor in load_file(path).values()} == {torch.float16}


def test_that_an_encoder_is_offered_to_its_own_model_only(path: Path) -> None:
    folders = [path.parent, path.parent / "missing"]
    assert offer_encoder(ModelRef(MARK.sha256, "renamed"), folders).path == path
    other = offer_encoder(ModelRef("cd" * 32, "toon"), folders)
    assert other.path is None
    assert other.reason == "The encoder belongs to “portrait”; it knows nothing of “toon”."
    newer = offer_encoder(ModelRef("cd" * 32, "portrait"), folders)
    assert newer.reason == "The encoder here belongs to another version of “portrait”."
    assert offer_encoder(ModelRef("cd" * 32, "toon"), []).reason == "There is no encoder for “toon”."


def test_that_a_tuned_model_is_offered_its_parents_encoder(path: Path) -> None:
    tuned, folders = ModelRef("cd" * 32, "portrait, Anna"), [path.parent]
    assert offer_encoder(tuned, folders, ModelRef(MARK.sha256, "portrait")).path == path
    strangers = offer_encoder(tuned, folders, ModelRef("ef" * 32, "toon"))
    assert strangers.reason == offer_encoder(tuned, folders).reason


def test_that_damaged_neighbours_do_not_hide_an_encoder(path: Path) -> None:
    (path.parent / "encoder-a.safetensors").write_bytes(b"")
    (path.parent / "encoder-b.safetensors").write_bytes(path.read_bytes()[:200])
    assert offer_encoder(ModelRef(MARK.sha256, "x"), [path.parent]).path == path


def rewritten(path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    document = json.loads(METADATA.to_json_text())
    change(document)
    save_file(load_file(path), path, {METADATA_KEY: json.dumps(document)})
    return path


HOSTILE: dict[str, Callable[[dict[str, Any]], object]] = {
    "newer Graft": lambda document: document.update(format=9),
    "no format number": lambda document: document.pop("format"),
    "unknown key": lambda document: document.update(run="me"),
    "no SHA-256": lambda document: document["model"].update(sha256="../../etc"),
    "no name": lambda document: document["model"].update(name=""),
    "power of two": lambda document: document["sizes"].update(input_px=33),
    "input_px is 65536": lambda document: document["sizes"].update(input_px=65536),
    "widths go beyond": lambda document: document["sizes"].update(widths=[8, 8, 10**9, 16]),
    "widths are 3": lambda document: document["sizes"].update(widths=[8, 8, 16]),
    "w_dim is 100000000": lambda document: document["sizes"].update(w_dim=10**8),
    "type int": lambda document: document["sizes"].update(features=1.5),
    "shape": lambda document: document["sizes"].update(w_dim=4096, features=4096),
    "lacks the key": lambda document: document.pop("framing"),
    "curvature is 4096": lambda document: document["sizes"].update(curvature=4096),
    "lacks the tensor curvature.directions": lambda document: document["sizes"].update(curvature=5),
}


@pytest.mark.parametrize("said", HOSTILE)
def test_that_hostile_metadata_are_refused_in_words(path: Path, said: str) -> None:
    with pytest.raises(ModelError, match=said) as refusal:
        load_encoder(rewritten(path, HOSTILE[said]))
    assert len(refusal.value.user_message) <= 300


def test_that_wrong_tensors_are_refused(path: Path) -> None:
    good, text = load_file(path), {METADATA_KEY: METADATA.to_json_text()}
    for said, tensors in {
        "lacks the tensor shared.bias": {k: v for k, v in good.items() if k != "shared.bias"},
        "no place for": {**good, "extra": torch.zeros(1)},
        "has shape": {**good, "shared.bias": torch.zeros(3, dtype=torch.float16)},
        "int32": {**good, "shared.bias": torch.zeros(10, dtype=torch.int32)},
        "no numbers": {**good, "shared.bias": torch.full((10,), torch.nan, dtype=torch.float16)},
    }.items():
        save_file(tensors, path, text)
        with pytest.raises(ModelError, match=said):
            load_encoder(path)


@pytest.fixture
def curved(tmp_path: Path, network: Network) -> tuple[Path, Curvature]:
    """An encoder's file that knows 6 directions of the model's curvature."""
    module = build_encoder(SIZES)
    source = torch.Generator().manual_seed(2)
    directions = torch.linalg.qr(torch.randn(80, 6, generator=source))[0].T.unflatten(1, (8, 10))
    curvature = Curvature(WSpace(module.mean, module.axes), directions, torch.logspace(0, -6, 6))
    metadata = replace(METADATA, sizes=replace(SIZES, curvature=6))
    save_encoder(tmp_path / "encoder.safetensors", module, metadata, curvature)
    return tmp_path / "encoder.safetensors", curvature


def test_that_the_curvature_is_kept_with_the_encoder(curved: tuple[Path, Curvature]) -> None:
    path, curvature = curved
    encoder = load_encoder(path)
    assert encoder.curvature is curvature_of(encoder)
    assert encoder.curvature is not None
    torch.testing.assert_close(encoder.curvature.directions, curvature.directions, rtol=0, atol=0.005)
    torch.testing.assert_close(encoder.curvature.strengths, curvature.strengths)
    assert encoder.curvature.space.axes is encoder.module.axes
    assert load_file(path)["curvature.directions"].dtype is torch.int8


def test_that_a_damaged_curvature_is_refused(curved: tuple[Path, Curvature]) -> None:
    path, _ = curved
    good, text = load_file(path), {METADATA_KEY: read_encoder_metadata(path).to_json_text()}
    one = good["curvature.directions"].clone()
    one[3] = 0
    for said, changed in {
        "no length or strength": {"curvature.directions": one},
        "direction of no length": {"curvature.strengths": -good["curvature.strengths"]},
        "float16; int8 is read": {"curvature.directions": one.half()},
        "int8; float16 or float32": {"shared.bias": good["shared.bias"].to(torch.int8)},
        "no numbers": {"curvature.strengths": torch.full((6,), torch.nan)},
    }.items():
        save_file({**good, **changed}, path, text)
        with pytest.raises(ModelError, match=said):
            load_encoder(path)


def test_that_a_file_of_the_first_format_is_read_as_before(path: Path) -> None:
    def older(document: dict[str, Any]) -> None:
        document["format"] = 1
        del document["sizes"]["curvature"]

    encoder = load_encoder(rewritten(path, older))
    assert encoder.metadata == METADATA
    assert curvature_of(encoder) is None


def test_that_other_files_are_no_encoders(tmp_path: Path) -> None:
    save_file({"a": torch.zeros(1)}, tmp_path / "encoder.safetensors")
    with pytest.raises(ModelError, match="not an encoder"):
        load_encoder(tmp_path / "encoder.safetensors")
    with pytest.raises(ModelError, match="cannot be read"):
        load_encoder(tmp_path / "missing.safetensors")

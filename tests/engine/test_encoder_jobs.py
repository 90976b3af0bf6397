"""A checkpoint with an encoder, given to the engine: its generator is on the shelf, its encoder serves it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from rule_weights import encoder_checkpoint, golden_io
from small_networks import random_network, small_config
from typer.testing import CliRunner

from engine.cli import app
from engine.encoder_events import EncoderKept
from engine.encoder_file import encoder_folders, offer_encoder
from engine.errors import EncoderOnlyError, SpaceMismatchError
from engine.export.embedded import read_recipe
from engine.framing import FacePoints
from engine.headless import Headless
from engine.imaging import to_rgb
from engine.inspection import inspect_file
from engine.inversion.published_encoders import load_published
from engine.library import Library
from engine.messages import InvertPortrait, LoadModel, ModelLoaded, PortraitInverted, StartPoint
from engine.network import load_network
from engine.places import user_places
from engine.state import EditState, MixSource, ModelRef, StoredLatent

Checkpoint = dict[str, Any]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAFT_HOME", str(tmp_path / "home"))
    user_places().make()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Headless]:
    library = Library(tmp_path / "library.sqlite")
    made = Headless(library, "cpu", lambda text, fraction=None: None)
    yield made
    library.close()


@pytest.fixture(scope="module")
def w() -> Checkpoint:
    return encoder_checkpoint("enc_psp_into_w")


def write(path: Path, checkpoint: Checkpoint, **options: Any) -> Path:
    torch.save({**checkpoint, "opts": {**checkpoint["opts"], **options}}, path)
    return path


def alone(checkpoint: Checkpoint) -> Checkpoint:
    state = {name: one for name, one in checkpoint["state_dict"].items() if name.startswith("encoder.")}
    return {**checkpoint, "state_dict": state}


def loaded(engine: Headless, path: Path) -> ModelLoaded:
    found = engine.run(LoadModel(path))
    assert isinstance(found, ModelLoaded)
    return found


def offered(model: ModelRef) -> Path | None:
    return offer_encoder(model, encoder_folders(user_places())).path


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    pixels = np.random.RandomState(0).randint(0, 256, (90, 120, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def search(photo: Path, model: ModelRef, **choices: Any) -> InvertPortrait:
    return InvertPortrait(photo, FacePoints((45.0, 40.0), (70.0, 40.0), (57.0, 65.0)), model, "p", steps=0, **choices)


def test_that_a_dropped_checkpoint_gives_a_model_that_begins_with_its_encoder(
    engine: Headless, w: Checkpoint, tmp_path: Path, photo: Path
) -> None:
    found = loaded(engine, write(tmp_path / "psp_w.pt", w))
    assert (found.model.name, found.encoder, found.is_twin) == ("psp_w", "pSp, one style for all layers", False)
    path = offered(found.model)
    assert path is not None
    result = engine.run(search(photo, found.model))
    assert isinstance(result, PortraitInverted)
    assert result.start is StartPoint.ENCODER
    assert result.encoder == "pSp “psp_w”"
    ws = engine.store.ws(result.latent.key)
    np.testing.assert_allclose(ws, np.broadcast_to(ws[0], ws.shape), atol=1e-4)


def test_that_a_second_encoder_of_the_same_generator_belongs_to_the_model_that_is_here(
    engine: Headless, w: Checkpoint, tmp_path: Path
) -> None:
    first = loaded(engine, write(tmp_path / "first.pt", w))
    without = {key: one for key, one in w.items() if key != "latent_avg"}
    second = loaded(engine, write(tmp_path / "second.pt", without, encoder_type="SingleStyleCodeEncoder"))
    assert second.is_twin
    assert second.model == first.model
    assert second.encoder.startswith("e4e")
    assert len(engine.library.models()) == 1
    path = offered(first.model)
    assert path is not None
    assert "second" in path.name
    again = loaded(engine, tmp_path / "first.pt")
    assert (again.model, again.is_twin) == (first.model, False)
    assert "first" in str(offered(first.model))


def test_that_a_file_which_is_asked_for_by_its_hash_is_shelved_beside_its_twin(
    engine: Headless, w: Checkpoint, tmp_path: Path
) -> None:
    first = loaded(engine, write(tmp_path / "first.pt", w))
    second = engine.run(LoadModel(write(tmp_path / "second.pt", w, lpips_lambda=0.7), exact=True))
    assert isinstance(second, ModelLoaded)
    assert not second.is_twin
    assert {record.ref for record in engine.library.models()} == {first.model, second.model}


def test_that_one_different_number_makes_another_model(engine: Headless, w: Checkpoint, tmp_path: Path) -> None:
    first = loaded(engine, write(tmp_path / "first.pt", w))
    state = {**w["state_dict"]}
    noise = state["decoder.noises.noise_3"].clone()
    noise[0, 0, 0, 0] += 1e-3
    state["decoder.noises.noise_3"] = noise
    second = loaded(engine, write(tmp_path / "second.pt", {**w, "state_dict": state}))
    assert not second.is_twin
    assert second.model.sha256 != first.model.sha256


def test_that_an_encoder_alone_finds_its_model_by_the_mean_latent(
    engine: Headless, w: Checkpoint, tmp_path: Path
) -> None:
    network = load_network(write(tmp_path / "whole.pt", w))
    network.save(tmp_path / "generator.safetensors")
    model = loaded(engine, tmp_path / "generator.safetensors")
    assert (model.encoder, offered(model.model)) == ("", None)  # what Graft saved has no encoder any more
    kept = engine.run(LoadModel(write(tmp_path / "encoder alone.pt", alone(w))))
    assert isinstance(kept, EncoderKept)
    assert (kept.title, kept.model) == ("encoder-alone", model.model)
    assert offered(model.model) == kept.path


def test_that_an_encoder_without_any_model_waits_for_one(engine: Headless, w: Checkpoint, tmp_path: Path) -> None:
    path = write(tmp_path / "encoder.pt", alone(w))
    kept = engine.run(LoadModel(path))
    assert isinstance(kept, EncoderKept)
    assert kept.model is None
    assert load_published(kept.path).name == "pSp “encoder”"
    with pytest.raises(EncoderOnlyError) as caught:
        engine.model(str(path))
    assert "--encoder" in caught.value.hint


def test_that_a_model_is_added_though_its_encoder_cannot_be_used(
    engine: Headless, w: Checkpoint, tmp_path: Path
) -> None:
    found = loaded(engine, write(tmp_path / "labels.pt", w, label_nc=19))
    assert found.encoder == ""
    assert found.warnings[-1].startswith("Its encoder is left out: This encoder reads pictures of")
    assert offered(found.model) is None


def test_that_another_encoder_can_be_named_for_a_search_and_must_fit(
    engine: Headless, w: Checkpoint, tmp_path: Path, photo: Path
) -> None:
    first = loaded(engine, write(tmp_path / "first.pt", w))
    second = loaded(engine, write(tmp_path / "second.pt", w, encoder_type="SingleStyleCodeEncoder"))
    assert second.is_twin
    (named,) = user_places().weights_folder.glob("published-first-*")
    result = engine.run(search(photo, first.model, encoder_file=named))
    assert isinstance(result, PortraitInverted)
    assert result.encoder == "pSp “first”"
    random_network(small_config(w_dim=10)).save(tmp_path / "other.safetensors")
    other = loaded(engine, tmp_path / "other.safetensors")
    with pytest.raises(SpaceMismatchError):
        engine.run(search(photo, other.model, encoder_file=named))


@pytest.mark.parametrize(("looks", "said"), [(None, 5), (2, 2)])
def test_that_restyle_looks_again_and_others_get_their_turn_in_between(
    engine: Headless, tmp_path: Path, photo: Path, looks: int | None, said: int
) -> None:
    found = loaded(engine, write(tmp_path / "restyle.pt", encoder_checkpoint("enc_restyle_psp")))
    told: list[str] = []
    engine.report = lambda text, fraction=None: told.append(text)
    result = engine.run(search(photo, found.model, looks=looks))
    assert isinstance(result, PortraitInverted)
    assert [text for text in told if text.startswith("Look ")] == [f"Look {n} of {said}" for n in range(1, said + 1)]
    path = offered(found.model)
    assert path is not None
    cut = np.ascontiguousarray(result.target[:, :, 2::-1])
    alone = load_published(path, looks or 5).encode(cut, load_network(tmp_path / "restyle.pt"))
    np.testing.assert_allclose(engine.store.ws(result.latent.key), alone[0].numpy(), atol=1e-3)


def test_that_inspecting_tells_of_the_encoder_and_keeps_nothing(w: Checkpoint, tmp_path: Path) -> None:
    whole = inspect_file(write(tmp_path / "whole.pt", w))
    assert whole.facts["kind"] == "model"
    assert whole.facts["encoder"]["name"] == "pSp, one style for all layers"
    assert "added to the file's mean latent" in whole.text
    part = inspect_file(write(tmp_path / "part.pt", alone(w)))
    assert part.facts["kind"] == "encoder"
    assert json.loads(json.dumps(part.facts))["input_channels"] == 3
    assert "without a generator" in part.text
    assert not user_places().weights_folder.exists()


@pytest.mark.parametrize("legacy", [False, True])
def test_that_a_portrait_is_inverted_by_a_checkpoint_without_the_window(
    w: Checkpoint, tmp_path: Path, photo: Path, legacy: bool
) -> None:
    path = tmp_path / "psp_w.pt"
    torch.save(w, path, _use_new_zipfile_serialization=not legacy)
    where = ["--eyes", "45,40,70,40", "--mouth", "57,65"]
    asked = ["invert", str(photo), "--encoder", str(path), "--steps", "0", *where]
    done = CliRunner().invoke(app, [*asked, "-o", str(tmp_path / "out.png")])
    assert done.exit_code == 0, done.output
    assert "from the encoder's start" in done.output
    assert read_recipe(tmp_path / "out.png").state.model_a.name == "psp_w"  # type: ignore[union-attr]
    short = tmp_path / "short.pt"
    short.write_bytes(path.read_bytes()[:5000])
    failed = CliRunner().invoke(app, ["invert", str(photo), "--encoder", str(short), "-o", str(tmp_path / "no.png")])
    assert failed.exit_code == 1
    assert "Traceback" not in failed.output


def test_that_an_encoder_alone_asks_for_its_model(w: Checkpoint, tmp_path: Path, photo: Path) -> None:
    path = write(tmp_path / "alone.pt", alone(w))
    failed = CliRunner().invoke(app, ["invert", str(photo), "--encoder", str(path), "-o", str(tmp_path / "no.png")])
    assert failed.exit_code == 1
    assert "without a generator" in failed.output
    assert "--model" in failed.output


@pytest.mark.parametrize(("case", "share"), [("latents_mask_inject", 1.0), ("latents_mask_inject_a03", 0.3)])
def test_that_style_mixing_is_what_published_programs_call_a_mask_and_an_injected_code(
    engine: Headless, tmp_path: Path, case: str, share: float
) -> None:
    io = golden_io("enc_psp_gradual")
    path = write(tmp_path / "psp.pt", encoder_checkpoint("enc_psp_gradual"))
    model = loaded(engine, path).model
    code, injected = (StoredLatent(engine.store.put_ws(io[key][0])) for key in ("latents", "inject"))
    strengths = (*[0.0] * 7, *[share] * 3)
    state = EditState(model, latent=code, truncation_psi=1.0, mix=(MixSource(injected, strengths),))
    with torch.no_grad():
        wanted = to_rgb(load_network(path).synthesis(torch.from_numpy(io[case][:1])))
    assert np.abs(engine.render(state).astype(int) - wanted).max() <= 1
    assert np.abs(engine.render(replace(state, mix=())).astype(int) - wanted).max() > 20

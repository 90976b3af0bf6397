"""Training an encoder for a tiny generator, and going on with an earlier one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from training_fixtures import dataset, pictures, tiny_network
from typer.testing import CliRunner

from engine.encoder_file import EncoderMetadata, ModelMark, offer_encoder
from engine.errors import JobError
from engine.inversion.distance import PixelsAndEdges
from engine.inversion.encoder import PortraitEncoder, load_encoder, save_encoder
from engine.network import Network
from engine.state import ModelRef
from engine.training.cli import app
from engine.training.config import Precision
from engine.training.encoder import EncoderTask, continued, new_encoder, sizes_for, split
from engine.training.growth import grow_network
from engine.training.photo_changes import relit, worn
from engine.training.supervised import Evaluated, FitConfig, fit

SIZE = 32


@pytest.fixture(scope="module")
def network() -> Network:
    made = tiny_network(SIZE)
    with torch.no_grad():  # faces that differ
        for name, tensor in made.tensors.items():
            if "torgb.weight" in name:
                tensor.mul_(3)
    return made


@pytest.fixture(autouse=True)
def _narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.training.encoder.WIDTHS", (8, 8, 8, 16, 16, 16))
    monkeypatch.setattr("engine.training.encoder.FEATURES", 32)
    monkeypatch.setattr("engine.training.encoder.JUDGED", 8)


def kept(network: Network, name: str = "small") -> PortraitEncoder:
    module = new_encoder(network, 0)
    metadata = EncoderMetadata(ModelMark(name, "a" * 64), sizes_for(network), network.origin.framing)
    return PortraitEncoder(metadata, module)


def test_that_it_learns_to_rebuild_pictures(network: Network, tmp_path: Path) -> None:
    task = EncoderTask(new_encoder(network, 0), network, dataset(size=SIZE), PixelsAndEdges())
    before = task.figures(task.module)
    config = FitConfig(steps=40, batch=6, learning_rate=4e-3, average=0.9, checkpoint_steps=40)
    events = list(fit(task, config, tmp_path, lambda: False))
    (after,) = [event.figures for event in events if isinstance(event, Evaluated)]
    assert after["portrait_perceptual"] < 0.95 * before["portrait_perceptual"]
    assert after["portrait_perceptual"] < 0.95 * after["mean_perceptual"]
    assert after["mean_pixel"] == before["mean_pixel"]
    assert not any(tensor.requires_grad for tensor in network.tensors.values())


def test_that_a_step_depends_on_its_random_numbers_alone(network: Network) -> None:
    task = EncoderTask(new_encoder(network, 0), network, dataset(size=SIZE), PixelsAndEdges())
    torch.manual_seed(1)
    first = task.losses(np.random.default_rng(5), 4, Precision.FLOAT32)
    torch.manual_seed(2)
    again = task.losses(np.random.default_rng(5), 4, Precision.FLOAT32)
    assert {name: loss.item() for name, loss in first.items()} == {name: loss.item() for name, loss in again.items()}


def test_that_a_fresh_encoder_says_nearly_the_mean(network: Network) -> None:
    found = new_encoder(network, 0)(torch.zeros(2, 3, SIZE, SIZE))
    spread = (network.mapping(torch.randn(64, 8)) - network.w_avg).std()
    assert found.shape == (2, network.descriptor.num_ws, network.descriptor.w_dim)
    assert (found - network.w_avg).abs().mean() < 0.5 * spread


def test_that_pictures_to_measure_with_are_never_learned_from() -> None:
    parts = split(1000)
    assert len(parts.kept) == 25
    assert not set(parts.kept) & set(parts.learned)
    with pytest.raises(JobError, match="There are 3 pictures"):
        split(3)


def test_that_an_earlier_encoder_goes_on_where_it_was(network: Network) -> None:
    earlier = kept(network)
    module = continued(earlier, tiny_network(SIZE, seed=1), seed=3)
    portraits = torch.rand(2, 3, SIZE, SIZE)
    assert torch.equal(module(portraits), earlier.module(portraits))
    assert all(parameter.requires_grad for parameter in module.parameters())


def test_that_an_encoder_of_the_generator_before_it_was_grown_goes_on() -> None:
    small = tiny_network(128)
    earlier = kept(small)
    grown = grow_network(small, 0)
    module = continued(earlier, grown, seed=3)
    portraits = torch.rand(1, 3, 128, 128)
    before, after = earlier.module(portraits), module(portraits)
    rows = small.descriptor.num_ws
    torch.testing.assert_close(after[:, :rows], before)
    torch.testing.assert_close(after[:, rows:], before[:, -1:].expand(-1, 2, -1))


def test_that_an_encoder_of_other_latents_is_refused(network: Network) -> None:
    with pytest.raises(JobError, match="reads 32 px and gives latents of 8 x 8; this model needs 16 px, 6 x 8"):
        continued(kept(network), tiny_network(16), seed=0)


def test_that_worn_pictures_stay_pictures_of_the_same_thing() -> None:
    images = torch.from_numpy(pictures(6, 64)).permute(0, 3, 1, 2) / 127.5 - 1
    for change in (relit, worn):
        changed = change(images, np.random.default_rng(0))
        assert changed.shape == images.shape
        assert changed.abs().max() <= 1
        assert torch.equal(changed, change(images, np.random.default_rng(0)))
        assert not torch.equal(changed, images)
        likeness = np.corrcoef(changed.flatten().numpy(), images.flatten().numpy())[0, 1]
        assert likeness > 0.8


def test_that_the_command_trains_resumes_and_goes_on_from_a_file(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAFT_HOME", str(tmp_path / "home"))
    model, data, run = tmp_path / "small.safetensors", tmp_path / "faces", tmp_path / "run"
    network.save(model)
    data.mkdir()
    np.save(data / "0000000.npy", pictures(12, SIZE))
    words = ["encoder", "--model", str(model), "--data", str(data), "--steps", "4", "--batch", "4", "--device", "cpu"]
    words += ["--draws", "64"]
    stopped = CliRunner().invoke(app, [*words, "--out", str(run), "--checkpoint-steps", "2", "--json"])
    assert stopped.exit_code == 0, stopped.output
    events = [json.loads(line) for line in stopped.output.splitlines() if line.startswith("{")]
    assert [event["step"] for event in events if event["event"] == "Evaluated"] == [2, 4]
    made = load_encoder(run / "encoder.safetensors")
    assert made.metadata.model.name == "small"
    assert made.metadata.lineage[0]["steps"] == 4
    assert made.curvature is not None
    assert made.metadata.sizes.curvature == len(made.curvature.strengths) == 32
    assert torch.equal(made.curvature.space.axes, made.module.axes)
    ref = ModelRef(made.metadata.model.sha256, "small")
    assert offer_encoder(ref, [run]).path == run / "encoder.safetensors"
    more = [*words, "--out", str(tmp_path / "more"), "--from", str(run / "encoder.safetensors"), "--draws", "0"]
    assert CliRunner().invoke(app, more).exit_code == 0
    assert len(load_encoder(tmp_path / "more" / "encoder.safetensors").metadata.lineage) == 2


def test_that_an_encoder_is_given_to_a_model_saved_anew(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAFT_HOME", str(tmp_path / "home"))
    model, run = tmp_path / "again.safetensors", tmp_path / "run"
    network.save(model, half=True)
    np.save(tmp_path / "faces.npy", pictures(12, SIZE))
    encoder = kept(network)
    save_encoder(tmp_path / "encoder.safetensors", encoder.module, encoder.metadata)
    words = ["encoder", "--model", str(model), "--data", str(tmp_path / "faces.npy"), "--batch", "4", "--steps", "0"]
    words += ["--draws", "0"]
    done = CliRunner().invoke(app, [*words, "--out", str(run), "--from", str(tmp_path / "encoder.safetensors")])
    assert done.exit_code == 0, done.output
    given = load_encoder(run / "encoder.safetensors")
    assert given.curvature is None
    assert (given.metadata.model.name, given.metadata.lineage[-1]["steps"]) == ("again", 0)
    for name, tensor in encoder.module.state_dict().items():
        torch.testing.assert_close(given.module.state_dict()[name], tensor, rtol=1e-3, atol=1e-4)


def test_that_an_encoder_needs_a_model_file(tmp_path: Path) -> None:
    words = ["encoder", "--model", "nobody", "--data", str(tmp_path), "--out", str(tmp_path / "run")]
    failed = CliRunner().invoke(app, words)
    assert isinstance(failed.exception, JobError)
    assert "no model file nobody" in failed.exception.user_message


def test_that_a_saved_encoder_is_read_back(network: Network, tmp_path: Path) -> None:
    encoder = kept(network)
    save_encoder(tmp_path / "encoder.safetensors", encoder.module, encoder.metadata)
    again = load_encoder(tmp_path / "encoder.safetensors")
    assert again.metadata == encoder.metadata
    portraits = torch.rand(1, 3, SIZE, SIZE)
    torch.testing.assert_close(again.module(portraits), encoder.module(portraits), rtol=0, atol=2e-2)

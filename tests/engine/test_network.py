"""The public face: shapes and words, truncation, noise, saving."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from small_networks import latents, random_network, random_tensors, relative_error, small_config

import engine
from engine.errors import (
    MAX_MESSAGE_CHARS,
    CorruptModelError,
    DeviceError,
    EngineError,
    LatentError,
    LatentShapeError,
    ModelError,
    UnsupportedModelError,
)
from engine.framing import Framing, FramingKind
from engine.network import Network, Origin, estimate_w_avg
from engine.network_metadata import METADATA_KEY, NetworkMetadata, SourceFile


def z_of(network: Network, count: int = 2, seed: int = 3) -> torch.Tensor:
    return torch.randn(count, network.descriptor.z_dim, generator=torch.Generator().manual_seed(seed))


# --- describing ---------------------------------------------------------------------------------------------------


def test_that_the_descriptor_lists_layers_with_rows_and_positions() -> None:
    descriptor = random_network(small_config((6, 6, 4))).descriptor
    assert (descriptor.family, descriptor.img_resolution, descriptor.num_ws) == ("stylegan2", 16, 6)
    layers = descriptor.layers
    rows = [(layer.name, str(layer.kind), layer.w_index, layer.position, layer.channels) for layer in layers]
    assert rows == [
        ("b4.const", "const", -1, 0, 6),
        ("b4.conv1", "conv", 0, 1, 6),
        ("b4.torgb", "torgb", 1, 1, 3),
        ("b8.conv0", "conv", 1, 2, 6),
        ("b8.conv1", "conv", 2, 3, 6),
        ("b8.torgb", "torgb", 3, 3, 3),
        ("b16.conv0", "conv", 3, 4, 4),
        ("b16.conv1", "conv", 4, 5, 4),
        ("b16.torgb", "torgb", 5, 5, 3),
    ]
    assert all(layer.has_noise == (layer.kind == "conv") for layer in layers)


@pytest.mark.parametrize("architecture", ["resnet", "orig"])
def test_that_num_ws_does_not_depend_on_the_architecture(architecture: str) -> None:
    descriptor = random_network(small_config((6, 6, 4), architecture=architecture)).descriptor
    assert descriptor.num_ws == 6
    assert [layer.name for layer in descriptor.layers if layer.kind == "torgb"] == ["b16.torgb"]


# --- mapping ------------------------------------------------------------------------------------------------------


def test_that_psi_0_gives_the_mean_latent_and_psi_1_changes_nothing() -> None:
    network = random_network()
    z = z_of(network)
    assert torch.equal(network.mapping(z, truncation_psi=0.0), network.w_avg.expand(2, 6, -1))
    assert torch.equal(network.mapping(z, truncation_psi=1.0), network.mapping(z))
    plain, pulled = network.mapping(z), network.mapping(z, truncation_psi=-0.5)
    assert relative_error(pulled, network.w_avg - 0.5 * (plain - network.w_avg)) < 1e-6


@pytest.mark.parametrize("cutoff", [0, 1, 4, 6, 99])
def test_that_truncation_stops_at_the_cutoff(cutoff: int) -> None:
    network = random_network()
    z = z_of(network)
    plain, all_rows = network.mapping(z), network.mapping(z, truncation_psi=0.3)
    some_rows = network.mapping(z, truncation_psi=0.3, truncation_cutoff=cutoff)
    assert torch.equal(some_rows[:, :cutoff], all_rows[:, :cutoff])
    assert torch.equal(some_rows[:, cutoff:], plain[:, cutoff:])


def test_that_a_missing_mean_latent_is_estimated_always_the_same() -> None:
    config = small_config(has_w_avg=False)
    one, two = random_network(config), random_network(config)
    assert torch.equal(one.w_avg, two.w_avg)
    many = one.mapping(z_of(one, 40_000, seed=9))[:, 0]
    assert float((one.w_avg - many.mean(0)).abs().max()) < 5 * float(many.std()) / 100
    assert "mapping.w_avg" not in one.tensors
    conditional = random_network(small_config(c_dim=3, has_w_avg=False))
    assert torch.equal(conditional.w_avg, estimate_w_avg(conditional.module))
    assert conditional.w_avg.abs().max() > 0


# --- synthesis ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("architecture", ["skip", "resnet", "orig"])
@pytest.mark.parametrize("noise_mode", ["const", "random", "none"])
def test_that_a_batch_equals_a_loop(architecture: str, noise_mode: str) -> None:
    network = random_network(small_config(architecture=architecture))
    ws = latents(network, 3)
    if noise_mode == "random":  # one seed means the same noise for every single picture
        ws = ws[:1]
    batch = network.synthesis(ws, noise_mode, noise_seed=1)
    loop = torch.cat([network.synthesis(w[None], noise_mode, noise_seed=1) for w in ws])
    assert relative_error(batch, loop) < 1e-6


def test_that_strength_0_is_no_noise_and_strength_1_is_as_trained() -> None:
    network = random_network()
    ws = latents(network)
    none = network.synthesis(ws, "none")
    assert torch.equal(network.synthesis(ws, "const", 0.0), none)
    assert torch.equal(network.synthesis(ws, "const", [0.0] * 6), none)
    assert torch.equal(network.synthesis(ws, "random", 0.0, 3), none)
    assert torch.equal(network.synthesis(ws, "const", 1.0), network.synthesis(ws))
    assert not torch.equal(network.synthesis(ws), none)


def test_that_a_layer_strength_moves_that_layer_only() -> None:
    network = random_network()
    ws = latents(network)
    strengths = [1.0, 1.0, 1.0, 0.0, 1.0, 1.0]
    with torch.no_grad():
        network_without = random_network()
        network_without.tensors["synthesis.b8.conv1.noise_strength"].zero_()
    found = network.synthesis(ws, noise_strength=strengths)
    assert torch.equal(found, network_without.synthesis(ws))


def test_that_given_maps_replace_a_layers_own() -> None:
    network = random_network()
    ws = latents(network)
    layers = ("b8.conv0", "b8.conv1", "b16.conv1")
    own = {layer: network.tensors[f"synthesis.{layer}.noise_const"] for layer in layers}
    assert torch.equal(network.synthesis(ws, noise=own), network.synthesis(ws))
    per_picture = torch.stack([own["b16.conv1"], -own["b16.conv1"]])[:, None]
    found = network.synthesis(ws, noise={"b16.conv1": per_picture})
    assert torch.equal(found[:1], network.synthesis(ws)[:1])
    assert not torch.equal(found[1:], network.synthesis(ws)[1:])
    assert torch.equal(network.synthesis(ws, "none", noise=own), network.synthesis(ws, "none"))


def test_that_nothing_records_gradients_unless_asked() -> None:
    network = random_network()
    z = z_of(network).requires_grad_(True)
    ws = network.mapping(z)
    assert not ws.requires_grad
    assert not network.synthesis(ws.requires_grad_(True)).requires_grad
    assert network.mapping(z, with_grad=True).requires_grad
    assert network.synthesis(ws, with_grad=True).requires_grad
    with torch.no_grad():
        assert network.synthesis(ws, with_grad=True).requires_grad
    assert all(not parameter.requires_grad for parameter in network.module.parameters())


def test_that_nothing_given_is_written_to() -> None:
    network = random_network()
    ws, noise = latents(network), {"b8.conv0": torch.randn(8, 8)}
    before = ws.clone(), noise["b8.conv0"].clone(), {name: t.clone() for name, t in network.tensors.items()}
    network.synthesis(ws, noise_strength=0.5, noise=noise)
    assert torch.equal(ws, before[0])
    assert torch.equal(noise["b8.conv0"], before[1])
    assert all(torch.equal(tensor, before[2][name]) for name, tensor in network.tensors.items())


# --- saving -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [{}, {"architecture": "resnet", "conv_clamp": 0.5}, {"c_dim": 3, "use_noise": False}, {"has_w_avg": False}],
    ids=str,
)
def test_that_saving_and_loading_is_bit_exact(
    options: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAFT_HOME", str(tmp_path / "home"))
    network = random_network(small_config(**options))
    file = tmp_path / "net.safetensors"
    network.save(file)
    again = engine.load_network(file)
    assert again.config == network.config
    assert again.sha256 == network.sha256
    assert list(again.tensors) == list(network.tensors)
    ws = latents(network)
    assert torch.equal(again.synthesis(ws), network.synthesis(ws))
    assert torch.equal(again.w_avg, network.w_avg)
    again.save(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == file.read_bytes()


def test_that_half_size_files_hold_the_same_numbers_to_three_digits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAFT_HOME", str(tmp_path / "home"))
    network = random_network()
    network.save(tmp_path / "full.safetensors")
    network.save(tmp_path / "half.safetensors", half=True)
    again = engine.load_network(tmp_path / "half.safetensors")
    assert {tensor.dtype for tensor in again.tensors.values()} == {torch.float32}
    for name, tensor in network.tensors.items():
        assert torch.equal(again.tensors[name], tensor.half().float())
    half, full = ((tmp_path / f"{name}.safetensors").stat().st_size for name in ("half", "full"))
    count = sum(tensor.numel() for tensor in network.tensors.values())
    assert full - half == pytest.approx(2 * count, abs=1024), "headers may differ a little"


def test_that_weights_too_large_for_half_precision_are_not_saved_as_infinity(tmp_path: Path) -> None:
    network = random_network()
    network.tensors["synthesis.b4.const"].detach()[0, 0, 0] = 1e5
    with pytest.raises(ModelError, match=r"synthesis\.b4\.const.*65504"):
        network.save(tmp_path / "half.safetensors", half=True)
    assert not (tmp_path / "half.safetensors").exists()


def test_that_the_open_format_is_what_its_docstring_says(tmp_path: Path) -> None:
    network = random_network()
    network.save(tmp_path / "net.safetensors")
    with safe_open(tmp_path / "net.safetensors", "pt") as file:
        document = json.loads(file.metadata()[METADATA_KEY])
        assert {file.get_tensor(name).dtype for name in file.keys()} == {torch.float32}  # noqa: SIM118
        assert set(file.keys()) == set(network.tensors)
    assert {"format", "family", "network", "framing", "lineage", "source", "warnings"} == set(document)
    assert NetworkMetadata.from_json_text(json.dumps(document)).network == network.config


def test_that_framing_and_lineage_survive_saving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAFT_HOME", str(tmp_path / "home"))
    framing = Framing(FramingKind.EYES, 0.4, 0.3)
    origin = Origin(SourceFile("graft"), ({"step": "train", "images": 12},), ("Be careful.",), framing)
    config = small_config()
    network = Network.from_tensors(config, random_tensors(config), origin=origin)
    assert network.descriptor.framing == framing
    blended = engine.blend_networks(network, random_network(config, 1), 8)
    assert blended.descriptor.framing == framing
    for saved in (network, blended):
        saved.save(tmp_path / "net.safetensors")
        assert engine.load_network(tmp_path / "net.safetensors").origin == saved.origin


def test_that_a_framing_outside_the_picture_is_refused() -> None:
    metadata = NetworkMetadata(small_config(), SourceFile("graft"))
    for wrong in ({"eye_y": 2.0}, {"eye_distance": 0.0}, {"kind": "sideways"}, {"kind": 3}):
        document = json.loads(metadata.to_json_text())
        document["framing"].update(wrong)
        with pytest.raises(CorruptModelError, match="framing"):
            NetworkMetadata.from_json_text(json.dumps(document))


def test_that_the_hash_follows_content_and_nothing_else() -> None:
    one, same, other = random_network(), random_network(), random_network(seed=1)
    assert one.sha256 == same.sha256 != other.sha256
    assert random_network(small_config(conv_clamp=3.0)).sha256 != one.sha256
    before = one.sha256
    with torch.no_grad():
        one.tensors["synthesis.b8.torgb.bias"][0] += 1
    assert one.sha256 != before


# --- what can be said wrong ---------------------------------------------------------------------------------------

SPLIT_WS = "ws is [2, 10]; this model needs [N, 6, 10]."
WRONG_CALLS = {
    "z is [2, 7]; this model needs [N, 8].": lambda n: n.mapping(torch.zeros(2, 7)),
    "z is a list, not a tensor; this model needs [N, 8].": lambda n: n.mapping([0.0]),
    "c is [2, 4], but this model has no classes.": lambda n: n.mapping(torch.zeros(2, 8), torch.zeros(2, 4)),
    "truncation_psi is nan; it must be a finite number.": lambda n: n.mapping(torch.zeros(1, 8), None, float("nan")),
    "truncation_cutoff is -2; it counts rows of ws, from 0.": lambda n: n.mapping(torch.zeros(1, 8), None, 0.5, -2),
    "ws is [1, 5, 10]; this model needs [N, 6, 10].": lambda n: n.synthesis(torch.zeros(1, 5, 10)),
    "ws is [1, 6, 9]; this model needs [N, 6, 10].": lambda n: n.synthesis(torch.zeros(1, 6, 9)),
    SPLIT_WS: lambda n: n.synthesis(torch.zeros(2, 10)),
    "noise_mode is 'loud'; it must be const, random or none.": lambda n: n.synthesis(torch.zeros(1, 6, 10), "loud"),
    "noise_strength has 2 entries; this model has 6 positions.": lambda n: n.synthesis(
        torch.zeros(1, 6, 10), "const", [1.0, 2.0]
    ),
    "noise_strength has an entry that is not a finite number.": lambda n: n.synthesis(
        torch.zeros(1, 6, 10), "const", float("inf")
    ),
    "The noise map for b8.conv0 is [4, 4]; it must be [8, 8] or [N, 1, 8, 8].": lambda n: n.synthesis(
        torch.zeros(1, 6, 10), noise={"b8.conv0": torch.zeros(4, 4)}
    ),
    "There is a noise map for 'b64.conv0'; this model's noise layers are b4.conv1 to b16.conv1.": (
        lambda n: n.synthesis(torch.zeros(1, 6, 10), noise={"b64.conv0": torch.zeros(64, 64)})
    ),
    "max_resolution is 2; the smallest picture is 4 px.": (
        lambda n: n.synthesis(torch.zeros(1, 6, 10), max_resolution=2)
    ),
}


@pytest.mark.parametrize("message", WRONG_CALLS)
def test_that_a_wrong_call_is_told_the_value_and_the_rule(message: str) -> None:
    with pytest.raises(EngineError) as caught:
        WRONG_CALLS[message](random_network())
    assert caught.value.user_message == message
    assert isinstance(caught.value, LatentError) or "max_resolution" in message


def test_that_one_w_per_picture_is_told_how_to_repeat_it() -> None:
    with pytest.raises(LatentShapeError) as caught:
        random_network().synthesis(torch.zeros(2, 10))
    assert "w[:, None].repeat(1, 6, 1)" in caught.value.hint


def test_that_a_conditional_model_asks_for_its_labels() -> None:
    network = random_network(small_config(c_dim=3))
    with pytest.raises(LatentShapeError, match="3 classes: it needs labels c"):
        network.mapping(torch.zeros(2, 8))
    with pytest.raises(LatentShapeError, match=r"c is \[2, 4\]; this model needs \[N, 3\]"):
        network.mapping(torch.zeros(2, 8), torch.zeros(2, 4))
    with pytest.raises(LatentShapeError, match="1 labels for 2 latents"):
        network.mapping(torch.zeros(2, 8), torch.zeros(1, 3))


@pytest.mark.parametrize("architecture", ["resnet", "orig"])
def test_that_early_pictures_are_refused_where_there_are_none(architecture: str) -> None:
    network = random_network(small_config(architecture=architecture))
    with pytest.raises(EngineError, match=f"kind {architecture} has no picture below 16 px"):
        network.synthesis(latents(network), max_resolution=8)
    assert network.synthesis(latents(network), max_resolution=16).shape[-1] == 16


def test_that_a_missing_device_is_said() -> None:
    for name in ("cuda:99", "toaster"):
        with pytest.raises(DeviceError, match="There is no device") as caught:
            Network.from_tensors(small_config(), random_tensors(small_config()), name)
        assert len(caught.value.user_message) <= MAX_MESSAGE_CHARS


def test_that_tensors_must_be_those_of_the_config() -> None:
    config = small_config()
    for spoil, words in (
        (lambda t: t.pop("synthesis.b8.conv0.bias"), "lacks the tensor synthesis.b8.conv0.bias"),
        (lambda t: t.update({"synthesis.b8.torgb.bias": torch.zeros(4)}), r"\[4\]; this network needs \[3\]"),
        (lambda t: t.update({"synthesis.b8.extra": torch.zeros(4)}), "synthesis.b8.extra"),
    ):
        tensors = random_tensors(config)
        spoil(tensors)
        with pytest.raises(CorruptModelError, match=words):
            Network.from_tensors(config, tensors)
    with pytest.raises(UnsupportedModelError, match="family is 'gan9'"):
        Network.from_tensors(config, random_tensors(config), family="gan9")


def test_that_the_light_half_needs_no_torch() -> None:
    modules = "engine, engine.state, engine.families, engine.network_tensors"
    code = f"import sys, {modules}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


def test_that_the_engine_offers_its_public_names() -> None:
    assert engine.load_network.__name__ == "load_network"
    assert engine.blend_networks.__name__ == "blend_networks"
    with pytest.raises(AttributeError, match="no attribute 'unload_network'"):
        engine.unload_network  # noqa: B018

"""Networks in the formats of other programs: what is written draws what the network draws, or is not written."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_networks import random_network, small_config

from engine.errors import EngineError, ModelError, StorageError
from engine.export import networks
from engine.export.network_formats import FORMATS, NetworkFormat
from engine.export.network_layouts import nvidia_tensors, rosinality_tensors
from engine.export.networks import onnx_error, write_network, write_onnx
from engine.export.sheet_plan import alpha_stops, grid, seed_stops
from engine.headless import open_headless
from engine.messages import DrawSheet, ExportNetwork, NetworkExported, SheetDrawn
from engine.network import load_network
from engine.places import HOME_VARIABLE
from engine.state import EditState, SeedLatent, View

GOLDEN = Path(__file__).parents[1] / "golden"
CONVERTED = GOLDEN / "convert_sg2ada_to_rosinality"


def test_that_rosinality_tensors_are_what_its_own_converter_wrote() -> None:
    tensors, mean = rosinality_tensors(load_network(CONVERTED / "sg2ada.pkl"))
    wanted = torch.load(CONVERTED / "rosinality.pt", weights_only=True)
    assert tensors.keys() == wanted["g_ema"].keys()
    assert all(torch.equal(tensors[name], tensor) for name, tensor in wanted["g_ema"].items())
    assert torch.equal(mean, wanted["latent_avg"].reshape(-1))


@pytest.mark.parametrize(
    "name", ["sg2ada_64", "sg2ada_64_resnet", "sg2ada_64_cond", "sg2ada_64_orig", "sg3repo_sg2_64"]
)
def test_that_a_state_dict_has_every_tensor_of_nvidias_generator(name: str) -> None:
    wanted = json.loads((GOLDEN / name / "meta.json").read_text())["G_ema_tensors"]
    tensors = nvidia_tensors(load_network(GOLDEN / name / "net.pkl"))
    assert {name: list(tensor.shape) for name, tensor in tensors.items()} == {
        name: shape for name, (shape, _) in wanted.items()
    }


@pytest.mark.parametrize("form", [NetworkFormat.GRAFT, NetworkFormat.NVIDIA, NetworkFormat.ROSINALITY])
def test_that_a_network_comes_back_bit_for_bit(tmp_path: Path, form: NetworkFormat) -> None:
    written = write_network(tmp_path / f"x{FORMATS[form].suffix}", random_network(), form)
    assert written.max_error == 0.0
    assert written.path.is_file()


def test_that_a_clamp_that_bites_is_named_with_the_state_dict(tmp_path: Path) -> None:
    network = load_network(GOLDEN / "sg2ada_64_clamp" / "net.pkl")
    written = write_network(tmp_path / "x.pt", network, NetworkFormat.NVIDIA)
    assert written.max_error == 0.0
    assert "conv_clamp" in written.notes[0]


def test_that_a_layout_without_clamps_refuses_a_network_that_needs_them(tmp_path: Path) -> None:
    network = load_network(GOLDEN / "sg2ada_64" / "net.pkl")
    network.tensors["synthesis.b64.conv1.bias"].fill_(2000.0)
    with pytest.raises(ModelError, match="differ by"):
        write_network(tmp_path / "x.pt", network, NetworkFormat.ROSINALITY)
    assert not (tmp_path / "x.pt").exists()


@pytest.mark.parametrize(("name", "what"), [("sg2ada_64_resnet", "resnet"), ("sg2ada_64_cond", "labels")])
def test_that_rosinality_layout_says_what_it_cannot_hold(tmp_path: Path, name: str, what: str) -> None:
    with pytest.raises(ModelError, match=what):
        write_network(tmp_path / "x.pt", load_network(GOLDEN / name / "net.pkl"), NetworkFormat.ROSINALITY)


def test_that_onnx_takes_any_batch_labels_and_psi(tmp_path: Path) -> None:
    import onnxruntime

    network = load_network(GOLDEN / "sg2ada_64_cond" / "net.pkl")
    written = write_network(tmp_path / "x.onnx", network, NetworkFormat.ONNX)
    assert written.max_error < 1e-4
    session = onnxruntime.InferenceSession(str(written.path), providers=["CPUExecutionProvider"])
    assert [given.name for given in session.get_inputs()] == ["z", "truncation_psi", "c"]
    z = torch.randn(4, network.descriptor.z_dim, generator=torch.Generator().manual_seed(5))
    c = torch.eye(network.descriptor.c_dim)[[0, 1, 0, 1]]
    (image,) = session.run(None, {"z": z.numpy(), "truncation_psi": np.array(0.4, np.float32), "c": c.numpy()})
    with torch.no_grad():
        wanted = network.synthesis(network.mapping(z, c, truncation_psi=0.4))
    assert wanted is not None
    assert float((torch.from_numpy(image) - wanted).abs().max()) < 1e-4


def test_that_onnx_from_ws_draws_rows_of_their_own(tmp_path: Path) -> None:
    import onnxruntime

    network = random_network(small_config())
    write_onnx(tmp_path / "x.onnx", network, from_ws=True)
    assert onnx_error(tmp_path / "x.onnx", network) < 1e-4
    shape = (2, network.descriptor.num_ws, network.descriptor.w_dim)
    ws = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    session = onnxruntime.InferenceSession(str(tmp_path / "x.onnx"), providers=["CPUExecutionProvider"])
    (image,) = session.run(None, {"ws": ws.numpy()})
    with torch.no_grad():
        wanted = network.synthesis(ws)
    assert wanted is not None
    assert float((torch.from_numpy(image) - wanted).abs().max()) < 1e-4


def test_that_a_file_that_draws_something_else_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def spoilt(network: networks.Network) -> dict[str, torch.Tensor]:
        tensors = nvidia_tensors(network)
        tensors["synthesis.b4.const"] += 0.5
        return tensors

    monkeypatch.setattr(networks, "nvidia_tensors", spoilt)
    (tmp_path / "x.pt").write_bytes(b"older")
    with pytest.raises(ModelError, match="differ by"):
        write_network(tmp_path / "x.pt", random_network(), NetworkFormat.NVIDIA)
    assert (tmp_path / "x.pt").read_bytes() == b"older"


def test_that_the_window_gets_a_blend_and_a_sheet_through_the_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    refs = []
    with open_headless("cpu") as engine:
        for seed in range(2):
            path = tmp_path / f"tiny{seed}.safetensors"
            random_network(small_config((6, 6, 4)), seed).save(path)
            refs.append(engine.model(str(path)))
        state = EditState(model_a=refs[0], model_b=refs[1])
        out = tmp_path / "blend.pt"
        exported = engine.run(ExportNetwork(state, out, NetworkFormat.NVIDIA))
        assert isinstance(exported, NetworkExported)
        assert exported.max_error == 0.0
        again = EditState(model_a=engine.model(str(out)), latent=SeedLatent(4))
        difference = engine.render(again).astype(int) - engine.render(replace(state, latent=SeedLatent(4)))
        assert abs(difference).max() <= 1
        alone = engine.run(ExportNetwork(state, tmp_path / "b.pt", NetworkFormat.ROSINALITY, View.B))
        assert isinstance(alone, NetworkExported)
        plan = grid(state, alpha_stops((0.0, 1.0)), seed_stops((1, 2)))
        sheet = engine.run(DrawSheet(plan, tmp_path / "sheet.png", 32))
        assert isinstance(sheet, SheetDrawn)
        assert sheet.pictures == 4
        with pytest.raises(EngineError, match=r"no place for|could not"):
            engine.run(ExportNetwork(state, tmp_path / "gone" / "x.pt", NetworkFormat.NVIDIA))


def test_that_a_wrong_suffix_and_a_missing_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"\.onnx"):
        write_network(tmp_path / "x.pt", random_network(), NetworkFormat.ONNX)
    with pytest.raises(StorageError):
        write_network(tmp_path / "gone" / "x.pt", random_network(), NetworkFormat.NVIDIA)

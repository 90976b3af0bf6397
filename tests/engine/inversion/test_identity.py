"""Whose face it is: the published net's numbers, from a file that is only read."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from rule_weights import GOLDEN, golden_io, listed_tensor
from torch import Tensor

from engine.inversion.identity import identity_of, load_identity_net, open_identity
from engine.nets.identity import IdentityNet, face_of
from engine.optional_weights import ARCFACE, look_for_weights


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The full net by rule, as the original is saved: torch's old format, a bare table."""
    made = tmp_path_factory.mktemp("weights")
    listing = json.loads((GOLDEN / "full_idloss" / "listing.json").read_text())
    state = {
        entry["key"]: torch.zeros((), dtype=torch.int64)
        if entry["init"]["op"] == "int"
        else torch.from_numpy(listed_tensor(listing["seed_prefix"], entry))
        for entry in listing["state"]
    }
    torch.save(state, made / "model_ir_se50.pth", _use_new_zipfile_serialization=False)
    yield made
    (made / "model_ir_se50.pth").unlink()  # 170 MB: pytest keeps the folders of three runs


def pictures(name: str) -> Tensor:
    return torch.from_numpy(golden_io("full_idloss")[name]).permute(0, 3, 1, 2).float() / 127.5 - 1


def test_that_features_and_distance_are_those_of_the_published_net(folder: Path) -> None:
    io = golden_io("full_idloss")
    a, b = pictures("a_u8_bhwc"), pictures("b_u8_bhwc")
    np.testing.assert_allclose(face_of(a).mean((2, 3)).numpy(), io["crop_pooled_mean_a"], atol=1e-5)
    net = load_identity_net(folder / "model_ir_se50.pth")
    with torch.no_grad():
        np.testing.assert_allclose(net(face_of(a)).numpy(), io["feat_a"], atol=1e-5)
        np.testing.assert_allclose(net(face_of(b)).numpy(), io["feat_b"], atol=1e-5)
    distance = open_identity(folder)
    assert distance is not None
    mean = np.mean([distance(a[i : i + 1], b[i : i + 1]) for i in range(2)])
    assert mean == pytest.approx(io["id_loss_ab"][0], abs=1e-5)
    assert distance(a[:1], a[:1]) == pytest.approx(0, abs=1e-6)
    (status,) = (one for one in look_for_weights(folder) if one.weights is ARCFACE)
    assert (status.path, status.problem) == (folder / "model_ir_se50.pth", "")


def test_that_larger_pictures_are_averaged_down_first() -> None:
    small = IdentityNet((2, 2, 2, 4))
    for tensor in small.state_dict().values():
        tensor.normal_(0, 0.3, generator=torch.Generator().manual_seed(1))
    for name, tensor in small.state_dict().items():
        if name.endswith("running_var"):
            tensor.abs_().add_(0.5)
    distance = identity_of(small.eval())
    a, b = (torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(seed)) for seed in (1, 2))
    large = [picture.repeat_interleave(2, 2).repeat_interleave(2, 3) for picture in (a, b)]
    assert distance(*large) == pytest.approx(distance(a, b), abs=1e-5)
    assert 0 < distance(a, b) <= 2


def test_that_without_usable_weights_there_is_no_distance(tmp_path: Path) -> None:
    assert open_identity(None) is None
    assert open_identity(tmp_path / "nowhere") is None
    (tmp_path / "model_ir_se50.pth").write_bytes(b"\x80\x02not a file")
    (tmp_path / "other.pth").write_bytes(os.urandom(200))
    torch.save({"weight": torch.zeros(3)}, tmp_path / "some.pt")
    assert open_identity(tmp_path) is None
    (status,) = (one for one in look_for_weights(tmp_path) if one.weights is ARCFACE)
    assert status.path == tmp_path / "model_ir_se50.pth"
    assert status.problem


def test_that_a_relative_of_another_width_is_named_as_one(tmp_path: Path) -> None:
    names = ("input_layer.0.weight", "body.0.res_layer.0.weight", "output_layer.3.weight")
    torch.save({name: torch.zeros(4, 4) for name in names}, tmp_path / "ir_se100.pth")
    (status,) = (one for one in look_for_weights(tmp_path) if one.weights is ARCFACE)
    assert status.problem == "It is a relative: output_layer.3.weight is [4, 4], not [512, 25088]."
    assert open_identity(tmp_path) is None

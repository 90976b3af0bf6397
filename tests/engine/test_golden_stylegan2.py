"""Every StyleGAN2 fixture, through the door that users take: `load_network` on the real file."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from golden_stylegan2 import BLENDED, CONVERTED, NVIDIA, ROSINALITY, Arrays, blend_case, checks

from engine import load_network
from engine.network import Network
from engine.weight_distance import weight_distance

TOLERANCE = 1e-5
"""Ten times finer than asked: a wrong detail shows up far above, and rounding stays below 3e-6."""


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], Network]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRAFT_HOME", str(tmp_path_factory.mktemp("home")))
        yield cache(load_network)


@pytest.mark.parametrize("fixture", [*NVIDIA, *ROSINALITY, CONVERTED, BLENDED])
def test_that_a_reference_network_draws_the_reference_pictures(
    fixture: str, load: Callable[[Path], Network]
) -> None:
    found = list(checks(fixture, load))
    assert len(found) >= 6
    assert [check for check in found if not check.error < TOLERANCE] == []


def test_that_blends_agree_with_the_original_tensor_by_tensor(load: Callable[[Path], Network]) -> None:
    io = Arrays(BLENDED)
    a, b = load(io.folder / "A.pkl"), load(io.folder / "B.pkl")
    with np.load(io.folder / "blended_mixed_tensors.npz") as arrays:
        mixed = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    for case in io.meta["cases"]:
        blended = blend_case(a, b, case)
        for name, tensor in blended.tensors.items():
            source = case["provenance_torch"][name]
            if source == "mix":
                wanted = mixed[f"{case['tag']}|{name}"]
                assert float((tensor - wanted).abs().max()) < 1e-6, (case["tag"], name)
            else:
                wanted = (b if source == "B" else a).tensors[name]
                assert torch.equal(tensor, wanted), (case["tag"], name)


def test_that_independent_networks_are_called_strangers(load: Callable[[Path], Network]) -> None:
    folder = Arrays(BLENDED).folder
    found = weight_distance(load(folder / "A.pkl"), load(folder / "B.pkl"))
    assert found.overall == pytest.approx(1.425, abs=0.005)
    assert found.warning is not None

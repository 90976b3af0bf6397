"""The StyleGAN2 fixtures: what the public reference implementations drew with given weights.

Each folder of ``tests/golden`` holds the network file, ``io.npz`` with inputs and pictures, and ``meta.json``, which
says what public code at which revision made them. Pictures named otherwise than ``img_const`` and ``img_mixed_const``
show the first sample only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from small_networks import relative_error
from torch import Tensor

from engine.blending import PINKNEY, T27, blend_networks
from engine.network import Network

GOLDEN = Path(__file__).parents[1] / "golden"

NVIDIA = (
    "sg2ada_64",
    "sg2ada_64_auto_map2",
    "sg2ada_64_clamp",
    "sg2ada_64_cond",
    "sg2ada_64_cond_oldstyle",
    "sg2ada_64_orig",
    "sg2ada_64_resnet",
    "sg3repo_sg2_64",
)
ROSINALITY = ("rosinality_64", "rosinality_64_conv")
CONVERTED = "convert_sg2ada_to_rosinality"
BLENDED = "blend_sg2_64"

Load = Callable[[Path], Network]


@dataclass(frozen=True)
class Check:
    """One array that came out right or wrong: `error` is relative to ``max(1, |wanted|max)``."""

    fixture: str
    array: str
    error: float


class Arrays:
    """``io.npz`` and ``meta.json`` of a fixture."""

    def __init__(self, fixture: str) -> None:
        self.folder = GOLDEN / fixture
        self.meta: dict[str, Any] = json.loads((self.folder / "meta.json").read_text())
        with np.load(self.folder / "io.npz") as arrays:
            self.arrays = {name: torch.from_numpy(arrays[name]) for name in arrays.files}

    def __getitem__(self, name: str) -> Tensor:
        return self.arrays[name]


def checks(fixture: str, load: Load) -> Iterator[Check]:
    """Compare everything that a fixture holds with what `load` makes of its files."""
    run = {CONVERTED: _converted, BLENDED: _blended}.get(fixture, _rosinality if fixture in ROSINALITY else _nvidia)
    arrays = Arrays(fixture)
    for name, found, wanted in run(arrays, load):
        assert found.shape == wanted.shape, f"{fixture}: {name} is {tuple(found.shape)}, not {tuple(wanted.shape)}"
        yield Check(fixture, name, relative_error(found, wanted))


Comparison = tuple[str, Tensor, Tensor]


def _nvidia(io: Arrays, load: Load) -> Iterator[Comparison]:
    net = load(io.folder / "net.pkl")
    z, c, ws = io["z"], io["c"], io["ws"]
    psi, cutoff = io.meta["truncation"]["psi"], io.meta["truncation"]["cutoff"]
    yield "ws", net.mapping(z, c), ws
    yield "ws_psi", net.mapping(z, c, psi), io["ws_psi"]
    yield "ws_psi_cutoff", net.mapping(z, c, psi, cutoff), io["ws_psi_cutoff"]
    yield "img_const", net.synthesis(net.mapping(z, c)), io["img_const"]
    yield "img_none", net.synthesis(ws[:1], noise_mode="none"), io["img_none"]
    yield "img_mixed_const", net.synthesis(io["ws_mixed"]), io["img_mixed_const"]
    truncated = net.mapping(z[:1], None if c.numel() == 0 else c[:1], psi, cutoff)
    yield "img_psi_cutoff_const", net.synthesis(truncated), io["img_psi_cutoff_const"]


def _rosinality(io: Arrays, load: Load) -> Iterator[Comparison]:
    net = load(io.folder / "net.pt")
    z, ws, psi = io["z"], io["ws"], io.meta["truncation"]["psi"]
    if io.meta["latent_avg_in_file"]:
        yield "latent_avg", net.w_avg, io["latent_avg"]
    else:  # what ran was given this one beside the file
        net.w_avg.copy_(io["latent_avg"])
    yield "ws", net.mapping(z), ws
    yield "ws_psi", net.mapping(z[:1], truncation_psi=psi), io["ws_psi"]
    yield "img_const", net.synthesis(net.mapping(z)), io["img_const"]
    yield "img_none", net.synthesis(ws[:1], noise_mode="none"), io["img_none"]
    yield "img_psi_const", net.synthesis(net.mapping(z[:1], truncation_psi=psi)), io["img_psi_const"]
    yield "img_mixed_const", net.synthesis(io["ws_mixed"]), io["img_mixed_const"]
    injected = torch.cat([net.mapping(z[:1])[:, :4], net.mapping(io["z2"][:1])[:, 4:]], dim=1)
    yield "img_inject4_const", net.synthesis(injected), io["img_inject4_const"]


def _converted(io: Arrays, load: Load) -> Iterator[Comparison]:
    for file in ("sg2ada.pkl", "rosinality.pt"):
        net = load(io.folder / file)
        yield f"{file} ws", net.mapping(io["z"]), io["ws"]
        yield f"{file} img_const", net.synthesis(io["ws"]), io["img_const"]
        yield f"{file} img_mixed_const", net.synthesis(io["ws_mixed"]), io["img_mixed_const"]


def _blended(io: Arrays, load: Load) -> Iterator[Comparison]:
    a, b = load(io.folder / "A.pkl"), load(io.folder / "B.pkl")
    ws = io["ws_A"]
    yield "ws_A", a.mapping(io["z"]), ws
    yield "ws_B", b.mapping(io["z"]), io["ws_B"]
    yield "img_A", a.synthesis(ws), io["img_A"]
    yield "img_B", b.synthesis(io["ws_B"]), io["img_B"]
    for case in io.meta["cases"]:
        blended = blend_case(a, b, case)
        yield f"img_{case['tag']}", blended.synthesis(blended.mapping(io["z"])), io[f"img_{case['tag']}"]


def blend_case(a: Network, b: Network, case: dict[str, Any]) -> Network:
    """One blend of the fixture, by the rule of the script that made it."""
    kept = T27 if case["tag"].startswith("t27") else PINKNEY
    width = case.get("blend_width") or 0.0
    return blend_networks(a, b, case["resolution"], case.get("level", 0), width, kept=kept)

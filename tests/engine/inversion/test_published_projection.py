"""Schedules, noise maps and the whole loop, against what the two public projectors did."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from small_networks import small_config
from torch import Tensor

from engine.inversion.noise_maps import Spread, normalize_, regularizer
from engine.inversion.published import Recipe, Render, Step, project
from engine.inversion.schedules import jitter_scale, learning_rate
from engine.network import Network, load_network

GOLDEN = Path(__file__).parents[2] / "golden"


@pytest.fixture(scope="module")
def nvidia() -> dict[str, np.ndarray]:
    with np.load(GOLDEN / "proj" / "projector.npz") as golden:
        return dict(golden)


@pytest.fixture(scope="module")
def rosinality() -> dict[str, np.ndarray]:
    with np.load(GOLDEN / "proj_rosinality" / "ros_projector.npz") as golden:
        return dict(golden)


@pytest.mark.parametrize(("steps", "peak"), [(1000, 0.1), (450, 0.01), (300, 0.1), (40, 0.1)])
def test_that_the_schedules_are_the_published_ones(nvidia: dict[str, np.ndarray], steps: int, peak: float) -> None:
    shares = [step / steps for step in range(steps)]
    rates = [learning_rate(t, peak) for t in shares]
    np.testing.assert_allclose(rates, nvidia[f"lr_{steps}_init{peak}"], rtol=1e-9, atol=1e-15)
    jitter = [0.05 * jitter_scale(t) for t in shares]
    np.testing.assert_allclose(jitter, nvidia[f"w_noise_factor_{steps}"], rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("size", [4, 8, 16, 32, 64])
def test_that_maps_are_weighed_and_normalised_as_published(nvidia: dict[str, np.ndarray], size: int) -> None:
    buffer = torch.from_numpy(nvidia[f"noise_buf_{size}"])
    assert regularizer(buffer).item() == pytest.approx(float(nvidia[f"nv_reg_{size}"]), rel=1e-5)
    for spread, key in ((Spread.RMS, "nv_normalised"), (Spread.UNBIASED_STD, "ros_normalised")):
        normalised = buffer.clone()
        normalize_(normalised, spread)
        torch.testing.assert_close(normalised, torch.from_numpy(nvidia[f"{key}_{size}"]), rtol=1e-5, atol=1e-6)


def test_that_maps_of_a_batch_are_averaged_over_together(nvidia: dict[str, np.ndarray]) -> None:
    total = sum(regularizer(torch.from_numpy(nvidia[f"noise_batch3_{size}"])).item() for size in (4, 8, 16, 32))
    assert total == pytest.approx(float(nvidia["ros_reg_batch3_all"]), rel=1e-5)


def check_losses(found: list[float], wanted: np.ndarray) -> None:
    """The tolerances that come with the fixtures: chaos grows, so the end may be further off than the start."""
    error = np.abs(np.array(found) - wanted) / np.abs(wanted)
    assert error[:5].max() < 1e-4
    assert error[-1] < 1e-2
    assert error.max() < 1e-2


def renderer(network: Network, names: Sequence[str]) -> Render:
    rows = network.descriptor.num_ws

    def render(w: Tensor, maps: Sequence[Tensor]) -> Tensor:
        noise = dict(zip(names, maps, strict=True))
        return network.synthesis(w.expand(-1, rows, -1), noise=noise, with_grad=True)

    return render


def test_that_the_nvidia_projection_is_repeated_step_by_step(nvidia: dict[str, np.ndarray]) -> None:
    story = json.loads((GOLDEN / "proj" / "projector.json").read_text())
    tensors = {
        name.removeprefix("G."): torch.from_numpy(array.copy())
        for name, array in nvidia.items()
        if name.startswith("G.") and not name.endswith("resample_filter")
    }
    network = Network.from_tensors(small_config((12, 12, 12, 8), z_dim=24, w_dim=24), tensors)
    names = [name.removesuffix(".noise_const") for name in story["noise_buffer_order"]]

    def features(image: Tensor) -> Tensor:
        return torch.cat([(F.avg_pool2d(image / 255 - 0.5, k) * (k / 10)).flatten() for k in (1, 2, 4)])

    target = features(torch.from_numpy(nvidia["target_u8_hwc"]).permute(2, 0, 1)[None].float())
    unit = torch.from_numpy(nvidia["proj_w_noise_unit"])
    steps = list(
        project(
            renderer(network, names),
            lambda image: (features((image + 1) * 127.5) - target).square().sum(),
            torch.from_numpy(nvidia["proj_w_avg"]),
            float(nvidia["proj_w_std"]),
            [torch.from_numpy(nvidia[f"proj_noise_init.{name}.noise_const"].copy()) for name in names],
            Recipe(steps=story["num_steps"]),
            lambda step: unit[step],
        )
    )
    check_losses([step.distance + 1e5 * step.regularizer for step in steps], nvidia["proj_loss_per_step"])
    np.testing.assert_allclose([step.rate for step in steps], nvidia["proj_lr_captured"], rtol=1e-9)
    check_latents(steps, nvidia["proj_w_out"][:, :1])


def test_that_the_rosinality_projection_is_repeated_step_by_step(
    rosinality: dict[str, np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAFT_HOME", str(tmp_path))
    network = load_network(GOLDEN / "proj_rosinality" / "g_ema.pt")
    names = [layer.name for layer in network.descriptor.layers if layer.has_noise]
    target = torch.from_numpy(rosinality["targets_u8"]).permute(0, 3, 1, 2).float() / 127.5 - 1

    def measure(image: Tensor) -> Tensor:
        scales = [(F.avg_pool2d(image, k) - F.avg_pool2d(target, k)).square().mean(dim=(1, 2, 3)) for k in (1, 2, 4)]
        return torch.stack(scales).sum()

    unit = torch.from_numpy(rosinality["w_noise_unit"])
    mean = torch.from_numpy(rosinality["latent_mean"])
    steps = list(
        project(
            renderer(network, names),
            measure,
            mean.expand(2, 1, -1),
            float(rosinality["latent_std"]),
            [torch.from_numpy(rosinality[f"noise_init_{index}"].copy()) for index in range(len(names))],
            Recipe(steps=len(unit), spread=Spread.UNBIASED_STD),
            lambda step: unit[step][:, None],
        )
    )
    wanted = rosinality["losses_p_n_mse_lr"]
    check_losses([step.distance for step in steps], wanted[:, 0])
    check_losses([step.regularizer for step in steps], wanted[:, 1])
    np.testing.assert_allclose([step.rate for step in steps], wanted[:, 3], rtol=1e-9)
    check_latents(steps, rosinality["latents_per_step"][:, :, None])


def check_latents(steps: list[Step], wanted: np.ndarray) -> None:
    found = np.stack([step.latent.numpy() for step in steps])
    np.testing.assert_allclose(found[:, 0] if wanted.ndim == 3 else found, wanted, atol=1e-3)

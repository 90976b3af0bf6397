"""Pivotal tuning: the published loop against its fixture, and what Graft does with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from small_networks import random_network, small_config
from torch import Tensor

from engine.errors import JobError, RenderCancelled
from engine.imaging import to_rgb
from engine.inversion.distance import PixelsAndEdges
from engine.inversion.pivot import TuningProgress, TuningResult, tune, tune_pivot
from engine.network import Network

GOLDEN = Path(__file__).parents[2] / "golden" / "pti"

Arrays = dict[str, NDArray[np.float32]]


@pytest.fixture(scope="module")
def golden() -> Arrays:
    with np.load(GOLDEN / "pti.npz") as arrays:
        return dict(arrays)


def published_network(golden: Arrays) -> Network:
    tensors = {
        name.removeprefix("G."): torch.from_numpy(array.copy())
        for name, array in golden.items()
        if name.startswith("G.") and not name.endswith("resample_filter")
    }
    return Network.from_tensors(small_config((12, 12, 12, 8), z_dim=24, w_dim=24), tensors)


def published_measure(golden: Arrays) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    """The formula of the stub that stood in for LPIPS; see the fixture's JSON."""
    target = torch.from_numpy(golden["target_u8_hwc"]).permute(2, 0, 1)[None].float() / 127.5 - 1

    def measure(image: Tensor) -> tuple[Tensor, Tensor]:
        scales = [(F.avg_pool2d(image, k) - F.avg_pool2d(target, k)).square().mean() for k in (1, 2, 4)]
        return (image - target).square().mean(), 0.5 * torch.stack(scales).sum()

    return measure


def test_that_the_published_tuning_is_repeated_step_by_step(golden: Arrays) -> None:
    story = json.loads((GOLDEN / "pti.json").read_text())
    network = published_network(golden)
    ws = torch.from_numpy(golden["pivot"])
    parameters = list(network.module.synthesis.parameters())
    for one in parameters:
        one.requires_grad_(True)
    np.testing.assert_allclose(network.synthesis(ws).numpy(), golden["img_before"], atol=1e-4)
    steps = list(
        tune(
            lambda: network.synthesis(ws, with_grad=True),
            published_measure(golden),
            parameters,
            steps=story["max_pti_steps"],
            rate=story["pti_lr"],
            stop_at=story["lpips_threshold"],
        )
    )
    found = np.array([(step.loss, step.squared, step.perceptual) for step in steps])
    wanted = golden["losses_total_l2_lpips"]
    error = np.abs(found / wanted - 1)
    assert error[:5].max() < 1e-4
    assert error.max() < 1e-2
    tuned = {name.removeprefix("Gtuned."): array for name, array in golden.items() if name.startswith("Gtuned.")}
    for name, tensor in network.tensors.items():
        if name in tuned:  # nothing else may have moved
            np.testing.assert_allclose(tensor.detach().numpy(), tuned[name], atol=1e-5)
        else:
            np.testing.assert_array_equal(tensor.detach().numpy(), golden[f"G.{name}"])
    np.testing.assert_allclose(network.synthesis(ws).detach().numpy(), golden["img_after"], atol=1e-4)


def test_that_it_stops_before_the_move_at_which_it_is_near_enough(golden: Arrays) -> None:
    network = published_network(golden)
    ws = torch.from_numpy(golden["pivot"])
    parameters = list(network.module.synthesis.parameters())
    for one in parameters:
        one.requires_grad_(True)
    before = [one.detach().clone() for one in parameters]
    near = float(golden["losses_total_l2_lpips"][0, 2])
    steps = list(
        tune(
            lambda: network.synthesis(ws, with_grad=True), published_measure(golden), parameters, stop_at=near + 1e-6
        )
    )
    assert len(steps) == 1
    assert all(torch.equal(one, old) for one, old in zip(parameters, before, strict=True))


# --- what Graft does with it ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def network() -> Network:
    return random_network(small_config((8, 8, 8, 8)), 3)


@pytest.fixture(scope="module")
def pivot(network: Network) -> Tensor:
    z = torch.randn(1, network.descriptor.z_dim, generator=torch.Generator().manual_seed(2))
    return network.mapping(z)


@pytest.fixture(scope="module")
def target(network: Network) -> NDArray[np.uint8]:
    """A picture that the network nearly draws."""
    z = torch.randn(1, network.descriptor.z_dim, generator=torch.Generator().manual_seed(4))
    return to_rgb(network.synthesis(network.mapping(z)).clamp(-1, 1))


def run(
    network: Network, pivot: Tensor, target: NDArray[np.uint8], *, cancel_at: int | None = None, **how: object
) -> tuple[TuningResult, list[TuningProgress]]:
    steps = tune_pivot(network, pivot, target, PixelsAndEdges(), **{"rate": 3e-3, "stop_at": 0.0, **how})  # type: ignore[arg-type]
    seen = []
    try:
        while True:
            seen.append(next(steps))
            if cancel_at is not None and len(seen) > cancel_at:
                steps.throw(RenderCancelled())
    except StopIteration as stop:
        return stop.value, seen


def test_that_tuning_comes_nearer_and_leaves_the_model_alone(
    network: Network, pivot: Tensor, target: NDArray[np.uint8]
) -> None:
    before = {name: tensor.clone() for name, tensor in network.tensors.items()}
    result, seen = run(network, pivot, target, steps=12)
    assert result.perceptual_after < 0.9 * result.perceptual_before
    assert [one.step for one in seen] == list(range(12))
    assert 0.0 <= seen[0].fraction < seen[-1].fraction <= 1.0
    assert all(torch.equal(network.tensors[name], tensor) for name, tensor in before.items())
    changed = {name for name, values in result.tensors.items() if not np.array_equal(values, before[name].numpy())}
    kept = {name for name in before if name.startswith("mapping") or name.endswith("noise_const")}
    assert changed
    assert not changed & kept


def test_that_the_result_is_the_best_step(network: Network, pivot: Tensor, target: NDArray[np.uint8]) -> None:
    result, seen = run(network, pivot, target, steps=8, rate=0.3)  # so fast that it gets worse
    assert result.perceptual_after <= min(one.perceptual_distance for one in seen) + 1e-6
    again, _ = run(network, pivot, target, steps=8, rate=0.3)
    assert all(np.array_equal(values, again.tensors[name]) for name, values in result.tensors.items())


def test_that_a_cancelled_tuning_gives_the_best_so_far(
    network: Network, pivot: Tensor, target: NDArray[np.uint8]
) -> None:
    result, _ = run(network, pivot, target, steps=100, cancel_at=4)
    assert 1 <= result.steps <= 4
    assert result.perceptual_after < result.perceptual_before
    with pytest.raises(RenderCancelled):
        run(network, pivot, target, steps=100, cancel_at=0)


def test_that_it_ends_where_it_is_near_enough(network: Network, pivot: Tensor, target: NDArray[np.uint8]) -> None:
    whole, seen = run(network, pivot, target, steps=12)
    stop_at = seen[6].perceptual_distance
    early, walked = run(network, pivot, target, steps=12, stop_at=stop_at)
    assert early.steps == 6 < whole.steps
    assert early.perceptual_after <= stop_at
    assert walked[-1].fraction > 0.8  # of the way, though half of the steps
    with pytest.raises(JobError, match="as near as that already"):
        run(network, pivot, target, steps=12, stop_at=2 * whole.perceptual_before)


def test_that_locality_keeps_other_faces(network: Network, pivot: Tensor, target: NDArray[np.uint8]) -> None:
    z = torch.randn(8, network.descriptor.z_dim, generator=torch.Generator().manual_seed(11))
    others = network.mapping(z, truncation_psi=0.5)
    drawn = network.synthesis(others)

    def drift(**how: object) -> float:
        result, _ = run(network, pivot, target, steps=40, **how)
        tensors = {name: torch.from_numpy(values) for name, values in result.tensors.items()}
        tuned = Network.from_tensors(network.config, tensors)
        return float((tuned.synthesis(others) - drawn).abs().mean())

    assert drift(locality=True) < drift()


@pytest.mark.parametrize(("change", "words"), [({"steps": 0}, "steps is 0"), ({"steps": 2001}, "2000")])
def test_that_senseless_steps_are_refused(
    network: Network, pivot: Tensor, target: NDArray[np.uint8], change: dict[str, int], words: str
) -> None:
    with pytest.raises(JobError, match=words):
        run(network, pivot, target, **change)  # type: ignore[arg-type]


def test_that_a_portrait_of_another_size_is_refused(
    network: Network, pivot: Tensor, target: NDArray[np.uint8]
) -> None:
    with pytest.raises(JobError, match="needs 32 x 32"):
        run(network, pivot, target[:16])

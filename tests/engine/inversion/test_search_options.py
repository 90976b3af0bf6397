"""What a search may be asked for beside likeness: editability, another beginning, and its earlier steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from small_networks import random_tensors, small_config
from torch import Tensor

from engine.errors import JobError, SpaceMismatchError
from engine.imaging import to_rgb
from engine.inversion.distance import PixelsAndEdges
from engine.inversion.project import InversionProgress, InversionResult, Snapshot, invert_portrait
from engine.inversion.schedules import hold
from engine.inversion.w_space import measure_w_space
from engine.network import Network

PLAIN = PixelsAndEdges()


@pytest.fixture(scope="module")
def network() -> Network:
    """64 px: the first part of a search works at less."""
    config = small_config((8, 8, 8, 6, 4, 4), num_layers=2)
    tensors = random_tensors(config, seed=5)
    for name, tensor in tensors.items():
        if "torgb.weight" in name:
            tensor *= 0.15
    return Network.from_tensors(config, tensors)


@pytest.fixture(scope="module")
def target(network: Network) -> np.ndarray:
    """Rows of two latents: in W+, but not in W."""
    first, second = network.mapping(torch.randn(2, 8, generator=torch.Generator().manual_seed(8)))
    return to_rgb(network.synthesis(torch.cat([first[:6], second[6:]])[None]))


def finished(
    network: Network, target: np.ndarray, **settings: Any
) -> tuple[list[InversionProgress], InversionResult]:
    run = invert_portrait(network, target, distance=PLAIN, **settings)
    seen = []
    while True:
        try:
            seen.append(next(run))
        except StopIteration as end:
            return seen, end.value


def shown(network: Network, found: Snapshot) -> Tensor:
    names = {layer.position: layer.name for layer in network.descriptor.layers if layer.has_noise}
    noise = {names[position]: torch.from_numpy(np.array(one)) for position, one in (found.noise or {}).items()}
    return network.synthesis(torch.from_numpy(found.ws)[None], noise=noise)


def test_that_more_editability_is_nearer_to_w_and_less_is_nearer_to_the_portrait(
    network: Network, target: np.ndarray
) -> None:
    space = measure_w_space(network, 1)
    apart, distances = [], []
    for editability in (0.0, 0.5, 0.75, 1.0):
        settings = {"steps": 60, "optimise_noise": False, "editability": editability}
        _, result = finished(network, target, **settings)
        at = space.encode(torch.from_numpy(result.ws))
        apart.append(float((at - at.mean(dim=0)).square().mean().sqrt()))
        distances.append(result.perceptual_distance)
    assert apart == sorted(apart, reverse=True)
    assert apart[-1] < 0.2 * apart[0]
    assert distances[3] > 1.1 * distances[0]


def test_that_the_pulls_grow_with_editability() -> None:
    holds = [hold(editability) for editability in (0.0, 0.25, 0.5, 0.75, 1.0)]
    for pulls in ([one.to_mean for one in holds], [one.together for one in holds]):
        assert pulls == sorted(pulls)
        assert pulls[-1] / pulls[0] >= 99
    assert [one.longest_stride for one in holds] == sorted((one.longest_stride for one in holds), reverse=True)


@pytest.mark.parametrize("editability", [-0.1, 1.1, float("nan")])
def test_that_editability_beyond_its_range_is_refused(
    network: Network, target: np.ndarray, editability: float
) -> None:
    with pytest.raises(JobError, match="from 0 to 1"):
        finished(network, target, editability=editability)


def test_that_a_search_goes_on_from_what_was_found_noise_included(network: Network, target: np.ndarray) -> None:
    _, first = finished(network, target, steps=30)
    assert first.noise is not None
    found = Snapshot(first.ws, first.noise)
    (start,), same = finished(network, target, steps=0, begin_at=found)
    assert (start.step, start.text) == (0, "Going on from what was found")
    np.testing.assert_allclose(same.ws, first.ws, atol=1e-5)
    torch.testing.assert_close(same.image, first.image, rtol=0, atol=1e-4)
    assert same.noise is not None
    assert set(same.noise) == set(first.noise)
    _, further = finished(network, target, steps=30, begin_at=found)
    _, fresh = finished(network, target, steps=30)
    assert further.perceptual_distance < first.perceptual_distance
    assert further.perceptual_distance < fresh.perceptual_distance


def test_that_noise_that_was_found_is_kept_when_it_is_not_to_move(network: Network, target: np.ndarray) -> None:
    _, first = finished(network, target, steps=30)
    assert first.noise is not None
    found = Snapshot(first.ws, first.noise)
    _, further = finished(network, target, steps=10, begin_at=found, optimise_noise=False)
    assert further.noise is not None
    for position, one in first.noise.items():
        np.testing.assert_array_equal(further.noise[position], one)


def test_that_a_latent_of_another_model_is_refused(network: Network, target: np.ndarray) -> None:
    with pytest.raises(SpaceMismatchError, match="4 x 10; this model takes 12 x 10"):
        finished(network, target, begin_at=Snapshot(np.zeros((4, 10), np.float32)))


def test_that_a_snapshot_shows_its_picture(network: Network, target: np.ndarray) -> None:
    seen, _ = finished(network, target, steps=40)
    snapshots = [progress for progress in seen if progress.snapshot is not None]
    assert [progress.step for progress in snapshots][:2] == [1, 7]
    for progress in snapshots:
        assert progress.snapshot is not None
        assert progress.image is not None
        torch.testing.assert_close(shown(network, progress.snapshot), progress.image, rtol=0, atol=1e-5)
    assert snapshots[0].snapshot is not None
    assert snapshots[0].snapshot.noise is None
    assert snapshots[-1].snapshot is not None
    assert snapshots[-1].snapshot.noise is not None
    assert len({progress.snapshot.ws.tobytes() for progress in snapshots if progress.snapshot}) == len(snapshots)


@pytest.mark.parametrize("steps", [1, 7, 150])
def test_that_about_forty_snapshots_are_taken_at_most(network: Network, target: np.ndarray, steps: int) -> None:
    seen, _ = finished(network, target, steps=steps, optimise_noise=False)
    count = sum(progress.snapshot is not None for progress in seen)
    assert 1 <= count <= 40
    assert seen[0].snapshot is not None


def test_that_the_result_is_no_worse_than_any_snapshot(network: Network, target: np.ndarray) -> None:
    seen, result = finished(network, target, steps=50)
    aimed = torch.from_numpy(target).permute(2, 0, 1)[None] / 127.5 - 1
    values = [
        PLAIN.aimed_at(aimed)(progress.image).item()
        for progress in seen
        if progress.snapshot is not None and progress.image is not None
    ]
    assert result.perceptual_distance <= min(values) + 1e-6


def test_that_likeness_comes_with_edges_and_with_identity_if_that_is_known(
    network: Network, target: np.ndarray
) -> None:
    asked: list[tuple[int, ...]] = []

    def same_person(image: Tensor, aimed: Tensor) -> float:
        asked.append((*image.shape, *aimed.shape))
        return 0.25

    _, result = finished(network, target, steps=5, identity=same_person)
    assert result.likeness.identity == 0.25
    assert asked == [(1, 3, 128, 128, 1, 3, 128, 128)]
    assert 0 < result.likeness.edge < 1
    assert result.likeness.pixel == result.pixel_distance

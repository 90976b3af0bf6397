"""How strongly pictures answer to latents: measured, turned to what a search needs, and of use to it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from small_networks import random_tensors, small_config
from torch import Tensor

from engine.errors import SpaceMismatchError
from engine.imaging import to_rgb
from engine.inversion.curvature import Curvature
from engine.inversion.distance import PixelsAndEdges
from engine.inversion.project import InversionResult, invert_portrait
from engine.inversion.w_space import WSpace, measure_w_space
from engine.messages import LatentSpaceChoice
from engine.network import Network
from engine.training.curvature import BATCH, measure_curvature

PLAIN = PixelsAndEdges()
ROWS, W_DIM = 3, 4
SPACE = WSpace(torch.zeros(W_DIM), torch.eye(W_DIM))


@pytest.fixture
def matrix() -> Tensor:
    """A symmetric matrix on W+ whose strengths span four powers of ten."""
    columns, _ = torch.linalg.qr(torch.randn(12, 12, generator=torch.Generator().manual_seed(1)).double())
    return (columns * torch.logspace(0, -4, 12).double()) @ columns.T


@pytest.fixture
def curvature(matrix: Tensor) -> Curvature:
    strengths, columns = torch.linalg.eigh(matrix)
    return Curvature(SPACE, columns.T.flip(0).unflatten(1, (ROWS, W_DIM)), strengths.flip(0))


def rebuilt(of: Curvature) -> Tensor:
    flat = of.directions.flatten(1)
    return (flat.T * of.strengths) @ flat


@pytest.fixture(scope="module")
def network() -> Network:
    config = small_config((8, 8, 8, 6), num_layers=2)
    tensors = random_tensors(config, seed=5)
    for name, tensor in tensors.items():
        if "torgb.weight" in name:
            tensor *= 0.15
    return Network.from_tensors(config, tensors)


@pytest.fixture(scope="module")
def measured(network: Network) -> Curvature:
    def faces() -> Iterator[Tensor]:
        source = torch.Generator().manual_seed(3)
        while True:
            yield network.mapping(torch.randn(BATCH, 8, generator=source))

    return measure_curvature(network, measure_w_space(network, 1), PLAIN, faces(), seed=0, draws=400)


def finished(network: Network, target: np.ndarray, **settings: object) -> InversionResult:
    run = invert_portrait(network, target, distance=PLAIN, **settings)  # type: ignore[arg-type]
    while True:
        try:
            next(run)
        except StopIteration as end:
            result: InversionResult = end.value
            return result


def test_that_in_w_all_rows_count_together(matrix: Tensor, curvature: Curvature) -> None:
    in_w = curvature.in_w()
    spread = torch.eye(W_DIM).double().repeat(ROWS, 1)
    assert in_w.directions.shape[1:] == (1, W_DIM)
    torch.testing.assert_close(rebuilt(in_w), spread.T @ matrix @ spread)


def test_that_a_pull_on_the_rows_is_part_of_the_curvature(matrix: Tensor, curvature: Curvature) -> None:
    alike = torch.eye(W_DIM).double().repeat(ROWS, ROWS) / ROWS
    pull = 5e-4  # all that was measured is stronger than a tenth of it
    held = curvature.held_together(pull)
    torch.testing.assert_close(rebuilt(held), matrix + pull * (torch.eye(12).double() - alike))
    assert (held.strengths.diff() <= 0).all()


def test_that_a_pull_weaker_than_all_that_was_measured_changes_nothing(curvature: Curvature) -> None:
    assert curvature.held_together(1e-6) is curvature


def test_that_under_a_strong_pull_the_rows_move_together_first(curvature: Curvature) -> None:
    held = curvature.held_together(100.0)
    weak = held.directions[held.strengths < 50.0]
    assert len(weak) == W_DIM
    assert (weak - weak.mean(dim=1, keepdim=True)).abs().max() < 1e-3


def test_that_strides_grow_as_the_pictures_answer_less_up_to_the_longest(curvature: Curvature) -> None:
    lengths = curvature.strides(5.0).flatten(1).norm(dim=1)
    assert lengths[0] == pytest.approx(1.0, abs=0.01)
    assert (lengths.diff() >= 0).all()
    assert 4.0 < lengths[-1] <= 5.0


def test_that_strong_directions_change_the_picture_more_than_weak_ones(network: Network, measured: Curvature) -> None:
    ws = network.mapping(torch.randn(4, 8, generator=torch.Generator().manual_seed(9)))
    before = network.synthesis(ws)

    def change(direction: Tensor) -> float:
        moved = network.synthesis(ws + 0.1 * direction @ measured.space.axes)
        return float((moved - before).square().mean())

    changes = [change(one) for one in measured.directions]
    thirds = np.array_split(np.array(changes), 3)
    assert thirds[0].mean() > 5 * thirds[1].mean() > 10 * thirds[2].mean()


@pytest.mark.parametrize(("space", "share"), [(LatentSpaceChoice.W_PLUS, 0.8), (LatentSpaceChoice.W, 0.97)])
@pytest.mark.parametrize("seed", [8, 21])
def test_that_a_guided_search_is_nearer_after_as_many_steps(
    network: Network, measured: Curvature, space: LatentSpaceChoice, share: float, seed: int
) -> None:
    z = torch.randn(1, 8, generator=torch.Generator().manual_seed(seed))
    settings = {"steps": 12, "space": space, "optimise_noise": False}
    target = to_rgb(network.synthesis(network.mapping(z)))
    plain = finished(network, target, **settings)
    guided = finished(network, target, curvature=measured, **settings)
    assert guided.perceptual_distance < share * plain.perceptual_distance


def test_that_the_curvature_of_other_latents_is_refused(network: Network, curvature: Curvature) -> None:
    with pytest.raises(SpaceMismatchError, match="3 x 4; this model takes 8 x 10"):
        finished(network, np.zeros((32, 32, 3), np.uint8), curvature=curvature)

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.metrics.path_length import lerp, path_distances, path_length, slerp

GOLDEN = Path(__file__).parents[2] / "golden" / "metrics" / "ppl.npz"


@pytest.fixture(scope="module")
def golden() -> dict[str, Tensor]:
    with np.load(GOLDEN) as stored:
        return {name: torch.from_numpy(np.atleast_1d(stored[name])).double() for name in stored}


def test_that_paths_between_latents_are_the_published_ones(golden: dict[str, Tensor]) -> None:
    z0, z1, t = golden["z0"], golden["z1"], golden["t"]
    for place, name in ((t, "t"), (t + 1e-4, "t_plus_eps"), (t * 0, "at_0"), (t * 0 + 1, "at_1")):
        assert torch.allclose(slerp(z0, z1, place), golden[f"slerp_{name}_f64"], atol=1e-9)
    assert torch.allclose(lerp(golden["lerp_w0"], golden["lerp_w1"], t), golden["lerp_t_f64"], atol=1e-9)


@pytest.mark.parametrize("space", ["z", "w"])
@pytest.mark.parametrize("part", ["full", "end"])
def test_that_path_distances_are_the_published_ones(golden: dict[str, Tensor], space: str, part: str) -> None:
    def mapped(z: Tensor) -> Tensor:
        return torch.tanh(z @ golden["m_w"])

    def render(latents: Tensor) -> Tensor:
        w = mapped(latents) if space == "z" else latents
        return torch.tanh(w @ golden["A"].sum(0)).reshape(-1, 3, 16, 16)

    def apart(a: Tensor, b: Tensor) -> Tensor:
        small = [torch.nn.functional.avg_pool2d((x + 1) / 2, 4).flatten(1) for x in (a, b)]
        return (small[0] - small[1]).square().sum(1)

    ends = golden["z0"], golden["z1"]
    a, b = ends if space == "z" else (mapped(ends[0]), mapped(ends[1]))
    t = golden["t"] if part == "full" else golden["t"] * 0
    found = path_distances(a, b, t, slerp if space == "z" else lerp, render, apart)
    assert torch.allclose(found, golden[f"dist_res16_{space}_{part}_full_f64"], rtol=1e-5)


def test_that_a_linear_generator_has_the_length_of_its_matrix() -> None:
    # Pictures G w with squared pixel differences: |G (w1 - w0) eps|^2 / eps^2 = |G (w1 - w0)|^2, whatever t is.
    rng = torch.Generator().manual_seed(0)
    matrix = torch.randn(7, 3 * 4, generator=rng, dtype=torch.float64)
    a, b = (torch.randn(50, 7, generator=rng, dtype=torch.float64) for _ in range(2))
    t = torch.rand(50, generator=rng, dtype=torch.float64)
    found = path_distances(
        a, b, t, lerp, lambda w: (w @ matrix).reshape(-1, 3, 2, 2), lambda x, y: (x - y).square().sum((1, 2, 3))
    )
    assert torch.allclose(found, ((b - a) @ matrix).square().sum(1), rtol=1e-6)


def test_that_means_are_trimmed_as_published(golden: dict[str, Tensor]) -> None:
    found = path_length(golden["trim_dist"].numpy())
    assert found.paths == int(golden["trim_count"])
    assert found.mean == pytest.approx(float(golden["trim_ppl"]), rel=1e-5)


def test_that_a_mean_says_how_sure_it_is() -> None:
    draws = np.random.default_rng(0).normal(10, 2, (200, 400))
    lengths = [path_length(row) for row in draws]
    spread = np.std([length.mean for length in lengths])
    assert np.mean([length.standard_error for length in lengths]) == pytest.approx(spread, rel=0.2)
    assert np.isnan(path_length(np.array([3.0])).standard_error)

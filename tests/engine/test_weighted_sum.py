"""Sums of weighted tensors."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.shares import weights_of
from engine.weighted_sum import weigh_into

PARTS = [torch.randn(40, generator=torch.Generator().manual_seed(seed)) for seed in range(4)]
SHARES = st.sampled_from([0.0, 1e-3, 0.25, 0.4, 1.0, 1.3, -0.5, 2.0])


def weighed(weights: tuple[float, ...], parts: list[torch.Tensor]) -> torch.Tensor:
    out = torch.full_like(parts[0], torch.nan)
    weigh_into(out, parts, weights)
    return out


@settings(deadline=None)
@given(shares=st.lists(SHARES, min_size=0, max_size=3))
def test_that_it_is_the_sum(shares: list[float]) -> None:
    weights = weights_of(shares)
    parts = PARTS[: len(weights)]
    wanted = sum(weight * part.double() for weight, part in zip(weights, parts, strict=True))
    torch.testing.assert_close(weighed(weights, parts).double(), wanted, rtol=1e-5, atol=1e-4)


@settings(deadline=None)
@given(shares=st.lists(SHARES, min_size=1, max_size=3), at=st.integers(0, 3))
def test_that_a_part_of_weight_nothing_might_as_well_not_be_there(shares: list[float], at: int) -> None:
    weights = weights_of(shares)
    parts = PARTS[: len(weights)]
    found = weighed((*weights[:at], 0.0, *weights[at:]), [*parts[:at], torch.full_like(parts[0], 9.0), *parts[at:]])
    assert torch.equal(found, weighed(weights, parts))


def test_that_weights_whose_first_cancel_out_are_added_up() -> None:
    wanted = 2.0 * PARTS[0] - 2.0 * PARTS[1] + PARTS[2]
    torch.testing.assert_close(weighed((2.0, -2.0, 1.0), PARTS[:3]), wanted)


@pytest.mark.parametrize("weights", [(0.5, 0.2, 0.3), (0.1, 0.2, 0.3, 0.4)])
def test_that_half_precision_is_rounded_seldom(weights: tuple[float, ...]) -> None:
    parts = [torch.randn(100_000, generator=torch.Generator().manual_seed(seed)).bfloat16() for seed in range(4)]
    parts = parts[: len(weights)]
    exact = sum(weight * part.double() for weight, part in zip(weights, parts, strict=True))
    assert isinstance(exact, torch.Tensor)
    error = float((weighed(weights, parts).double() - exact).square().mean().sqrt() / exact.std())
    once = float((exact.bfloat16().double() - exact).square().mean().sqrt() / exact.std())
    assert error < 1.7 * once

"""The step and the sigmoid of layer swapping, against the published rule."""

from __future__ import annotations

import math

import pytest

from engine.shares import layer_position, pinkney_shares


def test_that_positions_count_two_per_resolution() -> None:
    assert [layer_position(r, level) for r in (4, 8, 16, 64) for level in (0, 1)] == [0, 1, 2, 3, 4, 5, 8, 9]


@pytest.mark.parametrize(
    ("swap_resolution", "level", "first_high"),
    [(4, 0, 2), (4, 1, 3), (16, 0, 6), (16, 1, 7), (32, 1, 9), (64, 0, 10), (64, 1, 10)],
)
def test_that_a_hard_swap_starts_two_positions_up(swap_resolution: int, level: int, first_high: int) -> None:
    shares = pinkney_shares(10, swap_resolution, level)
    assert shares == (0.0,) * first_high + (1.0,) * (10 - first_high)


def test_that_a_soft_swap_is_the_sigmoid_with_its_half_in_the_middle() -> None:
    shares = pinkney_shares(10, 16, 0, 1.5)
    assert shares[4] == 0.5
    expected = [1 / (1 + math.exp(-(i - 4) / 1.5)) for i in range(10)]
    assert shares == pytest.approx(expected, abs=1e-15)


def test_that_a_very_narrow_sigmoid_does_not_overflow() -> None:
    assert pinkney_shares(6, 8, 0, 1e-12) == (0.0, 0.0, 0.5, 1.0, 1.0, 1.0)

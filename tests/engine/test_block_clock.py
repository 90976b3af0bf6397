"""What the engine believes about how long a block takes."""

from __future__ import annotations

import pytest

from engine.block_clock import BlockClock


def test_that_an_unknown_block_is_expected_to_take_twice_the_one_below() -> None:
    clock = BlockClock()
    assert clock.expected_s("net", 6, False) == 0.0
    clock.took("net", 4, False, 0.01)
    assert clock.expected_s("net", 5, False) == pytest.approx(0.02)
    assert clock.expected_s("net", 6, False) == pytest.approx(0.04)
    assert clock.expected_s("net", 3, False) == 0.0
    assert clock.expected_s("another", 5, False) == 0.0


def test_that_mixtures_have_times_of_their_own_and_borrow_until_then() -> None:
    clock = BlockClock()
    clock.took("net", 5, False, 0.01)
    assert clock.expected_s("net", 5, True) == pytest.approx(0.01)
    clock.took("net", 5, True, 0.03)
    assert clock.expected_s("net", 5, True) == pytest.approx(0.03)
    assert clock.expected_s("net", 5, False) == pytest.approx(0.01)


def test_that_the_first_cold_run_is_forgotten_at_the_second() -> None:
    clock = BlockClock()
    clock.took("net", 6, False, 2.0)
    clock.took("net", 6, False, 0.02)
    assert clock.expected_s("net", 6, False) == pytest.approx(0.02)


def test_that_a_cold_time_does_not_keep_a_block_away_for_long() -> None:
    """A drag begins after one cold picture: the block that is thought to take 0.5 s must soon be tried again."""
    clock = BlockClock()
    clock.took("net", 6, False, 0.5)
    ticks = 0
    while clock.expected_s("net", 6, False) > 0.1:
        clock.kept_from("net", 6, False)
        ticks += 1
    assert ticks < 10
    clock.took("net", 6, False, 0.2)
    clock.kept_from("net", 6, False)
    assert clock.expected_s("net", 6, False) == pytest.approx(0.2), "it is believed now"


def test_that_one_slow_run_among_fast_ones_changes_little() -> None:
    clock = BlockClock()
    for seconds in (0.02, 0.02, 0.02, 0.1):
        clock.took("net", 6, False, seconds)
    assert clock.expected_s("net", 6, False) == pytest.approx(0.04)
    for _ in range(4):
        clock.took("net", 6, False, 0.02)
    assert clock.expected_s("net", 6, False) < 0.022

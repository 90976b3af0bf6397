from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gui.widgets.hand import Drag
from gui.widgets.slider_scale import SliderScale, shown

PSI = SliderScale(-1, 2, decimals=2, step=0.01, page=0.25)
SWAP = SliderScale(4, 256, decimals=0, step=1, page=1, stops=(4, 8, 16, 32, 64, 128, 256))
ALPHA = SliderScale(0, 1, page=0.1, typed_minimum=-0.5, typed_maximum=1.5)
places = st.floats(0, 1)


@given(places)
def test_that_place_and_value_agree(place: float) -> None:
    value = PSI.value_at(place)
    assert -1 <= value <= 2
    assert value == round(value, 2)
    assert PSI.place_of(value) == pytest.approx(place, abs=0.01 / 3)


@given(places, places)
def test_that_further_right_is_never_less(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert PSI.value_at(low) <= PSI.value_at(high)
    assert SWAP.value_at(low) <= SWAP.value_at(high)


@given(places)
def test_that_stops_are_the_only_values(place: float) -> None:
    assert SWAP.value_at(place) in SWAP.stops
    assert SWAP.value_at(place, is_fine=True) in SWAP.stops


def test_that_stops_are_spread_evenly() -> None:
    assert [SWAP.place_of(stop) for stop in SWAP.stops] == pytest.approx([index / 6 for index in range(7)])


@given(places)
def test_that_snapping_goes_to_a_multiple_of_the_page(place: float) -> None:
    value = PSI.value_at(place, is_snapping=True)
    assert value / 0.25 == pytest.approx(round(value / 0.25))


def test_that_a_fine_drag_has_one_more_decimal() -> None:
    assert PSI.value_at(0.33333, is_fine=True) == 0.0
    assert ALPHA.value_at(0.33333, is_fine=True) == 0.333


def test_that_only_typed_values_go_past_the_ends() -> None:
    assert ALPHA.typed(1.4) == 1.4
    assert ALPHA.typed(9) == 1.5
    assert ALPHA.typed(-9) == -0.5
    assert ALPHA.stepped(1.0, 1) == 1.0
    assert ALPHA.value_at(2.0) == 1.0


def test_that_stepping_from_beyond_an_end_does_not_jump_back() -> None:
    assert ALPHA.stepped(1.4, 1) == 1.41


def test_that_steps_walk_the_stops() -> None:
    assert SWAP.stepped(32, 1) == 64
    assert SWAP.stepped(32, -0.2) == 16
    assert SWAP.stepped(256, 1) == 256
    assert SWAP.paged(16, 1) == 32


def test_that_ctrl_steps_go_to_the_next_snap() -> None:
    assert PSI.snap_step(0.7, 1) == 0.75
    assert PSI.snap_step(0.75, 1) == 1.0
    assert PSI.snap_step(0.7, -1) == 0.5
    assert PSI.snap_step(2.0, 1) == 2.0


def test_that_impossible_tracks_are_refused() -> None:
    with pytest.raises(ValueError, match="length"):
        SliderScale(1, 1)
    with pytest.raises(ValueError, match="ascend"):
        SliderScale(0, 1, stops=(8, 4))


@pytest.mark.parametrize(
    ("value", "decimals", "signed", "text"),
    [
        (0.8, 2, False, "0.80"),
        (0.123, 2, False, "0.123"),
        (1.2, 1, True, "+1.2"),
        (-0.0, 2, True, "0.00"),
        (32, 0, False, "32"),
    ],
)
def test_that_a_value_shows_what_it_has_to_say(value: float, decimals: int, signed: bool, text: str) -> None:
    assert shown(value, decimals, signed=signed) == text


@given(st.floats(-100, 100), st.floats(-300, 300))
def test_that_shift_is_ten_times_finer(start: float, moved: float) -> None:
    plain, fine = Drag(0, start, 0.01), Drag(0, start, 0.01, True)
    assert (fine.value_at(moved, True) - start) * 10 == pytest.approx(plain.value_at(moved, False) - start, abs=1e-9)


@given(st.lists(st.tuples(st.floats(-300, 300), st.booleans()), min_size=1, max_size=20))
def test_that_changing_between_fine_and_plain_never_jumps(moves: list[tuple[float, bool]]) -> None:
    drag, last = Drag(0, 0.0, 0.01), (0.0, 0.0)
    for px, fine in moves:
        value = drag.value_at(px, fine)
        assert abs(value - last[1]) <= abs(px - last[0]) * 0.01 + 1e-9
        last = (px, value)

"""What a hand is likely to ask for next."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from edit_states import any_state
from hypothesis import given
from hypothesis import strategies as st

from engine.foresight import held_between, likely_states
from engine.messages import Held
from engine.state import (
    Blend,
    DirectionUse,
    EditState,
    ModelRef,
    NoiseMode,
    Overlay,
    SeedLatent,
    StoredLatent,
    with_alpha,
    with_blend,
    with_curve,
    with_direction,
    with_noise,
    with_overlay,
    with_pad,
    with_seed,
    with_swap_resolution,
    with_truncation,
)

STOPS = (4, 8, 16, 32, 64)
C = ModelRef("c" * 64, "c")
STATE = EditState(
    ModelRef("a" * 64, "a"),
    ModelRef("b" * 64, "b"),
    SeedLatent(5),
    blend=Blend(16, alpha=0.5),
    overlays=(Overlay(C, 0.99),),
    directions=(DirectionUse("d" * 64, 0.5),),
)


def test_that_the_nearest_swap_stops_come_first() -> None:
    found = [state.blend.swap_resolution for state in likely_states(STATE, STOPS)]
    assert found == [8, 32, 4, 64]
    assert all(with_swap_resolution(state, 16) == STATE for state in likely_states(STATE, STOPS))


@pytest.mark.parametrize(
    "state",
    [replace(STATE, model_b=None), with_curve(STATE, (0.5,) * 10), with_alpha(STATE, 0.0)],
    ids=["nothing to blend", "curve by hand", "no B"],
)
def test_that_where_the_stops_change_nothing_none_is_drawn(state: EditState) -> None:
    assert likely_states(state, STOPS) == ()


NEIGHBOURS = {
    Held.ALPHA: [with_alpha(STATE, 0.51), with_alpha(STATE, 0.49)],
    Held.PSI: [with_truncation(STATE, 0.71), with_truncation(STATE, 0.69)],
    Held.WIDTH: [with_blend(STATE, width=0.01)],  # there is nothing below 0
    Held.SEED: [with_seed(STATE, 6), with_seed(STATE, 4)],
    Held.NOISE: [with_noise(STATE, strength=1.01), with_noise(STATE, strength=0.99)],
    Held.PAD: [with_pad(STATE, x, y) for x, y in ((0.05, 0), (-0.05, 0), (0, 0.05), (0, -0.05))],
    Held.NOISE_SEED: [],  # nothing is random
    Held.SWAP: [],
    Held.OVERLAYS: [with_overlay(STATE, 0, Overlay(C, alpha)) for alpha in (1.0, 0.98)],
    Held.DIRECTIONS: [with_direction(STATE, 0, DirectionUse("d" * 64, amount)) for amount in (0.51, 0.49)],
}


@pytest.mark.parametrize("held", list(Held))
def test_that_the_neighbours_of_what_is_held_follow_the_stops(held: Held) -> None:
    found = likely_states(STATE, STOPS, held)
    assert found[:4] == likely_states(STATE, STOPS)
    assert list(found[4:]) == NEIGHBOURS[held]


def test_that_a_seed_of_random_noise_has_neighbours_and_the_first_seed_only_one() -> None:
    random = with_noise(STATE, mode=NoiseMode.RANDOM, seed=0)
    assert likely_states(random, STOPS, Held.NOISE_SEED)[4:] == (with_noise(random, seed=1),)


def test_that_a_portrait_has_no_neighbours_on_the_pad_and_silence_none_in_strength() -> None:
    portrait = replace(STATE, latent=StoredLatent("c" * 64))
    for held in (Held.SEED, Held.PAD):
        assert len(likely_states(portrait, STOPS, held)) == 4
    assert len(likely_states(with_noise(STATE, mode=NoiseMode.NONE), STOPS, Held.NOISE)) == 4


def test_that_a_row_of_a_long_list_is_not_guessed_at() -> None:
    many = replace(STATE, directions=STATE.directions * 3, overlays=STATE.overlays * 3)
    for held in (Held.OVERLAYS, Held.DIRECTIONS):
        assert len(likely_states(many, STOPS, held)) == 4


def test_that_a_value_typed_past_the_track_steps_from_there() -> None:
    state = with_alpha(STATE, 1.5)
    assert likely_states(state, STOPS, Held.ALPHA)[4:] == (with_alpha(state, 1.51), with_alpha(state, 1.49))


@given(state=any_state, held=st.sampled_from([None, *Held]), count=st.integers(0, 9))
def test_that_there_are_few_each_once_and_never_the_present_one(
    state: EditState, held: Held | None, count: int
) -> None:
    found = likely_states(state, tuple(4 << i for i in range(count)), held)
    assert len(found) == len(set(found)) <= 12
    assert state not in found


def test_that_what_was_turned_is_known_by_its_change() -> None:
    assert held_between(STATE, with_alpha(STATE, 0.1)) is Held.ALPHA
    assert held_between(with_curve(STATE, (1.0,) * 10), with_swap_resolution(STATE, 8)) is Held.SWAP
    assert held_between(STATE, with_seed(STATE, 1)) is Held.SEED
    assert held_between(STATE, with_pad(STATE, 0.1, 0.0)) is Held.PAD
    assert held_between(STATE, with_noise(STATE, seed=9)) is Held.NOISE_SEED
    assert held_between(STATE, with_alpha(with_seed(STATE, 1), 0.1)) is None
    assert held_between(STATE, STATE) is None


def test_that_every_control_is_named_as_the_history_names_it() -> None:
    from engine.history import BLEND_LABELS, FIELD_LABELS, NOISE_LABELS

    names = {*FIELD_LABELS.values(), *BLEND_LABELS.values(), *NOISE_LABELS.values(), "seed", "seed pad"}
    assert set(Held) <= names


def test_that_the_window_can_import_it_without_torch() -> None:
    code = "import sys, engine.foresight; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2], timeout=60)

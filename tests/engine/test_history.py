from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.history import History, change_label
from engine.state import (
    EditState,
    ModelRef,
    StoredLatent,
    swapped,
    with_alpha,
    with_curve,
    with_latent,
    with_models,
    with_noise,
    with_pad,
    with_seed,
    with_swap_resolution,
    with_truncation,
)

START = EditState()
A, B = ModelRef("a" * 64, "a"), ModelRef("b" * 64, "b")


def test_that_a_whole_drag_is_one_step_of_undo() -> None:
    history = History(START)
    history.begin_gesture()
    for step in range(100):
        assert history.apply(with_alpha(START, step / 100))
    assert history.state.blend.alpha == 0.99
    assert history.end_gesture()
    assert len(history.entries) == 2
    assert history.undo_label == "alpha"
    assert history.undo() == START
    assert history.redo() == with_alpha(START, 0.99)
    assert history.redo() is None


def test_that_a_drag_that_comes_back_leaves_no_trace() -> None:
    history = History(START)
    history.begin_gesture()
    history.apply(with_alpha(START, 0.3))
    history.apply(START)
    assert not history.end_gesture()
    assert not history.can_undo


def test_that_a_cancelled_drag_returns_to_where_it_began() -> None:
    history = History(with_seed(START, 3))
    history.begin_gesture()
    history.apply(with_alpha(START, 0.3))
    assert history.cancel_gesture() == with_seed(START, 3)
    assert not history.in_gesture
    assert not history.can_undo


def test_that_undo_in_the_middle_of_a_drag_takes_the_drag_back() -> None:
    history = History(START)
    history.begin_gesture()
    history.apply(with_alpha(START, 0.3))
    assert history.can_undo
    assert history.undo() == START
    assert history.redo_label == "alpha"


def test_that_the_same_state_twice_is_not_an_entry() -> None:
    history = History(START)
    assert not history.apply(EditState())
    assert history.apply(with_seed(START, 1))
    assert not history.apply(with_seed(START, 1))
    assert [entry.label for entry in history.entries] == ["start", "seed"]


def test_that_a_new_change_after_undo_drops_what_was_undone() -> None:
    history = History(START)
    history.apply(with_seed(START, 1))
    history.apply(with_seed(START, 2))
    history.undo()
    history.apply(with_seed(START, 3))
    assert not history.can_redo
    assert [entry.state for entry in history.entries] == [START, with_seed(START, 1), with_seed(START, 3)]


def test_that_a_held_arrow_key_is_one_entry_when_asked_for() -> None:
    history = History(START)
    for step in (0.9, 0.8, 0.7):
        history.apply(with_alpha(START, step), merge=True)
    history.apply(with_seed(history.state, 4), merge=True)
    assert [entry.label for entry in history.entries] == ["start", "alpha", "seed"]
    history.undo()
    history.apply(with_alpha(START, 0.6), merge=True)
    assert [entry.state.blend.alpha for entry in history.entries] == [1.0, 0.7, 0.6]


def test_that_the_oldest_entries_go_first_when_there_are_too_many() -> None:
    history = History(START, max_entries=10)
    for seed in range(1, 101):
        history.apply(with_seed(START, seed))
    assert len(history.entries) == 10
    assert history.state == with_seed(START, 100)
    assert history.entries[0].state == with_seed(START, 91)


def test_that_the_bytes_of_the_history_are_bounded_but_the_present_is_kept() -> None:
    big = with_curve(START, tuple(float(i) for i in range(64)))
    history = History(START, max_bytes=3 * len(repr(big)))
    for seed in range(1, 20):
        history.apply(with_seed(big, seed))
    assert 1 <= len(history.entries) <= 3
    assert history.state == with_seed(big, 19)


def test_that_a_saved_history_continues_where_it_was() -> None:
    history = History(START)
    for seed in (1, 2, 3):
        history.apply(with_seed(START, seed))
    history.undo()
    again = History.from_entries(history.entries, history.index)
    assert again.state == with_seed(START, 2)
    assert again.redo() == with_seed(START, 3)


def test_that_one_can_go_anywhere_on_the_line_and_nowhere_else() -> None:
    history = History(START)
    history.apply(with_seed(START, 1))
    assert history.go_to(0) == START
    assert history.can_redo
    with pytest.raises(IndexError):
        history.go_to(2)


@pytest.mark.parametrize(
    ("new", "label"),
    [
        (with_seed(START, 5), "seed"),
        (with_pad(START, 0.1, 0.2), "seed pad"),
        (with_latent(START, StoredLatent("c" * 64)), "portrait"),
        (with_truncation(START, 0.1), "psi"),
        (with_truncation(START, 0.7, 4), "psi cutoff"),
        (with_curve(START, (1.0,)), "alpha curve"),
        (with_noise(START, strength=0.5), "noise strength"),
        (with_noise(START, seed=5), "noise seed"),
        (with_models(START, b=B), "model B"),
        (with_alpha(with_seed(START, 5), 0.1), "several changes"),
        (START, "no change"),
    ],
)
def test_that_each_change_has_a_name(new: EditState, label: str) -> None:
    assert change_label(START, new) == label


def test_that_swapping_models_and_dropping_a_curve_have_their_own_names() -> None:
    both = with_models(START, a=A, b=B)
    assert change_label(both, swapped(both)) == "swap A and B"
    curved = with_curve(START, (1.0,))
    assert change_label(curved, with_swap_resolution(curved, 64)) == "swap resolution"


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(("apply", "drag", "undo", "redo", "jump")), st.integers(0, 5)), max_size=30)
)
def test_that_undo_then_redo_is_the_identity_after_any_walk(steps: list[tuple[str, int]]) -> None:
    history = History(START, max_entries=8)
    for step, value in steps:
        if step == "apply":
            history.apply(with_seed(START, value))
        elif step == "drag":
            history.begin_gesture()
            history.apply(with_alpha(history.state, value / 5))
            history.end_gesture()
        elif step == "jump":
            history.go_to(value % len(history.entries))
        else:
            getattr(history, step)()
        states = [entry.state for entry in history.entries]
        assert all(a != b for a, b in pairwise(states))
        before = history.state
        if history.can_undo:
            history.undo()
            assert history.redo() == before

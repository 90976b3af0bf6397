from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.history import History, HistoryEntry, change_label
from engine.history_entry import parents_of, without
from engine.state import (
    EditState,
    ModelRef,
    StoredLatent,
    swapped,
    with_alpha,
    with_blend,
    with_curve,
    with_latent,
    with_models,
    with_noise,
    with_pad,
    with_seed,
    with_swap_resolution,
    with_truncation,
)
from engine.variations import Sheet, Vary

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


def test_that_a_new_change_after_undo_begins_a_branch_beside_what_was_undone() -> None:
    history = History(START)
    for seed in (1, 2):
        history.apply(with_seed(START, seed))
    history.undo()
    history.apply(with_seed(START, 3))
    assert not history.can_redo
    assert [entry.state for entry in history.entries] == [START, *(with_seed(START, seed) for seed in (1, 2, 3))]
    assert [history.parent(place) for place in range(4)] == [None, 0, 1, 1]
    assert history.children(1) == [2, 3]
    assert history.path == (0, 1, 3)


def test_that_redo_goes_where_one_was_last() -> None:
    history = History(START)
    history.apply(with_seed(START, 1))
    history.undo()
    history.apply(with_seed(START, 2))
    history.go_to(1)
    history.undo()
    assert history.redo_label == "seed"
    assert history.redo() == with_seed(START, 1)
    assert history.path == (0, 1)


def test_that_the_same_change_again_goes_back_to_where_it_led() -> None:
    history = History(START)
    history.apply(with_seed(START, 1))
    history.apply(with_alpha(history.state, 0.5))
    history.go_to(0)
    assert history.apply(with_seed(START, 1))
    assert len(history.entries) == 3
    assert history.path == (0, 1, 2)


def test_that_the_branches_of_the_nearest_fork_are_side_by_side() -> None:
    history = History(START)
    for first in (10, 20):
        history.go_to(0)
        for seed in range(first, first + 3):
            history.apply(with_seed(START, seed))
    history.go_to(0)
    history.apply(with_seed(START, 30))
    assert history.beside(1) is None
    history.go_to(5)
    assert (history.beside(-1), history.beside(1)) == (2, 7)
    assert history.entries[2].state == with_seed(START, 11)
    history.go_to(0)
    assert history.beside(1) is history.beside(-1) is None


def test_that_a_kept_state_is_a_branch_that_one_has_not_gone_to() -> None:
    history = History(START)
    history.apply(with_seed(START, 1))
    assert history.keep(with_alpha(history.state, 0.5), "variation") == 2
    assert history.keep(with_alpha(history.state, 0.5)) is None
    assert history.keep(history.state) is None
    assert history.state == with_seed(START, 1)
    assert (history.parent(2), history.entries[2].label) == (1, "variation")
    assert history.redo() == with_alpha(with_seed(START, 1), 0.5)


def test_that_names_stars_and_sheets_stay_with_their_entry() -> None:
    history = History(START, max_entries=4)
    history.apply(with_seed(START, 1))
    assert history.mark(1, name="the good one", is_starred=True)
    assert not history.mark(1, is_starred=True)
    sheet = Sheet(5, (Vary.PAD,), 0.3, 8)
    assert history.note_sheet(sheet)
    assert not history.note_sheet(sheet)
    for seed in range(2, 20):
        history.go_to(0) if seed % 2 else None
        history.apply(with_seed(START, seed))
    assert len(history.entries) == 4
    (good,) = (entry for entry in history.entries if entry.is_starred)
    assert (good.title, good.sheets) == ("the good one", (sheet,))


def test_that_what_goes_first_is_old_and_off_the_way_that_led_here() -> None:
    history = History(START, max_entries=5)
    for seed in (1, 2, 3):
        history.apply(with_seed(START, seed))
    history.go_to(1)
    for seed in (4, 5):
        history.apply(with_seed(START, seed))
    assert [entry.state for entry in history.entries] == [START, *(with_seed(START, seed) for seed in (1, 2, 4, 5))]
    assert history.take_dropped() == (3,)
    history.apply(with_seed(START, 6))
    assert history.take_dropped() == (2,)
    history.apply(with_seed(START, 7))
    assert history.take_dropped() == (0,)
    assert history.entries[0].state == with_seed(START, 1)
    assert history.take_dropped() == ()


def test_that_a_first_entry_that_goes_leaves_one_tree_behind() -> None:
    history = History(START, max_entries=4)
    for seed in (1, 2, 3):
        history.go_to(0)
        history.apply(with_seed(START, seed))
    for place in (1, 2):
        history.mark(place, is_starred=True)
    history.apply(with_seed(START, 4))
    assert [history.parent(place) for place in range(4)] == [None, 0, 0, 2]
    assert history.undo() == with_seed(START, 3)
    assert history.undo() == with_seed(START, 1)


def test_that_a_held_arrow_key_is_one_entry_when_asked_for() -> None:
    history = History(START)
    for step in (0.9, 0.8, 0.7):
        history.apply(with_alpha(START, step), merge=True)
    history.apply(with_seed(history.state, 4), merge=True)
    assert [entry.label for entry in history.entries] == ["start", "alpha", "seed"]
    history.undo()
    history.apply(with_alpha(START, 0.6), merge=True)
    assert [entry.state.blend.alpha for entry in history.entries] == [1.0, 0.7, 0.7, 0.6]


def test_that_the_oldest_entries_go_first_when_there_are_too_many() -> None:
    history = History(START, max_entries=10)
    for seed in range(1, 101):
        history.apply(with_seed(START, seed))
    assert len(history.entries) == 10
    assert history.state == with_seed(START, 100)
    assert history.entries[0].state == with_seed(START, 91)


def test_that_the_bytes_of_the_history_are_bounded_but_the_present_is_kept() -> None:
    big = with_curve(START, tuple(float(i) for i in range(64)))
    history = History(START, max_bytes=4000)
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
    assert change_label(curved, with_blend(curved, width=1.5, curve=None)) == "blend width"
    assert change_label(curved, with_blend(curved, level=1, curve=None)) == "swap level"


STEPS = st.lists(
    st.tuples(st.sampled_from(("apply", "drag", "undo", "redo", "jump", "keep", "aside")), st.integers(0, 5)),
    max_size=40,
)


def walk(history: History, step: str, value: int) -> None:
    if step == "apply":
        history.apply(with_seed(START, value))
    elif step == "drag":
        history.begin_gesture()
        history.apply(with_alpha(history.state, value / 5))
        history.end_gesture()
    elif step == "jump":
        history.go_to(value % len(history.entries))
    elif step == "keep":
        history.keep(with_noise(history.state, strength=value / 5), "kept")
    elif step == "aside":
        there = history.beside(1 if value % 2 else -1)
        if there is not None:
            history.go_to(there)
    else:
        getattr(history, step)()


@settings(max_examples=80, deadline=None)
@given(STEPS, st.integers(3, 60))
def test_that_undo_then_redo_is_the_identity_after_any_walk(steps: list[tuple[str, int]], most: int) -> None:
    history = History(START, max_entries=most)
    for step, value in steps:
        walk(history, step, value)
        assert len(history.entries) <= most
        parents = [history.parent(place) for place in range(len(history.entries))]
        assert parents == parents_of(history.entries)
        for place, parent in enumerate(parents):
            assert parent is None or history.entries[place].state != history.entries[parent].state
            assert parent is None or place in history.children(parent)
        assert history.index in history.path
        before, path = history.state, history.path
        if history.can_undo:
            history.undo()
            assert history.redo() == before
            assert history.path == path


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_that_every_state_that_was_ever_an_entry_can_be_gone_to(steps: list[tuple[str, int]]) -> None:
    history = History(START)
    seen = {START}
    for step, value in steps:
        walk(history, step, value)
        seen.add(history.state)
    assert {entry.state for entry in history.entries} >= seen
    for place in range(len(history.entries)):
        history.go_to(place)
        back = [history.index]
        while history.undo() is not None:
            back.append(history.index)
        assert back[-1] == 0
        for there in reversed(back[:-1]):
            history.redo()
            assert history.index == there


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_that_a_saved_tree_is_the_same_tree_with_the_same_way_ahead(steps: list[tuple[str, int]]) -> None:
    history = History(START)
    for step, value in steps:
        walk(history, step, value)
    again = History.from_entries(history.entries, history.index, history.tip)
    assert (again.entries, again.index, again.path) == (history.entries, history.index, history.path)


def test_that_entries_without_parents_are_one_line_and_nonsense_is_refused() -> None:
    line = [HistoryEntry(with_seed(START, seed)) for seed in range(4)]
    history = History.from_entries(line, 3)
    assert history.path == (0, 1, 2, 3)
    for parent in (1, 2, -1):
        with pytest.raises(ValueError, match="not before it"):
            History.from_entries([line[0], HistoryEntry(START, parent=parent)], 0)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 30), max_size=30), st.sets(st.integers(0, 30)))
def test_that_a_tree_without_some_is_a_tree_in_the_same_order(links: list[int], gone: set[int]) -> None:
    entries = [HistoryEntry(with_seed(START, 99))]
    for place, link in enumerate(links, 1):
        entries.append(HistoryEntry(with_seed(START, place), parent=link % place))
    kept, places = without(entries, gone)
    assert [entry.state for entry in kept] == [e.state for place, e in enumerate(entries) if place not in gone]
    parents = parents_of(kept)
    for place, new_place in places.items():
        old_parent = parents_of(entries)[place]
        if old_parent is not None and old_parent not in gone:
            assert parents[new_place] == places[old_parent]

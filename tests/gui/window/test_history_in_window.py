"""The history tree: its window, the filmstrip's branches, names and stars."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from desk import Desk
from hand import CTRL, click, key, wheel
from PySide6.QtCore import QPointF, Qt

from engine.history import HistoryEntry
from engine.state import with_alpha, with_seed
from gui.history_tree.window import HistoryWindow


@pytest.fixture
def forked(desk: Desk) -> Desk:
    """0 - 1 - 2, and from 1 also - 3 - 4; one stands on 4."""
    session = desk.studio.session
    start = session.state
    for seed in (1, 2):
        session.edit(with_seed(start, seed))
    session.undo()
    for seed in (3, 4):
        session.edit(with_seed(start, seed))
    return desk


@pytest.fixture
def tree(forked: Desk) -> Iterator[HistoryWindow]:
    forked.studio.window.actions_["history"].trigger()
    window = forked.studio.history
    assert window.isVisible()
    yield window
    window.close()


def at(desk: Desk) -> int:
    return desk.studio.session.history.index


def test_that_the_filmstrip_shows_the_present_path_and_where_it_forks(forked: Desk) -> None:
    strip = forked.studio.window.parts.filmstrip
    assert [item.branches for item in strip.items] == [1, 2, 1, 0]
    assert "2 ways" in strip.items[1].tooltip
    assert strip.current_key == strip.items[3].key
    key(strip, Qt.Key.Key_Left)
    key(strip, Qt.Key.Key_Up)
    assert at(forked) == 2
    assert len(strip.items) == 3
    key(strip, Qt.Key.Key_Down)
    assert at(forked) == 3
    assert len(strip.items) == 4


def test_that_a_click_in_the_tree_goes_there_and_the_way_back_stays(forked: Desk, tree: HistoryWindow) -> None:
    view = tree.view
    click(view.viewport(), view.thumb_rect(2).center())
    assert at(forked) == 2
    assert "seed 2" in view.words(2)
    key(view, Qt.Key.Key_Left)
    key(view, Qt.Key.Key_Right)
    assert at(forked) == 2
    key(view, Qt.Key.Key_Down)
    assert at(forked) == 3
    key(view, Qt.Key.Key_Home)
    assert at(forked) == 0
    key(view, Qt.Key.Key_End)
    assert at(forked) == 4


def test_that_what_is_done_in_the_window_grows_the_tree(forked: Desk, tree: HistoryWindow) -> None:
    forked.studio.session.edit(with_alpha(forked.state, 0.4))
    assert tree.count.text() == "6 steps"
    assert 5 in list(tree.view.seen())
    forked.wait_until(
        lambda: all(tree._pictures.picture(e.state) for e in forked.studio.session.history.entries)
    )


def test_that_stars_and_names_can_be_given_found_and_undone(forked: Desk, tree: HistoryWindow) -> None:
    def entries() -> tuple[HistoryEntry, ...]:
        return forked.studio.session.history.entries

    key(tree.view, Qt.Key.Key_S)
    assert entries()[4].is_starred
    assert forked.studio.window.parts.filmstrip.items[-1].is_starred
    key(tree.view, Qt.Key.Key_F2)
    assert tree._name_field.isVisible()
    tree._name_field.setText("  the good one ")
    key(tree._name_field, Qt.Key.Key_Return)
    assert entries()[4].name == "the good one"
    assert forked.studio.session.is_dirty
    tree.starred.setChecked(True)
    assert tree.count.text() == "1 of 5"
    tree.starred.setChecked(False)
    tree.search.setText("good ONE")
    assert tree.count.text() == "1 of 5"
    key(tree.view, Qt.Key.Key_Home)
    key(tree.search, Qt.Key.Key_Return)
    assert at(forked) == 4
    tree.search.setText("seed 3")
    assert tree._matches == [3]
    tree.search.setText("no such thing")
    key(tree.search, Qt.Key.Key_Return)
    assert at(forked) == 4
    key(tree, Qt.Key.Key_Escape)
    assert not tree.search.text()
    assert tree.isVisible()
    key(tree, Qt.Key.Key_Escape)
    assert not tree.isVisible()


def test_that_zooming_keeps_what_is_under_the_pointer(forked: Desk, tree: HistoryWindow) -> None:
    view = tree.view
    middle = view.thumb_rect(0).center()
    before = view.thumb_px
    wheel(view.viewport(), -1, (middle.x(), middle.y()), CTRL)
    assert view.thumb_px < before
    assert view.entry_at(middle) == 0
    for _ in range(20):
        key(view, Qt.Key.Key_Plus)
    assert view.thumb_px == 128
    assert not tree.closer.isEnabled()
    for _ in range(20):
        key(view, Qt.Key.Key_Minus)
    assert view.thumb_px == 20
    assert view.entry_at(QPointF(-5, -5)) is None


def test_that_only_what_is_in_sight_is_drawn_of_a_very_long_history(desk: Desk) -> None:
    line = tuple(HistoryEntry(with_seed(desk.state, seed), f"seed {seed}") for seed in range(2000))
    desk.studio.session.replace_document(line, 1000, None, saved=True)
    desk.engine.submitted.clear()
    desk.studio.history.show()
    view = desk.studio.history.view
    seen = list(view.seen())
    assert 3 < len(seen) < 40
    assert 1000 in seen
    desk.wait_until(lambda: all(desk.studio.strip.pictures.picture(line[place].state) for place in seen))
    key(view, Qt.Key.Key_End)
    assert desk.studio.session.history.index == 1999
    assert 1999 in list(view.seen())
    assert len(desk.engine.submitted) < 200
    assert len(desk.studio.window.parts.filmstrip.items) == 120
    desk.studio.history.close()


def test_that_the_palette_key_and_the_menu_know_it(desk: Desk) -> None:
    actions = desk.studio.window.actions_
    assert actions["history"].shortcut().toString() == "Ctrl+H"
    assert actions["explore"].shortcut().toString() == "E"

from __future__ import annotations

import pytest
from hand import Show, click, key
from looking import colors_in, image_of
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from gui.canvas import CanvasMode
from gui.theme import DARK
from gui.widgets.segmented import VIEW_SEGMENTS, Segmented


@pytest.fixture
def segmented(show: Show) -> Segmented:
    made = Segmented(VIEW_SEGMENTS)
    return show(made, made.sizeHint().width(), 30)


def test_that_its_keys_are_the_modes_of_the_canvas() -> None:
    assert [segment.key for segment in VIEW_SEGMENTS] == [mode.value for mode in CanvasMode]


def test_that_a_click_picks_and_a_second_says_nothing(segmented: Segmented, qtbot: QtBot) -> None:
    with qtbot.waitSignal(segmented.picked) as picked:
        click(segmented, segmented.segment_rect(3).center())
    assert picked.args == ["triptych"]
    with qtbot.assertNotEmitted(segmented.picked):
        click(segmented, segmented.segment_rect(3).center())
        segmented.set_current("b")
    assert segmented.current == "b"


def test_that_arrow_keys_walk_and_stop_at_the_ends(segmented: Segmented) -> None:
    for which in (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Right):
        key(segmented, which)
    assert segmented.current == "b"
    assert segmented.accessibleDescription() == f"B, one of {len(VIEW_SEGMENTS)}"
    assert not key(segmented, Qt.Key.Key_1, text="1").isAccepted()


def test_that_every_label_stays_whole_where_there_is_little_room(segmented: Segmented) -> None:
    usual, least = segmented.sizeHint().width(), segmented.minimumSizeHint().width()
    for width in (usual + 50, usual, least):
        segmented.resize(width, 30)
        last = segmented.segment_rect(len(VIEW_SEGMENTS) - 1)
        assert last.right() <= width + 1
    assert least < usual - 40


def test_that_an_unknown_key_is_refused(segmented: Segmented) -> None:
    with pytest.raises(KeyError):
        segmented.set_current("c")


def test_that_disabled_choices_are_pale(segmented: Segmented) -> None:
    segmented.setEnabled(False)
    colors = colors_in(image_of(segmented), segmented.segment_rect(0))
    assert DARK.disabled in colors
    assert DARK.a_text not in colors


def test_that_a_is_teal_and_b_is_coral(segmented: Segmented) -> None:
    image = image_of(segmented)
    assert DARK.a_text in colors_in(image, segmented.segment_rect(0))
    assert DARK.b_text in colors_in(image, segmented.segment_rect(2))
    assert DARK.a_text not in colors_in(image, segmented.segment_rect(3))

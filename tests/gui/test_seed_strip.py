from __future__ import annotations

import random

import pytest
from hand import CTRL, SHIFT, Record, Show, click, double_click, drag, key, move, press, release
from looking import color_at, image_of
from PySide6.QtCore import QPointF, Qt
from pytestqt.qtbot import QtBot

from gui.theme import DARK
from gui.widgets.inline_edit import InlineEdit
from gui.widgets.seed_strip import PX_PER_SEED, SeedStrip, grain

NOTHING = (None,) * 6


@pytest.fixture
def strip(show: Show) -> SeedStrip:
    made = SeedStrip()
    made.set_resolutions((4, 8, 16), frozenset({0}))
    return show(made, 240, made.height())


def middle(strip: SeedStrip, column: int) -> QPointF:
    return strip.cell(column).center()


def seed(strip: SeedStrip, column: int) -> float | None:
    return strip.seeds[column]


def test_that_dragging_across_moves_the_seed_through_all_between(strip: SeedStrip) -> None:
    strip.set_start(12)
    record = Record(strip, "seeds_changed")
    drag(strip, middle(strip, 3), middle(strip, 3) + QPointF(PX_PER_SEED * 1.5, 0))
    assert strip.seeds == (None, None, None, 13.5, None, None)
    assert record.gestures == 1
    assert record.values[-1] == strip.seeds
    assert len(set(record.values)) > 4


def test_that_shift_is_fine_and_ctrl_goes_to_whole_seeds(strip: SeedStrip) -> None:
    drag(strip, middle(strip, 2), middle(strip, 2) + QPointF(PX_PER_SEED, 0), SHIFT)
    assert seed(strip, 2) == 0.1
    drag(strip, middle(strip, 2), middle(strip, 2) + QPointF(PX_PER_SEED * 2.7, 0), CTRL)
    assert seed(strip, 2) == 3


def test_that_a_double_click_gives_the_layer_back(strip: SeedStrip) -> None:
    strip.set_seeds((None, 7.5, 8.0))
    record = Record(strip, "seeds_changed")
    double_click(strip, middle(strip, 1))
    assert strip.seeds == (None, None, 8.0, None, None, None)
    assert record.gestures == 1
    assert not strip.findChild(InlineEdit).isVisible()


def test_that_a_real_double_click_resets_although_the_first_click_opens_a_field(
    strip: SeedStrip, qtbot: QtBot
) -> None:
    strip.set_seeds((None, 7.5))
    qtbot.mouseClick(strip, Qt.MouseButton.LeftButton, pos=middle(strip, 1).toPoint())
    qtbot.mouseDClick(strip.findChild(InlineEdit), Qt.MouseButton.LeftButton)
    assert seed(strip, 1) is None


def test_that_a_click_types_a_seed_and_an_empty_text_gives_it_back(strip: SeedStrip, qtbot: QtBot) -> None:
    editor = strip.findChild(InlineEdit)
    for text, value in (("2143", 2143.0), ("12.25", 12.25), ("4294967295", 4294967295.0)):
        click(strip, middle(strip, 4))
        qtbot.keyClicks(editor, text)
        qtbot.keyClick(editor, Qt.Key.Key_Return)
        assert seed(strip, 4) == value
    for text in ("-1", "1e12", "seed"):
        click(strip, middle(strip, 4))
        qtbot.keyClicks(editor, text)
        qtbot.keyClick(editor, Qt.Key.Key_Return)
        assert editor.property("invalid")
        qtbot.keyClick(editor, Qt.Key.Key_Escape)
    assert seed(strip, 4) == 4294967295.0
    click(strip, middle(strip, 4))
    qtbot.keyClick(editor, Qt.Key.Key_Delete)
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    assert seed(strip, 4) is None


def test_that_keys_walk_step_and_reset(strip: SeedStrip) -> None:
    record = Record(strip, "seeds_changed")
    key(strip, Qt.Key.Key_End)
    key(strip, Qt.Key.Key_Left)
    for which, modifiers in ((Qt.Key.Key_PageUp, ()), (Qt.Key.Key_Up, ()), (Qt.Key.Key_Up, (SHIFT,))):
        key(strip, which, *modifiers)
    assert seed(strip, 4) == pytest.approx(1.11)
    assert strip.accessibleDescription() == "16 px, first: seed 1.11"
    key(strip, Qt.Key.Key_Up, CTRL)
    assert seed(strip, 4) == 2
    key(strip, Qt.Key.Key_Down, CTRL)
    assert seed(strip, 4) == 1
    strip.finish_gesture()
    assert record.gestures == 1
    key(strip, Qt.Key.Key_Delete)
    assert strip.seeds == NOTHING


def test_that_seeds_stay_from_nothing_to_the_largest(strip: SeedStrip) -> None:
    drag(strip, middle(strip, 1), middle(strip, 1) - QPointF(500, 0))
    assert seed(strip, 1) == 0
    strip.set_seeds((None, 2.0**32 - 1))
    key(strip, Qt.Key.Key_PageUp)
    assert seed(strip, 1) == 2**32 - 1


def test_that_a_layer_without_noise_takes_no_seed(strip: SeedStrip) -> None:
    drag(strip, middle(strip, 0), middle(strip, 0) + QPointF(80, 0))
    click(strip, middle(strip, 0))
    click(strip, strip.lock_rect(0).center())
    strip.randomise(random.Random(1))
    assert seed(strip, 0) is None
    assert not strip.findChild(InlineEdit).isVisible()
    assert not strip.is_column_locked(0)
    assert strip.seed_text(0) == "no noise here"


def test_that_keys_begin_at_the_first_layer_with_noise_and_pass_over_the_others(strip: SeedStrip) -> None:
    assert strip.current == 1
    key(strip, Qt.Key.Key_Left)
    assert strip.current == 1
    strip.set_resolutions((4, 8, 16), frozenset({0, 2}))
    key(strip, Qt.Key.Key_Right)
    assert strip.current == 3
    key(strip, Qt.Key.Key_Home)
    assert strip.current == 1


def test_that_a_locked_layer_is_left_alone_by_chance_only(strip: SeedStrip, qtbot: QtBot) -> None:
    strip.set_seeds((None, 5.0, 6.0))
    with qtbot.waitSignal(strip.column_lock_changed) as locked:
        click(strip, strip.lock_rect(2).center())
    assert locked.args == [2, True]
    strip.randomise(random.Random(2))
    assert seed(strip, 2) == 6.0
    assert seed(strip, 1) != 5.0
    assert seed(strip, 3) is not None
    strip.roll()
    assert seed(strip, 2) == 6.0
    drag(strip, middle(strip, 2), middle(strip, 2) + QPointF(PX_PER_SEED, 0))
    assert seed(strip, 2) == 7.0


def test_that_a_drag_wins_over_seeds_set_meanwhile(strip: SeedStrip) -> None:
    press(strip, middle(strip, 1))
    from_here = middle(strip, 1) + QPointF(PX_PER_SEED, 0)
    drag_to = from_here + QPointF(PX_PER_SEED, 0)
    move(strip, from_here)
    strip.set_seeds(NOTHING)
    move(strip, drag_to)
    release(strip, drag_to)
    assert seed(strip, 1) == 2


def test_that_grains_change_with_the_seed_and_meet_at_whole_ones() -> None:
    assert grain(3.0) != grain(4.0)
    assert grain(3.5) not in (grain(3.0), grain(4.0))
    close = [abs(grain(3.999).pixelColor(x, 1).red() - grain(4.0).pixelColor(x, 1).red()) for x in range(6)]
    assert max(close) <= 2


def test_that_a_cell_with_a_seed_looks_other_than_one_without(strip: SeedStrip) -> None:
    strip.clearFocus()
    strip.set_seeds((None, None, 3.0))
    image = image_of(strip)
    corner = QPointF(5, 4)
    assert color_at(image, strip.cell(1).topLeft() + corner).name() == DARK.sunken
    assert color_at(image, strip.cell(2).topLeft() + corner).name() != DARK.sunken


def test_that_a_disabled_strip_does_nothing(strip: SeedStrip) -> None:
    strip.set_disabled_reason("There is no noise")
    drag(strip, middle(strip, 1), middle(strip, 1) + QPointF(80, 0))
    click(strip, strip.lock_rect(1).center())
    assert strip.seeds == NOTHING
    assert not strip.is_column_locked(1)

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hand import ALT, CTRL, SHIFT, Record, Show, click, double_click, drag, key, move, press, release, wheel
from hypothesis import given
from hypothesis import strategies as st
from looking import color_at, image_of, is_near
from PySide6.QtCore import QPointF, Qt
from pytestqt.qtbot import QtBot

from gui.further_models import tints_of
from gui.theme import DARK
from gui.widgets.alpha_curve import AlphaCurve, smooth_path
from gui.widgets.inline_edit import InlineEdit

STEP = (0.0,) * 4 + (1.0,) * 6


@pytest.fixture
def curve(show: Show) -> AlphaCurve:
    made = AlphaCurve()
    made.set_resolutions((4, 8, 16, 32, 64))
    made.set_default_curve(STEP)
    made.set_curve(STEP)
    return show(made, 268, 112)


def knob(curve: AlphaCurve, column: int) -> QPointF:
    return curve.points()[column]


def test_that_a_knob_is_dragged_like_a_tone_curve(curve: AlphaCurve) -> None:
    record = Record(curve, "curve_changed")
    drag(curve, knob(curve, 1), QPointF(curve.column_x(1), curve.value_y(0.5)))
    assert curve.curve == pytest.approx((0, 0, 0.5, 0.5, 1, 1, 1, 1, 1, 1), abs=0.01)
    assert record.values[-1] == curve.curve
    assert record.gestures == 1


def test_that_only_the_grabbed_column_moves(curve: AlphaCurve) -> None:
    drag(curve, knob(curve, 0), QPointF(curve.column_x(4), curve.value_y(1.0)))
    assert curve.curve[2:] == STEP[2:]
    assert curve.curve[:2] == (1.0, 1.0)


def test_that_a_drag_stays_between_none_and_all(curve: AlphaCurve) -> None:
    drag(curve, knob(curve, 0), QPointF(curve.column_x(0), -400))
    assert curve.curve[0] == 1.0
    drag(curve, knob(curve, 0), QPointF(curve.column_x(0), 900))
    assert curve.curve[0] == 0.0


def test_that_shift_is_fine_and_ctrl_snaps_to_quarters(curve: AlphaCurve) -> None:
    start = knob(curve, 0)
    drag(curve, start, QPointF(start.x(), curve.value_y(0.5)), SHIFT)
    assert curve.curve[0] == pytest.approx(0.05, abs=0.002)
    record = Record(curve, "curve_changed")
    drag(curve, knob(curve, 0), QPointF(start.x(), curve.value_y(1.0)), CTRL, steps=30)
    assert [values[0] for values in record.values] == [0.0, 0.25, 0.5, 0.75, 1.0]


def test_that_a_double_click_brings_one_resolution_back(curve: AlphaCurve) -> None:
    curve.set_curve((0.5,) * 10)
    record = Record(curve, "curve_changed")
    double_click(curve, knob(curve, 3))
    assert curve.curve == (0.5,) * 6 + (1.0, 1.0) + (0.5,) * 2
    assert record.gestures == 1


def test_that_unfolding_shows_every_layer_and_folds_back(curve: AlphaCurve, qtbot: QtBot) -> None:
    curve.set_curve((0.0, 0.2) + (0.5,) * 8)
    assert curve.column_count == 5
    assert curve.column_value(0) == pytest.approx(0.1)
    with qtbot.waitSignal(curve.unfolded_changed):
        curve.set_unfolded(True)
    assert curve.column_count == 10
    drag(curve, knob(curve, 1), QPointF(curve.column_x(1), curve.value_y(1.0)))
    assert curve.curve[:3] == (0.0, 1.0, 0.5)
    curve.set_unfolded(False)
    assert curve.column_value(0) == 0.5


def test_that_keys_choose_a_point_and_step_it(curve: AlphaCurve) -> None:
    record = Record(curve, "curve_changed")
    key(curve, Qt.Key.Key_Right)
    key(curve, Qt.Key.Key_Up)
    key(curve, Qt.Key.Key_PageUp)
    key(curve, Qt.Key.Key_Down, SHIFT)
    assert curve.current == 1
    assert curve.curve[2] == pytest.approx(0.05 + 0.25 - 0.005)
    key(curve, Qt.Key.Key_Up, CTRL)
    assert curve.curve[2] == 0.5
    key(curve, Qt.Key.Key_Backspace)
    assert curve.curve == STEP
    assert record.gestures == 1
    key(curve, Qt.Key.Key_End)
    assert curve.current == 4
    assert not key(curve, Qt.Key.Key_2, text="2").isAccepted()
    assert not key(curve, Qt.Key.Key_F, ALT).isAccepted()


def test_that_a_value_can_be_typed(curve: AlphaCurve, qtbot: QtBot) -> None:
    key(curve, Qt.Key.Key_Right)
    key(curve, Qt.Key.Key_Return)
    editor = curve.findChild(InlineEdit)
    assert editor.isVisible()
    qtbot.keyClicks(editor, "1/3")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    assert curve.curve[2:4] == pytest.approx((1 / 3, 1 / 3))


def test_that_the_wheel_needs_the_focus(curve: AlphaCurve) -> None:
    wheel(curve, 1)
    assert curve.curve[0] == pytest.approx(0.05)
    curve.clearFocus()
    assert not wheel(curve, 1).isAccepted()
    assert curve.curve[0] == pytest.approx(0.05)


def test_that_setting_is_silent_and_a_short_curve_is_continued(curve: AlphaCurve) -> None:
    record = Record(curve, "curve_changed")
    curve.set_curve((1.0, 0.4))
    assert curve.curve == (1.0,) + (0.4,) * 9
    curve.set_resolutions((4, 8))
    assert curve.curve == (1.0, 0.4, 0.4, 0.4)
    assert record.said == []


def test_that_the_switch_and_the_menu_open_the_ends(curve: AlphaCurve) -> None:
    height = curve.height()
    click(curve.ends, QPointF(5, 5))
    assert curve.shows_past_ends
    assert curve.height() > height
    drag(curve, knob(curve, 0), QPointF(curve.column_x(0), curve.value_y(-0.75)))
    drag(curve, knob(curve, 4), QPointF(curve.column_x(4), -200))
    assert curve.curve[0] == pytest.approx(-0.75, abs=0.02)
    assert curve.curve[-1] == 2.0
    assert not curve.ends.isEnabled()
    curve.set_curve(STEP)
    actions = {action.text(): action for action in curve.context_menu(2).actions()}
    actions["Past the ends"].trigger()
    assert not curve.shows_past_ends
    assert curve.height() == height


def test_that_a_typed_value_or_a_strong_alpha_opens_the_ends_by_itself(curve: AlphaCurve, qtbot: QtBot) -> None:
    click(curve, curve.value_rect().center())
    editor = curve.findChild(InlineEdit)
    assert editor is not None
    assert editor.geometry().contains(curve.value_rect().center().toPoint())
    editor.clear()
    qtbot.keyClicks(editor, "1.4")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    assert curve.curve[:2] == (1.4, 1.4)
    assert curve.shows_past_ends
    curve.set_curve(STEP)
    curve.set_past_ends(False)
    curve.set_alpha(-0.5)
    assert curve.shows_past_ends
    assert all(point.y() < curve.height() for point in curve.points(-0.5))


def test_that_both_ends_are_drawn_as_lines(curve: AlphaCurve) -> None:
    curve.set_past_ends(True)
    curve.set_curve((-1.0,) * 10)
    curve.clearFocus()
    image = image_of(curve)
    for share in (0.0, 1.0):
        assert is_near(color_at(image, (60, round(curve.value_y(share)))), DARK.line, 8)


def test_that_the_head_is_no_part_of_the_plot_and_holds_a_lock(curve: AlphaCurve) -> None:
    record = Record(curve, "curve_changed")
    click(curve, QPointF(20, 8))
    double_click(curve, QPointF(20, 8))
    assert record.said == []
    click(curve, curve.lock_rect().center())
    assert curve.is_locked
    curve.randomise(random.Random(1))
    assert curve.curve == STEP
    click(curve, curve.lock_rect().center())
    assert not curve.is_locked


def test_that_the_switch_unfolds_and_layers_have_names(curve: AlphaCurve) -> None:
    curve.set_names(("const", "conv1, ToRGB", "conv0", "conv1, ToRGB"))
    click(curve.unfold, QPointF(5, 5))
    assert curve.is_unfolded
    assert [curve.column_label(column) for column in (0, 2, 4)] == ["4 px, const", "8 px, conv0", "16 px, first"]
    curve.set_unfolded(False)
    assert not curve.unfold.isChecked()
    assert curve.column_label(1) == "8 px"


def test_that_a_further_model_has_its_own_colour(show: Show) -> None:
    made = AlphaCurve("Curve of C", tints_of(0))
    made.set_resolutions((4, 8, 16, 32))
    made.set_curve((1.0,) * 8)
    show(made, 268, 112).clearFocus()
    middle = (made.column_x(0) + made.column_x(1)) / 2
    assert is_near(color_at(image_of(made), (middle, made.value_y(1))), DARK.c, 24)
    assert made.accessibleName() == "Curve of C: share of C per resolution"


def test_that_the_menu_resets_and_randomises(curve: AlphaCurve) -> None:
    curve.randomise(random.Random(3))
    assert curve.curve != STEP
    actions = {action.text(): action for action in curve.context_menu(2).actions()}
    actions["Reset 16 px"].trigger()
    assert curve.curve[4:6] == STEP[4:6]
    actions["Reset all"].trigger()
    assert curve.curve == STEP
    actions["Every layer by itself"].trigger()
    assert curve.is_unfolded


def test_that_the_line_is_teal_at_a_and_coral_at_b(curve: AlphaCurve) -> None:
    curve.clearFocus()
    image = image_of(curve)
    low = (curve.column_x(0) + curve.column_x(1)) / 2
    high = (curve.column_x(3) + curve.column_x(4)) / 2
    assert is_near(color_at(image, (low, curve.value_y(0))), DARK.a, 24)
    assert is_near(color_at(image, (high, curve.value_y(1))), DARK.b, 24)
    assert is_near(color_at(image, knob(curve, 2)), DARK.knob)


def test_that_a_disabled_curve_does_nothing(curve: AlphaCurve) -> None:
    curve.set_disabled_reason("There is no model B")
    drag(curve, knob(curve, 0), QPointF(curve.column_x(0), curve.value_y(1.0)))
    assert curve.curve == STEP
    assert curve.toolTip() == "There is no model B"


def test_that_the_drag_wins_over_a_curve_set_meanwhile(curve: AlphaCurve) -> None:
    end = QPointF(curve.column_x(0), curve.value_y(0.5))
    press(curve, knob(curve, 0))
    move(curve, end)
    curve.set_curve(STEP)
    assert curve.curve[0] == pytest.approx(0.5, abs=0.01)
    release(curve, end)
    curve.set_curve(STEP)
    assert curve.curve == STEP


def test_that_a_click_away_from_the_line_brings_the_point_there(curve: AlphaCurve) -> None:
    record = Record(curve, "curve_changed")
    click(curve, QPointF(curve.column_x(0), curve.value_y(0.6)))
    curve.finish_gesture()
    assert curve.curve[0] == pytest.approx(0.6, abs=0.01)
    assert record.gestures == 1


def test_that_a_screen_reader_is_told_the_point(curve: AlphaCurve) -> None:
    key(curve, Qt.Key.Key_Right)
    assert curve.accessibleDescription() == "8 px: 0.00"


@given(st.lists(st.floats(0, 100), min_size=2, max_size=18))
def test_that_the_drawn_line_never_swings_past_its_points(heights: list[float]) -> None:
    path = smooth_path([QPointF(10.0 * index, height) for index, height in enumerate(heights)])
    # Three elements a piece: two control points and an end. The curve lies in the hull of the four.
    for index, (left, right) in enumerate(pairwise(heights)):
        low, high = sorted((left, right))
        for control in (path.elementAt(3 * index + 1), path.elementAt(3 * index + 2)):
            assert low - 1e-9 <= control.y <= high + 1e-9

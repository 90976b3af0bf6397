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

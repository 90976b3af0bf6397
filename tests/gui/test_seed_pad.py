from __future__ import annotations

import math

import pytest
from hand import CTRL, SHIFT, Record, Show, double_click, drag, key, press, release
from hypothesis import given
from hypothesis import strategies as st
from looking import color_at, image_of, is_near
from PySide6.QtCore import QPointF, Qt
from pytestqt.qtbot import QtBot

from gui.theme import DARK
from gui.widgets.inline_edit import InlineEdit
from gui.widgets.seed_pad import SeedPad, within_circle


@pytest.fixture
def pad(show: Show) -> SeedPad:
    return show(SeedPad(), 84, 84)


def place(pad: SeedPad, x: float, y: float) -> QPointF:
    middle, radius = pad.pad_rect().center(), pad.pad_rect().width() / 2
    return QPointF(middle.x() + x * radius, middle.y() - y * radius)


def test_that_the_dot_follows_the_hand_with_y_up(pad: SeedPad) -> None:
    record = Record(pad, "moved")
    drag(pad, pad.dot(), place(pad, 0.4, 0.6))
    assert pad.position == pytest.approx((0.4, 0.6), abs=0.005)
    assert record.values[-1] == pad.position
    assert record.gestures == 1


def test_that_the_dot_stays_in_the_circle(pad: SeedPad) -> None:
    drag(pad, pad.dot(), place(pad, 3, 3))
    assert pad.position == pytest.approx((math.sqrt(0.5), math.sqrt(0.5)), abs=0.002)


@given(st.floats(-50, 50), st.floats(-50, 50))
def test_that_every_place_is_brought_into_the_circle(x: float, y: float) -> None:
    inside = within_circle(x, y)
    assert math.hypot(*inside) <= 1.001
    if math.hypot(x, y) <= 1:
        assert inside == pytest.approx((x, y), abs=0.001)


def test_that_shift_is_fine_and_ctrl_snaps_to_the_grid(pad: SeedPad) -> None:
    drag(pad, pad.dot(), place(pad, 0.5, 0), SHIFT)
    assert pad.position == pytest.approx((0.05, 0), abs=0.002)
    drag(pad, pad.dot(), place(pad, 0.55, -0.3), CTRL)
    assert pad.position == (0.5, -0.25)


def test_that_a_press_elsewhere_brings_the_dot_there(pad: SeedPad) -> None:
    press(pad, place(pad, -0.5, 0.5))
    assert pad.position == pytest.approx((-0.5, 0.5), abs=0.005)
    release(pad, place(pad, -0.5, 0.5))


def test_that_a_double_click_goes_back_to_the_seed_in_one_gesture(pad: SeedPad) -> None:
    pad.set_position(0.5, 0.5)
    record = Record(pad, "moved")
    double_click(pad, place(pad, -0.5, -0.5))
    assert pad.position == (0, 0)
    assert record.gestures == 1


def test_that_arrow_keys_walk(pad: SeedPad) -> None:
    record = Record(pad, "moved")
    for which in (Qt.Key.Key_Right, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Left):
        key(pad, which)
    key(pad, Qt.Key.Key_Down, SHIFT)
    pad.finish_gesture()
    assert pad.position == pytest.approx((0.05, 0.045))
    assert record.gestures == 1


def test_that_two_numbers_can_be_typed(pad: SeedPad, qtbot: QtBot) -> None:
    key(pad, Qt.Key.Key_Return)
    editor = pad.findChild(InlineEdit)
    qtbot.keyClicks(editor, "0.5 -1/4")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    assert pad.position == (0.5, -0.25)
    key(pad, Qt.Key.Key_Return)
    qtbot.keyClicks(editor, "0.5")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    assert editor.property("invalid")
    qtbot.keyClick(editor, Qt.Key.Key_Escape)
    assert pad.position == (0.5, -0.25)


def test_that_setting_is_silent(pad: SeedPad) -> None:
    record = Record(pad, "moved")
    pad.set_position(0.2, 0.1)
    assert pad.position == (0.2, 0.1)
    assert record.said == []


def test_that_the_dot_is_painted_where_it_is(pad: SeedPad) -> None:
    pad.set_position(0.5, 0.5)
    image = image_of(pad)
    assert is_near(color_at(image, place(pad, 0.5, 0.5)), DARK.knob)
    assert not is_near(color_at(image, place(pad, -0.5, -0.5)), DARK.knob)


def test_that_a_disabled_pad_says_why(pad: SeedPad) -> None:
    pad.set_disabled_reason("A portrait has no pad")
    drag(pad, pad.dot(), place(pad, 0.5, 0))
    assert pad.position == (0, 0)
    assert pad.toolTip() == "A portrait has no pad"

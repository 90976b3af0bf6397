from __future__ import annotations

import random

import pytest
from hand import CTRL, SHIFT, Record, Show, click, double_click, drag, key, move, press, release, wheel
from looking import color_at, colors_in, image_of, is_near
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QGuiApplication
from pytestqt.qtbot import QtBot

from gui.theme import DARK
from gui.widgets.edit_slider import EditSlider
from gui.widgets.hand import SETTLE_MS
from gui.widgets.inline_edit import InlineEdit

Y = 29.0
"""The height of the track."""


@pytest.fixture
def slider(show: Show) -> EditSlider:
    made = EditSlider("Alpha", 0, 1, 0.5, gradient=True, typed_minimum=-0.5, typed_maximum=1.5)
    return show(made, 213, 38)


@pytest.fixture
def swap(show: Show) -> EditSlider:
    return show(EditSlider("Swap resolution", 4, 64, 16, decimals=0, stops=(4, 8, 16, 32, 64)), 213, 38)


def editor(slider: EditSlider) -> InlineEdit:
    return slider.findChild(InlineEdit)


def actions_in(slider: EditSlider) -> dict[str, QAction]:
    return {action.text(): action for action in slider.context_menu().actions()}


def test_that_a_whole_drag_is_one_gesture_and_ends_under_the_pointer(slider: EditSlider) -> None:
    record = Record(slider, "value_changed")
    drag(slider, (slider.knob_x(), Y), (slider.knob_x(0.9), Y), steps=20)
    assert slider.value == 0.9
    assert record.values[-1] == 0.9
    assert len(record.values) > 10
    assert record.gestures == 1
    assert record.said[-1] == "ended"


def test_that_a_press_beside_the_knob_brings_it_under_the_pointer(slider: EditSlider) -> None:
    press(slider, (slider.knob_x(0.2), Y))
    assert slider.value == pytest.approx(0.2, abs=0.005)
    release(slider, (slider.knob_x(0.2), Y))


def test_that_a_press_on_the_knob_moves_nothing(slider: EditSlider) -> None:
    record = Record(slider, "value_changed")
    click(slider, (slider.knob_x() + 3, Y))
    assert record.said == []


def test_that_shift_is_ten_times_finer(slider: EditSlider) -> None:
    travel = slider.knob_x(1) - slider.knob_x(0)
    drag(slider, (slider.knob_x(), Y), (slider.knob_x() + travel / 4, Y), SHIFT)
    assert slider.value == pytest.approx(0.525, abs=0.001)


def test_that_shift_pressed_during_a_drag_does_not_make_it_jump(slider: EditSlider) -> None:
    start = slider.knob_x()
    press(slider, (start, Y))
    move(slider, (start + 50, Y))
    before = slider.value
    move(slider, (start + 50, Y), SHIFT)
    assert slider.value == pytest.approx(before, abs=0.005)
    move(slider, (start + 60, Y), SHIFT)
    assert slider.value == pytest.approx(before + 1 / 201, abs=0.002)
    release(slider, (start + 60, Y))


def test_that_ctrl_snaps_to_tenths(slider: EditSlider) -> None:
    record = Record(slider, "value_changed")
    drag(slider, (slider.knob_x(), Y), (slider.knob_x(0.97), Y), CTRL, steps=30)
    assert record.values == [0.6, 0.7, 0.8, 0.9, 1.0]


def test_that_the_pointer_finds_its_place_again_after_going_past_the_end(slider: EditSlider) -> None:
    start = slider.knob_x()
    press(slider, (start, Y))
    move(slider, (start + 500, Y))
    assert slider.value == 1.0
    move(slider, (start + 20, Y))
    assert slider.value == pytest.approx(0.6, abs=0.01)
    release(slider, (start + 20, Y))


def test_that_a_double_click_resets_within_one_gesture(slider: EditSlider) -> None:
    slider.set_value(0.8)
    record = Record(slider, "value_changed")
    double_click(slider, (slider.knob_x(0.2), Y))
    assert slider.value == 0.5
    assert record.gestures == 1


def test_that_a_lone_click_ends_its_gesture_by_itself(slider: EditSlider, qtbot: QtBot) -> None:
    record = Record(slider, "value_changed")
    with qtbot.waitSignal(slider.gesture_ended, timeout=SETTLE_MS * 5):
        click(slider, (slider.knob_x(0.1), Y))
        assert record.said[-1] != "ended"
    assert record.gestures == 1


def test_that_a_new_press_starts_a_new_gesture(slider: EditSlider) -> None:
    record = Record(slider, "value_changed")
    click(slider, (slider.knob_x(0.1), Y))
    drag(slider, (slider.knob_x(), Y), (slider.knob_x(0.9), Y))
    assert record.gestures == 2


def test_that_the_value_can_be_typed_with_arithmetic(slider: EditSlider, qtbot: QtBot) -> None:
    record = Record(slider, "value_changed")
    click(slider, slider.value_rect().center())
    assert editor(slider).isVisible()
    assert editor(slider).text() == "0.50"
    qtbot.keyClicks(editor(slider), "1/4")
    qtbot.keyClick(editor(slider), Qt.Key.Key_Return)
    assert slider.value == 0.25
    assert not editor(slider).isVisible()
    assert slider.hasFocus()
    assert record.gestures == 1


def test_that_a_typed_value_may_go_past_the_ends_of_the_track(slider: EditSlider, qtbot: QtBot) -> None:
    key(slider, Qt.Key.Key_Return)
    qtbot.keyClicks(editor(slider), "1.4")
    qtbot.keyClick(editor(slider), Qt.Key.Key_Return)
    assert slider.value == 1.4
    assert slider.knob_x() == slider.knob_x(1.0)


def test_that_escape_leaves_without_a_change(slider: EditSlider, qtbot: QtBot) -> None:
    record = Record(slider, "value_changed")
    key(slider, Qt.Key.Key_F2)
    qtbot.keyClicks(editor(slider), "0.9")
    qtbot.keyClick(editor(slider), Qt.Key.Key_Escape)
    assert not editor(slider).isVisible()
    assert slider.value == 0.5
    assert record.said == []


def test_that_nonsense_keeps_the_field_open_and_marked(slider: EditSlider, qtbot: QtBot) -> None:
    key(slider, Qt.Key.Key_Return)
    qtbot.keyClicks(editor(slider), "often")
    qtbot.keyClick(editor(slider), Qt.Key.Key_Return)
    assert editor(slider).isVisible()
    assert editor(slider).property("invalid")
    assert "number" in editor(slider).toolTip()
    assert slider.value == 0.5
    qtbot.keyClick(editor(slider), Qt.Key.Key_Escape)


def test_that_leaving_the_field_takes_what_was_typed(slider: EditSlider, qtbot: QtBot) -> None:
    key(slider, Qt.Key.Key_Return)
    qtbot.keyClicks(editor(slider), "0.75")
    slider.setFocus()
    assert slider.value == 0.75
    assert not editor(slider).isVisible()


def test_that_arrows_and_page_keys_step_and_a_run_is_one_gesture(slider: EditSlider, qtbot: QtBot) -> None:
    record = Record(slider, "value_changed")
    with qtbot.waitSignal(slider.gesture_ended, timeout=SETTLE_MS * 5):
        for _ in range(5):
            key(slider, Qt.Key.Key_Right)
        key(slider, Qt.Key.Key_Down)
        key(slider, Qt.Key.Key_PageUp)
        key(slider, Qt.Key.Key_Up, SHIFT)
    assert slider.value == pytest.approx(0.5 + 0.05 - 0.01 + 0.1 + 0.001)
    assert record.gestures == 1


def test_that_home_and_end_go_to_the_ends(slider: EditSlider) -> None:
    key(slider, Qt.Key.Key_End)
    assert slider.value == 1.0
    key(slider, Qt.Key.Key_Home)
    assert slider.value == 0.0
    key(slider, Qt.Key.Key_Delete)
    assert slider.value == 0.5


def test_that_leaving_with_the_focus_ends_the_gesture(slider: EditSlider) -> None:
    record = Record(slider, "value_changed")
    key(slider, Qt.Key.Key_Right)
    slider.clearFocus()
    assert record.gestures == 1


def test_that_digits_and_letters_are_left_to_the_window(slider: EditSlider) -> None:
    for which, text in ((Qt.Key.Key_1, "1"), (Qt.Key.Key_Z, "z"), (Qt.Key.Key_Space, " ")):
        assert not key(slider, which, text=text).isAccepted()


def test_that_the_wheel_is_ignored_without_focus(slider: EditSlider) -> None:
    slider.clearFocus()
    assert not wheel(slider, 1).isAccepted()
    assert slider.value == 0.5
    slider.setFocus()
    assert wheel(slider, 1).isAccepted()
    assert slider.value == 0.51


def test_that_a_run_of_the_wheel_is_one_gesture(slider: EditSlider) -> None:
    record = Record(slider, "value_changed")
    for _ in range(6):
        wheel(slider, -1)
    slider.finish_gesture()
    assert slider.value == pytest.approx(0.44)
    assert record.gestures == 1


def test_that_setting_a_value_is_silent(slider: EditSlider) -> None:
    record = Record(slider, "value_changed")
    slider.set_value(0.3)
    assert slider.value == 0.3
    assert record.said == []


def test_that_the_drag_wins_over_a_value_set_meanwhile(slider: EditSlider) -> None:
    press(slider, (slider.knob_x(), Y))
    move(slider, (slider.knob_x(0.9), Y))
    slider.set_value(0.1)
    assert slider.value == 0.9
    release(slider, (slider.knob_x(0.9), Y))
    slider.set_value(0.1)
    assert slider.value == 0.1


def test_that_stops_are_walked_by_drag_keys_and_typing(swap: EditSlider, qtbot: QtBot) -> None:
    record = Record(swap, "value_changed")
    drag(swap, (swap.knob_x(), Y), (swap.knob_x(64), Y), steps=40)
    assert record.values == [32, 64]
    key(swap, Qt.Key.Key_Left)
    assert swap.value == 32
    key(swap, Qt.Key.Key_Return)
    qtbot.keyClicks(editor(swap), "9")
    qtbot.keyClick(editor(swap), Qt.Key.Key_Return)
    assert swap.value == 8


def test_that_new_stops_keep_the_nearest_value_silently(swap: EditSlider) -> None:
    record = Record(swap, "value_changed")
    swap.set_value(64)
    swap.set_stops((4, 8, 16))
    assert swap.value == 16
    assert record.said == []


def test_that_a_locked_slider_is_not_randomised(show: Show, qtbot: QtBot) -> None:
    slider = show(EditSlider("psi", 0, 1, 0.5, lockable=True), 213, 38)
    with qtbot.waitSignal(slider.lock_changed) as locked:
        click(slider, slider.lock_rect().center())
    assert locked.args == [True]
    slider.randomise(random.Random(1))
    assert slider.value == 0.5
    slider.set_locked(False)
    slider.randomise(random.Random(1))
    assert slider.value != 0.5


def test_that_a_disabled_slider_says_why_and_does_nothing(slider: EditSlider) -> None:
    slider.set_help("How much of B")
    slider.set_disabled_reason("There is no model B")
    record = Record(slider, "value_changed")
    assert slider.toolTip() == "There is no model B"
    drag(slider, (slider.knob_x(), Y), (slider.knob_x(0.9), Y))
    assert record.said == []
    slider.set_disabled_reason(None)
    assert slider.isEnabled()
    assert slider.toolTip() == "How much of B"


def test_that_the_menu_resets_copies_and_pastes(slider: EditSlider) -> None:
    extra = QAction("Keyframe here", slider)
    slider.add_menu_action(extra)
    slider.set_value(0.7)
    actions = actions_in(slider)
    assert extra in actions.values()
    actions["Copy value"].trigger()
    assert QGuiApplication.clipboard().text() == "0.70"
    actions["Reset"].trigger()
    assert slider.value == 0.5
    actions_in(slider)["Paste value"].trigger()
    assert slider.value == 0.7
    QGuiApplication.clipboard().setText("no number")
    assert not actions_in(slider)["Paste value"].isEnabled()


def test_that_a_double_click_on_the_figure_resets_instead_of_typing(slider: EditSlider, qtbot: QtBot) -> None:
    slider.set_value(0.2)
    place = slider.value_rect().center().toPoint()
    qtbot.mouseClick(slider, Qt.MouseButton.LeftButton, pos=place)
    editor = slider.findChild(InlineEdit)
    assert editor.isVisible()
    qtbot.mouseDClick(editor, Qt.MouseButton.LeftButton)
    assert not editor.isVisible()
    assert slider.value == 0.5


def test_that_a_screen_reader_is_told_name_and_value(slider: EditSlider) -> None:
    slider.set_value(0.25)
    assert slider.accessibleName() == "Alpha"
    assert slider.accessibleDescription() == "0.25, default 0.50"


def test_that_the_track_runs_from_a_to_b_and_the_knob_is_where_the_value_is(slider: EditSlider) -> None:
    slider.clearFocus()
    slider.set_value(0.75)
    image = image_of(slider)
    track = slider.track_rect()
    assert is_near(color_at(image, (3, track.center().y())), DARK.a, 20)
    assert is_near(color_at(image, (track.right() - 3, track.center().y())), DARK.b, 20)
    assert is_near(color_at(image, (slider.knob_x(0.75), Y)), DARK.knob)
    assert not is_near(color_at(image, (slider.knob_x(0.5), Y)), DARK.knob)


def test_that_the_default_is_marked_by_a_notch(slider: EditSlider) -> None:
    slider.set_value(0.0)
    above = slider.track_rect().translated(0, -3)
    above.setHeight(2)
    assert DARK.muted in colors_in(image_of(slider), above)
    slider.set_default(0.0)
    assert DARK.muted not in colors_in(image_of(slider), above.adjusted(20, 0, 0, 0))


def test_that_focus_can_be_seen(slider: EditSlider) -> None:
    assert DARK.focus in colors_in(image_of(slider))
    slider.clearFocus()
    assert DARK.focus not in colors_in(image_of(slider))

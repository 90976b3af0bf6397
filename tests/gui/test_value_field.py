from __future__ import annotations

import pytest
from hand import CTRL, SHIFT, Record, Show, click, drag, key, wheel
from looking import colors_in, image_of
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from gui.theme import DARK
from gui.widgets.inline_edit import InlineEdit
from gui.widgets.value_field import ValueField


@pytest.fixture
def field(show: Show) -> ValueField:
    return show(ValueField(0, 2**32 - 1, 2143), 90, 22)


def test_that_a_click_opens_it_for_typing(field: ValueField, qtbot: QtBot) -> None:
    record = Record(field, "value_changed")
    click(field, (40, 10))
    editor = field.findChild(InlineEdit)
    assert editor.isVisible()
    qtbot.keyClicks(editor, "2*16")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    assert field.value == 32
    assert record.gestures == 1


def test_that_typed_values_are_limited_and_whole(field: ValueField, qtbot: QtBot) -> None:
    for text, value in (("-5", 0), ("7.6", 8), ("1e12", 2**32 - 1)):
        field.type_value()
        qtbot.keyClicks(field.findChild(InlineEdit), text)
        qtbot.keyClick(field.findChild(InlineEdit), Qt.Key.Key_Return)
        assert field.value == value


def test_that_dragging_across_scrubs_in_one_gesture(field: ValueField) -> None:
    record = Record(field, "value_changed")
    drag(field, (10, 10), (50, 10))
    assert field.value == 2153
    assert record.gestures == 1
    drag(field, (10, 10), (50, 10), SHIFT)
    assert field.value == 2154
    drag(field, (50, 10), (10, 10), CTRL)
    assert field.value == 2140


def test_that_keys_and_wheel_step_it(field: ValueField) -> None:
    record = Record(field, "value_changed")
    key(field, Qt.Key.Key_Up)
    key(field, Qt.Key.Key_PageDown)
    wheel(field, 2)
    field.finish_gesture()
    assert field.value == 2143 + 1 - 10 + 2
    assert record.gestures == 1
    field.clearFocus()
    wheel(field, 5)
    assert field.value == 2136


def test_that_setting_is_silent_and_the_value_is_told(field: ValueField) -> None:
    record = Record(field, "value_changed")
    field.set_value(7)
    assert record.said == []
    assert field.accessibleDescription() == "7"


def test_that_the_figure_is_painted_on_a_raised_box(field: ValueField) -> None:
    colors = colors_in(image_of(field))
    assert DARK.raised in colors
    assert DARK.text in colors

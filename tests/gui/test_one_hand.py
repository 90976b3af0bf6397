"""Every control is dragged, typed, reset, fine-tuned, snapped, copied, locked and offered a menu in the same way."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hand import CTRL, SHIFT, Record, Show, drag, key, wheel
from PySide6.QtCore import QPointF as Point
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QGuiApplication
from pytestqt.qtbot import QtBot

from gui.widgets.alpha_curve import AlphaCurve
from gui.widgets.edit_slider import EditSlider
from gui.widgets.hand import HandWidget
from gui.widgets.inline_edit import InlineEdit
from gui.widgets.layer_matrix import LayerMatrix, MatrixRow
from gui.widgets.noise_strip import NoiseStrip
from gui.widgets.seed_pad import SeedPad
from gui.widgets.seed_strip import SeedStrip
from gui.widgets.value_field import ValueField

RESOLUTIONS = (4, 8, 16)


@dataclass(frozen=True)
class Case:
    """Attributes:
    grab: Where the value is held. It is turned by the first value that a drag by `pull` gives.
    snaps: Whether a value is one that Ctrl stops at.
    typed: A text and the value that it means.
    """

    make: Callable[[], Any]
    signal: str
    size: tuple[int, int]
    grab: Callable[[Any], Point]
    pull: Point
    value: Callable[[Any], float]
    snaps: Callable[[float], bool]
    typed: tuple[str, float]


def _matrix() -> LayerMatrix:
    made = LayerMatrix()
    made.set_columns(RESOLUTIONS)
    made.set_rows((MatrixRow("a", "seed 88", (0.0,) * 6, seed=88),))
    return made


def _strip() -> NoiseStrip:
    made = NoiseStrip()
    made.set_resolutions(RESOLUTIONS)
    return made


def _curve() -> AlphaCurve:
    made = AlphaCurve()
    made.set_resolutions(RESOLUTIONS)
    return made


def _on_column(control: Any) -> Point:
    return Point(control.column_x(0), control.value_y(control.column_value(0)))


def _seed(strip: SeedStrip) -> float:
    return strip.seeds[0] or 0.0


def _whole_tens(value: float) -> bool:
    return value % 10 == 0


def _quarters(value: float) -> bool:
    return (4 * value) % 1 == 0


CASES = {
    "slider": Case(
        lambda: EditSlider("Alpha", 0.0, 1.0, 0.0, lockable=True), "value_changed", (240, 38),
        lambda slider: Point(slider.knob_x(), slider.track_rect().center().y()), Point(97, 0),
        lambda slider: slider.value, lambda value: (10 * value) % 1 in (0, pytest.approx(0), pytest.approx(1)),
        ("1/4", 0.25),
    ),
    "field": Case(
        lambda: ValueField(0, 100_000, 0, lockable=True), "value_changed", (90, 22),
        lambda field: Point(5, 10), Point(97, 0), lambda field: field.value, _whole_tens, ("2*16", 32),
    ),
    "pad": Case(
        SeedPad, "moved", (84, 84), lambda pad: pad.dot(), Point(21, 0),
        lambda pad: pad.position[0], _quarters, ("0.5 0", 0.5),
    ),
    "curve": Case(
        _curve, "curve_changed", (280, 140), _on_column, Point(0, -31),
        lambda curve: curve.column_value(0), _quarters, ("1/4", 0.25),
    ),
    "noise": Case(
        _strip, "values_changed", (240, 48), _on_column, Point(0, -13),
        lambda strip: strip.column_value(0) - 1.0, _quarters, ("1.25", 0.25),
    ),
    "seeds": Case(
        SeedStrip, "seeds_changed", (240, 34), lambda strip: strip.cell(0).center(), Point(107, 0),
        _seed, lambda value: value % 1 == 0, ("12.5", 12.5),
    ),
    "matrix": Case(
        _matrix, "strengths_changed", (268, 60), lambda matrix: matrix.places.cell(0, 0).center(), Point(0, -43),
        lambda matrix: matrix.strength(0, 0), _quarters, ("1/4", 0.25),
    ),
    "group": Case(
        _matrix, "strengths_changed", (268, 60), lambda matrix: matrix.places.group(0).center(), Point(0, -43),
        lambda matrix: matrix.strength(0, 0), _quarters, ("1/4", 0.25),
    ),
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


@pytest.fixture
def control(case: Case, show: Show) -> HandWidget:
    return show(case.make(), *case.size)


def turn(control: HandWidget, case: Case, keys: Any = Qt.KeyboardModifier.NoModifier) -> float:
    """Drag the control once, and say by how much it turned."""
    start, before = case.grab(control), case.value(control)
    drag(control, start, start + case.pull, keys)
    return case.value(control) - before


def test_that_a_drag_turns_it_in_one_gesture(control: HandWidget, case: Case) -> None:
    record = Record(control, case.signal)
    assert turn(control, case) > 0
    assert record.gestures == 1
    assert len(record.values) > 1


def test_that_shift_turns_it_a_tenth_as_far(control: HandWidget, case: Case) -> None:
    fine = turn(control, case, SHIFT)
    control.reset()
    assert case.value(control) == 0
    assert fine == pytest.approx(turn(control, case) / 10, rel=0.2)


def test_that_ctrl_stops_at_its_stops(control: HandWidget, case: Case) -> None:
    assert not case.snaps(turn(control, case))
    control.reset()
    turned = turn(control, case, CTRL)
    assert turned > 0
    assert case.snaps(turned)


def test_that_a_double_click_or_delete_brings_the_default_back_in_one_gesture(
    control: HandWidget, case: Case, qtbot: QtBot
) -> None:
    for reset in (lambda: twice(control, case, qtbot), lambda: key(control, Qt.Key.Key_Delete)):
        turn(control, case)
        record = Record(control, case.signal)
        reset()
        control.finish_gesture()
        assert case.value(control) == 0
        assert control.is_at_default
        assert record.gestures <= 1


def twice(control: HandWidget, case: Case, qtbot: QtBot) -> None:
    """A double-click as the window delivers it: where the first click opens a field, the second falls on that."""
    left, place = Qt.MouseButton.LeftButton, case.grab(control).toPoint()
    qtbot.mouseClick(control, left, pos=place)
    editor = control.findChild(InlineEdit)
    on_field = editor.isVisible()
    qtbot.mouseDClick(editor if on_field else control, left, pos=editor.rect().center() if on_field else place)
    assert not editor.isVisible()


def test_that_it_is_typed_into_with_enter_and_nonsense_is_refused(
    control: HandWidget, case: Case, qtbot: QtBot
) -> None:
    editor = control.findChild(InlineEdit)
    text, value = case.typed
    for which in (Qt.Key.Key_Return, Qt.Key.Key_F2):
        control.reset()
        key(control, which)
        qtbot.keyClicks(editor, text)
        qtbot.keyClick(editor, Qt.Key.Key_Return)
        assert case.value(control) == value
    key(control, Qt.Key.Key_Return)
    editor.selectAll()
    qtbot.keyClicks(editor, "nonsense")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    assert editor.property("invalid")
    qtbot.keyClick(editor, Qt.Key.Key_Escape)
    assert case.value(control) == value


def test_that_a_value_is_carried_by_its_own_clipboard_keys_and_ctrl_c_is_left_to_the_picture(
    control: HandWidget, case: Case, show: Show
) -> None:
    turned = turn(control, case)
    assert not key(control, Qt.Key.Key_C, CTRL).isAccepted()
    assert not key(control, Qt.Key.Key_V, CTRL).isAccepted()
    key(control, Qt.Key.Key_C, CTRL | SHIFT)
    control.reset()
    key(control, Qt.Key.Key_V, CTRL | SHIFT)
    assert case.value(control) == pytest.approx(turned, abs=0.006)
    QGuiApplication.clipboard().setText("no number")
    key(control, Qt.Key.Key_V, CTRL | SHIFT)
    assert case.value(control) == pytest.approx(turned, abs=0.006)


def test_that_arrows_step_it_and_a_run_is_one_gesture(control: HandWidget, case: Case) -> None:
    record = Record(control, case.signal)
    up = Qt.Key.Key_Right if isinstance(control, SeedPad) else Qt.Key.Key_Up
    for _ in range(3):
        key(control, up)
    coarse = case.value(control)
    key(control, up, SHIFT)
    assert 0 < case.value(control) - coarse <= coarse / 3
    control.finish_gesture()
    assert record.gestures == 1


def test_that_the_wheel_needs_the_focus(control: HandWidget, case: Case) -> None:
    control.clearFocus()
    assert not wheel(control, 2, case.grab(control)).isAccepted()
    assert case.value(control) == 0


def test_that_its_menu_offers_the_same_and_can_be_added_to(control: HandWidget, case: Case) -> None:
    control.set_parameter("blend.alpha")
    more = QAction("Keyframe here", control)
    asked: list[str] = []

    def add(menu: Any) -> None:
        menu.addAction(more)
        asked.append(control.parameter)

    control.menu_opening.connect(add)
    texts = [action.text() for action in control.context_menu().actions()]
    assert texts[0].startswith("Reset")
    for words in ("Type a value…", "Copy value", "Paste value", "Randomise", "Keep through surprises"):
        assert words in texts
    assert texts[-1] == "Keyframe here"
    assert asked == ["blend.alpha"]


def test_that_a_lock_is_set_by_key_and_menu_and_keeps_chance_away(control: HandWidget, case: Case) -> None:
    turn(control, case)
    before = case.value(control)
    key(control, Qt.Key.Key_K, CTRL | SHIFT)
    assert control.is_locked
    for round_ in range(5):
        control.randomise(random.Random(round_))
    assert case.value(control) == before
    menu = {action.text(): action for action in control.context_menu().actions()}
    menu["Keep through surprises"].trigger()
    assert not control.is_locked
    values = set()
    for round_ in range(5):
        control.randomise(random.Random(round_))
        values.add(case.value(control))
    assert len(values) > 1


def test_that_it_has_a_name_and_a_description_for_those_who_do_not_see_it(control: HandWidget, case: Case) -> None:
    turn(control, case)
    assert control.accessibleName() or isinstance(control, ValueField)  # which its panel names
    assert control.accessibleDescription()

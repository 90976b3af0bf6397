from __future__ import annotations

import pytest
from hand import ALT, CTRL, SHIFT, Record, Show, click, double_click, drag, hover, key, wheel
from looking import color_at, image_of
from PySide6.QtCore import QPointF, Qt
from pytestqt.qtbot import QtBot

from gui.theme import DARK
from gui.widgets.inline_edit import InlineEdit
from gui.widgets.layer_matrix import LayerMatrix, MatrixRow, RowWish
from gui.widgets.matrix_columns import Detail

NONE = (0.0,) * 10
NOTHING = Qt.KeyboardModifier.NoModifier


@pytest.fixture
def matrix(show: Show) -> LayerMatrix:
    made = LayerMatrix()
    made.set_columns((4, 8, 16, 32, 64))
    made.set_rows((MatrixRow("a", "seed 88", NONE), MatrixRow("b", "portrait 3", NONE)))
    return show(made, 268, made.height())


def cell(matrix: LayerMatrix, row: int, column: int) -> QPointF:
    return matrix.places.cell(row, column).center()


def name(matrix: LayerMatrix, row: int) -> QPointF:
    """On a row's name, clear of its buttons."""
    return QPointF(10, matrix.places.name(row).center().y())


def strengths(matrix: LayerMatrix, row: int) -> list[float]:
    return [round(matrix.strength(row, column), 2) for column in range(matrix.column_count)]


def test_that_dragging_up_fills_a_cell(matrix: LayerMatrix) -> None:
    record = Record(matrix, "strengths_changed")
    drag(matrix, cell(matrix, 0, 1), cell(matrix, 0, 1) + QPointF(0, -40))
    assert strengths(matrix, 0) == [0, 0.5, 0, 0, 0]
    assert matrix.rows[0].strengths == (0, 0, 0.5, 0.5, 0, 0, 0, 0, 0, 0)
    assert record.values[-1] == (0, matrix.rows[0].strengths)
    assert record.gestures == 1
    assert strengths(matrix, 1) == [0] * 5


def test_that_dragging_sideways_carries_the_strength_along(matrix: LayerMatrix) -> None:
    matrix.set_rows((MatrixRow("a", "seed 88", (0.6, 0.6)),))
    record = Record(matrix, "strengths_changed")
    drag(matrix, cell(matrix, 0, 0), cell(matrix, 0, 3), steps=1)  # in one leap, as a fast hand does
    assert strengths(matrix, 0) == [0.6, 0.6, 0.6, 0.6, 0]
    assert record.gestures == 1


def test_that_a_click_takes_all_or_nothing(matrix: LayerMatrix) -> None:
    click(matrix, cell(matrix, 1, 2))
    assert strengths(matrix, 1) == [0, 0, 1, 0, 0]
    matrix.finish_gesture()
    click(matrix, cell(matrix, 1, 2))
    assert strengths(matrix, 1) == [0] * 5


def test_that_a_double_click_empties_a_cell_in_one_gesture(matrix: LayerMatrix) -> None:
    matrix.set_rows((MatrixRow("a", "a", (0.4,) * 10),))
    record = Record(matrix, "strengths_changed")
    double_click(matrix, cell(matrix, 0, 0))
    assert strengths(matrix, 0) == [0, 0.4, 0.4, 0.4, 0.4]
    assert record.gestures == 1


def test_that_shift_is_fine_and_ctrl_snaps_to_quarters(matrix: LayerMatrix) -> None:
    drag(matrix, cell(matrix, 0, 0), cell(matrix, 0, 0) + QPointF(0, -40), SHIFT)
    assert strengths(matrix, 0)[0] == 0.05
    drag(matrix, cell(matrix, 0, 1), cell(matrix, 0, 1) + QPointF(0, -45), CTRL)
    assert strengths(matrix, 0)[1] == 0.5


def test_that_a_header_toggles_its_column_in_the_current_row(matrix: LayerMatrix) -> None:
    record = Record(matrix, "strengths_changed")
    key(matrix, Qt.Key.Key_Down, ALT)
    assert matrix.current_row == 1
    click(matrix, matrix.places.header(3).center())
    assert strengths(matrix, 1) == [0, 0, 0, 1, 0]
    click(matrix, matrix.places.header(3).center())
    assert strengths(matrix, 1) == [0] * 5
    matrix.finish_gesture()
    assert record.gestures == 2


def test_that_a_group_toggles_coarse_middle_or_fine(matrix: LayerMatrix) -> None:
    assert [name for name, _ in matrix.columns.groups] == ["coarse", "middle", "fine"]
    click(matrix, matrix.places.group(0).center())
    click(matrix, matrix.places.group(2).center())
    assert strengths(matrix, 0) == [1, 1, 0, 0, 1]


def test_that_a_group_or_a_column_is_dragged_as_a_cell_is(matrix: LayerMatrix) -> None:
    record = Record(matrix, "strengths_changed")
    middle = matrix.places.group(1).center()
    drag(matrix, middle, middle + QPointF(30, -40))
    assert strengths(matrix, 0) == [0, 0, 0.5, 0.5, 0]
    double_click(matrix, middle)
    assert strengths(matrix, 0) == [0] * 5
    drag(matrix, matrix.places.header(4).center(), matrix.places.header(4).center() + QPointF(0, -20))
    assert strengths(matrix, 0) == [0, 0, 0, 0, 0.25]
    assert record.gestures == 3


def test_that_alt_and_the_arrows_reach_whole_groups(matrix: LayerMatrix) -> None:
    key(matrix, Qt.Key.Key_Right, ALT)
    key(matrix, Qt.Key.Key_PageUp)
    assert strengths(matrix, 0) == [0.25, 0.25, 0, 0, 0]
    assert matrix.accessibleDescription() == "seed 88, coarse layers: 0.25"
    key(matrix, Qt.Key.Key_Right, ALT)
    key(matrix, Qt.Key.Key_Up)
    assert strengths(matrix, 0) == [0.25, 0.25, 0.05, 0.05, 0]
    key(matrix, Qt.Key.Key_Right)
    key(matrix, Qt.Key.Key_Up)
    assert strengths(matrix, 0) == [0.25, 0.25, 0.05, 0.05, 0.05]


def test_that_three_columns_can_stand_for_the_groups(matrix: LayerMatrix) -> None:
    matrix.set_detail(Detail.GROUPS)
    assert [matrix.columns.header(column) for column in range(3)] == ["4-8", "16-32", "64"]
    click(matrix, cell(matrix, 1, 1))
    assert matrix.rows[1].strengths == (0, 0, 0, 0, 1, 1, 1, 1, 0, 0)


WISHES = {
    (Qt.Key.Key_M, ()): RowWish.MUTE,
    (Qt.Key.Key_S, ()): RowWish.SOLO,
    (Qt.Key.Key_D, ()): RowWish.DUPLICATE,
    (Qt.Key.Key_Delete, (CTRL,)): RowWish.REMOVE,
}


@pytest.mark.parametrize(("keys", "wish"), WISHES.items())
def test_that_keys_ask_for_what_a_source_can_do(
    matrix: LayerMatrix, keys: tuple[Qt.Key, tuple[Qt.KeyboardModifier, ...]], wish: RowWish, qtbot: QtBot
) -> None:
    which, modifiers = keys
    with qtbot.waitSignal(matrix.row_wished) as wished:
        key(matrix, which, *modifiers)
    assert wished.args == [0, wish]


def test_that_the_buttons_of_a_row_remove_mute_and_solo_it(matrix: LayerMatrix, qtbot: QtBot) -> None:
    hover(matrix, matrix.places.name(1).center())
    for place, modifiers, wish in (
        (matrix.places.remove(1), NOTHING, RowWish.REMOVE),
        (matrix.places.mute(1), NOTHING, RowWish.MUTE),
        (matrix.places.mute(1), ALT, RowWish.SOLO),
    ):
        with qtbot.waitSignal(matrix.row_wished) as wished:
            click(matrix, place.center(), modifiers)
        assert wished.args == [1, wish]


def test_that_a_name_is_dragged_to_another_place(matrix: LayerMatrix, qtbot: QtBot) -> None:
    matrix.set_rows(tuple(MatrixRow(name, name, NONE) for name in "abc"))
    with qtbot.waitSignal(matrix.row_moved) as moved:
        drag(matrix, name(matrix, 0), QPointF(20, matrix.places.gap(3)))
    assert moved.args == [0, 2]
    matrix.set_current_row(2)
    with qtbot.waitSignal(matrix.row_moved) as moved:
        key(matrix, Qt.Key.Key_Up, ALT | SHIFT)
    assert moved.args == [2, 1]
    with qtbot.assertNotEmitted(matrix.row_moved):
        drag(matrix, name(matrix, 1), QPointF(20, matrix.places.gap(2)))
        matrix.set_current_row(0)
        key(matrix, Qt.Key.Key_Up, ALT | SHIFT)


def test_that_a_seed_is_typed_over_its_name(matrix: LayerMatrix, qtbot: QtBot) -> None:
    matrix.set_rows((MatrixRow("a", "seed 88", NONE, seed=88), MatrixRow("b", "portrait 3", NONE)))
    editor = matrix.findChild(InlineEdit)
    double_click(matrix, name(matrix, 1))
    assert not editor.isVisible()
    double_click(matrix, name(matrix, 0))
    assert editor.text() == "88"
    qtbot.keyClicks(editor, "-1")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    assert editor.property("invalid")
    editor.selectAll()
    qtbot.keyClicks(editor, "2143")
    with qtbot.waitSignal(matrix.seed_typed) as typed:
        qtbot.keyClick(editor, Qt.Key.Key_Return)
    assert typed.args == [0, 2143]


def test_that_a_muted_row_is_grey_and_says_so(matrix: LayerMatrix) -> None:
    matrix.clearFocus()
    rows = (MatrixRow("a", "a", (1.0,) * 10), MatrixRow("b", "b", (1.0,) * 10, muted=True))
    matrix.set_rows(rows)
    image = image_of(matrix)
    assert color_at(image, cell(matrix, 0, 2)).blue() > color_at(image, cell(matrix, 0, 2)).red()
    assert color_at(image, cell(matrix, 1, 2)).name() == DARK.disabled
    matrix.set_current_row(1)
    assert matrix.accessibleDescription().endswith("muted")


def test_that_keys_walk_and_step(matrix: LayerMatrix) -> None:
    record = Record(matrix, "strengths_changed")
    key(matrix, Qt.Key.Key_Right)
    key(matrix, Qt.Key.Key_Up)
    key(matrix, Qt.Key.Key_PageUp)
    wheel(matrix, 1)
    assert strengths(matrix, 0) == [0, 0.35, 0, 0, 0]
    key(matrix, Qt.Key.Key_Delete)
    assert strengths(matrix, 0) == [0] * 5
    assert record.gestures == 1
    assert matrix.accessibleDescription() == "seed 88, 8 px: 0.00"


def test_that_a_strength_can_be_typed(matrix: LayerMatrix, qtbot: QtBot) -> None:
    key(matrix, Qt.Key.Key_Return)
    qtbot.keyClicks(matrix.findChild(InlineEdit), "1/3")
    qtbot.keyClick(matrix.findChild(InlineEdit), Qt.Key.Key_Return)
    assert matrix.strength(0, 0) == pytest.approx(1 / 3)


def test_that_columns_can_follow_the_rows_of_ws_exactly(matrix: LayerMatrix) -> None:
    matrix.set_ws_resolutions((4, 8, 8, 16, 16, 16))
    assert matrix.column_count == 3
    click(matrix, cell(matrix, 0, 2))
    assert matrix.rows[0].strengths[:6] == (0, 0, 0, 1, 1, 1)
    matrix.set_detail(Detail.LAYERS)
    assert matrix.column_count == 6
    assert [matrix.columns.resolution(column) for column in range(6)] == [4, 8, 8, 16, 16, 16]
    click(matrix, matrix.places.header(2).center())  # a header is that of all its layers
    assert matrix.rows[0].strengths[:6] == (0, 1, 1, 1, 1, 1)
    assert matrix.accessibleDescription() == "seed 88, 8 px: 1.00"


def test_that_setting_rows_is_silent_and_short_strengths_are_none(matrix: LayerMatrix) -> None:
    record = Record(matrix, "strengths_changed")
    matrix.set_rows((MatrixRow("a", "a", (1.0,)),))
    assert strengths(matrix, 0) == [0.5, 0, 0, 0, 0]
    assert matrix.current_row == 0
    assert record.said == []


def test_that_an_empty_matrix_says_how_to_begin_and_bears_every_touch(matrix: LayerMatrix) -> None:
    matrix.set_rows(())
    for which in (Qt.Key.Key_Up, Qt.Key.Key_Return, Qt.Key.Key_Delete):
        key(matrix, which)
    click(matrix, (100, 20))
    wheel(matrix, 1)
    assert matrix.rows == ()
    assert image_of(matrix).width() == 268


def test_that_a_cell_is_filled_from_the_left_by_its_strength(matrix: LayerMatrix) -> None:
    matrix.clearFocus()
    matrix.set_rows((MatrixRow("a", "a", (0.5, 0.5)),))
    image, rect = image_of(matrix), matrix.places.cell(0, 0)
    filled = color_at(image, (rect.left() + rect.width() * 0.25, rect.center().y()))
    empty = color_at(image, (rect.left() + rect.width() * 0.75, rect.center().y()))
    assert filled.blue() > filled.red()
    assert empty.name() == DARK.raised


def test_that_a_disabled_matrix_does_nothing(matrix: LayerMatrix) -> None:
    matrix.set_disabled_reason("No model")
    click(matrix, cell(matrix, 0, 0))
    assert strengths(matrix, 0) == [0] * 5

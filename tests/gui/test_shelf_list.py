from __future__ import annotations

from pathlib import Path

import pytest
from drawn_faces import draw_face
from hand import Show, click, hover, key, move, press, release
from looking import color_at, colors_in, image_of, is_near
from PySide6.QtCore import QMimeData, QPoint, QPointF, QRectF, Qt, QUrl
from PySide6.QtGui import QColor, QContextMenuEvent, QDrag, QDragEnterEvent, QDropEvent, QImage
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from gui.theme import DARK
from gui.widgets.shelf_delegate import letter_rects
from gui.widgets.shelf_list import ROW_PX, ShelfItem, ShelfList, ShelfMode

MODELS = (
    ShelfItem("p", "portrait", "64 px, base", draw_face(1, 64), "A"),
    ShelfItem("t", "toon", "from portrait", draw_face(2, 64), "B"),
    ShelfItem("w", "woodblock"),
)


@pytest.fixture
def rows(show: Show) -> ShelfList:
    made = ShelfList(ShelfMode.ROWS, "Drop a model file here")
    made.set_items(MODELS)
    return show(made, 188, made.height())


@pytest.fixture
def grid(show: Show) -> ShelfList:
    made = ShelfList(ShelfMode.GRID, "Drop a photo here")
    made.set_items(tuple(ShelfItem(str(number), f"face {number}") for number in range(6)))
    return show(made, 188, made.height())


def rect_of(shelf: ShelfList, row: int) -> QRectF:
    return QRectF(shelf.visualRect(shelf.model().index(row, 0)))


def drop(target: QWidget, *urls: str) -> bool:
    mime = QMimeData()
    mime.setUrls([QUrl(url) for url in urls])
    place, actions = QPoint(20, 20), Qt.DropAction.CopyAction
    buttons, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    entering = QDragEnterEvent(place, actions, mime, buttons, none)
    QApplication.sendEvent(target, entering)
    if entering.isAccepted():
        QApplication.sendEvent(target, QDropEvent(QPointF(place), actions, mime, buttons, none))
    return entering.isAccepted()


def test_that_it_is_as_tall_as_its_content(rows: ShelfList, grid: ShelfList) -> None:
    assert rows.height() == 3 * ROW_PX + 2
    assert grid.height() == 2 * grid.cell_size().height() + 2
    assert rect_of(grid, 3).top() == rect_of(grid, 0).top()
    assert rect_of(grid, 4).top() > rect_of(grid, 0).top()
    assert rect_of(grid, 5).bottom() <= grid.viewport().height()


def test_that_a_hidden_list_does_not_ask_for_more_room_than_it_will_need() -> None:
    made = ShelfList(ShelfMode.GRID, "hint")
    made.set_items(tuple(ShelfItem(str(number), "") for number in range(8)))
    assert made.height() <= 100


def test_that_clicks_and_arrow_keys_pick_and_setting_is_silent(rows: ShelfList, qtbot: QtBot) -> None:
    with qtbot.waitSignal(rows.picked) as picked:
        click(rows.viewport(), rect_of(rows, 1).center())
    assert picked.args == ["t"]
    with qtbot.waitSignal(rows.picked) as picked:
        key(rows, Qt.Key.Key_Down)
    assert picked.args == ["w"]
    with qtbot.assertNotEmitted(rows.picked):
        rows.select("p")
        rows.set_items(MODELS[:2])
        rows.select(None)
    assert rows.selected_key is None


def test_that_the_selection_stays_on_its_key_when_items_change(rows: ShelfList) -> None:
    rows.select("t")
    rows.set_items((ShelfItem("new", "new"), *MODELS))
    assert rows.selected_key == "t"
    rows.set_items((MODELS[0],))
    assert rows.selected_key is None


def test_that_enter_opens_and_delete_asks_to_remove(rows: ShelfList, qtbot: QtBot) -> None:
    rows.select("t")
    with qtbot.waitSignal(rows.opened) as opened:
        key(rows, Qt.Key.Key_Return)
    assert opened.args == ["t"]
    with qtbot.waitSignal(rows.remove_requested) as removed:
        key(rows, Qt.Key.Key_Delete)
    assert removed.args == ["t"]


def test_that_letters_assign_a_model_to_a_side(rows: ShelfList, qtbot: QtBot) -> None:
    letters = letter_rects(rect_of(rows, 2))
    with qtbot.waitSignal(rows.assign_requested) as assigned, qtbot.assertNotEmitted(rows.picked):
        click(rows.viewport(), letters["B"].center())
    assert assigned.args == ["w", "B"]
    rows.select("t")
    with qtbot.waitSignal(rows.assign_requested) as assigned:
        key(rows, Qt.Key.Key_A, text="a")
    assert assigned.args == ["t", "A"]


def test_that_other_letters_and_digits_are_left_to_the_window(rows: ShelfList, grid: ShelfList) -> None:
    rows.select("t")
    assert not key(rows, Qt.Key.Key_1, text="1").isAccepted()
    assert not key(rows, Qt.Key.Key_Z, text="z").isAccepted()
    assert not key(grid, Qt.Key.Key_B, text="b").isAccepted()


def test_that_dropped_files_come_as_paths_and_links_do_not(rows: ShelfList, qtbot: QtBot, tmp_path: Path) -> None:
    model = tmp_path / "a model.pkl"
    with qtbot.waitSignal(rows.paths_dropped) as dropped:
        assert drop(rows.viewport(), model.as_uri(), "https://example.org/x.pkl")
    assert dropped.args == [(model,)]
    with qtbot.assertNotEmitted(rows.paths_dropped):
        assert not drop(rows.viewport(), "https://example.org/x.pkl")


def test_that_an_empty_list_says_what_to_drop(show: Show) -> None:
    empty = show(ShelfList(ShelfMode.ROWS, "Drop a model file here"), 188, 58)
    assert empty.accessibleName() == "Drop a model file here"
    assert DARK.muted in colors_in(image_of(empty))
    assert empty.height() == 58


def test_that_an_empty_list_takes_drops_too(show: Show, qtbot: QtBot, tmp_path: Path) -> None:
    empty = show(ShelfList(ShelfMode.GRID, "Drop a photo here"), 188, 58)
    with qtbot.waitSignal(empty.paths_dropped):
        assert drop(empty.viewport(), (tmp_path / "me.jpg").as_uri())


def test_that_a_context_menu_names_its_item(rows: ShelfList, qtbot: QtBot) -> None:
    place = rect_of(rows, 1).center().toPoint()
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, place, rows.viewport().mapToGlobal(place))
    with qtbot.waitSignal(rows.menu_requested) as asked:
        QApplication.sendEvent(rows.viewport(), event)
    assert asked.args[0] == "t"


def test_that_rows_are_tinted_by_their_side(rows: ShelfList) -> None:
    image = image_of(rows)

    def ground(row: int) -> QColor:
        rect = rect_of(rows, row)
        return color_at(image, (rect.right() - 50, rect.top() + 4))

    assert ground(0).green() > ground(0).red()
    assert ground(1).red() > ground(1).green()
    assert ground(2).alpha() == 0


def test_that_hovering_offers_both_letters(rows: ShelfList) -> None:
    place = rect_of(rows, 2)
    assert DARK.muted not in colors_in(image_of(rows), letter_rects(place)["A"])
    hover(rows.viewport(), place.center())
    rows.select("w")
    assert DARK.muted in colors_in(image_of(rows), letter_rects(place)["A"])


def test_that_a_thumbnail_can_come_later(rows: ShelfList) -> None:
    red = QImage(64, 64, QImage.Format.Format_RGB32)
    red.fill(QColor("#ff0000"))
    rows.set_thumbnail("w", red)
    rows.set_thumbnail("gone", red)
    rect = rect_of(rows, 2)
    assert is_near(color_at(image_of(rows), (rect.left() + 20, rect.center().y())), "#ff0000")


def test_that_the_selected_thumbnail_wears_a_ring(grid: ShelfList) -> None:
    assert DARK.focus not in colors_in(image_of(grid), rect_of(grid, 1))
    grid.select("1")
    assert DARK.focus in colors_in(image_of(grid), rect_of(grid, 1))


# --- looks ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def looks(show: Show, tmp_path: Path) -> ShelfList:
    made = ShelfList(ShelfMode.GRID, "Looks you keep")
    made.set_draggable(lambda key: tmp_path / f"{key}.look.json")
    shares = (0.0, 0.0, 1.0, 1.0)
    made.set_items(
        (
            ShelfItem("ink", "Ink", thumbnail=draw_face(1, 64), shares=shares),
            ShelfItem("gone", "Gone", thumbnail=draw_face(1, 64), shares=shares, is_usable=False),
        )
    )
    return show(made, 188, made.height())


def test_that_what_can_be_dragged_is_picked_when_it_is_let_go(looks: ShelfList) -> None:
    picked: list[str] = []
    looks.picked.connect(picked.append)
    place = rect_of(looks, 0).center()
    press(looks.viewport(), place)
    assert picked == []
    release(looks.viewport(), place)
    assert picked == ["ink"]


def test_that_a_drag_takes_the_file_and_picks_nothing(looks: ShelfList, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[list[QUrl]] = []
    picked: list[str] = []
    looks.picked.connect(picked.append)
    monkeypatch.setattr(QDrag, "exec", lambda drag, *_: taken.append(drag.mimeData().urls()))
    place = rect_of(looks, 0).center()
    press(looks.viewport(), place)
    while not taken:
        place += QPointF(4, 0)
        assert looks.viewport().rect().contains(place.toPoint())
        move(looks.viewport(), place)  # a real drag ends here: it takes the release too
    ((url,),) = taken
    assert url.fileName() == "ink.look.json"
    assert picked == []
    assert looks.selected_key is None


def test_that_f2_asks_for_another_name(looks: ShelfList) -> None:
    asked: list[str] = []
    looks.rename_requested.connect(asked.append)
    looks.select("ink")
    key(looks, Qt.Key.Key_F2)
    assert asked == ["ink"]


def test_that_the_line_at_the_foot_goes_from_a_to_b(looks: ShelfList) -> None:
    image = image_of(looks.viewport())
    cell = rect_of(looks, 0)
    edge = cell.height() - 5
    foot = cell.top() + edge - 2
    assert is_near(color_at(image, (cell.left() + 0.12 * edge, foot)), DARK.a, 30)
    assert is_near(color_at(image, (cell.left() + 0.88 * edge, foot)), DARK.b, 30)


def test_that_what_cannot_be_used_is_fainter(looks: ShelfList) -> None:
    image = image_of(looks.viewport())
    alphas = [color_at(image, rect_of(looks, row).topLeft() + QPointF(12, 8)).alpha() for row in (0, 1)]
    assert alphas[1] < alphas[0] == 255


@pytest.mark.parametrize("reason", [Qt.FocusReason.TabFocusReason, Qt.FocusReason.MouseFocusReason])
def test_that_taking_the_keyboard_picks_nothing(looks: ShelfList, reason: Qt.FocusReason) -> None:
    picked: list[str] = []
    looks.clearFocus()
    looks.picked.connect(picked.append)
    looks.setFocus(reason)
    assert looks.hasFocus()
    assert (picked, looks.selected_key) == ([], None)
    key(looks, Qt.Key.Key_Right)
    assert picked == ["ink"]

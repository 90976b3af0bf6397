from __future__ import annotations

import pytest
from drawn_faces import draw_face
from hand import Show, click, key, wheel
from looking import colors_in, image_of
from PySide6.QtCore import QRectF, Qt
from pytestqt.qtbot import QtBot

from gui.theme import DARK
from gui.widgets.filmstrip import FilmItem, Filmstrip


@pytest.fixture
def film(show: Show) -> Filmstrip:
    made = Filmstrip()
    items = tuple(FilmItem(str(number), draw_face(number, 64), starts_group=number == 3) for number in range(12))
    made.set_items(items, "4")
    return show(made, 500, 84)


def rect_of(film: Filmstrip, row: int) -> QRectF:
    return QRectF(film.visualRect(film.model().index(row, 0)))


def test_that_arrow_keys_walk_it(film: Filmstrip, qtbot: QtBot) -> None:
    with qtbot.waitSignal(film.picked) as picked:
        key(film, Qt.Key.Key_Right)
    assert picked.args == ["5"]
    with qtbot.waitSignal(film.picked) as picked:
        key(film, Qt.Key.Key_Left)
    assert picked.args == ["4"]


def test_that_a_click_picks_and_setting_is_silent(film: Filmstrip, qtbot: QtBot) -> None:
    with qtbot.waitSignal(film.picked) as picked:
        click(film.viewport(), rect_of(film, 1).center())
    assert picked.args == ["1"]
    with qtbot.assertNotEmitted(film.picked):
        film.set_current("2")
        film.set_items(film.items[:3], "0")
        film.set_items((), None)
    assert film.current_key is None


def test_that_the_current_one_is_marked_and_brought_into_view(film: Filmstrip) -> None:
    film.set_current("11")
    assert film.current_key == "11"
    assert rect_of(film, 11).right() <= film.viewport().width() + 1
    assert DARK.focus in colors_in(image_of(film.viewport()), rect_of(film, 11))
    assert DARK.focus not in colors_in(image_of(film.viewport()), rect_of(film, 9))


def test_that_the_wheel_scrolls_sideways(film: Filmstrip) -> None:
    film.set_current("0")
    before = rect_of(film, 0).left()
    wheel(film.viewport(), -1)
    assert rect_of(film, 0).left() < before
    assert film.current_key == "0"


def test_that_a_group_begins_with_a_line(film: Filmstrip) -> None:
    film.set_current("0")
    gap = QRectF(rect_of(film, 3).left() + 5, 30, 8, 20)
    assert DARK.line in colors_in(image_of(film.viewport()), gap)
    assert rect_of(film, 3).width() > rect_of(film, 2).width()


def test_that_single_keys_are_left_to_the_window(film: Filmstrip) -> None:
    assert not key(film, Qt.Key.Key_R, text="r").isAccepted()
    assert not key(film, Qt.Key.Key_3, text="3").isAccepted()


def test_that_up_and_down_ask_for_another_branch(film: Filmstrip, qtbot: QtBot) -> None:
    wanted: list[int] = []
    film.branch_wanted.connect(wanted.append)
    key(film, Qt.Key.Key_Down)
    key(film, Qt.Key.Key_Up)
    assert wanted == [1, -1]
    assert film.current_key == "4"


def test_that_forks_and_stars_are_drawn_where_they_are(film: Filmstrip) -> None:
    items = [
        FilmItem(str(number), draw_face(number, 64), branches=number, is_starred=number == 5) for number in range(12)
    ]
    film.set_items(items, "0")
    film.verticalScrollBar().setValue(0)
    picture = image_of(film.viewport())

    def corner(row: int) -> set[str]:
        cell = rect_of(film, row)
        return colors_in(picture, QRectF(cell.right() - 26, cell.center().y() + 14, 20, 14))

    def star(row: int) -> set[str]:
        cell = rect_of(film, row)
        return colors_in(picture, QRectF(cell.right() - 64, cell.center().y() - 30, 20, 20))

    assert DARK.panel not in corner(1)
    assert DARK.panel in corner(2)
    assert DARK.warn in star(5)
    assert DARK.warn not in star(4)

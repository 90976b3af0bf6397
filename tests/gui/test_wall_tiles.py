"""Where the pictures of the wall of styles lie, and how one walks them."""

from __future__ import annotations

import pytest

from gui.styles_wall.tiles import HEADING_PX, NAME_PX, beside, plan


@pytest.mark.parametrize(
    ("width", "height"), [(560, 430), (752, 470), (752, 556), (1392, 836), (1892, 1000), (3300, 1900)]
)
def test_that_all_of_the_first_group_is_seen_at_once_in_any_window(width: int, height: int) -> None:
    laid = plan((12,), width, height)
    assert len(laid.cells) == 12
    assert laid.height <= height
    assert min(cell.left() for cell in laid.cells) >= 0
    assert max(cell.right() for cell in laid.cells) <= width
    assert max(cell.bottom() for cell in laid.cells) + NAME_PX <= height
    assert all(cell.width() == cell.height() >= 90 for cell in laid.cells)
    places = [(cell.left(), cell.top()) for cell in laid.cells]
    assert len(set(places)) == 12


def test_that_a_second_group_is_peeping_out_under_its_heading() -> None:
    laid = plan((12, 5), 752, 556)
    (heading,) = laid.headings
    assert heading.bottom() < 556
    assert laid.cells[11].bottom() < heading.top()
    assert laid.cells[12].top() == heading.bottom()
    assert heading.height() == HEADING_PX
    assert laid.height > 556


def test_that_a_wide_room_has_more_beside_each_other() -> None:
    assert plan((12,), 752, 556).across == 4
    assert plan((12,), 1400, 440).across == 6
    assert plan((12,), 420, 700).across == 3


def test_that_arrows_walk_rows_and_columns_and_stop_at_the_edge() -> None:
    laid = plan((12, 2), 752, 556)
    assert beside(laid.cells, 0, 1, 0) == 1
    assert beside(laid.cells, 0, -1, 0) == 0
    assert beside(laid.cells, 3, 1, 0) == 3
    assert beside(laid.cells, 1, 0, 1) == 5
    assert beside(laid.cells, 10, 0, 1) == 13
    assert beside(laid.cells, 11, 0, 1) == 13, "the nearest of a shorter row"
    assert beside(laid.cells, 12, 0, -1) == 8
    assert beside(laid.cells, 13, 0, 1) == 13

from __future__ import annotations

import numpy as np
import pytest
from drawn_faces import plain_pixels

from engine.state import View
from gui.canvas_layout import Rect, grid_lines
from gui.canvas_pixels import Difference, difference
from gui.comparison import (
    CompareStyle,
    Comparison,
    Plate,
    Still,
    exchanged,
    from_plain,
    plate_of,
    to_plain,
    with_left,
    with_right,
    without,
)
from gui.picture import Picture


def test_that_choosing_the_other_sides_picture_exchanges_the_two() -> None:
    comparison = Comparison(View.A, View.BLEND)
    assert with_left(comparison, View.BLEND) == exchanged(comparison)
    assert with_right(comparison, View.A) == exchanged(comparison)
    assert with_left(comparison, Still.PIN).plates == (Still.PIN, View.BLEND)


@pytest.mark.parametrize(
    ("plates", "left"),
    [((Still.PIN, View.BLEND), (View.A, View.BLEND)), ((Still.PIN, View.A), (View.BLEND, View.A)),
     ((View.BLEND, Still.PIN), (View.BLEND, View.A)), ((View.A, View.B), (View.A, View.B))],
)
def test_that_a_picture_that_is_gone_leaves_two_different_ones(
    plates: tuple[Plate, Plate], left: tuple[Plate, Plate]
) -> None:
    assert without(Comparison(*plates), Still.PIN).plates == left


def test_that_the_way_of_comparing_survives_the_settings_and_nonsense_does_not() -> None:
    chosen = Comparison(style=CompareStyle.DIFFERENCE, is_level=True, gain=16.0, blinks_per_s=1.0)
    assert from_plain(to_plain(chosen)) == chosen
    nonsense = {"compare.style": "x", "compare.level": 3, "compare.gain": 5.5, "compare.blinks": "1"}
    assert from_plain(nonsense) == Comparison()


def test_that_plates_are_found_by_name() -> None:
    assert [plate_of(name) for name in ("a", "pin", "nothing")] == [View.A, Still.PIN, None]


def test_that_a_difference_is_absolute_and_cut_at_white() -> None:
    pixels, mean = difference(plain_pixels(8, (10, 100, 0)), plain_pixels(8, (20, 0, 0)), 4.0)
    assert pixels[0, 0].tolist() == [0, 255, 40, 255]
    assert mean == pytest.approx(110 / 3)


def test_that_pictures_of_two_sizes_differ_at_the_smaller_one() -> None:
    pixels, mean = difference(plain_pixels(64, (10, 10, 10)), plain_pixels(16, (10, 10, 10)), 8.0)
    assert pixels.shape == (16, 16, 4)
    assert mean == 0
    tall = np.ascontiguousarray(plain_pixels(64, (10, 10, 10))[:, :48])
    assert difference(plain_pixels(64, (10, 10, 10)), tall, 1.0)[1] == 0


def test_that_a_difference_is_worked_out_once() -> None:
    one, other, made = Picture(plain_pixels(8, (1, 2, 3))), Picture(plain_pixels(8, (3, 2, 1))), Difference()
    first = made.of(one, other, 2.0)
    assert made.of(one, other, 2.0) is first
    assert made.of(one, other, 4.0) is not first


def test_that_the_grid_has_a_line_for_every_border_that_is_seen() -> None:
    whole = Rect(0, 0, 80, 80)
    assert grid_lines(whole, whole, 8, across=True) == [10, 20, 30, 40, 50, 60, 70]
    assert grid_lines(whole, Rect(25, 0, 20, 80), 8, across=True) == [20, 30, 40, 50]

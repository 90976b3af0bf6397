from __future__ import annotations

import pytest
from fake_engine import descriptor

from gui.directions.ranges import groups, read_rows, sizes_in_words, words

SMALL = descriptor()


def test_that_rows_are_grouped_by_what_they_work_at() -> None:
    assert groups(SMALL) == {"coarse": (0, 4), "middle": (4, 8), "fine": (8, 10)}
    assert groups(descriptor((4, 8))) == {"coarse": (0, 4)}


@pytest.mark.parametrize(
    ("rows", "name"),
    [
        (None, "all"), ((0, 10), "all"), ((0, 4), "coarse"), ((4, 8), "middle"), ((8, 10), "fine"), ((2, 7), "2-6"),
        ((3, 4), "3"), ((3, 3), "none"),
    ],
)  # fmt: skip
def test_that_a_range_has_a_short_name(rows: tuple[int, int] | None, name: str) -> None:
    assert words(rows, SMALL) == name


def test_that_a_range_says_at_what_sizes_it_works() -> None:
    assert sizes_in_words((0, 4), SMALL) == "4 to 8 px"
    assert sizes_in_words((8, 9), SMALL) == "64 px"
    assert sizes_in_words((12, 14), SMALL) == "no layer"


@pytest.mark.parametrize(
    ("text", "rows"),
    [("0-5", (0, 6)), (" 3 ", (3, 4)), ("2 \u2013 7", (2, 8)), ("2, 7", (2, 8)), ("9", (9, 10))],
)
def test_that_typed_rows_include_the_last(text: str, rows: tuple[int, int]) -> None:
    assert read_rows(text, 10) == rows


@pytest.mark.parametrize("text", ["", "x", "7-2", "0-10", "-3", "1-2-3", "1.5"])
def test_that_what_is_no_range_is_none(text: str) -> None:
    assert read_rows(text, 10) is None

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from gui.history_tree.layout import tree_layout

trees = st.lists(st.integers(0, 60), max_size=60).map(
    lambda links: [None, *(link % place for place, link in enumerate(links, 1))]
)


def test_that_a_line_is_one_row() -> None:
    layout = tree_layout([None, 0, 1, 2])
    assert layout.columns == (0, 1, 2, 3)
    assert layout.rows == (0, 0, 0, 0)
    assert (layout.width, layout.height, layout.forks) == (4, 1, {})


def test_that_branches_lie_below_and_share_rows_where_there_is_room() -> None:
    #  0 - 1 - 2 - 3 - 4
    #      |       `- 5 - 6
    #      `- 7 - 8            fits into the row of 5: it ends before that one begins
    layout = tree_layout([None, 0, 1, 2, 3, 3, 5, 0, 7])
    assert layout.rows == (0, 0, 0, 0, 0, 1, 1, 1, 1)
    longer = tree_layout([None, 0, 1, 2, 3, 3, 5, 0, 7, 8, 9])
    assert longer.rows == (0, 0, 0, 0, 0, 1, 1, 2, 2, 2, 2)
    assert longer.forks == {3: [(0, 1)], 0: [(0, 2)]}


@settings(max_examples=200, deadline=None)
@given(trees)
def test_that_no_two_entries_meet_and_no_line_crosses_a_picture_or_another_line(parents: list[int | None]) -> None:
    layout = tree_layout(parents)
    assert len(layout.at) == len(parents)
    across = set()
    for place, parent in enumerate(parents):
        if parent is not None:
            assert layout.columns[place] == layout.columns[parent] + 1
            assert layout.rows[place] >= layout.rows[parent]
            if layout.rows[place] == layout.rows[parent]:
                across.add((layout.columns[parent], layout.rows[parent]))
    for column, forks in layout.forks.items():
        spans = sorted(forks)
        for (_, end), (start, _) in pairwise(spans):
            assert end < start  # no two upright lines overlap
        for top, bottom in spans:
            assert not any((column, row) in across for row in range(top + 1, bottom + 1))


@settings(max_examples=60, deadline=None)
@given(trees, st.integers(0, 60))
def test_that_one_more_entry_moves_others_only_down(parents: list[int | None], link: int) -> None:
    before = tree_layout(parents)
    after = tree_layout([*parents, link % len(parents)])
    assert after.columns[: len(parents)] == before.columns
    assert all(new >= old for old, new in zip(before.rows, after.rows, strict=False))


def test_that_two_thousand_entries_take_no_time() -> None:
    for parents in ([None, *range(1999)], [None, *[0] * 1999], [None, *(place // 2 for place in range(1999))]):
        layout = tree_layout(parents)
        assert len(layout.at) == 2000

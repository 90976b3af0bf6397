"""Where the entries of a history tree lie: columns are steps from the root, rows are branches. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class TreeLayout:
    """Attributes:
    columns, rows: Place of every entry.
    at: Entry by (column, row).
    forks: By column, how entries there lead on: (row of the entry, lowest row among its children), where that is
        not its own.
    """

    columns: tuple[int, ...] = ()
    rows: tuple[int, ...] = ()
    at: dict[tuple[int, int], int] = field(default_factory=dict)
    forks: dict[int, list[tuple[int, int]]] = field(default_factory=dict)

    @property
    def width(self) -> int:
        return max(self.columns, default=-1) + 1

    @property
    def height(self) -> int:
        return max(self.rows, default=-1) + 1


def tree_layout(parents: Sequence[int | None]) -> TreeLayout:
    """Lay out a tree: an oldest child goes on in its parent's row, younger ones begin rows below it.

    Branches are set down from the deepest fork to the shallowest, each as high as there is room: so no line crosses
    another, and adding an entry moves as little as can be.

    Args:
        parents: Of every entry, a place before its own; None for the root.
    """
    children: list[list[int]] = [[] for _ in parents]
    columns: list[int] = []
    for place, parent in enumerate(parents):
        columns.append(0 if parent is None else columns[parent] + 1)
        if parent is not None:
            children[parent].append(place)
    rows = [0] * len(parents)
    free = [0] * (max(columns, default=0) + 1)  # the first free row of every column
    waiting = [place for place, parent in enumerate(parents) if parent is None]
    while waiting:
        run = _run(waiting.pop(), children)
        parent = parents[run[0]]
        row = max(free[columns[run[0]] : columns[run[-1]] + 1])
        if parent is not None:
            row = max(row, rows[parent] + 1)
        for place in run:
            rows[place] = row
            free[columns[place]] = row + 1
        for place in run:  # what is put there last is set down next: of the deepest fork, the oldest
            waiting += reversed(children[place][1:])
    forks: dict[int, list[tuple[int, int]]] = {}
    for place, those in enumerate(children):
        lowest = max((rows[child] for child in those), default=rows[place])
        if lowest != rows[place]:
            forks.setdefault(columns[place], []).append((rows[place], lowest))
    at = {(column, row): place for place, (column, row) in enumerate(zip(columns, rows, strict=True))}
    return TreeLayout(tuple(columns), tuple(rows), at, forks)


def _run(first: int, children: Sequence[Sequence[int]]) -> list[int]:
    """An entry and its line of oldest children."""
    run = [first]
    while children[run[-1]]:
        run.append(children[run[-1]][0])
    return run

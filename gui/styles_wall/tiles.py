"""Where the pictures of the wall lie. Plain geometry."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QRectF

GAP_PX = 10
NAME_PX = 22
"""Room for the words under a picture."""

HEADING_PX = 30
RING_PX = 4
"""Round a picture, for the mark of where one is."""

SPREAD_PX = 44
"""How far pictures may be apart for their names."""

PEEP_PX = 64
"""How much of a second group is seen before one scrolls."""

LEAST_PX, MOST_PX = 84, 420
ACROSS = (4, 6, 3)
"""Pictures beside each other: the first of those under which they are largest. Four, for that sorts them."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Where everything lies.

    Attributes:
        cells: The pictures, without the words under them.
        headings: Of the groups but the first.
        edge: Of a picture.
        name_px: How wide its name may be.
        height: Of it all.
    """

    cells: tuple[QRectF, ...]
    headings: tuple[QRectF, ...]
    edge: float
    name_px: float
    across: int
    height: int


def plan(counts: Sequence[int], width: float, height: float) -> Plan:
    """Lay groups of pictures out. The first group is seen whole; the others are scrolled to.

    Args:
        counts: Of each group.
        width, height: What there is room for.
    """
    first = counts[0] if counts else 0
    free = height - (PEEP_PX if len(counts) > 1 else 0)
    across = max(ACROSS, key=lambda count: (_edge(first, count, width, free), -ACROSS.index(count)))
    edge = min(max(_edge(first, across, width, free), LEAST_PX), MOST_PX)
    pitch = float(min(math.floor((width + GAP_PX) / across), edge + GAP_PX + SPREAD_PX))
    left = float(max(0, math.floor((width + GAP_PX - across * pitch) / 2)))
    cells: list[QRectF] = []
    headings: list[QRectF] = []
    spare = free - _rows(first, across) * (edge + NAME_PX + GAP_PX)
    top = float(max(RING_PX, math.floor(spare / 2))) if len(counts) == 1 else float(RING_PX)
    for group, count in enumerate(counts):
        if group:
            headings.append(QRectF(left, top, width - left, HEADING_PX))
            top += HEADING_PX
        for place in range(count):
            row, column = divmod(place, across)
            above = top + row * (edge + NAME_PX + GAP_PX)
            cells.append(QRectF(left + column * pitch, above, edge, edge))
        top += _rows(count, across) * (edge + NAME_PX + GAP_PX)
    return Plan(tuple(cells), tuple(headings), edge, pitch - GAP_PX, across, math.ceil(top))


def _rows(count: int, across: int) -> int:
    return -(-count // across)


def _edge(count: int, across: int, width: float, height: float) -> float:
    """Of the largest squares with words under them that fit."""
    rows = max(1, _rows(count, across))
    wide = (width - 2 * RING_PX - (across - 1) * GAP_PX) / across
    high = (height - RING_PX) / rows - NAME_PX - GAP_PX
    return float(math.floor(min(wide, high)))


def beside(cells: Sequence[QRectF], place: int, across: int, down: int) -> int:
    """The picture next to one, in a direction; itself at the edge."""
    here = cells[place].center()
    along = [
        (other, cell.center())
        for other, cell in enumerate(cells)
        if (cell.center().x() - here.x()) * across > 1 or (cell.center().y() - here.y()) * down > 1
    ]
    if across:
        along = [(other, centre) for other, centre in along if abs(centre.y() - here.y()) < 1]
        return min(along, key=lambda one: abs(one[1].x() - here.x()), default=(place, here))[0]
    rows = sorted({round(centre.y()) for _, centre in along}, key=lambda y: abs(y - here.y()))
    along = [(other, centre) for other, centre in along if rows and round(centre.y()) == rows[0]]
    return min(along, key=lambda one: abs(one[1].x() - here.x()), default=(place, here))[0]

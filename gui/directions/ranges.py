"""Which rows of ``ws`` a direction works on, in words: coarse, middle, fine, all, or one's own. Pure."""

from __future__ import annotations

import re
from typing import TypeAlias

from engine.descriptor import NetworkDescriptor
from gui.mixing import ws_resolutions

Rows: TypeAlias = tuple[int, int]
"""Half open."""

COARSE_TO_PX = 8
MIDDLE_TO_PX = 32
_OWN = re.compile(r"\s*(\d{1,2})\s*(?:[-\u2013, ]+\s*(\d{1,2})\s*)?")


def groups(descriptor: NetworkDescriptor | None) -> dict[str, Rows]:
    """Coarse, middle and fine, as far as the model has them."""
    sizes = ws_resolutions(descriptor)
    parts = {
        "coarse": [row for row, size in enumerate(sizes) if size <= COARSE_TO_PX],
        "middle": [row for row, size in enumerate(sizes) if COARSE_TO_PX < size <= MIDDLE_TO_PX],
        "fine": [row for row, size in enumerate(sizes) if size > MIDDLE_TO_PX],
    }
    return {name: (rows[0], rows[-1] + 1) for name, rows in parts.items() if rows}


def words(rows: Rows | None, descriptor: NetworkDescriptor | None) -> str:
    """What to call a range: "all", "coarse", or "2-7", the last row included."""
    count = len(ws_resolutions(descriptor))
    if rows is None or rows == (0, count):
        return "all"
    for name, group in groups(descriptor).items():
        if group == rows:
            return name
    first, stop = rows
    return str(first) if stop - first == 1 else f"{first}-{stop - 1}" if stop > first else "none"


def sizes_in_words(rows: Rows | None, descriptor: NetworkDescriptor | None) -> str:
    """The resolutions that a range works at: "4 to 8 px"."""
    sizes = ws_resolutions(descriptor)
    within = sizes if rows is None else sizes[rows[0] : rows[1]]
    if not within:
        return "no layer"
    return f"{within[0]} px" if within[0] == within[-1] else f"{within[0]} to {within[-1]} px"


def read_rows(text: str, count: int) -> Rows | None:
    """``"2-7"`` or ``"5"``: rows from the first to the last, both included; None when it is no range of the model.

    Args:
        count: How many rows there are.
    """
    found = _OWN.fullmatch(text)
    if found is None:
        return None
    first = int(found[1])
    last = int(found[2]) if found[2] else first
    return (first, last + 1) if first <= last < count else None

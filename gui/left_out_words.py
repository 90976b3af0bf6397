"""What is said of photos in which nothing was found."""

from __future__ import annotations

from collections.abc import Sequence

from engine.errors import printable

REASONS, NAMES = 3, 3
"""So many are told, with so many photos of each; the rest is counted."""


def left_out_words(left_out: Sequence[tuple[str, str]]) -> str:
    """Each reason once, with whom it is about.

    Args:
        left_out: Names and reasons.
    """
    names: dict[str, list[str]] = {}
    for name, problem in left_out:
        names.setdefault(problem, []).append(printable(name, 40))
    told = []
    for problem, whose in list(names.items())[:REASONS]:
        more = f" and {len(whose) - NAMES} more" if len(whose) > NAMES else ""
        told.append(f"{', '.join(whose[:NAMES])}{more}: {printable(problem, 120).removesuffix('.')}")
    if rest := sum(len(whose) for whose in list(names.values())[REASONS:]):
        told.append(f"and {rest} more")
    return f"Left out: {'; '.join(told)}."

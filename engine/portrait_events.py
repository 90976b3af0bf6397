"""What making portrait pictures tells whoever started it, and what there is to make. No torch: a window reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias, get_args

from engine.event_lines import from_json_line

PORTRAIT_STYLES = ("portrait", "toon", "woodblock", "pencil", "lines")
"""In this order: a style's random numbers follow from its place."""


@dataclass(frozen=True, slots=True)
class PortraitsProgress:
    """Attributes:
    done: Pictures per style that are there, those of earlier calls included.
    time_left_s: NaN until this process has made two.
    """

    done: int
    total: int
    elapsed_s: float
    time_left_s: float


@dataclass(frozen=True, slots=True)
class PortraitsMade:
    """Attributes:
    folder: Each style has a folder in it.
    """

    folder: str
    count: int
    size: int
    styles: tuple[str, ...]
    elapsed_s: float


PortraitEvent: TypeAlias = PortraitsProgress | PortraitsMade

_KINDS: dict[str, type[PortraitEvent]] = {kind.__name__: kind for kind in get_args(PortraitEvent)}


def read_portrait_event(line: str) -> PortraitEvent | None:
    """None for a line that is no event."""
    event: PortraitEvent | None = from_json_line(line, _KINDS)
    return event

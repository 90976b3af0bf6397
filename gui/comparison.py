"""What is compared with what, and how: plain data, no Qt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeAlias

from engine.state import View

GAINS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""How much a difference can be amplified."""

BLINKS_PER_S = (1.0, 2.0, 4.0, 8.0)


class Still(StrEnum):
    """Pictures that do not follow the sliders: one that was pinned, the photo a portrait was found from."""

    PIN = "pin"
    PHOTO = "photo"


Plate: TypeAlias = View | Still
"""A picture that can be looked at."""


class CompareStyle(StrEnum):
    WIPE = "wipe"
    PAIR = "pair"
    BLINK = "blink"
    DIFFERENCE = "difference"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Attributes:
    left: The reference: left or above the handle, and what a held key shows.
    right: What is compared with it.
    is_level: The wipe's handle lies level, the reference above it.
    gain: Times which a difference is amplified.
    blinks_per_s: How often the picture changes while blinking.
    """

    left: Plate = View.A
    right: Plate = View.BLEND
    style: CompareStyle = CompareStyle.WIPE
    is_level: bool = False
    gain: float = 4.0
    blinks_per_s: float = 2.0

    @property
    def plates(self) -> tuple[Plate, Plate]:
        return self.left, self.right

    @property
    def views(self) -> tuple[View, ...]:
        """What the engine has to draw, the most wanted first."""
        return tuple(plate for plate in (self.right, self.left) if isinstance(plate, View))


def plate_of(name: str) -> Plate | None:
    """A plate by its value; None when there is no such plate."""
    for kind in (View, Still):
        if name in set(kind):
            return kind(name)
    return None


def exchanged(comparison: Comparison) -> Comparison:
    return replace(comparison, left=comparison.right, right=comparison.left)


def with_left(comparison: Comparison, plate: Plate) -> Comparison:
    """Choose the reference. A picture is never compared with itself: the other side takes what this one had."""
    return exchanged(comparison) if plate == comparison.right else replace(comparison, left=plate)


def with_right(comparison: Comparison, plate: Plate) -> Comparison:
    return exchanged(comparison) if plate == comparison.left else replace(comparison, right=plate)


def without(comparison: Comparison, plate: Plate) -> Comparison:
    """After a picture is gone: A takes its place, or the blend where A is there already."""
    if plate not in comparison.plates:
        return comparison
    left, right = (None if one == plate else one for one in comparison.plates)
    if left is None:
        left = View.BLEND if right is View.A else View.A
    if right is None:
        right = View.A if left is View.BLEND else View.BLEND
    return replace(comparison, left=left, right=right)


def to_plain(comparison: Comparison) -> dict[str, str | float | bool]:
    """For the settings: how one likes to compare, not with what."""
    return {
        "compare.style": comparison.style.value,
        "compare.level": comparison.is_level,
        "compare.gain": comparison.gain,
        "compare.blinks": comparison.blinks_per_s,
    }


def from_plain(plain: Mapping[str, object]) -> Comparison:
    """What `to_plain` wrote; anything else in it falls back to the usual."""
    usual = Comparison()
    style, gain, blinks = plain.get("compare.style"), plain.get("compare.gain"), plain.get("compare.blinks")
    return Comparison(
        style=CompareStyle(style) if isinstance(style, str) and style in set(CompareStyle) else usual.style,
        is_level=plain.get("compare.level") is True,
        gain=gain if isinstance(gain, float) and gain in GAINS else usual.gain,
        blinks_per_s=blinks if isinstance(blinks, float) and blinks in BLINKS_PER_S else usual.blinks_per_s,
    )

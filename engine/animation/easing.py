"""Easing: how a value goes from one key to the next. Pure numbers."""

from __future__ import annotations

import math
from enum import StrEnum


class Easing(StrEnum):
    """The way from a key to the one after it."""

    HOLD = "hold"  # stays, then jumps
    LINEAR = "linear"
    SMOOTH = "smooth"  # slow at both ends
    EASE_IN = "ease-in"  # slow at the beginning
    EASE_OUT = "ease-out"  # slow at the end
    FLOW = "flow"  # a curve through this key and its neighbours, without a stop at any


def eased(easing: Easing, fraction: float) -> float:
    """How much of the way is behind one.

    Args:
        fraction: Of the time between the two keys, 0 to 1.

    Returns:
        0 to 1. FLOW depends on the neighbours too (`monotone`, `spline_weights`); alone it is linear.
    """
    match easing:
        case Easing.HOLD:
            return 0.0 if fraction < 1.0 else 1.0
        case Easing.SMOOTH:
            return fraction * fraction * (3.0 - 2.0 * fraction)
        case Easing.EASE_IN:
            return fraction * fraction
        case Easing.EASE_OUT:
            return fraction * (2.0 - fraction)
        case _:
            return fraction


Knot = tuple[float, float]
"""A time in seconds and a value."""


def monotone(before: Knot | None, start: Knot, stop: Knot, after: Knot | None, fraction: float) -> float:
    """A cubic between two knots that turns nowhere but at knots, so that it never overshoots.

    Args:
        before, after: The neighbours; None where the curve begins or ends.

    Source: Steffen 1990, Astronomy and Astrophysics 239, 443.
    """
    width = stop[0] - start[0]
    slope = (stop[1] - start[1]) / width
    first = slope if before is None else _steffen(before, start, stop)
    last = slope if after is None else _steffen(start, stop, after)
    h00, h10, h01, h11 = _hermite(fraction)
    return h00 * start[1] + h10 * width * first + h01 * stop[1] + h11 * width * last


def spline_weights(before_s: float | None, start_s: float, stop_s: float, after_s: float | None, fraction: float) -> (
    tuple[float, float, float, float]
):
    """How much of four neighbouring keys there is between the two in the middle: a Catmull-Rom curve through them.

    Returns:
        Weights that add up to 1; those of missing neighbours are 0.
    """
    width = stop_s - start_s
    h00, h10, h01, h11 = _hermite(fraction)
    first = h10 * (1.0 if before_s is None else width / (stop_s - before_s))
    last = h11 * (1.0 if after_s is None else width / (after_s - start_s))
    weights = [0.0, h00, h01, 0.0]
    weights[1 if before_s is None else 0] -= first
    weights[2] += first
    weights[1] -= last
    weights[2 if after_s is None else 3] += last
    return weights[0], weights[1], weights[2], weights[3]


def _hermite(t: float) -> tuple[float, float, float, float]:
    return (1 + 2 * t) * (1 - t) ** 2, t * (1 - t) ** 2, t * t * (3 - 2 * t), t * t * (t - 1)


def _steffen(before: Knot, here: Knot, after: Knot) -> float:
    left, right = here[0] - before[0], after[0] - here[0]
    into, out = (here[1] - before[1]) / left, (after[1] - here[1]) / right
    parabola = (into * right + out * left) / (left + right)
    turn = math.copysign(1.0, into) + math.copysign(1.0, out)
    return turn * min(abs(into), abs(out), 0.5 * abs(parabola))

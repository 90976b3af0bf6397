"""Carrying what tuning changed in model A into the layers that come from other models.

T is model A, tuned from its parent P. Where a blend takes w_T of T and the rest of others, with weights that add up
to 1, carrying adds ``strength * (1 - w_T) * (T - P)``: what the others give, changed as P was changed. That is so
much more of T and so much less of P, so it is said as shares of a stack in which P lies over everything else. Where
all is T there is nothing to carry; where T is extrapolated (its weight is above 1) neither. What P itself gives, or
another model that was tuned from P, counts as T's does: blending with those is fading from one to the other, and it
would get nowhere if the person were carried along. In plain Python.

A part that the user takes from B alone (`Blend.torgb` and so on) is left as B has it: nothing is carried there. The
mapping and w_avg are not tuned and take no part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

from engine.descriptor import NetworkDescriptor
from engine.errors import printable
from engine.shares import Shares, Stack, weights_of
from engine.state import Blend, ModelRef, Source

NEXT_TO_NOTHING = 1e-6
CARRIES_LITTLE = "Carrying A's tuning over helps little between strangers: their layers do not mean the same."
NAME_CHARS = 40


@dataclass(frozen=True, slots=True)
class Carried:
    """Attributes:
    parent: What A was tuned from.
    conv, conv_affine, torgb, torgb_affine, noise: How much is carried in each of these parts (see `Shares`), 0 for
        nothing.
    into: Of every model over A, whether its layers get it.
    """

    parent: ModelRef
    conv: float
    conv_affine: float
    torgb: float
    torgb_affine: float
    noise: float
    into: tuple[bool, ...]

    @staticmethod
    def of(parent: ModelRef, strength: float, blend: Blend, into: Sequence[bool] = (True,)) -> Carried:
        """All parts alike, but for those that `blend` takes from one model alone."""

        def unless_pinned(source: Source) -> float:
            return strength if source is Source.BLEND else 0.0

        torgb = unless_pinned(blend.torgb)
        torgb_affine = torgb if blend.affines is Source.BLEND else 0.0
        affine, noise = unless_pinned(blend.affines), unless_pinned(blend.noise)
        return Carried(parent, strength, affine, torgb, torgb_affine, noise, tuple(into))

    @property
    def nothing(self) -> Carried:
        return Carried(self.parent, 0.0, 0.0, 0.0, 0.0, 0.0, self.into)


@lru_cache(maxsize=64)  # asked for several times for every frame
def with_carried(stack: Stack, carried: Carried) -> Stack:
    """The stack with the parent laid over it, and the shares below changed so that T makes up for it.

    Where the weights below cannot be said as shares any more (those of some of the lower networks cancel out),
    nothing is carried.
    """

    def part(strength: float, share_of: Callable[[Shares], tuple[float, ...]]) -> list[tuple[float, ...]]:
        places = zip(*(share_of(shares) for shares in stack), strict=True)
        return list(zip(*(_at_one_place(place, strength, carried.into) for place in places), strict=True))

    parts = zip(
        part(carried.conv, lambda shares: shares.conv),
        part(carried.conv_affine, lambda shares: shares.conv_affine),
        part(carried.torgb, lambda shares: shares.torgb),
        part(carried.torgb_affine, lambda shares: shares.torgb_affine),
        part(carried.noise, lambda shares: shares.noise),
        strict=True,
    )
    inputs = [*((shares.mapping, shares.w_avg) for shares in stack), (0.0, 0.0)]
    return tuple(Shares(*found, *of_inputs) for found, of_inputs in zip(parts, inputs, strict=True))


def _at_one_place(shares: Sequence[float], strength: float, into: Sequence[bool]) -> tuple[float, ...]:
    """Shares of the networks over T, then that of the parent."""
    weights = weights_of(shares)
    moved = strength * max(0.0, sum(weight for weight, gets in zip(weights[1:], into, strict=True) if gets))
    wanted = (weights[0] + moved, *weights[1:])
    totals = list(accumulate(wanted))
    cancels = any(
        abs(total) < NEXT_TO_NOTHING and any(wanted[: index + 1]) for index, total in enumerate(totals[:-1])
    )
    if moved <= 0.0 or cancels:
        return (*shares, 0.0)
    above = (weight / total if weight else 0.0 for weight, total in zip(wanted[1:], totals[1:], strict=True))
    return (*above, -moved)


def is_carried_into(a: NetworkDescriptor, ref: ModelRef, other: NetworkDescriptor) -> bool:
    """Whether the layers of a model are to get what tuning made A."""
    parent, own = a.tuned_from, other.tuned_from
    if parent is None or ref.sha256 == parent.sha256:
        return False
    return own is None or own.sha256 != parent.sha256


def carry_sentence(blend: Blend, a: NetworkDescriptor | None, name_a: str, name_b: str) -> str | None:
    """What is carried where, for example "What tuning “Anna” changed in portrait is carried into toon's layers,
    100 %." None when A is not tuned, or there is nothing to carry it into.

    Args:
        name_b: Of the model whose layers they are.
    """
    if a is None or a.tuned_from is None:
        return None
    what = f"What tuning “{printable(name_a, NAME_CHARS)}” changed in {printable(a.tuned_from.name, NAME_CHARS)}"
    into = f"{printable(name_b, NAME_CHARS)}'s layers"
    percent = round(100.0 * blend.carry)
    if percent == 0:
        return f"{what} is not carried into {into}."
    pinned = [words for words, source in _pins(blend) if source is Source.B]
    but = f", but not into the {' and '.join(pinned)}, taken from B alone" if pinned else ""
    return f"{what} is carried into {into}, {percent} %{but}."


def _pins(blend: Blend) -> tuple[tuple[str, Source], ...]:
    return ("colours", blend.torgb), ("styles", blend.affines), ("noise", blend.noise)

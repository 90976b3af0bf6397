"""How long the blocks of a network take on this machine, learned by running them."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

FASTER, SLOWER = 0.5, 0.25
"""Weight of a new time that is shorter or longer than expected: a busy neighbour passes, a warm block stays warm."""

DOUBT = 0.8
"""What is left of a time that was taken once only, each time that it keeps a block from being run."""

GROWTH = 2.0
"""A block takes about as long as all before it."""


@dataclass(slots=True)
class _Known:
    seconds: float
    times: int = 1


class BlockClock:
    """Times by the network's shape, the block, and whether its weights are a mixture.

    The first run of a block also prepares its weights and touches fresh memory. Its time is given up for the second,
    and is doubted until there is one.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[Hashable, int, bool], _Known] = {}

    def expected_s(self, shape: Hashable, index: int, is_mixture: bool) -> float:
        """By what was measured of the block or of the ones below it; 0 when nothing was."""
        for below in range(index, -1, -1):
            for kind in (is_mixture, not is_mixture):
                if (known := self._known.get((shape, below, kind))) is not None:
                    return GROWTH ** (index - below) * known.seconds
        return 0.0

    def took(self, shape: Hashable, index: int, is_mixture: bool, seconds: float) -> None:
        known = self._known.get((shape, index, is_mixture))
        if known is None:
            self._known[(shape, index, is_mixture)] = _Known(seconds)
            return
        known.times += 1
        weight = 1.0 if known.times == 2 else FASTER if seconds < known.seconds else SLOWER
        known.seconds += weight * (seconds - known.seconds)

    def kept_from(self, shape: Hashable, index: int, is_mixture: bool) -> None:
        """A block was not run because of `expected_s`."""
        known = self._known.get((shape, index, is_mixture))
        if known is not None and known.times == 1:
            known.seconds *= DOUBT

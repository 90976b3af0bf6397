"""Whether models can be blended, and whether they should be: found out once for every two of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from engine.blending import check_blendable
from engine.errors import ModelError
from engine.kinship import WeightDistance
from engine.network import Network
from engine.weight_distance import weight_distance

Named: TypeAlias = tuple[str, Network]
"""A network under the hash of its model."""


class PairFacts:
    """What is known of pairs of models. Networks are looked at and not held on to."""

    def __init__(self) -> None:
        self._obstacles: dict[tuple[str, str], str | None] = {}
        self._distances: dict[tuple[str, str], WeightDistance] = {}

    def obstacle(self, a: Named, b: Named) -> str | None:
        """Why the weights of two networks cannot be mixed, as a sentence; None when they can."""
        key = (a[0], b[0])
        if key not in self._obstacles:
            self._obstacles[key] = _complaint(lambda: check_blendable(a[1], b[1]))
        return self._obstacles[key]

    def distance(self, a: Named, b: Named) -> WeightDistance:
        """How far apart two networks are. Measuring takes a moment."""
        key = (a[0], b[0])
        if key not in self._distances:
            self._distances[key] = weight_distance(a[1], b[1])
        return self._distances[key]


def _complaint(check: Callable[[], None]) -> str | None:
    try:
        check()
    except ModelError as error:
        return error.user_message
    return None

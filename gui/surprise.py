""""New seed" and "surprise me": chance, except for what is locked. Pure functions."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from engine.state import EditState, SeedLatent, with_blend, with_seed

SEEDS = 100_000
"""Rolled seeds stay short enough to be read aloud; any up to 2**32 can be typed."""

_chance = random.SystemRandom()


def new_seed(state: EditState, chance: random.Random = _chance) -> EditState:
    """Another seed than the present one, at the middle of its pad."""
    now = state.latent.seed if isinstance(state.latent, SeedLatent) else None
    rolled = roll_number(chance)
    while rolled == now:
        rolled = roll_number(chance)
    return with_seed(state, rolled)


def roll_number(chance: random.Random = _chance) -> int:
    """A seed."""
    return chance.randrange(SEEDS)


def surprise(
    state: EditState,
    locks: frozenset[str],
    swap_stops: Sequence[int],
    chance: random.Random = _chance,
) -> EditState:
    """Another face, blended another way.

    Args:
        locks: Any of "seed", "psi", "swap_resolution", "alpha", "width", "noise": left as they are.
        swap_stops: Resolutions that the models have.
    """
    if "seed" not in locks:
        state = new_seed(state, chance)
    if "psi" not in locks and isinstance(state.latent, SeedLatent):
        state = replace(state, truncation_psi=round(chance.uniform(0.5, 0.9), 2))
    if state.model_b is None:
        return state
    changes: dict[str, object] = {}
    inner = [stop for stop in swap_stops if 4 < stop < max(swap_stops)]
    if "swap_resolution" not in locks and inner:
        changes |= {"swap_resolution": chance.choice(inner), "curve": None}
    if "width" not in locks:
        changes |= {"width": round(chance.choice((0.0, chance.uniform(0.3, 2.0))), 2), "curve": None}
    if "alpha" not in locks:
        changes["alpha"] = round(chance.uniform(0.5, 1.0), 2)
    return with_blend(state, **changes)

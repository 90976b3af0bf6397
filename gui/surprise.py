""""New seed" and "surprise me": chance, except for what is locked. Pure functions."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from engine.noise_locks import locked_layers, with_noise_seed
from engine.state import EditState, MixSource, NoiseMode, SeedLatent, with_blend, with_noise, with_seed
from gui.further_models import lock_name, with_overlay_alpha

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


def new_noise(state: EditState, locks: frozenset[str], chance: random.Random = _chance) -> EditState:
    """Another noise seed, and others for the layers that have one of their own, except for what is locked."""
    if "noise.seed" not in locks:
        state = with_noise_seed(state, roll_number(chance), locks)
    kept = locked_layers(locks)
    seeds = tuple(
        float(roll_number(chance)) if seed is not None and position not in kept else seed
        for position, seed in enumerate(state.noise.layer_seeds)
    )
    return with_noise(state, layer_seeds=seeds)


def _other_seed(source: MixSource, chance: random.Random) -> MixSource:
    is_seed = isinstance(source.latent, SeedLatent)
    return replace(source, latent=SeedLatent(roll_number(chance))) if is_seed else source


def surprise(
    state: EditState,
    locks: frozenset[str],
    swap_stops: Sequence[int],
    chance: random.Random = _chance,
) -> EditState:
    """Another face, blended another way.

    Args:
        locks: Any of "seed", "psi", "swap_resolution", "alpha", "width", "mix" (its seeds), "noise.seed" and
            "noise.layer.<position>": left as they are.
            Also "curve", with the step that it would give way to, and further models by `lock_name`.
        swap_stops: Resolutions that the models have.
    """
    if "seed" not in locks:
        state = new_seed(state, chance)
    if "psi" not in locks and isinstance(state.latent, SeedLatent):
        state = replace(state, truncation_psi=round(chance.uniform(0.5, 0.9), 2))
    if "mix" not in locks:
        state = replace(state, mix=tuple(_other_seed(source, chance) for source in state.mix))
    if state.noise.mode is NoiseMode.RANDOM or any(seed is not None for seed in state.noise.layer_seeds):
        state = new_noise(state, locks, chance)
    for index, overlay in enumerate(state.overlays):
        if lock_name(overlay) not in locks and overlay.alpha != 0.0:  # one that is silenced stays silent
            state = with_overlay_alpha(state, index, round(chance.uniform(0.2, 0.8), 2))
    if state.model_b is None:
        return state
    if "curve" in locks:
        locks |= {"swap_resolution", "width"}
    changes: dict[str, object] = {}
    inner = [stop for stop in swap_stops if 4 < stop < max(swap_stops)]
    if "swap_resolution" not in locks and inner:
        changes |= {"swap_resolution": chance.choice(inner), "curve": None}
    if "width" not in locks:
        changes |= {"width": round(chance.choice((0.0, chance.uniform(0.3, 2.0))), 2), "curve": None}
    if "alpha" not in locks:
        changes["alpha"] = round(chance.uniform(0.5, 1.0), 2)
    return with_blend(state, **changes)

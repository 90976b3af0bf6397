"""Noise of single layers that chance leaves alone: locks by name, and what keeps their maps as they are. Pure."""

from __future__ import annotations

from engine.state import EditState, Noise, NoiseMode, with_noise

LAYER_LOCK = "noise.layer."


def locked_layers(locks: frozenset[str]) -> frozenset[int]:
    """Positions whose noise is locked, by the names "noise.layer.0", "noise.layer.1" ..."""
    places = (name.removeprefix(LAYER_LOCK) for name in locks if name.startswith(LAYER_LOCK))
    return frozenset(int(place) for place in places if place.isdecimal())


def with_noise_seed(state: EditState, seed: int, locks: frozenset[str]) -> EditState:
    """Another noise seed. Locked layers keep their maps: they get the old seed as their own."""
    noise = state.noise
    if seed == noise.seed:
        return state
    return with_noise(state, seed=seed, layer_seeds=_held(noise, locked_layers(locks)))


def _held(noise: Noise, locked: frozenset[int]) -> tuple[float | None, ...]:
    """The seeds per layer, with the present one for locked layers that have none of their own."""
    if noise.mode is not NoiseMode.RANDOM or not locked:
        return noise.layer_seeds
    seeds = list(noise.layer_seeds) + [None] * (max(locked) + 1 - len(noise.layer_seeds))
    for position in locked:
        seeds[position] = float(noise.seed) if seeds[position] is None else seeds[position]
    return tuple(seeds)

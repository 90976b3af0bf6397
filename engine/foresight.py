"""Which pictures are likely to be asked for next. Pure: from a state and what the hand was on, to other states."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import chain

from engine.history import change_label
from engine.messages import Held
from engine.state import (
    EditState,
    NoiseMode,
    SeedLatent,
    with_alpha,
    with_blend,
    with_direction,
    with_noise,
    with_overlay,
    with_pad,
    with_seed,
    with_swap_resolution,
    with_truncation,
)

LARGEST_SEED = 2**32 - 1
SLIDER_STEP = 0.01
PAD_STEP = 0.05
DECIMALS = 4

MOST_ROWS = 2
"""Of a list of sliders, which of them is held is not known: longer lists are not drawn ahead."""


def held_between(before: EditState, after: EditState) -> Held | None:
    """The control that was turned, if it is one and one of those that are drawn ahead."""
    label = change_label(before, after)
    return next((held for held in Held if held == label), None)


def likely_states(state: EditState, resolutions: tuple[int, ...], held: Held | None = None) -> tuple[EditState, ...]:
    """What a hand may go to from `state`, the likeliest first: each once, and `state` itself not at all.

    First come the other stops of the swap resolution, the nearest first, where the step is in use; then what one key
    press makes of the control that is held.

    Args:
        resolutions: Of model A's blocks, ascending.
    """
    found = (*_swap_stops(state, resolutions), *_neighbours(state, held))
    return tuple(other for other in dict.fromkeys(found) if other != state)


def _swap_stops(state: EditState, resolutions: tuple[int, ...]) -> list[EditState]:
    blend = state.blend
    if state.model_b is None or blend.curve is not None or blend.alpha == 0.0 or not resolutions:
        return []
    here = max((at for at, stop in enumerate(resolutions) if stop <= blend.swap_resolution), default=0)
    others = sorted((at for at in range(len(resolutions)) if at != here), key=lambda at: abs(at - here))
    return [with_swap_resolution(state, resolutions[at]) for at in others]


def _neighbours(state: EditState, held: Held | None) -> list[EditState]:
    blend, noise, latent = state.blend, state.noise, state.latent
    match held:
        case Held.ALPHA:
            return _stepped(blend.alpha, (0.0, 1.0), lambda value: with_alpha(state, value))
        case Held.WIDTH:
            return _stepped(blend.width, (0.0, 4.0), lambda value: with_blend(state, width=value, curve=None))
        case Held.PSI:
            cutoff = state.truncation_cutoff
            return _stepped(state.truncation_psi, (-1.0, 2.0), lambda value: with_truncation(state, value, cutoff))
        case Held.NOISE if noise.mode is not NoiseMode.NONE:
            return _stepped(noise.strength, (0.0, 2.0), lambda value: with_noise(state, strength=value))
        case Held.NOISE_SEED if noise.mode is NoiseMode.RANDOM:
            return [with_noise(state, seed=seed) for seed in _beside(noise.seed)]
        case Held.SEED if isinstance(latent, SeedLatent):
            return [with_seed(state, seed) for seed in _beside(latent.seed)]
        case Held.PAD if isinstance(latent, SeedLatent):
            x, y = latent.pad_x, latent.pad_y
            steps = ((PAD_STEP, 0.0), (-PAD_STEP, 0.0), (0.0, PAD_STEP), (0.0, -PAD_STEP))
            return [with_pad(state, x + dx, y + dy) for dx, dy in steps]
        case Held.OVERLAYS if len(state.overlays) <= MOST_ROWS:
            alphas = enumerate(overlay.alpha for overlay in state.overlays)
            turned = (_stepped(alpha, (0.0, 1.0), partial(_with_overlay_alpha, state, at)) for at, alpha in alphas)
            return list(chain.from_iterable(turned))
        case Held.DIRECTIONS if len(state.directions) <= MOST_ROWS:
            amounts = enumerate(use.amount for use in state.directions)
            turned = (_stepped(amount, (-3.0, 3.0), partial(_with_amount, state, at)) for at, amount in amounts)
            return list(chain.from_iterable(turned))
        case _:
            return []


def _with_overlay_alpha(state: EditState, at: int, alpha: float) -> EditState:
    return with_overlay(state, at, replace(state.overlays[at], alpha=alpha))


def _with_amount(state: EditState, at: int, amount: float) -> EditState:
    return with_direction(state, at, replace(state.directions[at], amount=amount))


def _stepped(
    value: float, track: tuple[float, float], at: Callable[[float], EditState]
) -> list[EditState]:
    """One step of a slider up and down. From within the track, a key does not leave it."""
    low, high = track
    moved = (round(value + step, DECIMALS) for step in (SLIDER_STEP, -SLIDER_STEP))
    return [at(min(max(place, low), high) if low <= value <= high else place) for place in moved]


def _beside(seed: int) -> list[int]:
    return [min(max(other, 0), LARGEST_SEED) for other in (seed + 1, seed - 1)]

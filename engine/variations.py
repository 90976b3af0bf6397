"""Variations round a state: the same picture, a step away, in the parts that one lets vary. Pure, and repeatable by
its seed."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from engine.descriptor import NetworkDescriptor
from engine.noise_locks import locked_layers, with_noise_seed
from engine.shares import pinkney_shares
from engine.state import (
    Blend,
    DirectionUse,
    EditState,
    Latent,
    MixSource,
    NoiseMode,
    Overlay,
    SeedLatent,
    Side,
    with_blend,
    with_noise,
    with_pad,
    with_seed,
)

MAX_COUNT = 99
MAX_SEED = 2**32 - 1
SEEDS = 100_000
"""Rolled seeds stay short enough to be read aloud."""

MAX_MIX_SOURCES = 4
"""Mixing adds sources up to so many; from there on it changes those that are there."""

DEFAULT_ROWS = 18
DEFAULT_RESOLUTIONS = (4, 8, 16, 32, 64)
LEAST_SHARE = 0.4
"""A variation goes at least this part of the distance, so that none looks like the present picture."""

_TRIES = 8


class Vary(StrEnum):
    """What may vary."""

    SEED = "seed"
    PAD = "pad"
    MIX = "mix"
    CURVE = "curve"
    OVERLAYS = "overlays"
    DIRECTIONS = "directions"
    NOISE = "noise"
    PSI = "psi"


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a sheet of variations is made from: with the state in its middle, it can be made again.

    Attributes:
        distance: How far variations go, 0 to 1. At 0 they are the state itself.
        count: How many variations, the present state not counted.
        locks: Controls that were locked, by the names that `Session.locks` has.
    """

    seed: int
    what: tuple[Vary, ...]
    distance: float
    count: int
    locks: tuple[str, ...] = ()

    def states(self, state: EditState, descriptor: NetworkDescriptor | None) -> tuple[EditState, ...]:
        return variations(
            state, descriptor, self.what, self.distance, self.count, self.seed, frozenset(self.locks)
        )


def variations(
    state: EditState,
    descriptor: NetworkDescriptor | None,
    what: Iterable[Vary],
    distance: float,
    count: int,
    seed: int,
    locks: frozenset[str] = frozenset(),
) -> tuple[EditState, ...]:
    """States round `state`.

    Args:
        descriptor: Of model A; None guesses the usual sizes.
        what: Parts that may change; what `state` has no use for is passed over (see `variable_parts`).
        distance: 0 to 1; 0 gives `state` itself, 1 goes as far as still makes sense.
        count: How many, at most `MAX_COUNT`.
        seed: The same seed gives the same variations. Every part draws by itself: letting one more vary leaves what
            the others do as it was.
        locks: Left alone: "seed", "psi", "mix", "swap_resolution", "alpha", "width", "curve" (with the step that it
            would give way to), "noise.strength", "noise.seed" and "noise.layer.<position>", and what
            `overlay_lock` and `direction_lock` name.

    Returns:
        `count` states that differ from `state` and from each other wherever enough is let vary for that.
    """
    far = min(max(distance, 0.0), 1.0)
    count = min(max(count, 0), MAX_COUNT)
    chosen = set(what)
    locked = locked_parts(state, locks)
    parts = [part for part in variable_parts(state) if part in chosen and part not in locked]
    if far == 0.0 or not parts:
        return (state,) * count
    found: list[EditState] = []
    taken = {state}
    for place in range(count):
        for attempt in range(_TRIES):
            varied = _varied(state, descriptor, parts, far, locks, f"{seed}:{place}:{attempt}")
            if varied not in taken:
                break
        taken.add(varied)
        found.append(varied)
    return tuple(found)


def overlay_lock(overlay: Overlay) -> str:
    """The lock of a further model's alpha, wherever in the order it is."""
    return f"overlay {overlay.model.sha256}"


def direction_lock(use: DirectionUse) -> str:
    """The lock of a direction, wherever in the list it is."""
    return f"direction:{use.key}"


def locked_parts(state: EditState, locks: frozenset[str]) -> frozenset[Vary]:
    """Parts in which everything that could vary is locked."""
    names: dict[Vary, tuple[str, ...]] = {
        Vary.SEED: ("seed",),
        Vary.PAD: ("seed",),
        Vary.MIX: ("mix",),
        Vary.CURVE: ("alpha", "curve"),
        Vary.OVERLAYS: tuple(map(overlay_lock, state.overlays)),
        Vary.DIRECTIONS: tuple(map(direction_lock, state.directions)),
        Vary.PSI: ("psi",),
    }
    if state.noise.mode is NoiseMode.RANDOM:
        names[Vary.NOISE] = ("noise.strength", "noise.seed")
    return frozenset(part for part, those in names.items() if those and locks.issuperset(those))


def variable_parts(state: EditState) -> tuple[Vary, ...]:
    """What can vary in this state: a portrait has no seed, a single model nothing to blend."""
    is_seed = isinstance(state.latent, SeedLatent)
    fits = {
        Vary.SEED: is_seed,
        Vary.PAD: is_seed,
        Vary.CURVE: state.model_b is not None,
        Vary.OVERLAYS: bool(state.overlays),
        Vary.DIRECTIONS: bool(state.directions),
        Vary.NOISE: state.noise.mode is not NoiseMode.NONE,
    }
    return tuple(part for part in Vary if fits.get(part, True))


def _varied(
    state: EditState,
    descriptor: NetworkDescriptor | None,
    parts: list[Vary],
    distance: float,
    locks: frozenset[str],
    draw: str,
) -> EditState:
    for part in parts:
        chance = random.Random(f"{draw}:{part.value}")  # text seeds it the same way on every machine
        step = _Step(chance, distance * chance.uniform(LEAST_SHARE, 1.0), descriptor, locks)
        state = _VARY[part](state, step)
    return state


@dataclass(frozen=True, slots=True)
class _Step:
    """Chance, how far to go, and what the pictures are made by."""

    chance: random.Random
    distance: float
    descriptor: NetworkDescriptor | None
    locks: frozenset[str]

    @property
    def rows(self) -> int:
        return self.descriptor.num_ws if self.descriptor is not None else DEFAULT_ROWS

    @property
    def stops(self) -> tuple[int, ...]:
        known = self.descriptor.resolutions if self.descriptor is not None else ()
        return known or DEFAULT_RESOLUTIONS

    def near(self, value: float, spread: float, low: float, high: float) -> float:
        """A value beside `value`, within the track; one that is outside of the track already may stay there."""
        low, high = min(low, value), max(high, value)
        moved = value + self.chance.gauss(0.0, spread * self.distance)
        if moved < low:  # mirrored, so that the ends are not where most of them lie
            moved = 2.0 * low - moved
        elif moved > high:
            moved = 2.0 * high - moved
        return round(min(max(moved, low), high), 3)

    def seed(self) -> int:
        return self.chance.randrange(SEEDS)


def _seed(state: EditState, step: _Step) -> EditState:
    return with_seed(state, step.seed())


def _pad(state: EditState, step: _Step) -> EditState:
    latent = state.latent
    if not isinstance(latent, SeedLatent):
        return state
    angle = step.chance.uniform(0.0, 2.0 * math.pi)
    x = latent.pad_x + step.distance * math.cos(angle)
    y = latent.pad_y + step.distance * math.sin(angle)
    beyond = max(1.0, math.hypot(x, y))  # the pad ends at radius 1
    return with_pad(state, round(x / beyond, 3), round(y / beyond, 3))


def _mix(state: EditState, step: _Step) -> EditState:
    """Another source in some of the layers, or other strengths of those that are there."""
    sources = list(state.mix)
    heard = [place for place, source in enumerate(sources) if not source.muted]
    new = len(sources) < MAX_MIX_SOURCES and (not heard or step.chance.random() < 0.5)
    if new:
        sources.append(MixSource(_other_face(step), _some_rows(step)))
        return replace(state, mix=tuple(sources))
    if not heard:
        return state
    place = step.chance.choice(heard)
    strengths = (*sources[place].strengths, *(0.0,) * step.rows)[: max(step.rows, len(sources[place].strengths))]
    shift = step.chance.gauss(0.0, 0.5 * step.distance)
    changed = tuple(
        strength if strength == 0.0 else _bounded(round(strength + shift, 3), min(0.0, strength), max(1.0, strength))
        for strength in strengths
    )
    sources[place] = replace(sources[place], strengths=changed if any(changed) else _some_rows(step))
    return replace(state, mix=tuple(sources))


def _other_face(step: _Step) -> Latent:
    return SeedLatent(step.seed())


def _some_rows(step: _Step) -> tuple[float, ...]:
    """One strength over a run of rows: the coarse ones, those in the middle, the fine ones, or all."""
    rows, third = step.rows, max(1, step.rows // 3)
    first, stop = step.chance.choice(((0, third), (third, 2 * third), (2 * third, rows), (0, rows)))
    strength = round(step.distance * (0.6 if (first, stop) == (0, rows) else 1.0), 3)
    return tuple(strength if first <= row < stop else 0.0 for row in range(rows))


def _curve(state: EditState, step: _Step) -> EditState:
    blend, changes = state.blend, dict[str, object]()
    if "alpha" not in step.locks:
        changes["alpha"] = step.near(blend.alpha, 0.5, 0.0, 1.0)
    if "curve" in step.locks:
        return with_blend(state, **changes)
    is_free = not {"swap_resolution", "width"} & step.locks
    if blend.curve is not None or (is_free and step.chance.random() < step.distance / 2):
        changes["curve"] = _wavy(_shown_curve(blend, step), step)
    else:
        if "swap_resolution" not in step.locks:
            changes["swap_resolution"] = _other_stop(blend.swap_resolution, step)
        if "width" not in step.locks:
            changes["width"] = step.near(blend.width, 1.0, 0.0, 4.0)
    return with_blend(state, **changes)


def _shown_curve(blend: Blend, step: _Step) -> tuple[float, ...]:
    """The share of B at every position, whether it was drawn by hand or is a step."""
    if blend.curve is not None:
        return (*blend.curve, *(0.0,) * step.rows)[: max(step.rows, len(blend.curve))]
    stop = max((stop for stop in step.stops if stop <= blend.swap_resolution), default=step.stops[0])
    shares = pinkney_shares(step.rows, stop, min(max(blend.level, 0), 1), _bounded(blend.width, 0.0, 10.0))
    return shares if blend.low is Side.A else tuple(1.0 - share for share in shares)


def _wavy(curve: tuple[float, ...], step: _Step) -> tuple[float, ...]:
    """A slow wave added: neighbouring layers go the same way."""
    waves = [(step.chance.gauss(0.0, 0.5 * step.distance), step.chance.uniform(0.0, math.pi)) for _ in range(3)]

    def lift(place: int) -> float:
        along = math.pi * place / max(1, len(curve) - 1)
        numbered = enumerate(waves, 1)
        return sum(height / number * math.cos(number * along + turn) for number, (height, turn) in numbered)

    return tuple(
        _bounded(round(share + lift(place), 3), min(0.0, share), max(1.0, share)) for place, share in enumerate(curve)
    )


def _other_stop(now: int, step: _Step) -> int:
    stops = step.stops
    here = max((place for place, stop in enumerate(stops) if stop <= now), default=0)
    moved = here + round(step.chance.gauss(0.0, 2.0 * step.distance))
    there = min(max(moved, 0), len(stops) - 1)
    return now if there == here else stops[there]


def _overlays(state: EditState, step: _Step) -> EditState:
    """One that is silenced stays silent."""
    varied = list(state.overlays)
    for place, overlay in enumerate(varied):
        if overlay.alpha != 0.0 and overlay_lock(overlay) not in step.locks:
            curve = None if overlay.curve is None else _wavy(overlay.curve, step)
            varied[place] = replace(overlay, alpha=step.near(overlay.alpha, 0.5, 0.0, 1.0), curve=curve)
    return replace(state, overlays=tuple(varied))


def _directions(state: EditState, step: _Step) -> EditState:
    varied = list(state.directions)
    for place, use in enumerate(varied):
        if direction_lock(use) not in step.locks:
            varied[place] = replace(use, amount=step.near(use.amount, 2.5, -4.0, 4.0))
    return replace(state, directions=tuple(varied))


def _noise(state: EditState, step: _Step) -> EditState:
    if "noise.strength" not in step.locks:
        state = with_noise(state, strength=step.near(state.noise.strength, 0.6, 0.0, 2.0))
    noise, kept = state.noise, locked_layers(step.locks)
    if noise.mode is NoiseMode.RANDOM:
        return state if "noise.seed" in step.locks else with_noise_seed(state, step.seed(), step.locks)
    rows = max(step.rows, len(noise.layer_seeds))
    seeds = (*noise.layer_seeds, *(None,) * rows)[:rows]
    redrawn = tuple(
        float(step.seed()) if step.chance.random() < step.distance and row not in kept else seed
        for row, seed in enumerate(seeds)
    )
    any_own = any(seed is not None for seed in redrawn)
    return with_noise(state, layer_seeds=redrawn if any_own else ())


def _psi(state: EditState, step: _Step) -> EditState:
    return replace(state, truncation_psi=step.near(state.truncation_psi, 0.4, 0.0, 1.0))


def _bounded(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


_VARY: dict[Vary, Callable[[EditState, _Step], EditState]] = {
    Vary.SEED: _seed,
    Vary.PAD: _pad,
    Vary.MIX: _mix,
    Vary.CURVE: _curve,
    Vary.OVERLAYS: _overlays,
    Vary.DIRECTIONS: _directions,
    Vary.NOISE: _noise,
    Vary.PSI: _psi,
}

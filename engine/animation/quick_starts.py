"""Quick starts: whole animations to begin from. Pure: each gives tracks for a timeline and the length they want."""

from __future__ import annotations

import math
from collections.abc import Sequence

from engine.animation.easing import Easing
from engine.animation.timeline import Key, Timeline, Track, with_duration, with_tracks
from engine.state import EditState, Latent, SeedLatent

WALK_SECONDS = 1.5
"""From one face to the next."""

ORBIT_KEYS = 8
ORBIT_RADIUS = 0.6
SWEEP_SIGMAS = 3.0


def walk(timeline: Timeline, latents: Sequence[Latent], seconds_each: float = WALK_SECONDS) -> Timeline:
    """Through latents without a stop, and, in a loop, back to the first."""
    ways = len(latents) if timeline.loop else max(1, len(latents) - 1)
    keys = tuple(Key(index * seconds_each, latent, Easing.FLOW) for index, latent in enumerate(latents))
    return with_tracks(with_duration(timeline, ways * seconds_each), (Track("latent", keys),))


def there_and_back(timeline: Timeline, path: str, low: float, high: float) -> Timeline:
    """A number up and down again."""
    half, end = 0.5 * timeline.duration_s, timeline.duration_s
    back = () if timeline.loop else (Key(end, low),)
    return with_tracks(timeline, (Track(path, (Key(0.0, low), Key(half, high), *back)),))


def orbit(timeline: Timeline, radius: float = ORBIT_RADIUS) -> Timeline:
    """Once round the seed, at one distance from it."""
    turns = ORBIT_KEYS if timeline.loop else ORBIT_KEYS + 1
    keys = tuple(
        Key(timeline.duration_s * turn / ORBIT_KEYS, _on_circle(radius, turn / ORBIT_KEYS), Easing.FLOW)
        for turn in range(turns)
    )
    return with_tracks(timeline, (Track("latent.pad", keys),))


def sweep(timeline: Timeline, index: int) -> Timeline:
    """One direction from one end to the other, and back."""
    return there_and_back(timeline, f"directions[{index}].amount", -SWEEP_SIGMAS, SWEEP_SIGMAS)


def seeds_after(state: EditState, count: int) -> tuple[SeedLatent, ...]:
    """The state's own seed, or the first one, and those that follow it by number."""
    first = state.latent.seed if isinstance(state.latent, SeedLatent) else 0
    return tuple(SeedLatent((first + index) % 2**32) for index in range(count))


def _on_circle(radius: float, turn: float) -> tuple[float, float]:
    angle = 2.0 * math.pi * turn
    return round(radius * math.cos(angle), 9), round(radius * math.sin(angle), 9)

"""What is done to several keys at once: moved, copied, pasted, taken out. Pure, over timelines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeAlias

from engine.animation.timeline import Timeline, Track, moved_keys, with_key, without_keys

Chosen: TypeAlias = frozenset[tuple[str, float]]
"""Keys, by parameter and time."""

ByTrack: TypeAlias = Mapping[str, list[float]]


def by_track(chosen: Iterable[tuple[str, float]]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for path, time_s in sorted(chosen):
        found.setdefault(path, []).append(time_s)
    return found


def every_key(timeline: Timeline) -> Chosen:
    return frozenset((track.parameter, key.time_s) for track in timeline.tracks for key in track.keys)


def deleted(timeline: Timeline, chosen: Chosen) -> Timeline:
    for path, times in by_track(chosen).items():
        timeline = without_keys(timeline, path, times)
    return timeline


def moved(timeline: Timeline, chosen: Chosen, by_s: float) -> tuple[Timeline, Chosen]:
    """All move by the same, and stay within the film.

    Returns:
        The timeline, and where the chosen keys are now.
    """
    if not chosen:
        return timeline, chosen
    times = [time_s for _, time_s in chosen]
    by_s = min(max(by_s, -min(times)), timeline.duration_s - max(times))
    for path, inside in by_track(chosen).items():
        timeline = moved_keys(timeline, path, inside, by_s)
    wanted = {(path, time_s + by_s) for path, time_s in chosen}
    found = {
        (path, time_s) for path, time_s in every_key(timeline)
        if any(path == other and abs(time_s - there) < 1e-6 for other, there in wanted)
    }  # fmt: skip
    return timeline, frozenset(found)


def copied(timeline: Timeline, chosen: Chosen) -> tuple[Track, ...]:
    """The chosen keys, by their distance from the first of them."""
    inside = by_track(chosen)
    first = min((time_s for times in inside.values() for time_s in times), default=0.0)
    return tuple(
        Track(
            track.parameter,
            tuple(
                replace(key, time_s=key.time_s - first)
                for key in track.keys
                if key.time_s in inside[track.parameter]
            ),
        )
        for track in timeline.tracks
        if track.parameter in inside
    )


def pasted(timeline: Timeline, tracks: Iterable[Track], at_s: float) -> tuple[Timeline, Chosen]:
    """Keys from elsewhere, the first of them at a time; what would lie behind the end is left out."""
    there: set[tuple[str, float]] = set()
    for track in tracks:
        for key in track.keys:
            time_s = at_s + key.time_s
            if time_s <= timeline.duration_s:
                timeline = with_key(timeline, track.parameter, replace(key, time_s=time_s))
                there.add((track.parameter, time_s))
    return timeline, frozenset(there)

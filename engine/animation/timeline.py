"""Timeline: which parameters of an edit state move, when, and how. Pure and frozen; `engine.animation.film` plays it.

Times are seconds from the beginning. A key's easing is of the way from it to the next key; in a loop, the way from
the last key leads back to the first one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TypeAlias

from engine.animation.easing import Easing
from engine.state import Latent, ModelRef, StoredLatent

Value: TypeAlias = float | int | str | tuple[float | None, ...] | Latent | ModelRef | None
"""Of one parameter at one time: as the edit state holds it, but for StrEnums, which are their text."""

MIN_FPS, MAX_FPS = Fraction(1), Fraction(60)
MIN_SECONDS, MAX_SECONDS = 0.04, 3600.0

FRAME_RATES: dict[str, Fraction] = {
    "12": Fraction(12),
    "15": Fraction(15),
    "20": Fraction(20),
    "23.976": Fraction(24000, 1001),
    "24": Fraction(24),
    "25": Fraction(25),
    "29.97": Fraction(30000, 1001),
    "30": Fraction(30),
    "50": Fraction(50),
    "59.94": Fraction(60000, 1001),
    "60": Fraction(60),
}
"""Usual frame rates under the names that people know. Those with 1001 are of NTSC."""

_SAME_TIME_S = 1e-6


@dataclass(frozen=True, slots=True)
class Key:
    time_s: float
    value: Value
    easing: Easing = Easing.SMOOTH


@dataclass(frozen=True, slots=True)
class Track:
    """Attributes:
    parameter: Path of what moves (see `engine.animation.parameters`).
    keys: At least one, in the order of time, no two at the same.
    """

    parameter: str
    keys: tuple[Key, ...]


@dataclass(frozen=True, slots=True)
class Timeline:
    """Attributes:
    tracks: At most one per parameter.
    loop: The end leads back to the beginning, without a jump and without a frame shown twice.
    """

    tracks: tuple[Track, ...] = ()
    duration_s: float = 4.0
    fps: Fraction = Fraction(25)
    loop: bool = True

    def track(self, parameter: str) -> Track | None:
        return next((track for track in self.tracks if track.parameter == parameter), None)


def frame_count(timeline: Timeline) -> int:
    """How many frames the film has: never none."""
    return max(1, round(Fraction(timeline.duration_s) * timeline.fps))


def frame_time(timeline: Timeline, index: int) -> float:
    """What time a frame shows.

    The frames divide the duration evenly, so that of a loop the frame after the last would be the first again, and a
    film that does not loop ends on its very end.
    """
    frames = frame_count(timeline)
    if timeline.loop:
        return timeline.duration_s * index / frames
    return timeline.duration_s * index / (frames - 1) if frames > 1 else 0.0


def frame_at(timeline: Timeline, time_s: float) -> int:
    """The frame that is shown at a time."""
    frames = frame_count(timeline)
    steps = frames if timeline.loop else frames - 1
    return min(frames - 1, max(0, round(steps * time_s / timeline.duration_s)))


def frame_rate(text: str) -> Fraction:
    """A frame rate as people write it: 25, 23.976, 30000/1001.

    Raises:
        ValueError: it is none, or not from 1 to 60.
    """
    try:
        rate = FRAME_RATES.get(text.strip()) or Fraction(text.strip()).limit_denominator(1001)
    except ZeroDivisionError as error:
        raise ValueError(str(error)) from error
    if not MIN_FPS <= rate <= MAX_FPS:
        raise ValueError(f"{text} is not from {MIN_FPS} to {MAX_FPS}")
    return rate


def frame_rate_name(rate: Fraction) -> str:
    """As people write it."""
    known = next((name for name, value in FRAME_RATES.items() if value == rate), None)
    return known or f"{float(rate):.5g}"


# --- editing --------------------------------------------------------------------------------------------------------


def with_key(timeline: Timeline, parameter: str, key: Key) -> Timeline:
    """Set a key; one at the same time gives way to it, and leaves it its easing."""
    track = timeline.track(parameter)
    if track is None:
        return replace(timeline, tracks=(*timeline.tracks, Track(parameter, (key,))))
    there = next((one for one in track.keys if _is_same_time(one.time_s, key.time_s)), None)
    new = key if there is None else replace(key, time_s=there.time_s, easing=there.easing)
    others = (one for one in track.keys if one is not there)
    return _with_track(timeline, Track(parameter, _ordered((*others, new))))


def without_keys(timeline: Timeline, parameter: str, times_s: Iterable[float]) -> Timeline:
    """Take keys out; a track that has none left goes too."""
    track = timeline.track(parameter)
    if track is None:
        return timeline
    gone = tuple(times_s)
    left = tuple(key for key in track.keys if not any(_is_same_time(key.time_s, time_s) for time_s in gone))
    return _with_track(timeline, Track(parameter, left)) if left else without_track(timeline, parameter)


def moved_keys(timeline: Timeline, parameter: str, times_s: Iterable[float], by_s: float) -> Timeline:
    """Move keys in time, all by the same, within the film. They take the place of keys that they come to lie on."""
    track = timeline.track(parameter)
    if track is None:
        return timeline
    chosen = tuple(times_s)
    moving = [key for key in track.keys if any(_is_same_time(key.time_s, time_s) for time_s in chosen)]
    if not moving:
        return timeline
    by_s = min(max(by_s, -moving[0].time_s), timeline.duration_s - moving[-1].time_s)
    moved = [replace(key, time_s=key.time_s + by_s) for key in moving]
    resting = [
        key for key in track.keys
        if key not in moving and not any(_is_same_time(key.time_s, one.time_s) for one in moved)
    ]
    return _with_track(timeline, Track(parameter, _ordered((*resting, *moved))))


def with_easing(timeline: Timeline, parameter: str, times_s: Iterable[float], easing: Easing) -> Timeline:
    track = timeline.track(parameter)
    if track is None:
        return timeline
    chosen = tuple(times_s)
    keys = tuple(
        replace(key, easing=easing) if any(_is_same_time(key.time_s, time_s) for time_s in chosen) else key
        for key in track.keys
    )
    return _with_track(timeline, Track(parameter, keys))


def without_track(timeline: Timeline, parameter: str) -> Timeline:
    return replace(timeline, tracks=tuple(track for track in timeline.tracks if track.parameter != parameter))


def with_tracks(timeline: Timeline, tracks: Iterable[Track]) -> Timeline:
    """Add tracks; those of the same parameters give way."""
    for track in tracks:
        timeline = _with_track(timeline, track)
    return timeline


def with_duration(timeline: Timeline, duration_s: float, *, stretch: bool = False) -> Timeline:
    """Another length. Keys stay at their times (and those beyond the end at the end), or are stretched along."""
    duration_s = min(max(duration_s, MIN_SECONDS), MAX_SECONDS)
    factor = duration_s / timeline.duration_s if stretch else 1.0
    tracks = tuple(
        Track(track.parameter, _ordered(
            replace(key, time_s=min(duration_s, key.time_s * factor)) for key in track.keys
        ))
        for track in timeline.tracks
    )
    return replace(timeline, tracks=tracks, duration_s=duration_s)


def with_loop(timeline: Timeline, loop: bool) -> Timeline:
    return replace(timeline, loop=loop)


def with_fps(timeline: Timeline, fps: Fraction) -> Timeline:
    return replace(timeline, fps=min(MAX_FPS, max(MIN_FPS, fps)))


def stored_latents(timeline: Timeline) -> tuple[StoredLatent, ...]:
    """Every latent from the store that a key names, each once."""
    values = (key.value for track in timeline.tracks for key in track.keys)
    return tuple(dict.fromkeys(value for value in values if isinstance(value, StoredLatent)))


def array_keys(timeline: Timeline) -> frozenset[str]:
    """Every array key that the timeline needs from the latent store, besides those of the state that it moves."""
    named = stored_latents(timeline)
    keys = {key for latent in named for key in (latent.key, latent.noise_key) if key}
    directions = (track for track in timeline.tracks if track.parameter.endswith("].key"))
    return frozenset(keys | {str(key.value) for track in directions for key in track.keys})


def _with_track(timeline: Timeline, track: Track) -> Timeline:
    if timeline.track(track.parameter) is None:
        return replace(timeline, tracks=(*timeline.tracks, track))
    tracks = tuple(track if one.parameter == track.parameter else one for one in timeline.tracks)
    return replace(timeline, tracks=tracks)


def _ordered(keys: Iterable[Key]) -> tuple[Key, ...]:
    """By time; of several at the same time the last one stays."""
    found: list[Key] = []
    for key in sorted(keys, key=lambda key: key.time_s):
        if found and _is_same_time(found[-1].time_s, key.time_s):
            found.pop()
        found.append(key)
    return tuple(found)


def _is_same_time(one_s: float, other_s: float) -> bool:
    return abs(one_s - other_s) < _SAME_TIME_S

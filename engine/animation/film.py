"""A timeline played: the edit state at every time. Pure.

A latent on its way between others is written as an ordinary state: one latent, and the others mixed into all rows of
its ``ws``. So every frame is a recipe like any other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import cast

from engine.animation.easing import Easing, eased, monotone, spline_weights
from engine.animation.parameters import Kind, Parameter, parameter, with_latent_pad
from engine.animation.timeline import Key, Timeline, Track, Value, frame_count, frame_time
from engine.state import EditState, Latent, MixSource, StoredLatent

ALL_ROWS = 32
"""More rows of ``ws`` than any model has; surplus strengths are cut."""

_NOTHING = 1e-9
_JUST_BEFORE = 1.0 - 1e-6


@dataclass(frozen=True, slots=True)
class _Span:
    """Where a time lies: between the keys `start` and `stop`, at `fraction` of the way; times are unrolled."""

    before: Key | None
    start: Key
    stop: Key
    after: Key | None
    fraction: float


def state_at(timeline: Timeline, base: EditState, time_s: float) -> EditState:
    """The picture of a time: `base`, with every track's parameter where the timeline has it.

    Tracks of what `base` does not have, a third mixing source for example, are passed over.

    Args:
        time_s: From 0 to the duration; in a loop, any.
    """
    tracks = [(found, track) for track in timeline.tracks if (found := parameter(track.parameter)) is not None]
    state, crossings = base, []
    for found, track in sorted(tracks, key=lambda one: one[0].rank):
        if not found.is_there(state):
            continue
        if found.kind is Kind.LATENT:
            crossings.append((found, track))
        else:
            state = found.set(state, _value(found, timeline, track, time_s))
    # Last, and the highest sources first: what they add to the mix moves those above.
    for found, track in sorted(crossings, key=lambda one: _mix_index(one[0].path), reverse=True):
        state = _crossed(state, timeline, found, track, time_s)
    return state


def pose_at(timeline: Timeline, base: EditState, time_s: float) -> EditState:
    """`state_at` as controls can show it: a latent on its way stands on its nearer key, and nothing is mixed in."""
    still = [track for track in timeline.tracks if not _is_latent(track)]
    state = state_at(replace(timeline, tracks=tuple(still)), base, time_s)
    for track in timeline.tracks:
        found = parameter(track.parameter)
        if found is not None and _is_latent(track) and found.is_there(state):
            state = found.set(state, value_at(timeline, track.parameter, time_s))
    return state


def frame_states(timeline: Timeline, base: EditState) -> Iterator[EditState]:
    """The states of all frames, in order."""
    for index in range(frame_count(timeline)):
        yield state_at(timeline, base, frame_time(timeline, index))


def value_at(timeline: Timeline, path: str, time_s: float) -> Value:
    """The value of a track at a time; of a latent between two keys the nearer one's, which has no value of its own.

    Raises:
        KeyError: nothing moves this parameter.
    """
    found, track = parameter(path), timeline.track(path)
    if found is None or track is None:
        raise KeyError(path)
    if found.kind is Kind.LATENT:
        span = _span(timeline, track, time_s)
        return (span.start if _weights(span)[1] >= 0.5 else span.stop).value
    return _value(found, timeline, track, time_s)


# --- values ---------------------------------------------------------------------------------------------------------


def _span(timeline: Timeline, track: Track, time_s: float) -> _Span:
    keys, period = track.keys, timeline.duration_s
    if timeline.loop:
        time_s = time_s % period
        if len(keys) > 1 and keys[-1].time_s - keys[0].time_s >= period:
            is_same = keys[-1].value == keys[0].value  # the end is the beginning; otherwise it is shown just before
            last = replace(keys[-1], time_s=keys[0].time_s + period * _JUST_BEFORE)
            keys = keys[:-1] if is_same else (*keys[:-1], last)
        unrolled = [
            replace(key, time_s=key.time_s + turn * period) for turn in (-1, 0, 1) for key in keys
        ]
        before = [replace(key, time_s=key.time_s - 2 * period) for key in keys[-1:]]
        keys = (*before, *unrolled, *(replace(key, time_s=key.time_s + 2 * period) for key in keys[:1]))
    index = max((place for place, key in enumerate(keys) if key.time_s <= time_s), default=-1)
    if index < 0 or index + 1 == len(keys):
        end = keys[max(index, 0)]
        return _Span(None, end, end, None, 0.0)
    start, stop = keys[index], keys[index + 1]
    fraction = (time_s - start.time_s) / (stop.time_s - start.time_s)
    before_key = keys[index - 1] if index > 0 else None
    after_key = keys[index + 2] if index + 2 < len(keys) else None
    return _Span(before_key, start, stop, after_key, fraction)


def _value(found: Parameter, timeline: Timeline, track: Track, time_s: float) -> Value:
    span = _span(timeline, track, time_s)
    start, stop = span.start.value, span.stop.value
    if found.kind is Kind.HELD or start is None or stop is None or start == stop:
        return stop if span.fraction >= 1.0 else start
    match found.kind:
        case Kind.NUMBER:
            return _number(span, [_float(key) for key in _keys(span)])
        case Kind.WHOLE:
            return round(_number(span, [_float(key) for key in _keys(span)]))
        case Kind.RESOLUTION:
            logs = [None if (value := _float(key)) is None else math.log2(value) for key in _keys(span)]
            return int(2 ** round(_number(span, logs)))
        case _:
            return _vector(span, found.neutral)


def _keys(span: _Span) -> tuple[Key | None, Key, Key, Key | None]:
    return span.before, span.start, span.stop, span.after


def _float(key: Key | None) -> float | None:
    return None if key is None or key.value is None else float(cast(float, key.value))


def _number(span: _Span, values: Sequence[float | None]) -> float:
    """From start to stop of a span, with the neighbours' values; None where there is no neighbour."""
    before, start, stop, after = values
    assert start is not None, "what has no value at its ends is held"
    assert stop is not None, "what has no value at its ends is held"
    if span.start.easing is Easing.FLOW:
        return monotone(
            None if span.before is None or before is None else (span.before.time_s, before),
            (span.start.time_s, start),
            (span.stop.time_s, stop),
            None if span.after is None or after is None else (span.after.time_s, after),
            span.fraction,
        )
    return start + (stop - start) * eased(span.start.easing, span.fraction)


def _vector(span: _Span, neutral: float | None) -> Value:
    given = [cast("tuple[float | None, ...] | None", None if key is None else key.value) for key in _keys(span)]
    length = max(len(vector) for vector in given[1:3] if vector is not None)

    def entry(vector: tuple[float | None, ...] | None, index: int) -> float | None:
        if vector is None:
            return None
        return vector[index] if index < len(vector) else neutral

    def at(index: int) -> float | None:
        values = [entry(vector, index) for vector in given]
        held = values[1] is None or values[2] is None
        return values[1] if held else _number(span, values)

    return tuple(at(index) for index in range(length))


# --- latents --------------------------------------------------------------------------------------------------------


def _weights(span: _Span) -> tuple[float, float, float, float]:
    """How much there is of the four latents around a time. Adds up to 1."""
    if span.start.easing is Easing.FLOW:
        times = [None if key is None else key.time_s for key in (span.before, span.after)]
        return spline_weights(times[0], span.start.time_s, span.stop.time_s, times[1], span.fraction)
    gone = eased(span.start.easing, span.fraction)
    return 0.0, 1.0 - gone, gone, 0.0


def _crossed(state: EditState, timeline: Timeline, found: Parameter, track: Track, time_s: float) -> EditState:
    span = _span(timeline, track, time_s)
    tune = _tuner(state, timeline, track, time_s) if found.path == "latent" else _own_noise_only(track)
    weighted: dict[Latent, float] = {}
    for key, weight in zip(_keys(span), _weights(span), strict=True):
        if key is not None:
            latent = tune(cast(Latent, key.value))
            weighted[latent] = weighted.get(latent, 0.0) + weight
    # The middle two first: then nothing is divided by what may be 0 (see `_sources`).
    order = [tune(cast(Latent, key.value)) for key in (span.start, span.stop, span.before, span.after) if key]
    parts = [(latent, weighted[latent]) for latent in dict.fromkeys(order) if abs(weighted[latent]) > _NOTHING]
    if found.path != "latent":
        index = _mix_index(found.path)
        source = state.mix[index]
        crossed = tuple(
            replace(source, latent=latent, strengths=tuple(row)) for latent, row in _sources(parts, source.strengths)
        )
        return replace(state, mix=(*state.mix[:index], *crossed, *state.mix[index + 1 :]))
    sources = _sources(parts, (1.0,) * ALL_ROWS)
    main = parts[0][0]
    if not _psi_parts_them(state, track):
        sources = sources[1:]  # all of the first: it is the latent itself
    added = tuple(MixSource(latent, tuple(row)) for latent, row in sources)
    return replace(state, latent=main, mix=(*added, *state.mix))


def _sources(
    parts: Sequence[tuple[Latent, float]], strengths: Sequence[float]
) -> list[tuple[Latent, list[float]]]:
    """Mixing, one after the other, that puts the weighted sum of latents into rows at given strengths.

    The last source's strength is its share of the result; each one before has to make up for those behind it, which
    cover part of what it leaves.
    """
    found: list[tuple[Latent, list[float]]] = []
    uncovered = [1.0] * len(strengths)
    for latent, weight in reversed(parts):
        row = [
            strength * weight / left if abs(left) > _NOTHING else 0.0
            for strength, left in zip(strengths, uncovered, strict=True)
        ]
        uncovered = [left * (1.0 - given) for left, given in zip(uncovered, row, strict=True)]
        found.append((latent, row))
    return found[::-1]


def _tuner(state: EditState, timeline: Timeline, track: Track, time_s: float) -> _Tune:
    pad_track, found = timeline.track("latent.pad"), parameter("latent.pad")
    pad: tuple[float, float] | None = None
    if pad_track is not None and found is not None:
        pad = cast("tuple[float, float]", _value(found, timeline, pad_track, time_s))
    own = _own_noise_only(track)
    return _Tune(own.drops_noise, pad)


@dataclass(frozen=True, slots=True)
class _Tune:
    """What is done to the latents of a track."""

    drops_noise: bool
    pad: tuple[float, float] | None = None

    def __call__(self, latent: Latent) -> Latent:
        if isinstance(latent, StoredLatent):
            return replace(latent, noise_key=None) if self.drops_noise else latent
        return latent if self.pad is None else with_latent_pad(latent, self.pad)


def _own_noise_only(track: Track) -> _Tune:
    """Noise maps that were found for one portrait would jump to those of the next: they stay where all share them."""
    noises = {key.value.noise_key if isinstance(key.value, StoredLatent) else None for key in track.keys}
    return _Tune(len(noises) > 1)


def _psi_parts_them(state: EditState, track: Track) -> bool:
    """Whether psi would act on a portrait while it is the latent, and not while it is mixed in.

    The picture would jump from one key's span to the next. So all latents are mixed in then: psi acts on seeds.
    """
    latents = {key.value for key in track.keys}
    return state.truncation_psi != 1.0 and len(latents) > 1 and any(isinstance(one, StoredLatent) for one in latents)


def _is_latent(track: Track) -> bool:
    found = parameter(track.parameter)
    return found is not None and found.kind is Kind.LATENT


def _mix_index(path: str) -> int:
    return -1 if path == "latent" else int(path.partition("[")[2].partition("]")[0])

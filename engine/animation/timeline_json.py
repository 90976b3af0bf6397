"""Timeline <-> plain JSON values, read strictly: in session files and in the recipes of films."""

from __future__ import annotations

import re
from dataclasses import replace
from enum import StrEnum
from fractions import Fraction
from itertools import pairwise
from typing import Any

from engine.animation.easing import Easing
from engine.animation.parameters import parameter
from engine.animation.timeline import MAX_FPS, MAX_SECONDS, MIN_FPS, MIN_SECONDS, Key, Timeline, Track, Value
from engine.errors import RecipeFormatError
from engine.state import ModelRef, SeedLatent, StoredLatent
from engine.state_json import Fields, latent_to_json, model_to_json, read_items, read_number, read_text

MAX_TRACKS = 256
MAX_KEYS = 4096


def timeline_to_json(timeline: Timeline) -> dict[str, Any]:
    """JSON-ready objects. Exact: `timeline_from_json` gives an equal timeline."""
    return {
        "duration_s": timeline.duration_s,
        "fps": f"{timeline.fps.numerator}/{timeline.fps.denominator}",
        "loop": timeline.loop,
        "tracks": [
            {
                "parameter": track.parameter,
                "keys": [
                    {"time_s": key.time_s, "value": _value_to_json(key.value), "easing": key.easing.value}
                    for key in track.keys
                ],
            }
            for track in timeline.tracks
        ],
    }


def timeline_from_json(value: object, where: str = "timeline") -> Timeline:
    """Strict twin of `timeline_to_json`.

    Raises:
        RecipeFormatError: names the field and the rule that it broke.
    """
    fields = Fields(value, where)
    duration_s = fields.number("duration_s", Timeline().duration_s)
    fps = fields.read("fps", _read_fps, Timeline().fps)
    loop = fields.read("loop", _read_bool, True)
    tracks = fields.items("tracks", _track_from_json, MAX_TRACKS)
    fields.finish()
    if not MIN_SECONDS <= duration_s <= MAX_SECONDS:
        raise RecipeFormatError(f"{where}.duration_s must be from {MIN_SECONDS} to {MAX_SECONDS:g}.")
    if len({track.parameter for track in tracks}) != len(tracks):
        raise RecipeFormatError(f"{where}.tracks names one parameter twice.")
    if any(key.time_s > duration_s for track in tracks for key in track.keys):
        raise RecipeFormatError(f"{where}.tracks has a key behind the end.")
    return Timeline(tracks, duration_s, fps, loop)


def without_private_names(timeline: Timeline, public: str) -> Timeline:
    """The timeline with every stored latent called `public`."""
    def renamed(key: Key) -> Key:
        return replace(key, value=replace(key.value, name=public)) if isinstance(key.value, StoredLatent) else key

    tracks = tuple(replace(track, keys=tuple(map(renamed, track.keys))) for track in timeline.tracks)
    return replace(timeline, tracks=tracks)


def _value_to_json(value: Value) -> object:
    if isinstance(value, SeedLatent | StoredLatent):
        return latent_to_json(value)
    if isinstance(value, ModelRef):
        return model_to_json(value)
    if isinstance(value, StrEnum):
        return value.value
    return list(value) if isinstance(value, tuple) else value


def _track_from_json(value: object, where: str) -> Track:
    fields = Fields(value, where)
    path = fields.read("parameter", lambda text, place: read_text(text, place, 80))
    found = parameter(path)
    if found is None:
        raise RecipeFormatError(f"{where}.parameter is “{path:.60}”, which Graft does not know.")

    def key(document: object, place: str) -> Key:
        inside = Fields(document, place)
        time_s = inside.read("time_s", read_number)
        given = inside.read("value", _as_one(found.read))[0]
        easing = inside.choice("easing", Easing, Easing.SMOOTH)
        inside.finish()
        return Key(time_s, given, easing)

    keys = fields.read("keys", lambda items, place: read_items(items, place, key, MAX_KEYS))
    fields.finish()
    times = [one.time_s for one in keys]
    if not keys or times[0] < 0.0 or any(late <= early for early, late in pairwise(times)):
        raise RecipeFormatError(f"{where}.keys must be at least one, from 0 s on, each later than the one before.")
    return Track(path, keys)


def _as_one(read: Any) -> Any:
    """`Fields.read` takes None for a missing field; a value may be None."""
    return lambda value, where: (read(value, where),)


def _read_fps(value: object, where: str) -> Fraction:
    text = value if isinstance(value, str) and re.fullmatch(r"\d{1,6}(/[1-9]\d{0,5})?", value) else ""
    fps = Fraction(text) if text else Fraction(0)
    if not MIN_FPS <= fps <= MAX_FPS:
        raise RecipeFormatError(f"{where} must be text such as 25 or 30000/1001, from {MIN_FPS} to {MAX_FPS}.")
    return fps


def _read_bool(value: object, where: str) -> bool:
    if type(value) is not bool:
        raise RecipeFormatError(f"{where} must be true or false.")
    return value

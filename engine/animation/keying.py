"""Keys from what a hand has done: what differs from the film at the head becomes a key there. Pure."""

from __future__ import annotations

from dataclasses import replace

from engine.animation.easing import Easing
from engine.animation.film import pose_at
from engine.animation.parameters import Parameter, parameter, parameters
from engine.animation.timeline import Key, Timeline, with_key
from engine.state import EditState, SeedLatent


def touched(timeline: Timeline, before: EditState, shown: EditState, time_s: float) -> tuple[str, ...]:
    """Paths of what a hand has changed.

    Args:
        before: The base of the film before the hand touched it.
        shown: What the controls show now.
    """
    pose = pose_at(timeline, before, time_s)
    return tuple(one.path for one in _candidates(timeline, pose, shown) if _differs(one, pose, shown))


def keyed(timeline: Timeline, before: EditState, shown: EditState, time_s: float) -> Timeline:
    """Set a key at `time_s` for everything that a hand has changed.

    What did not move so far gets a key at the beginning too, with the value that it had: so it goes from there to
    here. Takes as `touched`.
    """
    for path in touched(timeline, before, shown, time_s):
        timeline = with_keyframe(timeline, path, before, shown, time_s)
    return timeline


def with_keyframe(
    timeline: Timeline, path: str, before: EditState, shown: EditState, time_s: float, easing: Easing = Easing.SMOOTH
) -> Timeline:
    """Set one key, with the value that `shown` has; nothing where it has no such thing."""
    found = parameter(path)
    if found is None or not found.is_there(shown):
        return timeline
    if timeline.track(path) is None and time_s > 0.0 and found.is_there(before):
        first = found.get(before)
        if first != found.get(shown):
            timeline = with_key(timeline, path, Key(0.0, first, easing))
    return with_key(timeline, path, Key(time_s, found.get(shown), easing))


def without_touched(timeline: Timeline, paths: tuple[str, ...]) -> Timeline:
    """The film without what a hand is on: that is shown as the hand has it."""
    return replace(timeline, tracks=tuple(track for track in timeline.tracks if track.parameter not in paths))


def _candidates(timeline: Timeline, pose: EditState, shown: EditState) -> tuple[Parameter, ...]:
    """Every parameter, but of the latent only its pad where that alone moves, and of vectors what is moved alone."""
    tracked = {track.parameter for track in timeline.tracks}
    alone = tuple(one for path in tracked if (one := parameter(path)) is not None)
    whole = [one for one in parameters(shown) if one.is_there(pose)]
    if "latent.pad" in tracked and "latent" not in tracked and _is_same_seed(pose, shown):
        whole = [one for one in whole if one.path != "latent"]
    covered = {path.rpartition("[")[0] for path in tracked if path.endswith("]")}
    whole = [one for one in whole if one.path in tracked or one.path not in covered]
    return tuple({one.path: one for one in (*whole, *alone) if one.is_there(shown) and one.is_there(pose)}.values())


def _is_same_seed(pose: EditState, shown: EditState) -> bool:
    one, other = pose.latent, shown.latent
    return isinstance(one, SeedLatent) and isinstance(other, SeedLatent) and one.seed == other.seed


def _differs(found: Parameter, pose: EditState, shown: EditState) -> bool:
    return found.get(pose) != found.get(shown)

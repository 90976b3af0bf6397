"""Timelines: what moves, when, and how it is written down. No network is run here."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import fields, is_dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.animation.easing import Easing, eased, monotone, spline_weights
from engine.animation.film import frame_states, pose_at, state_at, value_at
from engine.animation.keying import keyed, touched, without_touched
from engine.animation.parameters import Kind, parameter, parameters, screen_name
from engine.animation.quick_starts import orbit, seeds_after, there_and_back, walk
from engine.animation.timeline import (
    FRAME_RATES,
    Key,
    Timeline,
    Track,
    array_keys,
    frame_at,
    frame_count,
    frame_rate,
    frame_rate_name,
    frame_time,
    moved_keys,
    with_duration,
    with_easing,
    with_key,
    without_keys,
)
from engine.animation.timeline_json import timeline_from_json, timeline_to_json
from engine.errors import RecipeFormatError
from engine.state import (
    Blend,
    DirectionUse,
    EditState,
    Latent,
    MixSource,
    ModelRef,
    Noise,
    Overlay,
    SeedLatent,
    StoredLatent,
    StyleEdit,
    with_pad,
)

REF = ModelRef("ab" * 32, "portrait")
FULL = EditState(
    model_a=REF,
    model_b=ModelRef("cd" * 32, "toon"),
    mix=(MixSource(SeedLatent(5), (0.0, 1.0)), MixSource(SeedLatent(6), (0.5,))),
    blend=Blend(curve=(0.0, 0.5, 1.0)),
    noise=Noise(layer_strengths=(1.0, 0.5), layer_seeds=(None, 3.5)),
    overlays=(Overlay(ModelRef("ef" * 32, "sketch"), 0.4, (1.0, 0.0)),),
    directions=(DirectionUse("12" * 32, 1.0, (0, 4), "age"),),
    style_edits=(StyleEdit(3, 7, 2.0), StyleEdit(4, 9, -1.0, torgb=True)),
)


def alone(path: str, *keys: Key, **more: object) -> Timeline:
    return Timeline((Track(path, keys),), **more)  # type: ignore[arg-type]


def rows_of(state: EditState, vectors: dict[Latent, np.ndarray], psi_free: bool = True) -> np.ndarray:
    """What the mixing of a state makes of given latents, as the pipeline does it: ``[rows, 2]``."""
    rows = np.tile(vectors[state.latent], (3, 1))
    for source in state.mix:
        strengths = np.array([*source.strengths, *[0.0] * 3][:3])[:, None]
        rows = rows + strengths * (vectors[source.latent] - rows)
    return rows


# --- what can move -------------------------------------------------------------------------------------------------


def test_that_every_field_of_a_state_can_be_moved() -> None:
    """Whatever a state is given later needs a path here too."""
    reachable = {one.path for one in parameters(FULL)} | {"latent.seed", "latent.pad"}
    wanted = set()
    for field in fields(EditState):
        value = getattr(FULL, field.name)
        if field.name in ("blend", "noise"):
            wanted |= {f"{field.name}.{inner.name}" for inner in fields(value)}
        elif isinstance(value, tuple):
            inner_names = [inner.name for inner in fields(value[0])] if field.name != "style_edits" else []
            wanted |= {f"{field.name}[0].{name}" for name in inner_names if name != "name"}
        else:
            wanted.add(field.name)
    assert wanted <= reachable
    assert {"style_edits[3:7]", "style_edits[4:9:torgb]", "mix[1].strengths"} <= reachable


@pytest.mark.parametrize("path", [one.path for one in parameters(FULL)])
def test_that_a_parameter_set_to_its_own_value_changes_nothing(path: str) -> None:
    found = parameter(path)
    assert found is not None
    assert found.is_there(FULL)
    if path in ("blend.swap_resolution", "blend.level", "blend.width"):
        assert found.set(FULL, found.get(FULL)).blend.curve is None  # the step puts a drawn curve aside
    else:
        assert found.set(FULL, found.get(FULL)) == FULL


@pytest.mark.parametrize("path", [
    "blend.curve[1]", "noise.layer_seeds[4]", "mix[0].strengths[7]", "overlays[0].curve[1]",
])  # fmt: skip
def test_that_one_number_of_a_vector_can_be_moved_alone(path: str) -> None:
    found = parameter(path)
    assert found is not None
    changed = found.set(FULL, 0.25)
    assert found.get(changed) == 0.25
    assert found.set(changed, found.get(FULL)) != changed


@pytest.mark.parametrize("path", [
    "", "blend", "blend.alhpa", "mix[99999].strengths", "mix[0]", "directions[0].name", "style_edits[3]", "alpha[0]",
    "blend.alpha[0]", "overlays[16].alpha", "x" * 200, "style_edits[99:1]", "blend.curve[1][1]",
])  # fmt: skip
def test_that_there_are_no_other_paths(path: str) -> None:
    assert parameter(path) is None


def test_that_names_on_screen_are_those_of_models_and_directions() -> None:
    assert screen_name("directions[0].amount", FULL) == "age amount"
    assert screen_name("overlays[0].alpha", FULL) == "sketch alpha"
    assert screen_name("blend.alpha", FULL) == "Alpha"


# --- values in between ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("easing", list(Easing))
def test_that_every_key_is_met_whatever_the_easing(easing: Easing) -> None:
    timeline = alone("blend.alpha", Key(0.0, 0.2, easing), Key(1.0, 0.9, easing), Key(2.5, -0.5, easing))
    for time_s, alpha in ((0.0, 0.2), (1.0, 0.9), (2.5, -0.5)):
        assert state_at(timeline, EditState(), time_s).blend.alpha == pytest.approx(alpha, abs=1e-12)


def test_that_easings_are_what_their_names_say() -> None:
    assert eased(Easing.HOLD, 0.99) == 0.0
    assert eased(Easing.LINEAR, 0.25) == 0.25
    assert eased(Easing.EASE_IN, 0.25) < 0.25 < eased(Easing.EASE_OUT, 0.25)
    assert eased(Easing.SMOOTH, 0.1) < 0.1
    assert eased(Easing.SMOOTH, 0.9) > 0.9


@given(st.lists(st.floats(-3, 3), min_size=4, max_size=4), st.floats(0, 1))
def test_that_a_flowing_number_never_overshoots_its_keys(values: list[float], fraction: float) -> None:
    knots = [(float(index), value) for index, value in enumerate(values)]
    between = monotone(knots[0], knots[1], knots[2], knots[3], fraction)
    assert min(values[1:3]) - 1e-9 <= between <= max(values[1:3]) + 1e-9


@given(st.floats(0, 1), st.booleans(), st.booleans())
def test_that_the_weights_of_a_flow_add_up_to_one(fraction: float, has_before: bool, has_after: bool) -> None:
    weights = spline_weights(-1.0 if has_before else None, 0.0, 2.0, 2.5 if has_after else None, fraction)
    assert sum(weights) == pytest.approx(1.0)
    assert has_before or weights[0] == 0.0
    assert has_after or weights[3] == 0.0


def test_that_resolutions_step_through_powers_of_two() -> None:
    timeline = alone("blend.swap_resolution", Key(0.0, 8, Easing.LINEAR), Key(3.0, 64), loop=False)
    seen = {state_at(timeline, EditState(), time_s / 10).blend.swap_resolution for time_s in range(31)}
    assert seen == {8, 16, 32, 64}


def test_that_seeds_and_choices_hold_until_their_next_key() -> None:
    timeline = Timeline((
        Track("noise.seed", (Key(0.0, 3), Key(1.0, 9))), Track("blend.mapping", (Key(0.0, "a"), Key(1.0, "b"))),
    ), loop=False)  # fmt: skip
    before, after = state_at(timeline, EditState(), 0.999), state_at(timeline, EditState(), 1.0)
    assert (before.noise.seed, after.noise.seed) == (3, 9)
    assert (before.blend.mapping.value, after.blend.mapping.value) == ("a", "b")


def test_that_vectors_of_different_length_meet_in_neutral_values() -> None:
    timeline = alone("noise.layer_strengths", Key(0.0, (0.0,), Easing.LINEAR), Key(1.0, (1.0, 3.0)), loop=False)
    assert state_at(timeline, EditState(), 0.5).noise.layer_strengths == (0.5, 2.0)


def test_that_a_layer_without_a_seed_waits_for_one() -> None:
    timeline = alone(
        "noise.layer_seeds", Key(0.0, (None, 2.0), Easing.LINEAR), Key(1.0, (4.0, 3.0)), loop=False
    )
    assert state_at(timeline, EditState(), 0.5).noise.layer_seeds == (None, 2.5)
    assert state_at(timeline, EditState(), 1.0).noise.layer_seeds == (4.0, 3.0)


def test_that_what_nothing_moves_is_the_base_s() -> None:
    base = replace(FULL, truncation_psi=0.31)
    timeline = alone("blend.alpha", Key(0.0, 0.0), Key(1.0, 1.0))
    state = state_at(timeline, base, 0.5)
    assert replace(state, blend=base.blend) == base
    assert state_at(alone("mix[5].strengths", Key(0.0, (1.0,))), base, 0.0) == base


# --- latents -------------------------------------------------------------------------------------------------------


def test_that_a_latent_on_its_way_is_mixed_into_all_rows() -> None:
    timeline = alone("latent", Key(0.0, SeedLatent(1), Easing.LINEAR), Key(2.0, SeedLatent(2)), loop=False)
    state = state_at(timeline, FULL, 0.5)
    assert state.latent == SeedLatent(1)
    assert state.mix[0].latent == SeedLatent(2)
    assert set(state.mix[0].strengths) == {0.25}
    assert len(state.mix[0].strengths) >= 18
    assert state.mix[1:] == FULL.mix
    assert state_at(timeline, FULL, 0.0) == replace(FULL, latent=SeedLatent(1))
    assert state_at(timeline, FULL, 2.0) == replace(FULL, latent=SeedLatent(2))


@given(st.floats(0, 8), st.sampled_from([Easing.FLOW, Easing.SMOOTH, Easing.LINEAR]))
def test_that_mixing_gives_the_weighted_sum_of_the_latents(time_s: float, easing: Easing) -> None:
    seeds = [SeedLatent(number) for number in range(4)]
    vectors: dict[Latent, np.ndarray] = {
        seed: np.array([math.cos(1.3 * index), math.sin(2.1 * index)]) for index, seed in enumerate(seeds)
    }
    keys = tuple(Key(float(2 * index), seed, easing) for index, seed in enumerate(seeds))
    timeline = Timeline((Track("latent", keys),), duration_s=8.0)
    rows = rows_of(state_at(timeline, EditState(), time_s), vectors)
    assert np.allclose(rows, rows[0])
    near = rows_of(state_at(timeline, EditState(), time_s + 1e-4), vectors)
    assert np.abs(near - rows).max() < 1e-3  # no jump anywhere, the seam of the loop included
    index, fraction = int(time_s // 2) % 4, (time_s % 2) / 2
    if easing is Easing.LINEAR:
        expected = (1 - fraction) * vectors[seeds[index]] + fraction * vectors[seeds[(index + 1) % 4]]
        assert np.allclose(rows[0], expected, atol=1e-6)


def test_that_portraits_do_not_jump_where_psi_is_not_one() -> None:
    one, other = StoredLatent("11" * 32, "ann", "22" * 32), StoredLatent("33" * 32, "bob")
    timeline = alone("latent", Key(0.0, one), Key(1.0, other), duration_s=2.0)
    state = state_at(timeline, EditState(truncation_psi=0.5), 0.0)
    assert set(state.mix[0].strengths) == {1.0}  # as found, as it is when it is mixed in
    whole = state_at(timeline, EditState(truncation_psi=1.0), 0.0)
    assert whole.mix == ()
    assert whole.latent == replace(one, noise_key=None)  # noise of one portrait would jump away
    assert array_keys(timeline) == {"11" * 32, "22" * 32, "33" * 32}


def test_that_a_mixing_source_s_latent_moves_at_its_strengths() -> None:
    base = EditState(mix=(MixSource(SeedLatent(5), (0.0, 0.5, 1.0)), MixSource(SeedLatent(6), (0.0, 0.2, 0.0))))
    timeline = alone("mix[0].latent", Key(0.0, SeedLatent(7), Easing.LINEAR), Key(1.0, SeedLatent(8)), loop=False)
    vectors: dict[Latent, np.ndarray] = {
        SeedLatent(0): np.array([1.0, 0.0]), SeedLatent(6): np.array([3.0, 3.0]),
        SeedLatent(7): np.array([0.0, 1.0]), SeedLatent(8): np.array([-1.0, 2.0]),
    }  # fmt: skip
    halfway = 0.5 * (vectors[SeedLatent(7)] + vectors[SeedLatent(8)])
    expected = np.array([1.0, 0.0]) + np.array([[0.0], [0.5], [1.0]]) * (halfway - np.array([1.0, 0.0]))
    expected[1] += 0.2 * (vectors[SeedLatent(6)] - expected[1])
    assert np.allclose(rows_of(state_at(timeline, base, 0.5), vectors), expected)


def test_that_seeds_of_a_walk_go_round_on_their_pads() -> None:
    timeline = orbit(walk(Timeline(), seeds_after(EditState(), 2)), 0.5)
    state = state_at(timeline, EditState(), 0.1)
    for latent in (state.latent, state.mix[0].latent):
        assert isinstance(latent, SeedLatent)
        assert math.hypot(latent.pad_x, latent.pad_y) == pytest.approx(0.5, abs=0.03)
    assert isinstance(value_at(timeline, "latent", 0.1), SeedLatent)


# --- frames --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("seconds", "fps", "frames"), [
    (4.0, "25", 100), (1.0, "23.976", 24), (10.0, "29.97", 300), (0.04, "1", 1), (2.5, "60", 150),
])  # fmt: skip
def test_that_the_number_of_frames_is_length_times_rate(seconds: float, fps: str, frames: int) -> None:
    timeline = Timeline(duration_s=seconds, fps=frame_rate(fps))
    assert frame_count(timeline) == frames
    assert len(list(frame_states(timeline, EditState()))) == frames


def test_that_the_frame_after_the_last_of_a_loop_is_the_first() -> None:
    timeline = there_and_back(Timeline(duration_s=1.03, fps=Fraction(24)), "blend.alpha", 0.0, 1.0)
    states = list(frame_states(timeline, EditState()))
    assert state_at(timeline, EditState(), frame_time(timeline, len(states))) == states[0]
    assert states[-1] != states[0]
    alphas = [state.blend.alpha for state in states]
    assert max(abs(one - other) for one, other in zip(alphas, [*alphas[1:], alphas[0]], strict=True)) < 0.15


def test_that_a_film_without_a_loop_ends_on_its_end() -> None:
    timeline = alone("blend.alpha", Key(0.0, 0.0), Key(2.0, 1.0), duration_s=2.0, loop=False)
    states = list(frame_states(timeline, EditState()))
    assert (states[0].blend.alpha, states[-1].blend.alpha) == (0.0, 1.0)
    assert [frame_at(timeline, frame_time(timeline, index)) for index in (0, 7, 49)] == [0, 7, 49]


def test_that_a_last_key_at_the_end_of_a_loop_is_shown() -> None:
    timeline = alone("blend.alpha", Key(0.0, 0.0, Easing.FLOW), Key(4.0, 1.0, Easing.FLOW))
    assert state_at(timeline, EditState(), 3.999).blend.alpha > 0.99
    assert state_at(timeline, EditState(), 4.0).blend.alpha == 0.0
    same = alone("blend.alpha", Key(0.0, 0.0), Key(2.0, 1.0), Key(4.0, 0.0))
    assert state_at(same, EditState(), 3.999).blend.alpha < 0.01


def test_that_frame_rates_are_read_as_people_write_them() -> None:
    assert frame_rate("29.97") == Fraction(30000, 1001)
    assert frame_rate("30000/1001") == Fraction(30000, 1001)
    assert frame_rate_name(Fraction(24000, 1001)) == "23.976"
    assert all(frame_rate(frame_rate_name(rate)) == rate for rate in FRAME_RATES.values())
    for wrong in ("0", "61", "x", "nan", "1/0", "-5", "inf"):
        with pytest.raises(ValueError, match=r".*"):
            frame_rate(wrong)


# --- editing -------------------------------------------------------------------------------------------------------


def test_that_keys_are_set_moved_and_taken_out() -> None:
    timeline = Timeline()
    for time_s in (1.0, 0.0, 2.0):
        timeline = with_key(timeline, "blend.alpha", Key(time_s, time_s))
    track = timeline.track("blend.alpha")
    assert track is not None
    assert [key.time_s for key in track.keys] == [0.0, 1.0, 2.0]
    timeline = with_easing(timeline, "blend.alpha", [1.0], Easing.HOLD)
    timeline = with_key(timeline, "blend.alpha", Key(1.0, 0.5))
    track = timeline.track("blend.alpha")
    assert track is not None
    assert (track.keys[1].value, track.keys[1].easing) == (0.5, Easing.HOLD)
    moved = moved_keys(timeline, "blend.alpha", [0.0, 1.0], 10.0).track("blend.alpha")
    assert moved is not None
    assert [key.time_s for key in moved.keys] == [2.0, 3.0, 4.0]
    onto = moved_keys(timeline, "blend.alpha", [0.0], 1.0).track("blend.alpha")
    assert onto is not None
    assert [(key.time_s, key.value) for key in onto.keys] == [(1.0, 0.0), (2.0, 2.0)]
    assert without_keys(timeline, "blend.alpha", [0.0, 1.0, 2.0]).tracks == ()


def test_that_a_new_length_keeps_keys_or_stretches_them() -> None:
    timeline = alone("blend.alpha", Key(0.0, 0.0), Key(3.0, 1.0), Key(4.0, 0.5))
    cut = with_duration(timeline, 2.0).track("blend.alpha")
    stretched = with_duration(timeline, 2.0, stretch=True).track("blend.alpha")
    assert cut is not None
    assert stretched is not None
    assert [key.time_s for key in cut.keys] == [0.0, 2.0]
    assert [key.time_s for key in stretched.keys] == [0.0, 1.5, 2.0]


# --- JSON ----------------------------------------------------------------------------------------------------------


def everything() -> Timeline:
    tracks = []
    for one in parameters(FULL):
        value = one.get(FULL)
        tracks.append(Track(one.path, (Key(0.0, value, Easing.FLOW), Key(1.5, value))))
    tracks.append(Track("noise.layer_seeds[3]", (Key(0.5, None), Key(1.0, 7.25))))
    tracks.append(Track("latent.pad", (Key(0.0, (0.5, -0.5)),)))
    return Timeline(tuple(tracks), 3.5, Fraction(30000, 1001), False)


def test_that_a_timeline_comes_back_from_json_unchanged() -> None:
    text = json.dumps(timeline_to_json(everything()), allow_nan=False)
    assert timeline_from_json(json.loads(text)) == everything()


def damaged(change: dict[str, object], key: dict[str, object] | None = None) -> dict[str, object]:
    track = {"parameter": "blend.alpha", "keys": [{"time_s": 0.0, "value": 1.0, "easing": "flow", **(key or {})}]}
    return {"duration_s": 4.0, "fps": "25/1", "loop": True, "tracks": [{**track}], **change}


@pytest.mark.parametrize("document", [
    damaged({"duration_s": 0.0}), damaged({"duration_s": 1e9}), damaged({"fps": "0"}), damaged({"fps": 25}),
    damaged({"fps": "61"}), damaged({"fps": "1/0"}), damaged({"loop": 1}), damaged({"extra": 1}),
    damaged({"tracks": [{"parameter": "blend.alpha", "keys": []}]}),
    damaged({"tracks": [{"parameter": "blend.beta", "keys": [{"time_s": 0, "value": 1}]}]}),
    damaged({}, {"value": "much"}), damaged({}, {"value": None}), damaged({}, {"time_s": -1.0}),
    damaged({}, {"time_s": 5.0}), damaged({}, {"easing": "bounce"}), damaged({}, {"more": 1}), [], "x", None,
    damaged({"tracks": [damaged({})["tracks"][0]] * 2}),  # type: ignore[index]
])  # fmt: skip
def test_that_a_damaged_timeline_is_refused_in_plain_words(document: object) -> None:
    with pytest.raises(RecipeFormatError) as caught:
        timeline_from_json(document)
    assert 10 < len(caught.value.user_message) <= 300


def test_that_kinds_say_how_values_are_gone_through() -> None:
    assert {one.kind for one in parameters(FULL)} == set(Kind)
    assert all(not is_dataclass(one.get(FULL)) or one.kind in (Kind.LATENT, Kind.HELD) for one in parameters(FULL))


# --- keys from the hand ------------------------------------------------------------------------------------------


def test_that_a_first_key_away_from_the_beginning_starts_from_what_was_there() -> None:
    before = EditState(blend=Blend(alpha=0.2))
    shown = replace(before, blend=Blend(alpha=0.9), truncation_psi=0.1)
    timeline = keyed(Timeline(), before, shown, 2.0)
    assert {track.parameter for track in timeline.tracks} == {"blend.alpha", "truncation_psi"}
    assert state_at(timeline, shown, 0.0) == before
    assert state_at(timeline, shown, 2.0) == shown
    assert keyed(timeline, shown, shown, 2.0) == timeline


def test_that_only_what_the_hand_changed_is_keyed() -> None:
    timeline = alone("blend.alpha", Key(0.0, 0.0), Key(2.0, 1.0))
    before = EditState()
    pose = pose_at(timeline, before, 1.0)
    assert touched(timeline, before, pose, 1.0) == ()
    shown = replace(pose, blend=replace(pose.blend, alpha=0.8))
    assert touched(timeline, before, shown, 1.0) == ("blend.alpha",)
    assert [key.time_s for key in keyed(timeline, before, shown, 1.0).tracks[0].keys] == [0.0, 1.0, 2.0]
    assert without_touched(timeline, ("blend.alpha",)).tracks == ()


def test_that_a_pose_is_what_controls_can_show() -> None:
    timeline = walk(Timeline(), (SeedLatent(1), SeedLatent(2)), 1.0)
    assert pose_at(timeline, FULL, 0.4).latent == SeedLatent(1)
    assert pose_at(timeline, FULL, 0.6).latent == SeedLatent(2)
    assert pose_at(timeline, FULL, 0.4).mix == FULL.mix


def test_that_a_step_on_the_pad_keys_the_pad_where_it_moves_alone() -> None:
    timeline = orbit(Timeline())
    shown = with_pad(pose_at(timeline, EditState(), 1.0), 0.1, 0.1)
    assert touched(timeline, EditState(), shown, 1.0) == ("latent.pad",)
    other = replace(shown, latent=SeedLatent(9))
    assert "latent" in touched(timeline, EditState(), other, 1.0)


def test_that_one_number_that_moves_alone_is_keyed_alone() -> None:
    timeline = alone("noise.layer_strengths[2]", Key(0.0, 1.0), Key(2.0, 0.0))
    base = EditState(noise=Noise(layer_strengths=(1.0, 1.0, 1.0)))
    shown = replace(base, noise=Noise(layer_strengths=(1.0, 1.0, 0.7)))
    assert touched(timeline, base, shown, 1.0) == ("noise.layer_strengths[2]",)


def test_that_timelines_need_no_torch_and_no_codecs() -> None:
    modules = "film, keying, quick_starts, timeline_json"
    program = f"""
import sys
from engine.animation import {modules}
import engine.messages
assert not {{"torch", "av", "PIL"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[2])

from __future__ import annotations

from dataclasses import replace
from unicodedata import category

import pytest
from edit_states import any_state
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.descriptor import LayerKind, LayerSpec, NetworkDescriptor
from engine.differences import differences, main_difference, summary
from engine.state import (
    Blend,
    DirectionUse,
    EditState,
    MixSource,
    ModelRef,
    Noise,
    NoiseMode,
    Overlay,
    SeedLatent,
    StoredLatent,
    StyleEdit,
    swapped,
    with_alpha,
    with_models,
    with_pad,
    with_seed,
)
from engine.state_json import state_from_json, state_to_json
from engine.variations import (
    Sheet,
    Vary,
    direction_lock,
    locked_parts,
    overlay_lock,
    variable_parts,
    variations,
)

A, B = ModelRef("a" * 64, "portrait"), ModelRef("b" * 64, "toon")
LAYERS = tuple(LayerSpec(f"b{2**n}.torgb", 2**n, LayerKind.TORGB, 0, 0, 3, False) for n in range(2, 9))
DESCRIPTOR = NetworkDescriptor("stylegan2", 256, 3, 14, 512, 512, 0, LAYERS)
RICH = EditState(
    A, B, SeedLatent(7),
    mix=(MixSource(SeedLatent(3), (0.5,) * 14),),
    overlays=(Overlay(ModelRef("c" * 64, "pencil"), 0.5),),
    directions=(DirectionUse("d" * 64, 1.0, name="smile"),),
)
PARTS = {
    Vary.SEED: lambda state: state.latent,
    Vary.PAD: lambda state: state.latent,
    Vary.MIX: lambda state: state.mix,
    Vary.CURVE: lambda state: state.blend,
    Vary.OVERLAYS: lambda state: state.overlays,
    Vary.DIRECTIONS: lambda state: state.directions,
    Vary.NOISE: lambda state: state.noise,
    Vary.PSI: lambda state: state.truncation_psi,
}
LOCKS = ("seed", "psi", "mix", "alpha", "curve", "noise.strength")
whats = st.lists(st.sampled_from(Vary), unique=True).map(tuple)
some_seeds = st.integers(0, 2**32 - 1)


@settings(max_examples=60, deadline=None)
@given(any_state, whats, st.floats(0, 1), st.integers(0, 12), some_seeds)
def test_that_every_variation_of_anything_is_a_recipe(
    state: EditState, what: tuple[Vary, ...], distance: float, count: int, seed: int
) -> None:
    found = variations(state, DESCRIPTOR, what, distance, count, seed)
    assert len(found) == count
    for varied in found:
        again = state_from_json(state_to_json(varied))
        assert state_to_json(again) == state_to_json(varied)
        assert varied.model_a == state.model_a
        assert varied.model_b == state.model_b
    assert found == variations(state, DESCRIPTOR, what, distance, count, seed)


@settings(max_examples=40, deadline=None)
@given(any_state, whats, some_seeds)
def test_that_no_distance_is_the_state_itself(state: EditState, what: tuple[Vary, ...], seed: int) -> None:
    assert variations(state, None, what, 0.0, 3, seed) == (state,) * 3


@pytest.mark.parametrize("part", Vary)
def test_that_one_part_varies_and_the_others_stay(part: Vary) -> None:
    found = variations(RICH, DESCRIPTOR, (part,), 0.5, 24, 11)
    assert RICH not in found
    assert len(set(found)) == 24
    for other in set(Vary) - {part}:
        if PARTS[other] is PARTS[part] or {part, other} == {Vary.SEED, Vary.PAD}:
            continue
        assert {PARTS[other](varied) for varied in found} == {PARTS[other](RICH)}


@settings(max_examples=40, deadline=None)
@given(any_state, st.floats(0.01, 1), some_seeds, st.sets(st.sampled_from(LOCKS)))
def test_that_locked_parts_are_left_alone(state: EditState, far: float, seed: int, locks: set[str]) -> None:
    for varied in variations(state, DESCRIPTOR, tuple(Vary), far, 4, seed, frozenset(locks)):
        if "seed" in locks:
            assert varied.latent == state.latent
        if "psi" in locks and "seed" in locks:  # a seed in place of a whole portrait brings its own psi
            assert varied.truncation_psi == state.truncation_psi
        if "noise.strength" in locks:
            assert varied.noise.strength == state.noise.strength
        if "mix" in locks:
            assert varied.mix == state.mix
        if "curve" in locks:
            assert replace(varied.blend, alpha=0.0) == replace(state.blend, alpha=0.0)
        if "alpha" in locks:
            assert varied.blend.alpha == state.blend.alpha


@pytest.mark.parametrize("lock", ["alpha", "swap_resolution", "width"])
def test_that_a_locked_slider_of_the_blend_stays_while_the_others_vary(lock: str) -> None:
    found = variations(RICH, DESCRIPTOR, (Vary.CURVE,), 0.8, 24, 3, frozenset({lock}))
    assert {getattr(varied.blend, lock) for varied in found} == {getattr(RICH.blend, lock)}
    assert RICH not in found


def test_that_locked_noise_stays_layer_by_layer() -> None:
    locks = frozenset({"noise.strength", "noise.layer.1", "noise.layer.2"})
    for mode, second in ((NoiseMode.CONST, None), (NoiseMode.RANDOM, 5.0)):
        state = replace(RICH, noise=Noise(mode, strength=0.5, seed=5, layer_seeds=(3.0, 4.5)))
        found = variations(state, DESCRIPTOR, (Vary.NOISE,), 1.0, 8, 1, locks)
        assert len(set(found) - {state}) == 8
        assert {(one.noise.strength, *one.noise.layer_seeds[1:3]) for one in found} == {(0.5, 4.5, second)}


def test_that_locked_models_and_directions_stay_and_silent_ones_stay_silent() -> None:
    silent = Overlay(ModelRef("e" * 64, "silent"), 0.0)
    kept, free = RICH.overlays[0], Overlay(ModelRef("f" * 64, "free"), 0.5)
    state = replace(RICH, overlays=(kept, silent, free), directions=(*RICH.directions, DirectionUse("9" * 64, 0.0)))
    locks = frozenset({overlay_lock(kept), direction_lock(RICH.directions[0])})
    found = variations(state, DESCRIPTOR, (Vary.OVERLAYS, Vary.DIRECTIONS), 0.8, 12, 3, locks)
    assert {varied.overlays[:2] for varied in found} == {(kept, silent)}
    assert len({varied.overlays[2].alpha for varied in found}) > 6
    assert {varied.directions[0] for varied in found} == {RICH.directions[0]}
    assert len({varied.directions[1].amount for varied in found}) > 6


def test_that_a_part_counts_as_locked_when_all_of_it_is() -> None:
    assert locked_parts(RICH, frozenset({"alpha", "noise.seed"})) == frozenset()
    both = frozenset({"alpha", "curve", "seed", overlay_lock(RICH.overlays[0])})
    assert locked_parts(RICH, both) == {Vary.CURVE, Vary.SEED, Vary.PAD, Vary.OVERLAYS}
    assert Vary.OVERLAYS not in locked_parts(EditState(), both)


def test_that_a_muted_source_is_not_varied() -> None:
    muted = replace(RICH, mix=tuple(replace(RICH.mix[0], muted=True) for _ in range(4)))
    assert set(variations(muted, DESCRIPTOR, (Vary.MIX,), 0.5, 6, 1)) == {muted}
    for varied in variations(replace(muted, mix=muted.mix[:1]), DESCRIPTOR, (Vary.MIX,), 0.5, 6, 1):
        assert varied.mix[0] == muted.mix[0]
        assert len(varied.mix) == 2


def test_that_farther_is_farther() -> None:
    def spread(distance: float) -> float:
        found = variations(RICH, DESCRIPTOR, (Vary.DIRECTIONS,), distance, 60, 5)
        return sum(abs(varied.directions[0].amount - 1.0) for varied in found) / len(found)

    assert 0 < spread(0.1) < spread(0.4) < spread(1.0)


def test_that_letting_one_more_part_vary_leaves_what_the_others_did() -> None:
    few = variations(RICH, DESCRIPTOR, (Vary.PAD,), 0.5, 8, 5)
    more = variations(RICH, DESCRIPTOR, (Vary.PAD, Vary.DIRECTIONS, Vary.NOISE), 0.5, 8, 5)
    assert [one.latent for one in few] == [one.latent for one in more]
    longer = variations(RICH, DESCRIPTOR, (Vary.PAD,), 0.5, 20, 5)
    assert longer[:8] == few
    assert variations(RICH, DESCRIPTOR, (Vary.PAD,), 0.5, 8, 6) != few


def test_that_numbers_stay_on_their_tracks_unless_they_were_beyond() -> None:
    for varied in variations(RICH, DESCRIPTOR, tuple(Vary), 1.0, 60, 9):
        assert 0 <= varied.blend.alpha <= 1
        assert 0 <= varied.truncation_psi <= 1
        assert all(0 <= share <= 1 for share in varied.blend.curve or ())
        assert abs(varied.directions[0].amount) <= 4
        latent = varied.latent
        assert isinstance(latent, SeedLatent)
        assert latent.pad_x**2 + latent.pad_y**2 <= 1.01
        assert varied.blend.swap_resolution in (4, 8, 16, 32, 64, 128, 256)
    beyond = with_alpha(RICH, 1.8)
    alphas = {varied.blend.alpha for varied in variations(beyond, DESCRIPTOR, (Vary.CURVE,), 0.5, 30, 1)}
    assert max(alphas) <= 1.8
    assert len(alphas) > 10


def test_that_a_portrait_keeps_its_face_and_can_be_mixed() -> None:
    portrait = replace(RICH, latent=StoredLatent("e" * 64, "Aunt"), mix=())
    assert not {Vary.SEED, Vary.PAD} & set(variable_parts(portrait))
    for varied in variations(portrait, DESCRIPTOR, (Vary.SEED, Vary.PAD, Vary.MIX), 0.5, 8, 1):
        assert varied.latent == portrait.latent
        assert len(varied.mix) == 1
        assert len(varied.mix[0].strengths) == 14


def test_that_what_is_not_there_is_not_varied() -> None:
    alone = EditState(A, noise=Noise(mode=NoiseMode.NONE))
    assert variable_parts(alone) == (Vary.SEED, Vary.PAD, Vary.MIX, Vary.PSI)
    assert variations(alone, DESCRIPTOR, (Vary.CURVE, Vary.OVERLAYS), 1.0, 3, 1) == (alone,) * 3


def test_that_mixing_does_not_grow_without_end() -> None:
    state = RICH
    for seed in range(40):
        (state,) = variations(state, DESCRIPTOR, (Vary.MIX,), 0.6, 1, seed)
    assert len(state.mix) <= 4


def test_that_a_sheet_is_made_again_from_its_settings() -> None:
    sheet = Sheet(5, (Vary.PAD, Vary.CURVE), 0.4, 8, ("alpha",))
    assert sheet.states(RICH, DESCRIPTOR) == variations(
        RICH, DESCRIPTOR, (Vary.PAD, Vary.CURVE), 0.4, 8, 5, frozenset({"alpha"})
    )


# --- in words -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("new", "words"),
    [
        (with_alpha(RICH, 0.62), "alpha 1 → 0.62"),
        (with_seed(RICH, 44), "seed 7 → seed 44"),
        (with_pad(RICH, 0.3, 0.4), "seed pad moved by 0.5"),
        (swapped(RICH), "A and B swapped"),
        (with_models(RICH, b=A), "model B toon → portrait"),
        (replace(RICH, truncation_psi=0.5), "psi 0.7 → 0.5"),
        (replace(RICH, truncation_cutoff=4), "psi cutoff all → 4"),
        (replace(RICH, blend=Blend(swap_resolution=64)), "swap resolution 16 → 64"),
        (replace(RICH, blend=Blend(curve=(1.0,))), "alpha curve drawn"),
        (replace(RICH, mix=()), "seed 3 no longer mixed in"),
        (replace(RICH, mix=(MixSource(SeedLatent(3), (0.25,) * 14),)), "seed 3 mixed in 0.5 → 0.25"),
        (
            replace(RICH, mix=(*RICH.mix, MixSource(SeedLatent(9), (0, 0.5, 0.5)))),
            "seed 9 mixed in (0.5 in rows 1 to 2)",
        ),
        (replace(RICH, directions=(replace(RICH.directions[0], amount=-2.0),)), "smile 1 → -2"),
        (replace(RICH, directions=()), "without smile"),
        (replace(RICH, overlays=(replace(RICH.overlays[0], alpha=0.25),)), "pencil over 0.5 → 0.25"),
        (replace(RICH, style_edits=(StyleEdit(1, 2, 3.0),)), "1 style channel"),
        (replace(RICH, noise=Noise(strength=0.5)), "noise strength 1 → 0.5"),
        (replace(RICH, noise=Noise(layer_seeds=(None, 4.0))), "noise of 1 layer redrawn"),
        (replace(RICH, class_index=3), "class none → 3"),
    ],
)
def test_that_a_difference_is_said_in_words(new: EditState, words: str) -> None:
    assert differences(RICH, new) == (words,)


@settings(max_examples=60, deadline=None)
@given(any_state, any_state)
def test_that_words_can_be_shown_whatever_the_states_hold(old: EditState, new: EditState) -> None:
    assert differences(old, old) == ()
    assert not any(category(letter) == "Cc" for phrase in differences(old, new) for letter in phrase)


@pytest.mark.parametrize(
    ("new", "words"),
    [
        (with_alpha(RICH, 0.62), "alpha 0.62"),
        (with_seed(RICH, 44), "seed 44"),
        (with_models(RICH, b=A), "model B portrait"),
        (replace(RICH, blend=Blend(swap_resolution=64)), "swap resolution 64"),
        (replace(RICH, latent=StoredLatent("e" * 64, "Aunt Agatha")), "Aunt Agatha"),
        (replace(RICH, mix=()), "seed 3 no longer mixed in"),
        (replace(RICH, mix=(replace(RICH.mix[0], muted=True),)), "seed 3 muted"),
        (RICH, ""),
    ],
)
def test_that_the_main_difference_says_what_is_now(new: EditState, words: str) -> None:
    assert main_difference(RICH, new) == words


def test_that_many_differences_are_cut_short() -> None:
    new = with_alpha(with_seed(replace(RICH, truncation_psi=0.2, directions=()), 9), 0.1)
    assert summary(RICH, new) == "seed 7 → seed 9, alpha 1 → 0.1, without smile and 1 more"

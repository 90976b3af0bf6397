"""What is done with the sources of a mix, and what chance does to mixes and noise: pure functions."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from fake_engine import descriptor

from engine.descriptor import NetworkDescriptor
from engine.noise_locks import locked_layers, with_noise_seed
from engine.state import (
    DEFAULT_PSI,
    EditState,
    MixSource,
    ModelRef,
    Noise,
    NoiseMode,
    SeedLatent,
    StoredLatent,
    View,
)
from gui.mixing import (
    alone,
    with_duplicate,
    with_moved,
    with_muted,
    with_solo,
    with_source_as_main,
    ws_resolutions,
)
from gui.surprise import new_noise, surprise
from gui.widgets.matrix_columns import Detail, MatrixColumns

ADA = StoredLatent("k" * 64, "Ada")
ONE, TWO, THREE = MixSource(SeedLatent(1), (1.0,)), MixSource(SeedLatent(2), (0.5,)), MixSource(ADA, (0.25, 0.0))
STATE = EditState(model_a=ModelRef("a" * 64, "portrait"), latent=SeedLatent(7, 0.2, 0.1), mix=(ONE, TWO, THREE))
STOPS = (4, 8, 16, 32, 64)


def test_that_solo_mutes_the_others_and_again_lets_all_play() -> None:
    alone_ = with_solo(with_muted(STATE, 1, True), 1)
    assert [source.muted for source in alone_.mix] == [True, False, True]
    assert [source.muted for source in with_solo(alone_, 0).mix] == [False, True, True]
    assert with_solo(alone_, 1) == STATE


def test_that_a_source_is_moved_and_doubled() -> None:
    assert with_moved(STATE, 0, 2).mix == (TWO, THREE, ONE)
    assert with_moved(with_moved(STATE, 0, 2), 2, 0) == STATE
    assert with_duplicate(STATE, 1).mix == (ONE, TWO, TWO, THREE)


def test_that_a_source_changes_places_with_the_main_latent_and_back() -> None:
    swapped = with_source_as_main(STATE, 1)
    assert (swapped.latent, swapped.mix[1]) == (SeedLatent(2), replace(TWO, latent=STATE.latent))
    assert with_source_as_main(swapped, 1) == STATE


def test_that_a_portrait_becomes_the_main_latent_whole_and_a_seed_gets_its_truncation_back() -> None:
    swapped = with_source_as_main(replace(STATE, truncation_psi=0.4, truncation_cutoff=3), 2)
    assert (swapped.latent, swapped.truncation_psi, swapped.truncation_cutoff) == (ADA, 1.0, None)
    assert with_source_as_main(swapped, 2).truncation_psi == DEFAULT_PSI


def test_that_a_source_is_shown_by_itself_the_same_at_any_psi() -> None:
    state, view = alone(replace(STATE, truncation_psi=0.1), SeedLatent(2))
    assert (state, view) == (EditState(model_a=STATE.model_a, latent=SeedLatent(2)), View.A)
    assert alone(STATE, ADA)[0].truncation_psi == 1.0


def test_that_rows_of_ws_are_two_per_resolution_or_what_the_layers_read() -> None:
    assert ws_resolutions(descriptor((4, 8))) == (4, 4, 8, 8)
    other = descriptor((4, 8, 16))
    odd = NetworkDescriptor("other", 16, 3, 5, 64, 64, 0, other.layers)
    assert ws_resolutions(odd) == (4, 8, 8, 16, 16)
    assert len(ws_resolutions(None)) == 10


@pytest.mark.parametrize(("detail", "count"), [(Detail.GROUPS, 3), (Detail.RESOLUTIONS, 9), (Detail.LAYERS, 18)])
def test_that_columns_hold_every_row_of_ws_once(detail: Detail, count: int) -> None:
    resolutions = tuple(4 << index // 2 for index in range(18))
    columns = MatrixColumns(resolutions, detail)
    assert columns.count == count
    assert [row for rows in columns.rows for row in rows] == list(range(18))
    assert [column for _, members in columns.groups for column in members] == list(range(count))
    filled = columns.with_strength((), tuple(range(count)), 0.5)
    assert filled == (0.5,) * 18
    assert all(columns.strength(filled, (column,)) == 0.5 for column in range(count))


# --- chance ---------------------------------------------------------------------------------------------------------


def noisy(mode: NoiseMode = NoiseMode.RANDOM, seeds: tuple[float | None, ...] = ()) -> EditState:
    return replace(STATE, noise=Noise(mode, seed=5, layer_seeds=seeds))


def test_that_a_locked_layer_keeps_its_noise_through_a_new_noise_seed() -> None:
    locks = frozenset({"noise.layer.2", "noise.layer.3"})
    rolled = new_noise(noisy(seeds=(None, 8.0, None, 9.5)), locks, random.Random(1)).noise
    assert rolled.seed != 5
    assert rolled.layer_seeds[0] is None
    assert rolled.layer_seeds[1] not in (None, 8.0)
    assert rolled.layer_seeds[2:] == (5.0, 9.5)


def test_that_scrubbing_the_seed_leaves_a_locked_layer_at_the_seed_it_was_locked_with() -> None:
    locks = frozenset({"noise.layer.1"})
    state = with_noise_seed(with_noise_seed(noisy(), 6, locks), 7, locks)
    assert (state.noise.seed, state.noise.layer_seeds) == (7, (None, 5.0))
    assert with_noise_seed(noisy(), 5, locks) == noisy()


def test_that_the_models_own_noise_needs_no_seed_to_stay() -> None:
    locks = frozenset({"noise.layer.1"})
    assert with_noise_seed(noisy(NoiseMode.CONST), 6, locks).noise.layer_seeds == ()


def test_that_a_locked_noise_seed_stays_and_unknown_locks_mean_nothing() -> None:
    assert new_noise(noisy(), frozenset({"noise.seed"}), random.Random(1)) == noisy()
    assert locked_layers(frozenset({"noise.layer.x", "noise.layer.", "seed", "noise.layer.12"})) == {12}


def test_that_a_surprise_rolls_mixed_seeds_and_noise_unless_they_are_locked() -> None:
    rolled = surprise(noisy(), frozenset(), STOPS, random.Random(3))
    assert rolled.mix[0].latent != ONE.latent
    assert [source.strengths for source in rolled.mix] == [source.strengths for source in STATE.mix]
    assert rolled.mix[2] == THREE
    assert rolled.noise.seed != 5
    locks = frozenset({"mix", "noise.seed", "seed", "psi"})
    assert surprise(noisy(), locks, STOPS, random.Random(3)) == noisy()
    assert surprise(STATE, frozenset({"mix", "seed", "psi"}), STOPS, random.Random(3)) == STATE

"""From state to picture: exact, and only what changed is computed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from shelf import Shelf
from torch import Tensor

from engine.blending import blend
from engine.errors import LatentError, ModelError
from engine.latents import LatentStore, seed_to_z
from engine.model_group import ModelGroup
from engine.models import ModelPool
from engine.network import Network
from engine.pipeline import Pipeline
from engine.stage_cache import StageCache
from engine.state import (
    Blend,
    EditState,
    MixSource,
    ModelRef,
    NoiseMode,
    SeedLatent,
    Side,
    Source,
    StoredLatent,
    View,
    with_alpha,
    with_noise,
    with_swap_resolution,
)

MIB = 1 << 20


class Calls:
    """Counts what the networks are made to do."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.blocks: list[int] = []
        self.mappings = 0
        run_block, mapping = ModelGroup.run_block, Network.mapping

        def counted_block(pair: ModelGroup, index: int, *args: object, **options: object) -> object:
            self.blocks.append(index)
            return run_block(pair, index, *args, **options)  # type: ignore[arg-type]

        def counted_mapping(network: Network, *args: object, **options: object) -> object:
            self.mappings += 1
            return mapping(network, *args, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(ModelGroup, "run_block", counted_block)
        monkeypatch.setattr(Network, "mapping", counted_mapping)

    def taken(self) -> tuple[list[int], int]:
        """Blocks run and mappings made since the last call."""
        taken = (self.blocks, self.mappings)
        self.blocks, self.mappings = [], 0
        return taken


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    return Calls(monkeypatch)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    return Shelf(tmp_path_factory.mktemp("shelf"))


@pytest.fixture(scope="module")
def model_a(shelf: Shelf) -> ModelRef:
    return shelf.put("portrait", seed=1)


@pytest.fixture(scope="module")
def model_b(shelf: Shelf) -> ModelRef:
    return shelf.put("toon", seed=2, conv_clamp=1.0)


@pytest.fixture(scope="module")
def small_pair(shelf: Shelf) -> tuple[ModelRef, ModelRef]:
    clamps = {"small a": None, "small b": 1.0}
    a, b = (shelf.put(name, seed=ord(name[-1]), channels=(6, 6, 4), conv_clamp=c) for name, c in clamps.items())
    return a, b


@pytest.fixture
def pipeline(shelf: Shelf) -> Pipeline:
    return new_pipeline(shelf)


@pytest.fixture
def state(model_a: ModelRef, model_b: ModelRef) -> EditState:
    return EditState(model_a, model_b, SeedLatent(3))


@cache
def pool_of(shelf: Shelf) -> ModelPool:
    return ModelPool(shelf, "cpu", 64 * MIB)


def new_pipeline(shelf: Shelf, cache_bytes: int = 64 * MIB, store: LatentStore | None = None) -> Pipeline:
    return Pipeline(pool_of(shelf), store or LatentStore(), StageCache(cache_bytes))


def cached(pipeline: Pipeline, state: EditState, view: View = View.BLEND) -> Tensor:
    synthesis = pipeline.start(pipeline.resolve(state).for_view(view))
    while not synthesis.done:
        synthesis.step()
    assert synthesis.image is not None
    return synthesis.image


def fresh_preview(pipeline: Pipeline, state: EditState, view: View = View.BLEND) -> Tensor:
    """What `cached` would be if nothing were cached and nothing mixed yet."""
    pipeline._groups.clear()
    synthesis = pipeline.start(pipeline.resolve(state).for_view(view), fresh=True)
    while not synthesis.done:
        synthesis.step()
    assert synthesis.image is not None
    return synthesis.image


def the_network(pipeline: Pipeline, ref: ModelRef | None) -> Network:
    assert ref is not None
    return pipeline.models.networks([ref])[0]


def seed_ws(network: Network, seed: int, psi: float) -> Tensor:
    return network.mapping(torch.from_numpy(seed_to_z(SeedLatent(seed), network.descriptor.z_dim)), None, psi)


# --- the picture is the right one ---------------------------------------------------------------------------------


def test_that_a_model_alone_is_its_own_mapping_and_synthesis(pipeline: Pipeline, model_a: ModelRef) -> None:
    network = the_network(pipeline, model_a)
    found = pipeline.render(EditState(model_a, latent=SeedLatent(5), truncation_psi=0.6))
    assert torch.equal(found, network.synthesis(seed_ws(network, 5, 0.6)))


def test_that_the_views_are_each_model_with_the_latent_of_a(pipeline: Pipeline, state: EditState) -> None:
    a, b = the_network(pipeline, state.model_a), the_network(pipeline, state.model_b)
    ws = seed_ws(a, 3, 0.7)
    assert torch.equal(pipeline.render(state, View.A), a.synthesis(ws))
    assert torch.equal(pipeline.render(state, View.B), b.synthesis(ws))


@pytest.mark.parametrize(
    "settings_",
    [
        Blend(16),
        Blend(8, level=1),
        Blend(16, width=1.5, alpha=0.7),
        Blend(low=Side.B, width=0.5, alpha=1.4),
        Blend(mapping=Source.B, w_avg=Source.B),
        Blend(mapping=Source.BLEND, w_avg=Source.BLEND, alpha=0.3),
        Blend(affines=Source.A, torgb=Source.B, noise=Source.A),
        Blend(curve=(1, 0, 0.5, -0.5, 1, 1, 0, 0, 2, 1)),
    ],
)
def test_that_the_blend_is_the_blended_network(pipeline: Pipeline, state: EditState, settings_: Blend) -> None:
    wanted = replace(state, blend=settings_)
    a, b = the_network(pipeline, state.model_a), the_network(pipeline, state.model_b)
    whole = blend(a, b, pipeline.resolve(wanted).shares)
    assert torch.equal(pipeline.render(wanted), whole.synthesis(seed_ws(whole, 3, 0.7)))


def test_that_alpha_zero_is_model_a_and_psi_zero_the_mean(pipeline: Pipeline, state: EditState) -> None:
    a = the_network(pipeline, state.model_a)
    assert torch.equal(pipeline.render(with_alpha(state, 0.0)), a.synthesis(seed_ws(a, 3, 0.7)))
    mean = a.w_avg.expand(1, a.descriptor.num_ws, -1)
    assert torch.equal(pipeline.render(replace(state, truncation_psi=0.0), View.A), a.synthesis(mean))


def test_that_the_cutoff_spares_the_upper_rows(pipeline: Pipeline, state: EditState) -> None:
    a = the_network(pipeline, state.model_a)
    ws = seed_ws(a, 3, 1.0)
    ws[:, :4] = seed_ws(a, 3, 0.5)[:, :4]
    found = pipeline.render(replace(state, truncation_psi=0.5, truncation_cutoff=4), View.A)
    assert torch.equal(found, a.synthesis(ws))


def test_that_rows_are_mixed_in_w_by_their_strengths(pipeline: Pipeline, state: EditState) -> None:
    a = the_network(pipeline, state.model_a)
    strengths = (0.0, 0.0, 0.25, 1.0)
    ws, other = seed_ws(a, 3, 0.7), seed_ws(a, 8, 0.7)
    for row, strength in enumerate(strengths):
        ws[:, row] = torch.lerp(ws[:, row], other[:, row], strength)
    found = pipeline.render(replace(state, mix=(MixSource(SeedLatent(8), strengths),)), View.A)
    assert torch.equal(found, a.synthesis(ws))


def test_that_noise_follows_mode_seed_and_strengths(pipeline: Pipeline, state: EditState) -> None:
    a = the_network(pipeline, state.model_a)
    ws = seed_ws(a, 3, 0.7)
    silent = pipeline.render(with_noise(state, mode=NoiseMode.NONE), View.A)
    assert torch.equal(silent, a.synthesis(ws, "none"))
    assert torch.equal(silent, pipeline.render(with_noise(state, strength=0.0), View.A))
    drawn = with_noise(state, mode=NoiseMode.RANDOM, seed=4, strength=0.5)
    assert torch.equal(pipeline.render(drawn, View.A), a.synthesis(ws, "random", 0.5, 4))
    layers = tuple(float(position) for position in range(10))
    found = pipeline.render(with_noise(state, layer_strengths=layers), View.A)
    assert torch.equal(found, a.synthesis(ws, noise_strength=layers))


def test_that_a_stored_latent_is_shown_as_it_was_found_with_its_noise(shelf: Shelf, state: EditState) -> None:
    store = LatentStore()
    pipeline = new_pipeline(shelf, store=store)
    a = the_network(pipeline, state.model_a)
    ws = np.random.RandomState(0).randn(10, 10).astype(np.float32)
    noise = {9: np.random.RandomState(1).randn(64, 64).astype(np.float32), 1: np.zeros((8, 8), np.float32)}
    latent = StoredLatent(store.put_ws(ws), "Ada", store.put_noise(noise))
    found = pipeline.render(replace(state, latent=latent, truncation_psi=1.0), View.A)
    maps = {"b64.conv1": torch.from_numpy(noise[9])}  # the other one does not fit the 4 px layer
    assert torch.equal(found, a.synthesis(torch.from_numpy(ws)[None], noise=maps))


@pytest.mark.parametrize("rows", [4, 18])
def test_that_a_latent_with_other_rows_is_cut_or_goes_on_with_its_last(
    shelf: Shelf, state: EditState, rows: int
) -> None:
    store = LatentStore()
    pipeline = new_pipeline(shelf, store=store)
    ws = np.random.RandomState(0).randn(rows, 10).astype(np.float32)
    fitted = np.concatenate([ws, np.repeat(ws[-1:], 10, axis=0)])[:10]
    found = pipeline.render(replace(state, latent=StoredLatent(store.put_ws(ws)), truncation_psi=1.0), View.A)
    assert torch.equal(found, the_network(pipeline, state.model_a).synthesis(torch.from_numpy(fitted)[None]))


def test_that_psi_acts_on_the_main_latent_and_on_seeds_but_not_on_a_portrait_that_is_mixed_in(
    shelf: Shelf, state: EditState
) -> None:
    store = LatentStore()
    pipeline = new_pipeline(shelf, store=store)
    a = the_network(pipeline, state.model_a)
    ws = np.random.RandomState(0).randn(10, 10).astype(np.float32)
    ada, stored = StoredLatent(store.put_ws(ws)), torch.from_numpy(ws)[None]
    half = (0.5,) * 10
    mixed_in = pipeline.render(replace(state, mix=(MixSource(ada, half),), truncation_psi=0.3), View.A)
    assert torch.equal(mixed_in, a.synthesis(torch.lerp(seed_ws(a, 3, 0.3), stored, 0.5)))
    main = replace(state, latent=ada, mix=(MixSource(SeedLatent(3), half),), truncation_psi=0.3)
    pulled = torch.lerp(a.w_avg.expand_as(stored), stored, 0.3)
    assert torch.equal(pipeline.render(main, View.A), a.synthesis(torch.lerp(pulled, seed_ws(a, 3, 0.3), 0.5)))


def test_that_a_conditional_model_shows_its_class(shelf: Shelf, pipeline: Pipeline) -> None:
    ref = shelf.put("classes", seed=3, c_dim=4)
    network = the_network(pipeline, ref)
    z = torch.from_numpy(seed_to_z(SeedLatent(0), network.descriptor.z_dim))
    label = torch.tensor([[0.0, 0.0, 1.0, 0.0]])
    found = pipeline.render(EditState(ref, class_index=2, truncation_psi=1.0))
    assert torch.equal(found, network.synthesis(network.mapping(z, label)))


def test_that_strangers_are_blended_with_a_warning_and_misfits_not_at_all(
    shelf: Shelf, pipeline: Pipeline, state: EditState
) -> None:
    (warning,) = pipeline.resolve(state).warnings
    assert "unrelated" in warning
    sharp = shelf.put("sharp", seed=4, taps=(0.5, 0.5))
    edit = pipeline.resolve(replace(state, model_b=sharp))
    assert edit.model_b is None
    assert "The blend shows A" in edit.warnings[0]
    misfit = replace(state, model_b=sharp)
    assert torch.equal(pipeline.render(misfit), pipeline.render(state, View.A))
    alone = replace(state, model_a=sharp, model_b=None)
    assert torch.equal(pipeline.render(misfit, View.B), pipeline.render(alone)), "B shows what it makes of the seed"


def test_that_a_misfit_that_cannot_read_the_latent_shows_a(shelf: Shelf, state: EditState) -> None:
    store = LatentStore()
    pipeline = new_pipeline(shelf, store=store)
    wide = shelf.put("wide", seed=5, w_dim=9)
    network = the_network(pipeline, state.model_a)
    key = store.put_ws(seed_ws(network, 3, 1.0)[0].numpy())
    misfit = replace(state, latent=StoredLatent(key), model_b=wide)
    assert torch.equal(pipeline.render(misfit, View.B), pipeline.render(misfit, View.A))


def test_that_without_a_model_there_is_a_sentence(pipeline: Pipeline) -> None:
    with pytest.raises(ModelError, match="No model is chosen"):
        pipeline.render(EditState())


def test_that_a_lost_latent_is_a_sentence(pipeline: Pipeline, state: EditState) -> None:
    with pytest.raises(LatentError, match="not on this computer"):
        pipeline.render(replace(state, latent=StoredLatent("0" * 64)))


# --- only what changed is computed --------------------------------------------------------------------------------


def test_that_a_noise_drag_at_64_px_runs_one_block_and_no_mapping(
    pipeline: Pipeline, state: EditState, calls: Calls
) -> None:
    cached(pipeline, state)
    assert calls.taken() == ([0, 1, 2, 3, 4], 1)
    for strength in (0.5, 0.6, 0.7):
        cached(pipeline, with_noise(state, layer_strengths=(1.0,) * 8 + (strength, 1.0)))
        assert calls.taken() == ([4], 0)


def test_that_a_picture_seen_before_costs_nothing(pipeline: Pipeline, state: EditState, calls: Calls) -> None:
    for stop in (4, 8, 16, 32, 64):
        cached(pipeline, with_swap_resolution(state, stop))
    calls.taken()
    for stop in (64, 4, 32, 8, 16):
        cached(pipeline, with_swap_resolution(state, stop))
    assert calls.taken() == ([], 0)


def test_that_a_swap_stop_runs_only_what_lies_above_the_lower_of_both(
    pipeline: Pipeline, state: EditState, calls: Calls
) -> None:
    cached(pipeline, with_swap_resolution(state, 16))
    calls.taken()
    cached(pipeline, with_swap_resolution(state, 32))
    assert calls.taken() == ([3, 4], 0)


def test_that_the_views_share_what_they_have_in_common(pipeline: Pipeline, state: EditState, calls: Calls) -> None:
    cached(pipeline, state)
    calls.taken()
    cached(pipeline, state, View.A)
    assert calls.taken() == ([3, 4], 0)
    cached(pipeline, replace(state, model_b=None))
    assert calls.taken() == ([], 0)


def test_that_alpha_on_the_upper_layers_leaves_the_lower_ones(
    pipeline: Pipeline, state: EditState, calls: Calls
) -> None:
    for alpha in (0.5, 0.6):
        cached(pipeline, with_alpha(state, alpha))
    assert calls.taken() == ([0, 1, 2, 3, 4, 3, 4], 1)


def test_that_mixing_into_the_last_row_runs_the_block_that_reads_it(
    pipeline: Pipeline, state: EditState, calls: Calls
) -> None:
    cached(pipeline, state)
    calls.taken()
    cached(pipeline, replace(state, mix=(MixSource(SeedLatent(9), (0.0,) * 9 + (0.5,)),)))
    assert calls.taken() == ([4], 1)


def test_that_truncation_does_not_run_the_mapping_again(pipeline: Pipeline, state: EditState, calls: Calls) -> None:
    cached(pipeline, state)
    calls.taken()
    cached(pipeline, replace(state, truncation_psi=0.4))
    assert calls.taken() == ([0, 1, 2, 3, 4], 0)


def test_that_what_cannot_be_seen_is_not_computed(pipeline: Pipeline, state: EditState, calls: Calls) -> None:
    cached(pipeline, state)
    calls.taken()
    cached(pipeline, with_noise(state, seed=99))
    cached(pipeline, replace(state, mix=(MixSource(SeedLatent(7), (0.0,) * 10),)))
    cached(pipeline, replace(state, truncation_cutoff=10))
    cached(pipeline, replace(state, model_a=replace(state.model_a, name="renamed")))  # type: ignore[type-var]
    assert calls.taken() == ([], 0)


def test_that_a_fresh_render_neither_reads_nor_fills_the_cache(
    pipeline: Pipeline, state: EditState, calls: Calls
) -> None:
    cached(pipeline, state)
    kept = len(pipeline.cache)
    calls.taken()
    pipeline.render(state)
    assert calls.taken() == ([0, 1, 2, 3, 4], 1)
    assert len(pipeline.cache) == kept


def test_that_a_coarse_picture_goes_on_without_doing_anything_twice(
    pipeline: Pipeline, state: EditState, calls: Calls
) -> None:
    coarse = pipeline.start(pipeline.resolve(state))
    for _ in range(3):
        coarse.step()
    assert (coarse.size_px, coarse.done) == (16, False)
    cached(pipeline, state)
    assert calls.taken() == ([0, 1, 2, 3, 4], 1)


def test_that_hard_swaps_need_no_third_network(pipeline: Pipeline, state: EditState) -> None:
    for stop in (4, 16):
        cached(pipeline, with_swap_resolution(state, stop))
    assert pipeline.group(pipeline.resolve(state))._scratch is None


def test_that_pictures_taking_turns_do_not_spoil_each_other(pipeline: Pipeline, state: EditState) -> None:
    """Both are blended in the third network, with the clamps of A and of B: neither must find the other's."""
    of_a, of_b = (with_alpha(replace(state, blend=Blend(curve=(1.0,) * 10)), alpha) for alpha in (0.4, 0.9))
    cached(pipeline, of_a)
    cached(pipeline, of_b)
    cached(pipeline, with_noise(of_a, layer_strengths=(1.0,) * 8 + (0.5,)))  # writes the last block only
    wanted = with_noise(of_b, layer_strengths=(1.0,) * 6 + (0.5,))
    found = cached(pipeline, wanted)
    assert torch.equal(found, fresh_preview(pipeline, wanted))


def test_that_networks_without_pictures_on_the_way_are_cached_too(shelf: Shelf, calls: Calls) -> None:
    pipeline = new_pipeline(shelf)
    refs = [shelf.put(name, seed=seed, architecture="resnet") for seed, name in ((6, "resnet"), (7, "other"))]
    resnet = EditState(*refs)
    synthesis = pipeline.start(pipeline.resolve(resnet))
    for _ in range(4):
        synthesis.step()
    assert (synthesis.image, synthesis.size_px) == (None, 0)
    assert torch.equal(cached(pipeline, resnet), fresh_preview(pipeline, resnet))
    calls.taken()
    cached(pipeline, with_swap_resolution(resnet, 32))
    assert calls.taken()[0] == [3, 4]


def test_that_a_row_which_torgb_shares_with_the_next_block_leaves_the_features(
    pipeline: Pipeline, state: EditState, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mixing from 32 px up changes the row that colours 16 px: a new picture of the old features."""
    coloured: list[int] = []
    run_torgb = ModelGroup.run_torgb

    def counted(pair: ModelGroup, index: int, *args: object) -> object:
        coloured.append(index)
        return run_torgb(pair, index, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(ModelGroup, "run_torgb", counted)
    cached(pipeline, state)
    calls.taken()
    mixed = replace(state, mix=(MixSource(SeedLatent(9), (0.0,) * 5 + (0.5,) * 5),))
    found = cached(pipeline, mixed)
    assert (calls.taken()[0], coloured) == ([3, 4], [2])
    assert torch.equal(found, fresh_preview(pipeline, mixed))

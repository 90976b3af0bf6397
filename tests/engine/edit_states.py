"""Hypothesis strategies for whatever an EditState may hold."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from engine.latents import LatentStore
from engine.state import (
    Blend,
    BlendSpace,
    DirectionUse,
    EditState,
    MixSource,
    ModelRef,
    Noise,
    NoiseMode,
    Overlay,
    SeedLatent,
    Side,
    Source,
    StoredLatent,
    StyleEdit,
)

factors = st.floats(-1e6, 1e6, allow_nan=False)
seeds = st.integers(0, 2**32 - 1)
hashes = st.binary(min_size=32, max_size=32).map(bytes.hex)
names = st.text(st.characters(categories=("L", "N", "Zs", "So")), max_size=40)
per_layer = st.lists(factors, max_size=18).map(tuple)
some_model = st.builds(ModelRef, sha256=hashes, name=names)
models = st.none() | some_model
seed_latents = st.builds(SeedLatent, seed=seeds, pad_x=factors, pad_y=factors)
stored_latents = st.builds(StoredLatent, key=hashes, name=names, noise_key=st.none() | hashes)
blends = st.builds(
    Blend,
    swap_resolution=st.integers(1, 2048),
    level=st.integers(0, 1),
    width=factors,
    low=st.sampled_from(Side),
    alpha=factors,
    curve=st.none() | per_layer,
    mapping=st.sampled_from(Source),
    w_avg=st.sampled_from(Source),
    noise=st.sampled_from(Source),
    affines=st.sampled_from(Source),
    torgb=st.sampled_from(Source),
    space=st.sampled_from(BlendSpace),
)
noises = st.builds(
    Noise,
    mode=st.sampled_from(NoiseMode),
    strength=factors,
    seed=seeds,
    layer_strengths=per_layer,
    layer_seeds=st.lists(st.none() | st.floats(0, 2**32 - 1), max_size=18).map(tuple),
)
overlays = st.builds(Overlay, model=some_model, alpha=factors, curve=st.none() | per_layer)
layer_ranges = st.tuples(st.integers(0, 18), st.integers(0, 18)).map(lambda rows: (min(rows), max(rows)))
directions = st.builds(
    DirectionUse, key=hashes, amount=factors, layer_range=st.none() | layer_ranges, name=names
)
style_edits = st.builds(
    StyleEdit, position=st.integers(0, 17), channel=st.integers(0, 511), amount=factors, torgb=st.booleans()
)


def states(
    latents: st.SearchStrategy[SeedLatent | StoredLatent], max_directions: int = 2
) -> st.SearchStrategy[EditState]:
    return st.builds(
        EditState,
        model_a=models,
        model_b=models,
        latent=latents,
        truncation_psi=factors,
        truncation_cutoff=st.none() | st.integers(0, 18),
        class_index=st.none() | st.integers(0, 1000),
        mix=st.lists(st.builds(MixSource, latents, per_layer, st.booleans()), max_size=3).map(tuple),
        blend=blends,
        noise=noises,
        overlays=st.lists(overlays, max_size=2).map(tuple),
        directions=st.lists(directions, max_size=max_directions).map(tuple),
        style_edits=st.lists(style_edits, max_size=3).map(tuple),
    )


any_state = states(seed_latents | stored_latents)
seeded_state = states(seed_latents, max_directions=0)


def store_with_portrait(store: LatentStore | None = None) -> tuple[LatentStore, StoredLatent]:
    """A store that holds the ws and noise of one small, made-up portrait."""
    store = store or LatentStore()
    draw = np.random.RandomState(5)
    key = store.put_ws(draw.randn(10, 32))
    noise_key = store.put_noise({0: draw.randn(4, 4), 2: draw.randn(8, 8)})
    return store, StoredLatent(key, "Aunt Agatha", noise_key)

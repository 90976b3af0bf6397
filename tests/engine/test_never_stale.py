"""What is kept never shows anything but what would be drawn afresh."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from edit_studio import BLOCKS, KIB, LONG_S, MIB, Studio, make_studio, request, small_pictures
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from torch import Tensor

from engine.backend import SynthesisPass
from engine.imaging import to_bgrx
from engine.messages import Held
from engine.preview.exit_colour import ExitCorrection
from engine.state import (
    Blend,
    BlendSpace,
    DirectionUse,
    EditState,
    Latent,
    MixSource,
    Noise,
    NoiseMode,
    Overlay,
    SeedLatent,
    Side,
    Source,
    StyleEdit,
    View,
    swapped,
    with_blend,
    with_noise,
    with_seed,
)
from engine.worker import Shot


@pytest.fixture(scope="module", autouse=True)
def _small_pictures() -> Iterator[None]:
    with small_pictures():
        yield


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    return make_studio(tmp_path_factory.mktemp("shelf"))


SHARES = st.sampled_from([0.0, 0.3, 0.4, 0.6, 0.7, 1.0, 1.3])
NUMBERS = st.sampled_from([0.0, 0.3, 0.4, 1.0])
NOISES = st.builds(Noise, st.sampled_from(list(NoiseMode)), st.sampled_from([0.4, 1.0]))
SEEDS = st.builds(SeedLatent, st.integers(0, 2), st.sampled_from([0.0, 0.5]))
SOURCES = st.sampled_from(list(Source))
LAYERS = st.lists(NUMBERS, min_size=6, max_size=6).map(tuple)
PORTRAIT = st.integers(0, 1)  # which of the studio's
OVERLAYS = st.lists(st.tuples(st.sampled_from([0, 2]), SHARES, st.none() | LAYERS), max_size=2)  # model B, or a third
STEPS_ALONG = st.sampled_from([0.0, -0.4, 0.3, 0.4])
RANGES = st.sampled_from([None, (0, 2), (3, 6), (4, 6)])
AMOUNTS = st.sampled_from([0.0, 0.5, 1.0])
STYLE_EDITS = st.builds(StyleEdit, st.integers(0, 5), st.integers(0, 3), AMOUNTS, st.booleans())

EDITS: dict[str, st.SearchStrategy] = {
    "latent": SEEDS | PORTRAIT,
    "truncation_psi": SHARES,
    "truncation_cutoff": st.sampled_from([None, 0, 3, 5]),
    "mix": st.lists(st.tuples(SEEDS | PORTRAIT, LAYERS), max_size=2),
    "mix strengths": LAYERS,
    "swap_resolution": st.sampled_from([4, 8, 16]),
    "level": st.integers(0, 1),
    "width": st.sampled_from([0.0, 1.0]),
    "low": st.sampled_from(list(Side)),
    "alpha": SHARES,
    "curve": st.none() | st.lists(SHARES, min_size=6, max_size=6).map(tuple),
    "mapping": SOURCES,
    "w_avg": SOURCES,
    "noise": SOURCES,
    "affines": SOURCES,
    "torgb": SOURCES,
    "mode": st.sampled_from(list(NoiseMode)),
    "strength": NUMBERS,
    "seed": st.integers(0, 1),
    "layer_strengths": LAYERS,
    "layer_seeds": st.lists(st.sampled_from([None, None, 0.0, 0.5, 1.0]), min_size=6, max_size=6).map(tuple),
    "space": st.sampled_from(list(BlendSpace)),
    "overlays": OVERLAYS,
    "overlay alpha": SHARES,
    "directions": st.lists(st.tuples(st.integers(0, 1), STEPS_ALONG, RANGES), max_size=2),
    "direction amount": STEPS_ALONG,
    "style_edits": st.lists(STYLE_EDITS, max_size=2).map(tuple),
    "swap": st.just(None),
}
BLEND_FIELDS, NOISE_FIELDS = set(Blend.__slots__), set(Noise.__slots__)

DRAG = [st.tuples(st.just(name), st.lists(values, min_size=2, max_size=3)) for name, values in EDITS.items()]
VIEWS = st.sampled_from([(View.BLEND,)] * 3 + [(View.A,), (View.B,), tuple(View)])
MEANWHILE = st.sampled_from(["rest", "leave a refine", "draw ahead", "finish another"])
HELD = st.sampled_from([None, *Held])
STEPS = st.lists(st.tuples(st.one_of(DRAG), VIEWS, MEANWHILE, st.integers(1, 12), HELD), min_size=4, max_size=8)


def edited(studio: Studio, state: EditState, name: str, value: object) -> EditState:
    """One control is turned."""

    def latent(given: object) -> Latent:
        return given if isinstance(given, SeedLatent) else studio.portraits[given]  # type: ignore[index]

    if name == "swap":
        return swapped(state)
    if name == "latent":
        return replace(state, latent=latent(value))
    if name == "mix":
        return replace(state, mix=tuple(MixSource(latent(of), strengths) for of, strengths in value))  # type: ignore[attr-defined]
    if name == "mix strengths":
        return replace(state, mix=tuple(replace(source, strengths=value) for source in state.mix))
    if name == "overlays":
        refs = (state.model_b, None, studio.thirds["skip" if state.model_a in studio.pairs["skip"] else "resnet"])
        overlays = (Overlay(refs[of], alpha, curve) for of, alpha, curve in value)  # type: ignore[attr-defined]
        return replace(state, overlays=tuple(overlays))
    if name == "overlay alpha":
        return replace(state, overlays=tuple(replace(one, alpha=value) for one in state.overlays))
    if name == "directions":
        uses = (DirectionUse(studio.directions[of], amount, rows) for of, amount, rows in value)  # type: ignore[attr-defined]
        return replace(state, directions=tuple(uses))
    if name == "direction amount":
        return replace(state, directions=tuple(replace(use, amount=value) for use in state.directions))
    if name in NOISE_FIELDS:
        return with_noise(state, **{name: value})
    return with_blend(state, **{name: value}) if name in BLEND_FIELDS else replace(state, **{name: value})


@pytest.fixture(autouse=True)
def _uncorrected_exits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The colours of a picture on the way are meant to depend on the finished one before; the picture is not."""
    monkeypatch.setattr(ExitCorrection, "corrected", lambda _self, _view, _edit, image: image)


def check(fresh: list[Tensor | None], one: SynthesisPass, shot: Shot) -> None:
    """Of a picture on the way, what it is before its colours are corrected: they also follow the pictures before."""
    blocks = shot.size_px.bit_length() - 2
    wanted, drawn = fresh[blocks - 1], one._synthesis.image
    assert wanted is not None
    assert shot.is_final is (blocks == BLOCKS)
    if shot.is_final:
        assert np.array_equal(shot.image, to_bgrx(wanted))
    else:
        assert drawn is not None
        assert torch.equal(drawn, wanted), shot.size_px


def check_rest(fresh: list[Tensor | None], one: SynthesisPass, refine: Iterator[Shot | None]) -> None:
    try:
        while True:
            if (shot := next(refine)) is not None:
                check(fresh, one, shot)
    except StopIteration as stop:
        check(fresh, one, stop.value)


@settings(max_examples=24, deadline=None, phases=[Phase.generate])  # shrinking takes minutes
@given(
    steps=STEPS,
    cache_bytes=st.sampled_from([6 * KIB, 64 * MIB, 64 * MIB]),
    budget_s=st.sampled_from([0.0, LONG_S]),
    pair=st.sampled_from(["skip", "skip", "skip", "resnet"]),
    noise=NOISES,
)
def test_that_what_is_kept_is_what_would_be_drawn_afresh(
    studio: Studio, steps: list[tuple], cache_bytes: int, budget_s: float, pair: str, noise: Noise
) -> None:
    """Drags of any control, with refines that are left, work ahead, and a cache that forgets."""
    backend = studio.backend(cache_bytes)
    pipeline = backend._pipeline
    mix = (MixSource(SeedLatent(2), (0.3,) * 6),)
    state = EditState(*studio.pairs[pair], mix=mix, blend=Blend(width=1.0, w_avg=Source.BLEND), noise=noise)
    left: list[tuple[EditState, SynthesisPass, Iterator[Shot | None]]] = []
    for (name, values), views, meanwhile, count, held in steps:
        if meanwhile == "leave a refine":
            other = with_seed(state, 77)
            (one,) = backend.passes(request(other, views[:1]))
            if not one.preview(0.0).is_final:
                refine = one.refine()
                while one._synthesis.index < count % BLOCKS:
                    next(refine)
                left.append((other, one, refine))
        elif meanwhile == "draw ahead":
            ahead = backend.foresee(request(state, views, held))
            list(islice(ahead, count))
            ahead.close()
        elif meanwhile == "finish another":
            for one in backend.passes(request(with_seed(state, count % 3), views)):
                one.preview(LONG_S)
        for value in values:
            state = edited(studio, state, name, value)
            for one in backend.passes(request(state, views)):
                fresh = studio.fresh(state, one.view)
                shot = one.preview(budget_s)
                check(fresh, one, shot)
                if not shot.is_final:
                    check_rest(fresh, one, one.refine())
                synthesis = pipeline.start(pipeline.resolve_view(state, one.view))
                while not synthesis.done:
                    synthesis.step()
                assert synthesis.image is not None
                assert fresh[-1] is not None
                assert torch.equal(synthesis.image, fresh[-1])
    for other, one, refine in left:  # what was left long ago still knows what it was drawing
        check_rest(studio.fresh(other, one.view), one, refine)
    for store in (pipeline.cache, pipeline.pictures):
        assert store.used_bytes <= cache_bytes
        held_now = {block: size for _, memory in store._entries.values() for block, size in memory.items()}
        assert store.used_bytes == sum(held_now.values())

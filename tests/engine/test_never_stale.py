"""What is kept never shows anything but what would be drawn afresh, and no edit draws more than it must."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from typing import TypeAlias

import numpy as np
import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from shelf import Shelf
from torch import Tensor

from engine import backend as backend_module
from engine.backend import SynthesisPass, TorchBackend
from engine.imaging import to_bgrx
from engine.latents import LatentStore
from engine.messages import Held, RenderRequest
from engine.model_group import ModelGroup
from engine.models import ModelPool
from engine.network import Carry
from engine.pipeline import Pipeline
from engine.preview.exit_colour import ExitCorrection
from engine.stage_cache import StageCache
from engine.state import (
    Blend,
    BlendSpace,
    DirectionUse,
    EditState,
    Latent,
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
    View,
    swapped,
    with_alpha,
    with_blend,
    with_curve,
    with_direction,
    with_noise,
    with_overlay,
    with_seed,
    with_style_edit,
    with_swap_resolution,
    with_truncation,
)
from engine.worker import Shot

KIB, MIB = 1 << 10, 1 << 20
LONG_S = 1000.0
BLOCKS = 3  # 4, 8 and 16 px


@pytest.fixture(scope="module", autouse=True)
def _small_pictures() -> Iterator[None]:
    """One thread, pictures on the way up that are shown however small they are, and no samples of their colours."""
    patch = pytest.MonkeyPatch()
    patch.setattr(backend_module.ExitCorrection, "calibration", lambda *args: iter(()))
    patch.setattr(backend_module, "SMALLEST_PREVIEW_PX", 4)
    patch.setattr(backend_module, "WORTH_SHOWING_S", -1.0)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
    patch.undo()


class Studio:
    """Small models that fit each other, portraits with and without noise, directions, and a pipeline that remembers
    nothing.

    Attributes:
        thirds: A further model for every pair.
        directions: Of one row, and of all.
    """

    def __init__(
        self,
        shelf: Shelf,
        trios: dict[str, tuple[ModelRef, ...]],
        portraits: tuple[StoredLatent, ...],
        directions: tuple[str, ...],
        store: LatentStore,
    ) -> None:
        self.pairs = {name: (a, b) for name, (a, b, _) in trios.items()}
        self.thirds = {name: third for name, (_, _, third) in trios.items()}
        self.portraits = portraits
        self.directions = directions
        self._shelf = shelf
        self._store = store
        self._pool = ModelPool(shelf, "cpu", 64 * MIB)
        self._forgetful = self.pipeline(0)

    def backend(self, cache_bytes: int) -> TorchBackend:
        backend = TorchBackend(self._shelf, self._store, "cpu")
        backend._pipeline = self.pipeline(cache_bytes)
        return backend

    def pipeline(self, cache_bytes: int) -> Pipeline:
        stages, pictures = StageCache(cache_bytes), StageCache(cache_bytes)
        return Pipeline(self._pool, self._store, stages, pictures=pictures)

    def fresh(self, state: EditState, view: View) -> list[Tensor | None]:
        """The pictures after every block, drawn as previews are, where nothing was drawn or mixed before."""
        self._forgetful._groups.clear()
        synthesis = self._forgetful.start(self._forgetful.resolve_view(state, view), fresh=True)
        images = []
        while not synthesis.done:
            synthesis.step()
            images.append(synthesis.image)
        return images


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    shelf, store = Shelf(tmp_path_factory.mktemp("shelf")), LatentStore()
    draw = np.random.RandomState(0)
    maps = {position: draw.randn(size, size) for position, size in ((1, 4), (2, 8), (3, 8), (5, 16))}
    portraits = (
        StoredLatent(store.put_ws(draw.randn(6, 10)), "Ada", store.put_noise(maps)),
        StoredLatent(store.put_ws(draw.randn(4, 10)), "Bob"),
    )
    trios = {}
    for name, architecture in (("skip", "skip"), ("resnet", "resnet")):
        trios[name] = tuple(
            shelf.put(f"{name} {side}", seed=seed, channels=(6, 6, 4), architecture=architecture, conv_clamp=clamp)
            for side, seed, clamp in (("a", 1, None), ("b", 2, 1.0), ("c", 3, 2.0))
        )
    directions = tuple(store.put_ws(draw.randn(rows, 10)) for rows in (1, 6))
    return Studio(shelf, trios, portraits, directions, store)


# --- whatever was edited before -----------------------------------------------------------------------------------

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
        overlays = (Overlay(refs[of], alpha, curve) for of, alpha, curve in value)  # type: ignore
        return replace(state, overlays=tuple(overlays))
    if name == "overlay alpha":
        return replace(state, overlays=tuple(replace(one, alpha=value) for one in state.overlays))
    if name == "directions":
        uses = (DirectionUse(studio.directions[of], amount, rows) for of, amount, rows in value)  # type: ignore
        return replace(state, directions=tuple(uses))
    if name == "direction amount":
        return replace(state, directions=tuple(replace(use, amount=value) for use in state.directions))
    if name in NOISE_FIELDS:
        return with_noise(state, **{name: value})
    return with_blend(state, **{name: value}) if name in BLEND_FIELDS else replace(state, **{name: value})


def request(state: EditState, views: tuple[View, ...], held: Held | None = None) -> RenderRequest:
    return RenderRequest(1, state, views, held=held)


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


# --- no more than it must -----------------------------------------------------------------------------------------

UP_TO_8 = (1.0, 1.0, 1.0, 1.0)

Turn: TypeAlias = Callable[[EditState], EditState]

TURNS: dict[str, tuple[int, Turn]] = {
    "noise strength": (0, lambda state: with_noise(state, strength=0.5)),
    "noise at 4 px": (0, lambda state: with_noise(state, layer_strengths=(1.0, 0.5))),
    "noise of the constant, which has none": (3, lambda state: with_noise(state, layer_strengths=(0.5,))),
    "noise at 8 px": (1, lambda state: with_noise(state, layer_strengths=(1.0, 1.0, 1.0, 0.5))),
    "noise at 16 px": (2, lambda state: with_noise(state, layer_strengths=(*UP_TO_8, 0.5))),
    "noise mode": (0, lambda state: with_noise(state, mode=NoiseMode.RANDOM)),
    "noise seed of the model's own noise": (3, lambda state: with_noise(state, seed=5)),
    "psi": (0, lambda state: with_truncation(state, 0.4)),
    "psi up to row 4": (2, lambda state: with_truncation(state, 0.7, 4)),
    "psi up to row 3": (1, lambda state: with_truncation(state, 0.7, 3)),
    "psi on all rows by number": (3, lambda state: with_truncation(state, 0.7, 6)),
    "mixing into row 2": (1, lambda state: mixed(state, 2, 0.5)),
    "mixing into row 4": (2, lambda state: mixed(state, 4, 0.5)),
    "mixing nothing": (3, lambda state: mixed(state, 4, 0.0)),
    "swap up": (1, lambda state: with_swap_resolution(state, 8)),
    "swap level": (1, lambda state: with_blend(state, level=1)),
    "swap at the top": (1, lambda state: with_swap_resolution(state, 16)),
    "alpha": (1, lambda state: with_alpha(state, 0.5)),
    "alpha to nothing": (1, lambda state: with_alpha(state, 0.0)),
    "curve at 16 px": (2, lambda state: with_curve(state, (0.0, 0.0, 1.0, 1.0, 1.0, 0.5))),
    "curve like the step": (3, lambda state: with_curve(state, (0.0, 0.0, 1.0, 1.0, 1.0, 1.0))),
    "noise of A": (1, lambda state: with_blend(state, noise=Source.A)),
    "styles of B": (0, lambda state: with_blend(state, affines=Source.B)),
    "colour of A": (1, lambda state: with_blend(state, torgb=Source.A)),
    "mapping of B": (0, lambda state: with_blend(state, mapping=Source.B)),
    "mean latent of B": (0, lambda state: with_blend(state, w_avg=Source.B)),
    "seed": (0, lambda state: with_seed(state, 4)),
    "seed of the noise at 8 px": (1, lambda state: with_noise(state, layer_seeds=(None, None, 5.0))),
    "seed of the noise at 16 px": (2, lambda state: with_noise(state, layer_seeds=(None,) * 4 + (0.5, 0.5))),
    "seed of the constant, which has no noise": (3, lambda state: with_noise(state, layer_seeds=(5.0,))),
    "blend of latents": (1, lambda state: with_blend(state, space=BlendSpace.LATENTS)),
    "blend of latents of nothing": (1, lambda state: with_blend(state, space=BlendSpace.LATENTS, alpha=0.0)),
    "style at 4 px": (0, lambda state: with_style_edit(state, StyleEdit(1, 0, 0.5))),
    "style at 16 px": (2, lambda state: with_style_edit(state, StyleEdit(4, 0, 0.5))),
    "style of the colour at 8 px": (1, lambda state: with_style_edit(state, StyleEdit(3, 0, 0.5, torgb=True))),
    "style of the colour at 16 px": (2, lambda state: with_style_edit(state, StyleEdit(5, 0, 0.5, torgb=True))),
    "style that there is none of": (3, lambda state: with_style_edit(state, StyleEdit(5, 99, 0.5))),
}

StudioTurn: TypeAlias = Callable[[Studio, EditState], EditState]

STUDIO_TURNS: dict[str, tuple[int, StudioTurn]] = {
    "direction": (0, lambda studio, state: along(studio, state, 0.5)),
    "direction from row 3": (1, lambda studio, state: along(studio, state, 0.5, (3, 6))),
    "direction from row 4": (2, lambda studio, state: along(studio, state, 0.5, (4, 99))),
    "direction of no step": (3, lambda studio, state: along(studio, state, 0.0)),
    "direction on no row": (3, lambda studio, state: along(studio, state, 0.5, (6, 9))),
    "overlay": (0, lambda studio, state: covered(studio, state, 0.5)),
    "overlay of nothing": (3, lambda studio, state: covered(studio, state, 0.0)),
    "overlay at 16 px": (2, lambda studio, state: covered(studio, state, 0.5, (0.0, 0.0, 0.0, 0.0, 1.0, 1.0))),
    "colour of A under an overlay": (
        1,
        lambda studio, state: covered(studio, with_blend(state, torgb=Source.A), 0.5, (0.0,) * 4 + (1.0, 1.0)),
    ),
}


STUDIO_FROM_ELSEWHERE: dict[str, tuple[int, StudioTurn, StudioTurn]] = {
    "step along a direction": (
        2,
        lambda studio, state: along(studio, state, 0.5, (4, 6)),
        lambda studio, state: along(studio, state, 0.6, (4, 6)),
    ),
    "direction": (
        2,
        lambda studio, state: along(studio, state, 0.5, (4, 6)),
        lambda studio, state: with_direction(state, 0, DirectionUse(studio.directions[0], 0.5, (4, 6))),
    ),
    "alpha of the third of three": (
        1,
        lambda studio, state: covered(studio, with_blend(state, width=1.0), 0.5, (0.0, 0.0, 1.0, 1.0, 1.0, 1.0)),
        lambda studio, state: covered(studio, with_blend(state, width=1.0), 0.6, (0.0, 0.0, 1.0, 1.0, 1.0, 1.0)),
    ),
    "channel": (
        2,
        lambda studio, state: with_style_edit(state, StyleEdit(4, 0, 0.5)),
        lambda studio, state: replace(state, style_edits=(StyleEdit(4, 1, 0.5),)),
    ),
    "step of a channel": (
        1,
        lambda studio, state: with_style_edit(state, StyleEdit(3, 0, 0.5, torgb=True)),
        lambda studio, state: with_style_edit(state, StyleEdit(3, 0, 0.6, torgb=True)),
    ),
    "fraction of a seed": (
        2,
        lambda studio, state: with_noise(state, layer_seeds=(None,) * 4 + (0.5,)),
        lambda studio, state: with_noise(state, layer_seeds=(None,) * 4 + (0.6,)),
    ),
}


def along(studio: Studio, state: EditState, amount: float, rows: tuple[int, int] | None = None) -> EditState:
    return with_direction(state, 0, DirectionUse(studio.directions[1], amount, rows))


def covered(studio: Studio, state: EditState, alpha: float, curve: tuple[float, ...] | None = None) -> EditState:
    return with_overlay(state, 0, Overlay(studio.thirds["skip"], alpha, curve))


def mixed(state: EditState, row: int, strength: float) -> EditState:
    return replace(state, mix=(MixSource(SeedLatent(9), (0.0,) * row + (strength,)),))


def carries(studio: Studio, state: EditState) -> list[tuple[torch.Tensor | None, ...]]:
    """What comes out of every block, drawn afresh."""
    found: list[tuple[torch.Tensor | None, ...]] = []
    run_block = ModelGroup.run_block

    def noted(pair: ModelGroup, index: int, *args: object, **options: object) -> Carry:
        carry = run_block(pair, index, *args, **options)  # type: ignore[arg-type]
        found.append((carry.x, carry.img))
        return carry

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ModelGroup, "run_block", noted)
        studio.fresh(state, View.BLEND)
    return found


def as_random(state: EditState) -> EditState:
    return with_noise(state, mode=NoiseMode.RANDOM, layer_strengths=(0.0, 0.0, 1.0))


FROM_ELSEWHERE: dict[str, tuple[int, Turn, Turn]] = {
    "seed of random noise": (1, as_random, lambda state: with_noise(state, seed=1)),
    "mixing strength": (2, lambda state: mixed(state, 4, 0.3), lambda state: mixed(state, 4, 0.6)),
    "psi of a mean latent that is mixed": (
        0,
        lambda state: with_blend(state, w_avg=Source.BLEND, alpha=0.5),
        lambda state: with_alpha(state, 0.6),
    ),
    "mean latent that nothing is pulled to": (
        3,
        lambda state: with_truncation(state, 1.0),
        lambda state: with_blend(state, w_avg=Source.B),
    ),
    "alpha of latents": (
        1,
        lambda state: with_blend(state, space=BlendSpace.LATENTS, alpha=0.5, curve=(0.0,) * 3 + (1.0, 0.0, 0.0)),
        lambda state: with_alpha(state, 0.6),
    ),
    "truncation of latents of B": (
        0,
        lambda state: with_blend(state, space=BlendSpace.LATENTS, curve=(1.0,) * 6),
        lambda state: with_truncation(state, 0.4),
    ),
    "alpha between": (1, lambda state: with_alpha(state, 0.3), lambda state: with_alpha(state, 0.4)),
}


@pytest.mark.parametrize("name", [*TURNS, *FROM_ELSEWHERE])
def test_that_turning_a_control_draws_from_the_first_block_that_it_changes(
    studio: Studio, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = EditState(*studio.pairs["skip"], SeedLatent(3), blend=Blend(4))
    if name in TURNS:
        first, turn = TURNS[name]
    else:
        first, start, turn = FROM_ELSEWHERE[name]
        before = start(before)
    expect(studio, before, turn(before), first, monkeypatch)


@pytest.mark.parametrize("name", STUDIO_TURNS)
def test_that_a_further_model_or_a_direction_draws_from_the_first_block_that_it_changes(
    studio: Studio, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = EditState(*studio.pairs["skip"], SeedLatent(3), blend=Blend(4))
    first, turn = STUDIO_TURNS[name]
    expect(studio, before, turn(studio, before), first, monkeypatch)


@pytest.mark.parametrize("name", STUDIO_FROM_ELSEWHERE)
def test_that_what_is_on_already_draws_from_the_first_block_that_it_changes(
    studio: Studio, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, start, turn = STUDIO_FROM_ELSEWHERE[name]
    before = start(studio, EditState(*studio.pairs["skip"], SeedLatent(3), blend=Blend(4)))
    expect(studio, before, turn(studio, before), first, monkeypatch)


def test_that_a_portrait_is_known_by_its_latent_and_by_its_noise(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada, bob = studio.portraits
    start = EditState(*studio.pairs["skip"], ada, truncation_psi=1.0, blend=Blend(4))
    expect(studio, start, replace(start, latent=replace(ada, name="Eda")), BLOCKS, monkeypatch)
    expect(studio, start, replace(start, latent=replace(ada, noise_key=None)), 0, monkeypatch)
    expect(studio, start, replace(start, latent=bob), 0, monkeypatch)


def expect(studio: Studio, before: EditState, after: EditState, first: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Going from one state to the other changes what comes out from block `first` up, and draws just that.

    Of a block whose picture changes but not its features, only the picture is made anew; but the last block, whose
    features are not kept, is run.
    """
    same = [
        [torch.equal(one, other) for one, other in zip(old, new, strict=True)]  # type: ignore[arg-type]
        for old, new in zip(carries(studio, before), carries(studio, after), strict=True)
    ]
    assert [all(both) for both in same] == [index < first for index in range(BLOCKS)], (
        "what the control really changes"
    )
    last = BLOCKS - 1
    wanted = [index for index, both in enumerate(same) if not both[0] or (index == last and not all(both))]
    backend = studio.backend(64 * MIB)
    (one,) = backend.passes(request(before, (View.BLEND,)))
    one.preview(LONG_S)
    ran: list[int] = []
    run_block = ModelGroup.run_block

    def counted(pair: ModelGroup, index: int, *args: object, **options: object) -> Carry:
        ran.append(index)
        return run_block(pair, index, *args, **options)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(ModelGroup, "run_block", counted)
        (one,) = backend.passes(request(after, (View.BLEND,)))
        one.preview(LONG_S)
    assert ran == wanted

"""No edit draws more than it must, nor less."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeAlias

import pytest
import torch
from edit_studio import BLOCKS, LONG_S, MIB, Studio, make_studio, request, small_pictures

from engine.model_group import ModelGroup
from engine.network import Carry
from engine.state import (
    Blend,
    BlendSpace,
    DirectionUse,
    EditState,
    MixSource,
    NoiseMode,
    Overlay,
    SeedLatent,
    Source,
    StyleEdit,
    View,
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


@pytest.fixture(scope="module", autouse=True)
def _small_pictures() -> Iterator[None]:
    with small_pictures():
        yield


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    return make_studio(tmp_path_factory.mktemp("shelf"))


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

"""Carrying what tuning changed in model A into the layers of others: the arithmetic, and the pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_networks import relative_error
from stacked_models import PREVIEW_ERROR, Models

from engine.blend_doctor import diagnose
from engine.carry import CARRIES_LITTLE, Carried, carry_sentence, with_carried
from engine.library_records import ModelRecord
from engine.network import Network, Origin
from engine.pipeline import Pipeline
from engine.shares import Shares, weights_of
from engine.state import (
    Blend,
    BlendSpace,
    EditState,
    ModelRef,
    Overlay,
    SeedLatent,
    Source,
    View,
    with_alpha,
    with_blend,
    with_overlay,
)
from engine.weight_distance import weight_distance

PARENT = ModelRef("f" * 64, "portrait")
PARTS = ("conv", "conv_affine", "torgb", "torgb_affine", "noise")


def one_place(share: float) -> Shares:
    return Shares((share,), (share,), (share,), (share,), (share,), mapping=0.3, w_avg=0.2)


def carried(strength: float = 1.0, count: int = 1) -> Carried:
    return Carried.of(PARENT, strength, Blend(), (True,) * count)


def wanted(shares: list[float], strength: float) -> list[float]:
    """Straight from the definition: weights of T, the others, and the parent."""
    first, *others = weights_of(shares)
    moved = strength * max(0.0, 1.0 - first)
    return [first + moved, *others, -moved]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=4), st.floats(0.01, 1))
def test_that_shares_say_what_is_to_be_carried(shares: list[float], strength: float) -> None:
    stack = with_carried(tuple(one_place(share) for share in shares), carried(strength, len(shares)))
    for part in PARTS:
        found = weights_of([getattr(one, part)[0] for one in stack])
        assert found == pytest.approx(wanted(shares, strength), abs=1e-6)
    assert [(one.mapping, one.w_avg) for one in stack] == [(0.3, 0.2)] * len(shares) + [(0.0, 0.0)]


def test_that_where_all_is_the_tuned_model_nothing_changes() -> None:
    stack = with_carried((one_place(0.0),), carried())
    assert weights_of([one.conv[0] for one in stack]) == (1.0, 0.0, 0.0)


def test_that_a_whole_layer_of_b_gets_all_of_the_tuning() -> None:
    stack = with_carried((one_place(1.0),), carried())
    assert weights_of([one.conv[0] for one in stack]) == (1.0, 1.0, -1.0)


@pytest.mark.parametrize("share", [-0.5, -3.0])
def test_that_past_the_tuned_model_nothing_is_carried(share: float) -> None:
    stack = with_carried((one_place(share),), carried())
    assert [one.conv[0] for one in stack] == [share, 0.0]


def test_that_weights_that_cancel_carry_nothing_there() -> None:
    # T 0, B 1, then a model that takes as much as there is of B: what lies below it adds up to nothing.
    stack = (one_place(2.0), one_place(2.0))
    assert weights_of([2.0, 2.0]) == (1.0, -2.0, 2.0)  # T is whole: nothing to carry either
    assert [one.conv[0] for one in with_carried(stack, carried(count=2))] == [2.0, 2.0, 0.0]
    below = (one_place(1.5), one_place(1.0))  # T and B of weight 0, all of C
    assert weights_of([one.conv[0] for one in with_carried(below, carried(count=2))]) == (1.0, 0.0, 1.0, -1.0)
    third = (one_place(4 / 3), one_place(-0.5))  # T -0.5, B 2, C -0.5
    assert weights_of([one.conv[0] for one in with_carried(third, carried(1 / 3, 2))])[-1] == 0.0  # T's would be 0


def test_that_parts_of_b_alone_stay_as_b_has_them() -> None:
    pinned = Carried.of(PARENT, 0.5, Blend(torgb=Source.B, noise=Source.A))
    assert (pinned.conv, pinned.conv_affine) == (0.5, 0.5)
    assert (pinned.torgb, pinned.torgb_affine, pinned.noise) == (0.0, 0.0, 0.0)


# --- pictures -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    return Models(tmp_path_factory.mktemp("shelf"))


@pytest.fixture(scope="module")
def tuned(models: Models) -> ModelRef:
    """Model a, tuned: every tensor of the synthesis a little away from it."""
    return put_tuned(models, models.a, "tuned")


def put_tuned(
    models: Models, parent: ModelRef, name: str, *, told: ModelRef | None = None, seed: int = 7
) -> ModelRef:
    found = models.network(parent)
    generator = torch.Generator().manual_seed(seed)
    tensors = {
        key: tensor + (0.1 * torch.randn(tensor.shape, generator=generator) if "mapping" not in key else 0.0)
        for key, tensor in found.tensors.items()
    }
    told = told or parent
    step = {"step": "pivot", "from": told.name, "from_sha256": told.sha256}
    origin = Origin(lineage=(step,))
    return models.shelf.put(name, Network.from_tensors(found.config, tensors, origin=origin))


@pytest.fixture
def state(models: Models, tuned: ModelRef) -> EditState:
    return EditState(tuned, models.b, SeedLatent(3), blend=Blend(8, width=1.0, alpha=0.7, carry=0.8))


def by_hand(models: Models, state: EditState, tuned: ModelRef) -> torch.Tensor:
    """The blend made tensor by tensor from the definition, with every part following the layers."""
    edit = replace(models.pipeline.resolve(state), carried=None)
    t, p = models.network(tuned), models.network(models.a)
    others = [models.network(ref) for ref in edit.models[1:]]
    made = {}
    for name, tensor in t.tensors.items():
        role = t.family.role_of(name)
        if name.startswith("mapping"):
            made[name] = tensor
            continue
        weights = weights_of([shares.conv[role.position] for shares in edit.stack])
        moved = state.blend.carry * max(0.0, 1.0 - weights[0])
        parts = zip(weights, (t, *others), strict=True)
        mixed = sum((weight * network.tensors[name] for weight, network in parts), torch.zeros_like(tensor))
        made[name] = mixed + moved * (tensor - p.tensors[name])
    clamped = t.config
    return Network.from_tensors(clamped, made).synthesis(models.w(tuned))


def test_that_a_tuned_model_names_its_parent(models: Models, tuned: ModelRef) -> None:
    assert models.network(tuned).descriptor.tuned_from == models.a
    assert models.network(models.a).descriptor.tuned_from is None


def test_that_pictures_are_what_the_definition_says(models: Models, state: EditState, tuned: ModelRef) -> None:
    same_clamps = replace(state, model_b=models.d)  # like a, without clamps: those are nobody's share
    assert relative_error(models.render(same_clamps), by_hand(models, same_clamps, tuned)) < 1e-4
    laid_over = with_overlay(same_clamps, 0, Overlay(models.d, 0.3))
    assert relative_error(models.render(laid_over), by_hand(models, laid_over, tuned)) < 1e-4


def test_that_previews_show_what_exports_show(models: Models, state: EditState) -> None:
    exact = models.render(state)
    assert (models.preview(state) - exact).std() < PREVIEW_ERROR * exact.std()
    moved = with_blend(state, carry=0.3)
    assert (models.preview(moved) - models.render(moved)).std() < PREVIEW_ERROR * exact.std()


def test_that_without_carrying_the_blend_is_as_ever(models: Models, state: EditState, tuned: ModelRef) -> None:
    edit = models.pipeline.resolve(with_blend(state, carry=0.0))
    assert edit.carried is None
    assert edit.models == (tuned, models.b)


def test_that_alpha_zero_is_the_tuned_model_itself(models: Models, state: EditState, tuned: ModelRef) -> None:
    alone = EditState(tuned, None, SeedLatent(3))
    assert torch.equal(models.render(with_alpha(state, 0.0)), models.render(alone))
    assert torch.equal(models.render(state, View.A), models.render(alone))


def test_that_b_alone_is_shown_as_it_is(models: Models, state: EditState) -> None:
    carried_not = with_blend(state, carry=0.0)
    assert torch.equal(models.render(state, View.B), models.render(carried_not, View.B))


def test_that_a_blend_of_latents_is_left_alone(models: Models, state: EditState) -> None:
    latents = with_blend(state, space=BlendSpace.LATENTS)
    assert torch.equal(models.render(latents), models.render(with_blend(latents, carry=0.0)))
    assert torch.equal(models.render(state, View.LATENTS), models.render(latents))


def test_that_an_exported_network_holds_what_was_carried(models: Models, state: EditState, tuned: ModelRef) -> None:
    network, _ = models.pipeline.blended_network(state)
    assert relative_error(network.synthesis(models.w(tuned)), models.render(state)) < 1e-4
    assert network.descriptor.tuned_from is None


def test_that_a_lost_parent_is_told_and_nothing_is_carried(models: Models, state: EditState) -> None:
    orphan = put_tuned(models, models.a, "orphan", told=ModelRef("e" * 64, "lost one"))
    found = replace(state, model_a=orphan)
    assert any("lost one" in text and "not on this computer" in text for text in models.warnings(found))
    assert torch.equal(models.render(found), models.render(with_blend(found, carry=0.0)))
    assert not any("lost one" in text for text in models.warnings(with_blend(found, carry=0.0)))


def test_that_carrying_between_strangers_is_advised_against(models: Models, state: EditState) -> None:
    assert CARRIES_LITTLE in models.pipeline.resolve(state).warnings
    assert CARRIES_LITTLE not in models.pipeline.resolve(with_blend(state, carry=0.0)).warnings


def test_that_fading_to_the_parent_or_to_another_person_carries_nothing(
    models: Models, state: EditState, tuned: ModelRef
) -> None:
    bob = put_tuned(models, models.a, "bob", seed=8)
    for other in (models.a, bob):
        faded = replace(with_alpha(state, 1.0), model_b=other, blend=Blend(curve=(1.0,) * 10))
        alone = EditState(other, None, SeedLatent(3))
        edit = models.pipeline.resolve(faded)
        assert edit.carried is None
        assert relative_error(models.render(faded), models.render(alone)) < 1e-5
        three = with_overlay(faded, 0, Overlay(models.b, 0.25))
        stack = models.pipeline.resolve(three).stack
        assert weights_of([one.conv[0] for one in stack]) == pytest.approx((0.25, 0.75, 0.25, -0.25))


def test_that_the_doctor_says_what_is_carried(models: Models, tuned: ModelRef) -> None:
    def record(ref: ModelRef) -> ModelRecord:
        return ModelRecord(ref, models.network(ref).descriptor, Path())

    a, b = record(tuned), record(models.b)
    said = [found.sentence for found in diagnose(a, b).findings]
    assert any("What tuning “tuned” changed in a is carried into b's layers, 100 %." in one for one in said)
    far = weight_distance(models.network(tuned), models.network(models.b))
    assert any(CARRIES_LITTLE in found.sentence for found in diagnose(a, b, far).findings)
    assert not any("tuning" in found.sentence for found in diagnose(a, record(models.a)).findings)


def test_that_what_is_carried_is_said_in_a_sentence(models: Models, state: EditState, tuned: ModelRef) -> None:
    a = models.network(tuned).descriptor

    def said(changed: EditState) -> str | None:
        return carry_sentence(changed.blend, a, "Anna", "toon")

    full = with_blend(state, carry=1.0)
    assert said(full) == "What tuning “Anna” changed in a is carried into toon's layers, 100 %."
    assert said(with_blend(full, carry=0.0)) == "What tuning “Anna” changed in a is not carried into toon's layers."
    assert said(with_blend(full, torgb=Source.B)) == (
        "What tuning “Anna” changed in a is carried into toon's layers, 100 %, but not into the colours, taken from B"
        " alone."
    )
    assert carry_sentence(full.blend, models.network(models.a).descriptor, "a", "toon") is None


def test_that_pipelines_keep_the_parent_within_their_budget(models: Models, state: EditState, tmp_path: Path) -> None:
    pipeline: Pipeline = models.pipeline
    pipeline.resolve(state)
    assert models.a.sha256 in pipeline.models

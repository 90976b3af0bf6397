"""Third and further models, laid over the blend; blends of latents; steps along directions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from small_networks import relative_error
from stacked_models import PREVIEW_ERROR, Models
from textbook import Textbook

from engine.blending import blend, blend_stack
from engine.latents import seed_to_z
from engine.network import Network
from engine.shares import weights_of
from engine.stage_cache import StageCache
from engine.state import (
    Blend,
    BlendSpace,
    DirectionUse,
    EditState,
    MixSource,
    Overlay,
    SeedLatent,
    Source,
    StoredLatent,
    View,
    with_alpha,
    with_blend,
    with_direction,
    with_overlay,
)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    return Models(tmp_path_factory.mktemp("shelf"))


@pytest.fixture
def pair(models: Models) -> EditState:
    return EditState(models.a, models.b, SeedLatent(3), blend=Blend(8, width=1.0, alpha=0.7))


@pytest.fixture
def three(models: Models, pair: EditState) -> EditState:
    return with_overlay(pair, 0, Overlay(models.c, 0.6, (0.0, 0.2, 0.5, 0.5, 1.0, 1.0, 0.3, 1.5, -0.2)))


# --- models over models -------------------------------------------------------------------------------------------


def test_that_weights_are_layers_over_layers_and_add_up_to_one() -> None:
    assert weights_of([]) == (1.0,)
    assert weights_of([0.25]) == (0.75, 0.25)
    assert weights_of([0.25, 0.5]) == (0.375, 0.125, 0.5)
    assert weights_of([0.3, 1.0]) == (0.0, 0.0, 1.0)
    for shares in ([1.4, -0.3, 0.2], [0.5, 0.5, 0.5], [2.0, 3.0]):
        assert sum(weights_of(shares)) == pytest.approx(1.0)


def test_that_three_models_are_the_sum_of_their_weights_in_float64(models: Models, three: EditState) -> None:
    a, b, c = (models.network(ref) for ref in (models.a, models.b, models.c))
    edit = models.pipeline.resolve(three)
    (over,) = edit.overlays
    sums = {}
    for name in a.tensors:
        role = a.family.role_of(name)
        s = t = 0.0
        if role.position >= 0 and not name.startswith("mapping."):
            s, t = edit.shares.conv[role.position], over.shares.conv[role.position]
        parts = ((1 - s) * (1 - t), s * (1 - t), t)
        sums[name] = sum(w * net.tensors[name].double() for w, net in zip(parts, (a, b, c), strict=True))
    mixed = blend_stack((a, b, c), edit.stack)
    for name, wanted in sums.items():
        assert relative_error(mixed.tensors[name].double(), wanted) < 1e-6, name
    picture = Textbook(mixed.config, sums).synthesis(models.w(models.a))
    assert relative_error(models.render(three).double(), picture) < 1e-4
    assert torch.equal(models.render(three), mixed.synthesis(models.w(models.a)))


def test_that_a_preview_of_three_models_is_near_the_exact_picture(models: Models, three: EditState) -> None:
    exact, preview = models.render(three), models.preview(three)
    assert float((preview - exact).square().mean().sqrt() / exact.std()) < PREVIEW_ERROR
    assert torch.equal(preview, models.preview(three, fresh=True))


@pytest.mark.parametrize("overlay", [{"alpha": 0.0}, {"curve": ()}, {"curve": (0.0,) * 30}])
def test_that_an_overlay_that_takes_nothing_changes_nothing_and_is_found_in_the_cache(
    models: Models, pair: EditState, overlay: dict[str, object]
) -> None:
    nothing = with_overlay(pair, 0, Overlay(models.c, **overlay))  # type: ignore[arg-type]
    assert torch.equal(models.render(nothing), models.render(pair))
    assert torch.equal(models.preview(nothing, fresh=True), models.preview(pair, fresh=True))
    models.preview(pair)
    assert models.ran(nothing) == []


def test_that_an_overlay_of_all_is_that_model_itself(models: Models, pair: EditState) -> None:
    whole = with_overlay(pair, 0, Overlay(models.c))
    wanted = models.network(models.c).synthesis(models.w(models.a))
    assert torch.equal(models.render(whole), wanted)
    alone = EditState(models.a, latent=SeedLatent(3), overlays=(Overlay(models.c),))
    assert torch.equal(models.render(alone), wanted), "without a model B"
    models.preview(alone)
    assert models.ran(whole) == [], "what lies below has no part in it, not even by name"


def test_that_an_overlay_without_a_model_b_is_a_blend_of_two(models: Models) -> None:
    over = EditState(models.a, latent=SeedLatent(3), overlays=(Overlay(models.c, 0.4),))
    as_b = EditState(models.a, models.c, SeedLatent(3), blend=Blend(curve=(1.0,) * 10, alpha=0.4))
    assert torch.equal(models.render(over), models.render(as_b))
    models.preview(as_b)
    assert models.ran(over) == []


def test_that_the_order_of_overlays_matters_as_in_a_picture_editor(models: Models, pair: EditState) -> None:
    half, all_of_it = Overlay(models.c, 0.5), Overlay(models.d)
    assert torch.equal(
        models.render(replace(pair, overlays=(half, all_of_it))),
        models.network(models.d).synthesis(models.w(models.a)),
    )
    d_below = models.render(replace(pair, overlays=(all_of_it, half)))
    c_over_d = replace(pair, model_a=models.d, model_b=models.c, blend=Blend(curve=(1.0,) * 10, alpha=0.5))
    found = blend_stack(
        [models.network(models.d), models.network(models.c)], models.pipeline.resolve(c_over_d).stack
    ).synthesis(models.w(models.a))
    assert relative_error(d_below, found) < 1e-5


def test_that_pinned_parts_and_the_mapping_are_left_to_a_and_b(models: Models) -> None:
    blend_ = Blend(affines=Source.A, torgb=Source.B, noise=Source.A, mapping=Source.B, w_avg=Source.B, alpha=0.5)
    state = EditState(models.a, models.b, SeedLatent(3), blend=blend_, overlays=(Overlay(models.c),))
    a, b, c = (models.network(ref) for ref in (models.a, models.b, models.c))
    wanted = blend(a, c, replace(models.pipeline.resolve(state).shares, conv=(1.0,) * 10)).tensors
    found = blend_stack((a, b, c), models.pipeline.resolve(state).stack).tensors
    for name in found:
        origin = b if name.startswith("mapping.") or ".torgb." in name else c
        if ".torgb.affine" in name or (".conv" in name and (".affine." in name or "noise" in name)):
            origin = a
        assert torch.equal(found[name], origin.tensors[name]), name
    assert wanted.keys() == found.keys()


def test_that_views_of_a_and_b_show_these_alone(models: Models, three: EditState) -> None:
    ws = models.w(models.a)
    assert torch.equal(models.render(three, View.A), models.network(models.a).synthesis(ws))
    assert torch.equal(models.render(three, View.B), models.network(models.b).synthesis(ws))
    without_b = replace(three, model_b=None)
    assert torch.equal(models.render(without_b, View.A), models.network(models.a).synthesis(ws))
    assert torch.equal(models.render(without_b, View.B), models.network(models.a).synthesis(ws))


def test_that_a_model_that_does_not_fit_is_left_out_with_a_sentence(models: Models, pair: EditState) -> None:
    small = models.shelf.put("small", seed=7, channels=(8, 8, 8, 6))
    sharp = models.shelf.put("sharp", seed=8, taps=(0.5, 0.5))
    state = replace(pair, overlays=(Overlay(small), Overlay(models.c, 0.5), Overlay(sharp)))
    first, second = models.warnings(state)
    assert first == "“small” cannot be blended with A and is left out: A makes 64 px pictures, it makes 32 px."
    assert second.startswith("“sharp” is left out. These models cannot be blended: they differ in ")
    rest = replace(pair, overlays=(Overlay(models.c, 0.5),))
    assert torch.equal(models.render(state), models.render(rest))


def test_that_alphas_of_overlays_are_kept_in_range(models: Models, pair: EditState) -> None:
    wild = replace(pair, overlays=(Overlay(models.c, float("nan"), (float("inf"),)), Overlay(models.d, -1e9)))
    assert models.warnings(wild) == [
        "The alpha of a further model is not a number; 1 is used.",
        "The alpha curve of a further model is not a number; 0 is used.",
        "The alpha of a further model of -1e+09 is out of range; -10 is used.",
    ]
    assert bool(models.render(wild).isfinite().all())


def test_that_dragging_the_upper_layers_of_an_overlay_leaves_the_lower_blocks(
    models: Models, three: EditState
) -> None:
    models.preview(three)
    curve = (0.0, 0.2, 0.5, 0.5, 1.0, 1.0, 0.3, 1.5, -0.2, 0.9)
    assert models.ran(with_overlay(three, 0, Overlay(models.c, 0.6, curve))) == [4]


def test_that_a_model_may_be_laid_over_itself(models: Models, pair: EditState) -> None:
    again = with_overlay(with_alpha(pair, 1.0), 0, Overlay(models.a, 1.0))
    assert torch.equal(models.render(again), models.network(models.a).synthesis(models.w(models.a)))
    models.preview(EditState(models.a, latent=SeedLatent(3)))
    assert models.ran(again) == []


# --- directions ---------------------------------------------------------------------------------------------------

Direct = Callable[..., DirectionUse]


@pytest.fixture(scope="module")
def key(models: Models) -> str:
    return models.store.put_ws(np.random.RandomState(5).randn(1, 10))


def test_that_a_direction_is_added_to_its_rows_after_mixing(models: Models, key: str) -> None:
    mix = (MixSource(SeedLatent(8), (0.0, 0.5)),)
    state = EditState(models.a, latent=SeedLatent(3), mix=mix, directions=(DirectionUse(key, 1.5, (4, 8)),))
    ws = models.w(models.a)
    ws[:, 1] = torch.lerp(ws[:, 1], models.w(models.a, 8)[:, 1], 0.5)
    ws[:, 4:8] += 1.5 * torch.tensor(models.store.ws(key))
    found = models.render(state)
    assert relative_error(found, models.network(models.a).synthesis(ws)) < 1e-6


@pytest.mark.parametrize("rows", [1, 4, 10, 18])
def test_that_a_direction_with_other_rows_is_cut_or_goes_on_with_its_last(models: Models, rows: int) -> None:
    steps = np.random.RandomState(rows).randn(rows, 10).astype(np.float32)
    fitted = torch.tensor(np.concatenate([steps, np.repeat(steps[-1:], 10, axis=0)])[:10])
    state = EditState(models.a, latent=SeedLatent(3), directions=(DirectionUse(models.store.put_ws(steps), -0.5),))
    wanted = models.network(models.a).synthesis(models.w(models.a) - 0.5 * fitted)
    assert relative_error(models.render(state), wanted) < 1e-6


def test_that_a_step_of_nothing_and_a_step_back_are_none(models: Models, pair: EditState, key: str) -> None:
    wanted = models.render(pair)
    models.preview(pair)
    for uses in (
        (DirectionUse(key, 0.0),),
        (DirectionUse(key, 2.0, (3, 3)),),
        (DirectionUse(key, 0.7), DirectionUse(key, -0.7)),
        (DirectionUse(key, 0.7, (2, 9)), DirectionUse(key, -0.7, (2, 5)), DirectionUse(key, -0.7, (5, 9))),
    ):
        state = replace(pair, directions=uses)
        assert torch.equal(models.render(state), wanted)
        assert models.ran(state) == []


def test_that_directions_add_up(models: Models, pair: EditState, key: str) -> None:
    other = models.store.put_ws(np.random.RandomState(6).randn(10, 10))
    both = replace(pair, directions=(DirectionUse(key, 0.5), DirectionUse(other, -1.0)))
    edit = models.pipeline.resolve(both)
    wanted = models.w(models.a) + 0.5 * torch.tensor(models.store.ws(key)) - torch.tensor(models.store.ws(other))
    found = models.pipeline.inputs.ws(models.pipeline.group(edit), edit, StageCache(0))
    assert relative_error(found, wanted) < 1e-6


def test_that_a_drag_of_a_direction_from_64_px_up_starts_there(models: Models, pair: EditState, key: str) -> None:
    models.preview(with_direction(pair, 0, DirectionUse(key, 1.0, (8, 10))))
    assert models.ran(with_direction(pair, 0, DirectionUse(key, 1.1, (8, 10)))) == [4]


@pytest.mark.parametrize("view", [View.A, View.B, View.WEIGHTS, View.LATENTS])
def test_that_directions_act_in_every_view(models: Models, pair: EditState, key: str, view: View) -> None:
    stepped = with_direction(pair, 0, DirectionUse(key, 1.0))
    assert not torch.equal(models.render(stepped, view), models.render(pair, view))


def test_that_a_direction_that_cannot_be_followed_is_named(models: Models, pair: EditState, key: str) -> None:
    wide = models.store.put_ws(np.ones((1, 512)))
    uses = (
        DirectionUse("f" * 64, 1.0, name="smile"),
        DirectionUse(wide, 1.0),
        DirectionUse(key, float("nan"), name="age"),
        DirectionUse(key, 1e6, (-5, 2)),
    )
    assert models.warnings(replace(pair, directions=uses)) == [
        "The direction “smile” is not on this computer; it is left out.",
        f"The direction “{wide[:8]}” has 512 values; this model reads 10. It is left out.",
        "The step along a direction is not a number; 0 is used.",
        "The step along a direction of 1e+06 is out of range; 100 is used.",
    ]
    wanted = replace(pair, directions=(DirectionUse(key, 100.0, (0, 2)),))
    assert torch.equal(models.render(replace(pair, directions=uses)), models.render(wanted))


# --- blending latents ---------------------------------------------------------------------------------------------


def test_that_a_blend_of_latents_is_a_with_rows_between_both_mappings(models: Models, pair: EditState) -> None:
    state = with_blend(pair, space=BlendSpace.LATENTS)
    shares = torch.tensor(models.pipeline.resolve(state).shares.conv)[None, :, None]
    assert 0.0 < float(shares.min()) < float(shares.max()) < 1.0
    ws = torch.lerp(models.w(models.a), models.w(models.b), shares)
    assert torch.equal(models.render(state), models.network(models.a).synthesis(ws))
    assert torch.equal(models.render(pair, View.LATENTS), models.render(state))
    assert torch.equal(models.render(state, View.WEIGHTS), models.render(pair))
    assert torch.equal(models.preview(state), models.preview(pair, View.LATENTS, fresh=True))


def test_that_all_latents_of_b_are_bs_own_in_as_network(models: Models, pair: EditState) -> None:
    whole = with_blend(pair, space=BlendSpace.LATENTS, curve=(1.0,) * 10, alpha=1.0)
    assert torch.equal(models.render(whole), models.network(models.a).synthesis(models.w(models.b)))
    none = with_alpha(whole, 0.0)
    assert torch.equal(models.render(none), models.render(pair, View.A))


def test_that_overlays_are_laid_over_a_blend_of_latents_as_weights(models: Models, three: EditState) -> None:
    state = with_blend(three, space=BlendSpace.LATENTS)
    edit = models.pipeline.resolve(state)
    ws = torch.lerp(models.w(models.a), models.w(models.b), torch.tensor(edit.shares.conv)[None, :, None])
    c_over_a = blend(models.network(models.a), models.network(models.c), edit.overlays[0].shares)
    assert torch.equal(models.render(state), c_over_a.synthesis(ws))


def test_that_a_portrait_has_one_reading(models: Models, pair: EditState) -> None:
    stored = StoredLatent(models.store.put_ws(models.w(models.a, 5, 1.0)[0].numpy()), "Ada")
    portrait = replace(pair, latent=stored, truncation_psi=1.0)
    assert torch.equal(models.render(portrait, View.LATENTS), models.render(portrait, View.A))
    assert "reads the same in both models" in models.warnings(portrait, View.LATENTS)[0]
    assert models.warnings(portrait) == []
    in_latents = with_blend(portrait, space=BlendSpace.LATENTS)
    assert len(models.warnings(in_latents)) == 1
    assert models.warnings(in_latents, View.WEIGHTS) == []
    assert models.warnings(replace(in_latents, model_b=None)) == []


def test_that_a_blend_of_latents_that_are_the_same_is_said_to_be_futile(models: Models, pair: EditState) -> None:
    a, b = models.network(models.a), models.network(models.b)
    tensors = {name: (a if name.startswith("mapping.") else b).tensors[name].clone() for name in b.tensors}
    child = models.shelf.put("child", Network.from_tensors(b.config, tensors))
    related = replace(pair, model_b=child)
    (said,) = models.warnings(related, View.LATENTS)
    assert "hardly differs from A" in said
    assert torch.equal(models.render(related, View.LATENTS), models.render(related, View.A))
    assert models.warnings(related) == []
    assert models.warnings(pair, View.LATENTS) == []
    stored = StoredLatent(models.store.put_ws(np.zeros((10, 10))))
    (said,) = models.warnings(replace(related, latent=stored), View.LATENTS)
    assert "reads the same" in said


def test_that_latents_of_models_that_read_other_inputs_can_be_blended(models: Models) -> None:
    other = models.shelf.put("classes", seed=9, z_dim=5, c_dim=3, num_layers=4)
    state = EditState(models.a, other, SeedLatent(3), blend=Blend(curve=(0.5,) * 10, space=BlendSpace.LATENTS))
    network = models.network(other)
    z = torch.from_numpy(seed_to_z(SeedLatent(3), 5))
    w = network.mapping(z, torch.tensor([[1.0, 0.0, 0.0]]), 0.7)
    wanted = models.network(models.a).synthesis(torch.lerp(models.w(models.a), w, 0.5))
    assert torch.equal(models.render(state), wanted)


def test_that_a_drag_of_alpha_on_upper_rows_of_latents_starts_there(models: Models, pair: EditState) -> None:
    def upper(alpha: float) -> EditState:
        return with_blend(pair, space=BlendSpace.LATENTS, curve=(0.0,) * 8 + (1.0, 1.0), alpha=alpha)

    models.preview(upper(0.5))
    assert models.ran(upper(0.6)) == [4]

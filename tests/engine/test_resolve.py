"""What a state means for the models at hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.descriptor import LayerKind, LayerSpec, NetworkDescriptor
from engine.errors import LatentError, LatentShapeError, ModelError
from engine.resolve import MAX_FACTOR, resolve
from engine.shares import layer_position, pinkney_shares
from engine.state import (
    Blend,
    EditState,
    MixSource,
    ModelRef,
    Noise,
    NoiseMode,
    SeedLatent,
    Side,
    Source,
    StoredLatent,
    View,
)

A, B = ModelRef("a" * 64, "portrait"), ModelRef("b" * 64, "toon")
STATE = EditState(model_a=A, model_b=B)


def descriptor(size: int = 64, **changes: object) -> NetworkDescriptor:
    layers: list[LayerSpec] = []
    for index, resolution in enumerate(4 << i for i in range(size.bit_length() - 2)):
        first, second = layer_position(resolution, 0), layer_position(resolution, 1)
        if index == 0:
            layers.append(LayerSpec("b4.const", 4, LayerKind.CONST, -1, first, 16, False))
        else:
            layers.append(LayerSpec(f"b{resolution}.conv0", resolution, LayerKind.CONV, first - 1, first, 16, True))
        layers.append(LayerSpec(f"b{resolution}.conv1", resolution, LayerKind.CONV, second - 1, second, 16, True))
        layers.append(LayerSpec(f"b{resolution}.torgb", resolution, LayerKind.TORGB, second, second, 3, False))
    made = NetworkDescriptor("stylegan2", size, 3, 2 * size.bit_length() - 4, 32, 32, 0, tuple(layers))
    return replace(made, **changes)  # type: ignore[arg-type]


def test_that_the_default_blend_is_the_published_step() -> None:
    edit = resolve(STATE, descriptor(), descriptor())
    assert edit.shares.conv == (0,) * 6 + (1,) * 4 == edit.shares.torgb == edit.shares.noise
    assert (edit.shares.mapping, edit.shares.w_avg) == (0, 0)
    assert edit.warnings == ()


def test_that_with_b_below_the_shares_are_the_other_way_round() -> None:
    edit = resolve(replace(STATE, blend=Blend(low=Side.B)), descriptor(), descriptor())
    assert edit.shares.conv == (1,) * 6 + (0,) * 4


def test_that_alpha_scales_every_share_and_zero_is_model_a() -> None:
    blend = Blend(width=1.5, alpha=0.25, mapping=Source.BLEND)
    edit = resolve(replace(STATE, blend=blend), descriptor(), descriptor())
    assert edit.shares.conv == tuple(0.25 * share for share in pinkney_shares(10, 16, 0, 1.5))
    assert edit.shares.mapping == 0.25
    zero = resolve(replace(STATE, blend=replace(blend, alpha=0.0)), descriptor(), descriptor())
    assert zero.shares == zero.for_view(View.A).shares
    assert not any((*zero.shares.conv, *zero.shares.noise, zero.shares.mapping))


def test_that_a_drawn_curve_wins_over_the_step_and_is_filled_with_none_of_b() -> None:
    edit = resolve(replace(STATE, blend=Blend(curve=(1.0, 0.5))), descriptor(8), descriptor(8))
    assert edit.shares.conv == (1.0, 0.5, 0.0, 0.0)


def test_that_parts_can_be_taken_from_one_model() -> None:
    blend = Blend(affines=Source.A, torgb=Source.B, noise=Source.A, mapping=Source.B, w_avg=Source.B)
    shares = resolve(replace(STATE, blend=blend), descriptor(8), descriptor(8)).shares
    nothing, everything = (0.0,) * 4, (1.0,) * 4
    assert (shares.conv_affine, shares.torgb_affine, shares.noise) == (nothing, nothing, nothing)
    assert (shares.torgb, shares.mapping, shares.w_avg) == (everything, 1.0, 1.0)


def test_that_torgb_brings_its_affine_unless_affines_are_told_otherwise() -> None:
    shares = resolve(replace(STATE, blend=Blend(torgb=Source.B)), descriptor(8), descriptor(8)).shares
    assert shares.torgb_affine == (1.0,) * 4 != shares.conv_affine


def test_that_the_views_show_each_model_with_the_same_latent() -> None:
    edit = resolve(replace(STATE, blend=Blend(mapping=Source.B, torgb=Source.B)), descriptor(), descriptor())
    only_a, only_b = edit.for_view(View.A), edit.for_view(View.B)
    assert set(only_a.shares.conv + only_a.shares.torgb + only_a.shares.noise) == {0.0}
    assert set(only_b.shares.conv + only_b.shares.conv_affine + only_b.shares.noise) == {1.0}
    assert only_a.shares.mapping == only_b.shares.mapping == 1.0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"w_dim": 16}, "values"),
        ({"architecture": "resnet"}, "resnet"),
        ({"family": "stylegan3"}, "stylegan3"),
        ({"layers": descriptor().layers[:-1]}, "layers"),
        ({"layers": (replace(descriptor().layers[0], channels=8), *descriptor().layers[1:])}, "b4.const"),
    ],
)
def test_that_models_which_do_not_fit_are_not_blended(change: dict[str, object], reason: str) -> None:
    edit = resolve(STATE, descriptor(), descriptor(**change))  # type: ignore[arg-type]
    assert edit.model_b is None
    assert not any(edit.shares.conv)
    assert edit.for_view(View.B) == edit
    (warning,) = edit.warnings
    assert "cannot be blended" in warning
    assert reason in warning


def test_that_another_resolution_is_named() -> None:
    (warning,) = resolve(STATE, descriptor(64), descriptor(32)).warnings
    assert "64 px" in warning
    assert "32 px" in warning


@pytest.mark.parametrize(("wanted", "stop"), [(1024, 64), (2, 4), (48, 32)])
def test_that_the_swap_resolution_is_clamped_to_a_stop_of_the_model(wanted: int, stop: int) -> None:
    edit = resolve(replace(STATE, blend=Blend(swap_resolution=wanted)), descriptor(), descriptor())
    assert edit.shares.conv == pinkney_shares(10, stop)
    assert edit.warnings == (f"This model has no {wanted} px layers; the swap resolution is {stop}.",)


def test_that_without_b_the_swap_says_nothing() -> None:
    edit = resolve(EditState(model_a=A, blend=Blend(swap_resolution=1024)), descriptor())
    assert edit.model_b is None
    assert edit.warnings == ()


def test_that_without_a_there_is_no_picture() -> None:
    with pytest.raises(ModelError, match="model A"):
        resolve(EditState(model_b=B), None, descriptor())


def test_that_mixing_strengths_are_filled_cut_and_dropped_when_all_zero() -> None:
    mix = (MixSource(SeedLatent(1), (1.0,) * 99), MixSource(SeedLatent(2), (0.5,)), MixSource(SeedLatent(3), (0.0,)))
    edit = resolve(replace(STATE, mix=mix), descriptor(8), descriptor(8))
    assert [source.strengths for source in edit.mix] == [(1.0,) * 4, (0.5, 0.0, 0.0, 0.0)]


def test_that_nothing_is_taken_of_a_muted_source() -> None:
    mix = (MixSource(SeedLatent(1), (1.0,) * 4, muted=True), MixSource(SeedLatent(2), (0.5,)))
    edit = resolve(replace(STATE, mix=mix), descriptor(8), descriptor(8))
    assert [source.latent for source in edit.mix] == [SeedLatent(2)]


def test_that_a_latent_of_another_width_is_refused_and_as_a_mix_left_out() -> None:
    stranger = StoredLatent("k" * 64, "Ada")
    shapes = {stranger.key: (10, 16)}
    with pytest.raises(LatentShapeError, match=r"Ada.*16 values.*32"):
        resolve(replace(STATE, latent=stranger), descriptor(), descriptor(), shapes)
    edit = resolve(replace(STATE, mix=(MixSource(stranger, (1.0,)),)), descriptor(), descriptor(), shapes)
    assert edit.mix == ()
    assert "not mixed in" in edit.warnings[0]


def test_that_a_latent_with_other_rows_is_used_with_a_warning() -> None:
    portrait = StoredLatent("k" * 64, "Ada")
    edit = resolve(replace(STATE, latent=portrait), descriptor(), descriptor(), {portrait.key: (18, 32)})
    assert edit.latent == portrait
    assert "18 rows for a model with 10" in edit.warnings[0]


def test_that_a_lost_latent_is_named() -> None:
    with pytest.raises(LatentError, match=r"Ada.*not on this computer"):
        resolve(replace(STATE, latent=StoredLatent("k" * 64, "Ada")), descriptor(), descriptor())


def test_that_noise_strengths_multiply_and_what_cannot_matter_is_dropped() -> None:
    noise = Noise(strength=0.5, seed=9, layer_strengths=(2.0, 0.0))
    edit = resolve(replace(STATE, noise=noise), descriptor(8), descriptor(8))
    assert edit.noise.strengths == (1.0, 0.0, 0.5, 0.5)
    assert edit.noise.seed == 0
    drawn = resolve(replace(STATE, noise=replace(noise, mode=NoiseMode.RANDOM)), descriptor(8), descriptor(8))
    assert drawn.noise.seed == 9
    silent = resolve(replace(STATE, noise=replace(noise, mode=NoiseMode.NONE)), descriptor(8), descriptor(8))
    assert not any(silent.noise.strengths)


def test_that_stored_noise_stands_in_for_the_models_own_only() -> None:
    portrait = StoredLatent("k" * 64, noise_key="n" * 64)
    shapes = {portrait.key: (10, 32)}
    keys = [
        resolve(replace(STATE, latent=portrait, noise=Noise(mode)), descriptor(), descriptor(), shapes).noise.key
        for mode in NoiseMode
    ]
    assert keys == ["n" * 64, None, None]


@pytest.mark.parametrize(("wanted", "kept"), [(None, 0), (-1, 0), (2, 2), (7, 4)])
def test_that_the_class_is_one_that_the_model_has(wanted: int | None, kept: int) -> None:
    conditional = descriptor(c_dim=5)
    edit = resolve(replace(STATE, class_index=wanted), conditional, conditional)
    assert edit.class_index == kept
    assert bool(edit.warnings) == (wanted != kept)
    assert resolve(replace(STATE, class_index=wanted), descriptor(), descriptor()).class_index is None


def test_that_a_mapping_with_other_inputs_is_not_blended_in() -> None:
    edit = resolve(replace(STATE, blend=Blend(mapping=Source.B)), descriptor(), descriptor(c_dim=3))
    assert edit.shares.mapping == 0.0
    assert "mapping networks" in edit.warnings[0]


NUMBER = st.floats()
CURVE = st.lists(NUMBER, max_size=30).map(tuple)


@given(
    psi=NUMBER,
    cutoff=st.integers(-5, 99) | st.none(),
    alpha=NUMBER,
    width=NUMBER,
    curve=CURVE | st.none(),
    swap=st.integers(-5, 5000),
    level=st.integers(-5, 5),
    seed=st.integers(),
    strength=NUMBER,
)
def test_that_no_number_breaks_it(
    psi: float,
    cutoff: int | None,
    alpha: float,
    width: float,
    curve: tuple[float, ...] | None,
    swap: int,
    level: int,
    seed: int,
    strength: float,
) -> None:
    state = EditState(
        A,
        B,
        SeedLatent(seed, psi, width),
        psi,
        cutoff,
        blend=Blend(swap, level, width, Side.B, alpha, curve, Source.BLEND),
        noise=Noise(NoiseMode.RANDOM, strength, seed, curve or ()),
        mix=(MixSource(SeedLatent(1, alpha), curve or ()),),
    )
    edit = resolve(state, descriptor(), descriptor())
    numbers = (*edit.shares.conv, *edit.noise.strengths, edit.truncation_psi, edit.shares.mapping)
    assert all(abs(number) <= MAX_FACTOR**2 for number in numbers)
    assert 0 <= edit.truncation_cutoff <= 10
    assert hash(edit) == hash(resolve(state, descriptor(), descriptor()))
    assert all(len(sentence) <= 300 for sentence in edit.warnings)

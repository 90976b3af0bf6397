"""Layer swapping: the golden blends of the original script, and what must hold for any pair."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from small_networks import latents, random_network, relative_error, small_config

from engine.blending import (
    FOLLOW,
    PINKNEY,
    Kept,
    blend,
    blend_block,
    blend_into,
    blend_mapping,
    blend_networks,
    block_tensors,
    check_blendable,
    layer_shares,
    scratch_for,
    share_of,
)
from engine.errors import EngineError, ModelError
from engine.families.roles import Part, TensorRole
from engine.families.stylegan2_layout import role_of
from engine.network import Network
from engine.shares import Shares
from engine.weight_distance import weight_distance

CHANNELS = (6, 6, 4)


def pair(**options: object) -> tuple[Network, Network]:
    config = small_config(CHANNELS, **options)
    return random_network(config, 1), random_network(config, 2)


def same(one: Network, other: Network, part: str = "") -> bool:
    names = [name for name in one.tensors if name.startswith(part)]
    return all(torch.equal(one.tensors[name], other.tensors[name]) for name in names)


@pytest.mark.parametrize("architecture", ["skip", "resnet", "orig"])
def test_that_alpha_0_is_the_low_model_bit_for_bit(architecture: str) -> None:
    low, high = pair(architecture=architecture)
    for swap_resolution in (4, 8, 16):
        assert same(blend_networks(low, high, swap_resolution, width=1.0, alpha=0.0), low)
    assert same(blend_networks(low, high, 4, alpha=[0.0] * 6), low)


@pytest.mark.parametrize("architecture", ["skip", "resnet", "orig"])
def test_that_all_ones_is_the_high_models_synthesis(architecture: str) -> None:
    low, high = pair(architecture=architecture)
    blended = blend_networks(low, high, 4, alpha=[1.0] * 6)
    assert same(blended, high, "synthesis.")
    assert same(blended, low, "mapping.")
    ws = latents(low)
    assert torch.equal(blended.synthesis(ws), high.synthesis(ws))


def test_that_the_top_swap_is_the_low_model_and_nothing_given_changes() -> None:
    low, high = pair()
    before = low.sha256, high.sha256
    assert same(blend_networks(low, high, 16), low)
    blend_networks(low, high, 4)
    assert (low.sha256, high.sha256) == before


def test_that_a_hard_swap_is_off_by_one_as_published() -> None:
    low, high = pair()
    for level, from_high in ((0, {"b16.conv0", "b16.conv1", "b16.torgb"}), (1, {"b16.conv1", "b16.torgb"})):
        blended = blend_networks(low, high, 8, level)
        for layer in low.descriptor.layers:
            if layer.kind != "const":
                name = f"synthesis.{layer.name}.affine.weight"
                source = high if layer.name in from_high else low
                assert torch.equal(blended.tensors[name], source.tensors[name]), (level, layer.name)


def test_that_what_the_original_leaves_behind_stays_unless_told_to_follow() -> None:
    low, high = pair(architecture="resnet")
    exact = blend_networks(low, high, 4)
    assert same(exact, low, "synthesis.b16.skip")
    assert same(exact, low, "synthesis.b16.conv1.noise_const")
    assert same(exact, high, "synthesis.b16.conv1.noise_strength")
    own = blend_networks(low, high, 4, kept=FOLLOW)
    assert same(own, high, "synthesis.b16.")
    smooth = blend_networks(low, high, 8, width=1.0)
    assert same(smooth, low, "synthesis.b4.conv1.")
    smooth = blend_networks(low, high, 8, width=1.0, kept=PINKNEY - {Kept.FIRST_CONV})
    assert not torch.equal(smooth.tensors["synthesis.b4.conv1.weight"], low.tensors["synthesis.b4.conv1.weight"])


@pytest.mark.parametrize("alpha", [-0.5, 0.3, 1.0, 1.7])
def test_that_alpha_is_the_line_through_both_models(alpha: float) -> None:
    low, high = pair()
    blended = blend_networks(low, high, 4, alpha=[alpha] * 6)
    for name, tensor in blended.tensors.items():
        if name.startswith("synthesis."):
            line = (1 - alpha) * low.tensors[name].double() + alpha * high.tensors[name].double()
            assert relative_error(tensor.double(), line) < 1e-6, name


def test_that_a_scaled_step_and_a_sequence_agree() -> None:
    low, high = pair()
    scaled = blend_networks(low, high, 4, alpha=0.25, kept=FOLLOW)
    drawn = blend_networks(low, high, 16, alpha=[0, 0, 0.25, 0.25, 0.25, 0.25])
    step = blend_networks(low, high, 4, level=1, alpha=0.25, kept=FOLLOW)
    assert same(step, blend_networks(low, high, 4, alpha=[0, 0, 0, 0.25, 0.25, 0.25]))
    assert same(scaled, drawn)


def test_that_alpha_may_be_a_tensor_or_an_array() -> None:
    low, high = pair()
    shares = [0.0, 0.0, 0.25, 0.5, 0.75, 1.0]
    wanted = blend_networks(low, high, 4, alpha=shares)
    assert same(blend_networks(low, high, 4, alpha=torch.tensor(shares)), wanted)
    assert same(blend_networks(low, high, 4, alpha=np.array(shares)), wanted)
    wanted = blend_networks(low, high, 4, alpha=0.5)
    assert same(blend_networks(low, high, 4, alpha=torch.tensor(0.5)), wanted)


@pytest.mark.parametrize(
    "arguments",
    [{"alpha": math.nan}, {"alpha": 1e39}, {"width": math.inf}, {"alpha": [0.0, 0.0, 0.0, math.nan, 0.0, 0.0]}],
)
def test_that_shares_that_are_no_numbers_are_refused(arguments: dict[str, Any]) -> None:
    low, high = pair()
    with pytest.raises(EngineError, match="must be a number from -1e"):
        blend_networks(low, high, 4, **arguments)


def test_that_every_tensor_has_a_role_and_follows_its_own_share() -> None:
    shares = Shares(
        conv=tuple(range(10, 16)),
        conv_affine=tuple(range(20, 26)),
        torgb=tuple(range(30, 36)),
        torgb_affine=tuple(range(40, 46)),
        noise=tuple(range(50, 56)),
        mapping=1,
        w_avg=2,
    )
    expected = {
        "mapping.fc0.weight": 1,
        "mapping.embed.bias": 1,
        "mapping.w_avg": 2,
        "synthesis.b4.const": 10,
        "synthesis.b4.conv1.weight": 11,
        "synthesis.b8.conv0.bias": 12,
        "synthesis.b8.skip.weight": 12,
        "synthesis.b8.skip.resample_filter": 12,
        "synthesis.b8.conv0.resample_filter": 12,
        "synthesis.b8.resample_filter": 12,
        "synthesis.b8.conv0.affine.weight": 22,
        "synthesis.b16.conv1.affine.bias": 25,
        "synthesis.b8.torgb.weight": 33,
        "synthesis.b8.torgb.affine.weight": 43,
        "synthesis.b16.conv0.noise_const": 54,
        "synthesis.b16.conv1.noise_strength": 55,
    }
    assert {name: share_of(role_of(name), shares) for name in expected} == expected
    assert role_of("synthesis.b8.skip.weight") == TensorRole(Part.SKIP, "b8.conv0", 2)
    for name in random_network(small_config(architecture="resnet", c_dim=2)).tensors:
        share_of(role_of(name), shares)


def test_that_only_what_differs_from_the_previous_shares_is_written() -> None:
    a, b = pair()
    first, second = layer_shares([0, 0, 0.5, 0.5, 1, 1]), layer_shares([0, 0, 0.5, 0.5, 0.25, 1])
    target = scratch_for(a)
    blend_into(target, (a, b), (first,))
    versions = {name: tensor._version for name, tensor in target.tensors.items()}
    blend_into(target, (a, b), (second,), previous=(first,))
    written = {name for name, tensor in target.tensors.items() if tensor._version != versions[name]}
    assert written == {name for name in target.tensors if name.startswith("synthesis.b16.conv0.")}
    assert same(target, blend(a, b, second))


def test_that_blocks_and_mapping_can_be_blended_one_by_one() -> None:
    a, b = pair()
    shares = layer_shares([0.1, 0.2, 0.3, 0.4, 0.5, 0.6], mapping=0.7, w_avg=1.0)
    target = scratch_for(a)
    for index in range(3):
        blend_block(target, (a, b), (shares,), index)
    blend_mapping(target, (a, b), (shares.mapping,))
    assert same(target, blend(a, b, shares), "synthesis.")
    assert same(target, blend(a, b, shares), "mapping.fc")
    assert set(block_tensors(a, 1)) == {name for name in a.tensors if name.startswith("synthesis.b8.")}


def test_that_pictures_follow_weights_blended_in_place() -> None:
    a, b = pair()
    ws = latents(a)
    target = scratch_for(a)
    assert torch.equal(target.synthesis(ws), a.synthesis(ws))
    shares = layer_shares([0.5] * 6)
    blend_into(target, (a, b), (shares,))
    assert torch.equal(target.synthesis(ws), blend(a, b, shares).synthesis(ws))
    blend_into(target, (a, b), (layer_shares([1.0] * 6),))
    assert torch.equal(target.synthesis(ws), b.synthesis(ws))


def test_that_clamps_travel_with_their_layer() -> None:
    a = random_network(small_config(CHANNELS, conv_clamp=256.0), 1)
    b = random_network(small_config(CHANNELS, conv_clamp=0.25), 2)
    ws = latents(a)
    blended = blend_networks(a, b, 4, alpha=[1.0] * 6)
    assert torch.equal(blended.synthesis(ws), b.synthesis(ws))
    half = blend_networks(a, b, 8)
    clamps = [block.conv1.conv_clamp for block in half.config.synthesis.blocks]
    assert clamps == [256.0, 256.0, 0.25]
    target = scratch_for(a)
    blend_block(target, (a, b), (layer_shares([1.0] * 6),), 2)
    blend_into(target, (a, b), (layer_shares([0.0] * 6),))
    assert torch.equal(target.synthesis(ws), a.synthesis(ws))


def test_that_the_mapping_may_come_whole_from_a_differently_built_one() -> None:
    a = random_network(small_config(CHANNELS, num_layers=2), 1)
    b = random_network(small_config(CHANNELS, num_layers=4, z_dim=5, has_w_avg=False), 2)
    blended = blend(a, b, layer_shares([0.5] * 6, mapping=1.0, w_avg=1.0))
    z = torch.randn(2, 5)
    assert blended.descriptor.z_dim == 5
    assert torch.equal(blended.mapping(z, truncation_psi=0.5), b.mapping(z, truncation_psi=0.5))
    with pytest.raises(ModelError, match="built differently: 2 layers from 8 values, 4 from 5"):
        blend(a, b, layer_shares([0.5] * 6, mapping=0.5))
    back = scratch_for(a)
    blend_into(back, (a, b), (layer_shares([0.5] * 6, mapping=1.0),))
    blend_into(back, (a, b), (layer_shares([0.0] * 6),))
    assert same(back, a)


def test_that_a_blend_says_where_it_comes_from() -> None:
    a, b = pair()
    blended = blend_networks(a, b, 8)
    (step,) = blended.origin.lineage
    assert (step["step"], step["a"], step["b"]) == ("blend", a.sha256, b.sha256)
    again = blend_networks(blended, b, 4)
    assert len(again.origin.lineage) == 2


MISFITS = {
    "A makes 16 px pictures, B 8 px": small_config((6, 6)),
    "A's latents have 10 values, B's 12": small_config(CHANNELS, w_dim=12),
    "A's architecture is skip, B's orig": small_config(CHANNELS, architecture="orig"),
    "b16.conv0.weight is [4, 6, 3, 3] in A, [5, 6, 3, 3] in B": small_config((6, 6, 5)),
    "b4.conv1.noise_strength is [] in A, missing in B": small_config(CHANNELS, use_noise=False),
    "b4.torgb.weight is [3, 6, 1, 1] in A, [1, 6, 1, 1] in B": small_config(CHANNELS, img_channels=1),
    "they differ in b4.conv1: activation": small_config(CHANNELS, activation="relu"),
    "they differ in b4: resample_filter": small_config(CHANNELS, taps=(0.25, 0.5, 0.25)),
}


@pytest.mark.parametrize("reason", MISFITS)
def test_that_a_misfit_is_named_with_both_values(reason: str) -> None:
    a, b = random_network(small_config(CHANNELS)), random_network(MISFITS[reason])
    with pytest.raises(ModelError) as caught:
        blend_networks(a, b, 8)
    assert caught.value.user_message == f"These models cannot be blended: {reason}."
    with pytest.raises(ModelError):
        check_blendable(b, a)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"swap_resolution": 32}, "swap_resolution is 32; this model has 4, 8, 16."),
        ({"swap_resolution": 8, "level": 2}, "level is 2; it must be 0 or 1."),
        ({"swap_resolution": 8, "alpha": [1.0]}, "alpha has 1 entries; these models have 6 positions."),
    ],
)
def test_that_a_wrong_argument_is_named(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(EngineError) as caught:
        blend_networks(*pair(), **arguments)  # type: ignore[arg-type]
    assert caught.value.user_message == message


def test_that_relatives_and_strangers_are_told_apart() -> None:
    a, stranger = pair()
    found = weight_distance(a, stranger)
    assert found.overall == pytest.approx(2**0.5, abs=0.15)
    assert not found.related
    assert f"{found.overall:.2f}" in (found.warning or "")
    child = blend(a, stranger, layer_shares([0.2] * 6))
    found = weight_distance(a, child)
    assert found.related
    assert found.warning is None
    assert found.overall < 0.5
    assert [layer.name for layer in found.layers] == [layer.name for layer in a.descriptor.layers]
    assert weight_distance(a, a).overall == 0.0
    assert weight_distance(a, random_network(small_config((3, 3, 3)), 9)).related is False

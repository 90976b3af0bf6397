"""Previews on packed weights draw what the exact nets draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from small_networks import latents, random_network, random_tensors, relative_error, small_config
from torch import Tensor

from engine.blending import blend, layer_shares
from engine.nets.noise import NoiseInput
from engine.network import Carry, Network
from engine.network_config import NetworkConfig
from engine.preview.arithmetic import Arithmetic, choose_arithmetic
from engine.preview.blocks import PreviewBlocks
from engine.preview.mixing import BlockShares, ConvShares, MixedTensor, MixShares
from engine.preview.onednn import can_prepare, convolve, prepared
from engine.preview.packing import PackedNetwork, Packs, can_pack

CHANNELS = (20, 18, 16, 12, 8)
SINGLE = Arithmetic("cpu", torch.float32, torch.float32, channels_last=True, modulates_activations=True)
ON_WEIGHTS = replace(SINGLE, modulates_activations=False)
PLANAR = replace(SINGLE, channels_last=False)
BRAIN = replace(SINGLE, full=torch.bfloat16, half=torch.bfloat16)
ALONE: MixShares = (1.0,)


def everywhere(shares: MixShares) -> BlockShares:
    conv = ConvShares(shares, shares, shares)
    return BlockShares(shares, conv, conv, shares, shares)


def blocks_of(networks: Sequence[Network], arithmetic: Arithmetic = SINGLE) -> PreviewBlocks:
    return PreviewBlocks([PackedNetwork(network, arithmetic) for network in networks])


def drawn(
    blocks: PreviewBlocks, network: Network, ws: Tensor, shares: MixShares = ALONE, noise: NoiseInput | None = None
) -> Tensor:
    carry: Carry | None = None
    for index in range(len(network.descriptor.resolutions)):
        carry = blocks.run(index, everywhere(shares), carry, ws, noise or NoiseInput())
    assert carry is not None
    assert carry.img is not None
    return carry.img


@pytest.fixture(scope="module")
def network() -> Network:
    return random_network(small_config(CHANNELS), seed=1)


@pytest.fixture(scope="module")
def partner() -> Network:
    return random_network(small_config(CHANNELS), seed=2)


@pytest.mark.parametrize("arithmetic", [SINGLE, ON_WEIGHTS, PLANAR])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"architecture": "orig"},
        {"activation": "relu"},
        {"conv_clamp": 0.7},
        {"use_noise": False},
        {"img_channels": 1},
    ],
)
def test_that_float32_previews_equal_the_exact_net(arithmetic: Arithmetic, options: dict[str, object]) -> None:
    network = random_network(small_config(CHANNELS, **options))  # type: ignore[arg-type]
    ws = latents(network, 1)
    assert relative_error(drawn(blocks_of([network], arithmetic), network, ws), network.synthesis(ws)) < 2e-5


@pytest.mark.parametrize("arithmetic", [SINGLE, PLANAR])
@pytest.mark.parametrize(
    "options",
    [
        {"noise_mode": "none"},
        {"noise_mode": "random", "noise_seed": 5},
        {"noise_strength": -2.5},
        {"noise_strength": 0.0},
        {"noise_strength": [0.0, 1.0, 2.0, -1.0, 0.5, 0.0, 1.0, 3.0, 0.1, 0.2]},
        {"noise": {"b16.conv0": torch.linspace(-2, 2, 256).view(16, 16), "b4.conv1": torch.ones(1, 1, 4, 4)}},
    ],
)
def test_that_every_kind_of_noise_arrives(
    network: Network, arithmetic: Arithmetic, options: dict[str, object]
) -> None:
    ws = latents(network, 1)
    source = network.noise_input(**options)  # type: ignore[arg-type]
    found = drawn(blocks_of([network], arithmetic), network, ws, noise=source)
    assert relative_error(found, network.synthesis(ws, **options)) < 2e-5  # type: ignore[arg-type]
    plain = network.synthesis(ws)
    assert options == {} or relative_error(found, plain) > 1e-3


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 1.0, 1.3, -0.4])
def test_that_a_mixture_of_two_equals_the_blended_network(network: Network, partner: Network, share: float) -> None:
    whole = blend(network, partner, layer_shares([share] * network.descriptor.num_ws))
    ws = latents(network, 1)
    found = drawn(blocks_of([network, partner]), network, ws, (1.0 - share, share))
    assert relative_error(found, whole.synthesis(ws)) < 2e-5


def test_that_a_mixture_of_three_is_the_sum_of_their_weights(network: Network, partner: Network) -> None:
    third = random_network(small_config(CHANNELS), seed=3)
    parts = (0.5, 0.8, -0.3)
    sums = {
        name: sum(share * net.tensors[name] for share, net in zip(parts, (network, partner, third), strict=True))
        for name in network.tensors
    }
    whole = Network.from_tensors(network.config, sums)
    ws = latents(network, 1)
    found = drawn(blocks_of([network, partner, third]), network, ws, parts)
    assert relative_error(found, whole.synthesis(ws)) < 2e-5


def test_that_going_back_and_forth_between_mixtures_leaves_nothing_behind(network: Network, partner: Network) -> None:
    used = blocks_of([network, partner])
    ws = latents(network, 1)
    for share in (0.3, 0.9, 0.0, 1.0, 0.3, 0.6):
        shares = (1.0 - share, share)
        fresh = drawn(blocks_of([network, partner]), network, ws, shares)
        assert torch.equal(drawn(used, network, ws, shares), fresh)


def test_that_parts_of_a_layer_can_come_from_different_networks(network: Network, partner: Network) -> None:
    a, b = (1.0, 0.0), (0.0, 1.0)
    conv = ConvShares(weight=b, affine=a, noise=b)
    shares = BlockShares(const=b, conv0=conv, conv1=conv, torgb=a, torgb_affine=b)
    count = network.descriptor.num_ws
    ones, zeros = (1.0,) * count, (0.0,) * count
    mixed = replace(layer_shares(ones), conv_affine=zeros, torgb=zeros)
    ws = latents(network, 1)
    blocks, carry = blocks_of([network, partner]), None
    for index in range(len(CHANNELS)):
        carry = blocks.run(index, shares, carry, ws, NoiseInput())
    assert carry is not None
    assert carry.img is not None
    assert relative_error(carry.img, blend(network, partner, mixed).synthesis(ws)) < 2e-5


def test_that_the_clamp_is_that_of_the_greater_share() -> None:
    a, b = (random_network(small_config(CHANNELS, conv_clamp=clamp), seed=4) for clamp in (0.2, None))
    ws = latents(a, 1)
    for share in (0.4, 0.5, 0.6):
        whole = blend(a, b, layer_shares([share] * a.descriptor.num_ws))
        found = drawn(blocks_of([a, b]), a, ws, (1.0 - share, share))
        assert relative_error(found, whole.synthesis(ws)) < 2e-5


def test_that_bfloat16_is_near_enough_for_the_eye(network: Network, partner: Network) -> None:
    ws = latents(network, 1)
    whole = blend(network, partner, layer_shares([0.4] * network.descriptor.num_ws)).synthesis(ws)
    found = drawn(blocks_of([network, partner], BRAIN), network, ws, (0.6, 0.4))
    assert found.dtype == torch.float32
    error = float((found - whole).square().mean().sqrt() / whole.std())
    assert 0.0 < error < 0.02


def test_that_a_carry_is_fresh_and_what_it_came_from_is_untouched(network: Network) -> None:
    blocks, ws = blocks_of([network]), latents(network, 1)
    below = blocks.run(0, everywhere(ALONE), None, ws, NoiseInput())
    assert below.img is not None
    kept = below.x.clone(), below.img.clone()
    first = blocks.run(1, everywhere(ALONE), below, ws, NoiseInput())
    x = first.x.clone()
    blocks.run(1, everywhere(ALONE), below, ws + 1.0, NoiseInput(mode="none"))
    assert torch.equal(below.x, kept[0])
    assert torch.equal(below.img, kept[1])
    assert torch.equal(first.x, x)


def test_that_blocks_of_half_precision_follow_the_checkpoint() -> None:
    config = small_config(CHANNELS)
    blocks = (*config.synthesis.blocks[:3], *(replace(block, use_fp16=True) for block in config.synthesis.blocks[3:]))
    halved = NetworkConfig(config.mapping, replace(config.synthesis, blocks=blocks))
    network = Network.from_tensors(halved, random_tensors(halved))
    packed = PackedNetwork(network, replace(SINGLE, half=torch.bfloat16))
    assert [packed.block(index).dtype for index in range(5)] == [torch.float32] * 3 + [torch.bfloat16] * 2
    ws = latents(network, 1)
    error = relative_error(drawn(PreviewBlocks([packed]), network, ws), network.synthesis(ws))
    assert 1e-5 < error < 0.05


@pytest.mark.parametrize(
    "options",
    [
        {"architecture": "resnet"},
        {"activation": "swish"},
        {"kernel_size": 5},
        {"taps": (0.25, 0.5, 0.25)},
        {"taps": (0.1, 0.4, 0.4, 0.1)},
        {"act_gain": -1.0},
    ],
)
def test_that_unusual_networks_are_left_to_the_exact_net(options: dict[str, object]) -> None:
    network = random_network(small_config(CHANNELS, **options))  # type: ignore[arg-type]
    assert not can_pack(network.config.synthesis)
    assert Packs(SINGLE).of(network) is None


def test_that_a_network_is_packed_once_and_let_go_with_it() -> None:
    packs, network = Packs(SINGLE), random_network(small_config())
    packed = packs.of(network)
    assert packed is not None
    assert packs.of(network) is packed
    assert packed.block(1) is packed.block(1)
    del network
    assert len(packs._packed) == 0


def test_that_a_lone_tensor_is_used_as_it_is() -> None:
    parts = [torch.ones(3), torch.full((3,), 5.0)]
    mixed = MixedTensor(parts)
    assert mixed.get((0.0, 1.0)) is parts[1]
    between = mixed.get((0.5, 0.5))
    assert torch.equal(between, torch.full((3,), 3.0))
    assert mixed.get((0.25, 0.75)) is between, "mixtures stay at one address"
    assert torch.equal(between, torch.full((3,), 4.0))


def test_that_the_cpu_computes_in_one_dtype_throughout() -> None:
    chosen = choose_arithmetic("cpu")
    assert chosen.full == chosen.half
    assert chosen.full in (torch.float32, torch.bfloat16)
    assert chosen.channels_last


@pytest.mark.parametrize("upsamples", [False, True])
def test_that_prepared_weights_convolve_as_plain_ones(upsamples: bool) -> None:
    x = torch.randn(1, 24, 6, 6).bfloat16().contiguous(memory_format=torch.channels_last)
    weight = torch.randn(24, 24, 3, 3).bfloat16()
    assert can_prepare(weight)
    assert not can_prepare(weight.float())
    plain = F.conv_transpose2d(x, weight, stride=2) if upsamples else F.conv2d(x, weight, padding=1)
    found = convolve(x, prepared(weight, 6, upsamples=upsamples), upsamples=upsamples)
    assert relative_error(found.float(), plain.float()) < 1e-2


def test_that_one_networks_weights_are_prepared_where_features_are_few(network: Network, partner: Network) -> None:
    low, high = (PackedNetwork(network, BRAIN).block(index).conv1 for index in (0, 4))
    assert low.prepared is not None
    assert high.prepared is None, "its weight is multiplied by the styles every time"
    ws = latents(network, 1)
    alone = drawn(blocks_of([network], BRAIN), network, ws)
    mixed = drawn(blocks_of([network, partner], BRAIN), network, ws, (1.0 - 1e-9, 1e-9))  # mixtures are not prepared
    assert relative_error(alone, mixed) < 2e-2

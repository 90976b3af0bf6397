"""The nets against the textbook, for every option that NVIDIA's constructors have."""

from __future__ import annotations

import math

import pytest
import torch
from small_networks import latents, random_network, random_tensors, relative_error, small_config
from textbook import GAINS, Textbook

from engine.nets.noise import NoiseInput, seeded_map
from engine.network import Network
from engine.network_config import NetworkConfig

TOLERANCE = 2e-6


def assert_like_the_textbook(config: NetworkConfig, kernel: torch.Tensor | None = None) -> None:
    tensors = random_tensors(config, kernel=kernel)
    network, book = Network.from_tensors(config, tensors), Textbook(config, tensors)
    z = torch.randn(2, config.z_dim, generator=torch.Generator().manual_seed(1))
    c = torch.eye(config.c_dim)[[1, 0]] if config.c_dim else None
    assert relative_error(network.mapping(z, c), book.mapping(z, c)) < TOLERANCE
    ws = latents(network)
    wanted = book.synthesis(ws)
    assert wanted.shape[-1] == config.img_resolution
    assert relative_error(network.synthesis(ws), wanted) < TOLERANCE
    assert relative_error(network.synthesis(ws, "none"), book.synthesis(ws, "none")) < TOLERANCE


@pytest.mark.parametrize("architecture", ["skip", "resnet", "orig"])
@pytest.mark.parametrize("kernel_size", [1, 3, 5])
def test_that_every_architecture_and_kernel_size_is_exact(architecture: str, kernel_size: int) -> None:
    assert_like_the_textbook(small_config(architecture=architecture, kernel_size=kernel_size))


def normalised(*taps: float) -> tuple[float, ...]:
    return tuple(tap / sum(taps) for tap in taps)


FILTERS = {
    "identity": normalised(1),
    "two taps": normalised(1, 1),
    "three taps": normalised(1, 2, 1),
    "lopsided": normalised(1, 2, 5),
    "lopsided, even": normalised(1, 0, 3, 4),
    "five taps": normalised(1, 4, 6, 4, 1),
    "eight taps": normalised(1, 2, 3, 4, 5, 6, 7, 9),
    "twelve taps": normalised(0.1, 0.2, -0.3, 1, 2, 3, 4, 2, 1, -0.4, 0.2, 0.3),
}


@pytest.mark.parametrize("taps", FILTERS.values(), ids=FILTERS.keys())
@pytest.mark.parametrize("kernel_size", [1, 3, 5])
def test_that_any_separable_filter_is_exact(taps: tuple[float, ...], kernel_size: int) -> None:
    assert_like_the_textbook(small_config((4, 4, 3), architecture="resnet", taps=taps, kernel_size=kernel_size))
    assert_like_the_textbook(small_config((4, 3), taps=taps, kernel_size=kernel_size))


@pytest.mark.parametrize("architecture", ["skip", "resnet"])
@pytest.mark.parametrize("shape", [(3, 3), (4, 4), (2, 5), (9, 9)])
def test_that_a_filter_that_is_not_separable_is_exact(architecture: str, shape: tuple[int, int]) -> None:
    kernel = torch.rand(shape, generator=torch.Generator().manual_seed(5))
    config = small_config((4, 4, 3), architecture=architecture, taps=None)
    assert_like_the_textbook(config, kernel / kernel.sum())


@pytest.mark.parametrize("activation", GAINS)
def test_that_every_activation_is_exact(activation: str) -> None:
    gain = GAINS[activation]
    assert_like_the_textbook(small_config(activation=activation, act_gain=gain, mapping_activation=activation))


@pytest.mark.parametrize("architecture", ["skip", "resnet", "orig"])
def test_that_clamps_bite_where_they_should(architecture: str) -> None:
    config = small_config(architecture=architecture, conv_clamp=0.5)
    assert_like_the_textbook(config)
    loose = Textbook(small_config(architecture=architecture), random_tensors(config))
    tight = Textbook(config, random_tensors(config))
    ws = latents(random_network(config))
    assert relative_error(loose.synthesis(ws), tight.synthesis(ws)) > 0.01


@pytest.mark.parametrize(
    "options",
    [
        {"c_dim": 3},
        {"c_dim": 3, "embed_features": 5, "layer_features": 7, "num_layers": 3},
        {"c_dim": 2, "z_dim": 0},
        {"num_layers": 1},
        {"lr_multiplier": 1.0, "num_layers": 4},
        {"layer_features": 24, "w_dim": 5},
    ],
    ids=str,
)
def test_that_mapping_options_are_exact(options: dict[str, int]) -> None:
    assert_like_the_textbook(small_config(**options))


@pytest.mark.parametrize("channels", [(5,), (3, 9), (16, 8, 4, 2, 1)], ids=str)
@pytest.mark.parametrize("img_channels", [1, 4])
def test_that_sizes_are_free(channels: tuple[int, ...], img_channels: int) -> None:
    assert_like_the_textbook(small_config(channels, img_channels=img_channels))


def test_that_a_network_without_noise_runs() -> None:
    config = small_config(use_noise=False)
    assert_like_the_textbook(config)
    network = random_network(config)
    ws = latents(network)
    assert torch.equal(network.synthesis(ws, "random"), network.synthesis(ws, "none"))


def test_that_a_run_may_start_and_stop_between_blocks() -> None:
    network = random_network(small_config((6, 6, 4, 4)))
    ws = latents(network)
    source = network.noise_input("random", [1.0] * 8, 7)
    carries = []
    carry = None
    for index in range(4):
        carry = network.run_block(index, carry, ws, network.block_noise(index, source, 2))
        carries.append(carry)
    whole = network.synthesis(ws, "random", noise_seed=7)
    assert torch.equal(carries[-1].img, whole)
    assert torch.equal(carries[1].img, network.synthesis(ws, "random", noise_seed=7, max_resolution=8))
    kept = carries[1].x.clone(), carries[1].img.clone()
    again = network.run_block(2, carries[1], ws, network.block_noise(2, source, 2))
    again = network.run_block(3, again, ws, network.block_noise(3, source, 2))
    assert torch.equal(again.img, whole)
    assert torch.equal(carries[1].x, kept[0])
    assert torch.equal(carries[1].img, kept[1])


def test_that_a_block_reads_its_own_rows_only() -> None:
    network = random_network(small_config((6, 6, 4)))
    synthesis = network.module.synthesis
    assert [synthesis.rows(index) for index in range(3)] == [slice(0, 2), slice(1, 4), slice(3, 6)]
    ws = latents(network)
    first = network.run_block(0, None, ws)
    changed = ws.clone()
    changed[:, 4:] += 1
    second, other = network.run_block(1, first, ws), network.run_block(1, first, changed)
    assert torch.equal(second.x, other.x)
    assert not torch.equal(network.run_block(2, second, ws).x, network.run_block(2, second, changed).x)


def test_that_demodulation_follows_weights_changed_in_place() -> None:
    network = random_network()
    ws = latents(network)
    before = network.synthesis(ws)
    weight = network.tensors["synthesis.b8.conv0.weight"]
    with torch.no_grad():
        weight.mul_(3.0)
    assert relative_error(network.synthesis(ws), before) < TOLERANCE, "demodulation undoes a change of scale"
    with torch.no_grad():
        torch._foreach_mul_([weight], 2.0)
        weight[0].zero_()
    book = Textbook(network.config, network.tensors)
    assert relative_error(network.synthesis(ws), book.synthesis(ws)) < TOLERANCE


def test_that_demodulation_survives_inference_mode() -> None:
    network = random_network()
    ws = latents(network).requires_grad_(True)
    with torch.inference_mode():
        network.synthesis(ws.detach())
    network.synthesis(ws, with_grad=True).sum().backward()
    assert ws.grad is not None


def test_that_gradients_reach_latents_noise_and_weights() -> None:
    config = small_config(activation="lrelu", conv_clamp=4.0)
    network = random_network(config)
    network.module.double()
    torch.manual_seed(0)
    network.module.synthesis.requires_grad_(True)
    ws = latents(network, 1).double().requires_grad_(True)
    noise = torch.randn(16, 16, dtype=torch.float64, requires_grad=True)
    network.synthesis(ws, noise={"b16.conv1": noise}, with_grad=True).square().sum().backward()
    weight = network.module.synthesis.block_at(1).conv1.weight
    for leaf in (ws, noise, weight):
        assert leaf.grad is not None
        assert _slope(network, ws, noise, leaf) == pytest.approx(float(leaf.grad.flatten()[3]), rel=1e-5)


def _slope(network: Network, ws: torch.Tensor, noise: torch.Tensor, leaf: torch.Tensor) -> float:
    values = []
    for step in (1e-5, -2e-5):
        with torch.no_grad():
            leaf.view(-1)[3] += step
        values.append(float(network.synthesis(ws, noise={"b16.conv1": noise}).square().sum()))
    with torch.no_grad():
        leaf.view(-1)[3] += 1e-5
    return (values[0] - values[1]) / 2e-5


def test_that_seeded_noise_depends_on_seed_and_layer_only() -> None:
    one = seeded_map(3, "b8.conv0", 1, 8)
    assert torch.equal(seeded_map(3, "b8.conv0", 4, 8)[:1], one)
    assert not torch.equal(seeded_map(4, "b8.conv0", 1, 8), one)
    assert not torch.equal(seeded_map(3, "b8.conv1", 1, 8), one)
    assert not torch.equal(seeded_map(2**40 + 3, "b8.conv0", 1, 8), one)
    assert one.std() == pytest.approx(1.0, abs=0.3)


def test_that_the_first_values_of_seeded_noise_never_change() -> None:
    """A recipe stores the noise seed, so its meaning is part of the format."""
    values = seeded_map(303, "b4.conv1", 1, 4).flatten()[:3]
    assert values.tolist() == pytest.approx([0.646099, 0.433472, 0.929111], abs=1e-5)


def test_that_random_noise_differs_between_pictures_and_calls() -> None:
    source = NoiseInput("random")
    const = torch.zeros(8, 8)
    first, second = source.for_layer("b8.conv0", const, 2), source.for_layer("b8.conv0", const, 2)
    assert first is not None
    assert second is not None
    assert first.shape == (2, 1, 8, 8)
    assert not torch.equal(first[0], first[1])
    assert not torch.equal(first, second)
    generators = [torch.Generator().manual_seed(1) for _ in range(2)]
    drawn = [NoiseInput("random", generator=g).for_layer("b8.conv0", const, 1) for g in generators]
    assert torch.equal(drawn[0], drawn[1])  # type: ignore[arg-type]


def test_that_truncation_of_a_float_network_is_not_a_float64_affair() -> None:
    network = random_network()
    assert network.mapping(torch.randn(1, 8, dtype=torch.float64)).dtype == torch.float32
    assert network.synthesis(latents(network).double()).dtype == torch.float32
    assert math.isfinite(float(network.synthesis(latents(network) * 1e6).abs().max()))

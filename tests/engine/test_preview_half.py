"""Half precision, and the layouts of devices that are not here: previews give what the plain network gives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch
from small_networks import latents, random_tensors, relative_error, small_config
from torch import Tensor

from engine.nets.noise import NoiseInput
from engine.network import Network
from engine.network_config import NetworkConfig
from engine.preview.arithmetic import Arithmetic, choose_arithmetic
from engine.preview.blocks import PreviewBlocks
from engine.preview.mixing import BlockShares, ConvShares
from engine.preview.packing import PackedNetwork

ON_CUDA = Arithmetic("cpu", torch.bfloat16, torch.float16, channels_last=True, modulates_activations=False)
ON_OLD_CUDA = Arithmetic("cpu", torch.float32, torch.float16, channels_last=True, modulates_activations=False)
ON_MPS = Arithmetic("cpu", torch.float32, torch.float16, channels_last=False, modulates_activations=False)
PLAIN_ON_MPS = Arithmetic("cpu", torch.float32, torch.float32, channels_last=False, modulates_activations=False)
ALONE = (1.0,)


def half_config(channels: tuple[int, ...] = (32, 32, 32, 16), conv_clamp: float = 256.0) -> NetworkConfig:
    """Published networks are like that: the upper blocks in half precision, everything clamped."""
    config = small_config(channels, conv_clamp=conv_clamp)
    blocks = [replace(block, use_fp16=block.resolution >= 8) for block in config.synthesis.blocks]
    return replace(config, synthesis=replace(config.synthesis, blocks=tuple(blocks)))


def network_with_styles(size: float, config: NetworkConfig | None = None) -> Network:
    config = config or half_config()
    tensors = random_tensors(config)
    for name in tensors:
        if ".affine." in name:
            tensors[name] = tensors[name] * size
    return Network.from_tensors(config, tensors)


def preview(network: Network, arithmetic: Arithmetic, ws: Tensor, noise: NoiseInput) -> Tensor:
    blocks = PreviewBlocks([PackedNetwork(network, arithmetic)])
    conv = ConvShares(ALONE, ALONE, ALONE)
    carry = None
    for index in range(len(network.descriptor.resolutions)):
        carry = blocks.run(index, BlockShares(ALONE, conv if index else None, conv, ALONE, ALONE), carry, ws, noise)
    assert carry is not None
    assert carry.img is not None
    return carry.img


def decibels(found: Tensor, wanted: Tensor) -> float:
    """Of the difference, relative to the range of the picture."""
    error = (found - wanted).square().mean().sqrt() / (wanted.max() - wanted.min())
    return float(-20.0 * error.log10())


@pytest.mark.parametrize(("has_bfloat16", "wanted"), [(True, ON_CUDA), (False, ON_OLD_CUDA)])
def test_that_a_card_is_asked_whether_it_has_bfloat16(
    has_bfloat16: bool, wanted: Arithmetic, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    @contextmanager
    def on(device: str) -> Iterator[None]:
        asked.append(device)
        yield
        asked.append("left")

    def is_supported(*, including_emulation: bool) -> bool:
        assert asked == ["cuda:1"]
        return has_bfloat16 or including_emulation

    monkeypatch.setattr(torch.cuda, "device", on)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", is_supported)
    assert choose_arithmetic("cuda:1") == replace(wanted, device="cuda:1")


def test_that_apple_gpus_run_what_was_trained_so_in_half_precision() -> None:
    assert choose_arithmetic("mps") == replace(ON_MPS, device="mps")


@pytest.mark.parametrize(
    ("arithmetic", "least_db"), [(ON_CUDA, 40.0), (ON_OLD_CUDA, 55.0), (ON_MPS, 55.0), (PLAIN_ON_MPS, 100.0)]
)
@pytest.mark.parametrize("styles", [1.0, 1e3, 1e-2])
def test_that_previews_are_right_in_every_arithmetic_however_large_styles_are(
    arithmetic: Arithmetic, least_db: float, styles: float
) -> None:
    network = network_with_styles(styles)
    ws = latents(network, 1)
    wanted = network.synthesis(ws)
    found = preview(network, arithmetic, ws, NoiseInput())
    assert found.dtype == torch.float32
    assert bool(found.isfinite().all())
    assert decibels(found, wanted) > least_db


@pytest.mark.parametrize("arithmetic", [ON_CUDA, ON_MPS])
def test_that_features_at_their_clamp_stay_finite_in_half_precision(arithmetic: Arithmetic) -> None:
    # Strong noise drives every feature to the clamp of 256, from where 32 channels can still add up to a lot.
    network = network_with_styles(1e3)
    ws, noise = latents(network, 1), NoiseInput(strength=1e4)
    wanted = network.synthesis(ws, noise_strength=1e4)
    found = preview(network, arithmetic, ws, noise)
    assert bool(found.isfinite().all())
    assert decibels(found, wanted) > 30.0


@pytest.mark.parametrize("arithmetic", [ON_CUDA, ON_MPS])
def test_that_a_clamp_is_kept_in_half_precision(arithmetic: Arithmetic) -> None:
    network = network_with_styles(1.0, half_config(conv_clamp=0.25))
    ws = latents(network, 1)
    assert relative_error(preview(network, arithmetic, ws, NoiseInput()), network.synthesis(ws)) < 0.02
    unclamped = network_with_styles(1.0, half_config(conv_clamp=256.0))
    assert relative_error(unclamped.synthesis(ws), network.synthesis(ws)) > 0.2


@pytest.mark.parametrize("mode", ["const", "random", "none"])
def test_that_the_contiguous_layout_adds_the_same_noise(mode: str) -> None:
    network = network_with_styles(1.0)
    ws = latents(network, 1)
    seed = 3 if mode == "random" else None
    noise = network.noise_input(mode, 0.7, seed)  # type: ignore[arg-type]
    wanted = network.synthesis(ws, mode, 0.7, seed)  # type: ignore[arg-type]
    assert relative_error(preview(network, PLAIN_ON_MPS, ws, noise), wanted) < 1e-4

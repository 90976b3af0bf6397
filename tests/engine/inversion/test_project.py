"""Inverting a portrait, as the engine thread does it: step by step, to be paused, cancelled and repeated."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import numpy as np
import pytest
import torch
from small_networks import random_network, random_tensors, small_config
from torch import Tensor

from engine.errors import JobError, RenderCancelled
from engine.imaging import to_rgb
from engine.inversion.distance import PixelsAndEdges
from engine.inversion.objective import phases
from engine.inversion.project import InversionProgress, InversionResult, invert_portrait
from engine.messages import LatentSpaceChoice
from engine.network import Network
from engine.places import user_places

Run = Generator[InversionProgress, None, InversionResult]
PLAIN = PixelsAndEdges()


@pytest.fixture(scope="module")
def network() -> Network:
    """32 px, random weights that make smooth pictures of moderate contrast."""
    config = small_config((8, 8, 8, 6), num_layers=2)
    tensors = random_tensors(config, seed=5)
    for name, tensor in tensors.items():
        if "torgb.weight" in name:
            tensor *= 0.15
    return Network.from_tensors(config, tensors)


@pytest.fixture(scope="module")
def target(network: Network) -> np.ndarray:
    """A picture that the network can make, and does not make at its mean."""
    w = network.mapping(torch.randn(1, 8, generator=torch.Generator().manual_seed(8)))
    return to_rgb(network.synthesis(w))


def finished(run: Run) -> tuple[list[InversionProgress], InversionResult]:
    seen = []
    try:
        while True:
            seen.append(next(run))
    except StopIteration as end:
        return seen, end.value


def shown(network: Network, result: InversionResult) -> Tensor:
    names = {layer.position: layer.name for layer in network.descriptor.layers if layer.has_noise}
    noise = {names[position]: torch.from_numpy(one) for position, one in (result.noise or {}).items()}
    return network.synthesis(torch.from_numpy(result.ws)[None], noise=noise)


def test_that_the_picture_comes_closer_to_the_portrait(network: Network, target: np.ndarray) -> None:
    seen, result = finished(invert_portrait(network, target, steps=80, distance=PLAIN))
    assert [progress.step for progress in seen] == list(range(1, 81))
    assert result.steps == 80
    assert seen[0].image is not None
    assert result.pixel_distance < 0.4 * seen[0].pixel_distance
    assert result.ws.shape == (8, 10)
    assert result.ws.dtype == np.float32
    assert result.perceptual_name == "pixels and edges"


def test_that_the_result_is_what_its_latent_and_noise_show(network: Network, target: np.ndarray) -> None:
    _, result = finished(invert_portrait(network, target, steps=30, distance=PLAIN))
    assert result.noise is not None
    image = shown(network, result)
    torch.testing.assert_close(image, result.image, rtol=0, atol=1e-5)
    difference = (image.clamp(-1, 1) - (torch.from_numpy(target).permute(2, 0, 1) / 127.5 - 1)).abs().mean() / 2
    assert result.pixel_distance == pytest.approx(difference.item(), rel=1e-4)


def test_that_noise_stays_noise(network: Network, target: np.ndarray) -> None:
    _, result = finished(invert_portrait(network, target, steps=30, distance=PLAIN))
    assert result.noise is not None
    assert set(result.noise) == {layer.position for layer in network.descriptor.layers if layer.has_noise}
    for one in result.noise.values():
        assert one.mean() == pytest.approx(0, abs=1e-4)
        assert np.square(one).mean() == pytest.approx(1, abs=1e-3)


def test_that_noise_is_left_alone_when_asked(network: Network, target: np.ndarray) -> None:
    _, result = finished(invert_portrait(network, target, steps=20, optimise_noise=False, distance=PLAIN))
    assert result.noise is None


def test_that_w_keeps_all_rows_alike_and_w_plus_does_not(network: Network, target: np.ndarray) -> None:
    _, in_w = finished(invert_portrait(network, target, steps=20, space=LatentSpaceChoice.W, distance=PLAIN))
    assert np.ptp(in_w.ws, axis=0).max() == 0
    _, in_w_plus = finished(invert_portrait(network, target, steps=20, distance=PLAIN))
    assert np.ptp(in_w_plus.ws, axis=0).max() > 0


def test_that_the_same_run_gives_the_same_bytes(network: Network, target: np.ndarray) -> None:
    results = [finished(invert_portrait(network, target, steps=12, seed=4, distance=PLAIN))[1] for _ in range(2)]
    assert results[0].ws.tobytes() == results[1].ws.tobytes()
    _, other = finished(invert_portrait(network, target, steps=12, seed=5, distance=PLAIN))
    assert other.ws.tobytes() != results[0].ws.tobytes()


def test_that_a_cancelled_run_returns_the_best_so_far(network: Network, target: np.ndarray) -> None:
    run = invert_portrait(network, target, steps=500, distance=PLAIN)
    best = min(next(run).pixel_distance for _ in range(20))
    with pytest.raises(StopIteration) as end:
        run.throw(RenderCancelled())
    result = end.value.value
    assert result.steps == 20
    assert result.pixel_distance < 1.1 * best
    assert result.noise is None, "noise had not moved yet"


def test_that_a_run_cancelled_before_its_first_step_has_nothing_to_give(network: Network, target: np.ndarray) -> None:
    run = invert_portrait(network, target, distance=PLAIN)
    with pytest.raises(RenderCancelled):
        run.throw(RenderCancelled())


def test_that_torch_is_left_as_it_was_between_two_steps(network: Network, target: np.ndarray) -> None:
    run = invert_portrait(network, target, steps=5, distance=PLAIN)
    with torch.no_grad():
        next(run)
        assert not torch.is_grad_enabled()
        next(run)
    before = torch.random.get_rng_state()
    next(run)
    assert torch.is_grad_enabled()
    assert torch.equal(before, torch.random.get_rng_state())
    assert not any(tensor.requires_grad for tensor in network.tensors.values())


def test_that_it_works_on_a_thread_in_inference_mode(network: Network, target: np.ndarray) -> None:
    with torch.inference_mode():
        _, result = finished(invert_portrait(network, target, steps=6, distance=PLAIN))
    assert result.steps == 6


def test_that_the_network_is_not_changed(network: Network, target: np.ndarray) -> None:
    before = network.sha256
    finished(invert_portrait(network, target, steps=10, distance=PLAIN))
    assert network.sha256 == before


@pytest.mark.parametrize("channels", [1, 4])
def test_that_networks_of_other_channels_are_inverted_too(channels: int) -> None:
    network = random_network(small_config((6, 6, 4), img_channels=channels))
    portrait = np.full((16, 16, 3), (200, 80, 30), np.uint8)
    _, result = finished(invert_portrait(network, portrait, steps=3, distance=PLAIN))
    assert result.image.shape == (1, channels, 16, 16)


def test_that_a_conditional_network_is_inverted_too() -> None:
    network = random_network(small_config((6, 6, 4), c_dim=3))
    _, result = finished(invert_portrait(network, np.zeros((16, 16, 3), np.uint8), steps=3, distance=PLAIN))
    assert result.steps == 3


@pytest.mark.parametrize("steps", [0, -1, 5001])
def test_that_a_senseless_number_of_steps_is_refused(network: Network, target: np.ndarray, steps: int) -> None:
    with pytest.raises(JobError, match=f"steps is {steps}; it must be from 1 to 5000"):
        next(invert_portrait(network, target, steps=steps, distance=PLAIN))


def test_that_a_portrait_of_another_size_is_refused(network: Network) -> None:
    with pytest.raises(JobError, match="16 x 16 x 3; this model needs 32 x 32 x 3"):
        next(invert_portrait(network, np.zeros((16, 16, 3), np.uint8), distance=PLAIN))


def test_that_a_network_gone_to_nan_ends_in_words(target: np.ndarray) -> None:
    config = small_config((8, 8, 8, 6))
    tensors = random_tensors(config)
    tensors["synthesis.b32.torgb.bias"].fill_(float("nan"))
    with pytest.raises(JobError, match="no numbers"):
        finished(invert_portrait(Network.from_tensors(config, tensors), target, steps=5, distance=PLAIN))


def test_that_a_large_skip_network_is_worked_at_small_sizes_first() -> None:
    tall = small_config((4, 4, 4, 4, 4, 4, 2, 2))
    assert [(phase.start, phase.size_px, phase.features) for phase in phases(random_network(tall))] == [
        (0.0, 64, False),
        (0.1, 64, True),
        (0.4, 256, True),
        (0.95, 512, True),
    ]
    resnet = small_config((4, 4, 4, 4, 4, 4), architecture="resnet")
    assert {phase.size_px for phase in phases(random_network(resnet))} == {128}


def test_that_all_phases_of_a_large_network_are_run() -> None:
    network = random_network(small_config((4, 4, 4, 4, 4, 4, 2, 2)))
    seen, result = finished(invert_portrait(network, np.zeros((512, 512, 3), np.uint8), steps=20, distance=PLAIN))
    assert list(dict.fromkeys(progress.text for progress in seen)) == [
        "Matching colours and shapes",
        "Matching the likeness",
        "Adding detail",
        "Finishing at full size",
    ]
    assert result.image.shape[-1] == 512


def test_that_weights_in_the_users_folder_are_found(
    network: Network, target: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAFT_HOME", str(tmp_path))
    _, result = finished(invert_portrait(network, target, steps=1))
    assert result.perceptual_name.startswith("Graft's own face features")
    user_places().weights_folder.mkdir(parents=True)
    (user_places().weights_folder / "vgg16.pth").write_bytes(b"damaged")
    _, result = finished(invert_portrait(network, target, steps=1))
    assert "vgg16.pth" in result.perceptual_name

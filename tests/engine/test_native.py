"""The compiled kernels against torch in float32, and the loader against files that it must not trust."""

from __future__ import annotations

import logging
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from small_networks import latents, random_network, small_config
from torch import Tensor

from engine.errors import EngineError, JobError
from engine.imaging import to_bgrx
from engine.native import build as building
from engine.native.binary import binary_name, find_binary, kernels_folder
from engine.native.build import build_kernels, kernel_status, remove_kernels
from engine.native.kernels import Kernels, load_kernels
from engine.native.packing import pack_direct, pack_up_direct, pack_up_winograd, pack_winograd
from engine.nets.fir import upsample2x
from engine.nets.modulated_conv import upsampling_conv2d
from engine.nets.noise import NoiseInput
from engine.network import Network
from engine.places import Places
from engine.preview.arithmetic import Arithmetic
from engine.preview.blocks import PreviewBlocks
from engine.preview.mixing import BlockShares, ConvShares
from engine.preview.packing import PackedNetwork
from engine.preview.screen_copy import ScreenCopy

BFLOAT16_ERROR = 6e-3
"""Relative root mean square error that bfloat16 operands and results may leave."""

FILTER = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8.0
SHAPES = ((16, 16, 4, 4), (20, 24, 5, 7), (48, 96, 6, 10), (64, 33, 33, 17), (32, 32, 40, 130), (512, 512, 4, 4))
"""Channels in and out, height and width: smaller than a vector, odd, not a multiple of a block, more than a strip."""


@pytest.fixture(scope="session")
def shared_places(tmp_path_factory: pytest.TempPathFactory) -> Places:
    root = tmp_path_factory.mktemp("native")
    return Places(root / "config", root / "data", root / "cache")


@pytest.fixture(scope="session")
def kernels(shared_places: Places) -> Kernels:
    """Built once; every test of a session shares it, as a process can only load one."""
    if reason := kernel_status(shared_places).buildable:
        pytest.skip(reason)
    build_kernels(lambda text: None, shared_places)
    loaded = load_kernels(shared_places, {})
    assert loaded is not None
    return loaded


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "config", tmp_path / "data", tmp_path / "cache")


@pytest.fixture(autouse=True)
def repeatable() -> Iterator[None]:
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(7)
        yield


def features(channels: int, height: int, width: int) -> Tensor:
    return torch.randn(1, channels, height, width).bfloat16().contiguous(memory_format=torch.channels_last)


def conv_weight(outputs: int, inputs: int) -> Tensor:
    return torch.randn(outputs, inputs, 3, 3) / (9.0 * inputs) ** 0.5


def error(ours: Tensor, true: Tensor) -> float:
    assert ours.shape == true.shape
    return float((ours.float() - true).norm() / true.norm())


def ended(y: Tensor, scale: Tensor, bias: Tensor, noise: Tensor, strengths: Tensor, clamp: float | None) -> Tensor:
    y = y * scale.view(1, -1, 1, 1) + bias.view(1, -1, 1, 1)
    y = y + (strengths[:, None] * noise.float()).sum(0).view(1, 1, *y.shape[2:])
    y = F.leaky_relu(y, 0.2)
    return y if clamp is None else y.clamp(-clamp, clamp)


# --- arithmetic -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("inputs", "outputs", "height", "width"), SHAPES)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32], ids=["bfloat16", "float32"])
@pytest.mark.parametrize(("maps", "clamp"), [(0, None), (1, 1.0), (2, None)])
def test_that_a_convolution_agrees_with_torch(
    kernels: Kernels,
    inputs: int,
    outputs: int,
    height: int,
    width: int,
    dtype: torch.dtype,
    maps: int,
    clamp: float | None,
) -> None:
    if dtype != kernels.operand_dtype and dtype == torch.bfloat16:
        pytest.skip("no instructions for bfloat16 here")
    x, weight = features(inputs, height, width), conv_weight(outputs, inputs)
    styles, scale, bias = torch.rand(inputs) + 0.5, torch.rand(outputs) + 0.5, torch.randn(outputs)
    noise, strengths = torch.randn(maps, height * width).bfloat16(), torch.randn(maps)
    true = ended(
        F.conv2d(x.float() * styles.view(1, -1, 1, 1), weight, padding=1), scale, bias, noise, strengths, clamp
    )
    added = (noise, strengths) if maps else (None, None)
    for pack in (pack_direct, pack_winograd):
        y = kernels.conv3x3(x, pack(weight, dtype), styles, scale, bias, *added, clamp=clamp)
        assert y.dtype == torch.bfloat16
        assert y.is_contiguous(memory_format=torch.channels_last)
        assert error(y, true) < BFLOAT16_ERROR


@pytest.mark.parametrize(("inputs", "outputs", "height", "width"), SHAPES)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32], ids=["bfloat16", "float32"])
@pytest.mark.parametrize(("maps", "clamp"), [(0, None), (1, 1.0), (2, None)])
def test_that_an_upsampling_convolution_agrees_with_torch(
    kernels: Kernels,
    inputs: int,
    outputs: int,
    height: int,
    width: int,
    dtype: torch.dtype,
    maps: int,
    clamp: float | None,
) -> None:
    if dtype != kernels.operand_dtype and dtype == torch.bfloat16:
        pytest.skip("no instructions for bfloat16 here")
    x, weight = features(inputs, height, width), conv_weight(outputs, inputs)
    styles, scale, bias = torch.rand(inputs) + 0.5, torch.rand(outputs) + 0.5, torch.randn(outputs)
    noise, strengths = torch.randn(maps, 4 * height * width), torch.randn(maps)
    true = ended(
        upsampling_conv2d(x.float() * styles.view(1, -1, 1, 1), weight, FILTER), scale, bias, noise, strengths, clamp
    )
    added = (noise, strengths) if maps else (None, None)
    for pack in (pack_up_direct, pack_up_winograd):
        y = kernels.up_conv3x3(x, pack(weight, dtype), styles, scale, bias, *added, clamp=clamp)
        assert y.dtype == torch.bfloat16
        assert y.is_contiguous(memory_format=torch.channels_last)
        assert error(y, true) < BFLOAT16_ERROR


def test_that_the_kernels_pick_of_packing_is_one_they_take(kernels: Kernels) -> None:
    x, weight = features(40, 8, 8), conv_weight(24, 40)
    ones, zeros = torch.ones(24), torch.zeros(24)
    y = kernels.conv3x3(x, kernels.pack_conv(weight), None, ones, zeros, slope=1.0)
    assert error(y, F.conv2d(x.float(), weight, padding=1)) < BFLOAT16_ERROR
    y = kernels.up_conv3x3(x, kernels.pack_up_conv(weight), None, ones, zeros, slope=1.0)
    assert error(y, upsampling_conv2d(x.float(), weight, FILTER)) < BFLOAT16_ERROR


@pytest.mark.parametrize(("channels", "height", "width"), [(16, 4, 4), (20, 6, 10), (32, 64, 48), (130, 8, 34)])
@pytest.mark.parametrize("clamp", [None, 0.7])
def test_that_the_image_grows_as_in_float32(
    kernels: Kernels, channels: int, height: int, width: int, clamp: float | None
) -> None:
    x, below = features(channels, height, width), torch.randn(1, 3, height // 2, width // 2)
    weight, bias = torch.randn(3, channels) / channels**0.5, torch.randn(3)
    share = torch.einsum("nihw,oi->nohw", x.float(), weight) + bias.view(1, 3, 1, 1)
    if clamp is not None:
        share = share.clamp(-clamp, clamp)
    assert torch.allclose(kernels.add_rgb(x, weight, bias, clamp), share, atol=1e-5)
    grown = kernels.add_rgb(x, weight, bias, clamp, below)
    assert torch.allclose(grown, share + upsample2x(below, FILTER), atol=1e-5)


def test_that_screen_bytes_are_those_of_imaging(kernels: Kernels) -> None:
    image = torch.linspace(-1.3, 1.3, 3 * 97 * 31).view(1, 3, 97, 31).contiguous()
    image[0, 0, 0, :2] = torch.tensor([torch.inf, -torch.inf])
    edges = (torch.arange(256.0) - 128.0) / 127.5  # where a level begins: the last bit decides
    for picture in (image, torch.cat([edges, torch.nextafter(edges, torch.tensor(-9.0))])[:510].view(1, 3, 17, 10)):
        assert (kernels.to_bgrx(picture).numpy() == to_bgrx(picture)).all()


def test_that_results_do_not_depend_on_the_number_of_threads(kernels: Kernels) -> None:
    x, weight = features(64, 32, 32), conv_weight(64, 64)
    ones, zeros = torch.ones(64), torch.zeros(64)
    packed, up = kernels.pack_conv(weight), kernels.pack_up_conv(weight)
    threads, results = torch.get_num_threads(), []
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            plain = kernels.conv3x3(x, packed, None, ones, zeros)
            results.append((plain, kernels.up_conv3x3(x, up, None, ones, zeros)))
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(mine, first) for pair in results for mine, first in zip(pair, results[0], strict=True))


@pytest.mark.parametrize("pack", [pack_direct, pack_winograd, pack_up_direct, pack_up_winograd])
def test_that_packing_is_linear(pack: object) -> None:
    assert callable(pack)
    a, b = conv_weight(40, 24), conv_weight(40, 24)
    blended = pack(torch.lerp(a, b, 0.3), torch.float32)
    assert torch.allclose(blended, torch.lerp(pack(a, torch.float32), pack(b, torch.float32), 0.3), atol=1e-6)
    coarse = torch.lerp(pack(a, torch.bfloat16), pack(b, torch.bfloat16), 0.3)
    assert error(coarse, blended.view(*coarse.shape[:2], -1, 2, coarse.shape[3]).transpose(3, 4)) < 4e-3


def test_that_arguments_that_do_not_fit_are_refused(kernels: Kernels) -> None:
    x, packed = features(32, 8, 8), kernels.pack_conv(conv_weight(32, 32))
    ones, zeros = torch.ones(32), torch.zeros(32)
    for bad in (
        (x.float(), packed, None, ones, zeros),
        (x.contiguous(), packed, None, ones, zeros),
        (features(64, 8, 8), packed, None, ones, zeros),
        (x, packed[..., :1], None, ones, zeros),
        (x, pack_up_direct(conv_weight(32, 32), kernels.operand_dtype), None, ones, zeros),
        (x, packed, ones[:16], ones, zeros),
        (x, packed, None, torch.ones(33), torch.zeros(33)),
        (x, packed, None, ones, zeros[:16]),
        (x, packed, None, ones, zeros, torch.zeros(1, 63), torch.ones(1)),
        (x, packed, None, ones, zeros, torch.zeros(1, 64), None),
        (x, packed, None, ones, zeros, torch.zeros(2, 64), torch.ones(1)),
    ):
        with pytest.raises(RuntimeError):
            kernels.conv3x3(*bad)


# --- building and loading -------------------------------------------------------------------------------------------


def test_that_nothing_is_loaded_when_nothing_was_built(places: Places) -> None:
    assert load_kernels(places, {}) is None
    assert kernel_status(places).reason == "not built"
    assert remove_kernels(places) == 0


def test_that_the_switch_in_the_environment_turns_them_off(kernels: Kernels, shared_places: Places) -> None:
    assert load_kernels(shared_places, {}) == kernels
    assert load_kernels(shared_places, {"GRAFT_NATIVE": "0"}) is None


def test_that_a_file_for_another_torch_is_not_loaded(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    _put(places, b"anything")
    assert find_binary(places).path is not None
    monkeypatch.setattr(torch, "__version__", "1.0")
    assert load_kernels(places, {}) is None
    assert "another torch" in kernel_status(places).reason


def test_that_a_damaged_file_is_seen_before_it_is_loaded(places: Places) -> None:
    path = _put(places, b"whole")
    path.write_bytes(b"whol")
    assert "damaged" in kernel_status(places).reason
    assert load_kernels(places, {}) is None


def test_that_a_file_that_is_no_library_is_not_used(places: Places, caplog: pytest.LogCaptureFixture) -> None:
    _put(places, b"not a shared object")
    with caplog.at_level(logging.INFO, logger="engine.native.kernels"):
        assert load_kernels(places, {}) is None
    assert "not used" in caplog.text


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="permission bits as POSIX has them")
def test_that_a_file_others_can_change_is_not_trusted(places: Places) -> None:
    path = _put(places, b"anything")
    path.chmod(0o722)
    assert "others may write" in kernel_status(places).reason
    path.chmod(0o700)
    path.parent.chmod(0o777)
    assert "others may write" in kernel_status(places).reason
    path.parent.chmod(0o700)
    assert kernel_status(places).path == path


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links need rights there")
def test_that_a_link_is_not_followed(places: Places, tmp_path: Path) -> None:
    path = _put(places, b"anything")
    shutil.move(path, tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert "not a regular file" in kernel_status(places).reason


def test_that_a_missing_compiler_is_said_plainly(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "_check_machine", lambda: None)
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(JobError) as failure:
        build_kernels(lambda text: None, places)
    assert "no-such-compiler" in failure.value.user_message
    assert "slower" in failure.value.hint
    assert not kernels_folder(places).exists()
    assert "no-such-compiler" in kernel_status(places).buildable


def test_that_a_failed_build_leaves_the_old_file_and_says_where_the_log_is(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = _put(places, b"old")
    for name in ("_check_machine", "_check_tools"):
        monkeypatch.setattr(building, name, lambda: None)

    def refuse(command: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 1, stdout="first line\nkernels.cpp:1: error: nonsense\nlast\n")

    monkeypatch.setattr(subprocess, "run", refuse)
    with pytest.raises(EngineError, match="nonsense") as failure:
        build_kernels(lambda text: None, places)
    assert "build.log" in failure.value.hint
    assert sorted(path.name for path in old.parent.iterdir()) == sorted([old.name, "build.log"])


def test_that_a_crash_in_the_trial_is_told(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_check_machine", "_check_tools"):
        monkeypatch.setattr(building, name, lambda: None)
    monkeypatch.setattr(
        subprocess, "run", lambda command, **options: subprocess.CompletedProcess(command, -11, stdout="")
    )
    with pytest.raises(JobError, match="crashed"):
        build_kernels(lambda text: None, places)
    assert find_binary(places).path is None


def test_that_what_was_built_is_private_and_can_be_removed(kernels: Kernels, shared_places: Places) -> None:
    path = kernel_status(shared_places).path
    assert path is not None
    if hasattr(os, "getuid"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert not list(path.parent.glob("build-*"))


def _put(places: Places, content: bytes) -> Path:
    folder = kernels_folder(places)
    folder.mkdir(mode=0o700, parents=True)
    path = folder / binary_name(content)
    path.write_bytes(content)
    path.chmod(0o700)
    return path


# --- the whole preview ----------------------------------------------------------------------------------------------


def preview_of(kernels: Kernels | None, networks: list[Network], share: float, noise: NoiseInput) -> Tensor:
    arithmetic = Arithmetic("cpu", torch.bfloat16, torch.bfloat16, True, True, kernels)
    blocks = PreviewBlocks([PackedNetwork(network, arithmetic) for network in networks])
    shares = (1.0 - share, share) if len(networks) == 2 else (1.0,)
    conv, carry = ConvShares(shares, shares, shares), None
    ws = latents(networks[0], 1)
    for index in range(len(networks[0].descriptor.resolutions)):
        carry = blocks.run(index, BlockShares(shares, conv, conv, shares, shares), carry, ws, noise)
    assert carry is not None
    assert carry.img is not None
    return carry.img


@pytest.mark.parametrize(
    "noise",
    [NoiseInput(), NoiseInput("none"), NoiseInput("random", 0.5, seed=3), NoiseInput(strengths={"b8.conv0": 3.0})],
)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"conv_clamp": 0.6},
        {"activation": "relu"},
        {"img_channels": 1},
        {"use_noise": False},
        {"architecture": "orig"},
    ],
)
def test_that_previews_on_kernels_are_those_without(
    kernels: Kernels, noise: NoiseInput, options: dict[str, object]
) -> None:
    network = random_network(small_config((40, 32, 24, 16), **options))  # type: ignore[arg-type]
    wanted = network.module.synthesis.forward(latents(network, 1), noise)
    assert wanted is not None
    found = preview_of(kernels, [network], 0.0, noise)
    error = float((found - wanted).square().mean().sqrt() / wanted.std())
    assert error < 0.02


def test_that_mixtures_on_kernels_are_those_without(kernels: Kernels) -> None:
    a, b = (random_network(small_config((40, 32, 24, 16)), seed=seed) for seed in (1, 2))
    for share in (0.3, 1.0, 1.4):
        wanted = preview_of(None, [a, b], share, NoiseInput())
        error = float(
            (preview_of(kernels, [a, b], share, NoiseInput()) - wanted).square().mean().sqrt() / wanted.std()
        )
        assert error < 0.03


def test_that_packed_weights_are_counted_as_they_are(kernels: Kernels) -> None:
    weight = torch.randn(128, 64, 3, 3)
    assert kernels.pack_conv(weight).nbytes == kernels.packed_bytes(128 * 64)
    assert kernels.pack_up_conv(weight).nbytes == kernels.packed_bytes(128 * 64)


def test_that_the_screen_gets_the_kernels_bytes(kernels: Kernels) -> None:
    image = torch.randn(1, 3, 20, 36)
    assert np.array_equal(ScreenCopy("cpu", kernels).to_bgrx(image), to_bgrx(image))
    grey = torch.randn(1, 1, 16, 16)
    assert np.array_equal(ScreenCopy("cpu", kernels).to_bgrx(grey), to_bgrx(grey))

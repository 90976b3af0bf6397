"""Floats to bytes and back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine.imaging import from_rgb, rgb_to_bgrx, shrunk, to_bgrx, to_rgb


def test_that_levels_are_clamped_and_truncated_by_the_published_rule() -> None:
    values = [-1.1, -1.0, -0.5, -1e-4, 0.0, 0.5, 0.996, 1.0, 7.0, float("inf"), float("-inf")]
    image = torch.tensor(values)[None, None, None].expand(1, 3, 1, -1)
    # 127.5 x + 128: 0.5 is 191.75, 0.996 is just under 255.
    assert to_rgb(image)[0, :, 0].tolist() == [0, 0, 64, 127, 128, 191, 254, 255, 255, 255, 0]


def test_that_screen_pictures_are_blue_first_and_opaque() -> None:
    image = torch.tensor([-1.0, 0.0, 1.0])[None, :, None, None].expand(1, 3, 2, 5)
    screen = to_bgrx(image)
    assert (screen.shape, screen.dtype, screen.flags.c_contiguous) == ((2, 5, 4), np.uint8, True)
    assert screen[1, 3].tolist() == [255, 128, 0, 255]
    assert to_rgb(image)[1, 3].tolist() == [0, 128, 255]


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_that_grey_is_spread_and_further_channels_are_left_out(channels: int) -> None:
    image = torch.linspace(-1, 1, channels * 4).reshape(channels, 2, 2)
    rgb = to_rgb(image)
    assert np.array_equal(to_bgrx(image)[..., :3], rgb[..., ::-1])
    if channels == 1:
        assert np.array_equal(rgb[..., 0], rgb[..., 2])


def test_that_a_picture_does_not_share_memory_with_the_network() -> None:
    image = torch.zeros(1, 3, 4, 4)
    screen = to_bgrx(image)
    image.fill_(1.0)
    assert screen[0, 0, 0] == 128
    screen[:] = 7  # and may be written by who owns it
    assert np.array_equal(to_bgrx(image)[..., :3], np.full((4, 4, 3), 255))


def test_that_bytes_survive_the_way_there_and_back() -> None:
    pixels = np.random.RandomState(0).randint(0, 256, (5, 7, 3)).astype(np.uint8)
    image = from_rgb(pixels)
    assert (tuple(image.shape), image.dtype) == ((1, 3, 5, 7), torch.float32)
    assert float(image.min()) >= -1
    assert float(image.max()) <= 1
    assert np.abs(to_rgb(image).astype(int) - pixels).max() <= 1  # half a level is added on the way there
    assert np.array_equal(rgb_to_bgrx(pixels)[..., 2::-1], pixels)


def test_that_half_precision_is_converted_in_single() -> None:
    image = torch.linspace(-1, 1, 64).reshape(1, 1, 8, 8).half()
    assert np.array_equal(to_rgb(image), to_rgb(image.float()))


@pytest.mark.parametrize(("size", "wanted"), [((64, 64), (16, 16)), ((8, 8), (8, 8)), ((64, 32), (16, 8))])
def test_that_pictures_are_shrunk_but_never_enlarged(size: tuple[int, int], wanted: tuple[int, int]) -> None:
    image = torch.full((1, 3, *size), 0.25)
    found = shrunk(image, 16)
    assert tuple(found.shape[-2:]) == wanted
    assert torch.allclose(found, torch.tensor(0.25))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_that_neither_memory_order_nor_broken_numbers_change_the_bytes(dtype: torch.dtype) -> None:
    image = (1.5 * torch.randn(1, 3, 9, 11, generator=torch.Generator().manual_seed(0))).to(dtype)
    screen = to_bgrx(image.contiguous(memory_format=torch.channels_last))
    levels = (image[0].float() * 127.5 + 128).clamp(0, 255).to(torch.uint8)
    assert np.array_equal(screen[..., 2::-1], levels.permute(1, 2, 0).numpy())
    image[0, 2, 4, 4] = float("nan")
    broken = to_bgrx(image)
    assert (broken[..., 3] == 255).all()
    broken[4, 4] = screen[4, 4]
    assert np.array_equal(broken, screen)

"""Pictures reach the screen bit by bit, and those that were handed out stay as they are."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.imaging import packed_bgrx, to_bgrx
from engine.preview.screen_copy import LockedBuffer, ScreenCopy


def image(size_px: int, seed: int, channels: int = 3) -> Tensor:
    return 1.5 * torch.randn(1, channels, size_px, size_px, generator=torch.Generator().manual_seed(seed))


class FakeGpu:
    """Page-locked memory that the picture arrives in only when it is waited for."""

    def __init__(self) -> None:
        self.allocated: list[int] = []

    def allocate(self, size: int) -> Tensor:
        self.allocated.append(size)
        self.memory = torch.full((size,), 77, dtype=torch.int32)
        return LateTensor(self.memory)

    def wait(self, packed: Tensor) -> None:
        self.memory[: packed.numel()] = packed.flatten()


class LateTensor(Tensor):
    """What is copied into it without blocking is not there yet."""

    @staticmethod
    def __new__(cls: type[LateTensor], memory: Tensor) -> LateTensor:
        return torch.Tensor._make_subclass(cls, memory)

    def copy_(self, other: Tensor, non_blocking: bool = False) -> LateTensor:
        assert non_blocking
        return self


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_that_fetched_pictures_are_those_of_the_cpu_bit_by_bit(channels: int) -> None:
    gpu = FakeGpu()
    buffer = LockedBuffer(gpu.allocate, gpu.wait)
    for seed, size_px in enumerate((32, 8, 32)):
        wanted = image(size_px, seed, channels)
        assert np.array_equal(buffer.fetch(packed_bgrx(wanted)), to_bgrx(wanted))


def test_that_pictures_stay_as_they_are_when_others_follow() -> None:
    gpu = FakeGpu()
    buffer = LockedBuffer(gpu.allocate, gpu.wait)
    images = [image(16, seed) for seed in range(4)]
    pictures = [buffer.fetch(packed_bgrx(one)) for one in images]
    assert all(np.array_equal(picture, to_bgrx(one)) for picture, one in zip(pictures, images, strict=True))
    assert not any(np.shares_memory(picture, gpu.memory.numpy()) for picture in pictures)
    assert all(picture.flags.c_contiguous and picture.dtype == np.uint8 for picture in pictures)


def test_that_memory_is_locked_only_for_a_picture_larger_than_all_before() -> None:
    gpu = FakeGpu()
    buffer = LockedBuffer(gpu.allocate, gpu.wait)
    for size_px in (16, 8, 16, 32, 16):
        buffer.fetch(packed_bgrx(image(size_px, 0)))
    assert gpu.allocated == [16 * 16, 32 * 32]


@pytest.mark.parametrize("device", ["cpu", "mps"])
def test_that_without_cuda_pictures_are_made_as_ever(device: str) -> None:
    one = image(16, 3)
    assert np.array_equal(ScreenCopy(device).to_bgrx(one), to_bgrx(one))

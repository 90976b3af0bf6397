"""Finished pictures from the device to the screen."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.imaging import as_pixels, packed_bgrx, to_bgrx
from engine.messages import Pixels
from engine.native.kernels import Kernels


class ScreenCopy:
    """`engine.imaging.to_bgrx` at the speed of the bus. For one thread.

    A GPU makes bytes of the picture itself, a quarter of what it would have to send otherwise, and writes them into
    page-locked memory, which it reaches without the processor's help. From there they are copied once more: receivers
    keep pictures for as long as they like, and memory that the system cannot move is too scarce to be kept for that.
    Copying 4 MiB takes less than half a millisecond; so one locked buffer is enough, and it never leaves this thread.
    """

    def __init__(self, device: str, kernels: Kernels | None = None) -> None:
        self._locked = LockedBuffer() if device.startswith("cuda") else None
        self._kernels = kernels

    def to_bgrx(self, image: Tensor) -> Pixels:
        """Takes and returns what `engine.imaging.to_bgrx` does, bit for bit."""
        if self._locked is not None:
            return self._locked.fetch(packed_bgrx(image))
        if self._kernels is not None and image.shape[:2] == (1, 3):
            pixels: Pixels = self._kernels.to_bgrx(image.contiguous()).numpy()
            return pixels
        return to_bgrx(image)


class LockedBuffer:
    """Page-locked memory for one picture, as large as the largest so far.

    Args:
        allocate: An int32 vector of so many elements that the device can write into.
        wait: Returns when everything is done that the current stream of a tensor's device was told so far.
    """

    def __init__(
        self, allocate: Callable[[int], Tensor] | None = None, wait: Callable[[Tensor], None] | None = None
    ) -> None:
        self._allocate = allocate or _locked
        self._wait = wait or _wait_for_stream
        self._memory: Tensor | None = None

    def fetch(self, packed: Tensor) -> Pixels:
        """``[H, W]`` of `packed_bgrx` as a fresh picture."""
        if self._memory is None or len(self._memory) < packed.numel():
            self._memory = self._allocate(packed.numel())
        here = self._memory[: packed.numel()].view(packed.shape)
        here.copy_(packed, non_blocking=True)
        self._wait(packed)
        fresh: NDArray[np.int32] = here.numpy().copy()
        return as_pixels(fresh)


def _locked(size: int) -> Tensor:
    return torch.empty(size, dtype=torch.int32, pin_memory=True)


def _wait_for_stream(tensor: Tensor) -> None:
    """Sleeping, so that the window has the processor meanwhile."""
    done = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
    done.record(torch.cuda.current_stream(tensor.device))
    done.synchronize()

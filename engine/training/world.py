"""The processes that train together: usually this one alone; several through Hugging Face Accelerate."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import timedelta
from typing import Protocol

import torch
from torch import Tensor

from engine.errors import DeviceError


class World(Protocol):
    """Attributes:
    device: Where this process computes.
    rank: Number of this process; 0 writes files.
    size: How many there are.
    """

    device: torch.device
    rank: int
    size: int

    def average(self, tensors: Iterable[Tensor]) -> None:
        """Replace each tensor by its mean over all processes, in place."""

    def wait(self) -> None:
        """Until every process is here."""


class SoloWorld:
    """One process on one device."""

    rank = 0
    size = 1

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def average(self, tensors: Iterable[Tensor]) -> None:
        """Nothing to do."""

    def wait(self) -> None:
        """Nobody to wait for."""


class AcceleratedWorld:
    """Processes started by ``accelerate launch`` or ``torchrun``; Accelerate chooses their devices."""

    def __init__(self) -> None:
        try:
            from accelerate import Accelerator, InitProcessGroupKwargs
        except ImportError:
            raise DeviceError(
                "Training on several devices needs the package accelerate, which is not installed.",
                "Install Graft with its extra “train”, or start on one device.",
            ) from None
        # Without being told, it takes several processes on processors for as many unrelated ones.
        # The others wait while rank 0 prepares pictures, measures, or waits for room on a full disk.
        patient = InitProcessGroupKwargs(timeout=timedelta(days=7))
        self._accelerator = Accelerator(cpu=not torch.cuda.is_available(), kwargs_handlers=[patient])
        self.device: torch.device = self._accelerator.device
        self.rank: int = self._accelerator.process_index
        self.size: int = self._accelerator.num_processes

    def average(self, tensors: Iterable[Tensor]) -> None:
        held = list(tensors)
        if not held:
            return
        # One message for all: hundreds of small ones would cost more than the numbers in them.
        flat = torch.cat([tensor.detach().float().flatten() for tensor in held])
        mean: Tensor = self._accelerator.reduce(flat, reduction="mean")
        offset = 0
        with torch.no_grad():
            for tensor in held:
                tensor.copy_(mean[offset : offset + tensor.numel()].view(tensor.shape))
                offset += tensor.numel()

    def wait(self) -> None:
        self._accelerator.wait_for_everyone()


def open_world(device: str) -> World:
    """The world this process was started in.

    Args:
        device: ``auto`` or a torch device name; not asked for when there are several processes.

    Raises:
        DeviceError: it is not there.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        return AcceleratedWorld()
    from engine.device import choose_device

    return SoloWorld(torch.device(choose_device(device).name))

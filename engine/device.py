"""Where and with how much the engine computes: device, threads, memory. Light: torch, psutil only when asked."""

from __future__ import annotations

import ctypes
import logging
import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from engine.errors import DeviceError

GIB = 1 << 30

SPINS = "1000"
"""On two cores a 256 px frame takes 20 ms without and 12 with these; 5000 keep a window beside it waiting."""

DEVICE_VARIABLE = "GRAFT_DEVICE"
"""In the environment: what ``auto`` is to mean, as torch calls it."""

log = logging.getLogger(__name__)

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -3, -4, -8
_LARGEST_INT = 2**31 - 1


@dataclass(frozen=True, slots=True)
class DeviceChoice:
    """Attributes:
    name: As torch calls it: ``cpu``, ``cuda``, ``mps``.
    dtype: What pictures are computed in.
    memory_bytes: What models and cached stages may take together.
    """

    name: str
    dtype: str
    memory_bytes: int


def prepare_process() -> None:
    """Settings that only work before torch is imported and before the first large allocation."""
    # Idle OpenMP threads spin by default: beside a busy window that makes every frame several times slower. Threads
    # that sleep at once cost too: each of a frame's hundred layers waits until they are awake. A few microseconds of
    # spinning bridge that (GNU's OpenMP, which torch has on Linux; others pass it over).
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ["OMP_WAIT_POLICY"] = "passive"
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
    keep_freed_memory()


def keep_freed_memory() -> bool:
    """Stop glibc from handing large blocks back to the system after every layer, to fault them in again for the next.

    That is half the time of a 1024 px picture. Call it before the first thread starts: other threads than the first
    get arenas that cannot hold blocks of over 64 MiB, which are then mapped anew each time whatever the other
    options say, so there must be only one arena.

    Returns:
        Whether it took; False where there is no glibc.
    """
    if sys.platform != "linux":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    mallopt.argtypes, mallopt.restype = (ctypes.c_int, ctypes.c_int), ctypes.c_int
    options = {
        _M_ARENA_MAX: 1,
        _M_MMAP_MAX: 0,
        _M_MMAP_THRESHOLD: _LARGEST_INT,
        _M_TRIM_THRESHOLD: _LARGEST_INT,
    }
    taken = [mallopt(option, value) == 1 for option, value in options.items()]
    return all(taken)


def return_freed_memory(device: str = "cpu") -> None:
    """Give back what was freed but kept for later: for when something large has gone for good."""
    if device.startswith("cuda") or device == "mps":
        import torch

        with suppress(RuntimeError):  # a device that is lost has nothing to give
            (torch.mps if device == "mps" else torch.cuda).empty_cache()
    elif sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)) is not None:
        trim(0)


def wait_for(device: str) -> None:
    """Return when a device has done what this thread has told it so far; a CPU has."""
    if device.startswith("cuda"):
        import torch

        torch.cuda.current_stream(device).synchronize()
    elif device == "mps":
        import torch

        torch.mps.synchronize()


def choose_device(wanted: str = "auto") -> DeviceChoice:
    """Pick a device and set the number of CPU threads.

    Args:
        wanted: ``auto`` takes the fastest that works, or what the environment says; otherwise a torch device name.

    Raises:
        DeviceError: `wanted` is not there, or does not work.
    """
    import torch

    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(thread_count())
    asked = os.environ.get(DEVICE_VARIABLE, wanted) if wanted == "auto" else wanted
    names = _fastest_first() if asked == "auto" else [asked]
    name = next((name for name in names if _computes(name)), None)
    if name is None:
        hint = "Choose cpu, which always works."
        raise DeviceError(f"This computer has no device “{asked:.40}” that PyTorch can use.", hint)
    return DeviceChoice(name, "float32", memory_budget(name))


def _fastest_first() -> list[str]:
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    return [name for name, is_there in there.items() if is_there]


def _computes(name: str) -> bool:
    """A card that is there may still be too old for this torch: only running something brings that to light."""
    import torch

    try:
        return bool(torch.ones(2, device=name).add(1.0).sum().item() == 4.0)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        log.warning("The device %s cannot be used: %s", name, error)
        return False


def thread_count() -> int:
    """CPU threads to compute with: the physical cores that this process may use, one less when there are many."""
    import psutil

    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    cores = min(psutil.cpu_count(logical=False) or allowed, allowed)
    return max(1, cores - 1 if cores >= 6 else cores)  # the window wants one too


def memory_budget(device: str = "cpu") -> int:
    """Half of what is free now, in bytes, at least 256 MiB: the rest is for activations and other programs."""
    return max(free_memory(device) // 2, GIB // 4)


def free_memory(device: str = "cpu") -> int:
    """Bytes that a new allocation on `device` could have now."""
    if device.startswith("cuda"):
        import torch

        # Of the card, whichever process has the rest.
        free, _total = torch.cuda.mem_get_info(device)
        # What torch keeps for later is ours to use as well.
        return int(free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device))
    import psutil

    available: int = psutil.virtual_memory().available
    if device == "mps":
        import torch

        left = torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
        return max(0, min(left, available))
    limit = _container_limit()
    if limit is None:
        return available
    used: int = psutil.Process().memory_info().rss
    return max(0, min(available, limit - used))


def _container_limit() -> int | None:
    try:
        text = Path("/sys/fs/cgroup/memory.max").read_text("ascii").strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None

"""Whatever goes wrong becomes one error with a sentence, of the right kind."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch

from engine.errors import DeviceError, DeviceLostError, EngineError, OutOfMemoryError
from engine.failures import as_engine_error


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 64.00 MiB. GPU 0 has 4 GiB in all."),
        torch.AcceleratorError("CUDA error: out of memory"),
        RuntimeError("MPS backend out of memory (MPS allocated: 9.00 GB, other allocations: 1.00 MB)"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:124] . DefaultCPUAllocator: can't allocate memory: 12 bytes"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 4294967296 bytes."),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    ],
)
def test_that_memory_that_ran_out_is_told_as_such_wherever_it_was(error: BaseException) -> None:
    found = as_engine_error(error, "drawing the picture")
    assert isinstance(found, OutOfMemoryError)
    assert found.user_message == "There was not enough memory while drawing the picture."


@pytest.mark.parametrize(
    "words",
    [
        "CUDA error: an illegal memory access was encountered",
        "CUDA error: unspecified launch failure",
        "CUDA error: device-side assert triggered",
        "CUDA error: the launch timed out and was terminated",
        "CUDA error: uncorrectable ECC error encountered",
        "CUDA error: misaligned address",
        "CUDA error: CUDA-capable device(s) is/are busy or unavailable",
        "CUDA error: unknown error\nCUDA kernel errors might be asynchronously reported",
    ],
)
def test_that_a_device_which_is_gone_for_good_is_told_apart_with_a_way_out(words: str) -> None:
    for kind in (RuntimeError, torch.AcceleratorError):
        found = as_engine_error(kind(words), "drawing the picture")
        assert isinstance(found, DeviceLostError)
        assert "stopped answering" in found.user_message
        assert "Restart Graft" in found.hint
        assert "GRAFT_DEVICE=cpu" in found.hint


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA error: invalid configuration argument"),
        RuntimeError("mat1 and mat2 shapes cannot be multiplied (3x4 and 5x6)"),
        ValueError("unspecified launch failure of a balloon"),
    ],
)
def test_that_a_bug_is_neither_the_memory_nor_the_device(error: Exception) -> None:
    found = as_engine_error(error, "drawing the picture")
    assert type(found) is EngineError
    assert type(error).__name__ in found.user_message


def test_that_an_error_of_the_engine_stays_and_lets_go_of_what_it_was_raised_in() -> None:
    def fail() -> None:
        tensors.append(torch.ones(4))
        kept.append(weakref.ref(tensors[0]))
        own = tensors.pop()
        raise DeviceError(f"{len(own)} things are missing.")

    tensors: list[torch.Tensor] = []
    kept: list[weakref.ref[torch.Tensor]] = []
    with pytest.raises(DeviceError) as caught:
        fail()
    found = as_engine_error(caught.value, "drawing")
    assert found is caught.value
    del caught
    gc.collect()
    assert kept[0]() is None
    assert found.user_message == "4 things are missing."

"""Where and with how much is computed."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from engine.device import choose_device, free_memory, memory_budget, return_freed_memory, thread_count, wait_for
from engine.errors import DeviceError

ROOT = Path(__file__).parents[2]

FAULTS = """
import resource, sys, threading
from engine.device import prepare_process
if sys.argv[1] == "prepared":
    prepare_process()
found = []
def work():
    for _ in range(12):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        small = b"x" * (16 << 20)
        large = b"x" * (65 << 20)  # no arena but the first can hold it
        del small, large
        found.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
thread = threading.Thread(target=work)
thread.start()
thread.join()
print(sum(found[4:]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc only")
def test_that_large_blocks_are_not_faulted_in_again_and_again_in_the_engine_thread() -> None:
    def faults(how: str) -> int:
        command = [sys.executable, "-c", FAULTS, how]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=120, check=True)
        return int(done.stdout)

    if not hasattr(ctypes.CDLL(None), "mallopt"):
        pytest.skip("no glibc")
    assert faults("prepared") < faults("as it is") / 4


def test_that_idle_threads_do_not_spin(monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.device import prepare_process

    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    prepare_process()
    assert os.environ["OMP_WAIT_POLICY"] == "passive"
    assert int(os.environ["GOMP_SPINCOUNT"]) > 0
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")
    prepare_process()
    assert os.environ["OMP_WAIT_POLICY"] == "active"


def test_that_the_cpu_can_always_be_chosen() -> None:
    choice = choose_device("cpu")
    assert (choice.name, choice.dtype) == ("cpu", "float32")
    assert choice.memory_bytes == pytest.approx(memory_budget(), rel=0.5)


@pytest.mark.parametrize("name", ["cuda:99", "nonsense"])
def test_that_a_device_which_is_not_there_is_named(name: str) -> None:
    with pytest.raises(DeviceError, match=name):
        choose_device(name)


def test_that_threads_and_memory_are_within_the_machine() -> None:
    assert 1 <= thread_count() <= (os.cpu_count() or 1)
    assert free_memory() > 0


def test_that_a_card_which_is_there_but_cannot_run_anything_is_passed_over(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ones = torch.ones

    def too_old(*size: int, device: str) -> torch.Tensor:
        if device == "cuda":
            raise torch.AcceleratorError("CUDA error: no kernel image is available for execution on the device")
        return ones(*size, device=device)

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "ones", too_old)
    assert choose_device().name == "cpu"
    assert "no kernel image" in caplog.text
    with pytest.raises(DeviceError, match="“cuda”"):
        choose_device("cuda")


def test_that_the_environment_says_what_auto_means_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("GRAFT_DEVICE", "cpu")
    assert choose_device().name == "cpu"
    monkeypatch.setenv("GRAFT_DEVICE", "cuda:77")
    with pytest.raises(DeviceError, match="cuda:77"):
        choose_device()
    assert choose_device("cpu").name == "cpu"


def test_that_memory_of_a_card_is_asked_of_the_card_and_what_torch_keeps_counts_as_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (1000, 8000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 500)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 200)
    assert free_memory("cuda:1") == 1300


def test_that_memory_of_an_apple_gpu_is_what_it_may_use_of_what_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.mps, "recommended_max_memory", lambda: 1 << 50)
    monkeypatch.setattr(torch.mps, "driver_allocated_memory", lambda: 100)
    assert free_memory("mps") == pytest.approx(free_memory(), rel=0.5)
    monkeypatch.setattr(torch.mps, "recommended_max_memory", lambda: 1100)
    assert free_memory("mps") == 1000
    monkeypatch.setattr(torch.mps, "recommended_max_memory", lambda: 50)
    assert free_memory("mps") == 0


def test_that_giving_memory_back_to_a_card_that_is_lost_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def lost() -> None:
        asked.append("cuda")
        raise torch.AcceleratorError("CUDA error: unspecified launch failure")

    monkeypatch.setattr(torch.cuda, "empty_cache", lost)
    return_freed_memory("cuda")
    assert asked == ["cuda"]


def test_that_only_what_runs_behind_our_back_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[str] = []

    class Stream:
        def __init__(self, device: str) -> None:
            self.device = device

        def synchronize(self) -> None:
            waited.append(self.device)

    monkeypatch.setattr(torch.cuda, "current_stream", Stream)
    monkeypatch.setattr(torch.mps, "synchronize", lambda: waited.append("mps"))
    for device in ("cpu", "cuda:1", "mps"):
        wait_for(device)
    assert waited == ["cuda:1", "mps"]

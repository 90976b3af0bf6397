"""Where and with how much is computed."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.device import choose_device, free_memory, memory_budget, thread_count
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
    prepare_process()
    assert os.environ["OMP_WAIT_POLICY"] == "passive"
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

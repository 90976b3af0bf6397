"""Importing torch leaves other threads alive."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from engine.torch_import import collector_at_rest, load_torch_libraries

LOADED = """
import sys
from engine.torch_import import load_torch_libraries
loaded = load_torch_libraries()
assert "torch" not in sys.modules
with open("/proc/self/maps") as maps:
    assert ("libtorch_cpu" in maps.read()) == loaded
import torch
assert float(torch.ones(3).sum()) == 3
assert not load_torch_libraries()  # they are there
print(loaded)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only there it is done")
def test_that_the_libraries_are_there_before_torch_is_imported() -> None:
    ended = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, timeout=120)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.strip() == "True"


def test_that_the_collector_is_at_work_again_also_after_a_failed_import() -> None:
    with pytest.raises(ModuleNotFoundError), collector_at_rest():
        import engine.no_such_part  # noqa: F401
    assert gc.isenabled()
    with collector_at_rest():
        assert not gc.isenabled()
    assert gc.isenabled()


def test_that_a_torch_that_is_imported_is_left_alone() -> None:
    pytest.importorskip("torch")
    assert not load_torch_libraries()

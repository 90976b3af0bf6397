from __future__ import annotations

import platform
import subprocess
import sys

import pytest
from killed_runs import ROOT

FAULTS = """
import resource, sys
import numpy as np
from engine.training.memory import keep_freed_memory

if sys.argv[1] == "keep":
    assert keep_freed_memory()
np.ones(50_000_000, np.uint8)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(3):
    np.ones(50_000_000, np.uint8)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries decide for themselves")
def test_that_kept_memory_is_handed_out_again_without_a_page_fault() -> None:
    assert faults("keep") * 5 < faults("plain")


def faults(how: str) -> int:
    return int(subprocess.check_output([sys.executable, "-c", FAULTS, how], cwd=ROOT, text=True))

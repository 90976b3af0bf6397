"""What every test shares: no screen needed, no thread left behind."""

from __future__ import annotations

import importlib.util
import os
import sys
import threading
import traceback
from collections.abc import Iterator

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
# As the program itself does: threads that spin while they wait make a busy machine several times slower.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
# Whatever this user has compiled for this machine: tests of the kernels build their own.
os.environ.setdefault("GRAFT_NATIVE", "0")

THREAD_GRACE_S = 5.0
"""How long a thread that a test has stopped may take to go."""


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Without pytest-qt its settings in pyproject.toml would be unknown ones, which --strict-config refuses."""
    if importlib.util.find_spec("pytestqt") is None or pluginmanager.is_blocked("pytest-qt"):
        for name in ("qt_api", "qt_log_level_fail"):
            parser.addini(name, "of pytest-qt, which is not here")


@pytest.fixture(autouse=True)
def no_thread_is_left_behind() -> Iterator[None]:
    """Fail a test whose threads live on, and show where they are."""
    before = set(threading.enumerate())
    yield
    left = [thread for thread in threading.enumerate() if thread not in before]
    for thread in left:
        thread.join(THREAD_GRACE_S)
    frames = sys._current_frames()
    told = [
        f"{thread.name}:\n{''.join(traceback.format_stack(frames[thread.ident]))}"
        for thread in left
        if thread.is_alive() and thread.ident in frames
    ]
    assert not told, "threads left behind:\n" + "\n".join(told)

"""A few of the kills of ``tests/benchmarks/kill_nine.py``, which does hundreds."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.benchmarks.kill_nine import kill_autosavers, kill_savers

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kills with SIGKILL")


def test_that_a_killed_save_leaves_a_whole_session_no_older_than_the_last_acknowledged(tmp_path: Path) -> None:
    report = kill_savers(tmp_path, kills=3, seed=1)
    assert (report.kills, report.unreadable, report.lost) == (3, 0, 0)


def test_that_a_killed_autosave_loses_no_acknowledged_edit(tmp_path: Path) -> None:
    report = kill_autosavers(tmp_path, kills=3, seed=1)
    assert (report.kills, report.unreadable, report.lost) == (3, 0, 0)
    assert report.acknowledged > 0

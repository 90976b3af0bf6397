"""End to end: nothing is scripted here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot
from window import Graft, open_graft

from gui.theme import DARK, apply_theme

OpenGraft = Callable[[str], Graft]


@pytest.fixture(scope="session", autouse=True)
def _themed(qapp: QApplication) -> None:
    apply_theme(qapp, DARK)


@pytest.fixture
def open_home(qtbot: QtBot, tmp_path: Path) -> Iterator[OpenGraft]:
    """``open_home(name)`` opens a window on a home folder of that name."""
    opened: list[Graft] = []

    def open_named(name: str) -> Graft:
        opened.append(open_graft(qtbot, tmp_path / name))
        return opened[-1]

    yield open_named
    for graft in opened:
        graft.close()


@pytest.fixture
def graft(open_home: OpenGraft) -> Graft:
    return open_home("home")

from __future__ import annotations

import importlib.util

import pytest
from pytestqt.qtbot import QtBot

from gui.app import LATER_NEEDED, SOON_NEEDED
from gui.import_later import ImportLater


@pytest.mark.parametrize("name", [*SOON_NEEDED, *LATER_NEEDED])
def test_that_what_is_imported_later_is_there(name: str) -> None:
    assert importlib.util.find_spec(name) is not None


def test_that_it_tells_when_the_first_are_there_and_stops_when_closed(qtbot: QtBot) -> None:
    imports = ImportLater()
    with qtbot.waitSignal(imports.done):
        imports.start(("json",), ("colorsys",) * 10_000)
    imports.close()
    assert imports._thread is not None
    assert not imports._thread.is_alive()

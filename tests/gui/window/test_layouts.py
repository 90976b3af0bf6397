"""Layouts by name."""

from __future__ import annotations

import pytest
from desk import Desk, MakeDesk
from PySide6.QtCore import Qt

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


def choose(desk: Desk, *names: str) -> None:
    menu = desk.studio.window.layouts_menu
    for name in names[:-1]:
        menu = next(action.menu() for action in menu.actions() if action.text() == name)
    next(action for action in menu.actions() if action.text() == names[-1]).trigger()


def shown(desk: Desk) -> list[str]:
    return [dock.objectName() for dock in desk.studio.window.docks if dock.isVisible()]


def test_that_layouts_open_their_panels_and_blend_all(desk: Desk) -> None:
    choose(desk, "Portrait")
    assert shown(desk) == ["shelf", "controls"]
    choose(desk, "Blend")
    assert shown(desk) == ["shelf", "controls", "history"]


def test_that_ones_own_version_is_kept_also_for_the_next_start_until_it_is_forgotten(make_desk: MakeDesk) -> None:
    desk = make_desk()
    window = desk.studio.window
    window.history_dock.hide()
    window.resizeDocks([window.controls_dock], [380], Qt.Orientation.Horizontal)
    desk.wait_until(lambda: window.controls_dock.width() > 350)
    choose(desk, "Keep the present one as", "Blend")
    window.close()
    desk.studio.close()
    again = make_desk(models=())
    again.studio.window.reset_layout()
    choose(again, "Blend")
    assert shown(again) == ["shelf", "controls"]
    again.wait_until(lambda: again.studio.window.controls_dock.width() > 350)
    choose(again, "All as they came")
    choose(again, "Blend")
    assert shown(again) == ["shelf", "controls", "history"]


def test_that_a_damaged_layout_is_the_one_it_came_as(desk: Desk) -> None:
    desk.studio.settings.set_bytes("layout.portrait", b"nonsense")
    choose(desk, "Portrait")
    assert shown(desk) == ["shelf", "controls"]

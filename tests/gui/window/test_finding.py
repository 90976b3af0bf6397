"""The palette and the table of keys in the window."""

from __future__ import annotations

import numpy as np
import pytest
from desk import Desk, MakeDesk
from hand import CTRL, SHIFT, key
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from engine.library_directions import DirectionTable
from engine.library_records import DirectionRecord
from gui.palette import Palette
from gui.shortcut_dialog import ShortcutDialog

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


def find(desk: Desk, query: str) -> Palette:
    desk.studio.window.actions_["palette"].trigger()
    palette = desk.studio.window.findChildren(Palette)[-1]
    QTest.keyClicks(palette.field, query)
    return palette


def do(desk: Desk, query: str) -> None:
    palette = find(desk, query)
    desk.press(Qt.Key.Key_Return, palette.field)


def test_that_a_value_is_set_by_its_name(desk: Desk) -> None:
    do(desk, "alpha 0.25")
    assert desk.state.blend.alpha == 0.25
    do(desk, "noise strength 0.5")
    assert desk.state.noise.strength == 0.5
    desk.studio.window.actions_["undo"].trigger()
    do(desk, "psi=1/2")
    assert desk.state.truncation_psi == 0.5
    desk.studio.window.actions_["undo"].trigger()
    desk.studio.window.actions_["undo"].trigger()
    assert desk.state.blend.alpha != 0.25


def test_that_models_presets_and_files_are_found(desk: Desk) -> None:
    do(desk, "toon as a")
    assert desk.state.model_a == desk.models["toon"]
    do(desk, "structure a, rend")
    assert desk.state.blend.low.value == "a"
    desk.studio.settings.add_recent_file(desk.folder / "yesterday.graft")
    palette = find(desk, "yester")
    assert palette.entries[0].text == "Open yesterday.graft"
    palette.close()


def test_that_kept_directions_are_found_and_get_a_slider(desk: Desk) -> None:
    key_ = desk.studio.store.put_ws(np.ones((1, 64), np.float32))
    DirectionTable(desk.studio.library.file).put(DirectionRecord(key_, "Wider smile"))
    do(desk, "wider")
    assert [use.name for use in desk.state.directions] == ["Wider smile"]


def test_that_nonsense_finds_nothing_and_enter_does_nothing(desk: Desk) -> None:
    before = desk.state
    do(desk, "alpha one")
    do(desk, "qqqq")
    assert desk.state == before


def shortcuts(desk: Desk) -> ShortcutDialog:
    desk.studio.window.actions_["shortcuts"].trigger()
    return desk.studio.window.findChildren(ShortcutDialog)[-1]


def test_that_a_new_key_works_at_once_and_at_the_next_start(make_desk: MakeDesk) -> None:
    desk = make_desk()
    dialog = shortcuts(desk)
    dialog.select("new_seed")
    key(dialog.field, Qt.Key.Key_N, SHIFT, "N")
    actions = desk.studio.window.actions_
    assert actions.keys("new_seed") == ("Shift+N",)
    assert actions["new_seed"].toolTip().endswith("(Shift+N)")
    assert desk.studio.window.buttons["new_seed"].toolTip().endswith("(Shift+N)")
    dialog.close()
    desk.studio.window.close()
    desk.studio.close()
    again = make_desk(models=())
    assert again.studio.window.actions_.keys("new_seed") == ("Shift+N",)


def test_that_a_taken_key_is_told_and_can_be_taken_over(desk: Desk) -> None:
    actions, dialog = desk.studio.window.actions_, shortcuts(desk)
    dialog.select("new_seed")
    key(dialog.field, Qt.Key.Key_Z, CTRL)
    assert "belongs to" in dialog.words.text()
    assert "Undo" in dialog.words.text()
    assert actions.keys("new_seed") == ("R",)
    dialog.take.click()
    assert actions.keys("new_seed") == ("Ctrl+Z",)
    assert actions.keys("undo") == ()
    dialog.reset_all()
    assert actions.keys("undo") == ("Ctrl+Z",)
    assert actions.keys("new_seed") == ("R",)
    dialog.close()


def test_that_a_key_of_the_controls_is_refused_and_one_can_be_taken_away(desk: Desk) -> None:
    actions, dialog = desk.studio.window.actions_, shortcuts(desk)
    dialog.select("new_seed")
    key(dialog.field, Qt.Key.Key_Space, text=" ")
    assert "Space" in dialog.words.text()
    assert actions.keys("new_seed") == ("R",)
    dialog.none.click()
    assert actions.keys("new_seed") == ()
    assert actions["new_seed"].toolTip() == "Another face, everything else the same"
    dialog.usual.click()
    assert actions.keys("new_seed") == ("R",)
    dialog.close()


def test_that_the_table_is_searched_by_name_and_by_key(desk: Desk) -> None:
    dialog = shortcuts(desk)
    for query, name in (("export st", "Export still"), ("ctrl+shift+z", "Redo")):
        dialog.search.setText(query)
        items = [dialog.table.topLevelItem(place) for place in range(dialog.table.topLevelItemCount())]
        assert [item.text(0) for item in items if item is not None and not item.isHidden()] == [name]
    dialog.close()

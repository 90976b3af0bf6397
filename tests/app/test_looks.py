"""The first start and the looks, by hand, with the real engine and the models that come with Graft."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from window import Graft

from engine.look_file import sample_looks, write_look
from engine.state import StoredLatent, View, with_alpha, with_seed
from gui.presets import TOONIFY, preset_of, shown_curve
from gui.widgets.name_field import NameField
from gui.widgets.shelf_list import ShelfList

OpenGraft = Callable[[str], Graft]

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")
"""What the offscreen platform says of a popup."""


def shelf(graft: Graft) -> ShelfList:
    return graft.studio.window.parts.shelf.looks


def click(graft: Graft, name: str) -> None:
    looks = shelf(graft)
    row = [item.name for item in looks.items].index(name)
    place = looks.visualRect(looks.model().index(row, 0)).center()
    QTest.mouseClick(looks.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)


def test_that_the_first_start_shows_a_portrait_under_a_look(graft: Graft) -> None:
    state = graft.state
    assert [ref.name for ref in (state.model_a, state.model_b) if ref] == ["portrait", "toon"]
    assert isinstance(state.latent, StoredLatent)
    (item,) = graft.studio.window.parts.shelf.portraits.items
    assert item.key == state.latent.key
    curve = shown_curve(state.blend, 14)
    assert max(curve) - min(curve) > 0.5  # it says something
    assert len({round(share, 3) for share in curve}) > 3
    assert shelf(graft).selected_key is not None  # the look that it wears
    assert preset_of(replace(state.blend, swap_resolution=32)) is TOONIFY
    a, blend, b = (graft.picture(view)[..., :3].astype(int) for view in (View.A, View.BLEND, View.B))
    to_a, to_b = np.abs(blend - a).mean(), np.abs(blend - b).mean()
    assert min(to_a, to_b) > 3  # it is neither of them


def test_that_clicking_a_look_changes_the_blend_and_undo_brings_it_back(graft: Graft) -> None:
    first, before = graft.picture(), graft.state
    click(graft, "Half toon")
    assert graft.state.latent == before.latent
    assert (graft.picture() != first).any()
    graft.studio.window.actions_["undo"].trigger()
    assert graft.state == before
    np.testing.assert_array_equal(graft.picture(), first)


def test_that_every_look_is_drawn_with_the_face_on_the_canvas(graft: Graft) -> None:
    looks = shelf(graft)

    def pictures() -> dict[str, object]:
        return {item.key: item.thumbnail for item in looks.items if item.is_usable}

    graft.wait_until(lambda: all(pictures().values()))
    before = pictures()
    assert len(before) >= 5
    graft.studio.session.edit(with_seed(graft.state, 88))
    graft.wait_until(lambda: all(pictures()[key] is not before[key] for key in before))


def test_that_a_saved_look_is_there_after_a_restart_and_fits_another_face(open_home: OpenGraft) -> None:
    graft = open_home("home")
    graft.settle()
    graft.studio.session.edit(with_alpha(graft.state, 0.37))
    graft.studio.window.actions_["save_look"].trigger()
    field = QApplication.activePopupWidget()
    assert isinstance(field, NameField)
    QTest.keyClicks(field.field, "Dusk")
    QTest.keyClick(field.field, Qt.Key.Key_Return)
    assert shelf(graft).items[0].name == "Dusk"
    blend = graft.state.blend
    graft.close()
    again = open_home("home")
    again.studio.session.edit(with_seed(again.state, 2138))
    first = again.picture()
    click(again, "Dusk")
    assert again.state.blend == blend
    assert (again.picture() != first).any()


def test_that_a_look_goes_out_as_a_file_and_comes_in_elsewhere(open_home: OpenGraft, tmp_path: Path) -> None:
    graft = open_home("one")
    graft.settle()
    graft.studio.session.edit(with_alpha(graft.state, 0.37))
    graft.studio.looks.keep("Dusk")
    path = graft.studio.looks._dragged_file(shelf(graft).items[0].key)
    assert path is not None
    other = open_home("two")
    other.settle()
    other.drop(path)
    other.wait_until(lambda: other.state.blend == graft.state.blend)
    np.testing.assert_array_equal(other.picture(), graft.picture())


def test_that_a_look_made_with_older_weights_is_worn_with_these(graft: Graft, tmp_path: Path) -> None:
    graft.settle()
    look = next(iter(sample_looks().values()))
    refs = [None if ref is None else type(ref)("0" * 64, ref.name) for ref in (look.model_a, look.model_b)]
    old = type(look)("Old", *refs, embedded=look.embedded, blend=with_alpha(graft.state, 0.21).blend)
    write_look(tmp_path / "old.look.json", old)
    models = graft.state.model_a, graft.state.model_b
    graft.drop(tmp_path / "old.look.json")
    graft.wait_until(lambda: graft.state.blend.alpha == 0.21)
    assert (graft.state.model_a, graft.state.model_b) == models
    graft.picture()

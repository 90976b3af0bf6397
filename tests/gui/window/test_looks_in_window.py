"""Looks on the shelf: put on, kept, renamed, thrown away and brought back, as files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from desk import Desk, MakeDesk
from fake_engine import FakeEngine, sha_of
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QMenu

from engine.look import Look, apply_look, look_of
from engine.look_file import read_look, write_look
from engine.messages import MakeThumbnail, View
from engine.recipe import make_recipe, recipe_to_json
from engine.state import (
    Blend,
    EditState,
    ModelRef,
    SeedLatent,
    Side,
    with_alpha,
    with_blend,
    with_seed,
    with_truncation,
)
from gui.look_flow import LookFlow
from gui.palette import Palette
from gui.widgets.name_field import NameField
from gui.widgets.shelf_list import ShelfList

pytestmark = pytest.mark.qt_log_ignore(
    "This plugin does not support (propagateSizeHints|raise|grabbing the keyboard|grabbing the mouse)"
)

PORTRAIT, TOON = ModelRef(sha_of(b"portrait"), "portrait"), ModelRef(sha_of(b"toon"), "toon")
INK = Look("Ink", PORTRAIT, TOON, blend=Blend(low=Side.B, alpha=0.4), truncation_psi=0.5)
GONE = replace(INK, name="Gone", model_b=ModelRef("f" * 64, "lithograph"))


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    folder = tmp_path / "looks"
    folder.mkdir()
    write_look(folder / "1-ink.look.json", INK)
    write_look(folder / "2-gone.look.json", GONE)
    return folder


@pytest.fixture
def desk(make_desk: MakeDesk, samples: Path) -> Desk:
    return make_desk(looks=samples)


def flow(desk: Desk) -> LookFlow:
    return desk.studio.looks


def shelf(desk: Desk) -> ShelfList:
    return desk.studio.window.parts.shelf.looks


def names(desk: Desk) -> list[str]:
    return [item.name for item in shelf(desk).items]


def key_of(desk: Desk, name: str) -> str:
    return next(item.key for item in shelf(desk).items if item.name == name)


def click(desk: Desk, name: str) -> None:
    looks = shelf(desk)
    place = looks.visualRect(looks.model().index(names(desk).index(name), 0)).center()
    QTest.mouseClick(looks.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)


def keep(desk: Desk, name: str) -> None:
    flow(desk).keep(name)
    assert names(desk)[0] == name


def test_that_a_click_puts_a_look_on_the_present_face_in_one_undo_step(desk: Desk) -> None:
    desk.studio.session.edit(with_alpha(with_seed(desk.state, 77), 0.9))
    desk.settle()
    before, steps = desk.state, len(desk.studio.session.history.entries)
    click(desk, "Ink")
    assert desk.state == apply_look(INK, before)
    assert desk.state.latent == SeedLatent(77)
    assert desk.state.truncation_psi == 0.5
    desk.settle()
    assert len(desk.studio.session.history.entries) == steps + 1
    desk.studio.window.actions_["undo"].trigger()
    assert desk.state == before


def test_that_the_look_which_the_picture_wears_is_marked(desk: Desk) -> None:
    click(desk, "Ink")
    assert shelf(desk).selected_key == key_of(desk, "Ink")
    desk.studio.session.edit(with_seed(desk.state, 5))
    assert shelf(desk).selected_key == key_of(desk, "Ink")  # another face under the same look
    desk.studio.session.edit(with_alpha(desk.state, 0.9))
    assert shelf(desk).selected_key is None
    click(desk, "Ink")  # and can be put on again
    assert desk.state.blend == INK.blend


def test_that_a_look_without_its_model_is_grey_and_says_what_it_needs(desk: Desk) -> None:
    before = desk.state
    item = next(item for item in shelf(desk).items if item.name == "Gone")
    assert not item.is_usable
    assert item.tooltip == "Gone needs the model “lithograph”, which is not here."
    click(desk, "Gone")
    assert desk.state == before
    assert "lithograph" in desk.message()


def test_that_a_look_waits_for_the_model_that_is_dropped_for_it(desk: Desk) -> None:
    own = replace(INK, name="Own", model_b=ModelRef(sha_of(b"litho"), "litho"))
    write_look(desk.folder / "own.look.json", own)
    desk.drop(desk.folder / "own.look.json")
    desk.wait_until(lambda: "litho" in desk.message())
    assert desk.state.model_b == TOON
    (desk.folder / "litho.pkl").write_bytes(b"litho")
    desk.drop(desk.folder / "litho.pkl")
    desk.wait_until(lambda: desk.state.model_b is not None and desk.state.model_b.name == "litho")
    assert desk.state.blend == INK.blend
    assert next(item for item in shelf(desk).items if item.name == "Own").is_usable


def test_that_thumbnails_show_the_present_face_and_follow_it(desk: Desk) -> None:
    def drawn() -> list[EditState]:
        jobs = [job for job in desk.engine.submitted if isinstance(job, MakeThumbnail)]
        return [job.state for job in jobs if job.tag.endswith(key_of(desk, "Ink"))]

    desk.wait_until(lambda: apply_look(INK, desk.state) in drawn())
    desk.wait_until(lambda: next(item for item in shelf(desk).items if item.name == "Ink").thumbnail is not None)
    desk.studio.session.edit(with_seed(desk.state, 41))
    desk.wait_until(lambda: apply_look(INK, desk.state) in drawn())
    count = len(drawn())
    desk.studio.session.edit(with_alpha(desk.state, 0.123))  # no look's business
    desk.settle()
    QTest.qWait(2 * flow(desk)._soon.interval())
    assert len(drawn()) == count


def test_that_a_look_is_saved_by_name_and_is_there_at_the_next_start(make_desk: MakeDesk, samples: Path) -> None:
    desk = make_desk(looks=samples)
    desk.studio.session.edit(with_blend(desk.state, alpha=0.77, width=1.5))
    state = desk.state
    desk.studio.window.actions_["save_look"].trigger()
    field = QApplication.activePopupWidget()
    assert isinstance(field, NameField)
    assert field.field.selectedText() == field.field.text() != ""
    QTest.keyClicks(field.field, "Night ink")
    QTest.keyClick(field.field, Qt.Key.Key_Return)
    assert names(desk) == ["Night ink", "Ink", "Gone"]
    assert "Night ink" in desk.message()
    desk.studio.window.close()
    desk.studio.close()
    again = make_desk(looks=samples)
    assert names(again) == ["Night ink", "Ink", "Gone"]
    again.studio.session.edit(with_seed(again.state, 9))
    click(again, "Night ink")
    assert again.state.blend == state.blend
    assert again.state.latent == SeedLatent(9)


def test_that_escape_and_an_empty_name_save_nothing(desk: Desk) -> None:
    for text, key in (("x", Qt.Key.Key_Escape), ("   ", Qt.Key.Key_Return)):
        flow(desk).save()
        field = QApplication.activePopupWidget()
        assert isinstance(field, NameField)
        field.field.setText(text)
        QTest.keyClick(field.field, key)
        field.close()
    assert names(desk) == ["Ink", "Gone"]


def test_that_a_deleted_look_comes_back_from_the_message_or_the_menu(desk: Desk) -> None:
    keep(desk, "First")
    keep(desk, "Second")
    restore = desk.studio.window.actions_["restore_look"]
    assert not restore.isEnabled()
    click(desk, "First")
    QTest.keyClick(shelf(desk), Qt.Key.Key_Delete)
    assert names(desk) == ["Second", "Ink", "Gone"]
    desk.studio.messages.bar._trigger()
    assert names(desk) == ["Second", "First", "Ink", "Gone"]
    flow(desk).trash(key_of(desk, "Second"))
    assert restore.isEnabled()
    restore.trigger()
    assert names(desk) == ["Second", "First", "Ink", "Gone"]
    assert not restore.isEnabled()


def test_that_looks_that_came_with_graft_stay(desk: Desk) -> None:
    click(desk, "Ink")
    QTest.keyClick(shelf(desk), Qt.Key.Key_Delete)
    QTest.keyClick(shelf(desk), Qt.Key.Key_F2)
    assert names(desk) == ["Ink", "Gone"]
    assert "came with Graft" in desk.message()


def test_that_f2_renames(desk: Desk) -> None:
    keep(desk, "First")
    click(desk, "First")
    QTest.keyClick(shelf(desk), Qt.Key.Key_F2)
    field = QApplication.activePopupWidget()
    assert isinstance(field, NameField)
    QTest.keyClicks(field.field, "Ochre")
    QTest.keyClick(field.field, Qt.Key.Key_Return)
    assert names(desk) == ["Ochre", "Ink", "Gone"]


def test_that_the_arrow_keys_walk_the_looks(desk: Desk) -> None:
    keep(desk, "First")
    desk.studio.session.edit(with_alpha(desk.state, 0.2))
    click(desk, "First")
    QTest.keyClick(shelf(desk), Qt.Key.Key_Right)
    assert desk.state.blend == INK.blend
    QTest.keyClick(shelf(desk), Qt.Key.Key_Right)
    assert shelf(desk).selected_key == key_of(desk, "Gone")  # what cannot be put on is no wall


def test_that_of_looks_that_are_alike_the_picked_one_is_marked(desk: Desk) -> None:
    keep(desk, "First")
    keep(desk, "Second")
    for name in ("First", "Second", "First"):
        click(desk, name)
        assert shelf(desk).selected_key == key_of(desk, name)


def test_that_a_dropped_look_is_kept_and_put_on_once(desk: Desk) -> None:
    sepia = look_of(with_alpha(desk.state, 0.61), "Sepia")
    write_look(desk.folder / "some.json", sepia)
    desk.drop(desk.folder / "some.json")
    desk.wait_until(lambda: "Sepia" in names(desk))
    assert desk.state.blend.alpha == 0.61
    desk.drop(desk.folder / "some.json", on=shelf(desk).viewport())
    desk.wait_until(lambda: "already" in desk.message())
    assert names(desk).count("Sepia") == 1


def test_that_a_look_dragged_from_the_shelf_onto_the_picture_is_put_on(desk: Desk) -> None:
    desk.studio.session.edit(with_alpha(desk.state, 0.9))
    path = flow(desk)._dragged_file(key_of(desk, "Ink"))
    assert path is not None
    desk.drop(path)
    desk.wait_until(lambda: desk.state.blend == INK.blend)
    assert names(desk) == ["Ink", "Gone"]
    assert desk.message() == ""


def test_that_a_still_dropped_on_the_looks_gives_its_look_and_not_its_face(desk: Desk) -> None:
    state = with_truncation(with_alpha(with_seed(desk.state, 4711), 0.33), 0.9)
    path = desk.folder / "evening.json"
    path.write_text(recipe_to_json(make_recipe(state, View.BLEND, desk.studio.store)))
    before = desk.state
    desk.drop(path, on=shelf(desk).viewport())
    desk.wait_until(lambda: "evening" in names(desk))
    assert desk.state == before
    click(desk, "evening")
    assert (desk.state.blend.alpha, desk.state.latent) == (0.33, before.latent)


def test_that_other_files_dropped_on_the_looks_are_opened_as_everywhere(desk: Desk) -> None:
    (desk.folder / "cats.pkl").write_bytes(b"cats")
    desk.drop(desk.folder / "cats.pkl", on=shelf(desk).viewport())
    desk.wait_until(lambda: desk.state.model_b is not None and desk.state.model_b.name == "cats")


def test_that_a_broken_look_has_a_sentence(desk: Desk) -> None:
    (desk.folder / "bad.look.json").write_text('{"graft_look": 1, "colour": "red"}')
    desk.drop(desk.folder / "bad.look.json")
    desk.wait_until(lambda: "colour" in desk.message())
    assert names(desk) == ["Ink", "Gone"]


def test_that_a_look_goes_out_as_a_file(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(desk.folder / "mine"), ""))
    flow(desk)._save_file(key_of(desk, "Ink"))
    assert read_look(desk.folder / "mine.look.json") == INK
    dragged = flow(desk)._dragged_file(key_of(desk, "Ink"))
    assert dragged is not None
    assert dragged.name == "Ink.look.json"
    assert read_look(dragged) == INK


def test_that_the_context_menu_offers_what_can_be_done(desk: Desk) -> None:
    keep(desk, "First")

    def menu(name: str) -> dict[str, bool]:
        flow(desk)._menu(key_of(desk, name), QPoint(5, 5))
        popup = QApplication.activePopupWidget()
        assert isinstance(popup, QMenu)
        entries = {action.text(): action.isEnabled() for action in popup.actions() if action.text()}
        popup.close()
        return entries

    assert all(menu("First").values())
    assert not menu("Ink")["Delete"]
    assert not menu("Gone")["Put it on"]
    assert menu("Gone")["Put it on, with my models"]


def test_that_a_look_can_be_put_on_with_the_models_that_are_there(desk: Desk) -> None:
    flow(desk).wear(key_of(desk, "Gone"), keep_models=True)
    assert (desk.state.model_b, desk.state.blend) == (TOON, GONE.blend)


def open_palette(desk: Desk) -> Palette:
    desk.studio.help.show_palette()
    (palette,) = [one for one in QApplication.topLevelWidgets() if isinstance(one, Palette) and one.isVisible()]
    desk.qtbot.addWidget(palette)
    return palette


def test_that_the_palette_finds_save_look(desk: Desk) -> None:
    palette = open_palette(desk)
    palette.field.setText("save look")
    assert palette.entries[0].text.startswith("Save look")


def test_that_the_palette_puts_a_look_on(desk: Desk) -> None:
    desk.studio.session.edit(with_alpha(desk.state, 0.9))
    keep(desk, "Second")
    palette = open_palette(desk)
    palette.field.setText("look gone")
    assert "Look: Gone" not in [entry.text for entry in palette.entries]  # it lacks its model
    palette.field.setText("look ink")
    assert palette.entries[0].text == "Look: Ink"
    palette.field.returnPressed.emit()
    assert desk.state.blend == INK.blend


def test_that_without_models_nothing_is_saved(make_desk: MakeDesk) -> None:
    desk = make_desk(models=(), home="bare")
    assert not desk.studio.window.actions_["save_look"].isEnabled()
    flow(desk).save()
    assert QApplication.activePopupWidget() is None
    assert shelf(desk).items == ()
    assert isinstance(desk.engine, FakeEngine)

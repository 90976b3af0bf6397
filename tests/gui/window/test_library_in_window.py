"""The shelf's search, tags, names and trash, the card about a model, and the library's own window."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from desk import Desk, MakeDesk
from fake_engine import sha_of
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QLabel

from engine.library_directions import DirectionTable
from engine.library_records import DirectionRecord
from engine.library_tags import Kind, TagTable
from engine.look import look_of
from engine.state import EditState, StoredLatent, View
from gui.library_flow import LibraryFlow
from gui.library_window.window import TRASH_TAB, LibraryWindow
from gui.panels.model_card import ModelCard
from gui.panels.shelf import MOST, Shelf
from gui.widgets.name_field import NameField

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


def shelf(desk: Desk) -> Shelf:
    return desk.studio.window.parts.shelf


def flow(desk: Desk) -> LibraryFlow:
    return desk.studio.librarian


def names(desk: Desk) -> list[str]:
    return [item.name for item in shelf(desk).models.items]


def look_for(desk: Desk, text: str) -> None:
    shelf(desk).search.field.setText(text)
    QTest.keyClick(shelf(desk).search.field, Qt.Key.Key_Return)


def add_portraits(desk: Desk, *portraits: str) -> None:
    for name in portraits:
        desk.studio.library.add_latent(StoredLatent(sha_of(name.encode()), name), desk.models["portrait"])
    desk.studio.collection.refresh([Kind.PORTRAIT])


def card(desk: Desk, name: str) -> ModelCard:
    flow(desk).show_details(desk.models[name].sha256)
    found = QApplication.activePopupWidget()
    assert isinstance(found, ModelCard)
    return found


def open_library(desk: Desk) -> LibraryWindow:
    desk.studio.window.actions_["library"].trigger()
    window = flow(desk).window
    desk.wait_until(lambda: window.grid.entries_model.entries)
    return window


def shown(window: LibraryWindow) -> list[str]:
    return [entry.name for entry in window.grid.entries_model.entries]


# --- search -------------------------------------------------------------------------------------------------------


def test_that_a_search_narrows_every_part_of_the_shelf_and_esc_brings_all_back(desk: Desk) -> None:
    add_portraits(desk, "Ada", "Toon lady")
    desk.studio.window.actions_["find_on_shelf"].trigger()
    assert shelf(desk).search.field.hasFocus()
    look_for(desk, "toon")
    assert names(desk) == ["toon"]
    assert [item.name for item in shelf(desk).portraits.items] == ["Toon lady"]
    look_for(desk, "toon 9999")
    assert names(desk) == []
    assert shelf(desk)._nothing.isVisibleTo(shelf(desk))
    QTest.keyClick(shelf(desk).search.field, Qt.Key.Key_Escape)
    assert names(desk) == ["portrait", "toon"]
    assert not shelf(desk)._nothing.isVisibleTo(shelf(desk))


def test_that_the_chips_come_with_the_search_and_narrow_to_a_kind_or_a_tag(desk: Desk) -> None:
    add_portraits(desk, "Ada")
    box = shelf(desk).search._chip_box
    assert not box.isVisibleTo(shelf(desk))
    look_for(desk, "a")
    assert box.isVisibleTo(shelf(desk))
    shelf(desk).search.chips[Kind.PORTRAIT].click()
    assert (names(desk), len(shelf(desk).portraits.items)) == ([], 1)
    shelf(desk).search.chips[Kind.MODEL].click()
    assert not shelf(desk).search.chips[Kind.PORTRAIT].isChecked()
    shelf(desk).search.clear()
    desk.studio.collection.set_tags((Kind.MODEL, desk.models["toon"].sha256), ["Drawn"])
    look_for(desk, "#draw")
    assert names(desk) == ["toon"]
    assert [action.text() for action in shelf(desk).search.tag_menu.actions()] == ["#drawn"]


def test_that_a_direction_is_found_and_gets_a_slider(desk: Desk) -> None:
    record = DirectionRecord("d" * 64, "smile", desk.models["portrait"], (0, 4), "sefa")
    DirectionTable(desk.studio.library.file).put(record)
    assert not shelf(desk).directions.isVisibleTo(shelf(desk))
    look_for(desk, "smile")
    assert shelf(desk).directions.isVisibleTo(shelf(desk))
    shelf(desk).directions.opened.emit(record.key)
    (use,) = desk.state.directions
    assert (use.key, use.name, use.layer_range) == (record.key, "smile", (0, 4))
    shelf(desk).directions.opened.emit(record.key)
    assert len(desk.state.directions) == 1


def test_that_a_shelf_of_many_portraits_stays_short_and_finds_them_all(desk: Desk) -> None:
    with desk.studio.library.file.writing("fill it") as connection:
        connection.executemany(
            "INSERT INTO latents (key, name, added) VALUES (?, ?, ?)",
            [(f"{number:064x}", f"face {number}", number) for number in range(500)],
        )
    desk.studio.collection.refresh([Kind.PORTRAIT])
    assert len(shelf(desk).portraits.items) == MOST
    assert shelf(desk)._more.text() == f"{500 - MOST} more in the library…"
    look_for(desk, "face 77")
    assert "face 77" in [item.name for item in shelf(desk).portraits.items]


def test_that_the_search_brings_hidden_panels_back(desk: Desk) -> None:
    desk.studio.window.actions_["hide_docks"].trigger()
    assert not shelf(desk).isVisible()
    desk.studio.window.actions_["find_on_shelf"].trigger()
    assert shelf(desk).isVisible()
    assert shelf(desk).search.field.hasFocus()


# --- names, tags, trash -------------------------------------------------------------------------------------------


def test_that_f2_renames_a_model_in_its_row(desk: Desk) -> None:
    models = shelf(desk).models
    models.select(desk.models["toon"].sha256)
    models.setFocus()
    QTest.keyClick(models, Qt.Key.Key_F2)
    field = models._renaming
    assert field is not None
    field.setText("storybook")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert names(desk) == ["portrait", "storybook"]


def test_that_f2_asks_for_a_portraits_name(desk: Desk) -> None:
    add_portraits(desk, "Ada")
    shelf(desk).portraits.rename_requested.emit(shelf(desk).portraits.items[0].key)
    field = QApplication.activePopupWidget()
    assert isinstance(field, NameField)
    field.field.setText("Grace")
    field.field.returnPressed.emit()
    assert shelf(desk).portraits.items[0].name == "Grace"


def test_that_a_portrait_goes_to_the_trash_and_the_bar_brings_it_back(desk: Desk) -> None:
    add_portraits(desk, "Ada")
    shelf(desk).portraits.remove_requested.emit(shelf(desk).portraits.items[0].key)
    assert shelf(desk).portraits.items == ()
    assert "“Ada” is in the trash" in desk.message()
    desk.studio.messages.bar.action_triggered.emit(next(iter(desk.studio.messages._choices)))
    assert [item.name for item in shelf(desk).portraits.items] == ["Ada"]


def test_that_a_model_in_the_picture_cannot_be_thrown_away_and_says_so(make_desk: MakeDesk) -> None:
    desk = make_desk(models=("portrait", "toon", "third"))
    shelf(desk).models.remove_requested.emit(desk.models["toon"].sha256)
    assert "is in the picture" in desk.message()
    shelf(desk).models.remove_requested.emit(desk.models["third"].sha256)
    assert names(desk) == ["portrait", "toon"]
    assert "“third” is in the trash" in desk.message()


def test_that_a_picture_that_needs_a_model_from_the_trash_brings_it_back(make_desk: MakeDesk) -> None:
    desk = make_desk(models=("portrait", "toon", "third"))
    desk.studio.collection.trash([(Kind.MODEL, desk.models["third"].sha256)])
    shown_states: list[EditState] = []
    desk.studio.opener.when_models_are_here(EditState(model_a=desk.models["third"]), shown_states.append)
    assert len(shown_states) == 1
    assert "third" in names(desk)


# --- the card -----------------------------------------------------------------------------------------------------


def test_that_the_card_tells_about_a_model_and_keeps_its_name_and_tags(desk: Desk) -> None:
    desk.studio.collection.add_look(look_of(desk.state, "Warm"))
    about = card(desk, "toon")
    texts = " ".join(label.text() for label in about.findChildren(QLabel))
    assert "look Warm" in texts
    assert desk.models["toon"].sha256[:16] in texts
    assert not about.trash_button.isEnabled()  # it is in the picture
    about.name.setText("storybook")
    about.tags.setText("drawn, Faces")
    about.close()
    assert "storybook" in names(desk)
    assert TagTable(desk.studio.library.file).of(Kind.MODEL, desk.models["toon"].sha256) == ("drawn", "faces")


def test_that_esc_leaves_the_card_without_keeping_anything(desk: Desk) -> None:
    about = card(desk, "toon")
    about.name.setText("another")
    QTest.keyClick(about.name, Qt.Key.Key_Escape)
    assert "toon" in names(desk)


def test_that_a_model_is_thrown_away_from_its_card(make_desk: MakeDesk) -> None:
    desk = make_desk(models=("portrait", "toon", "third"))
    about = card(desk, "third")
    about.name.setText("never kept")
    about.trash_button.click()
    assert names(desk) == ["portrait", "toon"]
    assert desk.studio.library.trashed_models()[0].ref.name == "third"


# --- files that went away -----------------------------------------------------------------------------------------


def test_that_a_model_whose_file_is_gone_says_so_until_it_is_found(desk: Desk) -> None:
    flow(desk).look_for_files()  # the desk's models have no files
    captions = lambda: {item.name: item.caption for item in shelf(desk).models.items}  # noqa: E731
    desk.wait_until(lambda: captions()["toon"] == "file not found")
    (desk.folder / "toon.pkl").write_bytes(b"toon")
    flow(desk).look_for_files()
    desk.wait_until(lambda: captions()["toon"] != "file not found")
    assert captions()["portrait"] == "file not found"


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be deleted there")
def test_that_a_library_deleted_while_the_window_runs_is_told_and_written_again(make_desk: MakeDesk) -> None:
    desk = make_desk()
    file = desk.studio.library.file.path
    for path in file.parent.glob(f"{file.name}*"):
        path.unlink()
    desk.studio.collection.rename((Kind.MODEL, desk.models["toon"].sha256), "storybook")
    assert "deleted while Graft was running" in desk.message()
    assert names(desk) == ["portrait", "storybook"]
    desk.studio.window.close()
    desk.studio.close()
    again = make_desk(models=())
    assert names(again) == ["portrait", "storybook"]


# --- the window ---------------------------------------------------------------------------------------------------


def test_that_the_library_window_shows_everything_and_is_searched(desk: Desk) -> None:
    add_portraits(desk, "Ada")
    desk.studio.collection.add_look(look_of(desk.state, "Warm"))
    window = open_library(desk)
    assert set(shown(window)) == {"portrait", "toon", "Ada", "Warm"}
    window.search.setText("ada")
    desk.wait_until(lambda: shown(window) == ["Ada"])
    window.search.clear()
    window.tabs.setCurrentIndex(3)
    desk.wait_until(lambda: shown(window) == ["Warm"])


def test_that_several_are_tagged_thrown_away_and_brought_back_at_once(desk: Desk) -> None:
    add_portraits(desk, "Ada", "Grace")
    window = open_library(desk)
    window.tabs.setCurrentIndex(2)
    window.grid.selectAll()
    assert len(window.grid.chosen) == 2
    window.add_tag.click()
    field = QApplication.activePopupWidget()
    assert isinstance(field, NameField)
    field.field.setText("friends, old")
    field.field.returnPressed.emit()
    desk.wait_until(lambda: all(entry.tags == ("friends", "old") for entry in window.grid.entries_model.entries))
    assert len(window.grid.chosen) == 2  # still
    window.show_tag("old")
    assert len(shown(window)) == 2
    window.trash.click()
    desk.wait_until(lambda: shown(window) == [])
    assert "2 things are in the trash" in desk.message()
    window.tabs.setCurrentIndex(TRASH_TAB)
    assert set(shown(window)) == {"Ada", "Grace"}
    window.grid.selectAll()
    window.restore.click()
    desk.wait_until(lambda: shown(window) == [])
    assert len(shelf(desk).portraits.items) == 2


def test_that_the_trash_is_emptied_for_good(desk: Desk) -> None:
    add_portraits(desk, "Ada")
    desk.studio.collection.trash([(Kind.PORTRAIT, shelf(desk).portraits.items[0].key)])
    window = open_library(desk)
    window.tabs.setCurrentIndex(TRASH_TAB)
    window.empty.click()
    desk.wait_until(lambda: not any(entry.is_trashed for entry in window._entries))
    assert desk.studio.library.trashed_latents() == ()
    assert not window.empty.isEnabled()


def test_that_a_double_click_in_the_library_uses_a_thing(make_desk: MakeDesk) -> None:
    desk = make_desk(models=("portrait", "toon", "third"))
    window = open_library(desk)
    row = next(row for row, name in enumerate(shown(window)) if name == "third")
    window.grid.activated.emit(window.grid.entries_model.index(row))
    assert desk.state.model_b == desk.models["third"]


def test_that_what_is_chosen_is_exported_as_files(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.studio.collection.add_look(look_of(desk.state, "Warm"))
    target = desk.folder / "out"
    target.mkdir()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(target))
    window = open_library(desk)
    window.tabs.setCurrentIndex(3)
    window.grid.selectAll()
    window.export_button.click()
    desk.wait_until(lambda: "1 file is in out" in desk.message())
    assert [path.name for path in target.iterdir()] == ["Warm.look.json"]


def test_that_pictures_are_read_for_what_is_on_screen_only(desk: Desk, tmp_path: Path) -> None:
    with desk.studio.library.file.writing("fill it") as connection:
        connection.executemany(
            "INSERT INTO latents (key, name, added) VALUES (?, ?, ?)",
            [(f"{number:064x}", f"face {number}", number) for number in range(2000)],
        )
    asked: list[object] = []
    window = flow(desk).window
    window.grid.entries_model.picture_wanted.connect(asked.append)
    open_library(desk)
    desk.wait_until(lambda: len(shown(window)) > 2000 and asked)
    assert len(set(asked)) < 200


def test_that_a_renamed_model_is_called_so_over_its_picture_and_keeps_its_portraits(desk: Desk) -> None:
    add_portraits(desk, "Ada")
    desk.studio.collection.rename((Kind.MODEL, desk.models["portrait"].sha256), "my faces")
    assert desk.studio.canvas._captions[View.A] == "A my faces"
    record = desk.studio.collection.latents()[0]
    assert record.model is not None
    assert record.model.name == "my faces"
    shelf(desk).latent_picked.emit(record)
    assert desk.state.model_a == desk.models["portrait"]  # not exchanged for itself


def test_that_a_look_that_came_without_a_picture_has_one_in_the_library_once_it_was_drawn(desk: Desk) -> None:
    kept = desk.studio.collection.add_look(look_of(desk.state, "Warm"))
    assert kept is not None
    assert kept.id is not None
    desk.wait_until(lambda: desk.studio.library.look_thumbnail(kept.id or 0) is not None)

"""Directions in the whole window: found, turned, kept, imported, undone; and StyleSpace."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from desk import Desk, MakeDesk
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog

from engine.direction_events import (
    DirectionMethod,
    ExportDirections,
    FindDirections,
    ImportDirections,
    MeasureStyles,
    SubtractLatents,
)
from engine.look import Look
from engine.look_file import write_look
from engine.messages import JobOutcome, LoadModel, MakeThumbnail
from engine.state import DirectionUse, StyleEdit, View, with_direction, with_seed, with_style_edit
from gui.directions.flow import DirectionFlow
from gui.directions.section import DirectionSection
from gui.directions.strip import AMOUNTS
from gui.directions.window import DirectionWindow

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")  # bringing windows to the front


@pytest.fixture
def flow(desk: Desk) -> DirectionFlow:
    return desk.studio.directions


@pytest.fixture
def section(desk: Desk) -> DirectionSection:
    return desk.studio.window.parts.controls.directions


@pytest.fixture
def found(desk: Desk, flow: DirectionFlow) -> DirectionWindow:
    """The panel after a search."""
    flow.open()
    window = flow.window
    window.find_button.click()
    desk.wait_until(lambda: window.found.rows)
    return window


def test_that_nothing_of_it_is_built_before_it_is_wanted(desk: Desk) -> None:
    assert "directions" not in vars(desk.studio)
    desk.studio.window.actions_["directions"].trigger()
    assert desk.studio.directions.window.isVisible()
    assert desk.studio.window.parts.controls.directions.is_folded


def test_that_the_panel_asks_for_what_is_chosen(desk: Desk, flow: DirectionFlow) -> None:
    window = flow.window
    window.methods.card(DirectionMethod.SEFA).click()
    window.view.setCurrentIndex(2)
    window.chip.pick((0, 4))
    window.count.take_text("5")
    window.find_button.click()
    job = desk.engine.submitted[-1]
    assert job == FindDirections(desk.state, DirectionMethod.SEFA, View.B, (0, 4), 5)
    desk.wait_until(lambda: len(window.found.rows) == 5)
    assert window.pages.current == "found"


def test_that_a_search_shows_how_far_it_is_and_can_be_cancelled(make_desk: MakeDesk) -> None:
    desk = make_desk(manual_jobs=(FindDirections,))
    window = desk.studio.directions.window
    window.find_button.click()
    job_id = desk.engine.job_id(FindDirections)
    desk.engine.progress(job_id, 0.25, "Drawing latents")
    desk.wait_until(lambda: window.bar.value() == 250)
    assert window.note.text() == "Drawing latents"
    window.find_button.click()
    assert desk.engine.cancelled == [job_id]
    desk.engine.finish(job_id, JobOutcome.CANCELLED)
    desk.wait_until(lambda: window.find_button.text() == "Find")
    assert not window.found.rows


def test_that_every_direction_in_sight_gets_its_pictures(desk: Desk, found: DirectionWindow) -> None:
    desk.wait_until(lambda: len(found.found.rows[0].strip.pictures) == len(AMOUNTS))
    record = found.found.rows[0].record
    drawn = [job.state for job in desk.engine.submitted if isinstance(job, MakeThumbnail)]
    for amount in AMOUNTS:
        use = (DirectionUse(record.key, amount),) if amount else ()
        assert replace(desk.state, directions=use) in drawn


def test_that_the_pictures_follow_the_face(desk: Desk, found: DirectionWindow) -> None:
    strip = found.found.rows[0].strip
    desk.wait_until(lambda: len(strip.pictures) == len(AMOUNTS))
    before = strip.pictures[0.0]
    desk.studio.session.edit(with_seed(desk.state, 4321), "seed")
    desk.wait_until(lambda: strip.pictures[0.0] != before)


def test_that_a_picture_of_the_strip_takes_the_face_there(desk: Desk, found: DirectionWindow) -> None:
    row = found.found.rows[2]
    QTest.mouseClick(row.strip, Qt.MouseButton.LeftButton, pos=row.strip.cell_rect(1).center().toPoint())
    assert desk.state.directions == (DirectionUse(row.record.key, -2.0, None, "PCA 3"),)
    row.strip.setFocus()
    for _ in range(4):
        QTest.keyClick(row.strip, Qt.Key.Key_Right)
    QTest.keyClick(row.strip, Qt.Key.Key_Return)
    assert desk.state.directions == (DirectionUse(row.record.key, 2.0, None, "PCA 3"),)


def test_that_a_direction_becomes_a_slider_and_one_drag_one_step_back(
    desk: Desk, found: DirectionWindow, section: DirectionSection
) -> None:
    found.found.rows[0].use.click()
    assert not section.is_folded
    slider = section.rows[0].slider
    assert (slider.label, slider.parameter) == ("PCA 1", "directions[0].amount")
    entries = len(desk.studio.session.history.entries)
    slider.setFixedWidth(200)
    desk.drag(slider, [0.5, 1.5, 2.0])
    assert desk.state.directions[0].amount == pytest.approx(2.0, abs=0.1)
    assert len(desk.studio.session.history.entries) == entries + 1
    desk.studio.session.undo()
    assert desk.state.directions[0].amount == 0.0
    assert slider.value == 0.0


def test_that_a_typed_amount_may_go_past_the_ends(
    desk: Desk, found: DirectionWindow, section: DirectionSection
) -> None:
    found.found.rows[0].use.click()
    section.rows[0].slider.take_text("-7.5")
    assert desk.state.directions[0].amount == -7.5


def test_that_using_it_again_makes_no_second_slider(desk: Desk, found: DirectionWindow) -> None:
    found.found.rows[0].use.click()
    found.found.rows[0].strip.picked.emit(3.0)
    found.found.rows[0].use.click()
    assert [use.amount for use in desk.state.directions] == [3.0]


def test_that_the_layers_are_chosen_by_chip_or_typed(
    desk: Desk, found: DirectionWindow, section: DirectionSection
) -> None:
    found.found.rows[0].use.click()
    chip = section.rows[0].chip
    chip.pick((0, 4))
    assert desk.state.directions[0].layer_range == (0, 4)
    assert chip.text().startswith("coarse")
    chip.take_text("2-6")
    assert desk.state.directions[0].layer_range == (2, 7)
    chip.take_text("nonsense")
    assert desk.state.directions[0].layer_range == (2, 7)


def test_that_taking_one_out_leaves_the_others(desk: Desk, found: DirectionWindow, section: DirectionSection) -> None:
    for row in found.found.rows[:3]:
        row.use.click()
    section.rows[1].slider.take_text("1.5")
    section.rows[0].remove.click()
    assert [use.name for use in desk.state.directions] == ["PCA 2", "PCA 3"]
    assert [row.slider.value for row in section.rows] == [1.5, 0.0]
    desk.studio.session.undo()
    assert [row.slider.label for row in section.rows] == ["PCA 1", "PCA 2", "PCA 3"]


def test_that_tab_comes_to_the_sliders_where_they_stand(desk: Desk, section: DirectionSection) -> None:
    state = with_direction(desk.state, 0, DirectionUse("0" * 64, 1.0, name="age"))
    desk.studio.session.edit(with_direction(state, 1, DirectionUse("1" * 64, 1.0, name="hair")))
    expected = [widget for row in section.rows for widget in (row.slider, row.chip, row.remove)]
    walked, widget = [], section.add_button.nextInFocusChain()
    while widget is not section.reset_all and len(walked) < 100:
        walked += [widget] if widget in expected else []
        widget = widget.nextInFocusChain()
    assert walked == expected


def test_that_all_go_back_to_0_but_the_locked(desk: Desk, found: DirectionWindow, section: DirectionSection) -> None:
    for row in found.found.rows[:2]:
        row.strip.picked.emit(2.0)
    section.rows[1].slider.set_locked(True)
    section.reset_all.click()
    assert [use.amount for use in desk.state.directions] == [0.0, 2.0]
    section.rows[0].remove.click()
    assert section.rows[0].slider.is_locked  # the lock is the direction's, not its place's


def test_that_a_named_direction_is_kept_and_found_again(
    make_desk: MakeDesk, desk: Desk, found: DirectionWindow
) -> None:
    row = found.found.rows[1]
    row.name.setText("Grey hair")
    row.name.editingFinished.emit()
    row.keep.click()
    assert "“Grey hair” is in the library" in desk.message()
    found.show_page("kept")
    assert [each.record.name for each in found.kept.rows] == ["Grey hair"]
    found.search.setText("ganspace grey")
    assert len(found.kept.rows) == 1
    found.search.setText("smile")
    assert not found.kept.rows
    later = make_desk()
    assert [each.record.name for each in later.studio.directions.window.kept.rows] == ["Grey hair"]


def test_that_a_kept_direction_goes_to_the_trash_and_comes_back(desk: Desk, found: DirectionWindow) -> None:
    found.found.rows[0].keep.click()
    found.show_page("kept")
    found.kept.rows[0].trash.click()
    assert not found.kept.rows
    assert "in the trash" in desk.message()
    desk.studio.directions._restore(found.found.rows[0].record.key)
    assert len(found.kept.rows) == 1


def test_that_a_slider_can_be_renamed_also_in_the_library(
    desk: Desk, found: DirectionWindow, section: DirectionSection
) -> None:
    found.found.rows[0].keep.click()
    found.found.rows[0].use.click()
    section.rename(0, "Beard")
    assert desk.state.directions[0].name == "Beard"
    assert [row.record.name for row in found.kept.rows] == ["Beard"]


def test_that_the_menu_offers_what_is_kept(desk: Desk, found: DirectionWindow, section: DirectionSection) -> None:
    found.found.rows[0].keep.click()
    section._menu.aboutToShow.emit()
    action = next(action for action in section._menu.actions() if action.text() == "PCA 1")
    action.trigger()
    assert [use.name for use in desk.state.directions] == ["PCA 1"]


def test_that_a_name_typed_among_the_kept_stays(desk: Desk, found: DirectionWindow) -> None:
    found.found.rows[0].keep.click()
    found.found.rows[1].keep.click()
    found.show_page("kept")
    field = found.kept.rows[1].name
    field.setFocus()
    field.selectAll()
    QTest.keyClicks(field, "Smile")
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert [row.record.name for row in found.kept.rows] == ["PCA 2", "Smile"]
    assert found.kept.rows[1].name is field  # the list was not made anew


def test_that_a_file_of_many_goes_to_the_library_at_once(desk: Desk, flow: DirectionFlow, tmp_path: Path) -> None:
    flow.import_files((tmp_path / "many.npz",))
    desk.wait_until(lambda: len(flow.window.kept.rows) == 40)
    assert "40 directions are in the library" in desk.message()
    assert not desk.state.directions


def test_that_a_direction_of_a_recipe_can_be_kept(desk: Desk, flow: DirectionFlow, section: DirectionSection) -> None:
    desk.studio.session.edit(with_direction(desk.state, 0, DirectionUse("c" * 64, 1.0, (0, 4), "Theirs")), "open")
    section.rows[0].keep_wanted.emit()
    assert [row.record.name for row in flow.window.kept.rows] == ["Theirs"]
    assert flow.window.kept.rows[0].record.layer_range == (0, 4)


# --- files ----------------------------------------------------------------------------------------------------------


def test_that_a_file_dropped_on_the_section_becomes_a_slider(
    desk: Desk, section: DirectionSection, tmp_path: Path
) -> None:
    section.set_folded(False)
    path = tmp_path / "age.npy"
    path.write_bytes(b"array")
    desk.drop(path, on=section)
    assert desk.engine.submitted[-1] == ImportDirections(path, desk.state)
    desk.wait_until(lambda: desk.state.directions)
    assert [use.name for use in desk.state.directions] == ["age"]
    assert [row.record.name for row in desk.studio.directions.window.kept.rows] == ["age"]


def test_that_a_direction_dropped_on_the_picture_is_told_from_a_model(desk: Desk, tmp_path: Path) -> None:
    np.save(tmp_path / "age.npy", np.ones((1, 64), np.float32))
    np.savez(tmp_path / "comps.npz", lat_comp=np.ones((1, 64), np.float32))
    desk.drop(tmp_path / "age.npy", tmp_path / "comps.npz")
    wanted = [job.path.name for job in desk.engine.submitted if isinstance(job, ImportDirections)]
    assert wanted == ["age.npy", "comps.npz"]
    assert not [job for job in desk.engine.submitted if isinstance(job, LoadModel)]


def test_that_other_files_are_not_taken_by_the_section(desk: Desk, section: DirectionSection, tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"jpg")
    desk.drop(path, on=section)
    assert not [job for job in desk.engine.submitted if isinstance(job, ImportDirections)]


def test_that_a_file_of_another_width_is_refused_in_words(desk: Desk, flow: DirectionFlow, tmp_path: Path) -> None:
    flow.import_files((tmp_path / "wide.npy",))
    desk.wait_until(lambda: "512 values per layer; latents of this model have 64" in desk.message())
    assert not desk.state.directions


def test_that_what_is_shown_is_written_to_a_file(
    desk: Desk, found: DirectionWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "mine"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    desk.wait_until(lambda: len(found.found.rows) == 10)
    found.found.rows[0].name.setText("Age")
    found.found.rows[0].name.editingFinished.emit()
    found.export_button.click()
    job = desk.engine.submitted[-1]
    assert isinstance(job, ExportDirections)
    assert job.path == tmp_path / "mine.safetensors"
    assert job.directions[0].name == "Age"
    desk.wait_until(lambda: "Wrote 10 directions" in desk.message())


def test_that_two_faces_make_a_direction(desk: Desk, flow: DirectionFlow, section: DirectionSection) -> None:
    flow.start_here()
    start = desk.state
    desk.studio.session.edit(with_seed(desk.state, 77), "seed")
    flow.end_here()
    assert desk.engine.submitted[-1] == SubtractLatents(start, desk.state)
    desk.wait_until(lambda: desk.state.directions)
    section.rows[0].slider.set_value(5.5)
    assert section.rows[0].slider.value == 5.5  # its track goes as far as the other face


# --- StyleSpace -----------------------------------------------------------------------------------------------------


def test_that_channels_of_a_layer_are_turned_in_sigmas(
    desk: Desk, flow: DirectionFlow, section: DirectionSection
) -> None:
    flow.styles.open()
    window = flow.styles.window
    desk.wait_until(lambda: window.sliders)
    assert window.shown_layer is not None
    assert window.shown_layer.name == "b16.conv0"
    assert window.sliders[0].label == "Channel 6"  # the strongest
    window.sliders[0].take_text("4")
    assert desk.state.style_edits == (StyleEdit(4, 6, 2.0),)
    assert "1 channel" in section.styles.text()
    desk.studio.session.undo()
    assert window.sliders[0].value == 0.0


def test_that_channels_are_searched_for_and_only_the_changed_shown(desk: Desk, flow: DirectionFlow) -> None:
    desk.studio.session.edit(with_style_edit(desk.state, StyleEdit(5, 31, 1.0, torgb=True)), "style")
    flow.styles.open_changed()
    window = flow.styles.window
    desk.wait_until(lambda: window.sliders)
    shown = [slider for slider in window.sliders if not slider.isHidden()]
    assert [(slider.label, slider.value) for slider in shown] == [("Channel 31", 2.0)]
    window.only_changed.setChecked(False)
    window.search.setText("5")
    shown = [slider for slider in window.sliders if not slider.isHidden()]
    assert {slider.label for slider in shown} == {f"Channel {number}" for number in (5, *range(50, 60))}


def test_that_styles_are_measured_again_for_other_models(desk: Desk, flow: DirectionFlow) -> None:
    flow.styles.open()
    desk.wait_until(lambda: flow.styles.window.sliders)
    desk.studio.session.edit(replace(desk.state, model_a=desk.models["toon"]), "model")
    measured = [job.state.model_a for job in desk.engine.submitted if isinstance(job, MeasureStyles)]
    assert measured == [desk.models["portrait"], desk.models["toon"]]


def test_that_the_section_resets_style_channels(desk: Desk, section: DirectionSection) -> None:
    desk.studio.session.edit(with_style_edit(desk.state, StyleEdit(4, 6, 2.0)), "style")
    section.reset_styles.click()
    assert desk.state.style_edits == ()


def test_that_windows_close_with_escape(desk: Desk, flow: DirectionFlow) -> None:
    flow.open()
    flow.styles.open()
    for window in (flow.window, flow.styles.window):
        QTest.keyClick(window, Qt.Key.Key_Escape)
        assert not window.isVisible()


def test_that_a_look_takes_its_directions_along(make_desk: MakeDesk, tmp_path: Path) -> None:
    here = make_desk()
    flow = here.studio.directions
    flow.window.find_button.click()
    here.wait_until(lambda: flow.window.found.rows)
    flow.window.found.rows[0].strip.picked.emit(2.0)
    here.studio.looks.keep("Turned")
    (kept,) = (one.look for one in here.studio.collection.looks())
    write_look(tmp_path / "turned.look.json", kept)
    there = make_desk(home="another computer")
    key = kept.directions[0].key
    assert not there.studio.store.has(key)
    there.studio.looks.open_files((tmp_path / "turned.look.json",))
    assert there.state.directions == kept.directions
    assert there.studio.store.has(key)


def test_that_a_look_that_lacks_its_direction_is_refused_in_words(desk: Desk, tmp_path: Path) -> None:
    lost = Look("Lost", desk.state.model_a, directions=(DirectionUse("e" * 64, 1.0, None, "Age"),))
    write_look(tmp_path / "lost.look.json", lost)
    desk.studio.looks.open_files((tmp_path / "lost.look.json",))
    desk.wait_until(lambda: "lacks its direction “Age”" in desk.message())
    assert not desk.state.directions

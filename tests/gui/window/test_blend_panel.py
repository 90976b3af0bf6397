from __future__ import annotations

import pytest
from desk import Desk, MakeDesk, drop_mime
from fake_engine import descriptor
from hand import click, drag
from looking import colors_in, image_of
from PySide6.QtCore import QMimeData, QPointF, Qt
from PySide6.QtWidgets import QLineEdit

from engine.state import BlendSpace, Overlay, Source, View, with_alpha, with_blend, with_overlay
from gui.canvas import CanvasMode
from gui.panels.blend_panel import BlendPanel, layer_names
from gui.presets import TOONIFY
from gui.surprise import surprise
from gui.theme import DARK
from gui.widgets.drops import MODEL_KIND
from gui.widgets.name_field import NameField

pytestmark = pytest.mark.qt_log_ignore(
    "This plugin does not support (propagateSizeHints|raise|grabbing the keyboard|grabbing the mouse)"
)


@pytest.fixture
def four(make_desk: MakeDesk) -> Desk:
    return make_desk(models=("portrait", "toon", "woodblock", "pencil"))


def panel(desk: Desk) -> BlendPanel:
    return desk.studio.window.parts.controls.blend


def labels(desk: Desk) -> list[str]:
    return [entry.label for entry in desk.studio.session.history.entries]


def lay_over(desk: Desk, *names: str) -> None:
    for name in names:
        panel(desk).lay_over(desk.models[name].sha256)


# --- further models ------------------------------------------------------------------------------------------------


def test_that_a_further_model_is_laid_over_from_the_menu_and_has_a_row(four: Desk) -> None:
    panel(four).add_model.menu().aboutToShow.emit()
    actions = {action.text(): action for action in panel(four).add_model.menu().actions()}
    actions["woodblock"].trigger()
    assert four.state.overlays == (Overlay(four.models["woodblock"], 0.5),)
    (row,) = panel(four).overlays.rows
    assert row.letter.text() == "C"
    assert row.model.currentText() == "woodblock"
    assert labels(four)[-1] == "model C"
    four.studio.session.undo()
    assert panel(four).overlays.rows == []
    assert panel(four).overlays.isHidden()


def test_that_a_model_of_the_shelf_is_dropped_on_the_panel(four: Desk) -> None:
    mime = QMimeData()
    mime.setData(MODEL_KIND, four.models["pencil"].sha256.encode())
    drop_mime(mime, panel(four))
    assert [overlay.model.name for overlay in four.state.overlays] == ["pencil"]
    other = QMimeData()
    other.setData(MODEL_KIND, b"\xff\xfe")
    drop_mime(other, panel(four))
    assert len(four.state.overlays) == 1


def test_that_the_shelfs_menu_lays_a_model_over(four: Desk) -> None:
    four.studio.window.parts.shelf.overlay_wanted.emit(four.models["toon"].sha256)
    assert [overlay.model.name for overlay in four.state.overlays] == ["toon"]


def test_that_dragging_its_alpha_is_one_undo_entry(four: Desk) -> None:
    lay_over(four, "woodblock")
    before = len(labels(four))
    four.drag(panel(four).overlays.rows[0].alpha, [0.6, 0.7, 0.8])
    assert four.state.overlays[0].alpha == pytest.approx(0.8, abs=0.02)
    assert len(labels(four)) == before + 1


def test_that_its_curve_is_made_when_unfolded_and_drawn_like_the_other(four: Desk) -> None:
    lay_over(four, "woodblock")
    (row,) = panel(four).overlays.rows
    assert row.curve is None
    click(row.fold, QPointF(5, 5))
    curve = row.curve
    assert curve is not None
    assert curve.curve == (1.0,) * 10
    drag(curve, curve.points()[0], QPointF(curve.column_x(0), curve.value_y(0.25)))
    assert four.state.overlays[0].curve == pytest.approx((0.25,) * 2 + (1.0,) * 8, abs=0.02)
    curve.reset_all()
    assert four.state.overlays[0].curve is None
    row.set_unfolded(False)
    assert curve.isHidden()


def test_that_a_further_model_can_be_exaggerated_too(four: Desk) -> None:
    lay_over(four, "woodblock")
    (row,) = panel(four).overlays.rows
    row.set_unfolded(True)
    assert row.curve is not None
    click(row.curve.ends, QPointF(5, 5))
    four.drag(row.alpha, [1.5])
    assert four.state.overlays[0].alpha == pytest.approx(1.5, abs=0.02)


def test_that_silencing_remembers_how_strong_it_was(four: Desk) -> None:
    lay_over(four, "woodblock")
    four.drag(panel(four).overlays.rows[0].alpha, [0.8])
    strong = four.state.overlays[0].alpha
    panel(four).overlays.rows[0].eye.click()
    assert four.state.overlays[0].alpha == 0.0
    panel(four).overlays.rows[0].eye.click()
    assert four.state.overlays[0].alpha == strong
    assert labels(four)[-2:] == ["silence C", "show C"]


def test_that_only_one_is_shown_and_then_all_again(four: Desk) -> None:
    lay_over(four, "woodblock", "pencil")
    before = four.state
    panel(four).overlays.rows[1].solo_wanted.emit()
    assert [overlay.alpha for overlay in four.state.overlays] == [0.0, 0.5]
    assert four.state.blend.alpha == 0.0
    panel(four).overlays.rows[1].solo_wanted.emit()
    assert four.state == before


def test_that_rows_change_places_by_key_and_keep_what_is_theirs(four: Desk) -> None:
    lay_over(four, "woodblock", "pencil")
    four.studio.session.edit(with_overlay(four.state, 1, Overlay(four.models["pencil"], 0.25)))
    first, second = panel(four).overlays.rows
    second.model.setFocus()
    four.wait_until(second.isVisible)
    four.press(Qt.Key.Key_Up, on=second.model, keys=Qt.KeyboardModifier.AltModifier)
    assert [(one.model.name, one.alpha) for one in four.state.overlays] == [("pencil", 0.25), ("woodblock", 0.5)]
    assert first.model.currentText() == "pencil"
    first.move_wanted.emit(-1)
    assert four.state.overlays[0].model.name == "pencil"
    first.alpha.setFocus()
    four.press(Qt.Key.Key_Delete, on=first.alpha, keys=Qt.KeyboardModifier.ControlModifier)
    assert [one.model.name for one in four.state.overlays] == ["woodblock"]


def test_that_tab_walks_the_rows_in_the_order_that_one_sees(four: Desk) -> None:
    lay_over(four, "woodblock", "pencil")
    first, second = panel(four).overlays.rows
    four.wait_until(second.isVisible)
    first.set_unfolded(True)
    walked = []
    widget = panel(four).swap.nextInFocusChain()
    while widget is not panel(four).preset and len(walked) < 200:
        walked.append(widget)
        widget = widget.nextInFocusChain()
    wanted = [*first.tab_widgets(), *second.tab_widgets()]
    assert [one for one in walked if one in wanted] == wanted
    assert first.curve in walked


def test_that_another_model_can_be_chosen_in_a_row(four: Desk) -> None:
    lay_over(four, "woodblock")
    (row,) = panel(four).overlays.rows
    row.model.activated.emit(row.model.findText("pencil"))
    assert four.state.overlays == (Overlay(four.models["pencil"], 0.5),)


def test_that_a_locked_model_stays_through_a_surprise(four: Desk) -> None:
    lay_over(four, "woodblock", "pencil")
    row = panel(four).overlays.rows[0]
    row.alpha.set_locked(True)
    stops = (4, 8, 16, 32, 64)
    rolled = [surprise(four.state, four.studio.session.locks, stops).overlays for _ in range(8)]
    assert {overlays[0].alpha for overlays in rolled} == {0.5}
    assert len({overlays[1].alpha for overlays in rolled}) > 1
    row.move_wanted.emit(1)
    assert panel(four).overlays.rows[1].alpha.is_locked
    assert not panel(four).overlays.rows[0].alpha.is_locked


def test_that_a_locked_curve_keeps_its_step_through_a_surprise(desk: Desk) -> None:
    drag(panel(desk).curve, panel(desk).curve.points()[1], QPointF(panel(desk).curve.column_x(1), 60))
    drawn = desk.state.blend
    panel(desk).curve.set_locked(True)
    for _ in range(8):
        rolled = surprise(desk.state, desk.studio.session.locks, (4, 8, 16, 32, 64)).blend
        assert (rolled.curve, rolled.swap_resolution, rolled.width) == (
            drawn.curve, drawn.swap_resolution, drawn.width
        )


def test_that_a_model_that_does_not_fit_says_why_it_is_left_out(four: Desk) -> None:
    small = four.studio.library.add_model(four.folder / "s.pkl", "5" * 64, "small", descriptor((4, 8, 16)))
    four.studio.collection.refresh()
    panel(four).lay_over(small.sha256)
    (row,) = panel(four).overlays.rows
    assert not row.alpha.isEnabled()
    assert "64 px pictures" in row.alpha.toolTip()
    row.model.activated.emit(row.model.findText("pencil"))
    assert row.alpha.isEnabled()


def test_that_the_shelf_tells_the_letters_of_further_models(four: Desk) -> None:
    lay_over(four, "woodblock", "pencil", "woodblock")
    captions = {item.name: item.caption for item in four.studio.window.parts.shelf.models.items}
    assert captions["woodblock"] == "64 px, stylegan2, C, E"
    assert captions["pencil"] == "64 px, stylegan2, D"
    assert captions["toon"] == "64 px, stylegan2"


def test_that_every_row_has_a_colour_of_its_own(four: Desk) -> None:
    lay_over(four, "woodblock", "pencil")
    first, second = panel(four).overlays.rows
    assert DARK.c_text in colors_in(image_of(first.letter))
    assert DARK.d_text in colors_in(image_of(second.letter))


def test_that_many_models_fit_and_are_still_told_apart(four: Desk) -> None:
    lay_over(four, *["woodblock", "pencil"] * 6)
    assert [row.letter.text() for row in panel(four).overlays.rows] == list("CDEFGHIJKLMN")


# --- spaces and sources --------------------------------------------------------------------------------------------


def test_that_mixing_latents_is_chosen_and_leaves_the_parts_of_networks_alone(desk: Desk) -> None:
    blend = panel(desk)
    click(blend.space, blend.space.segment_rect(1).center())
    assert desk.state.blend.space is BlendSpace.LATENTS
    assert not blend.sources["torgb"].isEnabled()
    assert "only A's network" in blend.sources["torgb"].toolTip()
    assert blend.sources["mapping"].isEnabled()
    desk.studio.session.undo()
    assert blend.space.current == "weights"
    assert blend.sources["torgb"].isEnabled()


def test_that_both_spaces_are_asked_for_by_their_key(desk: Desk) -> None:
    desk.press(Qt.Key.Key_5)
    assert desk.studio.canvas.mode is CanvasMode.SPACES
    desk.wait_until(lambda: desk.engine.requests[-1].views == (View.WEIGHTS, View.LATENTS))
    assert desk.studio.window.actions_["show_spaces"].isChecked()


def test_that_a_source_is_picked(desk: Desk) -> None:
    box = panel(desk).sources["torgb"]
    box.activated.emit(box.findText("B"))
    assert desk.state.blend.torgb is Source.B


# --- past the ends -------------------------------------------------------------------------------------------------


def test_that_the_switch_lets_alpha_and_curve_past_the_ends(desk: Desk) -> None:
    blend = panel(desk)
    click(blend.curve.ends, QPointF(5, 5))
    assert blend.curve.shows_past_ends
    desk.drag(blend.alpha, [1.5])
    assert desk.state.blend.alpha == pytest.approx(1.5, abs=0.02)
    assert not blend.curve.ends.isEnabled()
    assert "past the ends" in blend.curve.ends.toolTip()
    desk.studio.session.edit(with_alpha(desk.state, 1.0))
    click(blend.curve.ends, QPointF(5, 5))
    assert not blend.curve.shows_past_ends
    desk.drag(blend.alpha, [1.5])
    assert desk.state.blend.alpha == 1.0


def test_that_a_state_past_the_ends_is_shown_as_far_as_it_goes(desk: Desk) -> None:
    blend = panel(desk)
    desk.studio.session.edit(with_blend(desk.state, curve=(-0.5,) * 5 + (1.5,) * 5))
    assert blend.curve.shows_past_ends
    assert blend.curve.curve[0] == -0.5
    points = blend.curve.points()
    assert all(26 < point.y() < blend.curve.height() for point in points)


# --- presets -------------------------------------------------------------------------------------------------------


def test_that_a_curve_is_kept_as_a_preset_named_and_deleted(desk: Desk) -> None:
    blend = panel(desk)
    drag(blend.curve, blend.curve.points()[1], QPointF(blend.curve.column_x(1), 60))
    drawn = desk.state.blend
    assert blend.preset.currentIndex() == -1
    blend.presets.ask_name()
    field = blend.presets.findChild(NameField)
    assert field is not None
    editor = field.findChild(QLineEdit)
    assert editor is not None
    editor.setText("Belly")
    desk.press(Qt.Key.Key_Return, on=editor)
    assert blend.preset.currentText() == "Belly"
    blend.preset.activated.emit(blend.preset.findData(TOONIFY.key))
    assert blend.preset.currentText() == "Toonify"
    blend.preset.activated.emit(blend.preset.findText("Belly"))
    assert desk.state.blend.curve is not None
    assert desk.state.blend.curve[:10] == drawn.curve
    assert blend.preset.currentText() == "Belly"
    assert labels(desk)[-1] == "preset Belly"
    blend.presets.delete("Belly")
    assert blend.preset.findText("Belly") == -1
    assert blend.preset.currentIndex() == -1


def test_that_own_presets_are_there_at_the_next_start(make_desk: MakeDesk) -> None:
    desk = make_desk()
    drag(panel(desk).curve, panel(desk).curve.points()[1], QPointF(panel(desk).curve.column_x(1), 60))
    panel(desk).presets.save("Belly")
    desk.studio.window.close()
    desk.studio.close()
    again = make_desk()
    assert panel(again).preset.findText("Belly") > 0


def test_that_layers_are_named_as_in_the_network(desk: Desk) -> None:
    found = desk.studio.collection.descriptor(desk.state.model_a)
    assert found is not None
    assert layer_names(found)[:4] == ("nothing", "conv1, ToRGB", "conv0", "conv1, ToRGB")
    curve = panel(desk).curve
    click(curve.unfold, QPointF(5, 5))
    assert curve.column_label(2) == "8 px, conv0"

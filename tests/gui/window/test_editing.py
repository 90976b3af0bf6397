"""Driving the real window: hands on controls become states, and states become what the controls show."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from desk import Desk, MakeDesk
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from engine.errors import DeviceError
from engine.state import (
    EditState,
    MixSource,
    NoiseMode,
    SeedLatent,
    Side,
    Source,
    View,
    with_alpha,
    with_blend,
    with_mix_source,
    with_noise,
    with_pad,
    with_seed,
    with_swap_resolution,
    with_truncation,
)
from gui.canvas import CanvasMode
from gui.widgets.layer_matrix import RowWish


def test_that_the_first_start_shows_a_blend_that_says_something(desk: Desk) -> None:
    state = desk.state
    assert (state.model_a, state.model_b) == (desk.models["portrait"], desk.models["toon"])
    assert (state.blend.low, state.blend.swap_resolution, state.blend.alpha) == (Side.B, 32, 0.8)
    assert desk.studio.canvas.mode is CanvasMode.TRIPTYCH
    assert all(desk.shown(view) for view in (View.A, View.BLEND, View.B))
    assert not desk.studio.session.is_dirty


def test_that_a_drag_is_one_undo_entry_and_the_picture_follows_it(desk: Desk) -> None:
    before = len(desk.engine.requests)
    slider = desk.studio.window.parts.controls.blend.alpha
    desk.drag(slider, [0.7, 0.6, 0.5, 0.4, 0.3])
    assert [entry.label for entry in desk.studio.session.history.entries] == ["start", "alpha"]
    assert desk.state.blend.alpha == pytest.approx(0.3, abs=0.02)
    asked = {request.state.blend.alpha for request in desk.engine.requests[before:]}
    assert len(asked) == 5
    desk.settle()


def test_that_the_last_slider_value_is_always_shown(make_desk: MakeDesk) -> None:
    desk = make_desk(automatic=False)
    desk.wait_until(lambda: desk.engine.requests)
    slider = desk.studio.window.parts.controls.blend.alpha
    desk.drag(slider, [0.9 - step / 100 for step in range(60)])
    newest = desk.engine.requests[-1]
    assert newest.state == desk.state
    desk.engine.answer(desk.engine.requests[0])
    desk.engine.answer(newest)
    desk.engine.answer(desk.engine.requests[-10])  # comes too late
    desk.settle()
    assert desk.studio.canvas.shown_generation(View.BLEND) == newest.generation


CHANGES: dict[str, Callable[[EditState], EditState]] = {
    "seed": lambda state: with_seed(state, 77),
    "pad": lambda state: with_pad(state, 0.25, -0.5),
    "psi": lambda state: with_truncation(state, 1.25),
    "cutoff": lambda state: with_truncation(state, state.truncation_psi, 4),
    "alpha": lambda state: with_alpha(state, 0.25),
    "swap": lambda state: with_swap_resolution(state, 8),
    "width": lambda state: with_blend(state, width=2.0),
    "level": lambda state: with_blend(state, level=0),
    "curve": lambda state: with_blend(state, curve=(1.0, 0.5, 0.5, 0.25, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)),
    "mapping": lambda state: with_blend(state, mapping=Source.B),
    "torgb": lambda state: with_blend(state, torgb=Source.A),
    "mix": lambda state: with_mix_source(state, 0, MixSource(SeedLatent(5), (0.0, 1.0) * 5)),
    "noise mode": lambda state: with_noise(state, mode=NoiseMode.RANDOM, seed=12),
    "noise strength": lambda state: with_noise(state, strength=0.5),
    "noise layers": lambda state: with_noise(state, layer_strengths=(0.0, 2.0) * 5),
}


def controls(desk: Desk) -> dict[str, object]:
    """What every control says."""
    panels = desk.studio.window.parts.controls
    blend, latent, mix, noise = panels.blend, panels.latent, panels.mix, panels.noise
    return {
        "seed": latent.seed.value, "pad": latent.pad.position, "psi": latent.psi.value,
        "cutoff": latent.cutoff.value, "alpha": blend.alpha.value, "swap": blend.swap_resolution.value,
        "width": blend.width_slider.value, "level": blend.level.value, "curve": blend.curve.curve,
        "mapping": blend.sources["mapping"].currentData(), "torgb": blend.sources["torgb"].currentData(),
        "mix": mix.matrix.rows, "noise mode": noise.mode.text(), "noise strength": noise.strength.value,
        "noise layers": noise.strip.values, "a": blend.model_a.currentText(), "b": blend.model_b.currentText(),
        "preset": blend.preset.currentText(),
    }


@pytest.fixture
def told(desk: Desk) -> list[dict[str, object]]:
    """Every state's controls, on the way there."""
    seen = [controls(desk)]
    for change in CHANGES.values():
        desk.studio.session.edit(change(desk.state))
        seen.append(controls(desk))
    return seen


def test_that_every_control_shows_its_change(told: list[dict[str, object]]) -> None:
    for before, after, name in zip(told, told[1:], CHANGES, strict=False):
        assert before[name] != after[name], name


def test_that_undo_and_redo_restore_every_control(desk: Desk, told: list[dict[str, object]]) -> None:
    actions = desk.studio.window.actions_
    for expected in told[-2::-1]:
        actions["undo"].trigger()
        assert controls(desk) == expected
    assert not actions["undo"].isEnabled()
    for expected in told[1:]:
        actions["redo"].trigger()
        assert controls(desk) == expected
    assert not actions["redo"].isEnabled()


def test_that_a_run_of_arrow_keys_is_one_entry_and_undo_ends_it(desk: Desk) -> None:
    slider = desk.studio.window.parts.controls.blend.alpha
    slider.setFocus()
    start = desk.state
    for _ in range(5):
        desk.press(Qt.Key.Key_Left, slider)
    assert desk.state.blend.alpha < start.blend.alpha
    desk.studio.window.actions_["undo"].trigger()
    assert desk.state == start
    assert len(desk.studio.session.history.entries) == 2


def test_that_a_value_can_be_typed_past_the_track(desk: Desk) -> None:
    slider = desk.studio.window.parts.controls.blend.alpha
    slider.setFocus()
    desk.press(Qt.Key.Key_Return, slider)
    field = desk.studio.window.focusWidget()
    assert field is not None
    QTest.keyClicks(field, "3/2")
    desk.press(Qt.Key.Key_Return, field)
    assert desk.state.blend.alpha == 1.5


def test_that_choosing_models_and_swapping_them_are_undo_steps(make_desk: MakeDesk) -> None:
    desk = make_desk(models=("portrait", "toon", "pencil"))
    blend = desk.studio.window.parts.controls.blend
    blend.model_b.setCurrentIndex(blend.model_b.findText("pencil"))
    blend.model_b.activated.emit(blend.model_b.currentIndex())
    assert desk.state.model_b == desk.models["pencil"]
    desk.press(Qt.Key.Key_X)
    assert (desk.state.model_a, desk.state.model_b) == (desk.models["pencil"], desk.models["portrait"])
    labels = [entry.label for entry in desk.studio.session.history.entries]
    assert labels == ["start", "model B", "swap A and B"]
    badges = {item.name: item.badge for item in desk.studio.window.parts.shelf.models.items}
    assert badges == {"portrait": "B", "toon": "", "pencil": "A"}


def test_that_a_preset_is_one_step_and_the_chooser_names_it(desk: Desk) -> None:
    blend = desk.studio.window.parts.controls.blend
    blend.preset.setCurrentIndex(blend.preset.findText("Smooth"))
    blend.preset.activated.emit(blend.preset.currentIndex())
    assert desk.studio.session.history.undo_label == "preset Smooth"
    assert blend.preset.currentText() == "Smooth"
    desk.studio.session.edit(with_blend(desk.state, width=0.33))
    assert blend.preset.currentIndex() == -1


def test_that_turning_a_slider_of_the_step_takes_a_drawn_curve_away(desk: Desk) -> None:
    desk.studio.session.edit(with_blend(desk.state, curve=(0.5,) * 10))
    desk.drag(desk.studio.window.parts.controls.blend.swap_resolution, [8])
    assert desk.state.blend.curve is None
    assert desk.state.blend.swap_resolution == 8


def test_that_locks_hold_through_surprise_and_new_seed(desk: Desk) -> None:
    panels = desk.studio.window.parts.controls
    panels.blend.alpha.set_locked(True)
    panels.blend.alpha.lock_changed.emit(True)
    panels.latent.seed_lock.setChecked(True)
    before = desk.state
    for _ in range(5):
        desk.studio.window.actions_["surprise"].trigger()
        assert desk.state.blend.alpha == before.blend.alpha
        assert desk.state.latent == before.latent
    desk.press(Qt.Key.Key_R)
    assert desk.state.latent == before.latent
    assert "locked" in desk.message()


def test_that_a_mix_source_can_be_added_painted_and_removed(desk: Desk) -> None:
    panel = desk.studio.window.parts.controls.mix
    panel.add_seed()
    (source,) = desk.state.mix
    assert source.strengths == (0.0,) * 4 + (1.0,) * 6
    panel.matrix.strengths_changed.emit(0, (1.0,) * 10)
    assert desk.state.mix[0].strengths == (1.0,) * 10
    panel.matrix.row_wished.emit(0, RowWish.REMOVE)
    assert desk.state.mix == ()


def test_that_the_filmstrip_shows_the_history_and_walks_it(desk: Desk) -> None:
    strip = desk.studio.strip.strip
    for seed in (1, 2, 3):
        desk.studio.session.edit(with_seed(desk.state, seed))
        desk.settle()
    assert len(strip.items) == 4
    desk.wait_until(lambda: all(item.thumbnail is not None for item in strip.items))
    strip.picked.emit(strip.items[1].key)
    assert desk.state.latent == SeedLatent(1)
    assert strip.current_key == strip.items[1].key


@pytest.mark.parametrize("view", ["show_a", "show_spaces"])
def test_that_the_filmstrip_has_the_blend_where_the_canvas_shows_others(desk: Desk, view: str) -> None:
    desk.studio.window.actions_[view].trigger()
    desk.studio.window.actions_["new_seed"].trigger()
    strip = desk.studio.window.parts.filmstrip
    desk.wait_until(lambda: len(strip.items) == 2 and strip.items[-1].thumbnail is not None)


def test_that_a_picture_that_is_finished_before_the_hand_lets_go_gets_into_the_filmstrip(desk: Desk) -> None:
    slider = desk.studio.window.parts.controls.blend.alpha
    y = int(slider.track_rect().center().y())
    there = QPoint(round(slider.knob_x(0.4)), y)
    QTest.mousePress(slider, Qt.MouseButton.LeftButton, pos=QPoint(round(slider.knob_x()), y))
    QTest.mouseMove(slider, there)
    desk.settle()
    QTest.mouseRelease(slider, Qt.MouseButton.LeftButton, pos=there)
    strip = desk.studio.strip.strip
    desk.wait_until(lambda: len(strip.items) == 2 and strip.items[-1].thumbnail is not None)


def test_that_space_shows_a_while_it_is_held(desk: Desk) -> None:
    desk.press(Qt.Key.Key_2)
    canvas = desk.studio.canvas
    assert canvas.wanted_views == (View.BLEND,)
    canvas.setFocus()
    QTest.keyPress(canvas, Qt.Key.Key_Space)
    assert View.A in canvas.wanted_views
    QTest.keyRelease(canvas, Qt.Key.Key_Space)
    assert canvas.wanted_views == (View.BLEND,)


@pytest.mark.qt_log_ignore("This plugin does not support")
def test_that_space_shows_a_also_from_a_slider_and_from_a_floating_panel(desk: Desk) -> None:
    desk.press(Qt.Key.Key_2)
    window, canvas = desk.studio.window, desk.studio.canvas
    slider = window.parts.controls.blend.alpha
    for floats in (False, True):
        window.controls_dock.setFloating(floats)
        slider.setFocus()
        QTest.keyPress(slider, Qt.Key.Key_Space)
        assert View.A in canvas.wanted_views
        QTest.keyRelease(slider, Qt.Key.Key_Space)
        assert canvas.wanted_views == (View.BLEND,)


def test_that_space_on_a_button_presses_the_button(desk: Desk) -> None:
    button = desk.studio.window.buttons["new_seed"]
    button.setFocus()
    before = desk.state.latent
    QTest.keyClick(button, Qt.Key.Key_Space)
    assert desk.state.latent != before
    assert desk.studio.canvas.wanted_views[0] is View.BLEND


def test_that_a_picture_that_cannot_be_made_leaves_the_last_one_and_says_why(desk: Desk) -> None:
    shown = desk.studio.canvas.shown_generation(View.BLEND)
    desk.engine.fail_with = DeviceError("There was not enough memory for 4096 px.", "Close other programs.")
    desk.studio.session.edit(with_seed(desk.state, 5))
    desk.wait_until(desk.message)
    assert desk.message() == "There was not enough memory for 4096 px."
    assert desk.studio.canvas.shown_generation(View.BLEND) == shown
    desk.studio.session.edit(with_seed(desk.state, 6))
    desk.settle()


def test_that_the_same_failure_again_is_one_message_with_a_count(desk: Desk) -> None:
    for seed in (5, 6, 7):
        desk.engine.fail_with = DeviceError("There was not enough memory.")
        desk.studio.session.edit(with_seed(desk.state, seed))
        desk.wait_until(lambda: desk.engine.fail_with is None and desk.studio.bridge.is_settled)
    bar = desk.studio.messages.bar
    assert (bar.message_count, bar.repeat_count) == (1, 3)


def test_that_a_passing_wheel_turns_nothing(desk: Desk) -> None:
    panels = desk.studio.window.parts.controls
    desk.studio.canvas.setFocus()
    before = desk.state
    guarded = (panels.blend.model_b, panels.blend.preset, panels.blend.alpha, panels.latent.seed, panels.noise.strip)
    for control in guarded:
        middle = QPointF(control.rect().center())
        where = QPointF(control.mapToGlobal(control.rect().center()))
        event = QWheelEvent(
            middle, where, QPoint(), QPoint(0, 240), Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase, False,
        )
        QApplication.sendEvent(control, event)
    assert desk.state == before


def test_that_a_warning_about_the_picture_is_said_once_when_the_hand_rests(make_desk: MakeDesk) -> None:
    desk = make_desk(automatic=False)
    desk.wait_until(lambda: desk.engine.requests)
    sentence = "This model has no 128 px layers; the swap resolution is 64."
    desk.engine.warnings = (sentence,)
    for alpha in (0.1, 0.2, 0.3):
        desk.studio.session.edit(with_alpha(desk.state, alpha))
        desk.engine.answer(desk.engine.requests[-1])
        desk.settle()
    bar = desk.studio.messages.bar
    assert (bar.sentence, bar.repeat_count) == (sentence, 1)


@pytest.mark.parametrize("action", ["show_compare", "animate"])
def test_that_hints_make_room_for_whoever_looks_round(make_desk: MakeDesk, action: str) -> None:
    desk = make_desk()
    assert desk.studio.hints is not None
    desk.studio.window.actions_[action].trigger()
    assert desk.studio.hints is None


def test_that_hints_go_at_the_first_change_and_do_not_come_back(make_desk: MakeDesk) -> None:
    desk = make_desk()
    assert desk.studio.hints is not None
    desk.drag(desk.studio.window.parts.controls.blend.alpha, [0.5])
    assert desk.studio.hints is None
    desk.studio.window.close()
    desk.studio.close()
    assert make_desk(models=()).studio.hints is None


def test_that_an_empty_library_says_what_to_drop(make_desk: MakeDesk) -> None:
    desk = make_desk(models=())
    assert desk.state.model_a is None
    assert not desk.studio.window.actions_["export"].isEnabled()
    assert not desk.engine.requests

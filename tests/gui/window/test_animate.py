"""The timeline in the window: keys from the hand, scrubbing, playing, its own undo, films out and back."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from desk import Desk, MakeDesk
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from engine.animation.easing import Easing
from engine.animation.film import pose_at, state_at
from engine.animation.quick_starts import walk
from engine.animation.timeline import Key, Timeline, Track
from engine.errors import StorageError
from engine.messages import ExportStill, ExportVideo, JobOutcome, VideoExported
from engine.recipe import make_recipe, recipe_to_json
from engine.state import SeedLatent, View, with_alpha, with_seed
from gui.animate.flow import AnimateFlow
from gui.animate.rows import RULER_PX, Layout
from gui.animate.video_dialog import VideoDialog
from gui.export_dialog import ExportDialog
from gui.widgets.hand import HandWidget

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support propagateSizeHints")
"""What the offscreen platform says of every dialog."""


@pytest.fixture
def flow(desk: Desk) -> AnimateFlow:
    """The timeline, open on a window of 1280 by 800."""
    desk.studio.window.resize(1280, 800)
    desk.studio.window.actions_["animate"].trigger()
    return desk.studio.animating


def requested(desk: Desk) -> object:
    return desk.engine.requests[-1].state


def keys_of(flow: AnimateFlow, path: str = "blend.alpha") -> list[tuple[float, object]]:
    track = flow.document.timeline.track(path)
    return [] if track is None else [(round(key.time_s, 6), key.value) for key in track.keys]


def give(flow: AnimateFlow, *tracks: Track, **more: object) -> None:
    flow.document.edit(Timeline(tracks, **more))  # type: ignore[arg-type]


ALPHA = Track("blend.alpha", (Key(0.0, 0.0, Easing.LINEAR), Key(2.0, 1.0, Easing.LINEAR)))


def click(flow: AnimateFlow, x: float, y: float, keys: Qt.KeyboardModifier | None = None) -> None:
    none = Qt.KeyboardModifier.NoModifier
    QTest.mouseClick(flow.panel.tracks, Qt.MouseButton.LeftButton, keys or none, QPoint(round(x), round(y)))


def drag(flow: AnimateFlow, start: tuple[float, float], stop: tuple[float, float],
         keys: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    tracks, left = flow.panel.tracks, Qt.MouseButton.LeftButton
    QTest.mousePress(tracks, left, keys, QPoint(round(start[0]), round(start[1])))
    for share in (0.5, 1.0):
        place = QPointF(*(start[axis] + share * (stop[axis] - start[axis]) for axis in (0, 1)))
        there = tracks.mapToGlobal(place)
        QApplication.sendEvent(tracks, QMouseEvent(QEvent.Type.MouseMove, place, there, left, left, keys))
    QTest.mouseRelease(tracks, left, keys, QPoint(round(stop[0]), round(stop[1])))


def place_of(flow: AnimateFlow, time_s: float, row: int = 0) -> tuple[float, float]:
    now: Layout = flow.panel.tracks.layout_now
    return now.x(time_s), now.rows[row].middle


# --- keys from the hand -------------------------------------------------------------------------------------------


def test_that_turning_a_control_and_pressing_k_makes_it_move(desk: Desk, flow: AnimateFlow) -> None:
    alpha = desk.state.blend.alpha
    flow.document.move_head(2.0)
    desk.studio.session.edit(with_alpha(desk.state, 0.25))
    assert flow.panel.key.text() == "Key 1"
    desk.press(Qt.Key.Key_K)
    assert keys_of(flow) == [(0.0, alpha), (2.0, 0.25)]
    assert flow.panel.key.text() == "Key"


def test_that_scrubbing_moves_picture_and_controls_and_no_history(desk: Desk, flow: AnimateFlow) -> None:
    give(flow, ALPHA, loop=False)
    entries = len(desk.studio.session.history.entries)
    flow.document.move_head(1.0)
    expected = state_at(flow.document.timeline, desk.studio.session.history.state, flow.document.head_s)
    assert desk.studio.window.parts.controls.blend.alpha.value == pytest.approx(expected.blend.alpha, abs=1e-3)
    assert 0.2 < expected.blend.alpha < 0.8
    assert requested(desk) == expected
    assert len(desk.studio.session.history.entries) == entries
    desk.studio.window.actions_["animate"].trigger()
    assert desk.state == desk.studio.session.history.state == requested(desk)


def test_that_a_latent_on_its_way_is_on_the_canvas_and_not_in_the_mix(desk: Desk, flow: AnimateFlow) -> None:
    flow.document.edit(walk(Timeline(), (SeedLatent(1), SeedLatent(2)), 2.0))
    flow.document.move_head(0.7)
    assert desk.state.latent == SeedLatent(1)
    assert desk.state.mix == ()
    shown = requested(desk)
    assert shown == state_at(flow.document.timeline, desk.state, flow.document.head_s)
    assert shown.mix  # type: ignore[attr-defined]
    desk.studio.session.edit(replace(desk.state, truncation_psi=0.3))
    assert desk.studio.session.history.state.mix == ()
    assert requested(desk) == replace(shown, truncation_psi=0.3)  # type: ignore[type-var]


def test_that_what_is_turned_without_a_key_belongs_to_the_whole_film(desk: Desk, flow: AnimateFlow) -> None:
    give(flow, ALPHA)
    flow.document.move_head(1.0)
    desk.studio.session.edit(replace(desk.state, truncation_psi=0.3))
    flow.document.move_head(0.0)
    assert desk.state.truncation_psi == 0.3
    assert keys_of(flow, "truncation_psi") == []


def test_that_an_unkeyed_change_of_what_moves_gives_way_when_the_head_moves(desk: Desk, flow: AnimateFlow) -> None:
    give(flow, ALPHA)
    flow.document.move_head(1.0)
    desk.studio.session.edit(with_alpha(desk.state, 0.9))
    assert requested(desk).blend.alpha == 0.9  # type: ignore[attr-defined]
    flow.document.move_head(0.0)
    assert desk.state.blend.alpha == 0.0


def test_that_auto_key_makes_a_key_of_every_gesture(desk: Desk, flow: AnimateFlow) -> None:
    flow.panel.auto.click()
    flow.document.move_head(1.0)
    slider = desk.studio.window.parts.controls.blend.alpha
    desk.drag(slider, [0.9, 0.5, 0.4])
    desk.wait_until(lambda: not desk.studio.session.history.in_gesture)
    assert [time_s for time_s, _ in keys_of(flow)] == [0.0, 1.0]
    assert keys_of(flow)[1][1] == pytest.approx(0.4, abs=0.02)


def test_that_undo_shows_the_film_again(desk: Desk, flow: AnimateFlow) -> None:
    give(flow, ALPHA)
    flow.document.move_head(1.0)
    desk.studio.session.edit(with_alpha(desk.state, 0.9))
    desk.studio.window.actions_["undo"].trigger()
    assert desk.state == pose_at(flow.document.timeline, desk.studio.session.history.state, flow.document.head_s)
    assert flow.panel.key.text() == "Key"


def test_that_a_control_s_menu_offers_a_key(desk: Desk, flow: AnimateFlow) -> None:
    controls = desk.studio.window.controls_dock.findChildren(HandWidget)
    alpha = next(control for control in controls if control.parameter == "truncation_psi")
    menu = alpha.context_menu()
    action = next(action for action in menu.actions() if action.text() == "Keyframe here")
    action.trigger()
    menu.close()
    assert keys_of(flow, "truncation_psi") == [(0.0, desk.state.truncation_psi)]


# --- the tracks ---------------------------------------------------------------------------------------------------


def test_that_keys_are_dragged_along_the_frames(flow: AnimateFlow) -> None:
    give(flow, ALPHA)
    x, y = place_of(flow, 2.0)
    drag(flow, (x, y), (place_of(flow, 3.013)[0], y))
    assert keys_of(flow) == [(0.0, 0.0), (3.0, 1.0)]
    drag(flow, place_of(flow, 3.0), (place_of(flow, 3.7)[0], y), Qt.KeyboardModifier.ControlModifier)
    assert keys_of(flow) == [(0.0, 0.0), (3.75, 1.0)]
    flow.document.undo()
    assert keys_of(flow) == [(0.0, 0.0), (3.0, 1.0)]


def test_that_a_chosen_group_moves_together_and_stays_in_the_film(flow: AnimateFlow) -> None:
    give(flow, ALPHA, Track("truncation_psi", (Key(1.0, 0.5),)))
    flow.panel.tracks.choose_all()
    drag(flow, place_of(flow, 2.0), (place_of(flow, 4.0)[0] + 400, place_of(flow, 2.0)[1]))
    assert keys_of(flow) == [(1.96, 0.0), (3.96, 1.0)]  # where the last frame is
    assert keys_of(flow, "truncation_psi") == [(2.96, 0.5)]


def test_that_a_key_in_an_open_curve_is_lifted(flow: AnimateFlow) -> None:
    give(flow, ALPHA)
    flow.panel.tracks.toggle_curve("blend.alpha")
    now = flow.panel.tracks.layout_now
    row = now.rows[0]
    start = (now.x(2.0), now.value_y(row, 1.0))
    drag(flow, start, (start[0], now.value_y(row, 0.4)))
    assert keys_of(flow)[1][1] == pytest.approx(0.4, abs=0.02)


def test_that_a_hand_on_one_control_of_a_playing_film_changes_nothing_else(desk: Desk, flow: AnimateFlow) -> None:
    give(flow, ALPHA, Track("truncation_psi", (Key(0.0, 0.2), Key(2.0, 0.9))))
    flow.play_or_stop()
    flow.document.move_head(1.0)
    desk.studio.session.begin_gesture(desk)
    desk.studio.session.edit(with_alpha(desk.state, 0.33))
    assert flow.panel.key.text() == "Key 1"
    desk.studio.session.end_gesture(desk)
    assert flow.panel.key.text() == "Key 1"


def test_that_curves_are_not_worked_out_again_while_a_film_plays(flow: AnimateFlow) -> None:
    give(flow, ALPHA)
    tracks = flow.panel.tracks
    before = tracks.layout_now
    points = before.curve(before.rows[0])
    flow.document.move_head(1.0)
    assert tracks.layout_now is before
    assert before.curve(before.rows[0]) is points
    give(flow, Track("blend.alpha", (Key(0.0, 0.5), Key(2.0, 1.0))))
    now = tracks.layout_now
    assert now.curve(now.rows[0]) != points


def test_that_resolutions_are_lifted_from_power_to_power(flow: AnimateFlow) -> None:
    give(flow, Track("blend.swap_resolution", (Key(0.0, 8), Key(2.0, 64))))
    flow.panel.tracks.toggle_curve("blend.swap_resolution")
    now = flow.panel.tracks.layout_now
    row = now.rows[0]
    start = (now.x(2.0), now.value_y(row, 64))
    drag(flow, start, (start[0], now.value_y(row, 17)))
    assert keys_of(flow, "blend.swap_resolution") == [(0.0, 8), (2.0, 16)]


def test_that_a_double_click_adds_a_key_on_the_curve(flow: AnimateFlow) -> None:
    give(flow, ALPHA)
    x, y = place_of(flow, 1.0)
    QTest.mouseDClick(
        flow.panel.tracks, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(round(x), round(y))
    )
    time_s, value = keys_of(flow)[1]
    assert time_s == pytest.approx(1.0, abs=0.03)
    assert value == pytest.approx(time_s / 2)


def test_that_the_ruler_scrubs(flow: AnimateFlow) -> None:
    give(flow, ALPHA)
    now = flow.panel.tracks.layout_now
    click(flow, now.x(1.5), RULER_PX / 2)
    assert flow.document.head_s == pytest.approx(1.5, abs=0.03)


def test_that_every_key_of_the_keyboard_has_its_way(desk: Desk, flow: AnimateFlow) -> None:
    give(flow, ALPHA)
    tracks, control = flow.panel.tracks, Qt.KeyboardModifier.ControlModifier
    tracks.setFocus()
    frame = 1 / 25
    desk.press(Qt.Key.Key_Right, tracks)
    assert flow.document.head_s == pytest.approx(frame)
    desk.press(Qt.Key.Key_PageDown, tracks)
    assert flow.document.head_s == pytest.approx(1 + frame)
    desk.press(Qt.Key.Key_End, tracks)
    assert flow.document.head_s == pytest.approx(4 - frame)
    desk.press(Qt.Key.Key_Home, tracks)
    desk.press(Qt.Key.Key_Period, tracks)
    assert flow.document.head_s == 2.0
    desk.press(Qt.Key.Key_Right, tracks, control)
    assert keys_of(flow)[1][0] == pytest.approx(2 + frame)
    desk.press(Qt.Key.Key_C, tracks, control)
    desk.press(Qt.Key.Key_Home, tracks)
    desk.press(Qt.Key.Key_PageDown, tracks)
    desk.press(Qt.Key.Key_V, tracks, control)
    assert [time_s for time_s, _ in keys_of(flow)] == pytest.approx([0.0, 1.0, 2 + frame])
    desk.press(Qt.Key.Key_Delete, tracks)
    assert len(keys_of(flow)) == 2
    for _ in range(3):
        desk.press(Qt.Key.Key_Z, tracks, control)
    assert keys_of(flow) == [(0.0, 0.0), (2.0, 1.0)] or not flow.document.is_moving
    desk.press(Qt.Key.Key_Return, tracks)
    assert tracks.is_open("blend.alpha")


def test_that_the_window_s_undo_is_left_alone_by_the_timeline_s(desk: Desk, flow: AnimateFlow) -> None:
    desk.studio.session.edit(with_seed(desk.state, 9))
    give(flow, ALPHA)
    flow.panel.tracks.setFocus()
    desk.press(Qt.Key.Key_Z, flow.panel.tracks, Qt.KeyboardModifier.ControlModifier)
    assert not flow.document.is_moving
    assert desk.studio.session.history.state.latent == SeedLatent(9)


def test_that_playing_goes_on_in_real_time_and_stops_where_it_is(desk: Desk, flow: AnimateFlow) -> None:
    give(flow, ALPHA)
    entries = len(desk.studio.session.history.entries)
    flow.panel.tracks.setFocus()
    desk.press(Qt.Key.Key_Space, flow.panel.tracks)
    desk.wait_until(lambda: flow.document.head_s > 0.3)
    desk.press(Qt.Key.Key_Space, flow.panel.tracks)
    stopped = flow.document.head_s
    assert desk.state.blend.alpha == pytest.approx(stopped / 2)
    assert len(desk.studio.session.history.entries) == entries


@pytest.mark.parametrize("words", ["Walk", "Alpha", "Orbit"])
def test_that_a_quick_start_moves_at_once(desk: Desk, flow: AnimateFlow, words: str) -> None:
    desk.studio.session.edit(with_seed(desk.state, 3))
    flow.panel.quick_menu.aboutToShow.emit()
    next(action for action in flow.panel.quick_menu.actions() if action.text().startswith(words)).trigger()
    assert flow.document.is_moving
    assert flow.document.can_undo
    flow.document.move_head(1.0)
    assert requested(desk) == state_at(flow.document.timeline, desk.studio.session.history.state, 1.0)


def test_that_a_still_exported_at_the_head_is_what_one_sees(desk: Desk, flow: AnimateFlow) -> None:
    flow.document.edit(walk(Timeline(), (SeedLatent(1), SeedLatent(2)), 2.0))
    flow.document.move_head(0.7)
    desk.studio.window.actions_["export"].trigger()
    desk.studio.window.findChildren(ExportDialog)[0].accept()
    job = desk.engine.submitted[-1]
    assert isinstance(job, ExportStill)
    assert job.state == state_at(flow.document.timeline, desk.studio.session.history.state, flow.document.head_s)
    assert job.state.mix


# --- documents and films ------------------------------------------------------------------------------------------


def test_that_a_session_brings_its_timeline_back(desk: Desk, flow: AnimateFlow, make_desk: MakeDesk) -> None:
    give(flow, ALPHA, fps=Fraction(30000, 1001))
    path = desk.folder / "film.graft"
    desk.studio.documents.save(path)
    desk.wait_until(lambda: not desk.studio.session.is_dirty)
    flow.document.edit(Timeline())
    assert desk.studio.session.is_dirty
    flow.set_shown(False)
    desk.studio.documents.open(path)
    desk.wait_until(lambda: flow.document.timeline.tracks == (ALPHA,))
    assert flow.panel.rate.currentText() == "29.97 fps"
    desk.wait_until(lambda: flow.is_shown)
    assert not flow.document.can_undo


def test_that_a_film_is_asked_for_and_sent_to_the_engine(desk: Desk, flow: AnimateFlow) -> None:
    give(flow, ALPHA, duration_s=3.0)
    desk.engine.manual_jobs = (ExportVideo,)
    flow.export()
    dialog = next(one for one in desk.studio.window.findChildren(VideoDialog))
    assert "75 frames" in dialog.summary.text()
    dialog.edge.setCurrentIndex(dialog.edge.findData(128))
    dialog.quality.set_current("small")
    dialog.target.name.setText("mine.mp4")
    dialog.target._folder = desk.folder
    dialog.accept()
    job = desk.engine.submitted[-1]
    assert isinstance(job, ExportVideo)
    assert (job.path, job.size_px, job.quality.value) == (desk.folder / "mine.mp4", 128, "small")
    assert job.timeline == flow.document.timeline
    assert job.state == desk.studio.session.history.state
    job_id = next(iter(desk.engine.jobs))
    desk.engine.finish(job_id, JobOutcome.DONE, VideoExported(job.path, 75, (128, 128), 1.0))
    desk.wait_until(lambda: "75 frames" in desk.message())


def test_that_a_film_that_could_not_be_written_says_why(desk: Desk, flow: AnimateFlow) -> None:
    give(flow, ALPHA)
    desk.engine.manual_jobs = (ExportVideo,)
    flow.export()
    desk.studio.window.findChildren(VideoDialog)[0].accept()
    full = StorageError("Graft could not save film.mp4: the disk is full.", "Free some space.")
    desk.engine.finish(next(iter(desk.engine.jobs)), JobOutcome.FAILED, error=full)
    desk.wait_until(lambda: "disk is full" in desk.message())


def test_that_a_film_without_keys_is_not_asked_for(desk: Desk, flow: AnimateFlow) -> None:
    flow.export()
    assert desk.studio.window.findChildren(VideoDialog) == []
    assert "Nothing moves" in desk.message()


def test_that_a_dropped_recipe_of_a_film_opens_its_timeline(desk: Desk, tmp_path: Path) -> None:
    recipe = make_recipe(desk.state, View.BLEND, desk.studio.store, timeline=Timeline((ALPHA,), 2.5))
    (tmp_path / "film.json").write_text(recipe_to_json(recipe))
    desk.drop(tmp_path / "film.json")
    desk.wait_until(lambda: desk.studio.session.timeline == Timeline((ALPHA,), 2.5))
    assert desk.studio.animating.is_shown


def test_that_an_open_timeline_is_there_again_at_the_next_start(make_desk: MakeDesk) -> None:
    first = make_desk()
    first.studio.window.actions_["animate"].trigger()
    first.studio.window.close()
    first.studio.close()
    again = make_desk()
    again.wait_until(lambda: "animating" in again.studio.__dict__ and again.studio.animating.is_shown)


def test_that_the_panel_fits_a_small_window_in_every_state(desk: Desk, flow: AnimateFlow) -> None:
    desk.studio.window.resize(1280, 720)
    give(flow, *(Track(f"noise.layer_strengths[{index}]", (Key(0.0, 1.0),)) for index in range(12)))
    desk.studio.session.edit(with_alpha(desk.state, 0.1))
    desk.wait_until(lambda: desk.studio.window.height() == 720)
    bar = [flow.panel.play, flow.panel.key, flow.panel.quick, flow.panel.length, flow.panel.export]
    assert all(one.geometry().right() <= flow.panel.width() for one in bar)
    assert desk.studio.canvas.height() >= 240
    assert flow.panel.area.verticalScrollBar().maximum() > 0

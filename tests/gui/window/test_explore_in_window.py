"""Explore: a sheet of variations, what one takes and keeps of it, and that no sheet is lost."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
from desk import Desk, MakeDesk
from hand import SHIFT, Show, click
from PySide6.QtCore import QPointF, Qt
from PySide6.QtTest import QTest

from engine.messages import MakeThumbnail
from engine.state import (
    DirectionUse,
    EditState,
    ModelRef,
    Overlay,
    SeedLatent,
    StoredLatent,
    with_alpha,
    with_latent,
    with_seed,
)
from engine.variations import Sheet, Vary, direction_lock, overlay_lock
from gui.canvas import CanvasMode
from gui.directions import section
from gui.explore.flow import NOTHING_VARIES, ExploreFlow
from gui.explore.page import ExplorePage
from gui.further_models import lock_name

RIGHT = Qt.MouseButton.RightButton


@pytest.fixture
def explore(desk: Desk) -> Iterator[ExploreFlow]:
    """The sheet, open, with all its pictures."""
    desk.press(Qt.Key.Key_E)
    flow = desk.studio.explore
    assert flow.is_open
    drawn(desk)
    yield flow
    flow.leave()


def page(desk: Desk) -> ExplorePage:
    return desk.studio.explore.page


def drawn(desk: Desk) -> None:
    desk.wait_until(lambda: all(cell.picture is not None for cell in page(desk).sheet.cells))


def states(desk: Desk) -> list[EditState]:
    return [cell.state for cell in page(desk).sheet.cells]


def labels(desk: Desk) -> list[str]:
    return [entry.label for entry in desk.studio.session.history.entries]


def test_that_the_sheet_stands_in_for_the_canvas_with_the_present_picture_in_the_middle(
    desk: Desk, explore: ExploreFlow
) -> None:
    assert desk.studio.window.actions_["explore"].isChecked()
    assert len(states(desk)) == 9
    assert states(desk)[4] == desk.state
    assert len(set(states(desk))) == 9
    assert page(desk).sheet.hasFocus()
    drew = [job for job in desk.engine.submitted if isinstance(job, MakeThumbnail) and job.size_px == 256]
    assert {job.state for job in drew} >= set(states(desk)) - {desk.state}
    page(desk).size_choice._pick(3)
    desk.wait_until(lambda: len(states(desk)) == 36)
    drawn(desk)
    assert page(desk).sheet.cell_px_of(6) < 128 < page(desk).sheet.cell_px_of(3)
    smaller = [job for job in desk.engine.submitted if isinstance(job, MakeThumbnail) and job.size_px == 128]
    assert {job.state for job in smaller} >= set(states(desk)) - {desk.state}


def test_that_enter_takes_one_as_one_step_and_the_sheet_is_round_it_then(desk: Desk, explore: ExploreFlow) -> None:
    before, steps = states(desk), len(labels(desk))
    desk.press(Qt.Key.Key_Right, page(desk).sheet)
    desk.press(Qt.Key.Key_Return, page(desk).sheet)
    assert desk.state == before[5]
    assert labels(desk)[steps:] == ["variation"]
    assert states(desk)[4] == before[5]
    assert not set(states(desk)) & (set(before) - {before[5]})


def test_that_a_click_takes_and_the_middle_one_takes_nothing(desk: Desk, explore: ExploreFlow) -> None:
    sheet, before = page(desk).sheet, states(desk)
    click(sheet, sheet.cell_rect(4).center())
    assert desk.state == before[4]
    click(sheet, sheet.cell_rect(8).center())
    assert desk.state == before[8]
    click(sheet, QPointF(1, 1))
    assert desk.state == before[8]


def test_that_a_right_click_a_shift_click_and_a_key_keep_without_leaving(desk: Desk, explore: ExploreFlow) -> None:
    sheet, before = page(desk).sheet, states(desk)
    history = desk.studio.session.history
    here = history.index
    QTest.mouseClick(sheet, RIGHT, Qt.KeyboardModifier.NoModifier, sheet.cell_rect(0).center().toPoint())
    sheet.kept.emit(0)  # a context menu comes with the right button on the screen, not from a test's mouse
    click(sheet, sheet.cell_rect(1).center(), SHIFT)
    sheet._go(2)
    desk.press(Qt.Key.Key_K, sheet)
    sheet._go(3)
    desk.press(Qt.Key.Key_Return, sheet, SHIFT)
    assert states(desk) == before
    assert desk.state == before[4]
    kept = [history.entries[child].state for child in history.children(here)]
    assert kept == before[:4]
    assert [cell.is_kept for cell in sheet.cells] == [True] * 4 + [False] * 5
    assert "Kept" in desk.message()


def test_that_again_rolls_others_and_undo_brings_the_sheet_back_that_was_there(
    desk: Desk, explore: ExploreFlow
) -> None:
    first = states(desk)
    desk.press(Qt.Key.Key_R, page(desk).sheet)
    second = states(desk)
    assert second[4] == first[4]
    assert not set(second) & (set(first) - {first[4]})
    desk.press(Qt.Key.Key_Space, page(desk).sheet)
    third = states(desk)
    assert third not in (first, second)
    explore.take(0)
    desk.studio.commands.undo()
    assert states(desk) == third
    assert desk.state == first[4]


def test_that_every_sheet_can_be_opened_again(desk: Desk, explore: ExploreFlow) -> None:
    first = states(desk)
    explore.take(3)
    second = states(desk)
    explore.again()
    explore._fill_recent()
    actions = page(desk).recent_menu.actions()
    assert len(actions) == 2
    assert "3 x 3 round" in actions[0].text()
    actions[0].trigger()
    assert states(desk) == second
    explore._fill_recent()
    page(desk).recent_menu.actions()[-1].trigger()
    assert states(desk) == first
    assert desk.state == first[4]


def test_that_sheets_survive_the_session_file(desk: Desk, explore: ExploreFlow) -> None:
    seen = states(desk)
    explore.take(1)
    path = desk.folder / "a.graft"
    desk.studio.documents.save(path)
    desk.studio.documents.open(path)
    desk.studio.documents.wait()
    explore._recent.clear()
    explore.leave()
    explore.open()
    explore._fill_recent()
    page(desk).recent_menu.actions()[-1].trigger()
    assert states(desk) == seen


def test_that_farther_and_larger_sheets_are_made_of_the_same_draw(desk: Desk, explore: ExploreFlow) -> None:
    for part, chip in page(desk).chips.items():
        chip.setChecked(part is Vary.PAD)
    page(desk).settings_changed.emit()
    desk.wait_until(lambda: all(state.blend == desk.state.blend for state in states(desk)))

    def reach() -> float:
        found = [state.latent for state in states(desk) if isinstance(state.latent, SeedLatent)]
        return max(math.hypot(latent.pad_x, latent.pad_y) for latent in found)

    near = reach()
    page(desk).distance.set_value(0.9)
    page(desk).settings_changed.emit()
    desk.wait_until(lambda: reach() > near)
    page(desk).size_choice._pick(3)
    desk.wait_until(lambda: len(states(desk)) == 36)
    assert states(desk)[0] == desk.state
    drawn(desk)


def test_that_no_distance_and_nothing_chosen_say_what_to_do(desk: Desk, explore: ExploreFlow) -> None:
    for chip in page(desk).chips.values():
        chip.setChecked(False)
    page(desk).settings_changed.emit()
    desk.wait_until(lambda: page(desk).sheet._notice == NOTHING_VARIES)
    assert states(desk) == [desk.state]
    desk.press(Qt.Key.Key_Return, page(desk).sheet)
    desk.press(Qt.Key.Key_Down, page(desk).sheet)
    assert len(labels(desk)) == 1


def test_that_locked_controls_do_not_vary_and_the_chips_say_so(desk: Desk, explore: ExploreFlow) -> None:
    session = desk.studio.session
    session.set_locks(frozenset({"seed", "alpha", "curve", "mix"}))
    chips = page(desk).chips
    desk.wait_until(lambda: not chips[Vary.PAD].isEnabled())
    assert not chips[Vary.CURVE].isEnabled()
    assert "lock" in chips[Vary.SEED].toolTip()
    assert set(states(desk)) == {desk.state}
    session.set_locks(frozenset({"seed", "alpha"}))
    desk.wait_until(lambda: len(set(states(desk))) == 9)
    assert chips[Vary.CURVE].isEnabled()
    assert {state.latent for state in states(desk)} == {desk.state.latent}
    assert {state.blend.alpha for state in states(desk)} == {desk.state.blend.alpha}


def test_that_chance_knows_the_locks_by_the_names_that_the_panels_give_them() -> None:
    overlay, use = Overlay(ModelRef("c" * 64, "pencil")), DirectionUse("d" * 64)
    assert overlay_lock(overlay) == lock_name(overlay)
    assert direction_lock(use) == section._lock_name(use)


def test_that_what_a_portrait_has_not_cannot_be_chosen(desk: Desk, explore: ExploreFlow) -> None:
    desk.studio.session.edit(with_latent(desk.state, StoredLatent("e" * 64, "Aunt Agatha")))
    chips = page(desk).chips
    assert not chips[Vary.SEED].isEnabled()
    assert not chips[Vary.DIRECTIONS].isEnabled()
    assert "portrait has no seed" in chips[Vary.PAD].toolTip()
    assert {state.latent for state in states(desk)} == {desk.state.latent}
    desk.studio.session.edit(with_seed(desk.state, 5))
    assert chips[Vary.PAD].isEnabled()
    assert chips[Vary.PAD].isChecked()


def test_that_the_hovered_picture_is_shown_larger_and_in_words(desk: Desk, explore: ExploreFlow) -> None:
    sheet = page(desk).sheet
    sheet._hover(2)
    assert page(desk).words.text()
    assert page(desk).take.isEnabled()
    desk.wait_until(lambda: explore._large.picture(states(desk)[2]))
    sheet._hover(None)
    assert "goes from" in page(desk).words.text()
    assert not page(desk).take.isEnabled()
    assert sheet.cells[2].words


def test_that_a_slider_turned_meanwhile_moves_the_middle_once_the_hand_is_off(
    desk: Desk, explore: ExploreFlow
) -> None:
    session, hand = desk.studio.session, object()
    before = states(desk)
    session.begin_gesture(hand)
    session.edit(with_alpha(desk.state, 0.3))
    session.edit(with_alpha(desk.state, 0.4))
    assert states(desk) == before
    session.end_gesture(hand)
    assert states(desk)[4] == desk.state


@pytest.mark.parametrize("way", ["Esc", "E", "Done", "a view"])
def test_that_one_can_leave(desk: Desk, explore: ExploreFlow, way: str) -> None:
    if way == "Esc":
        desk.press(Qt.Key.Key_Escape, page(desk).sheet)
    elif way == "E":
        desk.studio.window.actions_["explore"].trigger()
    elif way == "Done":
        page(desk).done.click()
    else:
        desk.studio.canvas.set_mode(CanvasMode.B)
    assert desk.studio.window.centre is desk.studio.canvas
    assert not desk.studio.window.actions_["explore"].isChecked()
    explore.take(0)


@pytest.mark.parametrize("count", [0, 1, 7, 98, 99])
def test_that_a_sheet_from_a_strange_file_is_a_square_too(desk: Desk, explore: ExploreFlow, count: int) -> None:
    explore.reopen(0, Sheet(1, (Vary.PAD,), 1e6, count))
    edge = page(desk).sheet.edge
    assert len(states(desk)) == edge * edge <= count + 1
    assert desk.state in states(desk)
    assert page(desk).edge == 3
    assert page(desk).distance.value == 1.0
    explore.again()
    assert len(states(desk)) == 9


def test_that_an_emptied_window_has_nothing_to_explore(make_desk: MakeDesk) -> None:
    desk = make_desk(models=())
    desk.studio.window.actions_["explore"].trigger()
    assert desk.studio.window.centre is desk.studio.canvas
    assert not desk.studio.window.actions_["explore"].isChecked()
    assert "no picture" in desk.message()


def test_that_what_was_chosen_is_remembered(desk: Desk, explore: ExploreFlow, make_desk: MakeDesk) -> None:
    explore.page.choose((Vary.NOISE, Vary.PSI), 0.8, 4)
    explore.again()
    desk.studio.window.close()
    desk.studio.close()
    again = make_desk().studio.explore.page
    assert again.wishes == (Vary.NOISE, Vary.PSI)
    assert (again.distance.value, again.edge) == (0.8, 4)


@pytest.mark.parametrize("width", [380, 640, 780, 1500])
def test_that_nothing_is_cut_off_or_overlaps_at_any_width(show: Show, width: int) -> None:
    alone = show(ExplorePage(), width, 560)
    turns = [alone.distance, alone.size_choice, alone.recent, alone.again]
    shown = [*alone.chips.values(), alone.done, *turns, alone.sheet]
    rects = [widget.rect().translated(widget.mapTo(alone, widget.rect().topLeft())) for widget in shown]
    for place, (widget, rect) in enumerate(zip(shown, rects, strict=True)):
        assert alone.rect().contains(rect)
        assert rect.width() >= widget.minimumSizeHint().width()
        assert not any(rect.intersects(other) for other in rects[place + 1 :])

"""The search window: its steps are looked at and taken, it is paused, ended and left, and nothing is lost."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from desk import Desk, MakeDesk
from fake_engine import paint
from PySide6.QtCore import QPoint, QSize, Qt
from PySide6.QtGui import QColor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog

from engine.errors import UnreadableImageError
from engine.file_hash import file_sha256
from engine.likeness_events import MeasureLikeness
from engine.messages import InvertPortrait, JobOutcome, JobProgress, PortraitInverted, StartPoint
from engine.state import StoredLatent, View, with_models, with_seed
from gui.canvas import CanvasMode
from gui.comparison import Still
from gui.panels.inversion_view import InversionView, SearchState
from gui.search.again import NO_PHOTO
from gui.search.flow import NONE_YET
from gui.search.photo_check import PhotoFate, photo_fate
from gui.search.trail import MOST_STOPS

STEPS = 100
LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


@pytest.fixture
def photo(desk: Desk) -> Path:
    path = desk.folder / "Aunt Mary.jpg"
    path.write_bytes(b"a photo")
    return path


def searching(desk: Desk, name: str = "Aunt Mary.jpg") -> str:
    """Start a search and return its job's id."""
    desk.studio.portraits.open(desk.folder / name)
    desk.wait_until(lambda: desk.studio.canvas.is_aligning)
    bar = desk.studio.window.parts.invert_bar
    bar.set_steps(STEPS)
    bar.start.click()
    return desk.engine.job_id(InvertPortrait)


def view_of(desk: Desk) -> InversionView:
    return desk.studio.window.parts.inversion


def run(desk: Desk, job_id: str, *steps: int, paused: bool = False) -> None:
    """Let a search come through steps, each with a picture of its own."""
    before = len(view_of(desk).plot.points)
    for step in steps:
        picture = paint(with_seed(desk.state, step), View.A, 32)
        desk.engine.progress(job_id, step / STEPS, "Adding detail", picture, paused=paused)
    desk.wait_until(lambda: len(view_of(desk).plot.points) == before + len(steps))


def end(desk: Desk, job_id: str, outcome: JobOutcome = JobOutcome.DONE) -> PortraitInverted:
    job = desk.engine.jobs[job_id]
    assert isinstance(job, InvertPortrait)
    result = desk.engine.inverted(job)
    desk.engine.finish(job_id, outcome, result)
    desk.wait_until(lambda: job_id not in desk.studio.searches._searches)
    return result


def latent_of(desk: Desk, step: int) -> str:
    """The key of what the engine said a step is."""
    return desk.studio.store.put_ws(np.full((10, 64), 1 + step, np.float32))


def shown_latent(desk: Desk) -> StoredLatent:
    assert isinstance(desk.state.latent, StoredLatent)
    return desk.state.latent


def shelf_names(desk: Desk) -> list[str]:
    return [record.latent.name for record in desk.studio.collection.latents()]


# --- looking --------------------------------------------------------------------------------------------------------


def test_that_the_newest_step_is_shown_with_its_number_and_distance(desk: Desk) -> None:
    job_id = searching(desk)
    run(desk, job_id, 0, 20, 40)
    view = view_of(desk)
    assert "step 40 of 100" in view.words.text()
    assert "found so far" in view.pictures.accessibleName()
    assert [step for step, _ in view.plot.points] == [0, 20, 40]


def test_that_a_hand_on_the_curve_shows_the_nearest_step_while_the_search_goes_on(desk: Desk) -> None:
    job_id = searching(desk)
    run(desk, job_id, 0, 20, 40)
    view = view_of(desk)
    QTest.mouseClick(view.plot, LEFT, NONE, QPoint(round(view.plot.x_of(23)), 50))
    assert view.stop is not None
    assert view.stop.step == 20
    assert "step 20, pixels 26.0 % off" in view.pictures.accessibleName()
    assert view.take.text() == "Take step 20"
    before = view.found
    run(desk, job_id, 60)
    assert view.found is before, "it stays on screen while the search goes on"
    QTest.keyClick(view, Qt.Key.Key_End)
    assert view.stop is not None
    assert view.stop.step == 60
    assert view.take.text() == "Take step 60"


def test_that_the_arrow_keys_walk_the_steps(desk: Desk) -> None:
    job_id = searching(desk)
    run(desk, job_id, 0, 20, 40)
    view = view_of(desk)
    assert view.hasFocus()
    for key, step in (
        (Qt.Key.Key_Left, 20), (Qt.Key.Key_Left, 0), (Qt.Key.Key_Left, 0), (Qt.Key.Key_Right, 20),
        (Qt.Key.Key_Right, 40), (Qt.Key.Key_Home, 0),
    ):  # fmt: skip
        QTest.keyClick(view, key)
        assert view.stop is not None
        assert view.stop.step == step


def test_that_an_earlier_step_is_drawn_finely_once_one_looks_at_it(desk: Desk) -> None:
    job_id = searching(desk)
    run(desk, job_id, 0, 20, 40)
    view = view_of(desk)
    kept = view.found
    QTest.keyClick(view, Qt.Key.Key_Left)
    desk.wait_until(lambda: view.found is not None and view.found.width() == 512)
    assert view.found is not kept


def test_that_a_long_search_keeps_a_bounded_number_of_pictures(desk: Desk) -> None:
    job_id = searching(desk)
    trail = desk.studio.searches._searches[job_id].trail
    for step in range(5 * MOST_STOPS):
        desk.engine.progress(job_id, step / STEPS, "", paint(desk.state, View.A, 8))
    desk.wait_until(lambda: trail.points and trail.points[-1][0] == 5 * MOST_STOPS - 1)
    steps = [stop.step for stop in trail.stops]
    assert MOST_STOPS / 2 < len(steps) <= MOST_STOPS
    assert steps == sorted(set(steps))
    assert (steps[0], steps[-1]) == (0, 5 * MOST_STOPS - 1)
    gaps = {after - before for before, after in pairwise(steps[:-1])}
    assert len(gaps) == 1, "they lie evenly along the search"


def test_that_a_wipe_judges_the_search_while_it_runs(desk: Desk) -> None:
    job_id = searching(desk)
    run(desk, job_id, 20)
    view = view_of(desk)
    QTest.keyClick(view, Qt.Key.Key_W)
    assert view.pictures.is_wiping
    square = view.pictures.squares()[1]
    place = QPoint(square.left() + square.width() // 4, square.center().y())
    QTest.mousePress(view.pictures, LEFT, NONE, square.center())
    QTest.mouseMove(view.pictures, place)
    QTest.mouseRelease(view.pictures, LEFT, NONE, place)
    assert view.pictures.wipe == pytest.approx(0.25, abs=0.01)
    QTest.keyClick(view, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert view.pictures.wipe == pytest.approx(0.30, abs=0.01)
    view.way.picked.emit("pair")
    assert not view.pictures.is_wiping


def test_that_pressing_the_found_picture_shows_the_portrait_in_its_place(desk: Desk) -> None:
    job_id = searching(desk)
    run(desk, job_id, 20)
    pictures = view_of(desk).pictures
    pictures.target.fill(QColor("#ff0000"))  # type: ignore[union-attr]
    middle = pictures.squares()[1].center()

    def seen() -> QColor:
        return pictures.grab().toImage().pixelColor(middle)

    assert seen() != QColor("#ff0000")
    QTest.mousePress(pictures, LEFT, NONE, middle)
    assert seen() == QColor("#ff0000")
    QTest.mouseRelease(pictures, LEFT, NONE, middle)
    assert seen() != QColor("#ff0000")


# --- taking ---------------------------------------------------------------------------------------------------------


def test_that_an_earlier_step_is_taken_in_one_undo_step_and_ends_the_search(desk: Desk) -> None:
    before = desk.state
    job_id = searching(desk)
    run(desk, job_id, 0, 20, 40)
    view = view_of(desk)
    QTest.keyClick(view, Qt.Key.Key_Left)
    QTest.keyClick(view, Qt.Key.Key_Return)
    assert shown_latent(desk).key == latent_of(desk, 20)
    assert desk.state.truncation_psi == 1.0
    assert desk.engine.cancelled == [job_id]
    assert desk.studio.window.centre is desk.studio.canvas
    assert "Step 20 of Aunt Mary is under the sliders" in desk.message()
    end(desk, job_id, JobOutcome.CANCELLED)
    assert shown_latent(desk).key == latent_of(desk, 20), "the best does not push it aside"
    assert shelf_names(desk) == ["Aunt Mary, step 20"]
    assert desk.studio.session.history.undo_label == "portrait Aunt Mary, step 20"
    desk.studio.window.actions_["undo"].trigger()
    assert desk.state == before


def test_that_a_copy_of_a_step_is_taken_while_the_search_goes_on(desk: Desk) -> None:
    job_id = searching(desk)
    run(desk, job_id, 0, 20)
    view = view_of(desk)
    QTest.keyClick(view, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    assert shown_latent(desk).key == latent_of(desk, 20)
    assert desk.engine.cancelled == []
    assert desk.studio.window.centre is view, "one goes on looking"
    run(desk, job_id, 40)
    result = end(desk, job_id)
    assert shown_latent(desk) == result.latent
    assert shelf_names(desk) == ["Aunt Mary", "Aunt Mary, step 20"]


def test_that_a_taken_step_gets_its_source_its_likeness_and_its_photo(desk: Desk, photo: Path) -> None:
    job_id = searching(desk)
    run(desk, job_id, 0, 20)
    view_of(desk).copy.click()
    key = shown_latent(desk).key
    record = desk.studio.collection.latent(key)
    assert record is not None
    assert record.source is not None
    assert record.source.path == photo
    assert record.likeness is None, "only the distance of a small picture is known so far"
    result = end(desk, job_id)
    desk.wait_until(lambda: (now := desk.studio.collection.latent(key)) is not None and now.likeness is not None)
    record = desk.studio.collection.latent(key)
    assert record is not None
    assert record.source == result.source
    assert desk.studio.photos.has(key)
    (measured,) = [job for job in desk.engine.submitted if isinstance(job, MeasureLikeness)]
    assert measured.state.latent == record.latent
    assert measured.state.truncation_psi == 1.0


def test_that_a_picture_between_two_steps_is_shown_but_the_step_before_is_what_is_taken(desk: Desk) -> None:
    job_id = searching(desk)
    view = view_of(desk)
    assert not view.take.isEnabled()
    assert view.take.toolTip() == "There is no step to take yet"
    run(desk, job_id, 0, 20)
    job, picture = desk.engine.jobs[job_id], paint(with_seed(desk.state, 9), View.A, 32)
    desk.engine.publish(JobProgress(job_id, job, 0.3, "Adding detail", 1.0, 4.0, picture, step=30, distance=0.2))
    desk.wait_until(lambda: len(view.plot.points) == 3)
    assert view.found is not None
    assert view.found.size() == QSize(32, 32), "as it came"
    assert view.take.text() == "Take step 20"
    QTest.keyClick(view, Qt.Key.Key_Return)
    assert shown_latent(desk).key == latent_of(desk, 20)


def test_that_a_step_is_taken_in_its_own_model_when_another_is_a_by_now(desk: Desk) -> None:
    job_id = searching(desk)
    run(desk, job_id, 0, 20)
    desk.studio.session.edit(with_models(desk.state, a=desk.models["toon"]))
    desk.studio.searches.watch(job_id)
    QTest.keyClick(view_of(desk), Qt.Key.Key_Return)
    assert desk.state.model_a == desk.models["portrait"]


# --- the course of a search -----------------------------------------------------------------------------------------


def test_that_space_pauses_and_goes_on(desk: Desk) -> None:
    job_id = searching(desk)
    run(desk, job_id, 20)
    view = view_of(desk)
    QTest.keyClick(view, Qt.Key.Key_Space)
    assert desk.engine.paused == [job_id]
    desk.engine.progress(job_id, 0.2, "Adding detail", paused=True)
    desk.wait_until(lambda: view.state is SearchState.PAUSED)
    assert view.pause.text() == "Go on"
    assert "paused" in view.words.text()
    QTest.keyClick(view, Qt.Key.Key_Space)
    assert desk.engine.paused == []


def test_that_escape_goes_back_to_the_picture_and_the_card_comes_back_here(desk: Desk) -> None:
    job_id = searching(desk)
    run(desk, job_id, 0, 20)
    view = view_of(desk)
    assert "goes on in its card" in view.back.toolTip()
    QTest.keyClick(view, Qt.Key.Key_Escape)
    assert desk.studio.window.centre is desk.studio.canvas
    assert desk.engine.cancelled == []
    card = desk.studio.window.parts.shelf.tray.card(job_id)
    assert card is not None
    QTest.mouseClick(card, LEFT)
    assert desk.studio.window.centre is view
    assert [step for step, _ in view.plot.points] == [0, 20], "with all that it has been through"


def test_that_stopping_keeps_the_best(desk: Desk) -> None:
    job_id = searching(desk)
    run(desk, job_id, 0, 20)
    view_of(desk).keep.click()
    assert desk.engine.cancelled == [job_id]
    result = end(desk, job_id, JobOutcome.CANCELLED)
    assert shown_latent(desk) == result.latent
    assert "the best so far is kept" in desk.message()


def test_that_cancel_leaves_the_picture_and_the_steps_stay_at_hand(desk: Desk) -> None:
    before = desk.state
    job_id = searching(desk)
    run(desk, job_id, 0, 20)
    view_of(desk).cancel.click()
    end(desk, job_id, JobOutcome.CANCELLED)
    assert desk.state == before
    assert shelf_names(desk) == []
    assert "cancelled" in desk.message()
    desk.studio.messages.bar._trigger()  # "Steps…"
    assert desk.studio.window.centre is view_of(desk)


def test_that_the_steps_of_the_last_search_stay_until_another_begins(desk: Desk) -> None:
    steps = desk.studio.window.actions_["search_steps"]
    steps.trigger()
    assert desk.message() == NONE_YET
    job_id = searching(desk)
    run(desk, job_id, 0, 20, 40)
    end(desk, job_id)
    assert desk.studio.window.centre is desk.studio.canvas
    steps.trigger()
    view = view_of(desk)
    assert desk.studio.window.centre is view
    assert view.state is SearchState.ENDED
    assert "Pixels 3.0\N{NO-BREAK SPACE}% off" in view.words.text(), "the numbers of the result are said"
    assert not view.pause.isVisible()
    assert view.stop is not None
    assert view.stop.is_result
    QTest.keyClick(view, Qt.Key.Key_Home)
    QTest.keyClick(view, Qt.Key.Key_Return)
    assert shown_latent(desk).key == latent_of(desk, 0)
    second = searching(desk)
    steps.trigger()
    assert view.plot.points == ()
    assert second in desk.studio.searches._searches


def test_that_a_search_that_fails_says_why_and_its_steps_are_not_lost(desk: Desk) -> None:
    before = desk.state
    job_id = searching(desk)
    run(desk, job_id, 0, 20)
    error = UnreadableImageError("Aunt Mary.jpg went away.", "Open it again.")
    desk.engine.finish(job_id, JobOutcome.FAILED, error=error)
    desk.wait_until(desk.message)
    assert desk.message() == error.user_message
    assert desk.studio.window.centre is desk.studio.canvas
    assert desk.state == before
    desk.studio.window.actions_["search_steps"].trigger()
    view = view_of(desk)
    assert error.user_message in view.words.text()
    QTest.keyClick(view, Qt.Key.Key_Return)
    assert shown_latent(desk).key == latent_of(desk, 20)


def test_that_the_end_offers_the_photo_beside_the_portrait(desk: Desk) -> None:
    job_id = searching(desk)
    run(desk, job_id, 0, 20)
    end(desk, job_id)
    assert desk.studio.messages.bar._action.text() == "Compare with the photo"
    desk.studio.messages.bar._trigger()
    assert desk.studio.canvas.mode is CanvasMode.COMPARE
    assert desk.studio.canvas.comparison.plates == (Still.PHOTO, View.A), "what was found, not what is made of it"


def test_that_closing_the_window_puts_the_best_so_far_on_the_shelf_and_leaves_the_document(
    make_desk: MakeDesk,
) -> None:
    desk = make_desk()
    before = desk.state
    job_id = searching(desk)
    run(desk, job_id, 0, 20)
    job = desk.engine.jobs[job_id]
    assert isinstance(job, InvertPortrait)
    result, finish = desk.engine.inverted(job), desk.engine.finish

    def finish_with_the_best(job_id: str, outcome: JobOutcome) -> None:
        finish(job_id, outcome, result)

    desk.engine.finish = finish_with_the_best  # type: ignore[method-assign, assignment]
    desk.studio.window.close()
    desk.studio.close()
    assert desk.studio.session.state == before, "a document that is closed gets no portrait that nobody has seen"
    again = make_desk(models=())
    (record,) = again.studio.collection.latents()
    assert (record.latent, record.likeness) == (result.latent, result.likeness)
    assert "The best so far is on the shelf" in again.message()
    again.studio.close()
    assert not make_desk(models=()).message(), "it is said once"


# --- once more ------------------------------------------------------------------------------------------------------


@pytest.fixture
def found(desk: Desk, photo: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A desk with a portrait on screen that was found in a photo."""
    job_id = searching(desk)
    job = desk.engine.jobs[job_id]
    assert isinstance(job, InvertPortrait)
    result = desk.engine.inverted(job)
    source = result.source
    object.__setattr__(source, "sha256", file_sha256(photo))
    desk.engine.finish(job_id, JobOutcome.DONE, result)
    desk.wait_until(lambda: desk.state.latent == result.latent)
    return desk


def trigger(desk: Desk, name: str) -> None:
    desk.studio.window.actions_[name].trigger()


def test_that_search_closer_goes_on_from_the_portrait_without_aligning(found: Desk, photo: Path) -> None:
    latent = found.state.latent
    found.studio.window.parts.invert_bar.set_steps(60)
    trigger(found, "search_closer")
    found.wait_until(lambda: found.engine.jobs)
    job = found.engine.jobs[found.engine.job_id(InvertPortrait)]
    assert isinstance(job, InvertPortrait)
    assert (job.path, job.start, job.begin_at, job.steps) == (photo, StartPoint.FOUND, latent, 60)
    view = view_of(found)
    assert found.studio.window.centre is view
    found.wait_until(lambda: view.pictures.target is not None)  # the photo as it was kept


def test_that_align_again_shows_the_photo_with_its_handles_where_they_were(found: Desk, photo: Path) -> None:
    record = found.studio.collection.latents()[0]
    assert record.source is not None
    trigger(found, "align_again")
    found.wait_until(lambda: found.studio.canvas.is_aligning)
    assert found.studio.portraits.aligned == (photo, record.source.face)
    assert found.studio.window.parts.invert_bar.begin.isVisible(), "it can also go on from here"


def test_that_a_face_without_a_photo_is_explained(desk: Desk) -> None:
    trigger(desk, "search_closer")
    assert desk.message() == NO_PHOTO


def test_that_a_photo_that_moved_is_asked_for_and_remembered(
    found: Desk, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = photo.rename(found.folder / "moved.jpg")
    other = found.folder / "other.jpg"
    other.write_bytes(b"another photo")
    answers = [str(other), str(moved)]
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_args, **_kw: (answers.pop(0), ""))
    found.studio.messages.bar.clear()
    trigger(found, "search_closer")
    found.wait_until(found.message)
    assert "Aunt Mary.jpg is not in" in found.message()
    found.studio.messages.bar._trigger()  # "Locate…": another photo
    found.wait_until(lambda: "other.jpg is not the photo" in found.message())
    found.studio.messages.bar._trigger()
    found.wait_until(lambda: found.engine.jobs)
    job = found.engine.jobs[found.engine.job_id(InvertPortrait)]
    assert isinstance(job, InvertPortrait)
    assert job.path == moved
    record = found.studio.collection.latents()[0]
    assert record.source is not None
    assert record.source.path == moved


def test_that_the_shelf_offers_both_for_a_portrait_that_has_a_photo(found: Desk) -> None:
    shelf = found.studio.window.parts.shelf
    shelf.closer_wanted.emit(found.studio.collection.latents()[0].latent.key)
    found.wait_until(lambda: found.engine.jobs)


def test_what_is_said_of_a_photo(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    assert photo_fate(path, "") is PhotoFate.GONE
    path.write_bytes(b"a")
    assert photo_fate(path, "") is PhotoFate.THERE
    assert photo_fate(path, file_sha256(path)) is PhotoFate.THERE
    assert photo_fate(path, "0" * 64) is PhotoFate.OTHER
    assert photo_fate(tmp_path, "") is PhotoFate.GONE


# --- numbers --------------------------------------------------------------------------------------------------------


def test_that_the_numbers_stand_under_the_wipe_and_the_present_picture_can_be_measured(found: Desk) -> None:
    studio = found.studio
    studio.compare.compare_with_photo()
    line = studio.compare._likeness.line
    assert line.isVisible()
    assert "As found: Pixels 3.0 % off" in line.accessibleName()
    assert "test features" in line.words.text(), "the judge is named"
    found.wait_until(line.measure.isEnabled)
    line.measure.click()
    found.wait_until(lambda: "On screen: Pixels 8.0 % off" in line.accessibleName())
    shown = [cell.text() for cell in line._rows["On screen"] if cell.isVisible()]
    assert shown == ["8.0 %", "2.0 %", "0.400"], "identity is left out where it is not known"
    (job,) = [job for job in found.engine.submitted if isinstance(job, MeasureLikeness)]
    assert (job.state, job.view) == (found.state, View.BLEND)
    studio.session.edit(with_seed(found.state, 4))
    assert "On screen" not in line.accessibleName()
    assert not line.isVisible(), "a seed has no photo"


def test_that_a_pinned_picture_is_not_measured_and_the_button_says_so(found: Desk) -> None:
    studio = found.studio
    found.settle()
    studio.compare.pin()
    studio.compare.compare_with_photo()
    studio.compare._choose(studio.canvas.comparison.__class__(left=Still.PHOTO, right=Still.PIN))
    line = studio.compare._likeness.line
    assert not line.measure.isEnabled()
    assert "pinned picture" in line.measure.toolTip()


def test_that_the_line_goes_away_with_the_comparison(found: Desk) -> None:
    studio = found.studio
    studio.compare.compare_with_photo()
    assert studio.compare._likeness.line.isVisible()
    studio.canvas.set_mode(CanvasMode.TRIPTYCH)
    assert not studio.compare._likeness.line.isVisible()

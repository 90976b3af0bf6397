from __future__ import annotations

import pytest
from drawn_faces import draw_face
from hand import Show
from PySide6.QtWidgets import QPushButton, QToolButton
from pytestqt.qtbot import QtBot

from gui.widgets.job_card import JobCard, JobState, ProgressLine, words_for_time


@pytest.fixture
def card(show: Show) -> JobCard:
    made = JobCard("job-7", "Inverting portrait")
    made.set_thumbnail(draw_face(1, 64))
    return show(made, 188, 110)


def button(card: JobCard, tooltip: str) -> QToolButton:
    return next(each for each in card.findChildren(QToolButton) if each.toolTip() == tooltip)


def test_that_progress_is_told_in_figures_and_time_left(card: JobCard) -> None:
    card.set_progress(0.62, "Step 186 of 300", 4.2)
    assert card.text == "Step 186 of 300\n62 %, 4 s left"
    assert card.findChild(ProgressLine).fraction == 0.62
    card.set_progress(None, "Loading")
    assert card.text == "Loading"
    assert card.findChild(ProgressLine).fraction is None


def test_that_pause_and_resume_take_turns(card: JobCard, qtbot: QtBot) -> None:
    with qtbot.waitSignal(card.pause_requested) as asked:
        button(card, "Pause").click()
    assert asked.args == ["job-7"]
    card.set_paused(True)
    card.set_progress(0.5, "", 10)
    assert card.text == "50 %, paused"
    with qtbot.waitSignal(card.resume_requested):
        button(card, "Go on").click()


def test_that_the_cross_cancels_a_living_job_and_dismisses_a_finished_one(card: JobCard, qtbot: QtBot) -> None:
    with qtbot.waitSignal(card.cancel_requested):
        button(card, "Cancel").click()
    card.finish(JobState.DONE, "Finished in 14 s")
    with qtbot.waitSignal(card.dismiss_requested), qtbot.assertNotEmitted(card.cancel_requested):
        button(card, "Dismiss").click()


def test_that_a_usable_result_can_be_used_also_after_a_cancel(card: JobCard, qtbot: QtBot) -> None:
    card.finish(JobState.CANCELLED, "Stopped at step 90", usable=True)
    use = next(each for each in card.findChildren(QPushButton) if each.isVisible())
    assert use.text() == "Use the best so far"
    with qtbot.waitSignal(card.use_requested) as asked:
        use.click()
    assert asked.args == ["job-7"]


def test_that_a_late_progress_does_not_bring_a_finished_job_back(card: JobCard) -> None:
    card.finish(JobState.FAILED, "There is not enough memory.")
    card.set_progress(0.9, "Step 270 of 300", 1)
    card.set_paused(True)
    assert card.state is JobState.FAILED
    assert card.text == "There is not enough memory."


def test_that_nothing_is_cut_off_in_the_shelf(card: JobCard) -> None:
    card.set_progress(0.5, "Step 150 of 300", 65)
    card.resize(188, card.heightForWidth(188))
    assert card.height() <= 120
    for each in card.findChildren(QToolButton):
        assert each.geometry().right() < 188


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "1 s"), (-3, "1 s"), (59.4, "59 s"), (90, "2 min"), (3900, "1 h 5 min")]
)
def test_that_time_is_told_in_plain_words(seconds: float, words: str) -> None:
    assert words_for_time(seconds) == words


def test_that_work_of_unknown_length_says_how_long_it_has_been(
    show: Show, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gui.widgets.job_card.LONG_S", 0.01)
    card = show(JobCard("1", "Loading big.pkl"), 200, 100)
    card.set_progress(None, "Reading big.pkl")
    qtbot.waitUntil(lambda: "so far" in card.text, timeout=5000)
    card.set_progress(0.5, "Converting", 4.0)
    assert card.text == "Converting\n50 %, 4 s left"
    card.finish(JobState.DONE)
    qtbot.wait(30)
    assert card.text == ""


def test_that_a_card_guesses_the_time_left_where_nobody_tells_it(
    show: Show, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gui.widgets.job_card.LONG_S", 0.05)
    card = show(JobCard("1", "Measuring"), 200, 100)
    card.set_progress(0.1, "")
    qtbot.wait(100)
    card.set_progress(0.2, "")
    assert card.text == "20 %, 1 s left"
    card.set_paused(True)
    card.set_progress(0.2, "")
    assert card.text == "20 %, paused"

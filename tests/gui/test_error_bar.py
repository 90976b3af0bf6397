from __future__ import annotations

import pytest
from hand import Show, click, key
from looking import colors_in, image_of
from PySide6.QtCore import QRectF, Qt
from PySide6.QtWidgets import QLabel, QPlainTextEdit, QPushButton, QToolButton
from pytestqt.qtbot import QtBot

from engine.errors import UnsafeModelError
from gui.theme import DARK
from gui.widgets.error_bar import MAX_MESSAGES, ErrorBar, Severity


@pytest.fixture
def bar(show: Show) -> ErrorBar:
    made = show(ErrorBar(), 600, 60)
    made.hide()
    return made


def words_of(bar: ErrorBar) -> list[str]:
    return [label.text() for label in bar.findChildren(QLabel) if label.isVisible() and label.text()]


def test_that_it_says_the_sentence_and_what_to_do(bar: ErrorBar) -> None:
    bar.show_error(UnsafeModelError("The file asks to run a program.", "Get a safetensors version."))
    assert bar.isVisible()
    assert words_of(bar) == ["The file asks to run a program.", "Get a safetensors version."]
    assert bar.accessibleName() == "error: The file asks to run a program. Get a safetensors version."


def test_that_the_same_message_is_shown_once_with_a_count(bar: ErrorBar) -> None:
    for _ in range(3):
        bar.show_message("The disk is full.", "Free some space.")
    assert bar.message_count == 1
    assert bar.repeat_count == 3
    assert "×3" in words_of(bar)  # noqa: RUF001


def test_that_dismissing_uncovers_the_message_before(bar: ErrorBar, qtbot: QtBot) -> None:
    bar.show_message("First.")
    bar.show_message("Second.")
    assert bar.sentence == "Second."
    assert "1 more" in words_of(bar)
    with qtbot.waitSignal(bar.dismissed):
        bar.dismiss()
    assert bar.sentence == "First."
    bar.setFocus()
    key(bar, Qt.Key.Key_Escape)
    assert not bar.isVisible()


def test_that_details_wait_until_they_are_asked_for(bar: ErrorBar) -> None:
    bar.show_message("It failed.", details="Traceback ...")
    details = bar.findChild(QPlainTextEdit)
    assert not details.isVisible()
    button = next(each for each in bar.findChildren(QToolButton) if each.text() == "Details")
    button.click()
    assert details.isVisible()
    assert details.toPlainText() == "Traceback ..."
    bar.show_message("Another.")
    assert not details.isVisible()
    assert not button.isVisible()


def test_that_an_action_carries_its_key_and_takes_the_message_away(bar: ErrorBar, qtbot: QtBot) -> None:
    bar.show_message("The model is missing.", action="Locate", action_key="locate:abc")
    button = next(each for each in bar.findChildren(QPushButton) if each.text() == "Locate")
    with qtbot.waitSignal(bar.action_triggered) as triggered:
        click(button, (5, 5))
    assert triggered.args == ["locate:abc"]
    assert not bar.isVisible()


def test_that_a_message_with_a_timeout_goes_by_itself(bar: ErrorBar, qtbot: QtBot) -> None:
    with qtbot.waitSignal(bar.dismissed, timeout=3000):
        bar.show_message("Exported.", severity=Severity.INFO, timeout_s=0.02)
    assert not bar.isVisible()


def test_that_errors_stay(bar: ErrorBar, qtbot: QtBot) -> None:
    bar.show_message("Gone wrong.", severity=Severity.ERROR)
    with qtbot.assertNotEmitted(bar.dismissed, wait=50):
        pass
    assert bar.isVisible()


def test_that_a_flood_of_messages_is_bounded(bar: ErrorBar) -> None:
    for number in range(5 * MAX_MESSAGES):
        bar.show_message(f"Message {number}.")
    assert bar.message_count == MAX_MESSAGES
    bar.clear()
    assert bar.message_count == 0
    assert not bar.isVisible()


def test_that_markup_in_a_message_is_shown_as_text(bar: ErrorBar) -> None:
    bar.show_message("<b>bold</b>")
    label = next(each for each in bar.findChildren(QLabel) if each.text() == "<b>bold</b>")
    assert label.textFormat() is Qt.TextFormat.PlainText


@pytest.mark.parametrize(
    ("severity", "color"), [(Severity.ERROR, DARK.error), (Severity.WARNING, DARK.warn), (Severity.INFO, DARK.focus)]
)
def test_that_its_edge_says_how_grave_it_is(bar: ErrorBar, severity: Severity, color: str) -> None:
    bar.show_message("Something.", severity=severity)
    assert color in colors_in(image_of(bar), QRectF(0, 10, 3, 10))


def test_that_a_question_is_not_hidden_by_a_remark_but_by_an_error(bar: ErrorBar) -> None:
    bar.show_message("Unsaved work is here.", severity=Severity.WARNING, action="Restore", second_action="Discard")
    bar.show_message("Saved one.graft.", severity=Severity.INFO)
    assert (bar.sentence, bar.message_count) == ("Unsaved work is here.", 2)
    bar.show_message("The disk is full.", severity=Severity.ERROR)
    assert bar.sentence == "The disk is full."
    bar.dismiss()
    bar.dismiss()
    assert bar.sentence == "Saved one.graft."


def test_that_what_failed_before_is_forgotten_and_what_offers_a_choice_stays(bar: ErrorBar) -> None:
    bar.show_message("Unsaved work was found.", severity=Severity.INFO, action="Restore")
    bar.show_error(UnsafeModelError("broken.jpg: not a picture."))
    bar.forget_errors()
    assert bar.sentence == "Unsaved work was found."
    assert bar.message_count == 1

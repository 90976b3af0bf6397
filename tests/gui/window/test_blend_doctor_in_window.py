from __future__ import annotations

from dataclasses import replace

import pytest
from desk import Desk, MakeDesk
from hand import click, double_click, key
from PySide6.QtCore import QPointF, Qt
from PySide6.QtWidgets import QPushButton

from engine.blend_doctor import Grade
from engine.errors import ModelError
from engine.messages import CompareWeights, JobOutcome
from engine.state import Source, with_blend, with_models, with_swap_resolution
from gui.blend_doctor_window import MEASURING, DoctorWindow

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support (propagateSizeHints|raise)")


def opened(desk: Desk) -> DoctorWindow:
    desk.studio.window.actions_["doctor"].trigger()
    return desk.studio.doctor.window


def compared(desk: Desk) -> list[tuple[str, str]]:
    return [(job.a.name, job.b.name) for job in desk.engine.submitted if isinstance(job, CompareWeights)]


def offers(window: DoctorWindow, words: str) -> list[QPushButton]:
    return [card.button for card in window.cards if card.button is not None and words in card.button.text()]


def test_that_nothing_is_made_or_measured_before_it_is_wanted(desk: Desk) -> None:
    assert "doctor" not in desk.studio.__dict__
    assert not compared(desk)


def test_that_the_panels_button_opens_it_and_the_distances_are_asked_for_once(desk: Desk) -> None:
    click(desk.studio.window.parts.controls.blend.doctor, QPointF(5, 5))
    window = desk.studio.doctor.window
    desk.wait_until(lambda: window.bars.layers)
    assert window.isVisible()
    assert not window.isModal()
    assert window.pair.currentText() == "A portrait and B toon"
    assert "Nothing is written" in window.lineage.text()
    desk.studio.session.edit(with_blend(desk.state, alpha=0.4))
    window.close()
    opened(desk)
    assert compared(desk) == [("portrait", "toon")]


def test_that_an_advice_is_followed_with_a_click_and_taken_back_by_undo(desk: Desk) -> None:
    desk.studio.session.edit(with_swap_resolution(desk.state, 4))
    window = opened(desk)
    desk.wait_until(lambda: offers(window, "Swap at"))
    before = desk.state
    offers(window, "Swap at 32 px")[0].click()
    assert desk.state.blend.swap_resolution == 32
    assert desk.studio.session.history.entries[-1].label == "swap at 32 px"
    assert not offers(window, "Swap at")
    desk.studio.session.undo()
    assert desk.state == before
    assert offers(window, "Swap at")


def test_that_a_layer_is_walked_to_and_swapped_at(desk: Desk) -> None:
    window = opened(desk)
    desk.wait_until(lambda: window.bars.layers)
    bars = window.bars
    key(bars, Qt.Key.Key_Right)
    key(bars, Qt.Key.Key_Right)
    assert bars.accessibleDescription() == "b8.conv0, 8 px: 0.060"
    key(bars, Qt.Key.Key_Return)
    assert desk.state.blend.swap_resolution == 8
    place = QPointF(bars.layer_x(len(bars.layers) - 6), 40)
    double_click(bars, place)
    assert desk.state.blend.swap_resolution == bars.layers[-6].resolution


def test_that_further_models_are_examined_too_and_replaced_where_they_do_not_fit(make_desk: MakeDesk) -> None:
    desk = make_desk(models=("portrait", "toon", "woodblock"))
    desk.studio.window.parts.controls.blend.lay_over(desk.models["woodblock"].sha256)
    window = opened(desk)
    assert [window.pair.itemText(place) for place in range(window.pair.count())] == [
        "A portrait and B toon", "A portrait and C woodblock",
    ]
    window.pair.activated.emit(1)
    desk.wait_until(lambda: window.bars.layers)
    assert compared(desk) == [("portrait", "toon"), ("portrait", "woodblock")]
    before = desk.state
    window.bars.swap_wanted.emit(8)
    assert desk.state == before
    desk.studio.session.edit(replace(desk.state, overlays=()))
    assert window.pair.currentText() == "A portrait and B toon"


def test_that_without_two_models_it_says_what_is_lacking(make_desk: MakeDesk) -> None:
    desk = make_desk(models=("portrait",))
    window = opened(desk)
    assert "Choose a model A and a model B" in window.bars.accessibleDescription()
    assert not window.cards
    assert not compared(desk)


def test_that_the_same_model_twice_is_told_at_once(desk: Desk) -> None:
    desk.studio.session.edit(with_models(desk.state, b=desk.state.model_a))
    window = opened(desk)
    assert window.cards[0]._grade is Grade.TIP
    assert not window.lineage.isVisible()


def test_that_a_comparison_that_fails_says_why_and_is_tried_again(make_desk: MakeDesk) -> None:
    desk = make_desk(manual_jobs=(CompareWeights,))
    window = opened(desk)
    assert window.bars.accessibleDescription() == MEASURING
    (job_id,) = (one for one, job in desk.engine.jobs.items() if isinstance(job, CompareWeights))
    desk.engine.finish(job_id, JobOutcome.FAILED, error=ModelError("toon.pkl cannot be read: it is gone."))
    desk.wait_until(lambda: "toon.pkl cannot be read" in window.bars.accessibleDescription())
    assert len(compared(desk)) == 1
    opened(desk)
    assert len(compared(desk)) == 2


def test_that_what_is_as_it_should_be_is_not_advised(desk: Desk) -> None:
    desk.engine.distance = replace(desk.engine.distance, same_noise=False)
    window = opened(desk)
    desk.wait_until(lambda: offers(window, "Take the noise from A"))
    offers(window, "noise")[0].click()
    assert desk.state.blend.noise is Source.A
    assert not offers(window, "noise")


def test_that_esc_closes_it_and_its_place_is_remembered(desk: Desk) -> None:
    window = opened(desk)
    window.resize(500, 700)
    key(window, Qt.Key.Key_Escape)
    assert not window.isVisible()
    assert desk.studio.settings.get_bytes("doctor.geometry")

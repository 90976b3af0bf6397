"""The bar under a portrait: the space, the start, the steps and the editability reach the job and are remembered."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from desk import Desk, MakeDesk
from fake_engine import FACE
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from engine.likeness import Likeness
from engine.messages import InvertPortrait, LatentSpaceChoice, StartPoint
from engine.portrait_source import PortraitSource
from engine.state import StoredLatent, with_latent, with_models
from gui.panels.invert_bar import InvertBar, SearchSpace
from gui.settings import Settings


def aligning(desk: Desk) -> InvertBar:
    desk.studio.portraits.open(desk.folder / "me.jpg")
    desk.wait_until(lambda: desk.studio.canvas.is_aligning)
    return desk.studio.window.parts.invert_bar


def started(desk: Desk) -> InvertPortrait:
    desk.studio.window.parts.invert_bar.start.click()
    job = desk.engine.jobs[desk.engine.job_id(InvertPortrait)]
    assert isinstance(job, InvertPortrait)
    return job


def show_found(desk: Desk, model: str = "portrait", photo: str = "me.jpg") -> StoredLatent:
    """Put a portrait on the shelf that was found in a photo, and show it."""
    latent = StoredLatent(desk.studio.store.put_ws(np.full((10, 64), 0.5, np.float32)), "me")
    source = PortraitSource(desk.folder / photo, "ab" * 32, FACE)
    likeness = Likeness(0.03, 0.2, "test features", 0.01)
    collection = desk.studio.collection
    collection.add_latent(latent, desk.models[model], None, source=source, likeness=likeness)
    desk.studio.session.edit(with_latent(desk.state, latent))
    return latent


@pytest.mark.parametrize(
    ("space", "chosen", "with_noise"),
    [
        (SearchSpace.W, LatentSpaceChoice.W, False),
        (SearchSpace.W_PLUS, LatentSpaceChoice.W_PLUS, False),
        (SearchSpace.NOISE, LatentSpaceChoice.W_PLUS, True),
    ],
)
def test_that_one_choice_says_what_is_searched_and_whether_noise_is(
    desk: Desk, space: SearchSpace, chosen: LatentSpaceChoice, with_noise: bool
) -> None:
    aligning(desk).space.set_current(space.value)
    job = started(desk)
    assert (job.space, job.optimise_noise) == (chosen, with_noise)


def test_that_a_preset_sets_the_steps_and_shows_which_it_is(desk: Desk) -> None:
    bar = aligning(desk)
    hundred = next(button for button in bar.presets if button.text() == "100")
    hundred.click()
    assert bar.steps.value == 100
    assert [button.text() for button in bar.presets if button.isChecked()] == ["100"]
    bar.steps.take_text("25")
    assert not any(button.isChecked() for button in bar.presets)
    assert started(desk).steps == 25


def test_that_at_once_needs_an_encoder_and_says_so(desk: Desk) -> None:
    at_once = aligning(desk).presets[0]
    assert not at_once.isEnabled()
    assert at_once.toolTip() == "Only an encoder finds a portrait without steps"


def test_that_the_balance_of_fidelity_and_editability_reaches_the_job(desk: Desk) -> None:
    slider = aligning(desk).editability
    slider.setFocus()
    QTest.keyClick(slider, Qt.Key.Key_End)
    assert started(desk).editability == 1.0


def test_that_the_choices_are_remembered_between_searches(make_desk: MakeDesk) -> None:
    desk = make_desk()
    bar = aligning(desk)
    bar.space.set_current(SearchSpace.W.value)
    bar.set_steps(42)
    bar.editability.take_text("0.2")
    started(desk)
    desk.studio.close()
    choices = aligning(make_desk()).choices
    assert (choices.space, choices.steps, choices.editability) == (LatentSpaceChoice.W, 42, 0.2)


def test_that_choices_from_a_damaged_settings_file_fall_back_to_the_usual(tmp_path: Path, qtbot: QtBot) -> None:
    file = tmp_path / "settings.json"
    file.write_text('{"search.space": "w++", "search.steps": -7, "search.editability": 9.5}')
    bar = InvertBar(Settings(file))
    qtbot.addWidget(bar)
    choices = bar.choices
    assert (choices.space, choices.optimise_noise) == (LatentSpaceChoice.W_PLUS, False)
    assert choices.steps >= 1
    assert 0 <= choices.editability <= 1


def test_that_a_search_can_go_on_from_the_portrait_on_screen(desk: Desk) -> None:
    latent = show_found(desk)
    bar = aligning(desk)
    assert bar.begin.isVisible()
    bar.begin.set_current(StartPoint.FOUND.value)
    job = started(desk)
    assert job.start is StartPoint.FOUND
    assert job.begin_at == latent


@pytest.mark.parametrize(("model", "photo"), [("portrait", "other.jpg"), ("toon", "me.jpg")])
def test_that_a_portrait_of_another_photo_or_model_is_no_place_to_begin(desk: Desk, model: str, photo: str) -> None:
    show_found(desk, model, photo)
    assert not aligning(desk).begin.isVisible()
    assert started(desk).begin_at is None


def test_that_here_goes_away_when_another_model_becomes_a(desk: Desk) -> None:
    show_found(desk)
    bar = aligning(desk)
    assert bar.begin.isVisible()
    desk.studio.session.edit(with_models(desk.state, a=desk.models["toon"]))
    assert not bar.begin.isVisible()


@pytest.mark.parametrize("width", [1100, 1280])
def test_that_nothing_of_the_bar_is_cut_off(desk: Desk, width: int) -> None:
    show_found(desk)
    desk.studio.window.resize(width, 700)
    bar = aligning(desk)
    for child in (bar.space, bar.begin, *bar.presets, bar.editability, bar.cancel, bar.start):
        assert child.width() >= child.minimumSizeHint().width()
        assert child.mapTo(bar, child.rect().topRight()).x() < bar.width()

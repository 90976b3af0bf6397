"""A photo becomes a latent: opened, aligned by hand, searched for, and put under the sliders."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from desk import Desk, MakeDesk
from fake_engine import FACE, paint
from PySide6.QtCore import Qt

from engine.errors import UnreadableImageError
from engine.framing import Framing
from engine.messages import (
    InvertPortrait,
    JobOutcome,
    LatentSpaceChoice,
    OpenPortrait,
    PortraitOpened,
)
from engine.state import NoiseMode, SeedLatent, StoredLatent, View, with_alpha, with_models, with_noise
from gui.first_look import FIRST_SEED
from gui.portrait_flow import cut_preview
from gui.widgets.job_card import JobState


def aligning(desk: Desk, name: str = "Aunt Mary.jpg") -> Desk:
    """A desk on which a portrait has just been opened."""
    desk.studio.portraits.open(desk.folder / name)
    desk.wait_until(lambda: desk.studio.canvas.is_aligning)
    return desk


def searching(desk: Desk) -> str:
    """Start the search of a fresh portrait and return its job's id."""
    aligning(desk).studio.window.parts.invert_bar.start.click()
    return desk.engine.job_id(InvertPortrait)


def test_that_a_portrait_becomes_the_latent_in_one_undo_step(desk: Desk) -> None:
    before = desk.state
    job_id = searching(desk)
    job = desk.engine.jobs[job_id]
    assert isinstance(job, InvertPortrait)
    assert (job.face, job.model, job.name) == (FACE, desk.models["portrait"], "Aunt Mary")
    result = desk.engine.inverted(job)
    desk.engine.finish(job_id, JobOutcome.DONE, result)
    desk.wait_until(lambda: desk.state.latent == result.latent)
    assert desk.state.truncation_psi == 1.0
    assert desk.state.blend == before.blend
    assert "perceptual 0.200." in desk.studio.messages.bar.accessibleName()  # who judged is told beside the photo
    assert desk.studio.session.history.undo_label == "portrait Aunt Mary"
    desk.studio.window.actions_["undo"].trigger()
    assert desk.state == before


def test_that_the_portrait_lands_on_the_shelf_and_can_be_picked_again(desk: Desk) -> None:
    job_id = searching(desk)
    job = desk.engine.jobs[job_id]
    assert isinstance(job, InvertPortrait)
    desk.engine.finish(job_id, JobOutcome.DONE, desk.engine.inverted(job))
    shelf = desk.studio.window.parts.shelf
    desk.wait_until(lambda: shelf.portraits.items and shelf.portraits.items[0].thumbnail is not None)
    (item,) = shelf.portraits.items
    assert item.name == "Aunt Mary"
    assert shelf.portraits.selected_key == item.key
    desk.studio.window.parts.controls.latent.to_seed.click()
    assert desk.state.latent == SeedLatent(FIRST_SEED)
    assert shelf.portraits.selected_key is None
    shelf.portraits.picked.emit(item.key)
    assert isinstance(desk.state.latent, StoredLatent)


def test_that_the_improving_picture_is_seen_on_card_and_canvas(desk: Desk) -> None:
    job_id = searching(desk)
    parts = desk.studio.window.parts
    assert desk.studio.window.centre is parts.inversion
    preview = paint(desk.state, View.A, 32)
    desk.engine.progress(job_id, 0.5, "Step 150 of 300", preview)
    desk.wait_until(lambda: parts.inversion.found is not None)
    card = parts.shelf.tray.card(job_id)
    assert card is not None
    assert "Step 150 of 300" in card.text


def test_that_turning_a_slider_brings_the_picture_back_while_the_search_goes_on(desk: Desk) -> None:
    job_id = searching(desk)
    desk.studio.session.edit(with_alpha(desk.state, 0.1))
    assert desk.studio.window.centre is desk.studio.canvas
    desk.settle()
    assert job_id in desk.engine.jobs
    desk.studio.window.parts.shelf.tray.card_opened.emit(job_id)
    assert desk.studio.window.centre is desk.studio.window.parts.inversion


def test_that_pause_and_cancel_reach_the_engine_and_the_best_so_far_is_kept(desk: Desk) -> None:
    job_id = searching(desk)
    card = desk.studio.window.parts.shelf.tray.card(job_id)
    assert card is not None
    card.pause_requested.emit(job_id)
    assert desk.engine.paused == [job_id]
    card.resume_requested.emit(job_id)
    assert desk.engine.paused == []
    card.cancel_requested.emit(job_id)
    assert desk.engine.cancelled == [job_id]
    job = desk.engine.jobs[job_id]
    assert isinstance(job, InvertPortrait)
    result = desk.engine.inverted(job)
    desk.engine.finish(job_id, JobOutcome.CANCELLED, result)
    desk.wait_until(lambda: desk.state.latent == result.latent)
    assert "best so far" in desk.message()
    assert card.state is JobState.CANCELLED


def test_that_a_result_for_another_model_waits_on_the_shelf(desk: Desk) -> None:
    job_id = searching(desk)
    job = desk.engine.jobs[job_id]
    assert isinstance(job, InvertPortrait)
    desk.studio.session.edit(with_models(desk.state, a=desk.models["toon"]))
    before = desk.state
    result = desk.engine.inverted(job)
    desk.engine.finish(job_id, JobOutcome.DONE, result)
    desk.wait_until(lambda: desk.studio.collection.latents())
    assert desk.state == before
    desk.studio.messages.bar._trigger()
    assert desk.state.latent == result.latent
    assert desk.state.model_a == desk.models["portrait"]


def test_that_the_choices_of_the_bar_reach_the_job(desk: Desk) -> None:
    aligning(desk)
    bar = desk.studio.window.parts.invert_bar
    assert bar.isVisible()
    bar.space.set_current(LatentSpaceChoice.W.value)
    bar.steps.set_value(25)
    bar.start.click()
    job = desk.engine.jobs[desk.engine.job_id(InvertPortrait)]
    assert isinstance(job, InvertPortrait)
    assert (job.space, job.steps, job.optimise_noise) == (LatentSpaceChoice.W, 25, False)
    assert not bar.isVisible()


def test_that_moved_handles_are_what_is_searched(desk: Desk) -> None:
    aligning(desk)
    moved = replace(FACE, mouth=(300.0, 380.0))
    desk.studio.canvas.align_changed.emit(moved)
    desk.studio.window.parts.invert_bar.start.click()
    job = desk.engine.jobs[desk.engine.job_id(InvertPortrait)]
    assert isinstance(job, InvertPortrait)
    assert job.face == moved


def test_that_escape_leaves_everything_as_it_was(desk: Desk) -> None:
    before = desk.state
    aligning(desk)
    desk.press(Qt.Key.Key_Escape, desk.studio.canvas.align_view)
    assert not desk.studio.canvas.is_aligning
    assert not desk.studio.window.parts.invert_bar.isVisible()
    assert not desk.studio.portraits.is_aligning
    assert desk.state == before


def test_that_a_picture_that_cannot_be_read_has_a_sentence(desk: Desk) -> None:
    desk.engine.manual_jobs = (OpenPortrait,)
    desk.studio.portraits.open(desk.folder / "bad.jpg")
    error = UnreadableImageError("bad.jpg is cut off after 12 of 300 kB.", "Copy it again.")
    desk.engine.finish(desk.engine.job_id(OpenPortrait), JobOutcome.FAILED, error=error)
    desk.wait_until(desk.message)
    assert desk.message() == error.user_message
    assert not desk.studio.canvas.is_aligning


def test_that_the_newest_of_two_portraits_is_the_one_aligned(desk: Desk) -> None:
    desk.engine.manual_jobs = (OpenPortrait,)
    desk.studio.portraits.open(desk.folder / "first.jpg")
    first = desk.engine.job_id(OpenPortrait)
    desk.studio.portraits.open(desk.folder / "second.jpg")
    second = desk.engine.job_id(OpenPortrait)
    assert desk.engine.cancelled == [first]
    desk.engine.perform(second)
    desk.engine.perform(first)
    desk.wait_until(lambda: desk.studio.canvas.is_aligning and not desk.engine.jobs)
    desk.studio.window.parts.invert_bar.start.click()
    job = desk.engine.jobs[desk.engine.job_id(InvertPortrait)]
    assert isinstance(job, InvertPortrait)
    assert job.name == "second"


def test_that_without_a_model_a_portrait_is_explained(make_desk: MakeDesk) -> None:
    desk = make_desk(models=())
    desk.studio.portraits.open(desk.folder / "me.jpg")
    assert "needs a model" in desk.message()


def test_that_a_portraits_noise_choice_is_left_to_the_user(desk: Desk) -> None:
    desk.studio.session.edit(with_noise(desk.state, mode=NoiseMode.NONE))
    job_id = searching(desk)
    job = desk.engine.jobs[job_id]
    assert isinstance(job, InvertPortrait)
    desk.engine.finish(job_id, JobOutcome.DONE, desk.engine.inverted(job))
    desk.wait_until(lambda: isinstance(desk.state.latent, StoredLatent))
    assert desk.state.noise.mode is NoiseMode.NONE


def test_that_the_target_shows_the_crop_upright() -> None:
    preview = np.zeros((600, 600, 4), np.uint8)
    preview[:230, :, 0] = 255  # blue above the eyes' line
    preview[230:, :, 2] = 255  # red below it
    target = cut_preview(PortraitOpened(Path("x.png"), preview, 1.0, (600, 600), (FACE,)), FACE, Framing())
    middle = target.width() // 2
    assert target.pixelColor(middle, 10).blue() == 255
    assert target.pixelColor(middle, target.height() - 10).red() == 255

"""Tuning a model to a portrait: asked how, followed in its card, and the tuned model under the sliders."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from desk import Desk, MakeDesk
from fake_engine import FACE, descriptor, paint, sha_of
from PySide6.QtCore import Qt

from engine.errors import JobError
from engine.file_hash import file_sha256
from engine.library_tags import Kind
from engine.likeness import Likeness
from engine.messages import JobFinished, JobOutcome
from engine.pivot_events import STOP_AT, TUNING_STEPS, PivotTuned, TunePivot
from engine.portrait_source import PortraitSource
from engine.state import EditState, StoredLatent, View, with_models
from gui.pivot_flow import NO_MODEL
from gui.search.again import NO_PHOTO
from gui.tune_bar import CLOSEST


@pytest.fixture
def desk(make_desk: MakeDesk) -> Desk:
    """A window with a portrait on screen that was found in a photo."""
    made = make_desk(manual_jobs=(TunePivot,))
    photo = made.folder / "Anna.jpg"
    photo.write_bytes(b"a photo")
    latent = StoredLatent(made.studio.store.put_ws(np.full((10, 64), 0.5, np.float32)), "Anna")
    source = PortraitSource(photo, file_sha256(photo), FACE)
    made.studio.collection.add_latent(latent, made.models["portrait"], None, source=source)
    made.studio.searches.use_latent(latent)
    made.settle()
    return made


def asked(desk: Desk) -> None:
    desk.studio.window.actions_["tune"].trigger()
    desk.wait_until(lambda: desk.studio.tuning.bar.isVisible())


def tuning(desk: Desk) -> tuple[str, TunePivot]:
    """Start with what the bar says."""
    asked(desk)
    desk.studio.tuning.bar.start.click()
    job_id = desk.engine.job_id(TunePivot)
    job = desk.engine.jobs[job_id]
    assert isinstance(job, TunePivot)
    return job_id, job


def tuned(desk: Desk, job: TunePivot) -> PivotTuned:
    """As the engine ends: the model is in the library."""
    path = desk.folder / "anna.safetensors"
    path.write_bytes(b"a tuned model")
    described = replace(descriptor(), tuned_from=job.model)
    model = desk.studio.library.add_model(path, sha_of(path.read_bytes()), job.name, described)
    picture = paint(desk.state, View.A)
    latent = StoredLatent(job.latent.key, job.latent.name)
    before, after = Likeness(0.05, 0.18, "test features", 0.02), Likeness(0.02, 0.06, "test features", 0.01)
    return PivotTuned(model, described, path, 13, latent, picture, picture, before, after, 80, 9.0)


def finish(desk: Desk, job_id: str, job: TunePivot, outcome: JobOutcome = JobOutcome.DONE) -> PivotTuned:
    result = tuned(desk, job)
    desk.engine.finish(job_id, outcome, result)
    desk.wait_until(lambda: desk.studio.collection.model(result.model.sha256) is not None)
    return result


def test_that_it_is_asked_how_before_it_starts(desk: Desk) -> None:
    asked(desk)
    bar = desk.studio.tuning.bar
    assert "“portrait”" in bar.words.text()
    assert "“Anna”" in bar.words.text()
    assert bar.time.text().startswith("At most")
    assert not any(isinstance(job, TunePivot) for job in desk.engine.submitted)
    desk.press(Qt.Key.Key_Escape, bar)
    assert not bar.isVisible()
    assert not any(isinstance(job, TunePivot) for job in desk.engine.submitted)


def test_that_the_engine_is_told_what_was_chosen(desk: Desk) -> None:
    asked(desk)
    bar = desk.studio.tuning.bar
    usual = bar.time.text()
    bar.strength.set_current(CLOSEST)
    bar.steps.set_value(1200)
    bar.locality.setChecked(True)
    assert bar.time.text() != usual
    desk.press(Qt.Key.Key_Return, bar)
    job = desk.engine.jobs[desk.engine.job_id(TunePivot)]
    assert isinstance(job, TunePivot)
    assert (job.steps, job.stop_at, job.locality) == (1200, 0.0, True)
    assert (job.model, job.latent.name, job.portrait) == (desk.models["portrait"], "Anna", "Anna")
    assert job.source.path.name == "Anna.jpg"
    desk.engine.finish(desk.engine.job_id(TunePivot), JobOutcome.CANCELLED)
    asked(desk)
    assert bar.choices.steps == 1200  # remembered


def test_that_the_usual_is_what_was_published(desk: Desk) -> None:
    _, job = tuning(desk)
    assert (job.steps, job.stop_at, job.locality) == (TUNING_STEPS, STOP_AT, False)


def test_that_a_card_shows_the_picture_coming(desk: Desk) -> None:
    job_id, _ = tuning(desk)
    tray = desk.studio.window.parts.shelf.tray
    desk.wait_until(lambda: tray.card(job_id) is not None)
    desk.engine.progress(job_id, 0.4, "Tuning, step 30, distance 0.091", paint(desk.state, View.A))
    card = tray.card(job_id)
    assert card is not None
    desk.wait_until(lambda: "step 30" in card.text)


def test_that_the_tuned_model_becomes_a_in_one_step(desk: Desk) -> None:
    before = desk.state
    job_id, job = tuning(desk)
    result = finish(desk, job_id, job)
    desk.wait_until(lambda: desk.state.model_a == result.model)
    assert desk.state == replace(before, model_a=result.model, latent=result.latent, truncation_psi=1.0)
    assert "Tuned: Anna, 80 steps in 9 s" in desk.message()
    assert desk.studio.photos.has(result.latent.key)
    assert desk.studio.collection.model_picture(result.model.sha256) is not None
    assert desk.studio.session.undo()
    assert desk.state == before


def test_that_a_stopped_tuning_is_kept_but_not_forced_on_anybody(desk: Desk) -> None:
    before = desk.state
    job_id, job = tuning(desk)
    result = finish(desk, job_id, job, JobOutcome.CANCELLED)
    assert desk.state == before
    desk.studio.tuning.use(result)
    assert desk.state.model_a == result.model


def test_that_a_model_that_was_changed_meanwhile_stays(desk: Desk) -> None:
    job_id, job = tuning(desk)
    desk.studio.session.edit(with_models(desk.state, a=desk.models["toon"]))
    finish(desk, job_id, job)
    assert desk.state.model_a == desk.models["toon"]


def test_that_a_failure_is_told(desk: Desk) -> None:
    job_id, _ = tuning(desk)
    desk.engine.finish(job_id, JobOutcome.FAILED, error=JobError("The portrait is as near as that already."))
    desk.wait_until(lambda: "as near as that" in desk.message())


def test_that_a_seed_has_nothing_to_be_tuned_to(desk: Desk) -> None:
    desk.studio.session.edit(EditState(desk.models["portrait"], desk.models["toon"]))
    desk.studio.window.actions_["tune"].trigger()
    desk.wait_until(lambda: desk.message() == NO_PHOTO)


def test_that_a_model_that_is_gone_is_told(desk: Desk) -> None:
    desk.studio.collection.trash([(Kind.MODEL, desk.models["portrait"].sha256)])
    desk.studio.window.actions_["tune"].trigger()
    desk.wait_until(lambda: desk.message() == NO_MODEL)


def test_that_a_moved_photo_is_asked_for(desk: Desk) -> None:
    (desk.folder / "Anna.jpg").rename(desk.folder / "moved.jpg")
    desk.studio.window.actions_["tune"].trigger()
    desk.wait_until(lambda: "Anna.jpg is not in" in desk.message())


# --- carrying -------------------------------------------------------------------------------------------------------


def carrying(desk: Desk) -> PivotTuned:
    job_id, job = tuning(desk)
    result = finish(desk, job_id, job)
    desk.wait_until(lambda: desk.state.model_a == result.model)
    return result


def test_that_only_a_tuned_model_has_a_slider_for_carrying(desk: Desk) -> None:
    slider = desk.studio.window.parts.controls.blend.carry
    assert not slider.isVisible()
    carrying(desk)
    assert slider.isVisible()
    assert slider.value == 100.0
    assert "is carried into toon's layers, 100 %." in slider.toolTip()
    desk.studio.session.edit(with_models(desk.state, a=desk.models["portrait"]))
    assert not slider.isVisible()


def test_that_the_slider_carries_and_one_undo_takes_it_back(desk: Desk) -> None:
    carrying(desk)
    slider = desk.studio.window.parts.controls.blend.carry
    desk.drag(slider, [80.0, 50.0, 30.0])
    assert desk.state.blend.carry == pytest.approx(0.3, abs=0.02)
    desk.studio.session.undo()
    assert desk.state.blend.carry == 1.0
    assert slider.value == 100.0
    desk.press(Qt.Key.Key_Left, slider)
    assert desk.state.blend.carry == pytest.approx(0.99)
    slider.reset()
    assert desk.state.blend.carry == 1.0


def test_that_the_slider_rests_where_the_blend_only_fades(desk: Desk) -> None:
    carrying(desk)
    desk.studio.session.edit(with_models(desk.state, b=desk.models["portrait"]))
    slider = desk.studio.window.parts.controls.blend.carry
    assert slider.isVisible()
    assert "fades" in slider.toolTip()


def test_that_the_shelf_offers_it_for_portraits_with_a_photo(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    keys: list[str] = []
    monkeypatch.setattr(type(desk.studio.tuning), "open", lambda self, key="": keys.append(key))
    latent = desk.state.latent
    assert isinstance(latent, StoredLatent)
    desk.studio.window.parts.shelf.tune_wanted.emit(latent.key)
    assert keys == [latent.key]


def test_that_one_that_ends_as_the_window_closes_is_on_the_shelf(desk: Desk) -> None:
    job_id, job = tuning(desk)
    before = desk.state
    result = tuned(desk, job)
    desk.studio.bridge.stop(1.0)
    desk.studio.tuning._ended(JobFinished(job_id, job, JobOutcome.CANCELLED, result))
    assert desk.studio.collection.model(result.model.sha256) is not None
    assert desk.state == before

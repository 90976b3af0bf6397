"""The bar under a portrait offers a start from the model's encoder, when there is one, or says why not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from desk import Desk
from safetensors.numpy import save_file

from engine.encoder_file import METADATA_KEY, EncoderMetadata, EncoderSizes, ModelMark
from engine.framing import Framing
from engine.messages import InvertPortrait, JobOutcome, StartPoint
from engine.state import ModelRef, with_models
from gui.panels.invert_bar import InvertBar

SIZES = EncoderSizes(input_px=32, widths=(8, 8, 8, 8), features=8, w_dim=64, num_ws=10)


def give_encoder(folder: Path, model: ModelRef) -> None:
    metadata = EncoderMetadata(ModelMark(model.name, model.sha256), SIZES, Framing())
    save_file({"a": np.zeros(1, np.float32)}, folder / "encoder.safetensors", {METADATA_KEY: metadata.to_json_text()})


def aligning(desk: Desk) -> InvertBar:
    desk.studio.portraits.open(desk.folder / "me.jpg")
    desk.wait_until(lambda: desk.studio.canvas.is_aligning)
    return desk.studio.window.parts.invert_bar


def started(desk: Desk) -> InvertPortrait:
    desk.studio.window.parts.invert_bar.start.click()
    job = desk.engine.jobs[desk.engine.job_id(InvertPortrait)]
    assert isinstance(job, InvertPortrait)
    return job


def test_that_a_fitting_encoder_is_where_a_search_starts(desk: Desk) -> None:
    give_encoder(desk.folder / "nothing", desk.models["portrait"])
    bar = aligning(desk)
    assert bar.begin.isVisible()
    assert not bar.no_encoder.isVisible()
    assert started(desk).start is StartPoint.ENCODER


def test_that_the_mean_can_be_chosen_instead(desk: Desk) -> None:
    give_encoder(desk.folder / "nothing", desk.models["portrait"])
    bar = aligning(desk)
    bar.begin.set_current(StartPoint.MEAN.value)
    bar.steps.set_value(0)
    job = started(desk)
    assert job.start is StartPoint.MEAN
    assert job.steps == 1, "the mean alone is no likeness"


def test_that_no_steps_take_the_encoders_word(desk: Desk) -> None:
    give_encoder(desk.folder / "nothing", desk.models["portrait"])
    aligning(desk).steps.set_value(0)
    assert started(desk).steps == 0


def test_that_another_models_encoder_is_not_offered_and_the_reason_is_said(desk: Desk) -> None:
    give_encoder(desk.folder / "nothing", desk.models["toon"])
    bar = aligning(desk)
    assert not bar.begin.isVisible()
    assert bar.no_encoder.isVisible()
    assert bar.no_encoder.toolTip() == "The encoder belongs to “toon”; it knows nothing of “portrait”."
    assert started(desk).start is StartPoint.MEAN


def test_that_the_offer_follows_model_a(desk: Desk) -> None:
    give_encoder(desk.folder / "nothing", desk.models["toon"])
    bar = aligning(desk)
    desk.studio.session.edit(with_models(desk.state, a=desk.models["toon"]))
    assert bar.begin.isVisible()
    assert started(desk).start is StartPoint.ENCODER


def test_that_the_report_says_that_the_encoder_did_it(desk: Desk) -> None:
    give_encoder(desk.folder / "nothing", desk.models["portrait"])
    aligning(desk).steps.set_value(0)
    job = started(desk)
    job_id = desk.engine.job_id(InvertPortrait)
    desk.engine.finish(job_id, JobOutcome.DONE, desk.engine.inverted(job))
    desk.wait_until(desk.message)
    assert "by the encoder in 12.0 s" in desk.message()

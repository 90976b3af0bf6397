"""Measuring a picture of a state against the photo of its portrait."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from small_networks import random_network, small_config

from engine.backend import open_pipeline
from engine.device import DeviceChoice
from engine.errors import PortraitError
from engine.file_hash import file_sha256
from engine.imaging import to_bgrx
from engine.inversion import likeness_job
from engine.inversion.likeness_job import fitted, measure_picture
from engine.job_table import Background
from engine.latents import LatentStore
from engine.library import Library
from engine.likeness_events import LikenessMeasured, MeasureLikeness
from engine.pipeline import Pipeline
from engine.state import EditState, SeedLatent, View, with_seed


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    library = Library(tmp_path / "library.sqlite")
    yield library
    library.close()


@pytest.fixture
def pipeline(library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pipeline:
    monkeypatch.setenv("GRAFT_HOME", str(tmp_path / "home"))
    store = LatentStore(tmp_path / "latents")
    return open_pipeline(library, store, DeviceChoice("cpu", "float32", 1 << 28))


@pytest.fixture
def state(library: Library, tmp_path: Path) -> EditState:
    network, path = random_network(small_config((8, 8, 8, 6)), 3), tmp_path / "m.safetensors"
    network.save(path)
    ref = library.add_model(path, file_sha256(path), "m", network.descriptor)
    return EditState(model_a=ref, latent=SeedLatent(5))


def measured(job: MeasureLikeness, pipeline: Pipeline) -> LikenessMeasured:
    steps, answer = measure_picture(job, pipeline), None
    result: list[object] = []

    def step() -> bool:
        nonlocal answer
        try:
            item = steps.send(answer)
        except StopIteration as stop:
            result.append(stop.value)
            return False
        answer = item.call() if isinstance(item, Background) else None
        return True

    while step():
        pass
    (found,) = result
    assert isinstance(found, LikenessMeasured)
    return found


def test_that_a_picture_is_all_but_alike_to_itself(pipeline: Pipeline, state: EditState) -> None:
    target = to_bgrx(pipeline.render(state, View.A))
    likeness = measured(MeasureLikeness(state, target, View.A), pipeline).likeness
    assert likeness.pixel < 0.003, "as far as bytes can say it"
    assert likeness.edge < 0.003
    assert likeness.perceptual < 0.05
    assert likeness.perceptual_name


def test_that_another_face_is_less_alike(pipeline: Pipeline, state: EditState) -> None:
    target = to_bgrx(pipeline.render(state, View.A))
    same = measured(MeasureLikeness(state, target, View.A), pipeline).likeness
    other = measured(MeasureLikeness(with_seed(state, 6), target, View.A), pipeline).likeness
    assert other.pixel > 5 * same.pixel
    assert other.perceptual > same.perceptual


def test_that_identity_is_told_with_the_weights_that_it_needs(
    pipeline: Pipeline, state: EditState, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = to_bgrx(pipeline.render(state, View.A))
    assert measured(MeasureLikeness(state, target, View.A), pipeline).likeness.identity is None
    monkeypatch.setattr(likeness_job, "open_identity", lambda _folder: lambda _a, _b: 0.25)
    assert measured(MeasureLikeness(state, target, View.A), pipeline).likeness.identity == 0.25


def test_that_a_crop_of_another_size_is_brought_to_the_pictures() -> None:
    crop = np.zeros((64, 64, 4), np.uint8)
    crop[..., 0] = 255  # blue
    picture = fitted(crop, torch.zeros(1, 3, 32, 32))
    assert picture.shape == (1, 3, 32, 32)
    assert picture[0, :, 16, 16].tolist() == pytest.approx([-1, -1, 1], abs=1e-3)


def test_that_a_grey_network_is_compared_in_grey() -> None:
    crop = np.zeros((32, 32, 4), np.uint8)
    crop[..., 1] = 255  # green
    picture = fitted(crop, torch.zeros(1, 1, 32, 32))
    assert picture.shape == (1, 3, 32, 32)
    assert picture[0, :, 0, 0].tolist() == pytest.approx([0.174] * 3, abs=1e-3)


@pytest.mark.parametrize("shape", [(32, 16, 4), (32, 32, 3), (4, 4, 4)])
def test_that_what_is_no_square_picture_is_refused_in_words(
    pipeline: Pipeline, state: EditState, shape: tuple[int, ...]
) -> None:
    with pytest.raises(PortraitError, match="only a square picture can be compared"):
        measured(MeasureLikeness(state, np.zeros(shape, np.uint8)), pipeline)

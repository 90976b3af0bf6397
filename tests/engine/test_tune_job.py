"""The job that tunes a model to a portrait, through the real engine thread, library and store."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scripted_backend import Recorder
from small_networks import random_network, small_config

from engine.backend import TorchBackend, open_pipeline
from engine.device import DeviceChoice
from engine.errors import JobError, SpaceMismatchError, UnreadableImageError
from engine.export.network_formats import NetworkFormat
from engine.file_hash import file_sha256
from engine.framing import FacePoints
from engine.imaging import to_bgrx
from engine.latents import LatentStore
from engine.library import Library
from engine.lineage import origin_line
from engine.messages import (
    ExportNetwork,
    Job,
    JobFinished,
    JobOutcome,
    JobProgress,
    LoadModel,
    ModelLoaded,
    NetworkExported,
)
from engine.network import load_network
from engine.pivot_events import PivotTuned, TunePivot
from engine.pivot_file import read_pivot
from engine.portrait_source import PortraitSource
from engine.state import EditState, ModelRef, StoredLatent, View
from engine.worker import EngineThread

CHANNELS = (16, 16, 8, 8)


@dataclass
class Studio:
    engine: EngineThread
    recorder: Recorder
    library: Library
    store: LatentStore

    def done(self, job: Job) -> JobFinished:
        return self.recorder.wait_for_end(self.engine.submit(job))

    def result(self, job: Job) -> object:
        end = self.done(job)
        assert end.outcome is JobOutcome.DONE, end.error
        return end.result

    def tuned(self, job: TunePivot) -> PivotTuned:
        result = self.result(job)
        assert isinstance(result, PivotTuned)
        return result


@pytest.fixture(autouse=True)
def _own_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAFT_HOME", str(tmp_path / "home"))


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[Studio]:
    library, store, recorder = Library(tmp_path / "library.sqlite"), LatentStore(tmp_path / "latents"), Recorder()
    engine = EngineThread(recorder, lambda: TorchBackend(library, store, "cpu"))
    engine.start()
    yield Studio(engine, recorder, library, store)
    assert engine.stop(20.0)
    library.close()


@pytest.fixture
def model(studio: Studio, tmp_path: Path) -> ModelRef:
    random_network(small_config(CHANNELS), 1).save(tmp_path / "base.safetensors")
    loaded = studio.result(LoadModel(tmp_path / "base.safetensors"))
    assert isinstance(loaded, ModelLoaded)
    return loaded.model


@pytest.fixture
def job(studio: Studio, model: ModelRef, tmp_path: Path) -> TunePivot:
    photo = tmp_path / "photo.png"
    gradient = np.linspace(0, 255, 120, dtype=np.uint8)
    Image.fromarray(np.stack([np.tile(gradient, (90, 1))] * 3, axis=2)).save(photo)
    face = FacePoints((45.0, 40.0), (70.0, 40.0), (57.0, 65.0))
    ws = np.random.RandomState(0).randn(8, 10).astype(np.float32)
    latent = StoredLatent(studio.store.put_ws(ws), "Anna", studio.store.put_noise({3: np.ones((8, 8), np.float32)}))
    source = PortraitSource(photo, file_sha256(photo), face)
    return TunePivot(latent, model, source, "Anna tuned", "Anna", steps=12, rate=3e-3, stop_at=0.0)


def test_that_a_tuned_model_comes_onto_the_shelf(studio: Studio, model: ModelRef, job: TunePivot) -> None:
    tuned = studio.tuned(job)
    assert tuned.after.perceptual < tuned.before.perceptual
    assert tuned.after.pixel < tuned.before.pixel
    assert tuned.descriptor.tuned_from == model
    assert tuned.size_bytes == tuned.path.stat().st_size < 20_000
    assert 1 <= tuned.steps <= 12
    assert tuned.latent == StoredLatent(job.latent.key, "Anna")  # its noise maps are left out
    record = studio.library.model(tuned.model.sha256)
    assert record is not None
    assert record.descriptor.tuned_from == model
    assert record.note["lineage"][-1]["portrait"] == "Anna"
    assert origin_line(record, studio.library.models()) == "base tuned to “Anna”"


def test_that_its_picture_is_what_the_model_draws(studio: Studio, job: TunePivot) -> None:
    tuned = studio.tuned(job)
    pipeline = open_pipeline(studio.library, studio.store, DeviceChoice("cpu", "float32", 1 << 28))
    drawn = pipeline.render(EditState(tuned.model, latent=tuned.latent, truncation_psi=1.0))
    assert np.abs(to_bgrx(drawn).astype(int) - tuned.image).max() <= 1


def test_that_progress_shows_the_improving_picture(studio: Studio, job: TunePivot) -> None:
    studio.tuned(job)
    told = [event for event in studio.recorder.of(JobProgress) if event.step is not None]
    assert any(event.preview is not None for event in told)
    assert all(event.distance is not None and event.fraction is not None for event in told)


def test_that_a_tuned_model_tuned_again_stays_a_difference_to_the_first(
    studio: Studio, model: ModelRef, job: TunePivot
) -> None:
    first = studio.tuned(job)
    other = StoredLatent(studio.store.put_ws(np.random.RandomState(1).randn(8, 10).astype(np.float32)), "Bob")
    second = studio.tuned(replace(job, latent=other, model=first.model, name="Bob tuned", portrait="Bob"))
    with open(second.path, "rb") as file:
        found = read_pivot(file)
    assert found.parent == model
    assert [step["portrait"] for step in found.steps] == ["Anna", "Bob"]
    assert second.descriptor.tuned_from == model
    pipeline = open_pipeline(studio.library, studio.store, DeviceChoice("cpu", "float32", 1 << 28))
    drawn = pipeline.render(EditState(second.model, latent=second.latent, truncation_psi=1.0))
    assert np.abs(to_bgrx(drawn).astype(int) - second.image).max() <= 1


def test_that_it_loads_while_its_parent_is_in_the_trash(studio: Studio, model: ModelRef, job: TunePivot) -> None:
    tuned = studio.tuned(job)
    studio.library.trash_model(model.sha256)
    pipeline = open_pipeline(studio.library, studio.store, DeviceChoice("cpu", "float32", 1 << 28))
    assert pipeline.models.networks([tuned.model])[0].descriptor.tuned_from == model


def test_that_it_is_exported_whole(studio: Studio, job: TunePivot, tmp_path: Path) -> None:
    tuned = studio.tuned(job)
    whole = tmp_path / "whole.safetensors"
    exported = studio.result(ExportNetwork(EditState(tuned.model), whole, NetworkFormat.GRAFT, View.A))
    assert isinstance(exported, NetworkExported)
    assert whole.stat().st_size > 2 * tuned.size_bytes
    ws = torch.tensor(studio.store.ws(tuned.latent.key))[None]
    assert np.abs(to_bgrx(load_network(whole).synthesis(ws)).astype(int) - tuned.image).max() <= 1


def test_that_cancelling_keeps_the_best_so_far(studio: Studio, job: TunePivot) -> None:
    job_id = studio.engine.submit(replace(job, steps=2000))
    studio.recorder.wait(
        JobProgress, lambda event: event.job_id == job_id and (event.step or 0) >= 3
    )
    studio.engine.cancel(job_id)
    end = studio.recorder.wait_for_end(job_id)
    assert end.outcome is JobOutcome.CANCELLED
    assert isinstance(end.result, PivotTuned)
    assert end.result.after.perceptual < end.result.before.perceptual


@pytest.mark.parametrize("what", ["gone", "another", "latent", "steps"])
def test_that_what_cannot_be_tuned_is_said(studio: Studio, job: TunePivot, tmp_path: Path, what: str) -> None:
    kind: type[Exception] = JobError
    if what == "gone":
        job.source.path.unlink()
        kind = UnreadableImageError
    elif what == "another":
        Image.new("RGB", (120, 90)).save(job.source.path)
    elif what == "latent":
        other = studio.store.put_ws(np.zeros((8, 24), np.float32))
        job, kind = replace(job, latent=StoredLatent(other, "of another model")), SpaceMismatchError
    else:
        job = replace(job, steps=0)
    end = studio.done(job)
    assert end.outcome is JobOutcome.FAILED
    assert isinstance(end.error, kind), end.error
    assert len(studio.library.models()) == 1

"""Every kind of job through the real engine thread, library and store."""

from __future__ import annotations

import hashlib
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
from engine.encoder_file import EncoderMetadata, EncoderSizes, ModelMark
from engine.errors import JobError, ModelError, StorageError
from engine.export.embedded import read_recipe
from engine.framing import FacePoints, Framing, FramingKind
from engine.imaging import to_bgrx, to_rgb
from engine.inversion.encoder import build_encoder, save_encoder
from engine.latents import LatentStore
from engine.library import Library
from engine.messages import (
    BlendSaved,
    ExportStill,
    InvertPortrait,
    Job,
    JobFinished,
    JobOutcome,
    JobProgress,
    LoadModel,
    MakeThumbnail,
    ModelLoaded,
    OpenPortrait,
    PortraitInverted,
    PortraitOpened,
    RenderRequest,
    SaveBlend,
    StartPoint,
    StillExported,
    ThumbnailMade,
)
from engine.network import load_network
from engine.pipeline import Pipeline
from engine.recipe import restore_arrays
from engine.state import Blend, EditState, ModelRef, SeedLatent, StoredLatent, View
from engine.worker import EngineThread

GOLDEN = Path(__file__).parents[1] / "golden"
CHANNELS = (8, 8, 8, 6, 4)


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

    def fresh(self, state: EditState, view: View = View.BLEND) -> torch.Tensor:
        return self.pipeline().render(state, view)

    def pipeline(self) -> Pipeline:
        return open_pipeline(self.library, self.store, DeviceChoice("cpu", "float32", 1 << 28))


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
def refs(studio: Studio, tmp_path: Path) -> list[ModelRef]:
    found = []
    for seed, name in enumerate(("portrait", "toon")):
        random_network(small_config(CHANNELS), seed).save(tmp_path / f"{name}.safetensors")
        loaded = studio.result(LoadModel(tmp_path / f"{name}.safetensors"))
        assert isinstance(loaded, ModelLoaded)
        found.append(loaded.model)
    return found


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    pixels = np.random.RandomState(0).randint(0, 256, (90, 120, 3)).astype(np.uint8)
    path = tmp_path / "photo.png"
    Image.fromarray(pixels).save(path)
    return path


def face() -> FacePoints:
    return FacePoints((45.0, 40.0), (70.0, 40.0), (57.0, 65.0))


def test_that_a_foreign_model_is_loaded_shelved_and_can_be_shown(studio: Studio) -> None:
    path = GOLDEN / "sg2ada_64" / "net.pkl"
    loaded = studio.result(LoadModel(path))
    assert isinstance(loaded, ModelLoaded)
    assert (loaded.descriptor.img_resolution, loaded.model.name) == (64, "net")
    state = EditState(loaded.model, latent=SeedLatent(1), truncation_psi=1.0)
    studio.engine.request_preview(RenderRequest(1, state, full=True))
    frame = studio.recorder.wait_for_frame(1)
    network = load_network(path)
    z = torch.from_numpy(np.random.RandomState(1).randn(1, network.descriptor.z_dim))
    exact = to_bgrx(network.synthesis(network.mapping(z)))
    assert np.abs(frame.image.astype(int) - exact).mean() < 1.0


def test_that_a_file_which_is_no_model_fails_with_its_reason(studio: Studio, photo: Path) -> None:
    end = studio.done(LoadModel(photo))
    assert end.outcome is JobOutcome.FAILED
    assert isinstance(end.error, ModelError)
    assert studio.library.models() == ()


def test_that_an_exported_still_brings_its_picture_back(studio: Studio, refs: list[ModelRef], tmp_path: Path) -> None:
    ws = np.random.RandomState(3).randn(10, 10).astype(np.float32)
    latent = StoredLatent(studio.store.put_ws(ws), "Ada Private")
    state = EditState(*refs, latent=latent, blend=Blend(width=1.0, alpha=0.8))
    path = tmp_path / "still.png"
    exported = studio.result(ExportStill(state, path))
    assert isinstance(exported, StillExported)
    assert exported.size_px == (64, 64)
    pixels = np.asarray(Image.open(path))
    recipe = read_recipe(path)
    elsewhere = Studio(studio.engine, studio.recorder, studio.library, LatentStore())
    again = elsewhere.fresh(restore_arrays(recipe, elsewhere.store), recipe.view)
    assert np.array_equal(pixels, to_rgb(again))
    assert b"Private" not in path.read_bytes()
    assert [step.text for step in studio.recorder.of(JobProgress)][-1] == "Writing still.png"


def test_that_a_still_shows_the_view_that_was_asked_for(studio: Studio, refs: list[ModelRef], tmp_path: Path) -> None:
    state = EditState(*refs)
    studio.result(ExportStill(state, tmp_path / "b.png", View.B))
    assert np.array_equal(np.asarray(Image.open(tmp_path / "b.png")), to_rgb(studio.fresh(state, View.B)))


def test_that_an_unknown_format_is_refused_before_anything_is_drawn(
    studio: Studio, refs: list[ModelRef], tmp_path: Path
) -> None:
    end = studio.done(ExportStill(EditState(*refs), tmp_path / "still.bmp"))
    assert isinstance(end.error, StorageError)
    assert not [step for step in studio.recorder.of(JobProgress) if step.text == "Rendering"]


def test_that_thumbnails_are_small_pictures_of_the_state(studio: Studio, refs: list[ModelRef]) -> None:
    state = EditState(*refs)
    made = studio.result(MakeThumbnail(state, "tag-7", 32))
    assert isinstance(made, ThumbnailMade)
    assert (made.tag, made.image.shape) == ("tag-7", (32, 32, 4))
    whole = to_bgrx(studio.fresh(state)).astype(float)
    small = whole.reshape(32, 2, 32, 2, 4).mean(axis=(1, 3))
    assert np.corrcoef(small[..., :3].ravel(), made.image[..., :3].ravel())[0, 1] > 0.9


def test_that_a_saved_blend_is_a_model_that_shows_the_same(
    studio: Studio, refs: list[ModelRef], tmp_path: Path
) -> None:
    state = EditState(*refs, blend=Blend(8, width=0.7, alpha=0.9))
    saved = studio.result(SaveBlend(state, tmp_path / "grafted.safetensors"))
    assert isinstance(saved, BlendSaved)
    assert saved.model.name == "grafted"
    alone = EditState(saved.model, latent=state.latent)
    assert torch.equal(studio.fresh(alone), studio.fresh(state))


def test_that_without_b_there_is_no_blend_to_save(studio: Studio, refs: list[ModelRef], tmp_path: Path) -> None:
    end = studio.done(SaveBlend(EditState(refs[0]), tmp_path / "grafted.safetensors"))
    assert isinstance(end.error, ModelError)
    assert "no blend to save" in end.error.user_message


def test_that_a_portrait_is_opened_in_the_background(studio: Studio, photo: Path) -> None:
    opened = studio.result(OpenPortrait(photo))
    assert isinstance(opened, PortraitOpened)
    assert opened.size_px == (120, 90)
    assert (opened.preview[0, 0, 2::-1] == np.asarray(Image.open(photo))[0, 0]).all()


def test_that_an_inverted_portrait_is_a_latent_like_any_other(
    studio: Studio, refs: list[ModelRef], photo: Path
) -> None:
    inverted = studio.result(InvertPortrait(photo, face(), refs[0], "Ada", steps=3))
    assert isinstance(inverted, PortraitInverted)
    assert (inverted.latent.name, inverted.steps, inverted.model) == ("Ada", 3, refs[0])
    assert inverted.target.shape == inverted.image.shape == (64, 64, 4)
    assert 0.0 < inverted.likeness.pixel <= 1.0
    assert 0.0 < inverted.likeness.edge <= 1.0
    assert inverted.likeness.perceptual_name
    assert inverted.source.path == photo
    assert inverted.source.sha256 == hashlib.sha256(photo.read_bytes()).hexdigest()
    shown = to_bgrx(studio.fresh(EditState(refs[0], latent=inverted.latent, truncation_psi=1.0)))
    assert np.abs(shown.astype(int) - inverted.image.astype(int)).max() <= 2
    steps = [step for step in studio.recorder.of(JobProgress) if isinstance(step.job, InvertPortrait)]
    assert any(step.preview is not None and step.preview.shape[-1] == 4 for step in steps)
    assert steps[-1].fraction == 1.0


def give_encoder(tmp_path: Path, ref: ModelRef) -> None:
    sizes = EncoderSizes(input_px=32, widths=(8, 8, 8, 8), features=8, w_dim=10, num_ws=10)
    folder = tmp_path / "home" / "data" / "weights"
    folder.mkdir(parents=True, exist_ok=True)
    metadata = EncoderMetadata(ModelMark(ref.name, ref.sha256), sizes, Framing())
    save_encoder(folder / "encoder-mine.safetensors", build_encoder(sizes), metadata)


def test_that_a_models_encoder_gives_the_first_picture(
    studio: Studio, refs: list[ModelRef], photo: Path, tmp_path: Path
) -> None:
    give_encoder(tmp_path, refs[0])
    inverted = studio.result(InvertPortrait(photo, face(), refs[0], "Ada", steps=0))
    assert isinstance(inverted, PortraitInverted)
    assert (inverted.start, inverted.steps) == (StartPoint.ENCODER, 0)
    steps = [step for step in studio.recorder.of(JobProgress) if step.preview is not None]
    assert [step.text for step in steps] == ["Found by the encoder"]
    assert np.array_equal(steps[0].preview, inverted.image)
    shown = to_bgrx(studio.fresh(EditState(refs[0], latent=inverted.latent, truncation_psi=1.0)))
    assert np.abs(shown.astype(int) - inverted.image.astype(int)).max() <= 2


def test_that_another_models_encoder_is_left_alone_or_refused_when_asked_for(
    studio: Studio, refs: list[ModelRef], photo: Path, tmp_path: Path
) -> None:
    give_encoder(tmp_path, refs[0])
    inverted = studio.result(InvertPortrait(photo, face(), refs[1], "Ada", steps=1))
    assert isinstance(inverted, PortraitInverted)
    assert inverted.start is StartPoint.MEAN
    for job, said in (
        (InvertPortrait(photo, face(), refs[1], "Ada", start=StartPoint.ENCODER), "knows nothing of “toon”"),
        (InvertPortrait(photo, face(), refs[1], "Ada", steps=0), "Without steps"),
    ):
        end = studio.done(job)
        assert isinstance(end.error, JobError)
        assert said in end.error.user_message


def test_that_earlier_steps_of_a_search_can_be_taken_and_gone_on_from(
    studio: Studio, refs: list[ModelRef], photo: Path
) -> None:
    first = studio.result(InvertPortrait(photo, face(), refs[0], "Ada", steps=9, editability=0.25))
    assert isinstance(first, PortraitInverted)
    told = [step for step in studio.recorder.of(JobProgress) if step.latent is not None]
    assert [step.step for step in told] == [1, 7]
    for step in told:
        assert step.latent is not None
        assert step.latent.name == "Ada"
        assert step.preview is not None
        shown = to_bgrx(studio.fresh(EditState(refs[0], latent=step.latent, truncation_psi=1.0)))
        assert np.abs(shown.astype(int) - step.preview.astype(int)).max() <= 2
    further = InvertPortrait(photo, face(), refs[0], "Ada", steps=0, start=StartPoint.FOUND, begin_at=told[1].latent)
    found = studio.result(further)
    assert isinstance(found, PortraitInverted)
    assert (found.start, found.steps, found.encoder) == (StartPoint.FOUND, 0, "")
    assert np.abs(found.image.astype(int) - told[1].preview.astype(int)).max() <= 2
    end = studio.done(replace(further, begin_at=None))
    assert isinstance(end.error, JobError)
    assert "no latent to go on from" in end.error.user_message


def test_that_a_damaged_encoder_does_not_stop_a_search_from_the_mean(
    studio: Studio, refs: list[ModelRef], photo: Path, tmp_path: Path
) -> None:
    give_encoder(tmp_path, refs[0])
    path = tmp_path / "home" / "data" / "weights" / "encoder-mine.safetensors"
    path.write_bytes(path.read_bytes()[:-40] + bytes([255, 255]) * 20)  # values that are no numbers
    end = studio.done(InvertPortrait(photo, face(), refs[0], "Ada", steps=1, start=StartPoint.ENCODER))
    assert isinstance(end.error, ModelError)
    inverted = studio.result(InvertPortrait(photo, face(), refs[0], "Ada", steps=1, start=StartPoint.MEAN))
    assert isinstance(inverted, PortraitInverted)
    assert inverted.start is StartPoint.MEAN


def test_that_a_cancelled_inversion_gives_the_best_so_far_and_drags_stay_live(
    studio: Studio, refs: list[ModelRef], photo: Path
) -> None:
    job_id = studio.engine.submit(InvertPortrait(photo, face(), refs[0], "Ada", steps=5000))
    studio.recorder.wait(JobProgress, lambda step: step.job_id == job_id and step.preview is not None)
    for generation in range(1, 4):
        studio.engine.request_preview(RenderRequest(generation, EditState(*refs, latent=SeedLatent(generation))))
        studio.recorder.wait_for_frame(generation)
    studio.engine.cancel(job_id)
    end = studio.recorder.wait_for_end(job_id)
    assert end.outcome is JobOutcome.CANCELLED
    assert isinstance(end.result, PortraitInverted)
    assert 0 < end.result.steps < 5000
    assert studio.store.has(end.result.latent.key)


def test_that_the_models_own_framing_is_used_for_the_crop(
    studio: Studio, refs: list[ModelRef], photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[Framing] = []

    def cut(path: Path, points: FacePoints, framing: Framing, size_px: int) -> np.ndarray:
        used.append(framing)
        return np.zeros((size_px, size_px, 3), np.uint8)

    monkeypatch.setattr("engine.inversion.portraits.cut_portrait", cut)
    record = studio.library.model(refs[0].sha256)
    assert record is not None
    framing = Framing(FramingKind.EYES)
    studio.library.add_model(record.path, refs[0].sha256, "portrait", replace(record.descriptor, framing=framing))
    studio.done(InvertPortrait(photo, face(), refs[0], "Ada", steps=1))
    assert used == [framing]

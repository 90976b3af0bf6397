"""Passes over real networks, and the engine thread with all of it."""

from __future__ import annotations

import threading
from collections.abc import Generator
from pathlib import Path

import numpy as np
import pytest
import torch
from scripted_backend import PATIENCE_S, Recorder
from shelf import Shelf
from torch import Tensor

from engine.backend import SynthesisPass, TorchBackend
from engine.errors import OutOfMemoryError
from engine.exit_colours import ExitColour, ExitColours, ExitColourShelf
from engine.imaging import to_bgrx
from engine.latents import LatentStore
from engine.messages import EngineReady, Frame, MakeThumbnail, Pixels, RenderFailed, RenderRequest
from engine.model_group import ModelGroup
from engine.models import ModelPool
from engine.pipeline import Pipeline
from engine.stage_cache import StageCache
from engine.state import EditState, ModelRef, SeedLatent, View, with_alpha, with_seed
from engine.worker import EngineThread, Shot

MIB = 1 << 20
CHANNELS_256 = (4, 4, 4, 4, 4, 4, 4)
LONG_S = 1000.0


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    return Shelf(tmp_path_factory.mktemp("shelf"))


@pytest.fixture(scope="module")
def model(shelf: Shelf) -> ModelRef:
    return shelf.put("large", seed=1, channels=CHANNELS_256)


@pytest.fixture(scope="module")
def partner(shelf: Shelf) -> ModelRef:
    return shelf.put("partner", seed=2, channels=CHANNELS_256)


@pytest.fixture
def pipeline(shelf: Shelf) -> Pipeline:
    stages, pictures = StageCache(64 * MIB), StageCache(16 * MIB)
    return Pipeline(ModelPool(shelf, "cpu", 64 * MIB), LatentStore(), stages, pictures=pictures)


def begun(pipeline: Pipeline, state: EditState, largest_px: int | None = None) -> SynthesisPass:
    return SynthesisPass(pipeline, pipeline.resolve(state), View.BLEND, largest_px)


def is_close(shown: Pixels, exact: Tensor) -> bool:
    """Whether a preview is the picture, as far as the eye can tell: 40 dB."""
    error = shown.astype(np.float64) - to_bgrx(exact)
    return float(np.square(error).mean()) < 255.0**2 / 10**4.0


def slow_from(pipeline: Pipeline, state: EditState, first_slow: int) -> None:
    """Make the pipeline believe that it has measured this."""
    assert state.model_a is not None
    (network,) = pipeline.models.networks([state.model_a])
    shape = tuple(layer.channels for layer in network.descriptor.layers)
    for index in range(7):
        for _ in range(2):
            pipeline.clock.took(shape, index, False, LONG_S if index >= first_slow else 0.0)


def test_that_a_picture_within_the_budget_comes_at_once_in_full(pipeline: Pipeline, model: ModelRef) -> None:
    shot = begun(pipeline, EditState(model)).preview(LONG_S)
    assert (shot.is_final, shot.size_px, shot.full_size_px) == (True, 256, 256)
    assert is_close(shot.image, pipeline.render(EditState(model)))


@pytest.mark.parametrize(("first_slow", "shown_px"), [(0, 64), (5, 64), (6, 128)])
def test_that_a_late_picture_is_shown_coarse_and_goes_on_to_the_same_full_one(
    pipeline: Pipeline, model: ModelRef, first_slow: int, shown_px: int
) -> None:
    state = EditState(model, latent=SeedLatent(4))
    slow_from(pipeline, state, first_slow)
    one = begun(pipeline, state)
    coarse = one.preview(60.0)
    assert (coarse.is_final, coarse.size_px, coarse.full_size_px) == (False, shown_px, 256)
    assert coarse.image.shape == (shown_px, shown_px, 4)
    steps = one.refine()
    yields = 0
    while True:
        try:
            next(steps)
            yields += 1
        except StopIteration as stop:
            fine = stop.value
            break
    assert yields == {64: 1, 128: 0}[shown_px]  # between two blocks
    assert (fine.is_final, fine.size_px) == (True, 256)
    assert is_close(fine.image, pipeline.render(state))


def climbed(steps: Generator[Shot | None, None, Shot]) -> list[Shot]:
    """Every picture that a refine shows."""
    shown = []
    while True:
        try:
            shot = next(steps)
        except StopIteration as stop:
            return [*shown, stop.value]
        if shot is not None:
            shown.append(shot)


def test_that_a_refine_shows_every_size_that_is_seen_for_a_while(pipeline: Pipeline, model: ModelRef) -> None:
    state = EditState(model, latent=SeedLatent(4))
    slow_from(pipeline, state, 4)
    one = begun(pipeline, state)
    assert one.preview(0.0).size_px == 64
    shots = climbed(one.refine())
    assert [(shot.size_px, shot.is_final) for shot in shots] == [(128, False), (256, True)]
    assert all(shot.image.shape == (shot.size_px, shot.size_px, 4) for shot in shots)


def test_that_a_refine_does_not_stop_for_pictures_that_nobody_would_see(pipeline: Pipeline, model: ModelRef) -> None:
    state = EditState(model, latent=SeedLatent(4))
    quick = begun(pipeline, state)
    assert quick.preview(-1.0).size_px == 64  # nothing is measured yet, and no time is left
    slow_from(pipeline, state, 7)
    assert [shot.size_px for shot in climbed(quick.refine())] == [256]
    slow_from(pipeline, state, 4)
    small = begun(pipeline, with_seed(state, 5), 64)
    assert small.preview(0.0).size_px == 64
    assert [shot.size_px for shot in climbed(small.refine())] == [256], "64 px fill the canvas"


def test_that_a_refine_goes_on_where_its_preview_stopped(
    pipeline: Pipeline, model: ModelRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when nothing can be kept."""
    pipeline.cache.budget_bytes = 0
    state = EditState(model, latent=SeedLatent(4))
    slow_from(pipeline, state, 5)
    blocks = run_blocks(monkeypatch)
    one = begun(pipeline, state)
    one.preview(0.0)
    climbed(one.refine())
    assert blocks == [0, 1, 2, 3, 4, 5, 6]


def run_blocks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Blocks, as they are run from now on."""
    ran: list[int] = []
    run_block = ModelGroup.run_block

    def counted(pair: ModelGroup, index: int, *args: object, **options: object) -> object:
        ran.append(index)
        return run_block(pair, index, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(ModelGroup, "run_block", counted)
    return ran


def test_that_a_finished_picture_comes_back_as_it_was_without_being_drawn_or_converted(
    pipeline: Pipeline, model: ModelRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = begun(pipeline, EditState(model)).preview(LONG_S)
    assert begun(pipeline, EditState(model, latent=SeedLatent(9))).is_ready is False
    pipeline.cache.clear()
    ran = run_blocks(monkeypatch)
    again = begun(pipeline, EditState(model), 64)
    assert again.is_ready
    shot = again.preview(0.0)
    assert shot.image is first.image
    assert (shot.is_final, shot.size_px, shot.full_size_px) == (True, 256, 256)
    assert not shot.image.flags.writeable
    assert ran == []


def test_that_a_finished_picture_is_kept_as_bytes_only(pipeline: Pipeline, model: ModelRef) -> None:
    one = begun(pipeline, EditState(model))
    one.preview(LONG_S)
    assert pipeline.pictures.used_bytes == 256 * 256 * 4
    assert one._synthesis.keys[-1] not in pipeline.cache
    assert one._synthesis.keys[-2] in pipeline.cache


# --- memory that runs out -----------------------------------------------------------------------------------------


def fail_from(monkeypatch: pytest.MonkeyPatch, index: int) -> None:
    """Let blocks from here up find no memory."""
    run_block = ModelGroup.run_block

    def failing(pair: ModelGroup, at: int, *args: object, **options: object) -> object:
        if at >= index:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return run_block(pair, at, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(ModelGroup, "run_block", failing)


@pytest.mark.parametrize("budget_s", [LONG_S, 0.0], ids=["in a preview", "in a refine"])
def test_that_a_picture_too_large_for_memory_is_shown_smaller_and_says_so(
    shelf: Shelf, model: ModelRef, partner: ModelRef, monkeypatch: pytest.MonkeyPatch, budget_s: float
) -> None:
    fail_from(monkeypatch, 6)
    recorder = Recorder()
    engine = EngineThread(
        recorder, lambda: TorchBackend(shelf, LatentStore(), "cpu"), preview_budget_s=budget_s, refine_after_s=0.0
    )
    engine.request_preview(RenderRequest(1, EditState(model), size_px=256))
    engine.start()
    small = recorder.wait_for_frame(1)
    assert (small.size_px, small.full_size_px) == (128, 256)
    assert "Not enough memory for 256 px; shown at 128 px." in small.warnings
    engine.request_preview(RenderRequest(2, with_seed(EditState(model), 2), size_px=256))
    assert recorder.wait_for_frame(2).size_px == 128
    assert recorder.of(RenderFailed) == []
    monkeypatch.undo()
    engine.request_preview(RenderRequest(3, EditState(partner), size_px=256))
    other = recorder.wait_for_frame(3)
    assert (other.size_px, other.warnings) == (256, ()), "of other models nothing is known"
    assert engine.stop()


def test_that_memory_too_short_for_the_smallest_picture_is_an_error(
    shelf: Shelf, model: ModelRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_from(monkeypatch, 4)
    recorder = Recorder()
    engine = EngineThread(recorder, lambda: TorchBackend(shelf, LatentStore(), "cpu"))
    engine.request_preview(RenderRequest(1, EditState(model)))
    engine.start()
    assert type(recorder.wait_for_failure(1).error) is OutOfMemoryError
    assert engine.stop()


def test_that_a_preview_need_not_be_larger_than_the_canvas(pipeline: Pipeline, model: ModelRef) -> None:
    shot = begun(pipeline, EditState(model), 100).preview(LONG_S)
    assert (shot.is_final, shot.size_px) == (False, 128)


def test_that_a_network_without_pictures_on_the_way_is_shown_in_full(shelf: Shelf, pipeline: Pipeline) -> None:
    state = EditState(shelf.put("resnet", seed=3, channels=CHANNELS_256, architecture="resnet"))
    slow_from(pipeline, state, 0)
    assert begun(pipeline, state).preview(0.0).is_final


def test_that_blocks_are_timed(pipeline: Pipeline, model: ModelRef) -> None:
    assert begun(pipeline, EditState(model))._synthesis.next_block_s() == 0.0
    begun(pipeline, EditState(model)).preview(LONG_S)
    for stop in range(6):
        synthesis = pipeline.start(pipeline.resolve(EditState(model, latent=SeedLatent(1))), fresh=True)
        for _ in range(stop):
            synthesis.step()
        assert 0.0 < synthesis.next_block_s() < PATIENCE_S


def test_that_the_real_engine_follows_a_drag_to_its_last_value(
    shelf: Shelf, model: ModelRef, partner: ModelRef
) -> None:
    recorder = Recorder()
    before = set(threading.enumerate())
    engine = EngineThread(recorder, lambda: TorchBackend(shelf, LatentStore(), "cpu"))
    engine.start()
    state = EditState(model, partner)
    for generation in range(1000):
        state = with_alpha(state, generation / 999)
        engine.request_preview(RenderRequest(generation, state, (View.BLEND, View.A)))
    last = recorder.wait(Frame, lambda frame: frame.view is View.BLEND and frame.generation == 999 and frame.is_final)
    alone = recorder.wait(Frame, lambda frame: frame.view is View.A and frame.generation == 999 and frame.is_final)
    assert engine.stop()
    assert set(threading.enumerate()) <= before
    assert recorder.wait(EngineReady).device == "cpu"
    assert recorder.generations == sorted(recorder.generations)
    assert torch.is_grad_enabled()  # here, whatever the engine's own thread does
    fresh = Pipeline(ModelPool(shelf, "cpu", 64 * MIB), LatentStore(), StageCache(0))
    assert is_close(last.image, fresh.render(state))
    assert is_close(alone.image, fresh.render(state, View.A))
    assert any("unrelated" in warning for warning in last.warnings)


def test_that_a_missing_model_is_told_and_the_next_request_served(shelf: Shelf, model: ModelRef) -> None:
    recorder = Recorder()
    engine = EngineThread(recorder, lambda: TorchBackend(shelf, LatentStore(), "cpu"))
    engine.start()
    engine.request_preview(RenderRequest(1, EditState(ModelRef("0" * 64, "gone"))))
    assert "“gone”" in recorder.wait_for_failure(1).error.user_message
    engine.request_preview(RenderRequest(2, EditState(model)))
    recorder.wait_for_frame(2)
    assert engine.stop()


def test_that_views_without_b_are_all_model_a(shelf: Shelf, model: ModelRef, tmp_path: Path) -> None:
    recorder = Recorder()
    engine = EngineThread(recorder, lambda: TorchBackend(shelf, LatentStore(tmp_path), "cpu"))
    engine.request_preview(RenderRequest(1, EditState(model), tuple(View), full=True))
    engine.start()
    for view in View:
        recorder.wait(Frame, lambda frame, view=view: frame.view is view and frame.is_final)
    assert engine.stop()
    finals = [frame.image for frame in recorder.of(Frame) if frame.is_final]
    assert all(np.array_equal(image, finals[0]) for image in finals)
    assert not any(image.flags.writeable for image in finals), "they may be shown again"


def test_that_a_thumbnail_from_a_lower_block_has_the_colours_of_the_whole_picture(shelf: Shelf) -> None:
    ref = shelf.put("larger", seed=4, channels=(*CHANNELS_256, 4))
    same, grey = ExitColour((1.0,) * 3, (0.0,) * 3), ExitColour((0.0,) * 3, (0.5,) * 3)
    colours = ExitColourShelf(None)
    colours.put(ref.sha256, ExitColours((*(same,) * 6, grey)))  # the last block paints everything grey
    backend = TorchBackend(shelf, LatentStore(), "cpu", exit_colours=colours)
    steps = backend.begin(MakeThumbnail(EditState(ref), "tag", 64))
    while True:
        try:
            next(steps)
        except StopIteration as end:
            made = end.value
            break
    backend.close()
    assert np.unique(made.image[..., :3]).tolist() == [191]

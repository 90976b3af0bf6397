"""The pipeline on a device that is told what to do and does it later, without such a device."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import pytest
import torch
from scripted_backend import PATIENCE_S, Recorder
from shelf import Shelf
from test_preview_graphs import TapeCapture

from engine.backend import TorchBackend
from engine.errors import DeviceLostError
from engine.imaging import to_bgrx
from engine.latents import LatentStore
from engine.messages import Frame, RenderRequest
from engine.model_group import ModelGroup
from engine.models import ModelPool
from engine.pipeline import Pipeline
from engine.stage_cache import StageCache
from engine.state import EditState, with_alpha, with_seed
from engine.synthesis import QUICK_BLOCK_S
from engine.worker import EngineThread


class Waits:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        monkeypatch.setattr("engine.synthesis.wait_for", self)

    def __call__(self, device: str) -> None:
        assert device == "cuda"
        self.count += 1


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path)


@pytest.fixture
def pipeline(shelf: Shelf) -> Pipeline:
    return Pipeline(ModelPool(shelf, "cpu", 1 << 30), LatentStore(), StageCache(0))


def draw(pipeline: Pipeline, shelf: Shelf, device: str, *, exact: bool = False) -> int:
    edit = pipeline.resolve(EditState(model_a=shelf.put("a")))
    pipeline.models.device = device  # what is loaded stays where it is
    synthesis = pipeline.start(edit, exact=exact)
    while not synthesis.done:
        synthesis.step()
    return synthesis.index


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_that_blocks_of_unknown_time_are_waited_for_where_they_run_behind_our_back(
    device: str, pipeline: Pipeline, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = Waits(monkeypatch)
    monkeypatch.setattr(pipeline.clock, "expected_s", lambda *block: 0.0)
    blocks = draw(pipeline, shelf, device)
    assert waits.count == (0 if device == "cpu" else blocks)


def test_that_only_slow_blocks_are_waited_for_and_timed(
    pipeline: Pipeline, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = Waits(monkeypatch)
    timed: list[int] = []
    monkeypatch.setattr(
        pipeline.clock, "expected_s", lambda shape, index, mixed: QUICK_BLOCK_S * (2.0 if index >= 3 else 0.5)
    )
    monkeypatch.setattr(pipeline.clock, "took", lambda shape, index, mixed, seconds: timed.append(index))
    draw(pipeline, shelf, "cuda")
    assert timed == [3, 4]
    assert waits.count == 2


def test_that_exports_are_neither_waited_for_nor_timed(
    pipeline: Pipeline, shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = Waits(monkeypatch)
    draw(pipeline, shelf, "cuda", exact=True)
    assert waits.count == 0


@pytest.fixture
def tape(monkeypatch: pytest.MonkeyPatch) -> TapeCapture:
    """All blocks are recorded, as they are on CUDA."""
    capture = TapeCapture()
    monkeypatch.setattr("engine.preview.blocks.capture_on", lambda device: capture)
    return capture


def test_that_the_engine_follows_a_drag_on_recorded_blocks(shelf: Shelf, tape: TapeCapture) -> None:
    a, b = shelf.put("a", seed=1), shelf.put("b", seed=2)
    recorder = Recorder()
    engine = EngineThread(recorder, lambda: TorchBackend(shelf, LatentStore(), "cpu"))
    engine.start()
    state = EditState(a, b)
    for generation in range(6):
        state = with_seed(with_alpha(state, 0.1 + 0.1 * generation), generation)
        engine.request_preview(RenderRequest(generation, state, full=True))
        last = recorder.wait_for_frame(generation)
    assert engine.stop()
    assert tape.replays >= 5
    plain = TorchBackend(shelf, LatentStore(), "cpu")._pipeline.render(state)
    error = last.image.astype(float) - to_bgrx(plain)
    assert abs(error).mean() < 1.0


def test_that_recordings_are_let_go_with_all_other_memory(shelf: Shelf, tape: TapeCapture) -> None:
    backend = TorchBackend(shelf, LatentStore(), "cpu")
    state = EditState(shelf.put("a"))
    for seed in range(3):
        for one in backend.passes(RenderRequest(seed, with_seed(state, seed), full=True)):
            one.preview(PATIENCE_S)
    del one
    (pair,) = backend._pipeline._groups.values()
    assert pair.held_bytes > 0
    preview = weakref.ref(pair._preview)
    del pair
    backend.release_memory()
    gc.collect()
    assert preview() is None
    assert backend._pipeline.models.used_bytes == 0


def test_that_a_lost_device_is_told_with_a_way_out_and_ends_nothing_else(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*args: object, **options: object) -> None:
        raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")

    recorder = Recorder()
    engine = EngineThread(recorder, lambda: TorchBackend(shelf, LatentStore(), "cpu"))
    engine.start()
    state = EditState(shelf.put("a"))
    monkeypatch.setattr(ModelGroup, "run_block", lost)
    for generation in range(2):
        engine.request_preview(RenderRequest(generation, state))
        error = recorder.wait_for_failure(generation).error
        assert isinstance(error, DeviceLostError)
        assert "GRAFT_DEVICE=cpu" in error.hint
    assert recorder.of(Frame) == []
    assert engine.stop()

"""The pipeline on a device that is told what to do and does it later, without such a device."""

from __future__ import annotations

from pathlib import Path

import pytest
from shelf import Shelf

from engine.latents import LatentStore
from engine.models import ModelPool
from engine.pipeline import QUICK_BLOCK_S, Pipeline
from engine.stage_cache import StageCache
from engine.state import EditState


class Waits:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        monkeypatch.setattr("engine.pipeline.wait_for", self)

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

"""A real training from the window's controls: killed, taken up again, and its model blended with."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from window import Graft

from engine.state import View
from engine.training.freezing import frozen_discriminator_layers
from engine.training.session import _config
from engine.training_process import end_at_once
from engine.training_runs import RunState
from gui.training.goals import Goal, settings_of, suggested

OpenGraft = Callable[[str], Graft]
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "discs"
    folder.mkdir()
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:32, 0:32] - 15.5
    for number in range(24):
        picture = np.full((32, 32, 3), rng.integers(0, 255, 3), np.uint8)
        picture[x**2 + y**2 < rng.uniform(30, 200)] = rng.integers(0, 255, 3)
        Image.fromarray(picture).save(folder / f"{number}.png")
    return folder


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
def test_that_a_killed_training_goes_on_and_its_model_can_be_blended_with(
    open_home: OpenGraft, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAFT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    graft = open_home("home")
    training = graft.studio.training
    training.watch.nice = 0  # other programs must not make a test late
    graft.studio.window.actions_["train"].trigger()
    window, setup, page = training.window, training.window.setup, training.window.page
    setup.choose_folder(pictures)
    graft.wait_until(lambda: "24 pictures" in setup.pictures.caption)
    setup.goal.card(Goal.NOTHING).click()
    setup.advanced.new_size.setCurrentText("32 px")
    setup.advanced.capacity.setCurrentText("Small, quick")
    setup.advanced.batch.set_value(4)
    setup.advanced.more.setText("checkpoint_images=8 sheet_images=8 metric_images=0")
    setup.images.set_value(100_000)
    setup.start.click()
    run = training.watch.folder
    assert run is not None
    try:
        graft.wait_until(lambda: page.run is not None and page.run.story.saved_images >= 8)
        os.kill(json.loads((run / "trainer.json").read_text())["pid"], signal.SIGKILL)
        graft.wait_until(lambda: page.run is not None and page.run.state is RunState.INTERRUPTED)
        assert page.run is not None
        saved = page.run.story.saved_images
        assert f"It can go on from {saved} images." in page.sentence.text()
        page.until.set_value(saved + 12)
        page.go_on.click()
        graft.wait_until(lambda: page.run is not None and page.run.state is RunState.DONE)
        assert page.run.story.started is not None
        # A checkpoint may be written, and the trainer killed before it could tell: then it goes on from that one.
        assert page.run.story.started.images_seen in (saved, saved + 8)
        graft.wait_until(lambda: graft.message() == "“discs” is trained and on the shelf.")
    finally:
        end_at_once(run)
    assert page.sheet.sheet is not None
    graft.wait_until(lambda: page.losses.is_drawn and page.distance.is_drawn)
    page.use.click()
    graft.wait_until(lambda: graft.state.model_b is not None and graft.state.model_b.name == "discs")
    record = graft.studio.collection.model(graft.state.model_b.sha256 if graft.state.model_b else None)
    assert record is not None
    assert record.descriptor.img_resolution == 32
    assert [step["step"] for step in record.note["lineage"]] == ["train"]
    assert record.note["lineage"][0]["images"] == saved + 12
    graft.wait_until(lambda: (frame := graft.studio.viewer.frame(View.B)) is not None and frame.full_size_px == 32)
    window.close()


@pytest.mark.parametrize("goal", list(Goal))
@pytest.mark.parametrize("resolution", [16, 64, 256, 1024])
@pytest.mark.parametrize("pictures_count", [0, 100, 5_000, 50_000])
@pytest.mark.parametrize("has_opponent", [False, True])
def test_that_the_trainer_accepts_what_every_goal_means(
    goal: Goal, resolution: int, pictures_count: int, has_opponent: bool
) -> None:
    choices = suggested(goal, resolution, pictures_count, has_opponent=has_opponent)
    settings = settings_of(choices, goal)
    config = _config(settings)
    assert {name: getattr(config, name) for name in settings} == settings
    sizes = tuple(1 << power for power in range(resolution.bit_length() - 1, 1, -1))
    frozen_discriminator_layers(sizes, config.frozen_discriminator_layers)
    assert config.frozen_below < resolution

"""A real model, measured by the real verb from the window's controls."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_networks import random_network, small_config
from window import Graft

OpenGraft = Callable[[str], Graft]
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")


def test_that_a_model_is_measured_against_pictures_and_looked_through_for_copies(
    open_home: OpenGraft, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAFT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    pictures = tmp_path / "blots"
    pictures.mkdir()
    rng = np.random.default_rng(0)
    for number in range(24):
        small = Image.fromarray(rng.integers(0, 255, (4, 4, 3), np.uint8))
        small.resize((32, 32), Image.Resampling.BICUBIC).save(pictures / f"{number}.png")
    random_network(small_config((6, 6, 4, 4))).save(tmp_path / "small.safetensors")
    graft = open_home("home")
    graft.studio.opener.add_model(tmp_path / "small.safetensors")
    graft.wait_until(lambda: any(record.ref.name == "small" for record in graft.studio.collection.models()))
    flow = graft.studio.measuring
    flow.nice = 0  # other programs must not make a test late
    graft.studio.window.actions_["measure"].trigger()
    window, results = flow.window, flow.window.results
    window.model.setCurrentText("small, 32 px")
    window.data.choose(pictures)
    window.originals.choose(pictures)
    window.samples.set_value(100)
    window.start.click()
    graft.wait_until(lambda: not flow.process.is_at_work)
    assert results.state.text().startswith("Measured small in"), results.state.text()
    assert all(label.text() != "\N{EN DASH}" for label in results.values.values())
    assert results.floors["fid"].text() != "\N{EN DASH}"
    assert results.copies.text()
    assert results.sheet.sheet is not None
    results.keep(flow._report, tmp_path / "report.json")
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["model"] == "small"
    assert report["pictures"] == 24
    assert set(report["metrics"]) == set(results.values)
    window.close()

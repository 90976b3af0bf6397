"""The loop that trains the small helper networks."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from killed_runs import ROOT
from torch import Tensor, nn

from engine.errors import JobError, StorageError
from engine.training.checkpoint import newest_checkpoint
from engine.training.config import Precision
from engine.training.supervised import Evaluated, FitConfig, Fitting, fit, rate_at

CONFIG = FitConfig(steps=60, batch=8, learning_rate=0.1, average=0.9, checkpoint_steps=10)


class Line:
    """Learn y = 2 x - 1."""

    def __init__(self, width: int = 1) -> None:
        torch.manual_seed(0)
        self.module: nn.Module = nn.Linear(width, 1)

    def losses(self, rng: np.random.Generator, batch: int, precision: Precision) -> Mapping[str, Tensor]:
        x = torch.from_numpy(rng.normal(size=(batch, 1)).astype(np.float32))
        return {"square": (self.module(x) - (2 * x - 1)).square().mean()}

    def figures(self, module: nn.Module) -> Mapping[str, float]:
        x = torch.linspace(-1, 1, 9)[:, None]
        return {"error": float((module(x) - (2 * x - 1)).abs().mean().detach())}


class Broken(Line):
    def losses(self, rng: np.random.Generator, batch: int, precision: Precision) -> Mapping[str, Tensor]:
        return {"square": super().losses(rng, batch, precision)["square"] * torch.nan}


def never() -> bool:
    return False


def after(count: int) -> object:
    asked = iter(range(10**6))
    return lambda: next(asked) >= count


def test_that_it_learns_and_leaves_the_averaged_weights(tmp_path: Path) -> None:
    task = Line()
    before = task.figures(task.module)["error"]
    events = list(fit(task, CONFIG, tmp_path, never))
    figures = [event.figures["error"] for event in events if isinstance(event, Evaluated)]
    assert figures[-1] < 0.2 * before
    assert task.figures(task.module)["error"] == pytest.approx(figures[-1])
    assert any(isinstance(event, Fitting) and event.step == CONFIG.steps for event in events)


@pytest.mark.parametrize("stop", [7, 10, 23])
def test_that_a_resumed_run_ends_bit_for_bit_where_an_unbroken_one_does(tmp_path: Path, stop: int) -> None:
    whole = Line()
    list(fit(whole, CONFIG, tmp_path / "whole", never))
    list(fit(Line(), CONFIG, tmp_path / "parts", after(stop)))
    parts = Line()
    list(fit(parts, CONFIG, tmp_path / "parts", never))
    for name, tensor in whole.module.state_dict().items():
        assert torch.equal(tensor, parts.module.state_dict()[name])


def test_that_a_loss_that_is_no_number_ends_it_in_words(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="astray"):
        list(fit(Broken(), CONFIG, tmp_path, never))


class Bursting(Line):
    """A number no more from its 15th step on."""

    steps = 0

    def losses(self, rng: np.random.Generator, batch: int, precision: Precision) -> Mapping[str, Tensor]:
        self.steps += 1
        found = super().losses(rng, batch, precision)
        return found if self.steps < 15 else {"square": found["square"] * torch.inf}


def test_that_the_last_good_checkpoint_outlives_a_loss_that_is_no_number(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="astray at step 20") as caught:
        list(fit(Bursting(), CONFIG, tmp_path, never))
    assert "last good checkpoint was kept" in caught.value.user_message
    found = newest_checkpoint(tmp_path / "checkpoints").checkpoint
    assert found is not None
    assert found.images_seen == 10
    assert all(bool(tensor.isfinite().all()) for tensor in found.groups["module"].values())


def test_that_a_run_on_a_full_disk_goes_on_bit_for_bit_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Line()
    list(fit(whole, CONFIG, tmp_path / "whole", never))
    calls = 0
    write = os.write

    def filling(handle: int, data: Any) -> int:
        nonlocal calls
        calls += 1
        if calls > 10:  # inside the third checkpoint, of four files each
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(handle, data)

    with monkeypatch.context() as patch:
        patch.setattr("engine.atomic.os.write", filling)
        with pytest.raises(StorageError, match="the disk is full"):
            list(fit(Line(), CONFIG, tmp_path / "parts", never))
    assert sorted(path.name[-2:] for path in (tmp_path / "parts" / "checkpoints").iterdir()) == ["10", "20"]
    parts = Line()
    list(fit(parts, CONFIG, tmp_path / "parts", never))
    assert all(
        torch.equal(tensor, parts.module.state_dict()[name]) for name, tensor in whole.module.state_dict().items()
    )


KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_supervised import LONG, Line, fit, never
for event in fit(Line(), LONG, Path(sys.argv[2]), never):
    print(event.step, flush=True)
"""
LONG = FitConfig(steps=120, batch=8, learning_rate=0.1, checkpoint_steps=5)


def test_that_a_killed_run_ends_bit_for_bit_like_an_unbroken_one(tmp_path: Path) -> None:
    whole, resumed = Line(), Line()
    list(fit(whole, LONG, tmp_path / "whole", never))
    command = [sys.executable, "-c", KILLED, str(Path(__file__).parent), str(tmp_path / "killed")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert any(int(line) >= 50 for line in process.stdout)
        process.kill()
    found = newest_checkpoint(tmp_path / "killed" / "checkpoints")
    assert found.checkpoint is not None
    assert found.refused == ()
    assert 45 <= found.checkpoint.images_seen < 120
    list(fit(resumed, LONG, tmp_path / "killed", never))
    assert all(
        torch.equal(tensor, resumed.module.state_dict()[name]) for name, tensor in whole.module.state_dict().items()
    )


def test_that_a_place_that_cannot_hold_a_run_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="a file, not a folder"):
        list(fit(Line(), CONFIG, tmp_path / "file" / "run", never))


def test_that_a_run_of_another_network_is_refused(tmp_path: Path) -> None:
    list(fit(Line(), CONFIG, tmp_path, never))
    with pytest.raises(JobError, match="another network"):
        list(fit(Line(width=2), CONFIG, tmp_path, never))


def test_that_the_learning_rate_rises_then_falls_to_zero() -> None:
    rates = [rate_at(step, 100) for step in range(100)]
    assert rates[0] < rates[3] < rates[5] == max(rates)
    assert rates[-1] < 0.01

"""The loop that trains the small helper networks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from engine.errors import JobError
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


def test_that_a_run_of_another_network_is_refused(tmp_path: Path) -> None:
    list(fit(Line(), CONFIG, tmp_path, never))
    with pytest.raises(JobError, match="another network"):
        list(fit(Line(width=2), CONFIG, tmp_path, never))


def test_that_the_learning_rate_rises_then_falls_to_zero() -> None:
    rates = [rate_at(step, 100) for step in range(100)]
    assert rates[0] < rates[3] < rates[5] == max(rates)
    assert rates[-1] < 0.01

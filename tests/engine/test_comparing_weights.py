"""Comparing the weights of two models on the engine thread."""

from __future__ import annotations

import pytest
from test_job_handlers import Studio, _own_places, refs, studio  # noqa: F401 - fixtures

from engine.errors import MissingModelError
from engine.kinship import STRANGERS_AT
from engine.messages import CompareWeights, JobOutcome, WeightsCompared
from engine.state import ModelRef


def test_that_strangers_are_measured_layer_by_layer(studio: Studio, refs: list[ModelRef]) -> None:  # noqa: F811
    found = studio.result(CompareWeights(*refs))
    assert isinstance(found, WeightsCompared)
    assert (found.a, found.b) == tuple(refs)
    assert found.distance.overall == pytest.approx(STRANGERS_AT, abs=0.15)
    assert found.distance.mapping == pytest.approx(STRANGERS_AT, abs=0.3)
    assert not found.distance.related
    assert [layer.resolution for layer in found.distance.layers] == sorted(
        layer.resolution for layer in found.distance.layers
    )


def test_that_a_pair_is_measured_once(studio: Studio, refs: list[ModelRef]) -> None:  # noqa: F811
    first, second = (studio.result(CompareWeights(*refs)) for _ in range(2))
    other = studio.result(CompareWeights(*reversed(refs)))
    assert isinstance(first, WeightsCompared)
    assert isinstance(second, WeightsCompared)
    assert isinstance(other, WeightsCompared)
    assert second.distance is first.distance
    assert other.distance.overall == pytest.approx(first.distance.overall)


def test_that_a_model_that_is_gone_fails_with_its_name(studio: Studio, refs: list[ModelRef]) -> None:  # noqa: F811
    end = studio.done(CompareWeights(refs[0], ModelRef("0" * 64, "lithograph")))
    assert end.outcome is JobOutcome.FAILED
    assert isinstance(end.error, MissingModelError)
    assert "lithograph" in end.error.user_message

from __future__ import annotations

import json
import math
from collections.abc import Generator
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from small_networks import random_network, small_config

from engine.errors import JobError
from engine.event_lines import json_object, to_json_line
from engine.imaging import to_rgb
from engine.inversion.distance import FeatureDistance, default_distance
from engine.latents import seed_to_z
from engine.measure_events import (
    CopiesChecked,
    MeasureEvent,
    MeasureNotice,
    MeasureProgress,
    MeasureStarted,
    MetricMeasured,
)
from engine.metrics.features import own_features
from engine.metrics.measure import MeasureReport, Tools, measure
from engine.metrics.order import MeasureOrder, Metric, PathPart, PathSpace
from engine.metrics.samples import batch_size, labels_of, pictures_of
from engine.metrics.sheet import DrawnPair, pairs_sheet
from engine.network import Network
from engine.state import SeedLatent

SIZE = 16


@pytest.fixture(scope="module")
def network() -> Network:
    return random_network(small_config((6, 6, 4)))


@pytest.fixture
def tools(tmp_path: Path) -> Tools:
    distance = default_distance()
    assert isinstance(distance, FeatureDistance)
    return Tools(own_features(torch.device("cpu")), distance, tmp_path / "cache")


def run(events: Generator[MeasureEvent, None, MeasureReport]) -> tuple[list[MeasureEvent], MeasureReport]:
    told = []
    while True:
        try:
            told.append(next(events))
        except StopIteration as stop:
            return told, stop.value


def write_parts(folder: Path, pictures: np.ndarray) -> Path:
    folder.mkdir()
    for start in range(0, len(pictures), 25):
        np.save(folder / f"{start:07}.npy", pictures[start : start + 25])
    return folder


def noise(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, SIZE, SIZE, 3), dtype=np.uint8)


def test_that_a_model_measured_against_its_own_pictures_comes_to_the_floor(
    network: Network, tools: Tools, tmp_path: Path
) -> None:
    own = write_parts(tmp_path / "own", pictures_of(network, range(5000, 5048), 1.0))
    order = MeasureOrder((Metric.KID, Metric.PRECISION, Metric.RECALL), own, samples=24)
    told, report = run(measure(network, "mine", order, tools))
    strange = replace(order, data=write_parts(tmp_path / "strange", noise(48)))
    _, far = run(measure(network, "mine", strange, tools))
    near_kid, far_kid = report.metrics["kid"], far.metrics["kid"]
    assert abs(near_kid.value - near_kid.floor) < 4 * near_kid.standard_error
    assert far_kid.value > near_kid.value + 4 * near_kid.standard_error
    assert abs(far_kid.floor) < 0.2 * far_kid.value
    assert report.metrics["recall"].value > 0.5 > far.metrics["recall"].value
    assert (report.count, report.pictures, report.model) == (24, 48, "mine")
    assert [event.metric for event in told if isinstance(event, MetricMeasured)] == ["kid", "precision", "recall"]


def test_that_progress_reaches_its_end_and_the_features_are_named(
    network: Network, tools: Tools, tmp_path: Path
) -> None:
    order = MeasureOrder(tuple(Metric), write_parts(tmp_path / "data", noise(24)), samples=16)
    told, report = run(measure(network, "mine", order, tools))
    (started,) = (event for event in told if isinstance(event, MeasureStarted))
    assert (started.count, started.pictures, started.img_resolution) == (12, 24, SIZE)
    assert started.features == report.features == tools.features.name
    ends = {event.text: (event.done, event.total) for event in told if isinstance(event, MeasureProgress)}
    assert ends == {
        "Looking at real pictures": (12, 12),
        "Looking at others": (12, 12),
        "Generating": (12, 12),
        "Walking paths": (16, 16),
    }
    notices = " ".join(event.text for event in told if isinstance(event, MeasureNotice))
    assert "not with published ones" in notices
    assert "Of 24 real pictures, 12 are compared" in notices
    assert "FID of 12 pictures on 1,344 features is largely chance" in notices
    assert report.paths == "w end, Graft's own face features"


def test_that_paths_are_by_seed_and_truncation_shortens_them(network: Network, tools: Tools) -> None:
    order = MeasureOrder((Metric.PPL,), samples=6)
    values = {
        name: run(measure(network, "mine", changed, tools))[1].metrics["ppl"].value
        for name, changed in {
            "plain": order,
            "again": order,
            "other seeds": replace(order, seed=1000),
            "truncated": replace(order, psi=0.5),
            "z": replace(order, path_space=PathSpace.Z),
            "full": replace(order, path_part=PathPart.FULL),
        }.items()
    }
    assert values["plain"] == values["again"] > 0
    assert values["truncated"] < 0.7 * values["plain"]
    assert len({round(value, 6) for value in values.values()}) == 5


def test_that_path_length_does_not_drown_in_the_rounding_of_float32(network: Network, tools: Tools) -> None:
    order = MeasureOrder((Metric.PPL,), samples=6)
    single = run(measure(network, "mine", order, tools))[1].metrics["ppl"].value
    exact = random_network(small_config((6, 6, 4)))
    exact.module.double()
    exact = exact.to("cpu")
    distance = default_distance()
    assert isinstance(distance, FeatureDistance)
    distance._net.double()
    double = run(measure(exact, "mine", order, tools._replace(distance=distance)))[1].metrics["ppl"].value
    assert single == pytest.approx(double, rel=0.01)


def test_that_copies_are_found_named_and_drawn(network: Network, tools: Tools, tmp_path: Path) -> None:
    folder, sheet = tmp_path / "originals", tmp_path / "nearest.png"
    folder.mkdir()
    for index, picture in enumerate(noise(11)):
        Image.fromarray(picture).save(folder / f"photo{index}.png")
    Image.fromarray(pictures_of(network, [9], 1.0)[0][:, ::-1]).save(folder / "stolen.png")
    Image.new("RGB", (SIZE, SIZE), "red").save(folder / "flat.png")  # refused: the names must not slip
    order = MeasureOrder((), samples=12, originals=folder, sheet=sheet, closest=3)
    told, report = run(measure(network, "mine", order, tools))
    assert report.copies is not None
    first, second = report.copies.closest[:2]
    assert (first.seed, first.original, first.mirrored) == (9, "stolen.png", True)
    assert first.features < 1e-4 < 0.01 < second.features
    assert first.pixels < 0.01
    assert report.copies.below >= 1
    assert (report.copies.originals, report.copies.samples.count, report.copies.real) == (12, 12, None)
    (checked,) = (event for event in told if isinstance(event, CopiesChecked))
    assert (checked.originals, checked.closest, checked.sheet) == (12, first.features, str(sheet))
    notices = [event.text for event in told if isinstance(event, MeasureNotice)]
    assert "1 of 13 files cannot be used, for example flat.png: it is one flat colour." in notices
    assert not any("left out" in text for text in notices)
    with Image.open(sheet) as drawn:
        assert drawn.width > 3 * 2 * 128


def test_that_the_sheet_shows_samples_left_of_their_originals() -> None:
    red, blue = (np.full((SIZE, SIZE, 3), colour, np.uint8) for colour in ((255, 0, 0), (0, 0, 255)))
    pairs = [DrawnPair(red, blue, "seed 1", "an original of a very long name, too long for its cell", "near")] * 5
    sheet = pairs_sheet(pairs, "five pairs")
    is_red, is_blue = ((sheet == colour).all(axis=2) for colour in ((255, 0, 0), (0, 0, 255)))
    assert is_red.sum() == is_blue.sum() == 5 * 128 * 128
    assert (np.sort(is_red.any(axis=0).nonzero()[0])[:128] + 132 == is_blue.any(axis=0).nonzero()[0][:128]).all()


def test_that_training_pictures_are_a_yardstick_for_copies(network: Network, tools: Tools, tmp_path: Path) -> None:
    originals = noise(12)
    data = np.concatenate([originals, noise(8, 1)])
    order = MeasureOrder(
        (Metric.KID,),
        write_parts(tmp_path / "data", data),
        samples=10,
        originals=write_parts(tmp_path / "originals", originals),
    )
    _, report = run(measure(network, "mine", order, tools))
    assert report.copies is not None
    assert report.copies.real is not None
    assert report.copies.real.count == 10
    assert report.copies.real.closest < 1e-4 < report.copies.samples.closest
    assert report.copies.closest[0].original.startswith("number ")


def test_that_samples_are_the_pictures_of_their_seeds(network: Network) -> None:
    found = pictures_of(network, [3, 2**32 - 1], 0.7)
    z = torch.from_numpy(seed_to_z(SeedLatent(3), network.descriptor.z_dim))
    assert (found[0] == to_rgb(network.synthesis(network.mapping(z, truncation_psi=0.7)))).all()
    assert (found[0] != found[1]).any()
    assert (pictures_of(network, [2**32 - 1], 0.7)[0] == found[1]).mean() > 0.99


def test_that_networks_with_classes_or_in_grey_can_be_measured(tools: Tools) -> None:
    classed = random_network(small_config((6, 6, 4), c_dim=3))
    labels = labels_of(classed, [3, 4, 5])
    assert labels is not None
    assert labels.argmax(1).tolist() == [0, 1, 2]
    for network in (classed, random_network(small_config((6, 6, 4), img_channels=1))):
        for space in PathSpace:
            order = MeasureOrder((Metric.PPL,), samples=3, path_space=space)
            assert run(measure(network, "mine", order, tools))[1].metrics["ppl"].value > 0
        assert pictures_of(network, [1], 1.0).shape == (1, SIZE, SIZE, 3)


def test_that_memory_does_not_grow_with_the_size_of_pictures() -> None:
    assert [batch_size(size) for size in (16, 64, 256, 512, 1024)] == [32, 32, 16, 4, 1]


def test_that_too_few_pictures_are_a_clear_sentence(network: Network, tools: Tools, tmp_path: Path) -> None:
    order = MeasureOrder((Metric.KID,), write_parts(tmp_path / "few", noise(9)))
    with pytest.raises(JobError, match=r"few holds 9 pictures that can be used; to compare, at least 10 are needed"):
        run(measure(network, "mine", order, tools))


def test_that_a_measurement_can_be_left_at_any_time(network: Network, tools: Tools, tmp_path: Path) -> None:
    order = MeasureOrder(tuple(Metric), write_parts(tmp_path / "data", noise(40)), samples=20)
    events = measure(network, "mine", order, tools)
    assert any(isinstance(event, MeasureProgress) for event in events)
    assert torch.is_grad_enabled()  # what goes on in between is none of its business
    events.close()


def test_that_events_and_reports_are_json_without_nan() -> None:
    line = json.loads(to_json_line(MetricMeasured("ppl", 2.0, math.nan, math.nan, False)))
    assert line == {
        "event": "MetricMeasured", "metric": "ppl", "value": 2.0, "standard_error": None, "floor": None,
        "higher_is_better": False,
    }  # fmt: skip
    assert {field.name for field in fields(MeasureReport)} >= {"features", "seen_px", "version"}
    assert json_object(MeasureProgress("a", 1, 2, math.inf, 0.0))["elapsed_s"] is None

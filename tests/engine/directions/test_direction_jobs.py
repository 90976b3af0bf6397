"""The jobs about directions, on small networks, through the engine thread's own handlers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small_networks import random_network, small_config

from engine.backend import open_pipeline
from engine.device import DeviceChoice
from engine.direction_events import (
    DirectionJob,
    DirectionMethod,
    DirectionResult,
    DirectionsExported,
    DirectionsFound,
    ExportDirections,
    FindDirections,
    ImportDirections,
    MeasureStyles,
    StylesMeasured,
    SubtractLatents,
)
from engine.directions.jobs import DirectionJobs
from engine.errors import EngineError, JobError, LatentError, LatentShapeError, RenderCancelled
from engine.job_table import Background, Step
from engine.latents import LatentStore, seed_to_z
from engine.library import Library
from engine.network import Network
from engine.pipeline import Pipeline
from engine.state import (
    Blend,
    DirectionUse,
    EditState,
    ModelRef,
    SeedLatent,
    Source,
    StoredLatent,
    View,
    with_direction,
)

SAMPLES = 600


@dataclass
class Bench:
    pipeline: Pipeline
    jobs: DirectionJobs
    a: ModelRef
    b: ModelRef
    conditional: ModelRef
    network: Network

    @property
    def state(self) -> EditState:
        return EditState(model_a=self.a, truncation_psi=1.0)

    def run(self, job: DirectionJob, between: Callable[[], object] = lambda: None) -> DirectionResult:
        """As the engine thread does.

        Args:
            between: Called at every rest, as a preview may come then.
        """
        steps = self.jobs.begin(job)
        answer: object = None
        try:
            while True:
                item = steps.send(answer)
                between()
                answer = item.call() if isinstance(item, Background) else None
        except StopIteration as stop:
            result: DirectionResult = stop.value
            return result

    def found(self, job: DirectionJob) -> DirectionsFound:
        result = self.run(job)
        assert isinstance(result, DirectionsFound)
        return result

    def values(self, found: DirectionsFound, index: int = 0) -> np.ndarray:
        return self.pipeline.store.ws(found.directions[index].key)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    networks = {
        "a": random_network(small_config(), seed=1),
        "b": random_network(small_config(), seed=2),
        "conditional": random_network(small_config(c_dim=3), seed=3),
    }
    with closing(Library(tmp_path / "library.db")) as library:
        refs = {}
        for name, network in networks.items():
            path = tmp_path / f"{name}.safetensors"
            network.save(path)
            refs[name] = library.add_model(path, library.hash_of(path) or "", name, network.descriptor)
        pipeline = open_pipeline(library, LatentStore(), DeviceChoice("cpu", "float32", 1 << 28))
        with torch.no_grad():
            yield Bench(pipeline, DirectionJobs(pipeline), **refs, network=networks["a"])


def sampled_w(network: Network, count: int = SAMPLES) -> np.ndarray:
    z = np.random.RandomState(1).randn(count, network.descriptor.z_dim).astype(np.float32)
    return network.mapping(torch.from_numpy(z))[:, 0].numpy()


def sefa(bench: Bench, layer_range: tuple[int, int]) -> FindDirections:
    return FindDirections(bench.state, DirectionMethod.SEFA, layer_range=layer_range, count=3, samples=SAMPLES)


@pytest.mark.parametrize("method", DirectionMethod)
def test_that_directions_are_one_sigma_long_and_the_same_every_time(bench: Bench, method: DirectionMethod) -> None:
    job = FindDirections(bench.state, method, count=4, samples=SAMPLES)
    found = bench.found(job)
    assert len(found.directions) == len(found.parts) == 4
    assert list(found.parts) == sorted(found.parts, reverse=True)
    w = sampled_w(bench.network)
    for index, record in enumerate(found.directions):
        step = bench.values(found, index)
        assert step.shape == (1, 10)
        length = np.linalg.norm(step)
        np.testing.assert_allclose(length, np.std(w @ (step[0] / length), ddof=1), rtol=1e-3)
        assert (record.source, record.index, record.model) == (method.value, index, bench.a)
    bench.jobs = DirectionJobs(bench.pipeline)
    assert bench.found(job).directions == found.directions


def test_that_the_first_component_of_w_is_where_w_varies_most(bench: Bench) -> None:
    found = bench.found(FindDirections(bench.state, DirectionMethod.GANSPACE_W, count=10, samples=SAMPLES))
    lengths = [np.linalg.norm(bench.values(found, index)) for index in range(10)]
    assert lengths == sorted(lengths, reverse=True)
    assert sum(found.parts) == pytest.approx(1.0)


def test_that_sefa_looks_at_the_layers_that_read_the_rows(bench: Bench) -> None:
    found = bench.found(sefa(bench, (0, 1)))
    affine = bench.network.tensors["synthesis.b4.conv1.affine.weight"].detach().numpy()
    units = affine / np.linalg.norm(affine, axis=1, keepdims=True)
    first = np.linalg.eigh(units.T @ units)[1][:, -1]
    step = bench.values(found)[0]
    assert abs(first @ step) / np.linalg.norm(step) == pytest.approx(1.0, abs=1e-4)
    assert found.directions[0].layer_range == (0, 1)


def test_that_the_last_row_is_that_of_the_last_torgb(bench: Bench) -> None:
    found = bench.found(sefa(bench, (5, 6)))
    affine = bench.network.tensors["synthesis.b16.torgb.affine.weight"].detach().numpy()
    units = affine / np.linalg.norm(affine, axis=1, keepdims=True)
    assert found.parts[0] == pytest.approx(np.linalg.eigvalsh(units.T @ units)[-1] / len(units), rel=1e-5)


def test_that_directions_of_a_blend_are_those_of_its_own_mapping(bench: Bench) -> None:
    state = replace(bench.state, model_b=bench.b, blend=Blend(mapping=Source.BLEND, alpha=0.5))
    job = FindDirections(state, DirectionMethod.GANSPACE_W, count=1, samples=SAMPLES)
    blended = bench.values(bench.found(job))
    for own in (bench.a, bench.b):
        alone = bench.found(replace(job, state=replace(bench.state, model_a=own)))
        assert not np.allclose(blended, bench.values(alone), atol=1e-3)


def test_that_sefa_looks_at_the_weights_of_the_picture_that_is_meant(bench: Bench) -> None:
    state = replace(bench.state, model_b=bench.b, blend=Blend(alpha=0.5, curve=(1.0,) * 6))
    job = FindDirections(state, DirectionMethod.SEFA, count=1, samples=SAMPLES)
    found = {view: bench.found(replace(job, view=view)).directions[0] for view in (View.A, View.BLEND, View.B)}
    assert len({record.key for record in found.values()}) == 3
    assert found[View.B].model == bench.b


def test_that_pictures_drawn_in_between_change_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.directions.jobs.TURN_S", 0.0)
    state = replace(bench.state, model_b=bench.b, blend=Blend(mapping=Source.BLEND, alpha=0.5))
    other = replace(state, blend=replace(state.blend, alpha=0.2))
    job = FindDirections(state, DirectionMethod.GANSPACE_ACTIVATIONS, count=2, samples=40)
    quiet = bench.found(job)
    bench.jobs = DirectionJobs(bench.pipeline)
    disturbed = bench.run(job, between=lambda: bench.pipeline.render(other))
    assert isinstance(disturbed, DirectionsFound)
    assert disturbed.directions == quiet.directions


def test_that_a_conditional_models_directions_are_those_of_its_class(bench: Bench) -> None:
    state = replace(bench.state, model_a=bench.conditional)
    job = FindDirections(state, DirectionMethod.GANSPACE_W, count=1, samples=100)
    first, second = (bench.found(replace(job, state=replace(state, class_index=index))) for index in (0, 2))
    assert first.directions[0].key != second.directions[0].key


@pytest.mark.parametrize(
    "change", [{"count": 0}, {"count": 10_000}, {"layer_range": (4, 4)}, {"layer_range": (0, 99)}, {"samples": 1}]
)
def test_that_impossible_wishes_are_refused_in_words(bench: Bench, change: dict[str, int]) -> None:
    job = FindDirections(bench.state, DirectionMethod.SEFA)
    with pytest.raises(JobError):
        bench.run(replace(job, **change))


def test_that_finding_can_be_cancelled_at_any_step(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.directions.jobs.TURN_S", 0.0)
    steps = bench.jobs.begin(FindDirections(bench.state, DirectionMethod.GANSPACE_W, samples=SAMPLES))
    assert isinstance(next(steps), Step)
    with pytest.raises(RenderCancelled):
        steps.throw(RenderCancelled())


# --- files ----------------------------------------------------------------------------------------------------------


def test_that_an_imported_boundary_becomes_one_sigma_long(bench: Bench, tmp_path: Path) -> None:
    boundary = np.random.RandomState(2).randn(1, 10)
    np.save(tmp_path / "age_w_boundary.npy", boundary / np.linalg.norm(boundary))
    found = bench.found(ImportDirections(tmp_path / "age_w_boundary.npy", bench.state))
    step = bench.values(found)
    np.testing.assert_allclose(step / np.linalg.norm(step), boundary / np.linalg.norm(boundary), rtol=1e-5)
    w = sampled_w(bench.network, 4000)
    assert np.linalg.norm(step) == pytest.approx(np.std(w @ (step[0] / np.linalg.norm(step))), rel=0.05)
    assert (found.directions[0].name, found.directions[0].source) == ("age_w_boundary", "import")


def test_that_a_boundary_in_z_leads_the_same_way_in_w(bench: Bench, tmp_path: Path) -> None:
    boundary = np.eye(1, 8)
    np.save(tmp_path / "age_boundary.npy", boundary)
    found = bench.found(ImportDirections(tmp_path / "age_boundary.npy", bench.state))
    z = np.random.RandomState(9).randn(2000, 8).astype(np.float32)
    w = bench.network.mapping(torch.from_numpy(z))[:, 0].numpy()
    assert np.corrcoef(w @ bench.values(found)[0], z[:, 0])[0, 1] > 0.35
    assert "turned into the direction of W" in found.notes[0]


def test_that_a_boundary_of_another_width_is_refused_with_both(bench: Bench, tmp_path: Path) -> None:
    np.save(tmp_path / "age_w_boundary.npy", np.ones((1, 512)))
    with pytest.raises(LatentShapeError, match="512 values per layer; latents of this model have 10"):
        bench.run(ImportDirections(tmp_path / "age_w_boundary.npy", bench.state))
    np.save(tmp_path / "age_boundary.npy", np.ones((1, 512)))
    with pytest.raises(LatentShapeError, match="z has 8"):
        bench.run(ImportDirections(tmp_path / "age_boundary.npy", bench.state))


def test_that_a_zero_direction_is_refused(bench: Bench, tmp_path: Path) -> None:
    np.save(tmp_path / "nothing_w.npy", np.zeros((1, 10)))
    with pytest.raises(LatentError, match="nowhere"):
        bench.run(ImportDirections(tmp_path / "nothing_w.npy", bench.state))


def test_that_what_was_exported_comes_back_under_the_same_key(bench: Bench, tmp_path: Path) -> None:
    found = bench.found(sefa(bench, (0, 4)))
    path = tmp_path / "mine.safetensors"
    assert bench.run(ExportDirections(path, found.directions)) == DirectionsExported(path, 3)
    again = bench.found(ImportDirections(path, bench.state))
    assert again.directions == found.directions
    other = bench.found(ImportDirections(path, replace(bench.state, model_a=bench.b)))
    assert "found in “a”" in other.notes[0]


# --- two states -----------------------------------------------------------------------------------------------------


def test_that_a_difference_leads_from_one_state_to_the_other(bench: Bench) -> None:
    start, end = (replace(bench.state, latent=SeedLatent(seed)) for seed in (1, 2))
    found = bench.found(SubtractLatents(start, end, "to the other"))
    step = bench.values(found)
    first, second = (
        bench.network.mapping(torch.from_numpy(seed_to_z(SeedLatent(seed), 8)))[0, 0].numpy() for seed in (1, 2)
    )
    amount = np.linalg.norm(second - first) / np.linalg.norm(step)
    there = with_direction(start, 0, DirectionUse(found.directions[0].key, float(amount)))
    there_image, end_image = bench.pipeline.render(there), bench.pipeline.render(end)
    np.testing.assert_allclose(there_image.numpy(), end_image.numpy(), atol=1e-3)
    assert found.directions[0].strength_range[1] >= amount


def test_that_a_difference_of_rows_keeps_its_rows(bench: Bench) -> None:
    key = bench.pipeline.store.put_ws(np.random.RandomState(4).randn(6, 10))
    end = replace(bench.state, latent=StoredLatent(key, "Aunt Agatha"))
    found = bench.found(SubtractLatents(bench.state, end))
    assert bench.values(found).shape == (6, 10)
    assert "Agatha" not in found.directions[0].name


def test_that_a_face_has_no_difference_from_itself(bench: Bench) -> None:
    with pytest.raises(LatentError, match="the same face"):
        bench.run(SubtractLatents(bench.state, bench.state))


def test_that_faces_of_models_of_other_widths_are_not_subtracted(bench: Bench, tmp_path: Path) -> None:
    wide = random_network(small_config(w_dim=12), seed=5)
    wide.save(tmp_path / "wide.safetensors")
    library = bench.pipeline.models._locator  # type: ignore[attr-defined]
    path = tmp_path / "wide.safetensors"
    ref = library.add_model(path, library.hash_of(path), "wide", wide.descriptor)
    with pytest.raises(EngineError, match="10 values per layer, the other 12"):
        bench.run(SubtractLatents(bench.state, replace(bench.state, model_a=ref)))


# --- styles ---------------------------------------------------------------------------------------------------------


def test_that_styles_are_measured_for_every_layer(bench: Bench) -> None:
    measured = bench.run(MeasureStyles(bench.state, samples=SAMPLES))
    assert isinstance(measured, StylesMeasured)
    names = [layer.name for layer in measured.layers]
    of_8_px, of_16_px = ([f"b{size}.{name}" for name in ("conv0", "conv1", "torgb")] for size in (8, 16))
    assert names == ["b4.conv1", "b4.torgb", *of_8_px, *of_16_px]
    w = torch.from_numpy(sampled_w(bench.network))
    for layer in measured.layers:
        module = bench.network.module.synthesis.get_submodule(layer.name)
        styles = module.affine(w).numpy()  # type: ignore[operator, union-attr]
        np.testing.assert_allclose(layer.sigmas, styles.std(axis=0, ddof=1), rtol=1e-3)
        assert len(layer.effects) == len(layer.sigmas)
        assert min(layer.effects) >= 0.0
        assert layer.torgb is layer.name.endswith("torgb")

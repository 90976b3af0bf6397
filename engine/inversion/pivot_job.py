"""The job of pivotal tuning: cut the portrait out, tune, keep the difference, put the model on the shelf."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.descriptor import NetworkDescriptor
from engine.errors import EngineError, JobError, RenderCancelled, SpaceMismatchError, printable
from engine.file_hash import file_sha256
from engine.imaging import rgb_to_bgrx, to_bgrx
from engine.inversion.distance import PerceptualDistance
from engine.inversion.identity import open_identity
from engine.inversion.likeness_measure import Identity, measure_likeness
from engine.inversion.lpips import choose_distance
from engine.inversion.objective import aim, as_rgb
from engine.inversion.pivot import TuningProgress, TuningResult, tune_pivot
from engine.inversion.portraits import cut_portrait
from engine.job_table import Background, JobSteps, Step
from engine.library_export import file_stem, free_path
from engine.likeness import Likeness
from engine.models import ModelLocator
from engine.network import Network, Origin
from engine.network_metadata import NetworkMetadata
from engine.pipeline import Pipeline
from engine.pivot_events import PivotTuned, TunePivot
from engine.pivot_file import PivotFile, compose, make_pivot
from engine.places import user_places
from engine.state import ModelRef, StoredLatent
from engine.tuning_steps import PIVOT, pivot_step


class Shelf(ModelLocator, Protocol):
    """Where models are kept: `engine.library.Library`."""

    def add_model(
        self,
        path: Path,
        sha256: str,
        name: str,
        descriptor: NetworkDescriptor,
        *,
        note: Mapping[str, Any] | None = None,
    ) -> ModelRef: ...


@dataclass(frozen=True, slots=True, eq=False)
class _Tuned:
    """Attributes:
    pivot: The file to write.
    network: What it will be read as.
    """

    pivot: PivotFile
    network: Network


def tune_portrait(job: TunePivot, pipeline: Pipeline, shelf: Shelf) -> JobSteps:
    """
    Raises:
        JobError: the photo is another one by now, or the arguments make no sense.
        PortraitError: the photo is gone or cannot be read.
        SpaceMismatchError: the latent is another model's.
        ModelError: the model, or the parent of one that is tuned already, cannot be loaded.
    """
    network, whole = _networks(job.model, pipeline)
    pivot = _pivot(pipeline.store.ws(job.latent.key), network.descriptor, job.latent)
    size_px = network.descriptor.img_resolution
    yield Background(lambda: _check_photo(job), "Looking for the photo")
    cut = yield Background(
        lambda: cut_portrait(job.source.path, job.source.face, job.source.framing, size_px), "Cutting out the face"
    )
    judge = choose_distance(user_places().weights_folder)
    identity = yield Background(lambda: open_identity(user_places().weights_folder))
    started = time.perf_counter()
    tuning = tune_pivot(
        network, pivot, cut, judge, steps=job.steps, rate=job.rate, stop_at=job.stop_at, locality=job.locality
    )
    try:
        while True:
            yield _step(next(tuning))
    except StopIteration as stop:
        result: TuningResult = stop.value
    except RenderCancelled as cancelled:
        # The tuning is told, so that it can give the best it has.
        try:
            tuning.throw(cancelled)
        except StopIteration as stop:
            result = stop.value
    elapsed_s = time.perf_counter() - started
    tuned = _coded(job, result, network, whole, shelf)
    image = tuned.network.synthesis(pivot)
    before = _likeness(result.before, cut, network, judge, identity)
    after = _likeness(image, cut, network, judge, identity)
    path = yield Background(lambda: _written(job, tuned.pivot), "Writing the tuned model", may_be_left=False)
    model = yield Background(lambda: _shelved(job, path, tuned.network, shelf), may_be_left=False)
    return PivotTuned(
        model=model,
        descriptor=tuned.network.descriptor,
        path=path,
        size_bytes=path.stat().st_size,
        latent=StoredLatent(job.latent.key, job.latent.name),
        target=rgb_to_bgrx(cut),
        image=to_bgrx(image),
        before=before,
        after=after,
        steps=result.steps,
        elapsed_s=elapsed_s,
    )


def _networks(model: ModelRef, pipeline: Pipeline) -> tuple[Network, tuple[ModelRef, Network]]:
    """What is tuned, and the whole model that the difference is to: for a tuned one, what that was tuned from."""
    (network,) = pipeline.models.networks([model])
    parent = network.descriptor.tuned_from
    if parent is None:
        return network, (model, network)
    try:
        network, whole = pipeline.models.networks([model, parent])
    except EngineError:  # a whole file of a tuned model does without it, and can be a parent itself
        return network, (model, network)
    fits = all(
        torch.equal(tensor, whole.tensors[name])
        for name, tensor in network.tensors.items()
        if name.startswith("mapping.") and name in whole.tensors
    )
    return network, (parent, whole) if fits and set(whole.tensors) == set(network.tensors) else (model, network)


def _pivot(ws: NDArray[np.float32], descriptor: NetworkDescriptor, latent: StoredLatent) -> Tensor:
    width = ws.shape[1]
    if width != descriptor.w_dim:
        name = printable(latent.name or latent.key[:8], 60)
        raise SpaceMismatchError(f"The latent “{name}” has {width} values; this model reads {descriptor.w_dim}.")
    found = torch.from_numpy(ws[: descriptor.num_ws].copy())
    return torch.cat([found, found[-1:].expand(descriptor.num_ws - len(found), -1)])[None]


def _check_photo(job: TunePivot) -> None:
    try:
        is_other = bool(job.source.sha256) and file_sha256(job.source.path) != job.source.sha256
    except OSError:
        return  # reading it says in which way
    if is_other:
        problem = f"{printable(job.source.path.name, 60)} is not the photo any more that the portrait was found in."
        raise JobError(problem, "Open it as a portrait, and find the face again.")


def _step(progress: TuningProgress) -> Step:
    preview = None if progress.image is None else to_bgrx(progress.image)
    text = f"Tuning, step {progress.step}, distance {progress.perceptual_distance:.3f}"
    return Step(text, progress.fraction, preview, distance=progress.pixel_distance, step=progress.step)


def _coded(
    job: TunePivot, result: TuningResult, network: Network, whole: tuple[ModelRef, Network], shelf: Shelf
) -> _Tuned:
    """The file, and the network that it will be read as: what is measured and shown is what one gets."""
    parent, base = whole
    facts = {
        "steps": result.steps,
        "rate": job.rate,
        "locality": job.locality,
        "photo_sha256": job.source.sha256,
        "distance_before": round(result.perceptual_before, 5),
        "distance_after": round(result.perceptual_after, 5),
    }
    earlier = () if parent == job.model else _own_steps(network)
    steps = (*earlier, pivot_step(job.model, printable(job.portrait or job.latent.name, 100), **facts))
    before = {name: tensor.detach().cpu().numpy() for name, tensor in base.tensors.items()}
    pivot = make_pivot(parent, before, result.tensors, steps, parent_bytes=_file_size(parent, shelf))
    described = NetworkMetadata(base.config, base.origin.source, base.origin.lineage, framing=base.origin.framing)
    metadata, composed = compose(pivot, described, before)
    with torch.inference_mode(False), torch.no_grad():
        # Copies: on a CPU, what did not change is still the parent's own memory.
        tensors = {name: torch.tensor(values, device=network.device) for name, values in composed.items()}
        origin = Origin(metadata.source, metadata.lineage, framing=metadata.framing)
        return _Tuned(pivot, Network.from_tensors(metadata.network, tensors, network.device, origin=origin))


def _own_steps(network: Network) -> tuple[dict[str, Any], ...]:
    """The tunings that a tuned model has behind it, the oldest first."""
    steps = list(network.origin.lineage)
    count = next((index for index, step in enumerate(reversed(steps)) if step.get("step") != PIVOT), len(steps))
    return tuple(steps[len(steps) - count :])


def _file_size(parent: ModelRef, shelf: Shelf) -> int:
    """Of the very file whose hash names the parent; 0 where only a conversion of it is at hand."""
    path = shelf.locate(parent.sha256)
    try:
        return path.stat().st_size if path is not None and file_sha256(path) == parent.sha256 else 0
    except OSError:
        return 0


def _likeness(
    image: Tensor, cut: NDArray[np.uint8], network: Network, judge: PerceptualDistance, identity: Identity | None
) -> Likeness:
    with torch.inference_mode(False), torch.no_grad():
        target, seen = aim(cut, network), image.clone()
        perceptual = float(judge.aimed_at(target)(as_rgb(seen)).sum())
        return measure_likeness(seen, target, perceptual, judge.name, identity)


def _written(job: TunePivot, pivot: PivotFile) -> Path:
    path = job.path
    if path is None:
        folder = user_places().trained_folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = free_path(folder / f"{file_stem(job.name)}.safetensors")
    pivot.save(path)
    return path


def _shelved(job: TunePivot, path: Path, network: Network, shelf: Shelf) -> ModelRef:
    note = {"lineage": list(network.origin.lineage)}
    return shelf.add_model(path, file_sha256(path), job.name, network.descriptor, note=note)

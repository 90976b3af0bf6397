"""The jobs about directions, as generators for the engine thread (see `engine.job_table`).

What runs networks runs here in small steps; decompositions and files go to a background thread.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Generator, Hashable
from dataclasses import replace
from typing import Any, TypeAlias, TypeVar

import numpy as np

from engine.direction_events import (
    DirectionJob,
    DirectionMethod,
    DirectionsExported,
    DirectionsFound,
    ExportDirections,
    FindDirections,
    ImportDirections,
    MeasureStyles,
    StyleLayer,
    StylesMeasured,
    SubtractLatents,
)
from engine.directions.direction_file import read_directions, write_directions
from engine.directions.latent_moments import Floats, LatentMoments
from engine.directions.principal import Components, activation_directions, principal_directions
from engine.directions.read_direction import ReadDirection, Space, fitted
from engine.directions.sampling import activations_of, affines_for, moments_of, styled_layers
from engine.directions.sefa import closed_form_directions
from engine.directions.style_space import channel_effects, style_sigmas
from engine.errors import JobError, LatentError, LatentShapeError
from engine.job_table import Background, JobSteps, Step
from engine.library_records import DirectionRecord
from engine.pipeline import Pipeline
from engine.resolved_edit import ResolvedEdit
from engine.state import EditState, ModelRef, View

TURN_S = 0.02
"""Work of a turn between two previews: shorter than the eye sees."""

KEPT_MOMENTS = 4
USUAL_REACH = 3.0
LARGEST_REACH = 30.0
MAX_COUNT = 512

_NAMES = {
    DirectionMethod.GANSPACE_W: "PCA",
    DirectionMethod.GANSPACE_ACTIVATIONS: "Activations",
    DirectionMethod.SEFA: "SeFa",
}

R = TypeVar("R")
Steps: TypeAlias = Generator[Step | Background, Any, R]


class DirectionJobs:
    """Remembers how the latents of the last few models vary: everything here needs it."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._moments: OrderedDict[Hashable, LatentMoments] = OrderedDict()

    def begin(self, job: DirectionJob) -> JobSteps:
        match job:
            case FindDirections():
                return self._find(job)
            case ImportDirections():
                return self._import(job)
            case SubtractLatents():
                return self._subtract(job)
            case ExportDirections():
                return self._export(job)
            case MeasureStyles():
                return self._measure_styles(job)

    def _find(self, job: FindDirections) -> JobSteps:
        started = time.perf_counter()
        if not 1 <= job.count <= MAX_COUNT:
            raise JobError(f"{job.count} directions were asked for; 1 to {MAX_COUNT} can be found at once.")
        edit = self._pipeline.resolve_view(job.state, job.view)
        if job.layer_range is not None and not 0 <= job.layer_range[0] < job.layer_range[1] <= edit.num_ws:
            first, stop = job.layer_range
            raise JobError(f"Rows {first} to {stop - 1} were asked for; this model has rows 0 to {edit.num_ws - 1}.")
        before = 0.5 if job.method is DirectionMethod.GANSPACE_ACTIVATIONS else 0.0
        found: Components
        if job.method is DirectionMethod.GANSPACE_ACTIVATIONS:
            looking = activations_of(self._pipeline, edit, job.layer_range, job.samples)
            seen = yield from _told(looking, "Looking at activations", 0.0, before)
            count = job.count
            found = yield Background(
                lambda: activation_directions(seen.features, seen.w, count), "Analysing the activations"
            )
            moments = yield from self._moments_of(edit, job.samples, before)
        else:
            moments = yield from self._moments_of(edit, job.samples, before)
            if job.method is DirectionMethod.GANSPACE_W:
                found = yield Background(lambda: principal_directions(moments, job.count), "Finding the components")
            else:
                affines = []
                for affine in affines_for(self._pipeline, edit, job.layer_range):
                    affines.append(affine)
                    yield Step("Reading the weights", 0.9)
                found = yield Background(lambda: closed_form_directions(affines, job.count), "Finding directions")
        name, model = _NAMES[job.method], _model_of(edit, job.view)
        reads = [
            ReadDirection(
                moments.one_sigma(vector[np.newaxis]), f"{name} {index + 1}", in_sigmas=True, model=model,
                rows=job.layer_range, source=job.method.value, number=index,
            )
            for index, vector in enumerate(found.vectors)
        ]  # fmt: skip
        records = yield Background(lambda: self._kept(reads), "Keeping what was found")
        parts = tuple(float(part) for part in found.parts)
        return DirectionsFound(records, parts, time.perf_counter() - started)

    def _import(self, job: ImportDirections) -> JobSteps:
        started = time.perf_counter()
        reads: tuple[ReadDirection, ...] = yield Background(
            lambda: read_directions(job.path), f"Reading {job.path.name}"
        )
        edit = self._pipeline.resolve_view(job.state, job.view)
        network = self._pipeline.group(edit).a
        sizes = network.descriptor
        moments = None
        if not all(read.in_sigmas for read in reads):
            moments = yield from self._moments_of(edit, measured_on(reads), 0.0)
        model = _model_of(edit, job.view)
        notes: list[str] = []
        ready = []
        for read in reads:
            values = read.values
            if read.space is Space.Z and moments is not None:
                values = _out_of_z(read, moments)
                notes.append(
                    "By its name this file is for Z; it was turned into the direction of W that comes closest to it."
                )
            values = fitted(replace(read, values=values), sizes.w_dim, sizes.num_ws)
            if moments is not None and not read.in_sigmas:
                values = moments.one_sigma(values)
            elif not np.any(values):
                raise LatentError(f"“{read.name:.60}” leads nowhere: it is zero.")
            if read.values.shape[0] > sizes.num_ws:
                notes.append(f"The file has {read.values.shape[0]} rows; the first {sizes.num_ws} are used.")
            if read.model is not None and read.model.sha256 != model.sha256:
                notes.append(f"They were found in “{read.model.name:.60}”; here they may do something else.")
            ready.append(replace(read, values=values, in_sigmas=True, model=read.model or model))
        records = yield Background(lambda: self._kept(ready), "Keeping the directions")
        return DirectionsFound(records, (), time.perf_counter() - started, tuple(dict.fromkeys(notes)))

    def _subtract(self, job: SubtractLatents) -> JobSteps:
        started = time.perf_counter()
        yield Step("Comparing the two", 0.1)
        start, _ = self._ws(job.start)
        end, edit = self._ws(job.end)
        if start.shape[1] != end.shape[1]:
            raise LatentShapeError(f"One latent has {start.shape[1]} values per layer, the other {end.shape[1]}.")
        rows = min(len(start), len(end))
        apart = end[:rows] - start[:rows]
        if not np.any(apart):
            raise LatentError("The two are the same face: there is no direction from one to the other.")
        model = _model_of(edit, View.BLEND)
        one = fitted(ReadDirection(apart, job.name), apart.shape[1], rows)
        moments = yield from self._moments_of(edit, measured_on(()), 0.1)
        step = moments.one_sigma(one)
        far = float(np.linalg.norm(one) / np.linalg.norm(step))
        reach = min(max(USUAL_REACH, float(math.ceil(far))), LARGEST_REACH)
        read = ReadDirection(
            step, job.name, in_sigmas=True, model=model, source="difference", reach=(-reach, reach)
        )
        records = yield Background(lambda: self._kept([read]), "Keeping the direction")
        note = f"The whole way from the one to the other is {far:.1f} sigmas."
        return DirectionsFound(records, (), time.perf_counter() - started, (note,))

    def _export(self, job: ExportDirections) -> JobSteps:
        def write() -> None:
            store = self._pipeline.store
            write_directions(job.path, [as_read(record, store.ws(record.key)) for record in job.directions])

        yield Background(write, f"Writing {job.path.name}", may_be_left=False)
        return DirectionsExported(job.path, len(job.directions))

    def _measure_styles(self, job: MeasureStyles) -> JobSteps:
        edit = self._pipeline.resolve_view(job.state, job.view)
        moments = yield from self._moments_of(edit, job.samples, 0.0)
        measured = []
        for layer in styled_layers(self._pipeline, edit):
            sigmas = style_sigmas(layer.affine, moments)
            mean = layer.affine @ moments.mean + layer.bias
            effects = channel_effects(layer.weight, mean, sigmas, demodulates=not layer.is_torgb)
            spec = layer.spec
            measured.append(
                StyleLayer(
                    spec.name, spec.resolution, spec.position, layer.is_torgb,
                    tuple(map(float, sigmas)), tuple(map(float, effects)),
                )
            )  # fmt: skip
            yield Step("Reading the styles", 0.9)
        return StylesMeasured(tuple(measured))

    # --- inside -------------------------------------------------------------------------------------------------

    def _moments_of(self, edit: ResolvedEdit, samples: int, done: float) -> Steps[LatentMoments]:
        """Args:
        done: How far the job is already, 0 to 1.
        """
        key = (self._pipeline.group(edit).part_key(edit.readings[0].mapping), edit.class_index, samples)
        found = self._moments.get(key)
        if found is None:
            found = yield from _told(moments_of(self._pipeline, edit, samples), "Drawing latents", done, 0.9)
            self._moments[key] = found
        self._moments.move_to_end(key)
        while len(self._moments) > KEPT_MOMENTS:
            self._moments.popitem(last=False)
        return found

    def _ws(self, state: EditState) -> tuple[Floats, ResolvedEdit]:
        edit = self._pipeline.resolve(state)
        ws = self._pipeline.inputs.ws(self._pipeline.group(edit), edit, self._pipeline.cache)
        return ws[0].float().cpu().numpy(), edit

    def _kept(self, reads: list[ReadDirection]) -> tuple[DirectionRecord, ...]:
        store = self._pipeline.store
        reach = (-USUAL_REACH, USUAL_REACH)
        return tuple(
            DirectionRecord(
                store.put_ws(read.values), read.name, read.model, read.rows, read.source, read.number,
                read.reach or reach,
            )
            for read in reads
        )  # fmt: skip


def measured_on(reads: tuple[ReadDirection, ...]) -> int:
    """How many latents to draw for an import: turning one of Z into W takes more."""
    return 20_000 if any(read.space is Space.Z for read in reads) else 10_000


def as_read(record: DirectionRecord, values: Floats) -> ReadDirection:
    """A kept direction as it goes into a file."""
    return ReadDirection(
        values, record.name, in_sigmas=True, model=record.model, rows=record.layer_range, source=record.source,
        number=record.index, reach=record.strength_range,
    )  # fmt: skip


def _told(steps: Generator[float, None, R], text: str, start: float, stop: float) -> Steps[R]:
    """Steps that yield how far they are, as steps of a job of which they are the part from `start` to `stop`.

    Small ones are done in one turn: while the hand moves without rest, a job gets few of them.
    """
    began = time.perf_counter()
    while True:
        try:
            fraction = next(steps)
        except StopIteration as end:
            result: R = end.value
            return result
        if time.perf_counter() - began >= TURN_S:
            yield Step(text, start + (stop - start) * fraction)
            began = time.perf_counter()


def _out_of_z(read: ReadDirection, moments: LatentMoments) -> Floats:
    z_dim = moments.along_z.shape[1]
    if read.values.shape != (1, z_dim):
        rows, width = read.values.shape
        raise LatentShapeError(f"“{read.name:.60}” is {rows} x {width}; this model's z has {z_dim} values.")
    turned: Floats = (moments.along_z @ read.values[0].astype(np.float64)).astype(np.float32)[np.newaxis]
    return turned


def _model_of(edit: ResolvedEdit, view: View) -> ModelRef:
    return edit.model_b if view is View.B and edit.model_b is not None else edit.model_a

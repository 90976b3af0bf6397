"""What a scripted engine answers to jobs about directions: arrays that mean nothing, under real keys."""

from __future__ import annotations

import numpy as np

from engine.direction_events import (
    DirectionJob,
    DirectionResult,
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
from engine.errors import LatentShapeError
from engine.latents import LatentStore
from engine.library_records import DirectionRecord

CHANNELS = 60


def answer(job: DirectionJob, store: LatentStore) -> DirectionResult:
    """
    Raises:
        LatentShapeError: for a file called ``wide``, as one of another model would be.
    """
    match job:
        case FindDirections():
            model, rows, source = job.state.model_a, job.layer_range, job.method.value
            records = tuple(
                DirectionRecord(put(store, number), f"PCA {number + 1}", model, rows, source, number)
                for number in range(job.count)
            )
            return DirectionsFound(records, tuple(0.5 / (number + 1) for number in range(job.count)), 0.1)
        case ImportDirections():
            if job.path.stem == "wide":
                raise LatentShapeError("“wide” has 512 values per layer; latents of this model have 64.")
            if job.path.stem == "many":
                return DirectionsFound(tuple(DirectionRecord(put(store, n), f"many {n}") for n in range(40)))
            return DirectionsFound((DirectionRecord(put(store, 99), job.path.stem, job.state.model_a),))
        case SubtractLatents():
            record = DirectionRecord(put(store, 50), job.name, source="difference", strength_range=(-6.0, 6.0))
            return DirectionsFound((record,), (), 0.1, ("The whole way from the one to the other is 5.2 sigmas.",))
        case ExportDirections():
            job.path.write_bytes(b"directions")
            return DirectionsExported(job.path, len(job.directions))
        case MeasureStyles():
            return StylesMeasured(
                tuple(
                    StyleLayer(
                        f"b{size}.{name}", size, position, name == "torgb", (0.5,) * CHANNELS,
                        tuple(float(channel % 7) for channel in range(CHANNELS)),
                    )
                    for size, name, position in ((8, "conv0", 2), (16, "conv0", 4), (16, "torgb", 5))
                )
            )  # fmt: skip


def put(store: LatentStore, number: int) -> str:
    return store.put_ws(np.full((1, 64), 1.0 + number, np.float32))

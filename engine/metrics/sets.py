"""A set of generated pictures beside real ones, and real ones in its place: every number with its floor."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from engine.metrics.features import Floats, scale_of
from engine.metrics.fid import frechet_distance, moments
from engine.metrics.kid import whole_kernel_distance
from engine.metrics.order import Metric
from engine.metrics.precision_recall import precision_recall


@dataclass(frozen=True, slots=True)
class Measurement:
    """A number, its standard error, and the same number for real pictures; NaN where one is not known."""

    value: float
    standard_error: float = math.nan
    floor: float = math.nan


def compare_sets(
    reference: Floats, generated: Floats, others: Floats, metrics: Sequence[Metric]
) -> Iterator[tuple[Metric, Measurement]]:
    """Compare features, ``[N, D]`` each.

    Args:
        reference: Of real pictures.
        generated: Of as many generated ones.
        others: Of as many real ones that are not in `reference`: what they get in the place of `generated` is the
            floor. Distances below it are luck. Precision above it is bought by a lower recall: samples that keep to
            the middle of the real pictures hit them more often than real pictures do.
    """
    scale = scale_of(reference)
    reference, generated, others = reference * scale, generated * scale, others * scale
    if Metric.KID in metrics:
        kid, floor = (whole_kernel_distance(reference, one) for one in (generated, others))
        yield Metric.KID, Measurement(kid.value, kid.standard_error, floor.value)
    if Metric.FID in metrics:
        real, *rest = (moments(one) for one in (reference, generated, others))
        fid, fid_floor = (frechet_distance(real, one) for one in rest)
        yield Metric.FID, Measurement(fid, floor=fid_floor)
    if Metric.PRECISION in metrics or Metric.RECALL in metrics:
        found, best = (precision_recall(reference, one) for one in (generated, others))
        for metric, value, real_value in (
            (Metric.PRECISION, found.precision, best.precision),
            (Metric.RECALL, found.recall, best.recall),
        ):
            if metric in metrics:
                yield metric, Measurement(value, floor=real_value)

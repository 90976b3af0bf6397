"""What to measure. Light: no torch."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

DEFAULT_SAMPLES = 2000


class Metric(StrEnum):
    KID = "kid"
    FID = "fid"
    PRECISION = "precision"
    RECALL = "recall"
    PPL = "ppl"


HIGHER_IS_BETTER = frozenset({Metric.PRECISION, Metric.RECALL})


class PathSpace(StrEnum):
    """Where paths run: z lie on a sphere and are walked along great circles, w along straight lines."""

    W = "w"
    Z = "z"


class PathPart(StrEnum):
    """Where on a path is measured: anywhere, or at its beginning, where latents are as they are drawn."""

    FULL = "full"
    END = "end"


@dataclass(frozen=True, slots=True)
class MeasureOrder:
    """Attributes:
    metrics: May be none, to look for copies only.
    data: Folder of real pictures, see `engine.training.dataset.open_dataset`; every metric but PPL needs it.
    samples: Pictures on each side, fewer where there are not twice as many real ones; and paths for PPL.
    psi: Truncation.
    seed: Samples are those of the seeds from here on.
    originals: Folder of pictures, framed like those of the model, that should not be copied.
    sheet: Where to draw the closest pairs.
    closest: How many of them.
    """

    metrics: tuple[Metric, ...] = tuple(Metric)
    data: Path | None = None
    samples: int = DEFAULT_SAMPLES
    psi: float = 1.0
    seed: int = 0
    path_space: PathSpace = PathSpace.W
    path_part: PathPart = PathPart.END
    originals: Path | None = None
    sheet: Path | None = None
    closest: int = 20

    @property
    def set_metrics(self) -> tuple[Metric, ...]:
        return tuple(metric for metric in self.metrics if metric is not Metric.PPL)

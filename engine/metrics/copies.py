"""Looking for copies: samples of a generator beside the originals that it may have learned by heart."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch

from engine.errors import JobError
from engine.measure_events import MeasureProgress
from engine.metrics.features import Features, row_blocks
from engine.metrics.nearest import NearestSearch, Prints, joined, prints_of
from engine.metrics.progress import watched
from engine.metrics.samples import pictures_of
from engine.metrics.sheet import DrawnPair
from engine.network import Network
from engine.picture_folder import picture_files
from engine.training.dataset import Dataset

CHECKED = 1000
"""Pictures of each kind at most: samples, real pictures, originals among each other."""
BLOCK = 64

TakePrints: TypeAlias = Callable[[Dataset, Sequence[int]], Prints]


@dataclass(frozen=True, slots=True)
class Distances:
    """From pictures of one kind to their nearest originals: see `engine.metrics.nearest`."""

    count: int
    closest: float
    median: float
    closest_by_pixels: float
    median_by_pixels: float


@dataclass(frozen=True, slots=True)
class Pair:
    """A sample and its nearest original; `mirrored` when it is the original's mirror image that is near."""

    seed: int
    original: str
    number: int
    mirrored: bool
    features: float
    pixels: float


@dataclass(frozen=True, slots=True)
class CopyReport:
    """Attributes:
    originals: How many.
    samples: Of the generator's pictures.
    real: Of the pictures it was trained on, where these are known: how near is near when half of a picture is taken
        from an original.
    between_originals: Of each original to the others: how near two different photographs are.
    below: Samples closer to an original than any two originals are to each other.
    below_median: Samples closer to one than half of the originals are to any other.
    closest: The closest pairs, closest first.
    """

    originals: int
    samples: Distances
    real: Distances | None
    between_originals: Distances
    below: int
    below_median: int
    closest: tuple[Pair, ...]


def check_copies(
    samples: Prints,
    seeds: Sequence[int],
    real: Prints | None,
    originals: Dataset,
    names: Sequence[str],
    features: Features,
    closest: int,
) -> Generator[MeasureProgress, None, CopyReport]:
    """Compare with every original and its mirror image.

    Args:
        samples: Of the generator's pictures, by `seeds`.
        real: Of the pictures it was trained on.
        names: Of the originals.
        closest: How many pairs to name.
    """
    device = features.device
    count = len(originals)
    own = np.sort(np.random.default_rng(0).permutation(count)[:CHECKED])
    own_prints: list[Prints] = []
    for rows in row_blocks(len(own), BLOCK):
        images = originals.batch(own[rows], device)
        own_prints.append(prints_of(features.maps(images), images))
    among = NearestSearch(joined(own_prints), own)
    searches = [NearestSearch(samples), among, *([] if real is None else [NearestSearch(real)])]

    def compare(rows: slice) -> None:
        numbers = np.arange(rows.start, rows.stop)
        images = originals.batch(numbers, device)
        for mirrored, shown in ((False, images), (True, images.flip(3))):
            prints = prints_of(features.maps(shown), shown)
            for search in searches:
                search.add(prints, numbers, mirrored=mirrored)

    yield from watched("Comparing with originals", row_blocks(count, BLOCK), compare)
    mine = searches[0]
    order = np.argsort(mine.features, kind="stable")[:closest]
    between = _distances(among)
    return CopyReport(
        originals=count,
        samples=_distances(mine),
        real=None if real is None else _distances(searches[2]),
        between_originals=between,
        below=int((mine.features < between.closest).sum()),
        below_median=int((mine.features < between.median).sum()),
        closest=tuple(_pair(mine, int(row), seeds, names) for row in order),
    )


def names_of(source: Path, dataset: Dataset) -> list[str]:
    """What the pictures of a dataset are called: by their files where each has one, otherwise by numbers."""
    try:
        refused = {refusal.name for refusal in dataset.report.refused}
        names = [name for name in picture_files(source) if name not in refused]
    except JobError:  # parts of arrays
        names = []
    return names if len(names) == len(dataset) else [f"number {index}" for index in range(len(dataset))]


@torch.no_grad()
def drawn_pairs(pairs: Sequence[Pair], network: Network, psi: float, originals: Dataset) -> list[DrawnPair]:
    """The pairs as pictures, for `engine.metrics.sheet.pairs_sheet`."""
    drawn = []
    for pair in pairs:
        original = np.asarray(originals.pictures[pair.number])
        drawn.append(
            DrawnPair(
                sample=pictures_of(network, [pair.seed], psi)[0],
                original=original[:, ::-1] if pair.mirrored else original,
                sample_text=f"seed {pair.seed}",
                original_text=Path(pair.original).stem,
                text=f"features {pair.features:.4f}, pixels {pair.pixels:.3f}" + ", mirrored" * pair.mirrored,
            )
        )
    return drawn


def _distances(search: NearestSearch) -> Distances:
    return Distances(
        count=len(search.features),
        closest=float(search.features.min()),
        median=float(np.median(search.features)),
        closest_by_pixels=float(search.least_pixels.min()),
        median_by_pixels=float(np.median(search.least_pixels)),
    )


def _pair(search: NearestSearch, row: int, seeds: Sequence[int], names: Sequence[str]) -> Pair:
    number = int(search.index[row])
    return Pair(
        seed=seeds[row],
        original=names[number],
        number=number,
        mirrored=bool(search.mirrored[row]),
        features=float(search.features[row]),
        pixels=float(search.pixels[row]),
    )

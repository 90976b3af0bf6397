"""A generator measured, alone and against pictures: a generator of events that ends in a report."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.errors import JobError
from engine.export.sheets import write_sheet
from engine.inversion.distance import FeatureDistance
from engine.inversion.objective import as_rgb
from engine.measure_events import (
    CopiesChecked,
    MeasureEvent,
    MeasureNotice,
    MeasureProgress,
    MeasureStarted,
    MetricMeasured,
)
from engine.metrics.copies import CHECKED, CopyReport, check_copies, drawn_pairs, names_of
from engine.metrics.features import Features, Floats, pooled, row_blocks
from engine.metrics.nearest import Prints, joined, prints_of
from engine.metrics.order import HIGHER_IS_BETTER, MeasureOrder, Metric, PathPart, PathSpace
from engine.metrics.path_length import lerp, path_distances, path_length, slerp
from engine.metrics.precision_recall import NEIGHBOURS
from engine.metrics.progress import watched
from engine.metrics.samples import as_images, batch_size, labels_of, pictures_of, ws_of, z_of
from engine.metrics.sets import Measurement, compare_sets
from engine.metrics.sheet import pairs_sheet
from engine.network import Network
from engine.training.dataset import Dataset, open_dataset

REPORT_VERSION = 1
LEAST_PICTURES = 2 * (NEIGHBOURS + 2)
SEEDS = 2**32

Progress: TypeAlias = Generator[MeasureEvent, None, None]


@dataclass(frozen=True, slots=True)
class MeasureReport:
    """Everything that was found, and under which conditions.

    Attributes:
        sha256: `Network.sha256`.
        count: Pictures on each side.
        seen_px: What the features look at: finer detail is not judged.
        paths: How and by what PPL was measured.
    """

    model: str
    sha256: str
    img_resolution: int
    data: str
    pictures: int
    count: int
    psi: float
    seed: int
    device: str
    torch: str
    features: str
    seen_px: int
    paths: str
    metrics: dict[str, Measurement]
    copies: CopyReport | None
    elapsed_s: float
    version: int = REPORT_VERSION


class Tools(NamedTuple):
    """What pictures are compared by, and where prepared pictures are kept.

    Attributes:
        features: For sets and copies.
        distance: For PPL.
    """

    features: Features
    distance: FeatureDistance
    cache: Path


class _Seen(NamedTuple):
    """What is kept of pictures: ``[N, D]`` for sets, and prints of the first of them for copies."""

    rows: Floats
    prints: Prints | None


def measure(
    network: Network, name: str, order: MeasureOrder, tools: Tools
) -> Generator[MeasureEvent, None, MeasureReport]:
    """Measure a generator. Whoever stops asking for events has cancelled.

    In memory are the features of three sets, some 10 kB a picture, and the prints of up to 3,000, 50 kB each.

    Raises:
        JobError: there are too few pictures.
        StorageError: the sheet or the prepared pictures cannot be written.
    """
    began = time.perf_counter()
    if order.data or order.originals:
        yield MeasureNotice("Preparing the pictures; what was prepared before is used again.")
    data, originals = (_opened(folder, network, tools) for folder in (order.data, order.originals))
    run = _Measuring(network, name, order, tools, data, originals)
    yield from run.steps()
    return MeasureReport(
        model=name,
        sha256=network.sha256,
        img_resolution=network.descriptor.img_resolution,
        data="" if order.data is None else order.data.name,
        pictures=0 if data is None else len(data),
        count=run.count,
        psi=order.psi,
        seed=order.seed,
        device=str(network.device),
        torch=torch.__version__,
        features=tools.features.name,
        seen_px=tools.features.seen_px,
        paths=f"{order.path_space} {order.path_part}, {tools.distance.features_name}",
        metrics=run.found,
        copies=run.copies,
        elapsed_s=round(time.perf_counter() - began, 1),
    )


class _Measuring:
    """One measurement on its way.

    Attributes:
        count: Pictures on each side.
        found: What is known so far, by metric.
        copies: Once they were looked for.
    """

    def __init__(
        self,
        network: Network,
        name: str,
        order: MeasureOrder,
        tools: Tools,
        data: Dataset | None,
        originals: Dataset | None,
    ) -> None:
        self.count = order.samples if data is None else min(order.samples, len(data) // 2)
        self.found: dict[str, Measurement] = {}
        self.copies: CopyReport | None = None
        self._network = network
        self._name = name
        self._order = order
        self._tools = tools
        self._data = data
        self._originals = originals
        self._batch = batch_size(network.descriptor.img_resolution)
        self._sample_prints: Prints | None = None
        self._real_prints: Prints | None = None

    def steps(self) -> Progress:
        yield self._started()
        for text in self._notices():
            yield MeasureNotice(text)
        if self._order.set_metrics and self._data is not None:
            yield from self._compare_sets(self._data)
        if Metric.PPL in self._order.metrics:
            yield from self._walk_paths()
        if self._originals is not None:
            yield from self._look_for_copies(self._originals)

    def _started(self) -> MeasureStarted:
        order = self._order
        return MeasureStarted(
            model=self._name,
            img_resolution=self._network.descriptor.img_resolution,
            metrics=tuple(metric.value for metric in order.metrics),
            data="" if order.data is None else str(order.data),
            pictures=0 if self._data is None else len(self._data),
            count=self.count,
            psi=order.psi,
            seed=order.seed,
            device=str(self._network.device),
            features=self._tools.features.name,
        )

    def _notices(self) -> list[str]:
        notices = [text for data in (self._data, self._originals) if data is not None for text in _remarks(data)]
        if self._order.set_metrics:
            notices.append(
                f"Sets are compared by Graft's own features ({self._tools.features.name}), not by Inception's: the "
                "numbers compare among themselves only, not with published ones."
            )
            if self._network.descriptor.img_resolution > self._tools.features.seen_px:
                notices.append(
                    f"These features look at {self._tools.features.seen_px} px; detail finer than that is not judged."
                )
        if self._data is not None and self.count < self._order.samples:
            notices.append(
                f"Of {len(self._data):,} real pictures, {self.count:,} are compared with as many samples, and with "
                "the rest of them for the floor."
            )
        if Metric.PPL in self._order.metrics:
            notices.append(f"Path lengths are by {self._tools.distance.features_name}.")
        return notices

    # --- sets ---------------------------------------------------------------------------------------------------

    def _compare_sets(self, data: Dataset) -> Progress:
        drawn = np.random.default_rng(self._order.seed).permutation(len(data))
        parts = np.sort(drawn[: self.count]), np.sort(drawn[self.count : 2 * self.count])
        reference = yield from self._real(data, parts[0], "Looking at real pictures")
        others = yield from self._real(data, parts[1], "Looking at others")
        samples = yield from self._generated(self.count)
        self._real_prints, self._sample_prints = others.prints, samples.prints
        width = reference.rows.shape[1]
        if Metric.FID in self._order.metrics and self.count <= width:
            yield MeasureNotice(
                f"FID of {self.count:,} pictures on {width:,} features is largely chance: read it beside its floor, "
                f"or take more than {width:,} pictures."
            )
        for metric, measurement in compare_sets(reference.rows, samples.rows, others.rows, self._order.set_metrics):
            yield self._keep(metric, measurement)

    def _real(self, data: Dataset, indices: NDArray[np.int64], text: str) -> Generator[MeasureProgress, None, _Seen]:
        def look(block: slice) -> _Seen:
            return self._look(data.batch(indices[block], self._network.device), block.start)

        return _together((yield from watched(text, row_blocks(len(indices), self._batch), look)))

    def _generated(self, count: int) -> Generator[MeasureProgress, None, _Seen]:
        def look(block: slice) -> _Seen:
            pictures = pictures_of(self._network, self._seeds(count)[block], self._order.psi)
            return self._look(as_images(pictures, self._network.device), block.start)

        return _together((yield from watched("Generating", row_blocks(count, self._batch), look)))

    def _look(self, images: Tensor, first: int) -> _Seen:
        """Args:
        first: Number of the first picture in its set.
        """
        maps = self._tools.features.maps(images)
        checked = 0 if self._originals is None else min(len(images), max(0, CHECKED - first))
        prints = prints_of([level[:checked] for level in maps], images[:checked]) if checked else None
        return _Seen(pooled(maps), prints)

    # --- paths --------------------------------------------------------------------------------------------------

    def _walk_paths(self) -> Progress:
        network, order = self._network, self._order
        seeds = self._seeds(2 * order.samples)
        starts, ends = seeds[::2], seeds[1::2]
        places = torch.rand(order.samples, generator=torch.Generator().manual_seed(order.seed))
        if order.path_part is PathPart.END:
            places = torch.zeros(order.samples)
        in_w = order.path_space is PathSpace.W

        def walk(block: slice) -> Floats:
            labels = labels_of(network, starts[block])  # the end of a path is of the class of its start

            def latents(of: Sequence[int]) -> Tensor:
                return ws_of(network, of, order.psi, labels) if in_w else z_of(network, of)

            def render(latents: Tensor) -> Tensor:
                both = None if labels is None else torch.cat([labels, labels])
                return as_rgb(network.synthesis(latents if in_w else network.mapping(latents, both, order.psi)))

            t = places[block].to(network.device if in_w else "cpu")
            a, b = latents(starts[block]), latents(ends[block])
            apart = self._tools.distance.features_apart
            found: Floats = path_distances(a, b, t, lerp if in_w else slerp, render, apart).double().cpu().numpy()
            return found

        blocks = row_blocks(order.samples, max(1, self._batch // 2))
        distances = np.concatenate((yield from watched("Walking paths", blocks, walk)))
        length = path_length(distances)
        yield self._keep(Metric.PPL, Measurement(length.mean, length.standard_error))

    # --- copies -------------------------------------------------------------------------------------------------

    def _look_for_copies(self, originals: Dataset) -> Progress:
        order, network = self._order, self._network
        assert order.originals is not None, "they were opened from there"
        if self._sample_prints is None:
            self._sample_prints = (yield from self._generated(min(self.count, CHECKED))).prints
        assert self._sample_prints is not None, "taken whenever there are originals"
        samples = self._sample_prints
        found = yield from check_copies(
            samples,
            self._seeds(len(samples)),
            self._real_prints,
            originals,
            names_of(order.originals, originals),
            self._tools.features,
            order.closest,
        )
        if order.sheet is not None:
            title = f"{self._name}: the {len(found.closest)} closest to an original of {len(samples):,} samples"
            pairs = drawn_pairs(found.closest, network, order.psi, originals)
            write_sheet(order.sheet, pairs_sheet(pairs, title))
        self.copies = found
        yield CopiesChecked(
            samples=len(samples),
            originals=found.originals,
            closest=found.samples.closest,
            median=found.samples.median,
            between_originals=found.between_originals.closest,
            between_originals_median=found.between_originals.median,
            below=found.below,
            below_median=found.below_median,
            sheet="" if order.sheet is None else str(order.sheet),
        )

    # --- what these have in common ------------------------------------------------------------------------------

    def _seeds(self, count: int) -> list[int]:
        return [(self._order.seed + number) % SEEDS for number in range(count)]

    def _keep(self, metric: Metric, measurement: Measurement) -> MetricMeasured:
        self.found[metric.value] = measurement
        return MetricMeasured(
            metric.value,
            measurement.value,
            measurement.standard_error,
            measurement.floor,
            metric in HIGHER_IS_BETTER,
        )


def _opened(folder: Path | None, network: Network, tools: Tools) -> Dataset | None:
    if folder is None:
        return None
    dataset = open_dataset(folder, network.descriptor.img_resolution, 2, tools.cache)
    if len(dataset) < LEAST_PICTURES:
        raise JobError(
            f"{folder.name:.100} holds {len(dataset)} pictures that can be used; to compare, at least "
            f"{LEAST_PICTURES} are needed.",
            "Add pictures.",
        )
    return dataset


def _remarks(data: Dataset) -> list[str]:
    """What is to be said about a folder; which files are left out is said in our own words, there being no run."""
    refused = data.report.refused
    remarks = [text for text in data.report.notices if not (refused and "left out" in text)]
    if refused:
        remarks.append(
            f"{len(refused)} of {len(refused) + len(data)} files cannot be used, for example {refused[0].name:.60}: "
            f"{refused[0].reason}."
        )
    return remarks


def _together(seen: Sequence[_Seen]) -> _Seen:
    prints = [one.prints for one in seen if one.prints is not None]
    return _Seen(np.concatenate([one.rows for one in seen]), joined(prints) if prints else None)

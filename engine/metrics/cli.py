"""The verb ``measure``. Torch is imported when measuring starts, not before."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.atomic import check_writable, write_atomic
from engine.cli_options import MAX_SEED, Device
from engine.console import Progress, note
from engine.errors import JobError
from engine.event_lines import json_object, to_json_line
from engine.measure_events import (
    CopiesChecked,
    MeasureEvent,
    MeasureFinished,
    MeasureNotice,
    MeasureProgress,
    MeasureStarted,
    MetricMeasured,
)
from engine.metrics.order import DEFAULT_SAMPLES, MeasureOrder, Metric, PathPart, PathSpace
from engine.training.background import give_way

if TYPE_CHECKING:
    from engine.metrics.measure import MeasureReport, Tools

MAX_SAMPLES = 100_000
JSON_PROGRESS_S = 1.0
NAMES = {Metric.KID: "KID", Metric.FID: "FID", Metric.PPL: "PPL"}


def measure(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A generator.")],
    data: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Real pictures, such as it was trained on.")
    ] = None,
    metrics: Annotated[
        str | None,
        typer.Option(
            metavar="LIST", help="Some of kid, fid, precision, recall, ppl.", show_default="all that can be measured"
        ),
    ] = None,
    samples: Annotated[
        int, typer.Option(min=10, max=MAX_SAMPLES, help="Pictures on each side; also paths for PPL.")
    ] = DEFAULT_SAMPLES,
    psi: Annotated[float, typer.Option(help="Truncation; 1 measures the model as it was trained.")] = 1.0,
    seed: Annotated[int, typer.Option(min=0, max=MAX_SEED, help="The samples are the seeds from here on.")] = 0,
    ppl_space: Annotated[PathSpace, typer.Option(help="Where paths run.")] = PathSpace.W,
    ppl_part: Annotated[PathPart, typer.Option(help="Anywhere on them, or at their ends.")] = PathPart.END,
    originals: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Photos, framed like the model's, to look for copies of."),
    ] = None,
    sheet: Annotated[
        Path | None, typer.Option(metavar="FILE", help="With --originals: draw the closest pairs.")
    ] = None,
    closest: Annotated[int, typer.Option(min=1, max=200, help="How many pairs.")] = 20,
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="FILE.json", help="Write a report.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per event, for programs.")] = False,
    nice: Annotated[int, typer.Option(min=0, max=19, help="How far to give way to other programs.")] = 0,
    device: Device = None,
) -> None:
    """Measure how good a model is.

    Against real pictures: KID and FID (distance, lower is better), precision (how many samples look real) and recall
    (how many real pictures the model can make). Each comes with its floor, real pictures measured against others.
    Alone: PPL (path length, lower is smoother).

    Pictures are compared by Graft's own features at 64 px, not by Inception's: the numbers compare among themselves
    only, never with published ones. PPL is by LPIPS where its weights are among yours.

    With --originals, each sample's nearest photo is found, to see whether the model learned photos by heart.

    \b
    Examples:
      python main.py measure portrait --data faces/portrait
      python main.py measure runs/mine/model.safetensors --data photos --metrics kid,recall --samples 500 -o mine.json
      python main.py measure portrait --originals photos --sheet nearest.png
    """
    if nice:
        give_way(nice)
    wanted = _metrics(metrics, data, originals)
    if not math.isfinite(psi):
        raise typer.BadParameter("--psi must be a finite number.")
    if sheet is not None and originals is None:
        raise typer.BadParameter("--sheet needs --originals FOLDER, the photos to compare with.")
    order = MeasureOrder(wanted, data, samples, psi, seed, ppl_space, ppl_part, originals, sheet, closest)
    for path in (sheet, out):
        if path is not None:
            check_writable(path)
    _measure(model, order, out, device or "auto", _print_json() if as_json else _Sentences())


def _metrics(text: str | None, data: Path | None, originals: Path | None) -> tuple[Metric, ...]:
    """The metrics of a list; those that the folders given make possible, when there is no list."""
    if text is None:
        if data is not None:
            return tuple(Metric)
        return () if originals is not None else (Metric.PPL,)
    names = {part.strip().lower() for part in text.split(",") if part.strip()}
    if unknown := sorted(names - set(Metric)):
        raise typer.BadParameter(f"“{unknown[0]:.20}” in --metrics: there are {', '.join(Metric)}.")
    wanted = tuple(metric for metric in Metric if metric in names)
    if data is None and set(wanted) - {Metric.PPL}:
        raise typer.BadParameter(f"{wanted[0]} needs --data FOLDER, the real pictures to compare with.")
    return wanted


def _measure(
    model: str, order: MeasureOrder, out: Path | None, device: str, tell: Callable[[MeasureEvent], None]
) -> None:
    from engine.headless import open_headless
    from engine.metrics.measure import measure as events_of

    began = time.perf_counter()
    with open_headless(device) as engine:
        name = engine.model(model).name
        network = engine.network(model)
        for text in dict.fromkeys(engine.notes):
            tell(MeasureNotice(text))
        report = _followed(events_of(network, name, order, _tools(engine.device)), tell)
    if out is not None:
        write_atomic(out, (json.dumps(json_object(report), indent=2, ensure_ascii=False) + "\n").encode())
    tell(MeasureFinished("" if out is None else str(out), round(time.perf_counter() - began, 1)))


def _followed(
    events: Generator[MeasureEvent, None, MeasureReport], tell: Callable[[MeasureEvent], None]
) -> MeasureReport:
    while True:
        try:
            tell(next(events))
        except StopIteration as stop:
            report: MeasureReport = stop.value
            return report


def _tools(device: str) -> Tools:
    import torch

    from engine.inversion.distance import FeatureDistance
    from engine.inversion.lpips import choose_distance
    from engine.metrics.features import own_features
    from engine.metrics.measure import Tools
    from engine.places import user_places

    places = user_places()
    features = own_features(torch.device(device))
    distance = choose_distance(places.weights_folder)
    if not isinstance(distance, FeatureDistance):
        raise JobError("There is no perceptual network to measure with.", "Restore resources/models.")
    return Tools(features, distance, places.cache / "training")


def _print_json() -> Callable[[MeasureEvent], None]:
    told_at = -math.inf

    def tell(event: MeasureEvent) -> None:
        nonlocal told_at
        if isinstance(event, MeasureProgress):
            now = time.perf_counter()
            if event.done < event.total and now - told_at < JSON_PROGRESS_S:
                return
            told_at = now
        typer.echo(to_json_line(event))

    return tell


class _Sentences:
    """Results to stdout, everything else to stderr."""

    def __init__(self) -> None:
        self._line = Progress()
        self._text = ""

    def __call__(self, event: MeasureEvent) -> None:
        if isinstance(event, MeasureProgress):
            self._follow(event)
            return
        self._line.done()
        match event:
            case MeasureNotice():
                note(event.text)
            case MeasureStarted():
                typer.echo(_beginning(event))
            case MetricMeasured():
                typer.echo(measured_line(event))
            case CopiesChecked():
                for text in _copies_lines(event):
                    typer.echo(text)
            case MeasureFinished():
                where = f"Wrote {event.report} after" if event.report else "Done in"
                typer.echo(f"{where} {event.elapsed_s:.0f} s")

    def _follow(self, event: MeasureProgress) -> None:
        if event.text != self._text:  # a new task begins at nought
            self._line.done()
            self._line, self._text = Progress(), event.text
        left = f", {event.time_left_s:.0f} s left" if event.done < event.total else ""
        self._line(f"{event.text} {event.done:,} of {event.total:,}{left}", event.done / event.total)


def _beginning(event: MeasureStarted) -> str:
    text = f"Measuring {event.model}, {event.img_resolution} px, psi {event.psi:g}, {event.device}"
    against = f", {event.count:,} samples against as many of {event.pictures:,} real pictures"
    return text + against if event.pictures else text


def measured_line(event: MetricMeasured) -> str:
    """A metric on one line: its value, how sure it is, and its floor."""
    name = NAMES.get(Metric(event.metric), event.metric)
    text = f"{name:<10}{_number(event.metric, event.value):>10}"
    if math.isfinite(event.standard_error):
        text += f" ± {_number(event.metric, event.standard_error)}"
    if math.isfinite(event.floor):
        text = f"{text:<32}real against real {_number(event.metric, event.floor)}"
    return text


def _number(metric: str, value: float) -> str:
    digits = {Metric.KID: 5, Metric.FID: 3, Metric.PPL: 1}.get(Metric(metric), 3)
    return f"{value:.{digits}f}"


def _copies_lines(event: CopiesChecked) -> list[str]:
    lines = [
        f"Nearest of {event.originals:,} originals, by features: {event.closest:.4f} for the closest of "
        f"{event.samples:,} samples, {event.median:.4f} for the median",
        f"Originals to the nearest other one: {event.between_originals:.4f} for the closest two, "
        f"{event.between_originals_median:.4f} for the median; closer to one are {event.below:,} and "
        f"{event.below_median:,} samples.",
    ]
    return [*lines, f"Wrote {event.sheet}: look at it, no number can tell a copy."] if event.sheet else lines

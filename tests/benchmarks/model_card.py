"""The figures and pictures of the card beside the models that come with Graft. Prints Markdown, then JSON.

Usage: python tests/benchmarks/model_card.py --data FACES [--originals PHOTOS --nearest NEAREST.png] [--models FOLDER]
                                             [--only portrait,toon] [--samples 2000] [--sheets FOLDER] [--json FILE]

FACES holds a folder of training pictures for each model, by its name, as `train portrait-data` makes them. Every
generator in FOLDER is measured against its own. PHOTOS are what the training pictures were made from, framed like
them; NEAREST.png shows the base model's samples beside them, and so does not belong among the things that ship.

The sheets: `portrait.png` has the seeds 0 to 31 at psi 0.7, and for every other model there is `swap-NAME.png`, with
seeds across and swap resolutions down, from the base model at the top to that model at the bottom.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from engine.device import prepare_process  # noqa: E402

prepare_process()

import numpy as np  # noqa: E402
import torch  # noqa: E402
from PIL import Image  # noqa: E402

from engine.console import Progress, note  # noqa: E402
from engine.errors import EngineError, ModelError  # noqa: E402
from engine.event_lines import json_object  # noqa: E402
from engine.export.sheets import compose_sheet, write_sheet  # noqa: E402
from engine.headless import Headless, open_headless  # noqa: E402
from engine.inversion.distance import FeatureDistance  # noqa: E402
from engine.inversion.lpips import choose_distance  # noqa: E402
from engine.measure_events import MeasureNotice, MeasureProgress  # noqa: E402
from engine.metrics.features import own_features  # noqa: E402
from engine.metrics.measure import MeasureReport, Tools, measure  # noqa: E402
from engine.metrics.order import MeasureOrder, Metric  # noqa: E402
from engine.metrics.samples import batch_size, pictures_of  # noqa: E402
from engine.models import read_network  # noqa: E402
from engine.network import Network  # noqa: E402
from engine.places import Places, embedded_models_folder, user_places  # noqa: E402
from engine.state import EditState, View, with_seed, with_swap_resolution, with_truncation  # noqa: E402

BASE = "portrait"
PSI = 0.7
COLUMNS, ROWS = 8, 4


def generators(folder: Path, only: set[str]) -> dict[str, Path]:
    """The generators in a folder, the base first; other networks are passed over."""
    found = {}
    for path in sorted(folder.glob("*.safetensors"), key=lambda path: (path.stem != BASE, path.stem)):
        try:
            if not only or path.stem in only:
                read_network(path, "cpu")
                found[path.stem] = path
        except ModelError:
            continue
    return found


def measured(name: str, network: Network, order: MeasureOrder, tools: Tools) -> MeasureReport:
    line, text = Progress(), ""
    events = measure(network, name, order, tools)
    while True:
        try:
            event = next(events)
        except StopIteration as stop:
            line.done()
            report: MeasureReport = stop.value
            return report
        if isinstance(event, MeasureNotice):
            line.done()
            note(f"{name}: {event.text}")
        elif isinstance(event, MeasureProgress):
            if event.text != text:
                line.done()
                line, text = Progress(), event.text
            line(f"{name}: {event.text} {event.done:,} of {event.total:,}", event.done / event.total)


def fit(picture: np.ndarray, cell: int) -> np.ndarray:
    return np.asarray(Image.fromarray(picture).resize((cell, cell), Image.Resampling.LANCZOS))


def seeds_sheet(network: Network, cell: int) -> np.ndarray:
    seeds = list(range(COLUMNS * ROWS))
    step = batch_size(network.descriptor.img_resolution)
    parts = [pictures_of(network, seeds[start : start + step], PSI) for start in range(0, len(seeds), step)]
    edge = cell or network.descriptor.img_resolution
    pictures = [fit(picture, edge) for picture in np.concatenate(parts)]
    rows = [np.concatenate(pictures[start : start + COLUMNS], axis=1) for start in range(0, len(seeds), COLUMNS)]
    return np.concatenate(rows)


def swap_sheet(engine: Headless, base: Path, style: Path, cell: int) -> np.ndarray:
    """Rendered as the window does it."""
    a, b = engine.model(str(base)), engine.model(str(style))
    engine.check_pair(a, b)
    state = with_truncation(EditState(model_a=a, model_b=b), PSI)
    swaps = sorted(engine.resolutions(state)[:-1], reverse=True)
    rows = [[engine.render(with_seed(state, seed), View.A) for seed in range(COLUMNS)]]
    for swap in swaps:
        blended = with_swap_resolution(state, swap)
        rows.append([engine.render(with_seed(blended, seed)) for seed in range(COLUMNS)])
    rows.append([engine.render(with_seed(state, seed), View.B) for seed in range(COLUMNS)])
    labels = [base.stem, *(f"swap {swap}" for swap in swaps), style.stem]
    heads = [f"seed {seed}" for seed in range(COLUMNS)]
    return compose_sheet(rows, heads, labels, cell_px=cell, from_a_to_b=False)


def markdown(reports: list[MeasureReport]) -> str:
    names = {Metric.KID: "KID", Metric.FID: "FID", Metric.PRECISION: "precision", Metric.RECALL: "recall"}
    lines = [
        f"| model | {' | '.join(names.values())} | PPL, W | samples | measured in |",
        f"|---|{'---|' * (len(names) + 3)}",
    ]
    for report in reports:
        cells = []
        for metric in names:
            one = report.metrics.get(metric.value)
            digits = 4 if metric is Metric.KID else 2
            cells.append("" if one is None else f"{one.value:.{digits}f} ({one.floor:.{digits}f})")
        path = report.metrics.get(Metric.PPL.value)
        cells.append("" if path is None else f"{path.value:.2f} ± {path.standard_error:.2f}")
        cells += [f"{report.count:,}", f"{report.elapsed_s / 60:.1f} min"]
        lines.append(f"| {report.model} | {' | '.join(cells)} |")
    first = reports[0]
    lines += [
        "",
        f"In brackets: real pictures against other real ones. Features: `{first.features}`, which look at "
        f"{first.seen_px} px; paths: {first.paths}. The numbers compare with one another only.",
    ]
    for report in reports:
        if report.copies is not None:
            lines += ["", *copies_table(report)]
    return "\n".join(lines)


def copies_table(report: MeasureReport) -> list[str]:
    copies = report.copies
    assert copies is not None, "asked for only where there is one"
    kinds = [
        (f"{copies.samples.count:,} samples", copies.samples),
        *([] if copies.real is None else [(f"{copies.real.count:,} training pictures", copies.real)]),
        (f"{copies.between_originals.count:,} originals, to the others", copies.between_originals),
    ]
    return [
        f"| {report.model}: to the nearest of {copies.originals} originals | closest | median | closest, pixels "
        "| median, pixels |",
        "|---|---|---|---|---|",
        *(
            f"| {name} | {d.closest:.4f} | {d.median:.4f} | {d.closest_by_pixels:.4f} | {d.median_by_pixels:.4f} |"
            for name, d in kinds
        ),
    ]


def main() -> None:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--originals", type=Path)
    parser.add_argument("--nearest", type=Path)
    parser.add_argument("--models", type=Path, default=embedded_models_folder())
    parser.add_argument("--only", default="")
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--sheets", type=Path)
    parser.add_argument("--cell", type=int, default=128, help="edge of a picture on a sheet; 0: its own")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    began = time.perf_counter()
    found = generators(options.models, {name for name in options.only.split(",") if name})
    if not found:
        raise SystemExit(f"{options.models}: there is no such generator")
    reports = []
    with tempfile.TemporaryDirectory() as folder:  # a library of its own
        root = Path(folder)
        with open_headless(options.device, places=Places(root, root, root)) as engine:
            places = user_places()
            distance = choose_distance(places.weights_folder)
            assert isinstance(distance, FeatureDistance), "there is no perceptual network"
            tools = Tools(own_features(torch.device(engine.device)), distance, places.cache / "training")
            for name, path in found.items():
                data = options.data / name
                order = MeasureOrder(data=data, samples=options.samples)
                if not data.is_dir():
                    note(f"{data}: no such folder, so {name} is compared with nothing")
                    order = replace(order, data=None, metrics=(Metric.PPL,))
                if name == BASE:
                    order = replace(order, originals=options.originals, sheet=options.nearest)
                network = read_network(path, engine.device)
                try:
                    reports.append(measured(name, network, order, tools))
                except EngineError as error:
                    note(f"{name}: {error.user_message} {error.hint}")
                    continue
                if options.sheets is not None:
                    options.sheets.mkdir(parents=True, exist_ok=True)
                    write_sheet(options.sheets / f"{name}.png", seeds_sheet(network, options.cell))
            if options.sheets is not None and BASE in found:
                for name, path in found.items():
                    if name != BASE:
                        drawn = swap_sheet(engine, found[BASE], path, options.cell)
                        write_sheet(options.sheets / f"swap-{name}.png", drawn)
    if not reports:
        raise SystemExit("nothing could be measured")
    document: dict[str, Any] = {
        "models": [json_object(report) for report in reports],
        "machine": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "elapsed_s": round(time.perf_counter() - began, 1),
    }
    print(markdown(reports))
    if options.json is not None:
        options.json.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    else:
        print(f"\n```json\n{json.dumps(document, indent=1, ensure_ascii=False)}\n```")


if __name__ == "__main__":
    main()

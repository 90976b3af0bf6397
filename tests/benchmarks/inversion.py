"""Our way into the latent space against plain optimisation, side by side on portraits that the model has never seen.

Usage: python tests/benchmarks/inversion.py PORTRAIT_OR_FOLDER ... --rows FILE.json [--ways plain-20,+100,...]
           [--model FILE] [--encoder FILE] [--editability 0.5] [--threads N] [--most N] [--sheet FILE.png]

Ways: "encoder" (one pass), "+N" (encoder and N steps), "mean+N" (our own descent from the mean latent), "plain-N"
(the projector as published, in W+ at full size with noise maps, from the mean, with the same judge), "pti" (encoder,
100 steps without noise maps, then pivotal tuning as the window does it).

Every portrait goes through all ways before the next one. A portrait and way that the rows file holds already is not
done again, so a long run can be stopped and gone on with. Times are of the search alone: seconds on the wall, and of
the processor, which other programs disturb less. The table gives medians; below it stands, for every plain way, how
much sooner ours was as near: at the shortest of our ways whose median is no farther.

The sheet shows, a portrait a row: itself, then what every way found, in the order of `--ways`.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from engine.device import choose_device, prepare_process  # noqa: E402

prepare_process()

import numpy as np  # noqa: E402
import torch  # noqa: E402
from PIL import Image  # noqa: E402
from torch import Tensor  # noqa: E402

from engine.imaging import to_rgb  # noqa: E402
from engine.inversion.align import align_face  # noqa: E402
from engine.inversion.distance import PerceptualDistance  # noqa: E402
from engine.inversion.encoder import PortraitEncoder, load_encoder  # noqa: E402
from engine.inversion.faces import find_faces  # noqa: E402
from engine.inversion.likeness_measure import measure_likeness  # noqa: E402
from engine.inversion.lpips import choose_distance  # noqa: E402
from engine.inversion.objective import Objective, aim, as_rgb  # noqa: E402
from engine.inversion.pivot import tune_pivot  # noqa: E402
from engine.inversion.portraits import read_portrait  # noqa: E402
from engine.inversion.project import invert_portrait  # noqa: E402
from engine.inversion.published import Recipe, project  # noqa: E402
from engine.network import Network, load_network  # noqa: E402
from engine.places import embedded_models_folder, user_places  # noqa: E402

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".heic", ".tif", ".tiff")
WAYS = "encoder,+20,+100,+300,mean+20,mean+100,plain-20,plain-100,plain-300,plain-1000"
W_SAMPLES = 10_000
SEED = 303
DISTANCES = ("pixel", "perceptual", "edge")
Row = dict[str, Any]
R = TypeVar("R")


@dataclass(frozen=True, slots=True, eq=False)
class Bench:
    """What all ways have in common."""

    network: Network
    judge: PerceptualDistance
    encoder: PortraitEncoder
    editability: float

    def image_by(self, way: str, target: np.ndarray) -> Tensor:
        if way.startswith("plain-"):
            return plainly(self, target, int(way.removeprefix("plain-")))
        if way == "pti":
            return self.tuned(target)
        steps = 0 if way == "encoder" else int(way.removeprefix("mean").removeprefix("+"))
        encoder = None if way.startswith("mean") else self.encoder
        settings: dict[str, Any] = {} if self.editability == 0.5 else {"editability": self.editability}
        run = invert_portrait(self.network, target, steps=steps, distance=self.judge, encoder=encoder, **settings)
        return finished(run).image

    def tuned(self, target: np.ndarray) -> Tensor:
        start: dict[str, Any] = {"encoder": self.encoder, "optimise_noise": False}
        ws = torch.from_numpy(finished(invert_portrait(self.network, target, steps=100, **start)).ws)[None]
        network = Network.from_tensors(
            self.network.config,
            {
                name: torch.from_numpy(values)
                for name, values in finished(tune_pivot(self.network, ws, target, self.judge)).tensors.items()
            },
        )
        return network.synthesis(ws)


def finished(run: Generator[object, None, R]) -> R:
    while True:
        try:
            next(run)
        except StopIteration as end:
            result: R = end.value
            return result


def plainly(bench: Bench, target: np.ndarray, steps: int) -> Tensor:
    """The published projector with its own settings, but in W+ and with our judge."""
    network = bench.network
    descriptor, objective = network.descriptor, Objective(aim(target, network), bench.judge)
    source = torch.Generator().manual_seed(SEED)
    w = network.mapping(torch.randn(W_SAMPLES, descriptor.z_dim, generator=source))[:, 0]
    mean = w.mean(dim=0)
    spread = float((w - mean).square().sum(dim=1).mean().sqrt())
    latent = mean.expand(1, descriptor.num_ws, -1).clone()
    shapes = {layer.name: network.noise_map(layer.position) for layer in descriptor.layers if layer.has_noise}
    maps = {name: torch.randn(own.shape, generator=source).to(own) for name, own in shapes.items() if own is not None}

    def render(ws: Tensor, noise: Sequence[Tensor]) -> Tensor:
        return network.synthesis(ws, noise=dict(zip(maps, noise, strict=True)), with_grad=True)

    def draw(_: int) -> Tensor:
        return torch.randn(latent.shape, generator=source).to(latent)

    def measure(images: Tensor) -> Tensor:
        return objective.measure(as_rgb(images)).sum()

    for step in project(render, measure, latent, spread, list(maps.values()), Recipe(steps), draw):
        latent = step.latent
    with torch.no_grad():
        return network.synthesis(latent, noise=maps)


def measured(bench: Bench, way: str, target: np.ndarray) -> tuple[Row, np.ndarray]:
    wall, cpu = time.perf_counter(), time.process_time()
    image = bench.image_by(way, target)
    row: Row = {"s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
    aimed = aim(target, bench.network)
    likeness = measure_likeness(image, aimed, Objective(aimed, bench.judge).value(as_rgb(image)), bench.judge.name)
    row |= {name: getattr(likeness, name) for name in DISTANCES}
    return row, to_rgb(image)


def targets_in(paths: Sequence[Path], network: Network, most: int | None) -> dict[str, np.ndarray]:
    """Aligned portraits by name; a PNG of the model's own size is taken as aligned."""
    files = [one for path in paths for one in (sorted(path.iterdir()) if path.is_dir() else [path])]
    size = network.descriptor.img_resolution
    found: dict[str, np.ndarray] = {}
    for path in files:
        if path.suffix.lower() not in SUFFIXES or len(found) == most:
            continue
        pixels = read_portrait(path).pixels
        if path.suffix == ".png" and pixels.shape == (size, size, 3):
            found[path.stem] = pixels
        elif faces := find_faces(pixels):
            found[path.stem] = align_face(pixels, faces[0], network.descriptor.framing, size)
        else:
            print(f"{path.name}: no face", file=sys.stderr)
    return found


def median(rows: Sequence[Row], way: str, name: str) -> float:
    return statistics.median(row[name] for row in rows if row["way"] == way)


def table(rows: Sequence[Row], ways: Sequence[str]) -> str:
    names = ("s", "cpu_s", *DISTANCES)
    lines = [f"{'way':<12}{'portraits':>10}" + "".join(f"{name:>12}" for name in names)]
    for way in ways:
        count = sum(row["way"] == way for row in rows)
        if count:
            lines.append(f"{way:<12}{count:>10}" + "".join(f"{median(rows, way, name):>12.4f}" for name in names))
    return "\n".join(lines)


def sooner(rows: Sequence[Row], ways: Sequence[str], clock: str) -> list[str]:
    """On the portraits that both ways have been tried on."""
    ours, lines = [way for way in ways if not way.startswith(("plain", "mean"))], []
    for plain in (way for way in ways if way.startswith("plain")):
        known = {row["portrait"] for row in rows if row["way"] == plain}
        same = [row for row in rows if row["portrait"] in known]
        for name in DISTANCES:
            goal = median(same, plain, name) if known else 0.0
            near = [
                way for way in ours
                if any(row["way"] == way for row in same) and median(same, way, name) <= goal
            ]  # fmt: skip
            if not known or not near:
                continue
            quickest = min(near, key=lambda way: median(same, way, clock))
            times = median(same, plain, clock) / median(same, quickest, clock)
            lines.append(f"{name} {goal:.4f} as {plain}: {quickest} is there {times:.1f}x sooner")
    return lines


def sheet(targets: dict[str, np.ndarray], pictures: Callable[[str], list[Path]]) -> Image.Image:
    strips = [
        np.concatenate([target, *(np.asarray(Image.open(path)) for path in pictures(name))], axis=1)
        for name, target in targets.items()
    ]
    return Image.fromarray(np.concatenate(strips))


def main() -> None:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("portraits", nargs="+", type=Path)
    parser.add_argument("--rows", type=Path, required=True, help="what was measured; pictures go beside it")
    parser.add_argument("--ways", default=WAYS)
    parser.add_argument("--model", type=Path, default=embedded_models_folder() / "portrait.safetensors")
    parser.add_argument("--encoder", type=Path, default=embedded_models_folder() / "encoder.safetensors")
    parser.add_argument("--editability", type=float, default=0.5)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--most", type=int)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--sheet", type=Path)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    network = load_network(options.model, choose_device(options.device).name)
    judge = choose_distance(user_places().weights_folder)
    bench = Bench(network, judge, load_encoder(options.encoder), options.editability)
    targets = targets_in(options.portraits, network, options.most)
    if not targets:
        raise SystemExit("there is no portrait with a face")
    ways = options.ways.split(",")
    report = json.loads(options.rows.read_text()) if options.rows.exists() else {"rows": []}
    report |= {
        "machine": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "perceptual_name": judge.name,
    }
    rows: list[Row] = report["rows"]
    folder = options.rows.with_suffix("")
    folder.mkdir(exist_ok=True)
    done = {(row["portrait"], row["way"]) for row in rows}
    bench.image_by(ways[0] if ways[0] in ("encoder", "+20") else "plain-20", next(iter(targets.values())))  # warm up
    for name, target in targets.items():
        for way in ways:
            if (name, way) in done:
                continue
            row, picture = measured(bench, way, target)
            rows.append({"portrait": name, "way": way, **row})
            Image.fromarray(picture).save(folder / f"{name}{way}.png")
            options.rows.write_text(json.dumps(report, indent=1))
            print(f"{name} {way}: {row['perceptual']:.3f} in {row['s']:.1f} s", file=sys.stderr)
    shown = [row for row in rows if row["portrait"] in targets]
    print(table(shown, ways))
    print(*sooner(shown, ways, "cpu_s"), sep="\n")
    if options.sheet:
        sheet(targets, lambda name: [folder / f"{name}{way}.png" for way in ways]).save(options.sheet)


if __name__ == "__main__":
    main()

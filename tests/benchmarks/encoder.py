"""Encoder against search, side by side in one run, on portraits that the model has never seen.

Usage: python tests/benchmarks/encoder.py PORTRAIT [PORTRAIT ...] [--portraits FOLDER] [--model FILE] [--encoder FILE]
           [--near 20,100] [--far 20,100,300] [--json FILE] [--sheet FILE.png]

For every portrait: the mean latent (what is known without looking), the encoder alone, the search from the encoder's
start (`--near` steps), and the plain search from the mean (`--far` steps). Pixel distance is the mean absolute
difference (0 to 1), perceptual distance the judge's. Cutting out the face is not part of the times. The sheet shows,
a portrait a row: itself, the encoder alone, each search from its start, the longest one from the mean.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from engine.device import choose_device, prepare_process  # noqa: E402

prepare_process()

import numpy as np  # noqa: E402
import torch  # noqa: E402
from PIL import Image  # noqa: E402

from engine.imaging import to_rgb  # noqa: E402
from engine.inversion.align import align_face  # noqa: E402
from engine.inversion.distance import PerceptualDistance  # noqa: E402
from engine.inversion.encoder import PortraitEncoder, load_encoder  # noqa: E402
from engine.inversion.faces import find_faces  # noqa: E402
from engine.inversion.lpips import choose_distance  # noqa: E402
from engine.inversion.objective import Objective, aim, as_rgb  # noqa: E402
from engine.inversion.portraits import read_portrait  # noqa: E402
from engine.inversion.project import InversionProgress, InversionResult, invert_portrait  # noqa: E402
from engine.network import Network, load_network  # noqa: E402
from engine.places import embedded_models_folder, user_places  # noqa: E402

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".heic", ".tif", ".tiff")
Row = dict[str, Any]


def aligned(path: Path, network: Network) -> np.ndarray | None:
    pixels = read_portrait(path).pixels
    faces = find_faces(pixels)
    if not faces:
        return None
    return align_face(pixels, faces[0], network.descriptor.framing, network.descriptor.img_resolution)


def finished(run: Generator[InversionProgress, None, InversionResult]) -> InversionResult:
    while True:
        try:
            next(run)
        except StopIteration as end:
            return end.value


def at_mean(network: Network, target: np.ndarray, judge: PerceptualDistance) -> tuple[Row, np.ndarray]:
    objective = Objective(aim(target, network), judge)
    image = network.synthesis(network.w_avg.expand(1, network.descriptor.num_ws, -1))
    row = {"s": 0.0, "pixel": objective.pixel_distance(as_rgb(image)), "perceptual": objective.value(as_rgb(image))}
    return row, to_rgb(image)


def found_by(
    network: Network, target: np.ndarray, judge: PerceptualDistance, steps: int, encoder: PortraitEncoder | None
) -> tuple[Row, np.ndarray]:
    began = time.perf_counter()
    result = finished(invert_portrait(network, target, steps=steps, distance=judge, encoder=encoder))
    spent = time.perf_counter() - began
    row = {"s": spent, "pixel": result.pixel_distance, "perceptual": result.perceptual_distance}
    return row, to_rgb(result.image)


def one_pass_s(encoder: PortraitEncoder, network: Network, target: np.ndarray) -> float:
    """The encoder's forward pass and one picture: what one waits for before anything is seen."""
    times = []
    for _ in range(5):
        began = time.perf_counter()
        network.synthesis(encoder.encode(target, network))
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def measured(
    network: Network, encoder: PortraitEncoder, judge: PerceptualDistance, targets: dict[str, np.ndarray],
    near: list[int], far: list[int],
) -> tuple[list[Row], list[np.ndarray]]:
    rows, strips = [], []
    for name, target in targets.items():
        found = {"mean latent": at_mean(network, target, judge)}
        found["encoder"] = found_by(network, target, judge, 0, encoder)
        found |= {f"encoder +{steps}": found_by(network, target, judge, steps, encoder) for steps in near}
        found |= {f"mean +{steps}": found_by(network, target, judge, steps, None) for steps in far}
        rows += [{"portrait": name, "way": way, **row} for way, (row, _) in found.items()]
        shown = [picture for way, (_, picture) in found.items() if way.startswith("encoder")]
        strips.append(np.concatenate([target, *shown, list(found.values())[-1][1]], axis=1))
        told = ", ".join(f"{way} {row['perceptual']:.3f}" for way, (row, _) in found.items())
        print(f"{name}: {told}", file=sys.stderr)
    return rows, strips


def summary(rows: list[Row]) -> list[Row]:
    ways = list(dict.fromkeys(row["way"] for row in rows))
    return [
        {"way": way, **{name: round(statistics.mean(row[name] for row in rows if row["way"] == way), 4)
                        for name in ("s", "pixel", "perceptual")}}
        for way in ways
    ]  # fmt: skip


def table(lines: list[Row]) -> str:
    head = f"{'way':<16}{'seconds':>9}{'pixel':>9}{'perceptual':>12}"
    body = [f"{row['way']:<16}{row['s']:>9.2f}{row['pixel']:>9.4f}{row['perceptual']:>12.4f}" for row in lines]
    return "\n".join([head, *body])


def main() -> None:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--portraits", type=Path, help="a folder of them")
    parser.add_argument("--model", type=Path, default=embedded_models_folder() / "portrait.safetensors")
    parser.add_argument("--encoder", type=Path, default=embedded_models_folder() / "encoder.safetensors")
    parser.add_argument("--near", default="20,100")
    parser.add_argument("--far", default="20,100,300")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--sheet", type=Path)
    options = parser.parse_args()
    files = list(options.files)
    if options.portraits:
        files += [path for path in sorted(options.portraits.iterdir()) if path.suffix.lower() in SUFFIXES]
    device = choose_device(options.device).name
    network, encoder = load_network(options.model, device), load_encoder(options.encoder)
    judge = choose_distance(user_places().weights_folder)
    cut = {path.name: aligned(path, network) for path in files}
    targets = {name: target for name, target in cut.items() if target is not None}
    if not targets:
        raise SystemExit("there is no portrait with a face")
    near, far = ([int(text) for text in given.split(",") if text] for given in (options.near, options.far))
    rows, strips = measured(network, encoder, judge, targets, near, far)
    report = {
        "model": options.model.name,
        "encoder_for": encoder.metadata.model.name,
        "img_resolution": network.descriptor.img_resolution,
        "device": device,
        "threads": torch.get_num_threads(),
        "machine": platform.processor() or platform.machine(),
        "torch": torch.__version__,
        "perceptual_name": judge.name,
        "portraits": len(targets),
        "no_face_in": sorted(name for name, target in cut.items() if target is None),
        "encoder_and_picture_s": round(one_pass_s(encoder, network, next(iter(targets.values()))), 4),
        "means": summary(rows),
        "rows": rows,
    }
    print(table(report["means"]))
    print(f"encoder and picture, median of 5: {report['encoder_and_picture_s']:.3f} s; {len(targets)} portraits")
    if options.json:
        options.json.write_text(json.dumps(report, indent=1))
    if options.sheet:
        Image.fromarray(np.concatenate(strips)).save(options.sheet)


if __name__ == "__main__":
    main()

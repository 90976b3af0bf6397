"""Invert portraits that the model has never seen and say how quick and how close. Prints JSON, writes a strip.

Usage: python tests/benchmarks/projection.py PORTRAIT [PORTRAIT ...] [--model FILE] [--steps N] [--space w|w+]
                                             [--seed N] [--strip FILE.png]

Without --model the portrait model that comes with Graft is used. A picture counts as recognisable once its inner
face, without hair and background, is picked out of a line-up: the judge finds it 0.4 times as far from its own
portrait as from the nearest of the other portraits given and of Graft's ten samples. The strip shows, a portrait a
row: the aligned portrait, the first recognisable picture, the result.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from pathlib import Path
from typing import Any

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
from engine.inversion.faces import find_faces  # noqa: E402
from engine.inversion.lpips import choose_distance  # noqa: E402
from engine.inversion.objective import Objective, aim, as_rgb  # noqa: E402
from engine.inversion.portraits import read_portrait  # noqa: E402
from engine.inversion.project import InversionResult, invert_portrait  # noqa: E402
from engine.messages import LatentSpaceChoice  # noqa: E402
from engine.network import Network, load_network  # noqa: E402
from engine.places import embedded_models_folder, resources_folder, user_places  # noqa: E402

RECOGNISABLE = 0.4
SAMPLES = resources_folder() / "portraits"


def aligned(path: Path, network: Network) -> np.ndarray:
    pixels = read_portrait(path).pixels
    faces = find_faces(pixels)
    if not faces:
        raise SystemExit(f"{path.name}: no face was found")
    return align_face(pixels, faces[0], network.descriptor.framing, network.descriptor.img_resolution)


def inner_face(images: Tensor) -> Tensor:
    """Brows to chin, half as large as the picture each way."""
    size = images.shape[-1]
    top, left = round(0.3 * size), size // 4
    return images[:, :, top : top + size // 2, left : left + size // 2]


def line_up_place(target: np.ndarray, network: Network, judge: PerceptualDistance) -> Objective:
    return Objective(inner_face(aim(target, network)), judge)


def invert(
    network: Network, target: np.ndarray, others: list[Objective], judge: PerceptualDistance, **settings: Any
) -> tuple[dict[str, Any], list[np.ndarray]]:
    """One portrait: figures, and the pictures of its row."""
    own = line_up_place(target, network, judge)

    def recognisable(image: Tensor) -> bool:
        face = inner_face(as_rgb(image))
        return own.value(face) <= RECOGNISABLE * min(other.value(face) for other in others)

    run = invert_portrait(network, target, distance=judge, **settings)
    first: tuple[float, int, Tensor] | None = None
    spent = 0.0
    while True:
        began = time.perf_counter()
        try:
            progress = next(run)
        except StopIteration as end:
            result: InversionResult = end.value
            spent += time.perf_counter() - began
            break
        spent += time.perf_counter() - began  # looking at it is not part of the work
        if first is None and progress.image is not None and recognisable(progress.image):
            first = (spent, progress.step, progress.image)
    figures = {
        "recognisable_after_s": None if first is None else round(first[0], 2),
        "recognisable_after_steps": None if first is None else first[1],
        "steps": result.steps,
        "elapsed_s": round(spent, 2),
        "pixel_distance": round(result.pixel_distance, 4),
        "perceptual_distance": round(result.perceptual_distance, 4),
    }
    middle = to_rgb(first[2]) if first is not None else np.zeros_like(target)
    return figures, [target, enlarged(middle, len(target)), to_rgb(result.image)]


def enlarged(image: np.ndarray, size: int) -> np.ndarray:
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC))


def main() -> None:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("portraits", nargs="+", type=Path)
    parser.add_argument("--model", type=Path, default=embedded_models_folder() / "portrait.safetensors")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--space", type=LatentSpaceChoice, default=LatentSpaceChoice.W_PLUS)
    parser.add_argument("--seed", type=int, default=303)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--strip", type=Path)
    options = parser.parse_args()
    device = choose_device(options.device).name
    network = load_network(options.model, device)
    judge = choose_distance(user_places().weights_folder)
    samples = [path for path in sorted(SAMPLES.glob("*.jpg")) if path.name not in {p.name for p in options.portraits}]
    line_up = [(path, aligned(path, network)) for path in (*options.portraits, *samples)]
    rows, found = [], []
    for path, target in line_up[: len(options.portraits)]:
        others = [line_up_place(other, network, judge) for name, other in line_up if name != path]
        settings = {"steps": options.steps, "space": options.space, "seed": options.seed}
        figures, row = invert(network, target, others, judge, **settings)
        found.append({"portrait": path.name, **figures})
        rows.append(np.concatenate(row, axis=1))
    if options.strip is not None:
        strip = Image.fromarray(np.concatenate(rows, axis=0))
        strip.resize((strip.width * 2, strip.height * 2), Image.Resampling.BICUBIC).save(options.strip)
    report = {
        "model": options.model.name,
        "img_resolution": network.descriptor.img_resolution,
        "space": options.space.value,
        "device": device,
        "threads": torch.get_num_threads(),
        "machine": platform.processor() or platform.machine(),
        "torch": torch.__version__,
        "perceptual_name": judge.name,
        "portraits": found,
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()

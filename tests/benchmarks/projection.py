"""Invert portraits that the model has never seen and say how quick and how close. Prints JSON, writes a strip.

Usage: python tests/benchmarks/projection.py PORTRAIT [PORTRAIT ...] [--model FILE] [--steps N] [--space w|w+]
                                             [--seed N] [--strip FILE.png]

Without --model the portrait model that comes with Graft is used. A picture counts as recognisable once it is, by the
judge, a fifth as far from the portrait as the nearest of 256 pictures that the model makes of random seeds. The strip
shows, a portrait a row: the aligned portrait, the first recognisable picture, the result.
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
from engine.inversion.faces import find_faces  # noqa: E402
from engine.inversion.lpips import choose_distance  # noqa: E402
from engine.inversion.objective import Objective, aim, as_rgb  # noqa: E402
from engine.inversion.portraits import read_portrait  # noqa: E402
from engine.inversion.project import InversionResult, invert_portrait  # noqa: E402
from engine.messages import LatentSpaceChoice  # noqa: E402
from engine.network import Network, load_network  # noqa: E402
from engine.places import embedded_models_folder, user_places  # noqa: E402

SAMPLES = 256
RECOGNISABLE = 0.2


def nearest_sample(network: Network, objective: Objective) -> float:
    """Distance from the portrait of the nearest of the model's own random pictures."""
    z = torch.randn(SAMPLES, network.descriptor.z_dim, generator=torch.Generator().manual_seed(1))
    ws = network.mapping(z, truncation_psi=0.7).split(1)
    return min(objective.value(as_rgb(network.synthesis(w))) for w in ws)


def invert(
    network: Network, path: Path, steps: int, space: LatentSpaceChoice, seed: int
) -> tuple[dict[str, Any], list[np.ndarray]]:
    """One portrait: figures, and the pictures of its row."""
    pixels = read_portrait(path).pixels
    faces = find_faces(pixels)
    if not faces:
        raise SystemExit(f"{path.name}: no face was found")
    size = network.descriptor.img_resolution
    target = align_face(pixels, faces[0], network.descriptor.framing, size)
    judge = choose_distance(user_places().weights_folder)
    objective = Objective(aim(target, network), judge)
    enough = RECOGNISABLE * nearest_sample(network, objective)

    run = invert_portrait(network, target, steps=steps, space=space, seed=seed, distance=judge)
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
        if first is None and progress.image is not None and objective.value(as_rgb(progress.image)) <= enough:
            first = (spent, progress.step, progress.image)
    figures = {
        "portrait": path.name,
        "recognisable_after_s": None if first is None else round(first[0], 2),
        "recognisable_after_steps": None if first is None else first[1],
        "steps": result.steps,
        "elapsed_s": round(spent, 2),
        "pixel_distance": round(result.pixel_distance, 4),
        "perceptual_distance": round(result.perceptual_distance, 4),
        "perceptual_name": result.perceptual_name,
        "recognisable_means_below": round(enough, 4),
    }
    middle = to_rgb(first[2]) if first is not None else np.zeros_like(target)
    return figures, [target, enlarged(middle, size), to_rgb(result.image)]


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
    rows, found = [], []
    for path in options.portraits:
        figures, row = invert(network, path, options.steps, options.space, options.seed)
        found.append(figures)
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
        "portraits": found,
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()

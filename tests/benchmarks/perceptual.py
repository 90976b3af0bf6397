"""Ask ways of comparing pictures what an eye would say. Prints JSON.

Usage: python tests/benchmarks/perceptual.py FOLDER [FOLDER ...] [--net FILE ...] [--author PREFIX PREFIX]
                                             [--london FOLDER] [--size PX ...] [--seed N] [--sheet FILE.png]

FOLDER holds photos of faces that nothing was trained on. Three questions:

- Trials: of two changed versions of a face, which is nearer to it (`perceptual_trials.py`)? Guessing gives 0.5.
- Same person: for photos whose file name begins with one of two --author prefixes (two sessions of one person): the
  chance that a photo of the other session is nearer than somebody else's. Guessing gives 0.5.
- London set: how often a person's smiling photo, in changed light, is the nearest of all to the neutral one. These
  people are in the training morphs, so this compares networks with each other and says nothing about strangers.

And what one comparison with gradients costs. --net: networks to compare, by default the one that comes with Graft.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from engine.device import prepare_process  # noqa: E402

prepare_process()

import numpy as np  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from perceptual_judges import Judge, cost_ms, described, judges  # noqa: E402
from perceptual_trials import SIZE, Floats, Trial, clipped, drawn_trials, vignetted, warmer_or_cooler  # noqa: E402
from PIL import Image  # noqa: E402
from torch import Tensor  # noqa: E402

from engine.framing import Framing, FramingKind  # noqa: E402
from engine.inversion.align import align_face  # noqa: E402
from engine.inversion.distance import TRUNK_FILE  # noqa: E402
from engine.inversion.faces import find_faces  # noqa: E402
from engine.inversion.portraits import read_portrait  # noqa: E402
from engine.places import embedded_models_folder  # noqa: E402

FRAMING = Framing(FramingKind.EYES)


def aligned_faces(folder: Path) -> dict[str, Floats]:
    """Every photo in which a face is found, by name."""
    found = {}
    for path in sorted(folder.glob("*.jpg")):
        pixels = read_portrait(path).pixels
        faces = find_faces(pixels)
        if faces:
            found[path.stem] = align_face(pixels, faces[0], FRAMING, SIZE).astype(np.float32) / 255
    return found


def tensors(pictures: list[Floats], size: int) -> Tensor:
    images = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2) * 2 - 1
    return F.avg_pool2d(images, SIZE // size)


def right_share(judge: Judge, faces: list[Floats], trials: list[Trial], size: int) -> dict[str, float]:
    """By family and for all: how often the nearer version is found nearer."""
    targets = described(judge, tensors(faces, size))
    right: dict[str, list[bool]] = {}
    for start in range(0, len(trials), 16):
        part = trials[start : start + 16]
        target = [level[[trial.reference for trial in part]] for level in targets]
        near, far = (
            judge.compare(described(judge, tensors([getattr(trial, side) for trial in part], size)), target)
            for side in ("near", "far")
        )
        for trial, says in zip(part, (near < far).tolist(), strict=True):
            right.setdefault(trial.family, []).append(says)
    shares = {family: round(float(np.mean(answers)), 3) for family, answers in right.items()}
    return {"all": round(float(np.mean([answer for answers in right.values() for answer in answers])), 3), **shares}


def same_person(judge: Judge, faces: dict[str, Floats], prefixes: list[str], size: int) -> float:
    names = list(faces)
    found = described(judge, tensors(list(faces.values()), size))
    here, there = ([row for row, name in enumerate(names) if name.startswith(prefix)] for prefix in prefixes)
    others = [row for row in range(len(names)) if row not in {*here, *there}]
    wins = []
    for query in here:
        mine = [level[query : query + 1] for level in found]
        own, strange = (judge.compare([level[rows] for level in found], mine) for rows in (there, others))
        wins.append((own[:, None] < strange[None]).float().mean().item())
    return round(float(np.mean(wins)), 3)


def london_first(judge: Judge, folder: Path, size: int) -> float:
    neutral, smiling = (aligned_faces(folder / kind) for kind in ("neutral", "smiling"))
    names = sorted(set(neutral) & set(smiling))
    rng = np.random.default_rng(0)
    relit = [clipped(vignetted(warmer_or_cooler(smiling[name], 1.0, rng), 1.0, rng)) for name in names]
    queries, gallery = (
        described(judge, tensors([neutral[n] for n in names], size)),
        described(judge, tensors(relit, size)),
    )
    nearest = [
        int(judge.compare(gallery, [level[row : row + 1] for level in queries]).argmin()) for row in range(len(names))
    ]
    return round(float(np.mean([found == row for row, found in enumerate(nearest)])), 3)


def sheet(faces: list[Floats], trials: list[Trial]) -> Image.Image:
    """For some faces: the face, then above what should be far, below what should be near."""
    rows = []
    for number in range(0, len(faces), max(1, len(faces) // 6)):
        own = [trial for trial in trials if trial.reference == number][::2]
        rows += [
            np.concatenate([faces[number], *(getattr(trial, side) for trial in own)], 1) for side in ("far", "near")
        ]
    picture = Image.fromarray((np.concatenate(rows) * 255).astype(np.uint8))
    return picture.resize((picture.width // 2, picture.height // 2), Image.Resampling.BOX)


def main() -> None:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--net", nargs="+", type=Path, default=[embedded_models_folder() / TRUNK_FILE])
    parser.add_argument("--author", nargs=2, metavar="PREFIX")
    parser.add_argument("--london", type=Path)
    parser.add_argument("--size", nargs="+", type=int, default=[256])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sheet", type=Path)
    options = parser.parse_args()
    by_name = {name: face for folder in options.folders for name, face in aligned_faces(folder).items()}
    faces = list(by_name.values())
    trials = drawn_trials(faces, options.seed)
    if options.sheet is not None:
        sheet(faces, trials).save(options.sheet)
    report: dict[str, Any] = {"faces": len(faces), "trials": len(trials), "threads": torch.get_num_threads()}
    for size in options.size:
        for name, judge in judges(options.net).items():
            figures: dict[str, Any] = {"trials": right_share(judge, faces, trials, size)}
            if options.author:
                figures["same_person"] = same_person(judge, by_name, options.author, size)
            if options.london is not None:
                figures["london_first"] = london_first(judge, options.london, size)
            figures["cost_ms"] = round(cost_ms(judge, size), 2)
            report.setdefault(f"{size} px", {})[name] = figures
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()

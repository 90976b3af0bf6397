"""Compare the helper networks with their baselines, on faces that nothing was trained on.

Usage: python tests/benchmarks/helper_nets.py PORTRAITS [--sheets FOLDER]

PORTRAITS holds ``samples`` (composite faces and photos, with landmarks.npz) and ``crops`` (landmarks189.npz; only the
faces of the Young Adult set, ``can_*``, are used: the others are in the training pictures).

Landmarks: the Haar cascades with the search for the iris, against the network; errors over the eye distance, of the
worse pupil and of the mouth's centre. The same again on each face tilted, darkened, blurred and turned grey.
Sketch: thinned lines against thinned true contours (the set's landmarks and region masks), matched within 2 px of
256; precision and recall over all pictures at the threshold with the best F1, for the network, a Sobel filter thinned
along its gradient, and Canny, the filters at the best of several blurs.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT)]

import cv2  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from PIL import Image  # noqa: E402

from engine.framing import FacePoints  # noqa: E402
from engine.inversion.align import align_face  # noqa: E402
from engine.inversion.faces import find_faces  # noqa: E402
from engine.inversion.landmarks import LandmarkFinder, open_finder  # noqa: E402
from engine.line_drawing import DRAWN_PX, FRAMING, draw_lines, load_sketch_net  # noqa: E402
from engine.training.portrait_data.canvas import Canvas  # noqa: E402
from engine.training.portrait_data.faces import _cut as cut_with_points  # noqa: E402
from engine.training.portrait_data.landmarks import MOUTH_CORNERS  # noqa: E402
from engine.training.portrait_data.lines import lines as true_lines  # noqa: E402
from engine.training.portrait_data.morph import Portrait  # noqa: E402

TOLERANCE_PX = 2
THRESHOLDS = np.linspace(0.1, 0.9, 9)
BLURS = (1.0, 2.0, 3.0)
MAX_SKETCHED = 20
# Pupils and mouth corners in the two other templates of the samples.
OTHER_TEMPLATES = {106: ((43,), (52,), (86, 92)), 83: ((57, 63), (50, 81), (29, 45))}


@dataclass(frozen=True, eq=False)
class Marked:
    """A picture, its pupils and mouth centre ``[3, 2]``, and all 189 landmarks where there are so many."""

    name: str
    image: np.ndarray
    face: np.ndarray
    points: np.ndarray | None = None


def marked(name: str, path: Path, points: np.ndarray) -> Marked:
    points = points.astype(np.float64)
    groups = OTHER_TEMPLATES.get(len(points), ((0,), (1,), tuple(MOUTH_CORNERS)))
    face = np.stack([points[list(group)].mean(axis=0) for group in groups])
    image = np.asarray(Image.open(path).convert("RGB"))
    return Marked(name, image, face, points if len(points) == 189 else None)


def pictures(folder: Path) -> dict[str, list[Marked]]:
    with np.load(folder / "samples" / "landmarks.npz") as stored:
        samples = [marked(name, folder / "samples" / f"{name}.jpg", stored[name]) for name in stored.files]
    with np.load(folder / "crops" / "landmarks189.npz") as stored:
        names = [str(name) for name in stored["names"]]
        young = [
            marked(name, folder / "crops" / f"{name}.jpg", points)
            for name, points in zip(names, stored["pts"], strict=True)
            if name.startswith("can")
        ]
    return {
        "composites": [one for one in samples if one.points is not None],
        "author's photos": [one for one in samples if one.points is None],
        "Young Adult faces": young,
    }


# --- landmarks ------------------------------------------------------------------------------------------------------


def worsened(one: Marked, rng: np.random.Generator) -> Marked:
    """Tilted by up to 35 degrees, half as large, darker from one side, blurred, grey, noisy."""
    height, width = one.image.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), rng.uniform(-35, 35), 0.5)
    image = cv2.warpAffine(one.image, turn, (width, height), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE)
    image = cv2.GaussianBlur(image, (0, 0), 0.006 * width).astype(np.float32)
    light = np.linspace(1.1, 0.25, width, dtype=np.float32)[:: rng.choice([-1, 1])]
    image = image.mean(axis=2, keepdims=True).repeat(3, axis=2) * light[None, :, None]
    image = np.clip(image + rng.normal(size=image.shape) * 6, 0, 255).astype(np.uint8)
    return Marked(one.name, image, one.face @ turn[:, :2].T + turn[:, 2])


@dataclass
class Errors:
    eyes: list[float] = field(default_factory=list)
    mouth: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    missed: int = 0

    def add(self, one: Marked, find: Callable[[np.ndarray], list[FacePoints]]) -> None:
        started = time.process_time()
        faces = find(one.image)
        self.seconds.append(time.process_time() - started)
        apart = np.hypot(*(one.face[1] - one.face[0]))
        away = [
            np.hypot(*(np.array([face.left_eye, face.right_eye, face.mouth]) - one.face).T) / apart for face in faces
        ]
        best = min(away, key=lambda each: float(each.max()), default=None)
        if best is None or best.max() > 0.5:
            self.missed += 1
            best = np.full(3, np.inf)
        self.eyes.append(float(best[:2].max()))
        self.mouth.append(float(best[2]))

    def row(self) -> str:
        def both(values: list[float]) -> str:
            return " / ".join(f"{100 * np.percentile(values, share, method='nearest'):5.1f}" for share in (50, 95))

        total = len(self.eyes)
        missed, milliseconds = f"{self.missed}/{total}", 1000 * np.median(self.seconds)
        return f"{both(self.eyes):>15} {both(self.mouth):>15} {missed:>8} {milliseconds:5.0f}"


def compare_landmarks(groups: dict[str, list[Marked]], finder: LandmarkFinder) -> None:
    print("Errors in % of the eye distance, median / 95th percentile; CPU milliseconds a picture, one thread")
    print(f"{'':32} {'worse eye':>15} {'mouth':>15} {'missed':>8} {'ms':>5}")
    rng = np.random.default_rng(0)
    tough = {f"{name}, worsened": [worsened(one, rng) for one in group] for name, group in groups.items()}
    finders = {
        "Haar": lambda image: list(find_faces(image)),
        "net": lambda image: [face.points for face in finder.locate(image)],
    }
    for name, group in (groups | tough).items():
        for who, find in finders.items():
            errors = Errors()
            for one in group:
                errors.add(one, find)
            print(f"{name:27} {who:4} {errors.row()}")
    guesses = {
        name: [not face.certain for one in group for face in finder.locate(one.image)[:1]]
        for name, group in (groups | tough).items()
    }
    for name, unsure in guesses.items():
        print(f"{name:27} called a guess: {sum(unsure)} of {len(unsure)}")


# --- sketch ---------------------------------------------------------------------------------------------------------


def thinned(mask: np.ndarray) -> np.ndarray:
    """Lines of one pixel. Source: Zhang and Suen 1984, A fast parallel algorithm for thinning digital patterns."""
    image = np.pad(mask.astype(np.uint8), 1)
    while True:
        before = image.copy()
        for step in (0, 1):
            p2, p3, p4 = image[:-2, 1:-1], image[:-2, 2:], image[1:-1, 2:]
            p5, p6, p7 = image[2:, 2:], image[2:, 1:-1], image[2:, :-2]
            p8, p9 = image[1:-1, :-2], image[:-2, :-2]
            ring = [p2, p3, p4, p5, p6, p7, p8, p9]
            count = sum(ring)
            turns = sum((a == 0) & (b == 1) for a, b in zip(ring, [*ring[1:], p2], strict=True))
            first, second = (p2 * p4 * p6, p4 * p6 * p8) if step == 0 else (p2 * p4 * p8, p2 * p6 * p8)
            gone = (count >= 2) & (count <= 6) & (turns == 1) & (first == 0) & (second == 0)
            image[1:-1, 1:-1][gone & (image[1:-1, 1:-1] == 1)] = 0
        if (image == before).all():
            return image[1:-1, 1:-1] > 0


def hits(of: np.ndarray, on: np.ndarray) -> int:
    """How many pixels of a thin mask lie within the tolerance of another."""
    away = cv2.distanceTransform((~on).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return int((away[of] <= TOLERANCE_PX).sum())


def scores(found: list[np.ndarray], truth: list[np.ndarray]) -> tuple[float, float, float]:
    """F1, precision and recall over all pictures."""
    right = sum(hits(one, true) for one, true in zip(found, truth, strict=True) if true.any())
    covered = sum(hits(true, one) for one, true in zip(found, truth, strict=True) if one.any())
    precision = right / max(1, sum(int(one.sum()) for one in found))
    recall = covered / max(1, sum(int(true.sum()) for true in truth))
    return 2 * precision * recall / max(precision + recall, 1e-9), precision, recall


def sobel(image: np.ndarray, blur: float) -> np.ndarray:
    """Gradient of the strongest channel, thinned along itself, scaled to 0..1."""
    smooth = cv2.GaussianBlur(image.astype(np.float32), (0, 0), blur)
    x, y = (cv2.Sobel(smooth, cv2.CV_32F, *order) for order in ((1, 0), (0, 1)))
    strength = np.hypot(x, y)
    channel = strength.argmax(axis=2)[..., None]
    x, y, strength = (np.take_along_axis(each, channel, 2)[..., 0] for each in (x, y, strength))
    rows, columns = np.mgrid[0 : len(strength), 0 : strength.shape[1]].astype(np.float32)
    unit = np.maximum(strength, 1e-6)
    ahead, behind = (
        cv2.remap(strength, columns + sign * x / unit, rows + sign * y / unit, cv2.INTER_LINEAR) for sign in (1, -1)
    )
    peak = np.where((strength >= ahead) & (strength >= behind), strength, 0)
    return np.asarray(peak / max(float(np.percentile(strength, 99.5)), 1e-6))


def candidates(photos: list[np.ndarray], inks: list[np.ndarray]) -> Iterator[tuple[str, list[np.ndarray]]]:
    """Thin masks of each method at each of its settings."""
    for threshold in THRESHOLDS:
        yield "net", [thinned(ink > threshold) for ink in inks]
    for blur in BLURS:
        peaks = [sobel(photo, blur) for photo in photos]
        for threshold in THRESHOLDS:
            yield "Sobel", [thinned(peak > threshold) for peak in peaks]
        greys = [cv2.GaussianBlur(cv2.cvtColor(photo, cv2.COLOR_RGB2GRAY), (0, 0), blur) for photo in photos]
        for high in (20, 40, 60, 90, 130, 180, 250):
            yield "Canny", [thinned(cv2.Canny(grey, high * 0.4, high, L2gradient=True) > 0) for grey in greys]


def compare_sketches(groups: dict[str, list[Marked]], sheets: Path | None) -> None:
    net = load_sketch_net()
    print("\nContours within 2 px of 256: best F1 over all thresholds (precision, recall)")
    for name, group in groups.items():
        cut = [
            cut_with_points(one.image, FacePoints(*map(tuple, one.face.tolist())), DRAWN_PX, one.points)
            for one in group[:MAX_SKETCHED]
            if one.points is not None
        ]
        if not cut:
            continue
        photos = [(np.clip(picture, 0, 1) * 255).astype(np.uint8) for picture, _ in cut]
        drawn = [true_lines(Portrait(*each), np.random.default_rng(0), Canvas(DRAWN_PX))[0][..., 0] for each in cut]
        truth = [thinned(lines < 0.5) for lines in drawn]
        best: dict[str, tuple[float, float, float]] = {}
        started = time.process_time()
        inked = [draw_lines(net, photo) for photo in photos]
        milliseconds = 1000 * (time.process_time() - started) / len(photos)
        for who, found in candidates(photos, [1 - each.astype(np.float32) / 255 for each in inked]):
            best[who] = max(best.get(who, (0.0, 0.0, 0.0)), scores(found, truth))
        for who, (f1, precision, recall) in best.items():
            print(f"{name:27} {who:6} {f1:.3f} ({precision:.3f}, {recall:.3f})")
        print(f"{name:27} {len(photos)} pictures, the network {milliseconds:.0f} ms for one of {DRAWN_PX} px")
        if sheets is not None:
            wanted = [(255 * lines).astype(np.uint8) for lines in drawn]
            rows = [
                np.hstack([photo, *(grey[..., None].repeat(3, axis=2) for grey in (ink, line))])
                for photo, ink, line in zip(photos, inked, wanted, strict=True)
            ]
            wide = [np.hstack(rows[start : start + 2]) for start in range(0, len(rows) - 1, 2)]
            Image.fromarray(np.vstack(wide)).save(sheets / f"sketch-{name.replace(' ', '-')}.png")


def overlays(folder: Path, finder: LandmarkFinder, sheets: Path) -> None:
    """Landmarks on the photos of ``official``, which have none, and their drawings."""
    net = load_sketch_net()
    tiles, drawings = [], []
    for path in sorted((folder / "official").glob("*.jpg"))[:40]:
        image = np.asarray(Image.open(path).convert("RGB"))
        shown = cv2.resize(image, None, fx=1.2, fy=1.2)[:330, :270].copy()
        faces = finder.locate(image)
        for face in faces:
            for x, y in np.asarray(face.landmarks) * 1.2:
                cv2.circle(shown, (round(x), round(y)), 1, (0, 255, 0) if face.certain else (255, 120, 0), -1)
        tiles.append(cv2.copyMakeBorder(shown, 0, 330 - len(shown), 0, 270 - shown.shape[1], cv2.BORDER_CONSTANT))
        if faces:
            cut = align_face(image, faces[0].points, FRAMING, DRAWN_PX)
            drawings.append(np.vstack([cut, np.repeat(draw_lines(net, cut)[..., None], 3, axis=2)]))
    for name, each, across in (("landmarks", tiles, 8), ("sketch", drawings, 8)):
        full = [np.hstack(each[start : start + across]) for start in range(0, len(each) - across + 1, across)]
        Image.fromarray(np.vstack(full)).save(sheets / f"{name}-official.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("portraits", type=Path)
    parser.add_argument("--sheets", type=Path, help="Write pictures to look at into this folder.")
    options = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    finder = open_finder()
    if finder is None:
        sys.exit("resources/models/landmarks.safetensors is missing or damaged.")
    groups = pictures(options.portraits)
    compare_landmarks(groups, finder)
    if options.sheets is not None:
        options.sheets.mkdir(parents=True, exist_ok=True)
    compare_sketches(groups, options.sheets)
    if options.sheets is not None:
        overlays(options.portraits, finder, options.sheets)


if __name__ == "__main__":
    main()

"""Learning to draw photos in lines: the task, and the file that comes out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.helper_file import LICENCE, HelperCard, save_helper
from engine.nets.sketch import SketchNet
from engine.training.bending import Floats, draw_bend, placed
from engine.training.config import Precision
from engine.training.degraded import degraded, relit
from engine.training.forward import mixed_precision
from engine.training.parts import open_parts, split
from engine.training.portrait_data.landmarks import COUNT

KIND = "sketch"
PHOTOS, DRAWINGS = "portrait", "lines"
VIEW_PX = 160
INPUT_PX = 256
MEASURED_VIEWS = 32
MEASURING_SEED = 1
INK_WEIGHT = 3.0
CLUTTERED = 0.5
MARGIN = 4
"""Drawings end a little before the border of the picture."""
MOST_GROUND = 0.75
"""More of a picture than this is no ground: its outline has a gap."""

Bytes: TypeAlias = NDArray[np.uint8]


class SketchTask:
    """Photos and drawings of a portrait-data folder, each seen anew. See `engine.training.supervised.Task`."""

    module: nn.Module

    def __init__(self, data: Path, device: torch.device, seed: int) -> None:
        """
        Raises:
            JobError: the folder lacks ``portrait``, ``lines`` or ``landmarks/lines``.
        """
        self._photos = open_parts(data / PHOTOS, np.uint8, (None, None, 3))
        self._drawings = open_parts(data / DRAWINGS, np.uint8, (None, None, 3))
        self._points = open_parts(data / "landmarks" / DRAWINGS, np.float32, (COUNT, 2))
        self._learned, self._kept = split(min(map(len, (self._photos, self._drawings, self._points))))
        self._device = device
        torch.manual_seed(seed)
        self.module = SketchNet().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    @property
    def pictures(self) -> int:
        return len(self._learned)

    def losses(self, rng: np.random.Generator, batch: int, precision: Precision) -> Mapping[str, Tensor]:
        photos, ink = self._batch(self._learned, rng, batch)
        assert isinstance(self.module, SketchNet)
        with mixed_precision(self._device, precision):
            logits = self.module.logits(photos)
        weight = torch.full((), INK_WEIGHT, device=self._device)
        drawn = logits.sigmoid()
        overlap = 2 * (drawn * ink).sum() / (drawn.square().sum() + ink.square().sum() + 1)
        return {
            "cross_entropy": F.binary_cross_entropy_with_logits(logits, ink, pos_weight=weight),
            "overlap": 0.5 * (1 - overlap),
        }

    def figures(self, module: nn.Module) -> Mapping[str, float]:
        """How much drawn and true ink overlap (Dice), on photos treated as in training."""
        photos, ink = self._batch(self._kept, np.random.default_rng(MEASURING_SEED), MEASURED_VIEWS)
        drawn = torch.cat([(1 - module(part)) / 2 for part in torch.split(photos, 8)])
        overlap = 2 * (drawn * ink).sum() / (drawn.square().sum() + ink.square().sum())
        return {"overlap": float(overlap), "ink": float(drawn.mean()), "true_ink": float(ink.mean())}

    def save(self, path: Path, steps: int, batch: int, figures: Mapping[str, float]) -> None:
        """Write the network as it is now.

        Raises:
            StorageError: it cannot be written.
        """
        step = {"made": "trained", "data": "portrait-data", "pictures": self.pictures, "steps": steps, "batch": batch}
        rounded = {name: round(value, 4) for name, value in figures.items()}
        card = HelperCard(KIND, INPUT_PX, (), ({**step, "figures": rounded},), LICENCE)
        save_helper(path, card, self.module.state_dict())

    def _batch(self, rows: range, rng: np.random.Generator, count: int) -> tuple[Tensor, Tensor]:
        """Photos ``[N, 3, S, S]`` in [-1, 1] and ink ``[N, 1, S, S]`` in [0, 1]."""
        drawn = [rows[int(rng.integers(len(rows)))] for _ in range(count)]
        others = [rows[int(rng.integers(len(rows)))] for _ in range(count)]
        views = [
            draw_pair(self._photos[i], self._drawings[i], self._points[i], self._photos[other], rng)
            for i, other in zip(drawn, others, strict=True)
        ]
        photos = torch.from_numpy(np.stack([photo for photo, _ in views])).permute(0, 3, 1, 2).mul_(2).sub_(1)
        ink = torch.from_numpy(np.stack([ink for _, ink in views]))[:, None]
        return photos.contiguous(memory_format=torch.channels_last).to(self._device), ink.to(self._device)


def draw_pair(
    photo: Bytes, drawing: Bytes, points: NDArray[np.float32], other: Bytes, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """One part of both, bent alike; only the photo suffers from light and camera, and stands before clutter at times.

    Args:
        other: A photo to make clutter of.

    Returns:
        ``[160, 160, 3]``, RGB in [0, 1], and ink ``[160, 160]``, 1 where there is some.
    """
    scale = float(np.exp(rng.normal() * 0.2))
    if rng.random() < CLUTTERED:
        photo = before_clutter(photo, drawing, points, other, rng)
    free = max(len(photo) - VIEW_PX * scale, 0) / 2
    middle = len(photo) / 2 + rng.uniform(-1, 1, 2) * free
    affine = placed(middle, scale, rng.normal() * 0.15, VIEW_PX, mirror=bool(rng.random() < 0.5))
    places = draw_bend(affine, VIEW_PX, points[:2].astype(np.float64), rng).places()
    view = cv2.remap(photo, places[..., 0], places[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    lines = cv2.remap(drawing, places[..., 0], places[..., 1], cv2.INTER_CUBIC, borderValue=(255, 255, 255))
    shown = degraded(relit(view.astype(np.float32) / np.float32(255), rng), rng)
    return shown, (255 - lines[..., 0].astype(np.float32)) / np.float32(255)


def before_clutter(
    photo: Bytes, drawing: Bytes, points: NDArray[np.float32], other: Bytes, rng: np.random.Generator
) -> Bytes:
    """The figure before a part of another photo and things with edges, none of which is in the drawing."""
    ground = _ground(drawing, points)
    if ground is None:
        return photo
    size = len(photo)
    side = int(rng.integers(size // 4, size))
    left, top = rng.integers(0, size - side + 1, 2)
    piece = np.rot90(other[top : top + side, left : left + side], int(rng.integers(1, 4)))
    clutter = np.ascontiguousarray(cv2.resize(np.ascontiguousarray(piece), (size, size)))
    for _ in range(int(rng.integers(0, 9))):
        a, b = rng.integers(-size // 2, size + size // 2, (2, 2)).tolist()
        colour = rng.integers(0, 256, 3).tolist()
        if rng.random() < 0.5:
            cv2.line(clutter, a, b, colour, int(rng.integers(1, 12)), cv2.LINE_AA)
        else:
            cv2.rectangle(clutter, a, b, colour, -1, cv2.LINE_AA)
    share = cv2.GaussianBlur(ground.astype(np.float32), (0, 0), 1.0)[..., None]
    return np.asarray(photo + share * (clutter.astype(np.float32) - photo), np.uint8)


def _ground(drawing: Bytes, points: NDArray[np.float32]) -> NDArray[np.bool_] | None:
    """What lies outside the drawn outline, without the outline itself; None when that has a gap."""
    inner = np.ascontiguousarray((drawing[MARGIN:-MARGIN, MARGIN:-MARGIN, 0] > 128).astype(np.uint8))
    for corner in ((0, 0), (len(inner) - 1, 0)):
        if inner[0, corner[0]] == 1:
            cv2.floodFill(inner, None, corner, (2,))
    ground = np.pad(inner == 2, MARGIN, mode="edge")
    x, y = np.clip(np.round(points), 0, len(drawing) - 1).astype(int).T
    return None if not 0 < ground.mean() < MOST_GROUND or ground[y[:2], x[:2]].any() else np.asarray(ground)

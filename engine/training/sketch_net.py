"""Learning to draw photos in lines: the task, and the file that comes out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

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
        views = [draw_pair(self._photos[i], self._drawings[i], self._points[i], rng) for i in drawn]
        photos = torch.from_numpy(np.stack([photo for photo, _ in views])).permute(0, 3, 1, 2).mul_(2).sub_(1)
        ink = torch.from_numpy(np.stack([ink for _, ink in views]))[:, None]
        return photos.contiguous(memory_format=torch.channels_last).to(self._device), ink.to(self._device)


def draw_pair(
    photo: NDArray[np.uint8], drawing: NDArray[np.uint8], points: NDArray[np.float32], rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """One part of both, bent alike; only the photo suffers from light and camera.

    Returns:
        ``[160, 160, 3]``, RGB in [0, 1], and ink ``[160, 160]``, 1 where there is some.
    """
    scale = float(np.exp(rng.normal() * 0.2))
    free = max(len(photo) - VIEW_PX * scale, 0) / 2
    middle = len(photo) / 2 + rng.uniform(-1, 1, 2) * free
    affine = placed(middle, scale, rng.normal() * 0.15, VIEW_PX, mirror=bool(rng.random() < 0.5))
    places = draw_bend(affine, VIEW_PX, points[:2].astype(np.float64), rng).places()
    view = cv2.remap(photo, places[..., 0], places[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    lines = cv2.remap(drawing, places[..., 0], places[..., 1], cv2.INTER_CUBIC, borderValue=(255, 255, 255))
    shown = degraded(relit(view.astype(np.float32) / np.float32(255), rng), rng)
    return shown, (255 - lines[..., 0].astype(np.float32)) / np.float32(255)

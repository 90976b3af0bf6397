"""Learning to find landmarks: the task, and the file that comes out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.helper_file import LICENCE, HelperCard, save_helper
from engine.nets.landmarks import (
    FRAME_EYE_DISTANCE,
    FRAME_PX,
    LANDMARKS,
    MOUTH_CORNERS,
    PUPILS,
    LandmarkNet,
    Looked,
)
from engine.training.config import Precision
from engine.training.face_views import FaceView, draw_view, stack_views
from engine.training.forward import mixed_precision
from engine.training.parts import open_parts, split
from engine.training.portrait_data.landmarks import COUNT, HAIRLINE, JAW_LINE

KIND = "landmarks"
STYLE = "portrait"
MEASURED_VIEWS = 128
MEASURING_SEED = 1

_WEIGHTS = {**dict.fromkeys(HAIRLINE, 0.3), **dict.fromkeys(JAW_LINE, 0.5), 0: 4.0, 1: 4.0, 87: 2.0, 93: 2.0}
_SPREAD_SHARE, _FACE_SHARE, _POINT_PX = 0.2, 0.3, 4.0


class LandmarkTask:
    """Faces of a portrait-data folder, each seen anew every time. See `engine.training.supervised.Task`."""

    module: nn.Module

    def __init__(self, data: Path, device: torch.device, seed: int) -> None:
        """
        Raises:
            JobError: the folder lacks ``portrait`` or ``landmarks/portrait``.
        """
        self._pictures = open_parts(data / STYLE, np.uint8, (None, None, 3))
        self._points = open_parts(data / "landmarks" / STYLE, np.float32, (COUNT, 2))
        self._learned, self._kept = split(min(len(self._pictures), len(self._points)))
        self._device = device
        torch.manual_seed(seed)
        self.module = LandmarkNet().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._weights = torch.tensor([_WEIGHTS.get(point, 1.0) for point in LANDMARKS], device=device)

    @property
    def pictures(self) -> int:
        return len(self._learned)

    def losses(self, rng: np.random.Generator, batch: int, precision: Precision) -> Mapping[str, Tensor]:
        images, points, seen, face = self._tensors([self._view(self._learned, rng) for _ in range(batch)])
        with mixed_precision(self._device, precision):
            looked: Looked = self.module(images)
        weight = self._weights * seen
        off = ((looked.points - points).square().sum(dim=-1) + 1e-4).sqrt()
        count = weight.sum().clamp_min(1.0)
        spread = off.detach() / FRAME_EYE_DISTANCE * torch.exp(-looked.log_spread) + looked.log_spread
        return {
            "points": (weight * off).sum() / count / _POINT_PX,
            "spread": _SPREAD_SHARE * (weight * spread).sum() / count,
            "face": _FACE_SHARE * F.binary_cross_entropy_with_logits(looked.face, face),
        }

    def figures(self, module: nn.Module) -> Mapping[str, float]:
        """Errors in per cent of the eye distance on faces that are framed nearly right."""
        rng = np.random.default_rng(MEASURING_SEED)
        views = [self._view(self._kept, rng, gentle=True) for _ in range(MEASURED_VIEWS)]
        images, points, seen, _ = self._tensors(views)
        looked: Looked = module(images)
        off = (looked.points - points).norm(dim=-1) / FRAME_EYE_DISTANCE * 100
        worst = off[:, list(PUPILS)].amax(dim=1)
        mouth = (looked.points - points)[:, list(MOUTH_CORNERS)].mean(dim=1).norm(dim=-1) / FRAME_EYE_DISTANCE * 100
        return {
            "eyes_median": float(worst.median()),
            "eyes_p95": float(worst.quantile(0.95)),
            "mouth_median": float(mouth.median()),
            "all_mean": float(off[seen].mean()),
        }

    def save(self, path: Path, steps: int, batch: int, figures: Mapping[str, float]) -> None:
        """Write the network as it is now.

        Raises:
            StorageError: it cannot be written.
        """
        step = {"made": "trained", "data": "portrait-data", "pictures": self.pictures, "steps": steps, "batch": batch}
        rounded = {name: round(value, 4) for name, value in figures.items()}
        card = HelperCard(KIND, FRAME_PX, LANDMARKS, ({**step, "figures": rounded},), LICENCE)
        save_helper(path, card, self.module.state_dict())

    def _view(self, rows: range, rng: np.random.Generator, *, gentle: bool = False) -> FaceView:
        row = rows[int(rng.integers(len(rows)))]
        points = self._points[row].astype(np.float64)

        def other() -> NDArray[np.uint8]:
            return self._pictures[rows[int(rng.integers(len(rows)))]]

        return draw_view(self._pictures[row], points, rng, other, gentle=gentle)

    def _tensors(self, views: list[FaceView]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        pictures, points, seen, face = (torch.from_numpy(array).to(self._device) for array in stack_views(views))
        return pictures.contiguous(memory_format=torch.channels_last), points, seen, face

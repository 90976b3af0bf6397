"""Pictures to rows of numbers that metrics of whole sets compare."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load as from_safetensors
from torch import Tensor

from engine.errors import JobError
from engine.inversion.distance import at_least
from engine.nets.perceptual import MIN_SIZE, PerceptualNet
from engine.places import embedded_models_folder

Floats: TypeAlias = NDArray[np.float64]

CHUNK = 16
JUDGE_FILE = "judge.safetensors"
"""Not the trunk that projection descends by: that is the portrait's own discriminator, and would flatter it."""


class Features:
    """By Graft's own perceptual network.

    Args:
        path: ``judge.safetensors``.

    Attributes:
        device: Where they are computed.
        seen_px: What the network looks at; larger pictures are averaged down, so their finest detail goes unjudged.
        name: Says what the numbers are, down to the weights: results compare only when it is the same.
    """

    def __init__(self, path: Path, device: torch.device) -> None:
        data = path.read_bytes()
        self.name = f"graft-perceptual-{hashlib.sha256(data).hexdigest()[:12]}/mean+std"
        self._net = PerceptualNet.from_tensors(from_safetensors(data)).to(device)
        self.seen_px = self._net.input_size
        self.device = device

    @torch.no_grad()
    def of(self, images: Tensor) -> Floats:
        """``[N, 3, S, S]``, float32 in [-1, 1], to ``[N, D]``: mean and deviation of every channel of every map."""
        return np.concatenate([pooled(self.maps(part)) for part in torch.split(images, CHUNK)])

    @torch.no_grad()
    def maps(self, images: Tensor) -> list[Tensor]:
        """``[N, 3, S, S]``, float32 in [-1, 1], to what `PerceptualNet` makes of them."""
        return self._net(at_least(images.to(self.device).clamp(-1, 1), MIN_SIZE))  # type: ignore[no-any-return]


def pooled(maps: Sequence[Tensor]) -> Floats:
    """Feature maps ``[N, C, r, r]`` to rows ``[N, D]``: mean and deviation of every channel of every map."""
    flat = [level.flatten(2) for level in maps]
    rows = [x for level in flat for x in (level.mean(2), level.std(2, unbiased=False))]
    result: Floats = torch.cat(rows, 1).double().cpu().numpy()
    return result


def own_features(device: torch.device, folder: Path | None = None) -> Features:
    """The features that come with Graft.

    Args:
        folder: Where ``judge.safetensors`` is, if not with the embedded models.

    Raises:
        JobError: the file is missing or damaged.
    """
    path = (folder or embedded_models_folder()) / JUDGE_FILE
    try:
        return Features(path, device)
    except (OSError, SafetensorError, KeyError, RuntimeError):
        raise JobError(
            f"Graft's judge of pictures, {path.name}, is missing or damaged; pictures are compared by it.",
            "Restore resources/models from the installation.",
        ) from None


def scale_of(real: Floats) -> Floats:
    """Factors ``[D]`` that give every column of `real` ``[N, D]`` a mean square of one.

    Columns of a network differ in size by orders of magnitude; unscaled, a handful of them would be the metric.
    """
    scale: Floats = 1 / np.maximum(np.sqrt((real**2).mean(axis=0)), 1e-8)
    return scale


def squared_distances(x: Floats, y: Floats) -> Floats:
    """Between all rows of `x` ``[N, D]`` and of `y` ``[M, D]``: ``[N, M]``, never negative."""
    squares: Floats = (x**2).sum(axis=1)[:, None] + (y**2).sum(axis=1)[None, :] - 2 * (x @ y.T)
    return np.maximum(squares, 0, out=squares)


def row_blocks(count: int, size: int) -> Sequence[slice]:
    """Slices of at most `size` rows that cover ``range(count)``."""
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]

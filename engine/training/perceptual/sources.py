"""The pictures that the feature net learns from: portraits and drawings with their landmarks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from engine.errors import JobError
from engine.nets.perceptual import TRAINED_SIZE
from engine.training.parts import Parts, open_parts, split
from engine.training.perceptual.damage import Faces
from engine.training.portrait_data.landmarks import COUNT
from engine.training.portrait_data.make import STYLES


class Sources:
    """What ``train portrait-data`` made, in every style that is there.

    Args:
        folder: Where it was made: styles, and ``landmarks`` beside them.

    Attributes:
        styles: Those found.
        learned, kept: Picture numbers to learn from, and to measure on: the last of each style.

    Raises:
        JobError: there are no portraits, too few, or landmarks that do not belong to them.
    """

    def __init__(self, folder: Path) -> None:
        self.styles = tuple(style for style in STYLES if (folder / style / "0000000.npy").is_file())
        if not self.styles:
            raise JobError(
                f"The folder {folder.name:.100} holds no pictures with landmarks.",
                "Choose the folder that `train portrait-data` wrote to.",
            )
        self._open = [_open(folder, style) for style in self.styles]
        self.learned: list[int] = []
        self.kept: list[int] = []
        self._starts = [0]
        for count in (min(len(pictures), len(points)) for pictures, points in self._open):
            start = self._starts[-1]
            learned, kept = split(count)
            self.learned += [start + row for row in learned]
            self.kept += [start + row for row in kept]
            self._starts.append(start + count)

    def faces(self, indices: Sequence[int]) -> Faces:
        """The pictures of these numbers at 128 px."""
        pictures, points = zip(*(self._one(index) for index in indices), strict=True)
        return Faces(torch.stack(pictures), torch.stack(points))

    def _one(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        style = int(np.searchsorted(self._starts, index, side="right")) - 1
        pictures, points = self._open[style]
        row = index - self._starts[style]
        picture = torch.from_numpy(pictures[row]).permute(2, 0, 1).float() / 127.5 - 1
        size = picture.shape[-1]
        place = torch.from_numpy(points[row]) * (2 / size) - 1
        return F.adaptive_avg_pool2d(picture, TRAINED_SIZE), place


def _open(folder: Path, style: str) -> tuple[Parts, Parts]:
    pictures = open_parts(folder / style, np.uint8, (None, None, 3))
    points = open_parts(folder / "landmarks" / style, np.float32, (COUNT, 2))
    first = pictures[0]
    if first.shape[0] != first.shape[1] or first.shape[0] < TRAINED_SIZE or first.shape[0] % TRAINED_SIZE:
        raise JobError(
            f"The pictures in {style} are {first.shape[1]} by {first.shape[0]} px; needed are squares of "
            f"{TRAINED_SIZE} px or a multiple.",
            f"Make them with --size {TRAINED_SIZE} or more.",
        )
    return pictures, points

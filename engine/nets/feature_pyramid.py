"""The heads of published portrait encoders: from a trunk's maps to rows of a latent.

Tensors have the names of the published files.

Source: Richardson et al. 2021, arXiv:2008.00951, section 3 (pyramid, and the plain heads it is compared with); Tov et
al. 2021, arXiv:2102.02766, section 4 (one w and differences); Alaluf et al. 2021, arXiv:2104.02699, section 4 (all
rows from the last map).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.nets.irse import FrozenNorm

COARSE_ROWS = 3
MIDDLE_ROWS = 7
"""Rows below the first are read from the last map, below the second from the middle one, the rest from the finest."""
LAST_MAP_PX = 16
SLOPE = 0.01
POOLED_PX = 7


class ScaledLinear(nn.Module):
    """A dense layer whose stored weights are of unit size: scaled by 1/sqrt(inputs) when it runs."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, inputs))
        self.bias = nn.Parameter(torch.empty(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight * (1 / math.sqrt(self.weight.shape[1])), self.bias)


class _Style(nn.Module):
    """A map ``[N, C, r, r]`` halved down to one pixel, to one row ``[N, w_dim]``."""

    def __init__(self, channels: int, size_px: int) -> None:
        super().__init__()
        steps = size_px.bit_length() - 1
        layers = [
            layer
            for _ in range(steps)
            for layer in (nn.Conv2d(channels, channels, 3, 2, 1), nn.LeakyReLU(SLOPE))
        ]
        self.convs = nn.Sequential(*layers)
        self.linear = ScaledLinear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        row: Tensor = self.linear(self.convs(x).flatten(1))
        return row


class StyleRows(nn.Module):
    """A small net per row.

    Args:
        widths: Channels of the trunk's three maps; the last are as many as w has.
        rows: Of ``ws``.
        pyramid: Middle and fine rows are read from the finer maps, to which the coarser ones are added; otherwise
            all are read from the last.
        deltas: The first row is w, the others are added to it.
    """

    def __init__(self, widths: Sequence[int], rows: int, *, pyramid: bool, deltas: bool) -> None:
        super().__init__()
        fine, middle, channels = widths
        self.pyramid, self.deltas = pyramid, deltas
        self.styles = nn.ModuleList(_Style(channels, LAST_MAP_PX << self._level(row)) for row in range(rows))
        if pyramid:
            self.latlayer1 = nn.Conv2d(middle, channels, 1)
            self.latlayer2 = nn.Conv2d(fine, channels, 1)

    def _level(self, row: int) -> int:
        return int(self.pyramid and row >= COARSE_ROWS) + int(self.pyramid and row >= MIDDLE_ROWS)

    def forward(self, maps: Sequence[Tensor], stage: int | None = None) -> Tensor:
        """
        Args:
            maps: As the trunk gives them: S/4, S/8, S/16.
            stage: Only so many deltas are added; None for all. As a training that adds one after the other has them.

        Returns:
            ``[N, rows, w_dim]``.
        """
        levels = [maps[-1]]
        if self.pyramid:
            levels.append(_enlarged(levels[-1], self.latlayer1(maps[1])))
            levels.append(_enlarged(levels[-1], self.latlayer2(maps[0])))
        if not self.deltas:
            return torch.stack([style(levels[self._level(row)]) for row, style in enumerate(self.styles)], dim=1)
        w = self.styles[0](levels[0])
        used = len(self.styles) if stage is None else min(stage + 1, len(self.styles))
        rows = [w]
        for row, style in enumerate(self.styles):
            if row:
                rows.append(w + style(levels[self._level(row)]) if row < used else w)
        return torch.stack(rows, dim=1)


def _enlarged(coarse: Tensor, fine: Tensor) -> Tensor:
    return F.interpolate(coarse, size=fine.shape[2:], mode="bilinear", align_corners=True) + fine


class SingleStyle(nn.Module):
    """One w for all rows: ``[N, 1, w_dim]`` from the mean of the last map."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.linear = ScaledLinear(channels, channels)

    def forward(self, maps: Sequence[Tensor], stage: int | None = None) -> Tensor:
        w: Tensor = self.linear(maps[-1].mean(dim=(2, 3)))
        return w[:, None]


class AllStyles(nn.Module):
    """All rows from one dense layer: ``[N, rows, w_dim]`` from the last map, averaged down to 7 x 7."""

    def __init__(self, channels: int, rows: int) -> None:
        super().__init__()
        self.output_layer_2 = nn.Sequential(
            FrozenNorm(channels),
            nn.AdaptiveAvgPool2d(POOLED_PX),
            nn.Flatten(),
            nn.Linear(channels * POOLED_PX**2, channels),
        )
        self.linear = ScaledLinear(channels, channels * rows)
        self.rows = rows

    def forward(self, maps: Sequence[Tensor], stage: int | None = None) -> Tensor:
        found: Tensor = self.linear(self.output_layer_2(maps[-1]))
        return found.reshape(len(found), self.rows, -1)

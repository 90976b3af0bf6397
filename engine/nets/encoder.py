"""From a portrait to W+ in one pass: a residual trunk, and heads that read coarse, middle and fine rows off it.

After pSp and e4e in outline (rows are read where the trunk sees as coarsely as the generator's block draws; all rows
are one shared w plus a difference each), small enough for a processor: about 4 million weights.

Source: Richardson et al. 2021, arXiv:2008.00951, section 3 (heads by level); Tov et al. 2021, arXiv:2102.02766,
section 4.1 (one w and differences).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LOWEST_PX = 4
GROUP_ROWS = (3, 7)
"""Rows below the first are coarse (up to 8 px in the generator), below the second middle (up to 32 px), then fine."""
SQUEEZED = 64
SLOPE = 0.2


class _Halving(nn.Module):
    """A residual block: ``[N, in, H, W]`` to ``[N, out, H / 2, W / 2]``; the shortcut keeps brightness as it is."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.norm0 = _norm(in_channels)
        self.conv0 = nn.Conv2d(in_channels, in_channels, 3, padding=1)
        self.norm1 = _norm(in_channels)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.skip = nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv0(F.leaky_relu(self.norm0(x), SLOPE))
        y = self.conv1(F.leaky_relu(self.norm1(F.avg_pool2d(y, 2)), SLOPE))
        total: Tensor = self.skip(F.avg_pool2d(x, 2)) + y
        return total


class _Head(nn.Module):
    """Features of one level, ``[N, C, r, r]``, to ``[N, features]``. Places are kept apart: a face has its order."""

    def __init__(self, channels: int, size_px: int, features: int) -> None:
        super().__init__()
        down = [
            layer
            for _ in range((size_px // LOWEST_PX).bit_length() - 1)
            for layer in (nn.Conv2d(channels, channels, 3, stride=2, padding=1), nn.LeakyReLU(SLOPE))
        ]
        self.down = nn.Sequential(nn.LeakyReLU(SLOPE), *down)
        self.squeeze = nn.Conv2d(channels, SQUEEZED, 1)
        self.gather = nn.Linear(SQUEEZED * LOWEST_PX**2, features)

    def forward(self, x: Tensor) -> Tensor:
        y = F.leaky_relu(self.squeeze(self.down(x)), SLOPE)
        return F.leaky_relu(self.gather(y.flatten(1)), SLOPE)


class Encoder(nn.Module):
    """Portraits to latents of one generator.

    Args:
        input_px: Portraits are averaged down to this.
        widths: Channels at `input_px`, half of it ... 4 px.
        features: What each head gathers.

    Buffers ``mean`` ``[w_dim]`` and ``axes`` ``[w_dim, w_dim]`` (`engine.inversion.w_space`) are set by whoever
    trains it: the layers speak in coordinates in which W is round.
    """

    mean: Tensor
    axes: Tensor

    def __init__(self, input_px: int, widths: Sequence[int], features: int, w_dim: int, num_ws: int) -> None:
        super().__init__()
        self.input_px = input_px
        self.num_ws = num_ws
        self.w_dim = w_dim
        self.stem = nn.Conv2d(3, widths[0], 3, padding=1)
        self.blocks = nn.ModuleList(_Halving(a, b) for a, b in pairwise(widths))
        self.shared = nn.Linear(features, w_dim)
        self.heads, self.deltas = nn.ModuleList(), nn.ModuleList()
        for group, rows in enumerate(_group_sizes(num_ws)):
            level = min(group, len(widths) - 1)
            gathered = features if group == 0 else max(1, features // 2)
            self.heads.append(_Head(widths[-1 - level], LOWEST_PX << level, gathered))
            self.deltas.append(nn.Linear(gathered, rows * w_dim))
        self.register_buffer("mean", torch.zeros(w_dim))
        axes = torch.zeros(w_dim, w_dim)
        self.register_buffer("axes", axes.fill_diagonal_(1.0))  # eye on "meta" would import a second of torch
        with torch.no_grad():
            for layer in (self.shared, *self.deltas):  # to begin with, nearly the mean latent
                for parameter in layer.parameters():
                    parameter.mul_(0.1)

    def forward(self, images: Tensor) -> Tensor:
        """Latents of portraits.

        Args:
            images: ``[N, 3, S, S]``, RGB in [-1, 1], S at least `input_px` and a multiple of it.

        Returns:
            ws ``[N, num_ws, w_dim]``, float32. Differentiable.
        """
        return self.mean + self.coordinates(images) @ self.axes

    def coordinates(self, images: Tensor) -> Tensor:
        """The same before `axes` and `mean`, ``[N, num_ws, w_dim]``, float32, each of about unit spread."""
        factor = images.shape[-1] // self.input_px
        x = self.stem(F.avg_pool2d(images, factor) if factor > 1 else images)
        levels = [x]
        for block in self.blocks:
            x = block(x)
            levels.append(x)
        gathered = [head(levels[max(-1 - group, -len(levels))]) for group, head in enumerate(self.heads)]
        shared = self.shared(gathered[0]).float()[:, None]
        deltas = [
            layer(found).float().unflatten(1, (-1, self.w_dim))
            for layer, found in zip(self.deltas, gathered, strict=True)
        ]
        rows: Tensor = shared + torch.cat(deltas, dim=1)
        return rows


def _group_sizes(num_ws: int) -> list[int]:
    """How many rows are coarse, middle and fine; groups that a small generator does not have are left out."""
    bounds = [0, *(min(row, num_ws) for row in GROUP_ROWS), num_ws]
    return [b - a for a, b in pairwise(bounds) if b > a]


def _norm(channels: int) -> nn.GroupNorm:
    groups = next(count for count in (8, 4, 2, 1) if channels % count == 0)
    return nn.GroupNorm(groups, channels)

"""DiffAugment: simple changes to real and generated pictures alike, through which gradients flow.

Source: Zhao et al. 2020, arXiv:2006.10738, section 4 and appendix A.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Tensor

TRANSLATION_SHARE = 0.125
CUTOUT_SHARE = 0.5


def brightness(x: Tensor, u: Tensor) -> Tensor:
    """Add ``u - 0.5``. ``x`` [N, C, H, W]; ``u`` [N], in [0, 1)."""
    return x + (u - 0.5)[:, None, None, None]


def saturation(x: Tensor, u: Tensor) -> Tensor:
    """Scale the distance from each pixel's grey by ``2 u``."""
    grey = x.mean(dim=1, keepdim=True)
    return grey + (x - grey) * (2 * u)[:, None, None, None]


def contrast(x: Tensor, u: Tensor) -> Tensor:
    """Scale the distance from the picture's mean by ``u + 0.5``."""
    mean = x.mean(dim=(1, 2, 3), keepdim=True)
    return mean + (x - mean) * (u + 0.5)[:, None, None, None]


def translation(x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Show what lies `rows` down and `columns` to the right; zeros (mid-grey) come in at the edges.

    Args:
        rows, columns: ``[N]``, whole numbers, at most `largest_shift` of the side.
    """
    batch, _, height, width = x.shape
    top = largest_shift(height)
    left = largest_shift(width)
    padded = F.pad(x, (left, left, top, top)).permute(0, 2, 3, 1)
    from_row = torch.arange(height, device=x.device)[None, :] + rows[:, None] + top
    from_column = torch.arange(width, device=x.device)[None, :] + columns[:, None] + left
    picture = torch.arange(batch, device=x.device)[:, None, None]
    return padded[picture, from_row[:, :, None], from_column[:, None, :]].permute(0, 3, 1, 2)


def cutout(x: Tensor, row: Tensor, column: Tensor) -> Tensor:
    """Put zeros into a rectangle of half the height and width.

    Args:
        row, column: ``[N]``, its middle. What of the rectangle would lie outside falls onto the edge.
    """
    height, width = x.shape[2:]
    rows = _inside(row, hole_size(height), height)
    columns = _inside(column, hole_size(width), width)
    return x * ~(rows[:, :, None] & columns[:, None, :])[:, None]


def _inside(middle: Tensor, hole: int, side: int) -> Tensor:
    """Which of `side` places the hole covers, ``[N, side]``."""
    covered = middle[:, None] - hole // 2 + torch.arange(hole, device=middle.device)[None, :]
    mask = torch.zeros(middle.shape[0], side, dtype=torch.bool, device=middle.device)
    return mask.scatter_(1, covered.clamp(0, side - 1), True)


def largest_shift(side: int) -> int:
    return int(side * TRANSLATION_SHARE + 0.5)


def hole_size(side: int) -> int:
    return int(side * CUTOUT_SHARE + 0.5)


def _colour(x: Tensor, generator: torch.Generator) -> Tensor:
    for change in (brightness, saturation, contrast):
        x = change(x, torch.rand(len(x), generator=generator, device=generator.device).to(x.device))
    return x


def _translation(x: Tensor, generator: torch.Generator) -> Tensor:
    shifts = [_whole(len(x), -largest_shift(side), largest_shift(side) + 1, generator) for side in x.shape[2:]]
    return translation(x, shifts[0].to(x.device), shifts[1].to(x.device))


def _cutout(x: Tensor, generator: torch.Generator) -> Tensor:
    middles = [_whole(len(x), 0, side + (1 - hole_size(side) % 2), generator) for side in x.shape[2:]]
    return cutout(x, middles[0].to(x.device), middles[1].to(x.device))


def _whole(count: int, low: int, high: int, generator: torch.Generator) -> Tensor:
    return torch.randint(low, high, (count,), generator=generator, device=generator.device)


POLICIES: Mapping[str, Callable[[Tensor, torch.Generator], Tensor]] = MappingProxyType(
    {"color": _colour, "translation": _translation, "cutout": _cutout}
)


def diff_augment(x: Tensor, policies: Sequence[str], generator: torch.Generator) -> Tensor:
    """Apply `policies` (keys of `POLICIES`) in order, with draws of their own for every picture.

    Args:
        x: ``[N, C, H, W]``, nominally in [-1, 1].
    """
    for policy in policies:
        x = POLICIES[policy](x, generator)
    return x

"""Sums of weighted tensors: what mixing networks comes down to."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import torch
from torch import Tensor

from engine.shares import only_one


def weigh_into(out: Tensor, parts: Sequence[Tensor], weights: Sequence[float]) -> None:
    """Write the sum of `parts`, each times its weight, into `out`, which is none of them.

    A part of weight 0 might as well not be there: what is written is the same, bit for bit. A lone part of weight 1
    is copied.

    Args:
        weights: They add up to 1, and may lie beyond 0 and 1.
    """
    if (only := only_one(weights)) is not None:
        out.copy_(parts[only])
        return
    used = [(part.to(out.device), weight) for part, weight in zip(parts, weights, strict=True) if weight != 0.0]
    totals = list(accumulate(weight for _, weight in used))
    if 0.0 in totals[:-1]:
        _add_up(out, used)
        return
    totals[-1] = 1.0
    # From line to line between two, which rounds half precision less often than products and sums do.
    mixed = used[0][0]
    for (part, weight), total in zip(used[1:], totals[1:], strict=True):
        torch.lerp(mixed, part, weight / total, out=out)
        mixed = out


def _add_up(out: Tensor, used: Sequence[tuple[Tensor, float]]) -> None:
    first, weight = used[0]
    torch.mul(first, weight, out=out)
    for part, weight in used[1:]:
        out.add_(part, alpha=weight)

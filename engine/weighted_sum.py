"""Sums of weighted tensors: what mixing networks comes down to."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from engine.shares import only_one


def weigh_into(out: Tensor, parts: Sequence[Tensor], weights: Sequence[float]) -> None:
    """Write the sum of `parts`, each times its weight, into `out`, which is none of them.

    A part of weight 0 might as well not be there: what is written is the same, bit for bit. A lone part of weight 1
    is copied; of two, which share 1 between them, it is the line through both.
    """
    if (only := only_one(weights)) is not None:
        out.copy_(parts[only])
        return
    used = [(part.to(out.device), weight) for part, weight in zip(parts, weights, strict=True) if weight != 0.0]
    if len(used) == 2:
        (first, _), (second, share) = used
        torch.lerp(first, second, share, out=out)
        return
    first, weight = used[0]
    torch.mul(first, weight, out=out)
    for part, weight in used[1:]:
        out.add_(part, alpha=weight)

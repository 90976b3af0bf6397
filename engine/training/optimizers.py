"""Adam for networks with a lazy regulariser."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn
from torch.optim import Adam

BETA2 = 0.99
EPSILON = 1e-8


def lazy_adam(parameters: Iterable[nn.Parameter], learning_rate: float, interval: int | None) -> Adam:
    """Adam without momentum, slowed down for the extra step that a regulariser takes every `interval` steps.

    Args:
        interval: None without a regulariser.

    Source: Karras et al. 2020, arXiv:1912.04958, appendix B.
    """
    slowdown = 1.0 if interval is None else interval / (interval + 1)
    return Adam(
        list(parameters), lr=learning_rate * slowdown, betas=(0.0, BETA2**slowdown), eps=EPSILON, fused=True
    )

"""Bias, activation, gain and clamp in one step, as every StyleGAN2 layer ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Tensor


def _lrelu(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.2)


def _identity(x: Tensor) -> Tensor:
    return x


ACTIVATIONS: Mapping[str, tuple[Callable[[Tensor], Tensor], float]] = MappingProxyType(
    {
        "linear": (_identity, 1.0),
        "relu": (F.relu, 2.0**0.5),
        "lrelu": (_lrelu, 2.0**0.5),
        "tanh": (torch.tanh, 1.0),
        "sigmoid": (torch.sigmoid, 1.0),
        "elu": (F.elu, 1.0),
        "selu": (F.selu, 1.0),
        "softplus": (F.softplus, 1.0),
        "swish": (F.silu, 2.0**0.5),
    }
)
"""Name -> (function, default gain). The gain keeps the variance of a unit normal input roughly at one."""


def bias_act(
    x: Tensor, bias: Tensor | None, activation: str, *, gain: float | None = None, clamp: float | None = None
) -> Tensor:
    """``clamp(activation(x + bias) * gain, -clamp, clamp)``.

    Args:
        x: ``[N, C, ...]``. Overwritten when gradients are off and the step allows it: pass a tensor of your own.
        bias: ``[C]``, or None for none.
        activation: A key of `ACTIVATIONS`.
        gain: None for the activation's default.
        clamp: Largest magnitude, 0 or more; None for no clamp.

    Source: Karras et al. 2020, arXiv:1912.04958, appendix B; the clamp is from arXiv:2006.06676, appendix D.
    """
    function, default_gain = ACTIVATIONS[activation]
    scale = default_gain if gain is None else gain
    owned = not torch.is_grad_enabled()
    if bias is not None:
        shaped = bias.reshape(1, -1, *(1,) * (x.ndim - 2)).to(x.dtype)  # half precision stays it under autocast
        x = x.add_(shaped) if owned else x + shaped
    x = F.leaky_relu_(x, 0.2) if owned and activation == "lrelu" else function(x)
    if scale != 1.0:
        x = x.mul_(scale) if owned else x * scale
    if clamp is not None:
        x = x.clamp_(-clamp, clamp) if owned else x.clamp(-clamp, clamp)
    return x

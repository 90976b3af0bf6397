"""The fully connected layer with a run-time weight scale (equalised learning rate)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.nets.activations import bias_act


class FullyConnected(nn.Module):
    """``activation(x @ (weight * weight_gain).T + bias * bias_gain)``.

    Args:
        weight_gain: Usually ``lr_multiplier / sqrt(in_features)``.
        bias_gain: Usually ``lr_multiplier``.
        activation: The activation's default gain follows it (sqrt 2 for lrelu).

    Weights are uninitialised: they come from a state dict.

    Source: Karras et al. 2018, arXiv:1710.10196, section 4.1.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        activation: str = "linear",
        weight_gain: float | None = None,
        bias_gain: float = 1.0,
    ) -> None:
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.activation = activation
        self.weight_gain = in_features**-0.5 if weight_gain is None else weight_gain
        self.bias_gain = bias_gain
        self.weight = nn.Parameter(torch.empty(out_features, in_features))
        self.bias = nn.Parameter(torch.empty(out_features))

    def forward(self, x: Tensor) -> Tensor:
        """``[N, in_features]`` to ``[N, out_features]``."""
        weight = self.weight * self.weight_gain
        bias = self.bias if self.bias_gain == 1.0 else self.bias * self.bias_gain
        if self.activation == "linear":
            return torch.addmm(bias, x, weight.t())
        return bias_act(F.linear(x, weight), bias, self.activation)

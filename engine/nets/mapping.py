"""The mapping network: z (and the label c) to w."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from engine.nets.linear import FullyConnected


def normalize_2nd_moment(x: Tensor) -> Tensor:
    """Scale each row of ``[N, D]`` to a mean square of one (1e-8 is added below the root)."""
    return x * (x.square().mean(dim=1, keepdim=True) + 1e-8).rsqrt()


class MappingNetwork(nn.Module):
    """z and c to w, without truncation: that is the caller's, who knows how many rows there are.

    State dict: ``fc{i}.weight``, ``fc{i}.bias``, ``embed.weight``, ``embed.bias`` when conditional, ``w_avg``.

    Args:
        z_dim: Width of z; 0 for a network driven by its label alone.
        embed: Turns c into as many values as the first layer wants beside z; None when unconditional.
        layers: The layers in order; the last gives w.

    Source: Karras et al. 2019, arXiv:1812.04948, section 2; labels as in arXiv:2006.06676, appendix D.
    """

    w_avg: Tensor

    def __init__(self, z_dim: int, embed: FullyConnected | None, layers: Sequence[FullyConnected]) -> None:
        super().__init__()
        self.z_dim = z_dim
        self.c_dim = 0 if embed is None else embed.in_features
        self.w_dim = layers[-1].out_features
        self.num_layers = len(layers)
        if embed is not None:
            self.embed = embed
        for index, layer in enumerate(layers):
            self.add_module(f"fc{index}", layer)
        self.register_buffer("w_avg", torch.zeros(self.w_dim))

    def forward(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """``z`` [N, z_dim] and, when conditional, ``c`` [N, c_dim] (one-hot rows) to w [N, w_dim]."""
        parts = [normalize_2nd_moment(z)] if self.z_dim > 0 else []
        if self.c_dim > 0 and c is not None:
            embedded: Tensor = self.embed(c)
            parts.append(normalize_2nd_moment(embedded))
        x = torch.cat(parts, dim=1) if len(parts) > 1 else parts[0]
        for index in range(self.num_layers):
            x = self.get_submodule(f"fc{index}")(x)
        return x


def truncate(ws: Tensor, w_avg: Tensor, psi: float, cutoff: int | None = None) -> Tensor:
    """Pull the leading rows of `ws` towards the mean latent.

    Args:
        ws: Latents, ``[N, num_ws, w_dim]``. Not modified.
        w_avg: Mean of W, ``[w_dim]``, same device and dtype as `ws`.
        psi: 1 leaves `ws` as it is, 0 gives `w_avg`. Unitless; below 0 and above 1 extrapolates.
        cutoff: Number of rows affected, 0 or more; None means all.

    Returns:
        A tensor like `ws`; `ws` itself when nothing is to be done.

    Source: Karras et al. 2019, arXiv:1812.04948, appendix B.
    """
    if psi == 1.0 or cutoff == 0:
        return ws
    pulled = torch.lerp(w_avg.expand_as(ws), ws, psi)
    if cutoff is None or cutoff >= ws.shape[1]:
        return pulled
    return torch.cat([pulled[:, :cutoff], ws[:, cutoff:]], dim=1)

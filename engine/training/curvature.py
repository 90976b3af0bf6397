"""Measuring the mean curvature of a generator's likeness (`engine.inversion.curvature`), by random projections.

The Gauss-Newton matrix of a distance is J'CJ, with J the derivative of all that is compared by the latent and C how
much each of it counts. Its mean over faces is the mean square of J'v for random v of covariance C: one backward pass
for each, which needs no target.

Source: Schraudolph 2002, "Fast curvature matrix-vector products for second-order gradient descent".
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from engine.inversion.curvature import Curvature
from engine.inversion.distance import PerceptualDistance, edges, pyramid
from engine.inversion.w_space import WSpace
from engine.network import Network

DIRECTIONS = 512
DRAWS = 2600
BATCH = 8
JITTER = 0.3
"""Latents are drawn up to so far, in spreads of W, from where the encoder finds faces: a search passes there."""
COLOUR_OFF, EDGE_OFF = 0.12, 0.04
"""How far colours and gradients typically are off on the way: a mean absolute difference curves by one over that."""


def measure_curvature(
    network: Network, space: WSpace, judge: PerceptualDistance, faces: Iterator[Tensor], seed: int, draws: int = DRAWS
) -> Curvature:
    """Of the distance that searches descend by: colours and edges from coarse to fine, and the judge's features.

    Args:
        space: Whose coordinates the directions are to have.
        judge: Its features count where it has any.
        faces: Latents of faces, ``[BATCH, num_ws, w_dim]`` each, without end.
        draws: Backward passes; some five times `DIRECTIONS` are needed.
    """
    rng, device = np.random.default_rng(seed), network.device
    size = network.descriptor.num_ws * network.descriptor.w_dim
    matrix = torch.zeros(size, size, device=device)

    def drawn(like: Tensor) -> Tensor:
        return torch.from_numpy(rng.standard_normal(tuple(like.shape), np.float32)).to(device)

    count = max(1, draws // BATCH)
    for _ in range(count):
        at = space.encode(next(faces))
        far = torch.from_numpy(rng.uniform(0, JITTER, (len(at), 1, 1)).astype(np.float32)).to(device)
        at = (at + far * drawn(at)).requires_grad_(True)
        images = network.synthesis(space.decode(at), with_grad=True)[:, :3]
        with torch.enable_grad():
            compared = torch.stack([(drawn(part) * part).sum() for part in _compared(images, judge)]).sum()
        (pulled,) = torch.autograd.grad(compared, at)
        flat = pulled.flatten(1)
        matrix += flat.T @ flat / (count * BATCH)
    strengths, columns = torch.linalg.eigh(matrix.cpu())
    kept = min(DIRECTIONS, count * BATCH // 2, int((strengths > 0).sum()))
    directions = columns[:, -kept:].T.flip(0).unflatten(1, (network.descriptor.num_ws, -1))
    return Curvature(space, directions.contiguous().to(device), strengths[-kept:].flip(0).to(device))


def _compared(images: Tensor, judge: PerceptualDistance) -> Iterator[Tensor]:
    """All that a distance looks at, each part times the root of what it counts."""
    levels = pyramid(images)
    for level in levels:
        outlines = edges(level)
        yield level * (len(levels) * level[0].numel() * COLOUR_OFF) ** -0.5
        yield outlines * (len(levels) * outlines[0].numel() * EDGE_OFF) ** -0.5
    features = getattr(judge, "features", None)
    if features is not None:
        maps = [F.normalize(one, dim=1, eps=1e-6) for one in features(images)]
        for one in maps:
            yield one * (2 / (len(maps) * one.shape[-1] * one.shape[-2])) ** 0.5

"""Pictures of a generator by seed: sample i is what `render --seed i` shows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.imaging import to_rgb
from engine.latents import seed_to_z
from engine.network import Network
from engine.state import SeedLatent

BATCH_PIXELS = 16 * 256 * 256
MAX_BATCH = 32


def batch_size(img_resolution: int) -> int:
    """Pictures to compute at once, so that memory does not grow with their size."""
    return min(MAX_BATCH, max(1, BATCH_PIXELS // img_resolution**2))


def z_of(network: Network, seeds: Sequence[int]) -> Tensor:
    """``[N, z_dim]``, float32, on the CPU."""
    z_dim = network.descriptor.z_dim
    return torch.from_numpy(np.concatenate([seed_to_z(SeedLatent(seed), z_dim) for seed in seeds]))


def labels_of(network: Network, seeds: Sequence[int]) -> Tensor | None:
    """Classes in turn for a network that has them, ``[N, c_dim]``; None for others."""
    c_dim = network.descriptor.c_dim
    return torch.eye(c_dim)[torch.tensor([seed % c_dim for seed in seeds])] if c_dim else None


def ws_of(network: Network, seeds: Sequence[int], psi: float, labels: Tensor | None) -> Tensor:
    """``[N, num_ws, w_dim]``."""
    return network.mapping(z_of(network, seeds), labels, psi)


def pictures_of(network: Network, seeds: Sequence[int], psi: float) -> NDArray[np.uint8]:
    """``[N, S, S, 3]``, rounded to bytes as every real picture was."""
    images = network.synthesis(ws_of(network, seeds, psi, labels_of(network, seeds)))
    return np.stack([to_rgb(image) for image in images])


def as_images(pictures: NDArray[np.uint8], device: torch.device) -> Tensor:
    """``[N, S, S, 3]`` bytes to float32 ``[N, 3, S, S]`` in [-1, 1]."""
    planar = torch.from_numpy(np.ascontiguousarray(pictures)).to(device).permute(0, 3, 1, 2)
    return planar.float().div_(127.5).sub_(1.0)

"""How far generated pictures are from real ones: the number by which the best snapshot of a run is chosen."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors.torch import load as from_safetensors
from torch import Tensor

from engine.nets.perceptual import MIN_SIZE, PerceptualNet
from engine.network import Network
from engine.training.dataset import Dataset

Floats: TypeAlias = NDArray[np.float64]
Subset: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Rows of the real and of the generated features."""

SUBSET_SIZE = 1000
SUBSETS = 100
CHUNK = 16
SAMPLE_SEED = 20_000


def kernel_distance(real: Floats, generated: Floats, subsets: Sequence[Subset]) -> float:
    """Unbiased kernel distance (KID), mean over subsets; 0 for equal distributions, below it by chance.

    Args:
        real: Features ``[N, D]``.
        generated: ``[M, D]``.
        subsets: Rows of `real` and of `generated` to compare, equally many, at least 2.

    Source: Binkowski et al. 2018, arXiv:1801.01401, with the cubic kernel ``((x . y) / D + 1) ** 3``.
    """
    width = real.shape[1]
    total = 0.0
    for real_rows, generated_rows in subsets:
        x, y = generated[generated_rows], real[real_rows]
        count = len(x)
        within = (x @ x.T / width + 1) ** 3 + (y @ y.T / width + 1) ** 3
        between = (x @ y.T / width + 1) ** 3
        total += float((within.sum() - np.diag(within).sum()) / (count - 1) - between.sum() * 2 / count) / count
    return total / len(subsets)


def drawn_subsets(real: int, generated: int, seed: int = 0) -> list[Subset]:
    """Row numbers for `kernel_distance`, without replacement, fixed by the seed."""
    size = min(real, generated, SUBSET_SIZE)
    rng = np.random.default_rng(seed)
    # Subsets that hold nearly all there is are nearly equal; one whole one says the same.
    number = 1 if size == min(real, generated) and real == generated else SUBSETS
    return [
        (rng.choice(real, size, replace=False), rng.choice(generated, size, replace=False)) for _ in range(number)
    ]


class Features:
    """Pictures to rows of numbers, by Graft's own perceptual network.

    Args:
        path: ``perceptual.safetensors``.

    Attributes:
        name: Says what the numbers are, down to the weights: results compare only when it is the same.
    """

    def __init__(self, path: Path, device: torch.device) -> None:
        data = path.read_bytes()
        self.name = f"graft-perceptual-{hashlib.sha256(data).hexdigest()[:12]}/mean+std"
        self._net = PerceptualNet.from_tensors(from_safetensors(data)).to(device)
        self._device = device

    @torch.no_grad()
    def of(self, images: Tensor) -> Floats:
        """``[N, 3, S, S]``, float32 in [-1, 1], to ``[N, D]``: mean and deviation of every channel of every map."""
        images = images.to(self._device).clamp(-1, 1)
        if images.shape[-1] < MIN_SIZE:
            images = F.interpolate(images, size=(MIN_SIZE, MIN_SIZE), mode="bilinear", align_corners=False)
        rows = []
        for part in torch.split(images, CHUNK):
            maps = [level.flatten(2) for level in self._net(part)]
            rows.append(torch.cat([x for level in maps for x in (level.mean(2), level.std(2, unbiased=False))], 1))
        result: Floats = torch.cat(rows).double().cpu().numpy()
        return result


@dataclass(frozen=True, slots=True)
class Score:
    """Attributes:
    kid: See `kernel_distance`; features are scaled so that the real pictures' have a mean square of one each.
    features: Their name.
    samples: Generated pictures.
    """

    kid: float
    features: str
    samples: int


class Judge:
    """Compares a run's generator with its pictures, always by the same latents and the same real pictures.

    Args:
        samples: Generated pictures, and at most as many real ones.

    Attributes:
        floor: Distance between two halves of the real pictures.
    """

    def __init__(self, dataset: Dataset, features: Features, samples: int, device: torch.device) -> None:
        self._features = features
        self._samples = samples
        rows = np.random.default_rng(0).permutation(len(dataset))[:samples]
        found = [features.of(dataset.batch(part, device)) for part in np.array_split(rows, -(-len(rows) // CHUNK))]
        real = np.concatenate(found)
        self._scale = 1 / np.maximum(np.sqrt((real**2).mean(axis=0)), 1e-8)
        self._real = real * self._scale
        half = len(self._real) // 2
        first, second = self._real[:half], self._real[half : 2 * half]
        self.floor = kernel_distance(first, second, drawn_subsets(half, half)) if half >= 2 else float("nan")

    def score(self, network: Network) -> Score:
        """Measure a generator at truncation psi 1."""
        rng = torch.Generator().manual_seed(SAMPLE_SEED)
        rows = []
        for start in range(0, self._samples, CHUNK):
            z = torch.randn(min(CHUNK, self._samples - start), network.config.z_dim, generator=rng)
            rows.append(self._features.of(network.synthesis(network.mapping(z))))
        generated = np.concatenate(rows) * self._scale
        subsets = drawn_subsets(len(self._real), len(generated))
        return Score(kernel_distance(self._real, generated, subsets), self._features.name, self._samples)

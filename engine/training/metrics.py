"""How far generated pictures are from real ones: the number by which the best snapshot of a run is chosen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from engine.metrics.features import CHUNK, Features, scale_of
from engine.metrics.kid import drawn_subsets, kernel_distance
from engine.network import Network
from engine.training.dataset import Dataset

SAMPLE_SEED = 20_000


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
        self._scale = scale_of(real)
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

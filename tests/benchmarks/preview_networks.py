"""The networks that the preview benchmark runs: random ones of StyleGAN2's config-f, and those that ship."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path

import torch
from small_networks import random_tensors, small_config
from torch import Tensor

from engine.embedded_models import register_embedded
from engine.families import describe
from engine.library import Library
from engine.network import Network, estimate_w_avg
from engine.network_config import NetworkConfig
from engine.state import ModelRef

IMAGE_STD = 0.45
NOISE_STRENGTH = 0.1
APART = 0.05
"""How far B's weights are from A's, as a part of their own spread: as of models tuned from one parent."""


@dataclass(frozen=True, slots=True)
class Size:
    """Widths of a generator: config-f as it stands."""

    resolution: int
    channel_base: int = 32768
    channel_max: int = 512
    latent: int = 512
    mapping_layers: int = 8

    @property
    def config(self) -> NetworkConfig:
        edges = [4 << i for i in range(self.resolution.bit_length() - 2)]
        channels = [min(self.channel_max, self.channel_base // edge) for edge in edges]
        return small_config(channels, z_dim=self.latent, w_dim=self.latent, num_layers=self.mapping_layers)


@dataclass(frozen=True, slots=True)
class Subject:
    """Two related models on a shelf.

    Attributes:
        name: For tables: ``config-f 1024``, ``embedded 256``.
        path_a: The file of A, for who reads it without the library.
    """

    name: str
    library: Library
    a: ModelRef
    b: ModelRef
    path_a: Path
    resolution: int


def random_pair(library: Library, folder: Path, size: Size) -> Subject:
    """Two random networks, B close to A. Files that a run before left in `folder` are used again."""
    refs, paths = [], []
    tensors = None
    for side in "ab":
        path = folder / f"random-{size.resolution}-{size.channel_base}-{size.channel_max}-{side}.safetensors"
        if not path.is_file():
            tensors = _random_weights(size.config) if tensors is None else _moved(tensors)
            Network.from_tensors(size.config, tensors).save(path)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        refs.append(library.add_model(path, sha256, path.stem, describe(size.config)))
        paths.append(path)
    name = f"config-f {size.resolution}" if size == Size(size.resolution) else f"random {size.resolution}"
    return Subject(name, library, refs[0], refs[1], paths[0], size.resolution)


def embedded_pair(library: Library) -> Subject:
    found = {ref.name: ref for ref in register_embedded(library)}
    a, b = found["portrait"], found["toon"]
    record, path = library.model(a.sha256), library.locate(a.sha256)
    assert record is not None
    assert path is not None
    resolution = record.descriptor.img_resolution
    return Subject(f"embedded {resolution}", library, a, b, path, resolution)


@torch.no_grad()
def _random_weights(config: NetworkConfig) -> dict[str, Tensor]:
    """Weights as of a trained network in all that matters for time and rounding: noise on, biases, unit styles."""
    tensors = random_tensors(config)
    for name, tensor in tensors.items():
        if name.endswith("noise_strength"):
            tensor.fill_(NOISE_STRENGTH)
    network = Network.from_tensors(config, tensors)
    network.w_avg.copy_(estimate_w_avg(network.module, 1000))
    z = torch.randn(1, config.mapping.z_dim, generator=torch.Generator().manual_seed(0))
    image = network.synthesis(network.mapping(z, truncation_psi=0.7))
    for name, tensor in network.tensors.items():
        if name.endswith(("torgb.weight", "torgb.bias")):
            tensor.mul_(IMAGE_STD / float(image.std()))
    return {name: tensor.detach().clone() for name, tensor in network.tensors.items()}


def _moved(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(1)
    moved = {}
    for name, tensor in tensors.items():
        spread = float(tensor.std()) if tensor.numel() > 1 else float(tensor.abs())
        step = torch.randn(tensor.shape, generator=generator) * spread * APART
        moved[name] = tensor + (step if math.isfinite(spread) else 0.0)
    return moved

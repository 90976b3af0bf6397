"""A shelf of small random models on disk, for whatever wants to find models by hash."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from small_networks import random_network, small_config

from engine.descriptor import NetworkDescriptor
from engine.network import Network
from engine.state import ModelRef

CHANNELS_64 = (8, 8, 8, 6, 4)


@dataclass(frozen=True)
class Kept:
    descriptor: NetworkDescriptor


@dataclass(frozen=True)
class Shelved:
    ref: ModelRef
    path: Path
    descriptor: NetworkDescriptor


class Shelf:
    """Stands in for `engine.library.Library`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.paths: dict[str, Path] = {}
        self.kept: dict[str, Kept] = {}

    def put(self, name: str, network: Network | None = None, *, seed: int = 0, **config: Any) -> ModelRef:
        made = network or random_network(small_config(**{"channels": CHANNELS_64, **config}), seed)
        path = self.folder / f"{name}.safetensors"
        made.save(path)
        return self.add_model(path, hashlib.sha256(path.read_bytes()).hexdigest(), name, made.descriptor)

    def locate(self, sha256: str) -> Path | None:
        return self.paths.get(sha256)

    def add_model(
        self,
        path: Path,
        sha256: str,
        name: str,
        descriptor: NetworkDescriptor,
        *,
        source: Path | None = None,
        note: Mapping[str, Any] | None = None,
    ) -> ModelRef:
        self.paths[sha256] = path
        self.kept[sha256] = Kept(descriptor)
        return ModelRef(sha256, name)

    def models(self) -> tuple[Shelved, ...]:
        known = self.kept.items()
        return tuple(Shelved(ModelRef(key, key[:8]), self.paths[key], one.descriptor) for key, one in known)

    def model(self, sha256: str) -> Kept | None:
        return self.kept.get(sha256)

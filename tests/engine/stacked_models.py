"""Small models that fit each other, and a pipeline for them."""

from __future__ import annotations

from pathlib import Path

import torch
from shelf import Shelf
from torch import Tensor

from engine.latents import LatentStore, seed_to_z
from engine.models import ModelPool
from engine.network import Network
from engine.pipeline import Pipeline
from engine.stage_cache import StageCache
from engine.state import EditState, ModelRef, SeedLatent, View

MIB = 1 << 20
PREVIEW_ERROR = 0.03
"""Of a bfloat16 preview, of the standard deviation of the picture."""


class Models:
    """Four models that fit each other and a pipeline, on an empty store."""

    def __init__(self, folder: Path) -> None:
        self.shelf = Shelf(folder)
        self.a, self.b, self.c, self.d = (
            self.shelf.put(name, seed=seed, conv_clamp=clamp)
            for seed, (name, clamp) in enumerate((("a", None), ("b", 1.0), ("c", 0.5), ("d", None)), start=1)
        )
        self.store = LatentStore()
        self.pipeline = Pipeline(ModelPool(self.shelf, "cpu", 64 * MIB), self.store, StageCache(64 * MIB))

    def network(self, ref: ModelRef) -> Network:
        return self.pipeline.models.networks([ref])[0]

    def render(self, state: EditState, view: View = View.BLEND) -> Tensor:
        return self.pipeline.render(state, view)

    def warnings(self, state: EditState, view: View = View.BLEND) -> list[str]:
        """But those of strangers, which all of these models are."""
        return [text for text in self.pipeline.resolve_view(state, view).warnings if "unrelated" not in text]

    def preview(self, state: EditState, view: View = View.BLEND, *, fresh: bool = False) -> Tensor:
        if fresh:
            self.pipeline._groups.clear()
        synthesis = self.pipeline.start(self.pipeline.resolve_view(state, view), fresh=fresh)
        while not synthesis.done:
            synthesis.step()
        assert synthesis.image is not None
        return synthesis.image

    def ran(self, state: EditState) -> list[int]:
        """Blocks that the pipeline runs for a preview; the others it has."""
        synthesis = self.pipeline.start(self.pipeline.resolve(state))
        return list(range(synthesis.index, 5))

    def w(self, ref: ModelRef, seed: int = 3, psi: float = 0.7) -> Tensor:
        network = self.network(ref)
        return network.mapping(torch.from_numpy(seed_to_z(SeedLatent(seed), network.descriptor.z_dim)), None, psi)

"""Small models, portraits and directions to edit with, and what their pictures are where nothing is remembered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from shelf import Shelf
from torch import Tensor

from engine import backend as backend_module
from engine.backend import TorchBackend
from engine.latents import LatentStore
from engine.messages import Held, RenderRequest
from engine.models import ModelPool
from engine.pipeline import Pipeline
from engine.stage_cache import StageCache
from engine.state import (
    EditState,
    ModelRef,
    StoredLatent,
    View,
)

KIB, MIB = 1 << 10, 1 << 20
LONG_S = 1000.0
BLOCKS = 3  # 4, 8 and 16 px


@contextmanager
def small_pictures() -> Iterator[None]:
    """One thread, pictures on the way up that are shown however small they are, and no samples of their colours."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backend_module.ExitCorrection, "calibration", lambda *args: iter(()))
        patch.setattr(backend_module, "SMALLEST_PREVIEW_PX", 4)
        patch.setattr(backend_module, "WORTH_SHOWING_S", -1.0)
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        yield
        torch.set_num_threads(before)


class Studio:
    """Small models that fit each other, portraits with and without noise, directions, and a pipeline that remembers
    nothing.

    Attributes:
        thirds: A further model for every pair.
        directions: Of one row, and of all.
    """

    def __init__(
        self,
        shelf: Shelf,
        trios: dict[str, tuple[ModelRef, ...]],
        portraits: tuple[StoredLatent, ...],
        directions: tuple[str, ...],
        store: LatentStore,
    ) -> None:
        self.pairs = {name: (a, b) for name, (a, b, _) in trios.items()}
        self.thirds = {name: third for name, (_, _, third) in trios.items()}
        self.portraits = portraits
        self.directions = directions
        self._shelf = shelf
        self._store = store
        self._pool = ModelPool(shelf, "cpu", 64 * MIB)
        self._forgetful = self.pipeline(0)

    def backend(self, cache_bytes: int) -> TorchBackend:
        backend = TorchBackend(self._shelf, self._store, "cpu")
        backend._pipeline = self.pipeline(cache_bytes)
        return backend

    def pipeline(self, cache_bytes: int) -> Pipeline:
        stages, pictures = StageCache(cache_bytes), StageCache(cache_bytes)
        return Pipeline(self._pool, self._store, stages, pictures=pictures)

    def fresh(self, state: EditState, view: View) -> list[Tensor | None]:
        """The pictures after every block, drawn as previews are, where nothing was drawn or mixed before."""
        self._forgetful._groups.clear()
        synthesis = self._forgetful.start(self._forgetful.resolve_view(state, view), fresh=True)
        images = []
        while not synthesis.done:
            synthesis.step()
            images.append(synthesis.image)
        return images


def make_studio(folder: Path) -> Studio:
    shelf, store = Shelf(folder), LatentStore()
    draw = np.random.RandomState(0)
    maps = {position: draw.randn(size, size) for position, size in ((1, 4), (2, 8), (3, 8), (5, 16))}
    portraits = (
        StoredLatent(store.put_ws(draw.randn(6, 10)), "Ada", store.put_noise(maps)),
        StoredLatent(store.put_ws(draw.randn(4, 10)), "Bob"),
    )
    trios = {}
    for name, architecture in (("skip", "skip"), ("resnet", "resnet")):
        trios[name] = tuple(
            shelf.put(f"{name} {side}", seed=seed, channels=(6, 6, 4), architecture=architecture, conv_clamp=clamp)
            for side, seed, clamp in (("a", 1, None), ("b", 2, 1.0), ("c", 3, 2.0))
        )
    directions = tuple(store.put_ws(draw.randn(rows, 10)) for rows in (1, 6))
    return Studio(shelf, trios, portraits, directions, store)


def request(state: EditState, views: tuple[View, ...], held: Held | None = None) -> RenderRequest:
    return RenderRequest(1, state, views, held=held)

"""One picture on its way through the blocks of its networks, from the highest one that is known."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from engine.device import wait_for
from engine.messages import Pixels
from engine.nets.noise import NoiseInput
from engine.network import Carry
from engine.picture_inputs import memory_of
from engine.preview.screen_copy import ScreenCopy
from engine.resolved_edit import ResolvedEdit
from engine.stage_cache import StageCache
from engine.stage_keys import block_keys

if TYPE_CHECKING:
    from engine.pipeline import Pipeline

QUICK_BLOCK_S = 0.002
"""A GPU that takes less for a block is not waited for."""


class Synthesis:
    """One picture on its way through the blocks, from the highest one that is known.

    Attributes:
        edit: What is drawn.
        keys: What decides the picture up to each block, the lowest first: the last decides all of it.
        index: The next block.
    """

    def __init__(self, pipeline: Pipeline, edit: ResolvedEdit, cache: StageCache, *, exact: bool = False) -> None:
        self.edit = edit
        self._exact = exact
        self._pipeline = pipeline
        self._cache = cache
        self._group = pipeline.group(edit)
        self._shape = tuple(layer.channels for layer in self._group.a.descriptor.layers)
        self._stack = edit.stack
        keys = block_keys(self._group, edit)
        self.keys, self._feature_keys = keys.pictures, keys.features
        self._ws: Tensor | None = None
        self._noise: NoiseInput | None = None
        self._carry: Carry | None = None
        self._image: Tensor | None = None
        self.index = 0
        self.look()

    def look(self) -> None:
        """Go on from the highest block that is kept by now."""
        for index in range(len(self.keys) - 1, self.index - 1, -1):
            if self._find(index):
                break

    @property
    def done(self) -> bool:
        return self.index == len(self.keys)

    @property
    def fraction(self) -> float:
        """How far it is by the time that blocks take, each about as long as all before it: 0 to 1."""
        return 2.0 ** (self.index - len(self.keys)) if self.index else 0.0

    @property
    def image(self) -> Tensor | None:
        """The picture so far, ``[1, C, r, r]``; None where the network has none yet."""
        return self._image

    @property
    def exits(self) -> dict[int, Tensor]:
        """The pictures on the way to this one that are still known, ``[1, C, r, r]`` by their edge r."""
        found = (self._cache.get(key) for key in self.keys[:-1])
        images = (kept.img for kept in found if isinstance(kept, Carry) and kept.img is not None)
        return {image.shape[-1]: image for image in images}

    @property
    def size_px(self) -> int:
        """Edge of `image`; 0 while there is none."""
        return 0 if self._image is None else self._image.shape[-1]

    @property
    def next_px(self) -> int:
        """Resolution of the next block."""
        return 4 << self.index

    def next_block_s(self) -> float:
        """How long the next block will take, by what was measured; 0 when nothing was, or little is left to do."""
        if self._features(self.index) is not None:
            return 0.0
        return self._pipeline.clock.expected_s(self._shape, self.index, self._is_mixture(self.index))

    def put_off(self) -> None:
        """Say that the next block is not run now because of `next_block_s`."""
        self._pipeline.clock.kept_from(self._shape, self.index, self._is_mixture(self.index))

    @torch.no_grad()
    def step(self) -> None:
        """Run the next block, or find it in the cache."""
        index = self.index
        if self._find(index):
            return
        # Weights last: the mapping may use the same scratch network.
        if self._ws is None:
            self._ws = self._pipeline.inputs.ws(self._group, self.edit, self._cache)
        carry = self._run(index, self._ws)
        # Nobody goes on from the last features, which are the largest.
        result = carry.img if index + 1 == len(self.keys) and carry.img is not None else carry
        self._advance(index, result)
        if isinstance(result, Carry):
            self._cache.put(self.keys[index], result, memory_of(result.x, result.img))
            if self._group.draws_apart and not self._exact:
                self._cache.put(self._feature_keys[index], result.x, memory_of(result.x))
        else:
            self._cache.put(self.keys[index], result, memory_of(result))

    def _run(self, index: int, ws: Tensor) -> Carry:
        stack = self._stack
        offsets = self._pipeline.inputs.offsets(self._group, self.edit, index, self._cache)
        if (x := self._features(index)) is not None:
            img = None if self._carry is None else self._carry.img
            return self._group.run_torgb(index, stack, x, img, ws, offsets)
        if self._noise is None:
            self._noise = self._pipeline.inputs.noise(self._group, self.edit.noise, self._cache)
        started = time.perf_counter()
        carry = self._group.run_block(index, stack, self._carry, ws, self._noise, offsets, exact=self._exact)
        if not self._exact:
            self._measure(index, started)
        return carry

    def _features(self, index: int) -> Tensor | None:
        """Those of a block whose picture is another, but not its features."""
        if self._exact or not self._group.draws_apart:
            return None
        found: Tensor | None = self._cache.get(self._feature_keys[index])
        return found

    def _measure(self, index: int, started: float) -> None:
        """Wait until a GPU, which has only been told so far, has run the block; but not if that is soon.

        Waiting costs it the time in which it could be told of the next block, but one that is slow has to be timed,
        and must not have so much to do already that nothing can be given up.
        """
        device = self._pipeline.models.device
        if device != "cpu":
            if 0.0 < self.next_block_s() < QUICK_BLOCK_S:
                return
            wait_for(device)
        seconds = time.perf_counter() - started
        self._pipeline.clock.took(self._shape, index, self._is_mixture(index), seconds)

    @property
    def screen(self) -> ScreenCopy:
        """What takes pictures from the device to the screen."""
        return self._pipeline.screen

    @property
    def is_kept(self) -> bool:
        """Whether the finished picture is at hand, ready for the screen."""
        return self.keys[-1] in self._pipeline.pictures

    def kept_picture(self) -> Pixels | None:
        """The finished picture, if it is at hand. Shared: never written to."""
        found: Pixels | None = self._pipeline.pictures.get(self.keys[-1])
        return found

    def keep_picture(self, pixels: Pixels) -> bool:
        """Keep the finished picture as the screen wants it, instead of the tensor, which is three times as large.

        Returns:
            Whether there was room.
        """
        pixels.flags.writeable = False
        kept = self._pipeline.pictures.put(self.keys[-1], pixels, {id(pixels): pixels.nbytes})
        if kept:
            self._pipeline.cache.drop(self.keys[-1])
        return kept

    def _find(self, index: int) -> bool:
        found: Carry | Tensor | None = self._cache.get(self.keys[index])
        if found is None:
            return False
        self._advance(index, found)
        return True

    def _advance(self, index: int, result: Carry | Tensor) -> None:
        self._carry = result if isinstance(result, Carry) else None
        self._image = result.img if isinstance(result, Carry) else result
        self.index = index + 1

    def _is_mixture(self, index: int) -> bool:
        return self._group.is_mixture(index, self._stack)


def drained(steps: Generator[object, None, Tensor]) -> Tensor:
    """Run a generator to its end and return its result."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            image: Tensor = stop.value
            return image

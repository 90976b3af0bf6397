"""From a resolved edit to a picture: z, w, ws, edited ws, blocks. What was computed is kept and found again.

A stage's key holds exactly what decides its result (see `engine.stage_keys`), so a key that is found is never stale.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from dataclasses import replace
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.block_clock import BlockClock
from engine.device import wait_for
from engine.errors import LatentError, ModelError
from engine.latents import LatentStore, seed_to_z
from engine.messages import Pixels
from engine.model_pair import ModelPair
from engine.models import ModelPool
from engine.nets.mapping import truncate
from engine.nets.noise import NoiseInput
from engine.network import Carry
from engine.preview.arithmetic import Arithmetic, choose_arithmetic
from engine.preview.graphs import capture_on
from engine.preview.memory import preview_bytes
from engine.preview.packing import Packs
from engine.preview.screen_copy import ScreenCopy
from engine.resolve import ResolvedEdit, ResolvedNoise, resolve
from engine.stage_cache import Memory, ReadOnlyCache, StageCache
from engine.stage_keys import block_keys, psi_acts_on
from engine.state import EditState, Latent, ModelRef, SeedLatent, StoredLatent, View, latent_keys

KEPT_PAIRS = 2

QUICK_BLOCK_S = 0.002
"""A GPU that takes less for a block is not waited for."""

_NO_CACHE = StageCache(0)


class Pipeline:
    """Belongs to the thread that computes.

    Args:
        cache: Where stages are kept.
        arithmetic: Of previews; by default what is fast on the models' device.
        pictures: Where finished pictures are kept as the screen wants them, under the keys of their last blocks; by
            default nowhere. Apart from the stages, of which one drag makes more than fits.
    """

    def __init__(
        self,
        models: ModelPool,
        store: LatentStore,
        cache: StageCache,
        arithmetic: Arithmetic | None = None,
        pictures: StageCache | None = None,
    ) -> None:
        self.models = models
        self.store = store
        self.cache = cache
        self.pictures = StageCache(0) if pictures is None else pictures
        self.arithmetic = arithmetic or choose_arithmetic(models.device)
        self._packs = Packs(self.arithmetic)
        self.clock = BlockClock()
        self.screen = ScreenCopy(models.device, self.arithmetic.kernels)
        self._pairs: dict[tuple[ModelRef, ModelRef | None], ModelPair] = {}
        models.extra_bytes = partial(preview_bytes, arithmetic=self.arithmetic)
        models.other_bytes = self._pair_bytes
        models.on_drop = self._drop_pairs
        models.on_pressure = self.cache.clear

    def resolve(self, state: EditState) -> ResolvedEdit:
        """Load the models of `state` and decide what it means for them.

        Raises:
            EngineError: as `engine.resolve.resolve` and `ModelPool.networks`.
        """
        if state.model_a is None:
            return resolve(state, None)
        if state.model_b is None:
            (a,) = self.models.networks([state.model_a])
            return resolve(state, a.descriptor, shapes=self._shapes(state))
        a, b = self.models.networks([state.model_a, state.model_b])
        edit = resolve(state, a.descriptor, b.descriptor, self._shapes(state))
        if edit.model_b is None:
            return edit
        try:
            warning = self.pair(edit).warning
        except ModelError as error:
            alone = resolve(replace(state, model_b=None), a.descriptor, shapes=self._shapes(state))
            return replace(alone, warnings=(*alone.warnings, f"{error.user_message} The blend shows A."))
        return edit if warning is None else replace(edit, warnings=(*edit.warnings, warning))

    def resolve_view(self, state: EditState, view: View) -> ResolvedEdit:
        """`resolve` for one of the three pictures.

        A model B that cannot be blended is shown by itself, unless the latent is one of A's that it cannot read.
        """
        edit = self.resolve(state)
        if view is not View.B or state.model_b is None or edit.model_b is not None:
            return edit.for_view(view)
        try:
            alone = self.resolve(replace(state, model_a=state.model_b, model_b=None))
        except LatentError:
            return edit
        return replace(alone, warnings=edit.warnings)

    def pair(self, edit: ResolvedEdit) -> ModelPair:
        """The networks of an edit.

        Raises:
            ModelError: they cannot be loaded, or not be blended.
        """
        key = (edit.model_a, edit.model_b)
        if (pair := self._pairs.pop(key, None)) is None:
            refs = [ref for ref in key if ref is not None]
            networks = self.models.networks(refs)
            b = networks[1] if len(refs) > 1 else None
            pair = ModelPair(edit.model_a, networks[0], edit.model_b, b, self._packs)
        self._pairs[key] = pair
        while len(self._pairs) > KEPT_PAIRS:
            del self._pairs[next(iter(self._pairs))]
        return pair

    def _pair_bytes(self) -> int:
        capture = capture_on(self.models.device)
        graph_bytes = 0 if capture is None else capture.held_bytes
        return graph_bytes + sum(pair.held_bytes for pair in self._pairs.values())

    def _drop_pairs(self) -> None:
        """Those whose models have been let go of."""
        self._pairs = {
            refs: pair
            for refs, pair in self._pairs.items()
            if all(ref is None or ref.sha256 in self.models for ref in refs)
        }

    def resolutions(self, edit: ResolvedEdit) -> tuple[int, ...]:
        """Of the blocks of an edit's model A, ascending."""
        return self.pair(edit).a.descriptor.resolutions

    def start(self, edit: ResolvedEdit, *, fresh: bool = False, keep: bool = True, exact: bool = False) -> Synthesis:
        """Begin a picture.

        Args:
            fresh: Do not look into the cache, nor leave anything there.
            keep: Leave what is computed in the cache.
            exact: In float32 by the plain networks, as exports are. Always fresh: the cache holds previews.
        """
        if fresh or exact:
            return Synthesis(self, edit, _NO_CACHE, exact=exact)
        return Synthesis(self, edit, self.cache if keep else ReadOnlyCache(self.cache))

    def render(self, state: EditState, view: View = View.BLEND) -> Tensor:
        """The finished picture of a state, computed afresh: ``[1, C, H, W]``, float32, nominally in [-1, 1]."""
        return drained(self.render_steps(state, view))

    def render_steps(self, state: EditState, view: View = View.BLEND) -> Generator[Synthesis, None, Tensor]:
        """`render`, yielding after every block."""
        synthesis = self.start(self.resolve_view(state, view), exact=True)
        while not synthesis.done:
            synthesis.step()
            yield synthesis
        assert synthesis.image is not None, "the last block of every network makes a picture"
        return synthesis.image

    def forget(self) -> None:
        """Let go of everything that can be loaded or computed again."""
        self.cache.clear()
        self.pictures.clear()
        self._pairs.clear()
        self.models.clear()

    # --- stages ---------------------------------------------------------------------------------------------------

    def mapped(self, pair: ModelPair, edit: ResolvedEdit, latent: SeedLatent, cache: StageCache) -> Tensor:
        """Seed to z to w: ``[1, num_ws, w_dim]``, all rows alike, not truncated."""
        key = ("mapped", pair.mapping_key(edit.shares), latent, edit.class_index)
        found: Tensor | None = cache.get(key)
        if found is None:
            network = pair.mapping_network(edit.shares)
            z = torch.from_numpy(seed_to_z(latent, network.descriptor.z_dim))
            found = network.mapping(z, _label(edit.class_index, network.descriptor.c_dim))
            cache.put(key, found, _memory(found))
        return found

    def rows(self, pair: ModelPair, edit: ResolvedEdit, latent: Latent, cache: StageCache) -> Tensor:
        """A latent's rows as they go into the picture, ``[1, num_ws, w_dim]``: truncated where psi acts on it."""
        if isinstance(latent, SeedLatent):
            ws = self.mapped(pair, edit, latent, cache)
        else:
            ws = self._stored(pair, edit, latent)
        if not psi_acts_on(latent, edit):
            return ws
        return truncate(ws, pair.w_avg(edit.shares), edit.truncation_psi, edit.truncation_cutoff)

    def _stored(self, pair: ModelPair, edit: ResolvedEdit, latent: StoredLatent) -> Tensor:
        """Surplus rows are left out, missing ones filled with the last."""
        stored = torch.tensor(self.store.ws(latent.key), device=pair.a.device)[: edit.num_ws]
        missing = edit.num_ws - len(stored)
        return torch.cat([stored, stored[-1:].expand(missing, -1)])[None] if missing else stored[None]

    @torch.no_grad()
    def edited_ws(self, pair: ModelPair, edit: ResolvedEdit, cache: StageCache) -> Tensor:
        """The main latent with the others mixed into its rows, in order: ``[1, num_ws, w_dim]``."""
        ws = self.rows(pair, edit, edit.latent, cache)
        for source in edit.mix:
            other = self.rows(pair, edit, source.latent, cache)
            ws = torch.lerp(ws, other, torch.tensor(source.strengths, device=ws.device)[None, :, None])
        return ws

    def noise_input(self, pair: ModelPair, noise: ResolvedNoise, cache: StageCache) -> NoiseInput:
        """Stored maps that do not fit the model's layers are left out."""
        maps = {} if noise.key is None else self._stored_maps(pair, noise.key, cache)
        return pair.a.noise_input(noise.mode.value, noise.strengths, noise.seed, noise=maps)

    def _stored_maps(self, pair: ModelPair, noise_key: str, cache: StageCache) -> Mapping[str, Tensor]:
        """By layer name. The same tensors every time, so that what is made of them can be kept as well."""
        layers = {layer.name: layer for layer in pair.a.descriptor.layers if layer.has_noise}
        key = ("noise maps", noise_key, tuple(layers))
        found: dict[str, Tensor] | None = cache.get(key)
        if found is None:
            stored = self.store.noise(noise_key)
            fitting = {
                name: stored[layer.position]
                for name, layer in layers.items()
                if layer.position in stored and stored[layer.position].shape[-1] == layer.resolution
            }
            found = {name: torch.tensor(given, device=pair.a.device) for name, given in fitting.items()}
            cache.put(key, found, _memory(*found.values()))
        return found

    def _shapes(self, state: EditState) -> dict[str, tuple[int, int]]:
        return self.store.shapes(latent_keys(state))


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
        self._pair = pipeline.pair(edit)
        self._shape = tuple(layer.channels for layer in self._pair.a.descriptor.layers)
        keys = block_keys(self._pair, edit)
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
            self._ws = self._pipeline.edited_ws(self._pair, self.edit, self._cache)
        carry = self._run(index, self._ws)
        # Nobody goes on from the last features, which are the largest.
        result = carry.img if index + 1 == len(self.keys) and carry.img is not None else carry
        self._advance(index, result)
        if isinstance(result, Carry):
            self._cache.put(self.keys[index], result, _memory(result.x, result.img))
            if self._pair.draws_apart and not self._exact:
                self._cache.put(self._feature_keys[index], result.x, _memory(result.x))
        else:
            self._cache.put(self.keys[index], result, _memory(result))

    def _run(self, index: int, ws: Tensor) -> Carry:
        shares = self.edit.shares
        if (x := self._features(index)) is not None:
            return self._pair.run_torgb(index, shares, x, None if self._carry is None else self._carry.img, ws)
        if self._noise is None:
            self._noise = self._pipeline.noise_input(self._pair, self.edit.noise, self._cache)
        started = time.perf_counter()
        carry = self._pair.run_block(index, shares, self._carry, ws, self._noise, exact=self._exact)
        if not self._exact:
            self._measure(index, started)
        return carry

    def _features(self, index: int) -> Tensor | None:
        """Those of a block whose picture is another, but not its features."""
        if self._exact or not self._pair.draws_apart:
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
        return self._pair.is_mixture(index, self.edit.shares)


def drained(steps: Generator[object, None, Tensor]) -> Tensor:
    """Run a generator to its end and return its result."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            image: Tensor = stop.value
            return image


def _label(class_index: int | None, c_dim: int) -> Tensor | None:
    if class_index is None or c_dim == 0:
        return None
    return F.one_hot(torch.tensor([class_index]), c_dim).float()


def _memory(*tensors: Tensor | None) -> Memory:
    """A tensor keeps all of the storage that it looks at."""
    storages = (tensor.untyped_storage() for tensor in tensors if tensor is not None)
    return {(storage.device, storage.data_ptr()): storage.nbytes() for storage in storages}

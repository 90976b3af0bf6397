"""From a resolved edit to a picture: z, w, ws, edited ws, blocks. What was computed is kept and found again.

A stage's key holds exactly what decides its result (see `engine.stage_keys`), so a key that is found is never stale.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from dataclasses import replace
from functools import partial

from torch import Tensor

from engine.baking import baked_network
from engine.block_clock import BlockClock
from engine.carry import CARRIES_LITTLE
from engine.errors import DeviceError, LatentError, MissingModelError, ModelError
from engine.latents import LatentStore
from engine.model_group import ModelGroup
from engine.models import ModelPool
from engine.network import Network
from engine.pair_facts import Named, PairFacts
from engine.picture_inputs import PictureInputs
from engine.preview.arithmetic import Arithmetic, choose_arithmetic
from engine.preview.graphs import capture_on
from engine.preview.memory import preview_bytes
from engine.preview.packing import Packs
from engine.preview.screen_copy import ScreenCopy
from engine.resolve import blend_obstacle, resolve
from engine.resolved_edit import ResolvedEdit
from engine.stage_cache import ReadOnlyCache, StageCache
from engine.state import BlendSpace, EditState, ModelRef, SeedLatent, View, latent_keys, model_refs
from engine.synthesis import Synthesis, drained

KEPT_GROUPS = 2

SAME_MAPPING = 0.01
"""Mapping networks that are no further apart (1.41 are strangers) make the same latents, as far as one can see."""

ONE_MAPPING = "The mapping networks of A and B are all but the same: a blend of their latents hardly differs from A."

PARENT_AGAIN_S = 10.0
"""A parent that could not be loaded is tried again after so long: looking for a file takes a while."""

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
        self.inputs = PictureInputs(store)
        self._facts = PairFacts()
        self._groups: dict[tuple[ModelRef, ...], ModelGroup] = {}
        self._lost_parents: dict[str, float] = {}
        models.extra_bytes = partial(preview_bytes, arithmetic=self.arithmetic)
        models.other_bytes = self._group_bytes
        models.on_drop = self._drop_groups
        models.on_pressure = self.cache.clear

    def resolve(self, state: EditState) -> ResolvedEdit:
        """Load the models of `state` and decide what it means for them.

        Raises:
            EngineError: as `engine.resolve.resolve` and `ModelPool.networks`.
        """
        edit, networks = self._decided(state)
        return replace(edit, warnings=(*edit.warnings, *self._strangers(edit, networks)))

    def _decided(self, state: EditState) -> tuple[ResolvedEdit, Mapping[ModelRef, Network]]:
        """`resolve` without a look at how far apart the models are, and the networks that the state names."""
        if state.model_a is None:
            return resolve(state, None), {}
        refs = model_refs(state)
        networks = dict(zip(refs, self.models.networks(refs), strict=True))
        mixable, obstacles = self._without_misfits(state, state.model_a, networks)
        descriptors = {ref: network.descriptor for ref, network in networks.items()}
        b = None if mixable.model_b is None else descriptors[mixable.model_b]
        overlays = [descriptors[overlay.model] for overlay in mixable.overlays]
        shapes = self.store.shapes(latent_keys(state))
        parent = self._parent(mixable, networks)
        edit = resolve(
            mixable, descriptors[state.model_a], b, shapes, overlays, None if parent is None else parent.descriptor
        )
        return replace(edit, warnings=(*edit.warnings, *obstacles)), networks

    def _parent(self, state: EditState, networks: Mapping[ModelRef, Network]) -> Network | None:
        """What model A was tuned from, where that is to be carried further and can be."""
        assert state.model_a is not None, "asked for only with a model A"
        a = networks[state.model_a]
        ref = a.descriptor.tuned_from
        is_mixed = state.model_b is not None or bool(state.overlays)
        if ref is None or not is_mixed or not state.blend.carry > 0.0:
            return None
        if time.monotonic() < self._lost_parents.get(ref.sha256, 0.0):
            return None
        try:
            parent = self.models.networks([*networks, ref])[-1]
        except (MissingModelError, ModelError, DeviceError):
            self._lost_parents[ref.sha256] = time.monotonic() + PARENT_AGAIN_S
            return None
        fits = self._facts.obstacle((state.model_a.sha256, a), (ref.sha256, parent)) is None
        return parent if fits else None

    def resolve_view(self, state: EditState, view: View) -> ResolvedEdit:
        """`resolve` for one of its pictures.

        A model B that cannot be blended is shown by itself, unless the latent is one of A's that it cannot read.
        """
        edit = self.resolve(state)
        if view is not View.B or state.model_b is None or edit.model_b is not None:
            shown = edit.for_view(view)
            return replace(shown, warnings=(*shown.warnings, *self._futile(shown)))
        try:
            alone = self.resolve(replace(state, model_a=state.model_b, model_b=None, overlays=()))
        except LatentError:
            return edit.for_view(View.A)
        return replace(alone, warnings=edit.warnings)

    def _without_misfits(
        self, state: EditState, ref_a: ModelRef, networks: Mapping[ModelRef, Network]
    ) -> tuple[EditState, list[str]]:
        """The state without models whose weights cannot be mixed with A's for a reason that no descriptor tells, and
        these reasons. What a descriptor tells, `engine.resolve` sees to."""
        a = networks[ref_a]

        def obstacle(ref: ModelRef) -> str | None:
            if blend_obstacle(a.descriptor, networks[ref].descriptor):
                return None
            return self._facts.obstacle((ref_a.sha256, a), (ref.sha256, networks[ref]))

        said = []
        if state.model_b is not None and (reason := obstacle(state.model_b)):
            state = replace(state, model_b=None)
            said.append(f"{reason} The blend shows A.")
        reasons = [obstacle(overlay.model) for overlay in state.overlays]
        fitting = [overlay for overlay, reason in zip(state.overlays, reasons, strict=True) if reason is None]
        for overlay, reason in zip(state.overlays, reasons, strict=True):
            if reason is not None:
                said.append(f"“{overlay.model.name:.60}” is left out. {reason}")
        return replace(state, overlays=tuple(fitting)), said

    def _strangers(self, edit: ResolvedEdit, networks: Mapping[ModelRef, Network]) -> list[str]:
        """A sentence for every model that looks unrelated to A."""

        def named(ref: ModelRef) -> Named:
            return ref.sha256, networks[ref]

        said = []
        for ref in edit.mixed_models[1:]:
            warning = self._facts.distance(named(edit.model_a), named(ref)).warning
            if warning is not None:
                said.append(warning if ref == edit.model_b else f"“{ref.name:.60}”, laid over A: {warning}")
        return [*said, CARRIES_LITTLE] if said and edit.carried is not None else said

    def _futile(self, edit: ResolvedEdit) -> list[str]:
        """What to say of a blend of latents that are the same to begin with; of a portrait's, it is said already."""
        is_of_seeds = edit.space is BlendSpace.LATENTS and isinstance(edit.latent, SeedLatent)
        if not is_of_seeds or edit.model_b is None:
            return []
        a, b = zip((edit.model_a.sha256, edit.model_b.sha256), self.group(edit).networks[:2], strict=True)
        apart = self._facts.distance(a, b).mapping
        return [] if apart is None or apart > SAME_MAPPING else [ONE_MAPPING]

    def group(self, edit: ResolvedEdit) -> ModelGroup:
        """The networks of an edit.

        Raises:
            ModelError: they cannot be loaded, or not be blended.
        """
        refs = edit.models
        if (group := self._groups.pop(refs, None)) is None:
            group = ModelGroup(refs, self.models.networks(refs), self._packs)
        self._groups[refs] = group
        while len(self._groups) > KEPT_GROUPS:
            del self._groups[next(iter(self._groups))]
        return group

    def _group_bytes(self) -> int:
        capture = capture_on(self.models.device)
        graph_bytes = 0 if capture is None else capture.held_bytes
        return graph_bytes + sum(group.held_bytes for group in self._groups.values())

    def _drop_groups(self) -> None:
        """Those whose models have been let go of."""
        self._groups = {
            refs: group
            for refs, group in self._groups.items()
            if all(ref.sha256 in self.models for ref in refs)
        }

    def resolutions(self, edit: ResolvedEdit) -> tuple[int, ...]:
        """Of the blocks of an edit's model A, ascending."""
        return self.group(edit).a.descriptor.resolutions

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

    def blended_network(self, state: EditState) -> tuple[Network, tuple[str, ...]]:
        """The blend of a state as one new network, and sentences on what is not in it; see `engine.baking`.

        Raises:
            EngineError: as `resolve`; there is nothing to blend.
        """
        edit, _ = self._decided(state)
        network, notes = baked_network(self.group(edit), edit, self.store)
        return network, (*edit.warnings, *notes)

    def forget(self) -> None:
        """Let go of everything that can be loaded or computed again."""
        self.cache.clear()
        self.pictures.clear()
        self._groups.clear()
        self.models.clear()

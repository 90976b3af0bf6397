"""What the engine thread drives: the pipeline as passes over a request's views, work ahead of requests, the jobs."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Generator, Hashable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from engine.device import DeviceChoice, choose_device
from engine.exit_colours import ExitColourShelf
from engine.foresight import likely_states
from engine.job_handlers import JobHandlers, ModelLibrary
from engine.job_table import JobSteps
from engine.latents import LatentStore
from engine.messages import Job, Pixels, RenderRequest
from engine.model_group import ModelGroup
from engine.models import ModelLocator, ModelPool
from engine.nets.noise import NoiseInput
from engine.network import Carry
from engine.pipeline import Pipeline
from engine.preview.exit_colour import ExitCorrection
from engine.resolved_edit import ResolvedEdit
from engine.shares import Stack
from engine.stage_cache import PickyCache, StageCache
from engine.stage_keys import block_keys
from engine.state import EditState, ModelRef, View, model_refs
from engine.synthesis import Synthesis
from engine.worker import Shot

SMALLEST_PREVIEW_PX = 64
CACHE_PART = 4
LARGEST_CACHE_BYTES = 512 << 20
PICTURES_PART = 4
"""One part in so many of the cache is for finished pictures."""

WORTH_SHOWING_S = 0.04
"""A picture on the way up is shown when the next block takes longer: otherwise the eye would not see it."""

FORESIGHT_PART = 2
"""Work ahead of requests may fill one part in so many of the cache."""

FORESIGHT_CPU_S = 3.0
"""How long a CPU works ahead of requests, for one state: a fan must not run for what nobody may ever look at."""


def open_pipeline(locator: ModelLocator, store: LatentStore, choice: DeviceChoice | None = None) -> Pipeline:
    """A pipeline that uses the memory there is, for the engine thread and for headless work.

    Args:
        choice: From `choose_device`; by default the fastest device.
    """
    chosen = choice or choose_device()
    cache_bytes = min(chosen.memory_bytes // CACHE_PART, LARGEST_CACHE_BYTES)
    models = ModelPool(locator, chosen.name, chosen.memory_bytes - cache_bytes)
    picture_bytes = cache_bytes // PICTURES_PART
    stages, pictures = StageCache(cache_bytes - picture_bytes), StageCache(picture_bytes)
    return Pipeline(models, store, stages, pictures=pictures)


class TorchBackend:
    """Implements `engine.worker.Backend`.

    Args:
        library: Where models are found and new ones are put.
        store: Where inverted latents are found and new ones are put.
        device: ``auto`` or a torch device name.
        exit_colours: Calibrations of early exits; by default those that ship, and new ones in memory only.

    Raises:
        DeviceError: there is no such device.
    """

    def __init__(
        self,
        library: ModelLibrary,
        store: LatentStore,
        device: str = "auto",
        exit_colours: ExitColourShelf | None = None,
    ) -> None:
        torch.set_grad_enabled(False)  # of this thread; what needs gradients asks for them
        choice = choose_device(device)
        self.device = choice.name
        self._pipeline = open_pipeline(library, store, choice)
        self.dtype = str(self._pipeline.arithmetic.full).removeprefix("torch.")
        self.kernels = self._pipeline.arithmetic.kernels is not None
        self._limit = SizeLimit()
        self._exits = ExitCorrection(exit_colours or ExitColourShelf(None))
        self._handlers = JobHandlers(self._pipeline, library, choice, self._exits)
        self._foreseen: EditState | None = None
        self._foresight_s = 0.0

    def passes(self, request: RenderRequest) -> Sequence[SynthesisPass]:
        self._limit.is_for(request.state)
        edits = [self._pipeline.resolve_view(request.state, view) for view in request.views]
        return [
            SynthesisPass(
                self._pipeline, edit, view, request.size_px, full=request.full, limit=self._limit, exits=self._exits
            )
            for edit, view in zip(edits, request.views, strict=True)
        ]

    def make_do(self) -> bool:
        return self._limit.halve()

    def foresee(self, request: RenderRequest) -> Generator[None, None, None]:
        """Finish the pictures of the likeliest next states, then measure colours, as long as time and room last.

        What the present state is made of stays where it is. Of the pictures drawn ahead only their pixels are kept,
        and those stages that several of them begin with.
        """
        if request.state != self._foreseen:
            self._foreseen, self._foresight_s = request.state, 0.0
        if self._limit.px is not None:
            return  # memory is short
        pipeline = self._pipeline
        try:
            yield from self._timed(self._draw_ahead(request))
        finally:
            pipeline.cache.pinned = pipeline.pictures.pinned = frozenset()
        # Last: of a large model it takes many seconds, once; the next rest goes on where this one ends.
        yield from self._timed(self._calibrate(request.state))

    def _calibrate(self, state: EditState) -> Generator[None, None, None]:
        """Measure what early exits of these models lack in colour. Once per model; may be left at any step."""
        for view in (View.BLEND, View.B):  # a B that cannot be blended is in the latter alone
            edit = self._pipeline.resolve_view(state, view)
            group = self._pipeline.group(edit)
            for place, (ref, network) in enumerate(zip(edit.models, group.networks, strict=True)):
                alone = tuple(
                    shares.with_weights(1.0 if at == place else 0.0) for at, shares in enumerate(edit.stack, start=1)
                )
                for _ in self._exits.calibration(ref, network, partial(_run_block, group, alone)):
                    yield

    def _timed(self, steps: Generator[None, None, None]) -> Generator[None, None, None]:
        while self.device != "cpu" or self._foresight_s < FORESIGHT_CPU_S:
            started = time.perf_counter()
            try:
                next(steps)
            except StopIteration:
                return
            finally:
                self._foresight_s += time.perf_counter() - started
            yield

    def _draw_ahead(self, request: RenderRequest) -> Generator[None, None, None]:
        pipeline = self._pipeline
        own = [pipeline.start(pipeline.resolve_view(request.state, view)) for view in request.views]
        pipeline.cache.pinned = {key for one in own for key in one.keys}
        pipeline.pictures.pinned = {one.keys[-1] for one in own}
        resolutions = pipeline.resolutions(own[0].edit)
        del own
        ahead: deque[ResolvedEdit] = deque()
        needed_by: Counter[Hashable] = Counter()
        for state in likely_states(request.state, resolutions, request.held):
            for view in request.views:
                edit = pipeline.resolve_view(state, view)
                keys = block_keys(pipeline.group(edit), edit).pictures
                if keys[-1] not in pipeline.pictures and keys[-1] not in needed_by:
                    ahead.append(edit)
                    needed_by.update(keys)
            yield
        shared = {key for key, times in needed_by.items() if times > 1}
        stages = PickyCache(pipeline.cache, shared, pipeline.cache.budget_bytes // FORESIGHT_PART)
        left_bytes = pipeline.pictures.budget_bytes // FORESIGHT_PART
        while ahead:
            synthesis = Synthesis(pipeline, ahead.popleft(), stages)
            while not synthesis.done:
                synthesis.step()
                yield
            pixels = screen_pixels(synthesis)
            left_bytes -= pixels.nbytes
            if left_bytes < 0 or not synthesis.keep_picture(pixels):
                return

    def begin(self, job: Job) -> JobSteps:
        return self._handlers.begin(job)

    def release_memory(self) -> None:
        self._exits.forget()
        self._pipeline.forget()

    def close(self) -> None:
        self.release_memory()


@dataclass(slots=True)
class SizeLimit:
    """How large pictures may be where memory has run out once: until other models are chosen.

    Attributes:
        px: Nothing larger is drawn; None for no limit.
        trying_px: What is being drawn, where there is a smaller picture to fall back to.
    """

    models: tuple[ModelRef, ...] = ()
    px: int | None = None
    trying_px: int | None = None

    def is_for(self, state: EditState) -> None:
        """Of other models nothing is known."""
        self.trying_px = None
        if self.models != (models := model_refs(state)):
            self.models, self.px = models, None

    def halve(self) -> bool:
        """Be content with half of what was tried. False when nothing was, or that would be too small to see."""
        if self.trying_px is None or self.trying_px <= SMALLEST_PREVIEW_PX:
            return False
        self.px, self.trying_px = self.trying_px // 2, None
        return True


class SynthesisPass:
    """Implements `engine.worker.RenderPass`.

    Args:
        canvas_px: Edge of the largest picture that would be seen; None for no limit.
        full: The preview, too, may be larger than that.
        limit: How much memory allows.
        exits: Corrects the colours of pictures on the way; None leaves them as they are.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        edit: ResolvedEdit,
        view: View,
        canvas_px: int | None = None,
        *,
        full: bool = False,
        limit: SizeLimit | None = None,
        exits: ExitCorrection | None = None,
    ) -> None:
        self.view = view
        self._edit = edit
        self._canvas_px = canvas_px
        self._full = full
        self._limit = limit or SizeLimit()
        self._exits = exits
        self._synthesis = pipeline.start(edit)
        self._shown_px = 0

    @property
    def is_ready(self) -> bool:
        return self._synthesis.is_kept

    def preview(self, budget_s: float) -> Shot:
        """Climb as far as the budget goes; a network without pictures on the way is climbed to its top."""
        if (kept := self._synthesis.kept_picture()) is not None:
            return self._settled(kept)
        ends_at = time.perf_counter() + budget_s
        self._synthesis.look()  # the view before may have left blocks that are the same in both
        while not self._is_finished and not self._is_enough(ends_at - time.perf_counter()):
            self._step()
        return self._shot()

    def refine(self) -> Generator[Shot | None, None, Shot]:
        while True:
            self._step()
            if self._is_finished:
                return self._shot()
            yield self._shot() if self._is_worth_showing else None

    def _step(self) -> None:
        synthesis = self._synthesis
        self._limit.trying_px = None if synthesis.image is None else synthesis.next_px
        synthesis.step()

    @property
    def _is_finished(self) -> bool:
        synthesis, limit_px = self._synthesis, self._limit.px
        return synthesis.done or (limit_px is not None and synthesis.size_px >= limit_px)

    def _is_enough(self, left_s: float) -> bool:
        synthesis = self._synthesis
        if synthesis.size_px < min(SMALLEST_PREVIEW_PX, self._edit.img_resolution):
            return False
        if not self._full and self._fills_canvas(synthesis.size_px):
            return True
        if synthesis.next_block_s() <= left_s:
            return False
        synthesis.put_off()
        return True

    @property
    def _is_worth_showing(self) -> bool:
        synthesis = self._synthesis
        is_finer = synthesis.size_px > max(self._shown_px, SMALLEST_PREVIEW_PX - 1)
        return is_finer and not self._fills_canvas(self._shown_px) and synthesis.next_block_s() > WORTH_SHOWING_S

    def _fills_canvas(self, size_px: int) -> bool:
        return self._canvas_px is not None and size_px >= self._canvas_px

    def _shot(self) -> Shot:
        synthesis = self._synthesis
        if synthesis.done:
            pixels = screen_pixels(synthesis)
            synthesis.keep_picture(pixels)
            return self._settled(pixels)
        assert synthesis.image is not None, "pictures are shown where there is one"
        image = synthesis.image
        if self._exits is not None:
            image = self._exits.corrected(self.view, self._edit, image)
        return self._as_shot(synthesis.screen.to_bgrx(image), is_final=self._is_finished)

    def _settled(self, pixels: Pixels) -> Shot:
        if self._exits is not None:
            self._exits.settle(self.view, self._edit, pixels, self._synthesis.exits)
        return self._as_shot(pixels, is_final=True)

    def _as_shot(self, pixels: Pixels, *, is_final: bool) -> Shot:
        size_px, full_px = pixels.shape[0], self._edit.img_resolution
        warnings = self._edit.warnings
        if is_final and size_px < full_px:
            warnings = (*warnings, f"Not enough memory for {full_px} px; shown at {size_px} px.")
        self._shown_px = size_px
        return Shot(pixels, size_px, full_px, is_final, warnings)


def _run_block(
    group: ModelGroup, stack: Stack, index: int, carry: Carry | None, ws: Tensor, noise: NoiseInput
) -> Carry:
    return group.run_block(index, stack, carry, ws, noise)


def screen_pixels(synthesis: Synthesis) -> Pixels:
    """The picture so far, as the screen wants it: of a finished pass, or of one that is on its way."""
    assert synthesis.image is not None, "pictures are shown where there is one"
    return synthesis.screen.to_bgrx(synthesis.image)

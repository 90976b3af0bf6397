"""What the engine thread drives: the pipeline as passes over a request's views, and the jobs."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence

import torch

from engine.device import DeviceChoice, choose_device
from engine.imaging import to_bgrx
from engine.job_handlers import JobHandlers, ModelLibrary
from engine.job_table import JobSteps
from engine.latents import LatentStore
from engine.messages import Job, RenderRequest
from engine.models import ModelLocator, ModelPool
from engine.pipeline import Pipeline, Synthesis
from engine.resolve import ResolvedEdit
from engine.stage_cache import StageCache
from engine.state import View
from engine.worker import Shot

SMALLEST_PREVIEW_PX = 64
CACHE_PART = 4
LARGEST_CACHE_BYTES = 512 << 20


def open_pipeline(locator: ModelLocator, store: LatentStore, choice: DeviceChoice | None = None) -> Pipeline:
    """A pipeline that uses the memory there is, for the engine thread and for headless work.

    Args:
        choice: From `choose_device`; by default the fastest device.
    """
    chosen = choice or choose_device()
    cache_bytes = min(chosen.memory_bytes // CACHE_PART, LARGEST_CACHE_BYTES)
    models = ModelPool(locator, chosen.name, chosen.memory_bytes - cache_bytes)
    return Pipeline(models, store, StageCache(cache_bytes))


class TorchBackend:
    """Implements `engine.worker.Backend`.

    Args:
        library: Where models are found and new ones are put.
        store: Where inverted latents are found and new ones are put.
        device: ``auto`` or a torch device name.

    Raises:
        DeviceError: there is no such device.
    """

    def __init__(self, library: ModelLibrary, store: LatentStore, device: str = "auto") -> None:
        torch.set_grad_enabled(False)  # of this thread; what needs gradients asks for them
        choice = choose_device(device)
        self.device = choice.name
        self._pipeline = open_pipeline(library, store, choice)
        self.dtype = str(self._pipeline.arithmetic.full).removeprefix("torch.")
        self._handlers = JobHandlers(self._pipeline, library, choice)

    def passes(self, request: RenderRequest) -> Sequence[SynthesisPass]:
        largest = None if request.full else request.size_px
        edits = ((self._pipeline.resolve_view(request.state, view), view) for view in request.views)
        return [SynthesisPass(self._pipeline, edit, view, largest) for edit, view in edits]

    def begin(self, job: Job) -> JobSteps:
        return self._handlers.begin(job)

    def release_memory(self) -> None:
        self._pipeline.forget()

    def close(self) -> None:
        self._pipeline.forget()


class SynthesisPass:
    """Implements `engine.worker.RenderPass`.

    Args:
        largest_px: A preview need not be larger than that; None for no limit.
    """

    def __init__(self, pipeline: Pipeline, edit: ResolvedEdit, view: View, largest_px: int | None = None) -> None:
        self.view = view
        self._pipeline = pipeline
        self._edit = edit
        self._largest_px = largest_px
        self._synthesis: Synthesis | None = None

    def preview(self, budget_s: float) -> Shot:
        """Climb as far as the budget goes; a network without pictures on the way is climbed to its top."""
        ends_at = time.perf_counter() + budget_s
        synthesis = self._begun()
        while not synthesis.done and not self._is_enough(synthesis, ends_at - time.perf_counter()):
            synthesis.step()
        return self._shot(synthesis)

    def refine(self) -> Generator[None, None, Shot]:
        synthesis = self._begun()
        while not synthesis.done:
            synthesis.step()
            yield
        return self._shot(synthesis)

    def _begun(self) -> Synthesis:
        # Not before the first view is drawn: this one may go on from blocks that are the same in both.
        if self._synthesis is None:
            self._synthesis = self._pipeline.start(self._edit)
        return self._synthesis

    def _is_enough(self, synthesis: Synthesis, left_s: float) -> bool:
        if synthesis.size_px < min(SMALLEST_PREVIEW_PX, self._edit.img_resolution):
            return False
        shown_in_full = self._largest_px is not None and synthesis.size_px >= self._largest_px
        return shown_in_full or synthesis.next_block_s() > left_s

    def _shot(self, synthesis: Synthesis) -> Shot:
        assert synthesis.image is not None, "a preview ends where there is a picture"
        return Shot(
            to_bgrx(synthesis.image),
            synthesis.size_px,
            self._edit.img_resolution,
            synthesis.done,
            self._edit.warnings,
        )

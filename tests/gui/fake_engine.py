"""An engine that computes nothing: it answers when it is told to, with pictures painted by numpy.

Implements `engine.messages.Engine`. By default it answers every request and job by itself, in the order they came,
through the bridge's own queue; with ``automatic=False`` a test decides what comes when.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import fake_directions
import fake_paste
import numpy as np

from engine.descriptor import LayerKind, LayerSpec, NetworkDescriptor
from engine.direction_events import (
    ExportDirections,
    FindDirections,
    ImportDirections,
    MeasureStyles,
    SubtractLatents,
)
from engine.errors import EngineError, MissingModelError
from engine.framing import FacePoints
from engine.kinship import LayerDistance, WeightDistance
from engine.latents import LatentStore
from engine.library import Library
from engine.likeness import Likeness
from engine.likeness_events import LikenessMeasured, MeasureLikeness
from engine.messages import (
    BlendSaved,
    CompareWeights,
    DrawLines,
    DrawSheet,
    EngineReady,
    EngineStopped,
    ExportNetwork,
    ExportStill,
    Frame,
    InvertPortrait,
    Job,
    JobFinished,
    JobOutcome,
    JobProgress,
    JobResult,
    LinesDrawn,
    LoadModel,
    MakeThumbnail,
    ModelLoaded,
    NetworkExported,
    OpenPortrait,
    Pixels,
    PortraitInverted,
    PortraitOpened,
    Publish,
    RenderFailed,
    RenderRequest,
    SaveBlend,
    SheetDrawn,
    StillExported,
    ThumbnailMade,
    WeightsCompared,
)
from engine.paste_events import PasteBack, PreviewPaste
from engine.portrait_source import PortraitSource
from engine.state import EditState, ModelRef, SeedLatent, StoredLatent, View

SIZE_PX = 64
RESOLUTIONS = (4, 8, 16, 32, 64)
FACE = FacePoints((240.0, 230.0), (360.0, 230.0), (300.0, 360.0))


def descriptor(resolutions: tuple[int, ...] = RESOLUTIONS) -> NetworkDescriptor:
    """A small StyleGAN2, as the window sees one."""
    layers = [LayerSpec("b4.conv1", 4, LayerKind.CONV, 0, 1, 32, True)]
    for index, size in enumerate(resolutions):
        row = 2 * index
        if index:
            layers.append(LayerSpec(f"b{size}.conv0", size, LayerKind.CONV, row - 1, row, 32, True))
            layers.append(LayerSpec(f"b{size}.conv1", size, LayerKind.CONV, row, row + 1, 32, True))
        layers.append(LayerSpec(f"b{size}.torgb", size, LayerKind.TORGB, row + 1, row + 1, 3, False))
    return NetworkDescriptor(
        "stylegan2", resolutions[-1], 3, 2 * len(resolutions), 64, 64, 0, tuple(layers)
    )


def distances() -> WeightDistance:
    """Of two relatives that differ more the finer it gets."""
    layers = tuple(
        LayerDistance(layer.name, layer.resolution, 0.02 * (index + 1))
        for index, layer in enumerate(descriptor().layers)
    )
    return WeightDistance(layers, 0.15, same_noise=True, mapping=0.0, w_avg=0.01)


def paint(state: EditState, view: View, size_px: int = SIZE_PX) -> Pixels:
    """A face of ellipses that depends on everything in the state, the same for the same state."""
    seed = state.latent.seed if isinstance(state.latent, SeedLatent) else zlib.crc32(state.latent.key.encode())
    draws = np.random.RandomState(seed % 2**32).rand(8)
    share = {View.A: 0.0, View.B: 1.0}.get(view, min(1.0, max(0.0, state.blend.alpha)))
    y, x = np.mgrid[0:size_px, 0:size_px] / (size_px - 1) * 2 - 1
    ground = np.array([200, 200, 200]) * (1 - share) + np.array([150, 230, 170]) * share
    skin = np.array([120 + 60 * draws[0], 150 + 60 * draws[0], 190 + 50 * draws[0]])
    image = np.broadcast_to(ground, (size_px, size_px, 3)).copy()
    wide = 0.5 + 0.08 * draws[1]

    def ellipse(cx: float, cy: float, rx: float, ry: float, color: object) -> None:
        image[((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 < 1] = color

    ellipse(0, -0.1, wide + 0.08, 0.78, np.array([30, 40, 50]) + 90 * draws[2])
    ellipse(0, 0.08, wide, 0.68, skin)
    for side in (-1, 1):
        eye = (1 + 0.6 * share) * (0.07 + 0.03 * draws[3])
        ellipse(side * 0.24, -0.02, eye * 1.5, eye, np.array([245, 245, 245]))
        ellipse(side * 0.24, -0.02, eye * 0.7, eye * 0.8, np.array([40, 40 + 80 * draws[4], 60]))
    ellipse(0, 0.42, 0.16 + 0.05 * draws[5], 0.05, np.array([90, 80, 170]))
    marked = np.full((size_px, size_px, 4), 255, np.uint8)
    marked[..., :3] = image.clip(0, 255)
    marked[0, 0, :3] = np.frombuffer(zlib.crc32(repr((state, view)).encode()).to_bytes(4, "big")[:3], np.uint8)
    return marked


@dataclass
class FakeEngine:
    """Attributes:
    requests: Every preview request, in order.
    jobs: Jobs that have not ended, by id.
    stopped: Whether `stop` was called.
    fail_with: Raised by the next request as RenderFailed, then forgotten.
    """

    library: Library
    store: LatentStore
    publish: Publish
    automatic: bool = True
    faces: tuple[FacePoints, ...] = (FACE,)
    painter: Callable[[EditState, View, int], Pixels] = paint
    size_px: int = SIZE_PX
    requests: list[RenderRequest] = field(default_factory=list)
    jobs: dict[str, Job] = field(default_factory=dict)
    submitted: list[Job] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    paused: list[str] = field(default_factory=list)
    fail_with: EngineError | None = None
    manual_jobs: tuple[type, ...] = ()
    started: bool = False
    stopped: bool = False
    stop_in_time: bool = True
    warnings: tuple[str, ...] = ()
    distance: WeightDistance = field(default_factory=distances)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    # --- engine.messages.Engine -----------------------------------------------------------------------------------

    def start(self) -> None:
        self.started = True
        self.publish(EngineReady("cpu", "float32", 0.01))

    def stop(self, timeout_s: float = 5.0) -> bool:
        self.stopped = True
        for job_id in list(self.jobs):
            self.finish(job_id, JobOutcome.CANCELLED)
        self.publish(EngineStopped())
        return self.stop_in_time

    def request_preview(self, request: RenderRequest) -> None:
        self.requests.append(request)
        if self.automatic:
            self.answer(request)

    def submit(self, job: Job) -> str:
        job_id = f"job-{next(self._numbers)}"
        self.jobs[job_id] = job
        self.submitted.append(job)
        if self.automatic and not isinstance(job, (InvertPortrait, *self.manual_jobs)):
            self.perform(job_id)
        return job_id

    def cancel(self, job_id: str) -> None:
        self.cancelled.append(job_id)

    def pause(self, job_id: str) -> None:
        self.paused.append(job_id)

    def resume(self, job_id: str) -> None:
        self.paused.remove(job_id)

    # --- what a test says it does ---------------------------------------------------------------------------------

    def answer(
        self, request: RenderRequest, *, size_px: int | None = None, is_final: bool | None = None
    ) -> None:
        """Publish the frames of a request, or the error that was asked for.

        Args:
            is_final: By default, whether they are of full size.
        """
        if self.fail_with is not None:
            error, self.fail_with = self.fail_with, None
            self.publish(RenderFailed(request.generation, error))
            return
        size = size_px or self.size_px
        for view in request.views:
            image = self.painter(request.state, view, size)
            self.publish(
                Frame(
                    request.generation, view, image, size, self.size_px,
                    size == self.size_px if is_final is None else is_final, 0.005, warnings=self.warnings,
                )
            )

    def progress(
        self, job_id: str, fraction: float, text: str = "", preview: Pixels | None = None, *, paused: bool = False
    ) -> None:
        """Say how far a job is. A search tells of its step: the distance falls; one with a picture can be taken."""
        job = self.jobs[job_id]
        told = (fraction, text, 1.0, 4.0, preview, paused)
        if not isinstance(job, InvertPortrait):
            self.publish(JobProgress(job_id, job, *told))
            return
        step = round(fraction * job.steps)
        latent = None
        if preview is not None:
            latent = StoredLatent(self.store.put_ws(np.full((10, 64), 1 + step, np.float32)), job.name)
        self.publish(JobProgress(job_id, job, *told, 0.3 * (1 - fraction) + 0.02, step, latent))

    def perform(self, job_id: str) -> None:
        """Do what the job asks for, or fail as the engine would."""
        try:
            self.finish(job_id, JobOutcome.DONE, self._result(self.jobs[job_id]))
        except EngineError as error:
            self.finish(job_id, JobOutcome.FAILED, error=error)

    def finish(
        self, job_id: str, outcome: JobOutcome, result: JobResult | None = None, error: EngineError | None = None
    ) -> None:
        self.publish(JobFinished(job_id, self.jobs.pop(job_id), outcome, result, error))

    def job_id(self, kind: type) -> str:
        """The id of the newest job of a kind that has not ended."""
        return next(job_id for job_id, job in reversed(self.jobs.items()) if isinstance(job, kind))

    def _result(self, job: Job) -> JobResult:
        match job:
            case LoadModel(path=path):
                return ModelLoaded(self.add_model(path), descriptor())
            case OpenPortrait(path=path):
                preview = np.full((600, 600, 4), 90, np.uint8)
                return PortraitOpened(path, preview, 1.0, (600, 600), self.faces)
            case InvertPortrait():
                return self.inverted(job)
            case ExportStill(path=path):
                path.write_bytes(b"still")
                return StillExported(path, (SIZE_PX, SIZE_PX), 0.1)
            case MakeThumbnail(state=state, tag=tag, size_px=size, view=view):
                return ThumbnailMade(tag, self.painter(state, view, size))
            case SaveBlend(path=path):
                return BlendSaved(path, ModelRef("f" * 64, path.stem))
            case CompareWeights(a=a, b=b):
                return WeightsCompared(a, b, self.distance)
            case ExportNetwork(path=path, form=form):
                path.write_bytes(b"network")
                return NetworkExported(path, form, 4e-6, ("Noise is constant.",))
            case DrawSheet(path=path, plan=plan):
                path.write_bytes(b"sheet")
                return SheetDrawn(path, (640, 480), plan.count)
            case DrawLines(path=path):
                path.write_bytes(b"lines")
                return LinesDrawn(path, (512, 512))
            case MeasureLikeness(state=state, view=view):
                return LikenessMeasured(state, view, Likeness(0.08, 0.4, "test features", 0.02))
            case FindDirections() | ImportDirections() | SubtractLatents() | ExportDirections() | MeasureStyles():
                return fake_directions.answer(job, self.store)
            case PreviewPaste():
                return fake_paste.preview(job)
            case PasteBack():
                return fake_paste.paste(job)

    def add_model(self, path: Path) -> ModelRef:
        """Put a file on the shelf under the hash of its content, if it is there."""
        if not path.exists():
            raise MissingModelError(f"{path.name} is not there.")
        sha256 = sha_of(path.read_bytes())
        return self.library.add_model(path, sha256, path.stem, descriptor())

    def inverted(self, job: InvertPortrait) -> PortraitInverted:
        key = self.store.put_ws(np.full((10, 64), 0.25, np.float32))
        latent = StoredLatent(key, job.name)
        image = paint(EditState(latent=latent), View.A)
        judge = "test features"
        likeness = Likeness(0.03, 0.2, judge, 0.01)
        source = PortraitSource(job.path, "ab" * 32, job.face)
        return PortraitInverted(latent, job.model, image, image, job.steps, 12.0, likeness, source, job.start)


def sha_of(content: bytes) -> str:
    """Something like a hash, readable in a failing test."""
    return f"{zlib.crc32(content):08x}" * 8

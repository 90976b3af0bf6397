"""What every kind of job does, as generators for the engine thread (see `engine.job_table`).

OpenCV, Pillow and the projection are imported by the jobs that need them: the first picture does not wait for them.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.checkpoints.convert import OpenedCheckpoint, open_checkpoint
from engine.descriptor import NetworkDescriptor
from engine.device import DeviceChoice
from engine.direction_events import (
    ExportDirections,
    FindDirections,
    ImportDirections,
    MeasureStyles,
    SubtractLatents,
)
from engine.encoder_file import EncoderOffer, encoder_folders, offer_encoder
from engine.encoder_jobs import ShelvedModel, has_encoder, load_encoder_alone, load_with_encoder
from engine.errors import EncoderOnlyError, JobError, ModelError, RenderCancelled
from engine.families import describe
from engine.file_hash import file_sha256
from engine.framing import Framing
from engine.imaging import rgb_to_bgrx, shrunk, to_bgrx, to_rgb
from engine.job_table import Background, JobSteps, Step
from engine.likeness_events import MeasureLikeness
from engine.lineage import parents_note
from engine.messages import (
    BlendSaved,
    CompareWeights,
    DrawLines,
    DrawSheet,
    ExportNetwork,
    ExportStill,
    ExportVideo,
    InvertPortrait,
    Job,
    LinesDrawn,
    LoadModel,
    MakeThumbnail,
    ModelLoaded,
    NetworkExported,
    OpenPortrait,
    PortraitInverted,
    PortraitOpened,
    SaveBlend,
    StartPoint,
    StillExported,
    ThumbnailMade,
    WeightsCompared,
)
from engine.models import ModelLocator
from engine.network import Network
from engine.paste_events import PasteBack, PreviewPaste
from engine.pipeline import Pipeline
from engine.pivot_events import TunePivot
from engine.places import user_places
from engine.portrait_source import PortraitSource
from engine.preview.exit_colour import ExitCorrection
from engine.state import EditState, ModelRef, StoredLatent, View, model_refs

if TYPE_CHECKING:
    from engine.directions.jobs import DirectionJobs
    from engine.inversion.curvature import Curvature
    from engine.inversion.encoder import PortraitEncoderLike
    from engine.inversion.project import InversionProgress, InversionResult, Snapshot
    from engine.kinship import WeightDistance
    from engine.paste.jobs import PasteJobs

KEPT_DISTANCES = 256
"""Pairs of models whose distance is remembered: a few kilobytes each."""

THUMBNAIL_BLOCK_PX = 256
"""Thumbnails of larger models are made from this block: the way to the top takes many times as long."""


THUMBNAIL_TURN_S = 0.02
"""How long one draws before others get their turn: beside a search, every turn costs a step of it."""


class KnownModel(Protocol):
    @property
    def descriptor(self) -> NetworkDescriptor: ...


class ModelLibrary(ModelLocator, Protocol):
    """Where models are kept: `engine.library.Library`."""

    def add_model(
        self,
        path: Path,
        sha256: str,
        name: str,
        descriptor: NetworkDescriptor,
        *,
        source: Path | None = None,
        note: Mapping[str, Any] | None = None,
    ) -> ModelRef: ...

    def model(self, sha256: str) -> KnownModel | None: ...

    def models(self) -> Sequence[ShelvedModel]: ...


class JobHandlers:
    """The jobs of one engine.

    Args:
        exits: Corrects the colours of thumbnails that are made from a lower block; None leaves them as they are.
    """

    def __init__(
        self, pipeline: Pipeline, library: ModelLibrary, choice: DeviceChoice, exits: ExitCorrection | None = None
    ) -> None:
        self._pipeline = pipeline
        self._library = library
        self._choice = choice
        self._exits = exits
        self._distances: dict[tuple[str, str], WeightDistance] = {}
        self._encoder: tuple[tuple[Path, int, int | None], PortraitEncoderLike] | None = None

    def begin(self, job: Job) -> JobSteps:
        match job:
            case LoadModel():
                return self._load_model(job)
            case OpenPortrait():
                return self._open_portrait(job)
            case InvertPortrait():
                return self._invert_portrait(job)
            case MeasureLikeness():
                from engine.inversion.likeness_job import measure_picture

                return measure_picture(job, self._pipeline)
            case ExportStill():
                return self._export_still(job)
            case ExportVideo():
                return self._export_video(job)
            case MakeThumbnail():
                return self._make_thumbnail(job)
            case SaveBlend():
                return self._save_blend(job)
            case ExportNetwork():
                return self._export_network(job)
            case CompareWeights():
                return self._compare_weights(job)
            case DrawSheet():
                from engine.export.sheet_drawing import draw_sheet

                return draw_sheet(job, self._pipeline)
            case DrawLines():
                return self._draw_lines(job)
            case TunePivot():
                from engine.inversion.pivot_job import tune_portrait

                return tune_portrait(job, self._pipeline, self._library)
            case FindDirections() | ImportDirections() | SubtractLatents() | ExportDirections() | MeasureStyles():
                return self._direction_jobs.begin(job)
            case PasteBack() | PreviewPaste():
                return self._paste_jobs.begin(job)

    @cached_property
    def _direction_jobs(self) -> DirectionJobs:
        from engine.directions.jobs import DirectionJobs

        return DirectionJobs(self._pipeline)

    @cached_property
    def _paste_jobs(self) -> PasteJobs:
        from engine.paste.jobs import PasteJobs

        return PasteJobs(self._pipeline, self._choice.name, self._choice.dtype)

    def _load_model(self, job: LoadModel) -> JobSteps:
        weights = user_places().weights_folder
        try:
            opened: OpenedCheckpoint = yield Background(
                lambda: open_checkpoint(job.path, find=self._library.locate), f"Reading {job.path.name}"
            )
        except EncoderOnlyError:
            return (yield from load_encoder_alone(job.path, self._library, weights))
        descriptor = describe(opened.config, opened.metadata.framing, opened.metadata.lineage)
        if has_encoder(opened):
            shelve = partial(self._shelve, job.path, opened, descriptor)
            shelf = None if job.exact else self._library
            return (yield from load_with_encoder(job.path, opened, descriptor, shelf, shelve, weights))
        model = yield Background(lambda: self._shelve(job.path, opened, descriptor))
        return ModelLoaded(model, descriptor, opened.warnings)

    def _shelve(self, source: Path, opened: OpenedCheckpoint, descriptor: NetworkDescriptor) -> ModelRef:
        note = {"lineage": list(opened.metadata.lineage)}
        path = opened.safetensors_path
        return self._library.add_model(path, opened.sha256, source.stem, descriptor, source=source, note=note)

    def _open_portrait(self, job: OpenPortrait) -> JobSteps:
        from engine.inversion.portraits import open_portrait

        opened: PortraitOpened = yield Background(lambda: open_portrait(job.path), f"Opening {job.path.name}")
        return opened

    def _invert_portrait(self, job: InvertPortrait) -> JobSteps:
        from engine.inversion.portraits import cut_portrait

        framing, size_px = self.crop_of(job.model)
        self._encoder_for(job)  # one that is missing is told before the photo is read
        cut = yield Background(lambda: cut_portrait(job.path, job.face, framing, size_px), "Cutting out the face")
        sha256 = yield Background(lambda: _photo_hash(job.path))
        return (yield from self.search_crop(job, cut, sha256))

    def crop_of(self, model: ModelRef) -> tuple[Framing, int]:
        """How a model wants faces to be cut out, and the edge of that square in pixels."""
        known = self._library.model(model.sha256)
        (network,) = self._pipeline.models.networks([model])
        return Framing() if known is None else known.descriptor.framing, network.descriptor.img_resolution

    def search_crop(self, job: InvertPortrait, cut: NDArray[np.uint8], sha256: str) -> JobSteps:
        """The search of `InvertPortrait` once the face is cut out as `crop_of` says: ``[S, S, 3]`` uint8 RGB.

        Args:
            sha256: Of the photo.
        """
        from engine.inversion.identity import open_identity
        from engine.inversion.likeness_measure import measure_likeness
        from engine.inversion.objective import aim
        from engine.inversion.project import Snapshot, invert_portrait
        from engine.inversion.published_encoders import PublishedEncoder, look_by_look

        (network,) = self._pipeline.models.networks([job.model])
        encoder = self._encoder_for(job)
        source = PortraitSource(job.path, sha256, job.face, self.crop_of(job.model)[0])
        started = time.perf_counter()
        begin_at = None
        if job.start is StartPoint.FOUND and job.begin_at is not None:
            store, found = self._pipeline.store, job.begin_at
            begin_at = Snapshot(store.ws(found.key), store.noise(found.noise_key) if found.noise_key else None)
        if isinstance(encoder, PublishedEncoder):
            encoder = yield from look_by_look(encoder, cut, network)
        projection = invert_portrait(
            network,
            cut,
            space=job.space,
            steps=job.steps,
            optimise_noise=job.optimise_noise,
            editability=job.editability,
            seed=job.seed,
            encoder=encoder,
            begin_at=begin_at,
            curvature=self._curvature_for(job) if encoder is None else None,
        )
        try:
            while True:
                yield self._search_step(job.name, next(projection))
        except StopIteration as stop:
            result: InversionResult = stop.value
        except RenderCancelled as cancelled:
            # The projection is told, so that it can give the best it has.
            try:
                projection.throw(cancelled)
            except StopIteration as stop:
                result = stop.value
        elapsed_s = time.perf_counter() - started
        kept = Snapshot(result.ws, result.noise)
        latent = yield Background(lambda: self._keep(job.name, kept), "Keeping the latent", may_be_left=False)
        identity = yield Background(lambda: open_identity(user_places().weights_folder), may_be_left=False)
        return PortraitInverted(
            latent=latent,
            model=job.model,
            target=rgb_to_bgrx(cut),
            image=to_bgrx(result.image),
            steps=result.steps,
            elapsed_s=elapsed_s,
            likeness=measure_likeness(
                result.image, aim(cut, network), result.perceptual_distance, result.perceptual_name, identity
            ),
            source=source,
            start=_started_at(encoder, begin_at),
            encoder="" if encoder is None else encoder.name,
        )

    def _encoder_for(self, job: InvertPortrait) -> PortraitEncoderLike | None:
        """Raises as `_encoder_file`, ModelError for a damaged one."""
        path = _encoder_file(job, self._offer(job.model))
        return None if path is None else self._opened(path, job.looks)

    def _offer(self, model: ModelRef) -> EncoderOffer:
        known = self._library.model(model.sha256)
        tuned_from = None if known is None else known.descriptor.tuned_from
        return offer_encoder(model, encoder_folders(user_places()), tuned_from)

    def _curvature_for(self, job: InvertPortrait) -> Curvature | None:
        """What the model's own encoder knows of it, for a search that starts elsewhere."""
        from engine.inversion.encoder import curvature_of

        offer = self._offer(job.model)
        try:
            return None if offer.path is None else curvature_of(self._opened(offer.path, None))
        except ModelError:  # a damaged one is told to whoever wants to start from it
            return None

    def _opened(self, path: Path, looks: int | None) -> PortraitEncoderLike:
        """The one that was used last is kept open."""
        from engine.inversion.encoder import open_encoder

        which = path, _changed_ns(path), looks
        if self._encoder is None or self._encoder[0] != which:
            self._encoder = None  # there need not be room for two
            self._encoder = which, open_encoder(path, looks)
        return self._encoder[1]

    def _search_step(self, name: str, progress: InversionProgress) -> Step:
        preview = None if progress.image is None else to_bgrx(progress.image.detach())
        return Step(
            progress.text,
            progress.step / max(1, progress.steps),
            preview,
            distance=progress.pixel_distance,
            step=progress.step,
            latent=None if progress.snapshot is None else self._keep(name, progress.snapshot),
        )

    def _keep(self, name: str, found: Snapshot) -> StoredLatent:
        store = self._pipeline.store
        noise_key = store.put_noise(found.noise) if found.noise else None
        return StoredLatent(store.put_ws(found.ws), name, noise_key)

    def _export_still(self, job: ExportStill) -> JobSteps:
        from engine.export.stills import still_suffix, write_still

        still_suffix(job.path)  # say that the name is wrong before, not after the work
        started = time.perf_counter()
        rendering = self._pipeline.render_steps(job.state, job.view)
        while True:
            try:
                synthesis = next(rendering)
            except StopIteration as stop:
                pixels = to_rgb(stop.value)
                break
            yield Step("Rendering", 0.8 * synthesis.fraction)
        store, device, dtype = self._pipeline.store, self._choice.name, self._choice.dtype
        yield Background(
            lambda: write_still(job.path, pixels, job.state, job.view, store, device, dtype),
            f"Writing {job.path.name}",
            may_be_left=False,
        )
        height, width, _ = pixels.shape
        return StillExported(job.path, (width, height), time.perf_counter() - started)

    def _export_video(self, job: ExportVideo) -> JobSteps:
        from engine.export.video import export_video

        return (yield from export_video(job, self._pipeline, self._choice))

    def _make_thumbnail(self, job: MakeThumbnail) -> JobSteps:
        edit = self._pipeline.resolve_view(job.state, job.view)
        # What is on screen is in the cache already; other states would only push it out.
        synthesis = self._pipeline.start(edit, keep=False)
        enough_px = max(job.size_px, THUMBNAIL_BLOCK_PX)
        begun = time.perf_counter()
        while not synthesis.done and synthesis.size_px < enough_px:
            synthesis.step()
            if time.perf_counter() - begun >= THUMBNAIL_TURN_S:
                yield Step("Drawing", synthesis.fraction)
                begun = time.perf_counter()
        image = synthesis.image
        assert image is not None, "the last block of every network makes a picture"
        if self._exits is not None:
            image = self._exits.corrected(job.view, edit, image)
        return ThumbnailMade(job.tag, to_bgrx(shrunk(image, job.size_px)))

    def _save_blend(self, job: SaveBlend) -> JobSteps:
        yield Step("Blending the weights", 0.1)
        blended, notes = self._network(job.state, View.BLEND)
        model = yield Background(
            lambda: self._save_network(blended, job), f"Writing {job.path.name}", may_be_left=False
        )
        return BlendSaved(job.path, model, notes)

    def _export_network(self, job: ExportNetwork) -> JobSteps:
        from engine.export.network_child import ChildWritten, write_in_child

        yield Step("Blending the weights", 0.1)
        network, notes = self._network(job.state, job.view)
        written: ChildWritten = yield Background(
            lambda: write_in_child(network.save, job.path, job.form),
            f"Writing {job.path.name}, and reading it back",
            may_be_left=False,
        )
        return NetworkExported(job.path, job.form, written.max_error, (*notes, *written.notes))

    def _network(self, state: EditState, view: View) -> tuple[Network, tuple[str, ...]]:
        """The network behind one of the pictures of a state, and what it cannot hold. A and B are the models' own."""
        if view not in (View.A, View.B):
            return self._pipeline.blended_network(state)
        ref = state.model_a if view is View.A else state.model_b
        if ref is None:
            raise ModelError(f"There is no model {view.value.upper()} to write.", "Choose one from the shelf.")
        return self._pipeline.models.networks([ref])[0], ()

    def _compare_weights(self, job: CompareWeights) -> JobSteps:
        from engine.weight_distance import distance_steps

        pair = (job.a.sha256, job.b.sha256)
        if pair not in self._distances:
            yield Step("Reading both models", 0.0)
            steps = distance_steps(*self._pipeline.models.networks([job.a, job.b]))
            while pair not in self._distances:
                try:
                    done = next(steps)
                except StopIteration as stop:
                    self._distances[pair] = stop.value
                else:
                    yield Step("Comparing the weights", done)
            while len(self._distances) > KEPT_DISTANCES:
                del self._distances[next(iter(self._distances))]
        return WeightsCompared(job.a, job.b, self._distances[pair])

    def _draw_lines(self, job: DrawLines) -> JobSteps:
        from engine.export.stills import still_suffix
        from engine.line_drawing import draw_portrait, write_drawing

        still_suffix(job.path)
        drawing = yield Background(lambda: draw_portrait(job.portrait, job.face), f"Drawing {job.portrait.name}")
        yield Background(lambda: write_drawing(job.path, drawing), f"Writing {job.path.name}", may_be_left=False)
        height, width = drawing.lines.shape
        return LinesDrawn(job.path, (width, height), drawing.notes)

    def _save_network(self, network: Network, job: SaveBlend) -> ModelRef:
        path = job.path
        network.save(path)
        sha256 = file_sha256(path)
        note = {"lineage": list(network.origin.lineage), **parents_note(model_refs(job.state))}
        return self._library.add_model(path, sha256, path.stem, network.descriptor, note=note)


def _encoder_file(job: InvertPortrait, offer: EncoderOffer) -> Path | None:
    """Raises:
    JobError: an encoder, or a latent to go on from, was asked for or is needed, and there is none.
    """
    if job.start is StartPoint.FOUND:
        if job.begin_at is None:
            raise JobError("There is no latent to go on from.", "Start from the mean.")
        return None
    if job.encoder_file is not None:
        return job.encoder_file
    if job.start is StartPoint.MEAN:
        return None
    if offer.path is not None:
        return offer.path
    if job.start is StartPoint.ENCODER:
        raise JobError(offer.reason, "Start from the mean.")
    if job.steps == 0:
        raise JobError(f"Without steps, only an encoder can find a portrait. {offer.reason}", "Give it some steps.")
    return None


def _changed_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0  # opening it will say more


def _photo_hash(path: Path) -> str:
    """Empty for a photo that went away in the meantime: what was cut out of it is there."""
    try:
        return file_sha256(path)
    except OSError:
        return ""


def _started_at(encoder: PortraitEncoderLike | None, begin_at: Snapshot | None) -> StartPoint:
    if begin_at is not None:
        return StartPoint.FOUND
    return StartPoint.MEAN if encoder is None else StartPoint.ENCODER

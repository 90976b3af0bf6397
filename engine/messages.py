"""What the window and the engine say to each other: frozen dataclasses, numpy frames, no torch.

The window sends a `RenderRequest` into the mailbox and `Job`s into the queue; the engine answers with `Event`s
through the one callable it was given. Every job ends with exactly one `JobFinished`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine.animation.timeline import Timeline
from engine.descriptor import NetworkDescriptor
from engine.direction_events import DirectionJob, DirectionResult
from engine.encoder_events import EncoderKept
from engine.errors import EngineError
from engine.export.network_formats import NetworkFormat
from engine.export.video_format import VideoQuality
from engine.framing import FacePoints
from engine.kinship import WeightDistance
from engine.likeness import Likeness
from engine.likeness_events import LikenessMeasured, MeasureLikeness
from engine.paste_events import PasteJob, PasteResult
from engine.pivot_events import PivotTuned, TunePivot
from engine.portrait_source import PortraitSource
from engine.state import EditState, ModelRef, StoredLatent, View

if TYPE_CHECKING:
    from engine.export.sheet_plan import SheetPlan

Pixels: TypeAlias = NDArray[np.uint8]
"""A picture for the screen: ``[H, W, 4]``, BGRX, C-contiguous. It is never written again, by nobody: a picture that
comes back is the same array."""


class Held(StrEnum):
    """The control that a hand is on, or was on last, by the name that the history gives its change: what the engine
    may draw ahead around."""

    SWAP = "swap resolution"
    ALPHA = "alpha"
    WIDTH = "blend width"
    PSI = "psi"
    PAD = "seed pad"
    SEED = "seed"
    NOISE = "noise strength"
    NOISE_SEED = "noise seed"
    OVERLAYS = "further models"
    DIRECTIONS = "directions"


@dataclass(frozen=True, slots=True)
class RenderRequest:
    """Show this.

    Attributes:
        generation: Rises with every request; a frame older than the one on screen is dropped.
        state: What to show.
        views: Which pictures of it, the most wanted first.
        full: True asks for full size after the hand has come to rest; False allows a coarse size while it moves.
        size_px: Largest edge that the canvas can show, or None for the model's own.
        held: What led to this state, as far as it is one of the controls that are drawn ahead.
    """

    generation: int
    state: EditState
    views: tuple[View, ...] = (View.BLEND,)
    full: bool = False
    size_px: int | None = None
    held: Held | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A picture for the canvas.

    Attributes:
        size_px: Edge length of `image`.
        full_size_px: Edge length of the finished picture.
        is_final: Nothing finer will follow for this state and view.
        elapsed_s: From taking the request to publishing this frame.
        warnings: What `engine.resolve` had to say about the state, as sentences.
    """

    generation: int
    view: View
    image: Pixels
    size_px: int
    full_size_px: int
    is_final: bool
    elapsed_s: float
    device: str = "cpu"
    dtype: str = "float32"
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class RenderFailed:
    generation: int
    error: EngineError


@dataclass(frozen=True, slots=True)
class EngineReady:
    """The engine thread has imported what it needs.

    Attributes:
        kernels: Whether previews are drawn by kernels that were compiled for this machine.
    """

    device: str
    dtype: str
    elapsed_s: float
    kernels: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class EngineStopped:
    """The engine thread has ended; `error` says why when nobody asked it to."""

    error: EngineError | None = None


# --- jobs: what can be asked for besides pictures -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LoadModel:
    """Read a model file safely and put it into the library. Result: `ModelLoaded`.

    A portrait encoder in it is kept too; of one without a generator the result is `EncoderKept`.

    Attributes:
        exact: Put a checkpoint's generator there also when the very same is there from another file: this one is
            asked for by its hash.
    """

    path: Path
    exact: bool = False


@dataclass(frozen=True, slots=True)
class OpenPortrait:
    """Decode a picture and look for faces. Result: `PortraitOpened`."""

    path: Path


class LatentSpaceChoice(StrEnum):
    W = "w"
    W_PLUS = "w+"


class StartPoint(StrEnum):
    """Where a search begins. AUTO: with the model's encoder if it has one, otherwise at the mean latent. FOUND: at
    what an earlier search found."""

    AUTO = "auto"
    ENCODER = "encoder"
    MEAN = "mean"
    FOUND = "found"


@dataclass(frozen=True, slots=True)
class InvertPortrait:
    """Find the latent of `model` that shows the portrait. Result: `PortraitInverted`.

    Attributes:
        path: The picture.
        face: Where the face is in the upright picture.
        steps: Optimisation steps, 1 to 5000; 0 takes what the encoder says as it is.
        optimise_noise: Also fit the noise maps (closer likeness, less editable).
        editability: How strongly the latent is held near those of seeds: 0 takes the closest likeness, 1 stays
            practically in W.
        encoder_file: An encoder to begin with other than the one that is used for the model.
        looks: How often an encoder looks that looks again at what it has made (ReStyle); None for its own number.
        begin_at: For `StartPoint.FOUND`: the latent to go on from, with its noise maps if it has any.
    """

    path: Path
    face: FacePoints
    model: ModelRef
    name: str
    space: LatentSpaceChoice = LatentSpaceChoice.W_PLUS
    steps: int = 300
    optimise_noise: bool = True
    seed: int = 303
    start: StartPoint = StartPoint.AUTO
    editability: float = 0.5
    begin_at: StoredLatent | None = None
    encoder_file: Path | None = None
    looks: int | None = None


@dataclass(frozen=True, slots=True)
class ExportStill:
    """Render fresh in float32 at full size and write with the recipe inside. Result: `StillExported`.

    Attributes:
        path: Target; its suffix (.png .tif .tiff .webp .jpg .jpeg) chooses the format.
    """

    state: EditState
    path: Path
    view: View = View.BLEND


@dataclass(frozen=True, slots=True)
class ExportVideo:
    """Render every frame of a timeline and write the film. Result: `VideoExported`.

    Attributes:
        state: What moves is the timeline's, everything else is this.
        path: Target; its suffix (.mp4 .webm .gif) chooses the format, without one it is a folder of PNG frames.
        size_px: Edge of the frames; None for the model's own.
        exact: In float32 as stills are exported; otherwise as previews are drawn, which is faster.
    """

    state: EditState
    timeline: Timeline
    path: Path
    view: View = View.BLEND
    size_px: int | None = None
    quality: VideoQuality = VideoQuality.GOOD
    exact: bool = True


@dataclass(frozen=True, slots=True)
class MakeThumbnail:
    """Render one small picture of a state. Result: `ThumbnailMade`. `tag` comes back unchanged."""

    state: EditState
    tag: str
    size_px: int = 96
    view: View = View.BLEND


@dataclass(frozen=True, slots=True)
class SaveBlend:
    """Write the blended network as a Graft model file. Result: `BlendSaved`."""

    state: EditState
    path: Path


@dataclass(frozen=True, slots=True)
class ExportNetwork:
    """Write a network for other programs, read it back and compare. Result: `NetworkExported`.

    Attributes:
        view: A's network, B's, or the blend of the state.
    """

    state: EditState
    path: Path
    form: NetworkFormat
    view: View = View.BLEND


@dataclass(frozen=True, slots=True)
class CompareWeights:
    """Measure how far the weights of two models are apart. Result: `WeightsCompared`."""

    a: ModelRef
    b: ModelRef


@dataclass(frozen=True, slots=True)
class DrawSheet:
    """Render all pictures of a plan and write them on one page. Result: `SheetDrawn`.

    Attributes:
        path: Where the sheet goes; its suffix chooses the format, as for `ExportStill`.
        cell_px: Edge of a picture on the sheet; 0 for at least 128 px and no less than the model's own.
    """

    plan: SheetPlan
    path: Path
    cell_px: int = 0


@dataclass(frozen=True, slots=True)
class DrawLines:
    """Draw the face in a photo in lines and write the drawing. Result: `LinesDrawn`.

    Attributes:
        portrait: The photo.
        path: Where the drawing goes; its suffix chooses the format, as for `ExportStill`.
        face: Where the face is in the upright photo; None looks for it.
    """

    portrait: Path
    path: Path
    face: FacePoints | None = None


Job: TypeAlias = (
    LoadModel
    | OpenPortrait
    | InvertPortrait
    | ExportStill
    | MakeThumbnail
    | SaveBlend
    | ExportNetwork
    | CompareWeights
    | DrawSheet
    | DrawLines
    | ExportVideo
    | MeasureLikeness
    | DirectionJob
    | TunePivot
    | PasteJob
)


# --- results ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ModelLoaded:
    """Attributes:
    encoder: What portrait encoder came with it, in words, such as ``pSp, 18 styles``; empty without one.
    is_twin: The file's generator was on the shelf already, from another file: `model` is that one.
    """

    model: ModelRef
    descriptor: NetworkDescriptor
    warnings: tuple[str, ...] = ()
    encoder: str = ""
    is_twin: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class PortraitOpened:
    """Attributes:
    preview: The upright picture, at most 1600 px on its long edge.
    scale: Preview pixels per pixel of the upright picture.
    size_px: Width and height of the upright picture.
    faces: Every face found, the largest first; empty when none was.
    certain: For each of them, whether its points can be relied upon, or are a guess.
    remarks: For each of them, a sentence about what makes it doubtful, or empty. See `engine.face_remarks`.
    notes: Sentences for the user, for example that the first frame of an animation was taken.
    """

    path: Path
    preview: Pixels
    scale: float
    size_px: tuple[int, int]
    faces: tuple[FacePoints, ...]
    notes: tuple[str, ...] = ()
    certain: tuple[bool, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class PortraitInverted:
    """Attributes:
    target: The aligned crop that was aimed at.
    image: What the latent shows.
    likeness: Of `image` to `target`.
    source: Where the portrait is.
    start: Where the search began: ENCODER, MEAN or FOUND.
    encoder: Name of the encoder that found the start; empty without one.
    """

    latent: StoredLatent
    model: ModelRef
    target: Pixels
    image: Pixels
    steps: int
    elapsed_s: float
    likeness: Likeness
    source: PortraitSource
    start: StartPoint = StartPoint.MEAN
    encoder: str = ""


@dataclass(frozen=True, slots=True)
class StillExported:
    path: Path
    size_px: tuple[int, int]
    elapsed_s: float


@dataclass(frozen=True, slots=True)
class VideoExported:
    """Attributes:
    size_px: Width and height of what was rendered.
    """

    path: Path
    frames: int
    size_px: tuple[int, int]
    elapsed_s: float


@dataclass(frozen=True, slots=True, eq=False)
class ThumbnailMade:
    tag: str
    image: Pixels


@dataclass(frozen=True, slots=True)
class BlendSaved:
    """Attributes:
    notes: What the file cannot hold, as sentences.
    """

    path: Path
    model: ModelRef
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NetworkExported:
    """Attributes:
    max_error: Largest difference of any pixel, nominally -1 to 1, between the file, read back, and the network.
    notes: What the format cannot say, as sentences.
    """

    path: Path
    form: NetworkFormat
    max_error: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WeightsCompared:
    a: ModelRef
    b: ModelRef
    distance: WeightDistance


@dataclass(frozen=True, slots=True)
class SheetDrawn:
    path: Path
    size_px: tuple[int, int]
    pictures: int


@dataclass(frozen=True, slots=True)
class LinesDrawn:
    path: Path
    size_px: tuple[int, int]
    notes: tuple[str, ...] = ()


JobResult: TypeAlias = (
    ModelLoaded
    | EncoderKept
    | PortraitOpened
    | PortraitInverted
    | StillExported
    | ThumbnailMade
    | BlendSaved
    | NetworkExported
    | WeightsCompared
    | SheetDrawn
    | LinesDrawn
    | VideoExported
    | LikenessMeasured
    | DirectionResult
    | PivotTuned
    | PasteResult
)


class JobOutcome(StrEnum):
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, eq=False)
class JobProgress:
    """Attributes:
    fraction: 0 to 1, or None when the length is unknown.
    text: What is happening, in words.
    preview: The improving picture, when there is one.
    remaining_s: Estimated time left, when it can be told.
    paused: Whether the job stands still at the user's wish.
    distance: Of a search: mean absolute difference of the present picture from the portrait, 0 to 1.
    step: Of a search: how many steps are done.
    latent: Of a search: what `preview` shows, in the latent store. It stays there: any earlier step can be taken,
        while the search goes on or afterwards.
    """

    job_id: str
    job: Job
    fraction: float | None
    text: str
    elapsed_s: float
    remaining_s: float | None = None
    preview: Pixels | None = None
    paused: bool = False
    distance: float | None = None
    step: int | None = None
    latent: StoredLatent | None = None


@dataclass(frozen=True, slots=True, eq=False)
class JobFinished:
    """The last word on a job. A cancelled inversion still carries the best result so far, when there is one."""

    job_id: str
    job: Job
    outcome: JobOutcome
    result: JobResult | None = None
    error: EngineError | None = None


Event: TypeAlias = Frame | RenderFailed | EngineReady | EngineStopped | JobProgress | JobFinished


class Publish(Protocol):
    """Called from the engine's threads with each event; must return at once."""

    def __call__(self, event: Event, /) -> None: ...


class Engine(Protocol):
    """What the window needs of an engine: `engine.worker.EngineThread`, or a scripted one in tests."""

    def start(self) -> None: ...

    def stop(self, timeout_s: float = 5.0) -> bool:
        """Ask to end and wait. True when it ended in time."""
        ...

    def request_preview(self, request: RenderRequest) -> None: ...

    def submit(self, job: Job) -> str:
        """Queue a job and return its id."""
        ...

    def cancel(self, job_id: str) -> None: ...

    def pause(self, job_id: str) -> None: ...

    def resume(self, job_id: str) -> None: ...


def describe(event: Any) -> str:
    """One line for the log, without pixels."""
    name = type(event).__name__
    if isinstance(event, Frame):
        return f"{name}(generation={event.generation}, view={event.view}, {event.size_px} px)"
    if isinstance(event, JobProgress | JobFinished):
        return f"{name}({event.job_id}, {type(event.job).__name__})"
    return name

"""A film, frame by frame: rendered afresh, written as it goes. A job of the engine thread; needs torch."""

from __future__ import annotations

import time
from collections.abc import Generator
from functools import partial
from typing import TYPE_CHECKING, Any

import torch.nn.functional as F
from torch import Tensor

from engine.animation.film import state_at
from engine.animation.timeline import frame_count, frame_time
from engine.errors import JobError
from engine.export.video_files import FilmFile, Rgb, open_film
from engine.export.video_format import MAX_PX, MIN_PX, VideoFormat, video_format
from engine.imaging import rgb_to_bgrx, shrunk, to_rgb
from engine.job_table import Background, Step
from engine.messages import ExportVideo, VideoExported
from engine.recipe import make_recipe, recipe_to_json
from engine.state import EditState

if TYPE_CHECKING:
    from engine.device import DeviceChoice
    from engine.pipeline import Pipeline

PREVIEW_EVERY_S = 0.5


def export_video(
    job: ExportVideo, pipeline: Pipeline, choice: DeviceChoice
) -> Generator[Step | Background, Any, VideoExported]:
    """Render the frames of a timeline and write them; `job` says how.

    A cancelled film leaves nothing behind, and so does one that could not be written.

    Raises:
        StorageError: it cannot be written there; says why.
        JobError: the size makes no sense.
        EngineError: from rendering.
    """
    kind = video_format(job.path)  # say that the name is wrong before the work
    if job.size_px is not None and not MIN_PX <= job.size_px <= MAX_PX:
        raise JobError(f"A film of {job.size_px} px is not made; its edge may have {MIN_PX} to {MAX_PX} px.")
    timeline, store = job.timeline, pipeline.store
    dtype = choice.dtype if job.exact else str(pipeline.arithmetic.full).removeprefix("torch.")
    made = make_recipe(job.state, job.view, store, device=choice.name, dtype=dtype, timeline=timeline)
    pipeline.resolve_view(state_at(timeline, job.state, 0.0), job.view)  # say what is missing before as well
    started = shown_at = time.perf_counter()
    frames = frame_count(timeline)
    film: FilmFile = yield Background(
        lambda: open_film(job.path, kind, timeline.fps, job.quality, recipe_to_json(made), loop=timeline.loop),
        "Opening the file", may_be_left=False,
    )  # fmt: skip
    finished = False
    try:
        last: EditState | None = None
        pixels: Rgb | None = None
        size = (0, 0)
        for index in range(frames):
            state = state_at(timeline, job.state, frame_time(timeline, index))
            text = f"Frame {index + 1} of {frames}"
            if pixels is None or state != last:
                pixels = yield from _rendered(job, pipeline, state, text, index / frames)
                last = state
            if index == 0:
                size = pixels.shape[1], pixels.shape[0]
            if pixels.shape[1::-1] != size:
                raise JobError("The models of this film make pictures of different sizes.", "Choose a size for it.")
            recipe = ""
            if kind is VideoFormat.FRAMES:
                recipe = recipe_to_json(make_recipe(state, job.view, store, device=choice.name, dtype=dtype))
            yield Background(partial(film.add, pixels, recipe), text, may_be_left=False)
            preview = None
            if (now := time.perf_counter()) - shown_at > PREVIEW_EVERY_S:
                preview, shown_at = rgb_to_bgrx(pixels), now
            yield Step(text, (index + 1) / (frames + 1), preview)
        yield Background(film.finish, f"Finishing {job.path.name}", may_be_left=False)
        finished = True
    finally:
        if not finished:
            film.discard()
    return VideoExported(job.path, frames, size, time.perf_counter() - started)


def _rendered(
    job: ExportVideo, pipeline: Pipeline, state: EditState, text: str, fraction: float
) -> Generator[Step, None, Rgb]:
    """One frame, yielding after every block."""
    edit = pipeline.resolve_view(state, job.view)
    synthesis = pipeline.start(edit, exact=True) if job.exact else pipeline.start(edit, keep=False)
    while not synthesis.done:
        synthesis.step()
        if not synthesis.done:
            yield Step(text, fraction)
    assert synthesis.image is not None, "the last block of every network makes a picture"
    return to_rgb(_sized(synthesis.image, job.size_px))


def _sized(image: Tensor, size_px: int | None) -> Tensor:
    """Smaller or larger, smoothly."""
    if size_px is None or image.shape[-1] == size_px:
        return image
    if image.shape[-1] > size_px:
        return shrunk(image, size_px)
    return F.interpolate(image.float(), size=(size_px, size_px), mode="bicubic", align_corners=False)

"""The job that measures a picture against the photo of its portrait."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from engine.errors import PortraitError
from engine.imaging import from_rgb
from engine.inversion.identity import open_identity
from engine.inversion.likeness_measure import measure_likeness
from engine.inversion.lpips import choose_distance
from engine.inversion.objective import as_rgb
from engine.job_table import Background, JobSteps, Step
from engine.likeness_events import LikenessMeasured, MeasureLikeness
from engine.pipeline import Pipeline
from engine.places import user_places

LEAST_PX = 8


def measure_picture(job: MeasureLikeness, pipeline: Pipeline) -> JobSteps:
    """Draw the picture as it would be exported, and compare.

    Raises:
        PortraitError: the crop is no square picture.
        EngineError: as `Pipeline.render_steps`.
    """
    _check(job.target)
    rendering = pipeline.render_steps(job.state, job.view)
    while True:
        try:
            synthesis = next(rendering)
        except StopIteration as stop:
            image: Tensor = stop.value
            break
        yield Step("Drawing the picture", 0.8 * synthesis.fraction)
    weights = user_places().weights_folder
    identity = yield Background(lambda: open_identity(weights), "Comparing it with the photo")
    with torch.inference_mode(False), torch.no_grad():
        image = image.clone()  # what is drawn for the screen may not be looked at by a network that could learn
        target = fitted(job.target, image)
        judge = choose_distance(weights)
        perceptual = float(judge.aimed_at(target)(as_rgb(image).clamp(-1, 1)))
        likeness = measure_likeness(image, target, perceptual, judge.name, identity)
    return LikenessMeasured(job.state, job.view, likeness)


def fitted(target: NDArray[np.uint8], image: Tensor) -> Tensor:
    """A crop ``[S, S, 4]``, BGRX, as `image` ``[1, C, s, s]`` could show it: ``[1, 3, s, s]`` in [-1, 1]."""
    picture = from_rgb(np.ascontiguousarray(target[..., 2::-1]), image.device)
    if picture.shape[-1] != image.shape[-1]:
        size = (image.shape[-1], image.shape[-1])
        picture = F.interpolate(picture, size, mode="bicubic", align_corners=False, antialias=True).clamp(-1, 1)
    if image.shape[1] >= 3:
        return picture
    luma = (picture * picture.new_tensor([0.299, 0.587, 0.114])[:, None, None]).sum(dim=1, keepdim=True)
    return luma.expand(-1, 3, -1, -1)


def _check(target: NDArray[np.uint8]) -> None:
    if target.ndim != 3 or target.shape[2] != 4 or target.shape[0] != target.shape[1] or len(target) < LEAST_PX:
        given = " x ".join(str(length) for length in target.shape)
        raise PortraitError(f"The photo's crop is {given}; only a square picture can be compared.")

"""What a projection aims at: the target at every size that is worked at, and the distance from it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from engine.imaging import from_rgb
from engine.inversion.distance import Measure, PerceptualDistance, PixelsAndEdges
from engine.network import Network

EARLY_PX = 64
MIDDLE_PX = 256
NEAR_MIDDLE = 0.75
"""Share of the steps at the small size, where the start is near: detail takes few steps then."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of a run.

    Attributes:
        start: Share of the steps from which on it holds.
        size_px: Size of the pictures that are compared.
        features: Whether the perceptual distance takes part, or colours and edges alone decide.
        text: For the user.
    """

    start: float
    size_px: int
    features: bool
    text: str


def phases(network: Network, *, near: bool = False) -> tuple[Phase, ...]:
    """Colours first, since features say little while those are wrong; small pictures first, since they are quick.

    Only skip networks can stop early: each of their blocks gives a picture. A step at the full 1024 px takes
    as long as ten at 64 px or more; published projectors compare at 256 px at most.

    Args:
        near: The start is near the solution, so that its colours are right already.
    """
    full = network.descriptor.img_resolution
    stops = network.descriptor.architecture == "skip"
    early, middle = (min(full, EARLY_PX), min(full, MIDDLE_PX)) if stops else (full, full)
    plan = [
        Phase(0.0, early, False, "Matching colours and shapes"),
        Phase(0.1, early, True, "Matching the likeness"),
        Phase(0.4, middle, True, "Adding detail"),
        Phase(0.95, full, True, "Finishing at full size"),
    ]
    sizes = [early, early, middle, full]
    chosen = [phase for index, phase in enumerate(plan) if index < 2 or sizes[index] > sizes[index - 1]]
    if not near:
        return tuple(chosen)
    later = [replace(phase, start=max(phase.start, NEAR_MIDDLE)) for phase in chosen[2:]]
    return (replace(chosen[1], start=0.0), *later)


@dataclass(slots=True, eq=False)
class Objective:
    """Attributes:
    target: ``[1, 3, S, S]`` in [-1, 1] on the network's device; grey when the network makes grey pictures.
    distance: What judges likeness.
    """

    target: Tensor
    distance: PerceptualDistance
    _measures: dict[tuple[int, bool], Measure] = field(default_factory=dict)

    def measure(self, images: Tensor, *, features: bool = True) -> Tensor:
        """Distances ``[N]`` of pictures ``[N, 3, s, s]``, s at most the target's size, both powers of two."""
        key = images.shape[-1], features
        if key not in self._measures:
            judge = self.distance if features else PixelsAndEdges()
            self._measures[key] = judge.aimed_at(self.at(key[0]))
        return self._measures[key](images)

    def at(self, size_px: int) -> Tensor:
        """The target reduced by averaging to ``[1, 3, size_px, size_px]``."""
        factor = self.target.shape[-1] // size_px
        return F.avg_pool2d(self.target, factor) if factor > 1 else self.target

    @torch.no_grad()
    def value(self, image: Tensor) -> float:
        """The distance of one picture ``[1, 3, s, s]``, features included."""
        return self.measure(image).item()

    @torch.no_grad()
    def pixel_distance(self, images: Tensor) -> float:
        """Mean absolute difference as it is seen: 0 to 1, pictures clamped to [-1, 1]."""
        return float((images.clamp(-1, 1) - self.at(images.shape[-1])).abs().mean() / 2)


def as_rgb(images: Tensor) -> Tensor:
    """``[N, C, H, W]`` with three channels: grey repeated, anything beyond red, green and blue left out."""
    return images.expand(-1, 3, -1, -1) if images.shape[1] < 3 else images[:, :3]


def aim(target: NDArray[np.uint8], network: Network) -> Tensor:
    """The target as `network` could show it: ``[S, S, 3]`` to ``[1, 3, S, S]`` in [-1, 1]; grey for grey networks."""
    with torch.inference_mode(False), torch.no_grad():
        picture = from_rgb(target, network.device)
        if network.descriptor.img_channels >= 3:
            return picture
        luma = (picture * picture.new_tensor([0.299, 0.587, 0.114])[:, None, None]).sum(dim=1, keepdim=True)
        return luma.expand(-1, 3, -1, -1)

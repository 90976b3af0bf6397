"""Where the parts of a face are: a heat map per landmark, and what is to be thought of it.

The face is shown as `FRAME_PX` x `FRAME_PX` pixels, roughly upright, with the pupils near `FRAME_EYES`. Looked at a
second time, in the frame that the first look suggests, the answer is several times more exact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

FRAME_PX = 128
FRAME_EYE_DISTANCE = 40.0
FRAME_EYES = ((44.0, 46.0), (84.0, 46.0))
"""Pupils in the frame, left one first: (x, y), whole numbers are the middles of pixels."""

STRIDE = 4
SHARPEST = 0.1
"""Least standard deviation of a heat map, in pixels: the root of zero has no slope."""

_HALVES = (  # left of the picture, and its mirror image on the right
    ((0,), (1,)),  # pupils
    ((2, 3, 4, 5, 6, 7, 8, 9), (10, 17, 16, 15, 14, 13, 12, 11)),  # edge of the iris
    ((18, 19, 20, 21, 22, 28, 29, 30), (27, 26, 25, 24, 23, 33, 32, 31)),  # lids
    ((71, 72, 73, 74, 75, 76, 83, 84), (82, 81, 80, 79, 78, 77, 86, 85)),  # brows
    ((50, 51, 52, 53, 54, 61, 62, 63, 64, 65), (56, 57, 58, 59, 60, 66, 67, 68, 69, 70)),  # nose
    ((87, 88, 89, 104, 105, 94, 95, 99, 100), (93, 92, 91, 108, 107, 98, 97, 103, 102)),  # lips
    ((109, 110, 111, 125, 126, 127, 128), (112, 113, 114, 133, 132, 131, 130)),  # jaw
    ((134, 135, 136, 137, 138), (144, 143, 142, 141, 140)),  # hairline
)
_MIDDLE = (55, 90, 106, 96, 101, 129, 139)

LANDMARKS: tuple[int, ...] = (*(point for half in _HALVES for side in half for point in side), *_MIDDLE)
"""Numbers of the landmarks in the template of the Face Research Lab London Set; the two pupils come first."""

_TWIN = {a: b for left, right in _HALVES for a, b in (*zip(left, right, strict=True), *zip(right, left, strict=True))}
MIRRORED: tuple[int, ...] = tuple(LANDMARKS.index(_TWIN.get(point, point)) for point in LANDMARKS)
"""Place in `LANDMARKS` of the landmark that each becomes in a mirror."""

PUPILS = (0, 1)
MOUTH_CORNERS = (LANDMARKS.index(87), LANDMARKS.index(93))
JAW_SIDES = tuple(tuple(LANDMARKS.index(point) for point in side) for side in ((109, 110, 111), (112, 113, 114)))


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """Attributes:
    points: ``[N, P, 2]``, (x, y) in pixels of the frame.
    log_spread: ``[N, P]``: logarithm of the distance, in eye distances, by which each is expected to be off.
    face: ``[N]``: above 0 when there is rather a face than none.
    """

    points: Tensor
    log_spread: Tensor
    face: Tensor


class _Conv(nn.Sequential):
    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = _Conv(width, width)
        self.second = nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.second(self.first(x)))


class LandmarkNet(nn.Module):
    """Down to 4 px and back up to 32.

    Args:
        points: How many landmarks.
        widths: Channels at 64, 32, 16, 8 and 4 px.

    Source: soft-argmax as in Sun et al. 2018, arXiv:1711.08229; a hourglass as in Newell et al. 2016,
    arXiv:1603.06937; learned spread as in Kendall and Gal 2017, arXiv:1703.04977.
    """

    def __init__(self, points: int = len(LANDMARKS), widths: Sequence[int] = (24, 64, 96, 128, 160)) -> None:
        super().__init__()
        self.stem = nn.Sequential(_Conv(3, widths[0], 2), _Residual(widths[0]))
        self.down = nn.ModuleList(
            nn.Sequential(_Conv(wide, narrow, 2), _Residual(narrow))
            for wide, narrow in pairwise(widths)
        )
        self.across = nn.ModuleList(
            nn.Conv2d(narrow, wide, 1) for wide, narrow in pairwise(widths[1:])
        )
        self.up = nn.ModuleList(_Residual(width) for width in widths[1:-1])
        self.heat = nn.Conv2d(widths[1], points, 1)
        self.opinion = nn.Linear(widths[-1], points + 1)
        self.sharpness = nn.Parameter(torch.ones(points))

    @staticmethod
    def from_tensors(tensors: Mapping[str, Tensor]) -> LandmarkNet:
        """Build the frozen net from its state dict, whatever float type that has; sizes follow from shapes.

        Raises:
            RuntimeError, KeyError, ValueError: names or shapes are not those of this class.
        """
        widths = [tensors["stem.0.0.weight"].shape[0]]
        while (name := f"down.{len(widths) - 1}.0.0.weight") in tensors:
            widths.append(tensors[name].shape[0])
        if len(widths) != 5 or max(widths) > 1024:
            raise ValueError(f"widths are {widths}; needed are five")
        net = LandmarkNet(tensors["sharpness"].shape[0], widths)
        net.load_state_dict(dict(tensors))
        return net.eval().requires_grad_(False)

    def forward(self, images: Tensor) -> Looked:
        """Look once.

        Args:
            images: ``[N, 3, 128, 128]``, RGB in [-1, 1].
        """
        x = self.stem(images)
        levels = []
        for stage in self.down:
            x = stage(x)
            levels.append(x)
        opinion = self.opinion(x.mean(dim=(2, 3))).float()
        for index in range(len(self.up) - 1, -1, -1):
            above = F.interpolate(self.across[index](x), scale_factor=2, mode="bilinear", align_corners=False)
            x = self.up[index](levels[index] + above)
        points, deviation = _soft_argmax(self.heat(x).float())
        log_spread = opinion[:, :-1] + self.sharpness * deviation.log()
        return Looked(points, log_spread, opinion[:, -1])


def _soft_argmax(heat: Tensor) -> tuple[Tensor, Tensor]:
    """Mean place ``[N, P, 2]`` and standard deviation ``[N, P]`` of the heat, in pixels of the frame."""
    share = heat.flatten(2).softmax(dim=2).reshape(heat.shape)
    middles = torch.arange(heat.shape[-1], device=heat.device, dtype=heat.dtype) * STRIDE + (STRIDE - 1) / 2
    across, down = share.sum(dim=2), share.sum(dim=3)
    points = torch.stack([across @ middles, down @ middles], dim=-1)
    squares = middles.square()
    variance = across @ squares + down @ squares - points.square().sum(dim=-1)
    return points, variance.clamp_min(SHARPEST**2).sqrt()

"""A photo in, a line drawing out: a U-Net that works at half the size and unfolds the last step.

Source: Ronneberger et al. 2015, arXiv:1505.04597; sub-pixel unfolding: Shi et al. 2016, arXiv:1609.05158.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

UNIT_PX = 32
"""Height and width are multiples of this."""


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width))
        self.second = nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.second(F.relu(self.first(x))))


class SketchNet(nn.Module):
    """State dict: ``stem``, ``down.i`` and ``across.i`` (convolutions between scales), ``deep.i`` and ``up.i``
    (residual pairs on the way down and up), ``ink``.

    Args:
        widths: Channels at a half, a quarter, ... of the picture's size.
    """

    def __init__(self, widths: Sequence[int] = (16, 32, 64, 96, 128)) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(12, widths[0], 3, padding=1, bias=False), nn.BatchNorm2d(widths[0]))
        self.down = nn.ModuleList(
            nn.Sequential(nn.Conv2d(wide, narrow, 3, 2, padding=1, bias=False), nn.BatchNorm2d(narrow))
            for wide, narrow in pairwise(widths)
        )
        self.deep = nn.ModuleList(_Residual(width) for width in widths[1:])
        self.across = nn.ModuleList(nn.Conv2d(narrow, wide, 1) for wide, narrow in pairwise(widths))
        self.up = nn.ModuleList(_Residual(width) for width in widths[:-1])
        self.ink = nn.Conv2d(widths[0], 4, 3, padding=1)

    @staticmethod
    def from_tensors(tensors: Mapping[str, Tensor]) -> SketchNet:
        """Build the frozen net from its state dict, whatever float type that has; sizes follow from shapes.

        Raises:
            RuntimeError, KeyError, ValueError: names or shapes are not those of this class.
        """
        widths = [tensors["stem.0.weight"].shape[0]]
        while (name := f"down.{len(widths) - 1}.0.weight") in tensors:
            widths.append(tensors[name].shape[0])
        if len(widths) != UNIT_PX.bit_length() - 1 or max(widths) > 1024:
            raise ValueError(f"widths are {widths}; needed are {UNIT_PX.bit_length() - 1}")
        net = SketchNet(widths)
        net.load_state_dict(dict(tensors))
        return net.eval().requires_grad_(False)

    def logits(self, images: Tensor) -> Tensor:
        """How sure it is of ink, ``[N, 1, H, W]``; above 0 there is rather some. Takes what `forward` takes."""
        x = F.relu(self.stem(F.pixel_unshuffle(images, 2)))
        levels = [x]
        for down, deep in zip(self.down, self.deep, strict=True):
            x = deep(F.relu(down(x)))
            levels.append(x)
        for index in range(len(self.up) - 1, -1, -1):
            above = F.interpolate(self.across[index](x), scale_factor=2, mode="bilinear", align_corners=False)
            x = self.up[index](levels[index] + above)
        return F.pixel_shuffle(self.ink(x).float(), 2)

    def forward(self, images: Tensor) -> Tensor:
        """Draw.

        Args:
            images: ``[N, 3, H, W]``, RGB in [-1, 1], both sides multiples of 32; eyes some 60 px apart. Just what a
                generator makes, and differentiable.

        Returns:
            ``[N, 1, H, W]``: 1 paper, -1 ink.

        Raises:
            ValueError: any other shape.
        """
        height, width = images.shape[-2:]
        if images.ndim != 4 or images.shape[1] != 3 or height % UNIT_PX or width % UNIT_PX or not height * width:
            raise ValueError(f"images are {tuple(images.shape)}; expected [N, 3, H, W] in multiples of {UNIT_PX}")
        return 1 - 2 * self.logits(images).sigmoid()

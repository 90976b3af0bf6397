"""Pictures between networks and screens: the only place where floats become bytes and back.

The rule: ``byte = trunc(clamp(x * 127.5 + 128, 0, 255))`` for x nominally in [-1, 1], computed in float32, as the
published StyleGAN tools do; so -1 is 0, 0 is 128 and 1 is 255. The way back is ``x = byte / 127.5 - 1``.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from engine.messages import Pixels

Rgb = NDArray[np.uint8]

_OPAQUE = -(1 << 24)  # as int32: only the highest byte is set


@torch.no_grad()
def to_bgrx(image: Tensor) -> Pixels:
    """A picture for the screen.

    Args:
        image: ``[1, C, H, W]`` or ``[C, H, W]``, floating point, nominally in [-1, 1], any device. One channel is
            grey; of more than three the first three are red, green and blue.

    Returns:
        A fresh ``[H, W, 4]``; the fourth byte is 255.
    """
    return as_pixels(packed_bgrx(image).cpu().numpy())


@torch.no_grad()
def packed_bgrx(image: Tensor) -> Tensor:
    """`to_bgrx` on the image's own device: ``[H, W]``, int32, blue in the lowest byte of each."""
    # One number per pixel, below 2**24 and so exact in float32: much faster than to interleave bytes.
    levels = _levels(image).floor_()
    red, green, blue = (levels[channel if len(levels) >= 3 else 0] for channel in range(3))
    packed = torch.add(blue, green, alpha=1 << 8).add_(red, alpha=1 << 16)
    return packed.to(torch.int32).bitwise_or_(_OPAQUE)


def as_pixels(packed: NDArray[np.int32]) -> Pixels:
    """What `packed_bgrx` made, as bytes; on nearly all machines the same memory."""
    return packed.astype("<i4", copy=False).view(np.uint8).reshape(*packed.shape, 4)


@torch.no_grad()
def to_rgb(image: Tensor) -> Rgb:
    """The same bytes as `to_bgrx`, as a fresh ``[H, W, 3]``, red first."""
    levels = _levels(image).to(torch.uint8)
    planes = [levels[channel if len(levels) >= 3 else 0] for channel in range(3)]
    pixels: Rgb = torch.stack(planes, dim=-1).cpu().numpy()
    return pixels


def from_rgb(pixels: Rgb, device: str | torch.device = "cpu") -> Tensor:
    """``[H, W, 3]`` bytes to float32 ``[1, 3, H, W]`` in [-1, 1] on `device`."""
    planar = np.ascontiguousarray(pixels.transpose(2, 0, 1))
    return torch.from_numpy(planar).to(device, torch.float32).div_(127.5).sub_(1.0)[None]


def rgb_to_bgrx(pixels: Rgb) -> Pixels:
    """``[H, W, 3]``, red first, to a fresh picture for the screen."""
    height, width, _ = pixels.shape
    screen = np.full((height, width, 4), 255, np.uint8)
    screen[..., :3] = pixels[..., ::-1]
    return screen


@torch.no_grad()
def shrunk(image: Tensor, size_px: int) -> Tensor:
    """``[1, C, H, W]`` with edges of at most `size_px`, smoothly filtered; `image` itself if it is small enough."""
    height, width = image.shape[-2:]
    longest = max(height, width)
    if longest <= size_px:
        return image
    size = (max(1, round(height * size_px / longest)), max(1, round(width * size_px / longest)))
    return F.interpolate(image, size=size, mode="bilinear", antialias=True, align_corners=False)


def _levels(image: Tensor) -> Tensor:
    """``[C, H, W]``, contiguous, float32 from 0 to 255, on the image's own device; the byte is the whole part."""
    planes = image[0] if image.ndim == 4 else image
    scaled = planes.to(torch.float32, copy=True, memory_format=torch.contiguous_format)
    return scaled.mul_(127.5).add_(128.0).clamp_(0.0, 255.0)

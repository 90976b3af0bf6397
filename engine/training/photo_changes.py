"""What happens to photographs: other light, other lenses, and being saved once too often.

An encoder that learns from clean pictures alone is led astray by all of it. Everything is drawn from a numpy
generator, so that a step of a run can be repeated.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

LIGHT = 0.12
"""Spread of contrast, of brightness, and of the light's fall from one side to the other."""
TINT = 0.06
SATURATION = 0.2
SHIFT = 0.012
"""Of the picture's width: how far off the face was found."""
ROLL_DEG = 1.5
ZOOM = 0.02
BLUR_SHARE = 0.4
NOISE_SHARE = 0.4
JPEG_SHARE = 0.5
JPEG_QUALITIES = (40, 95)


def relit(images: Tensor, rng: np.random.Generator) -> Tensor:
    """The same faces in other light and colours: ``[N, 3, H, W]`` in [-1, 1] to the same."""
    count, _, height, width = images.shape

    def drawn(*shape: int) -> Tensor:
        values = rng.normal(size=(count, *shape)).astype(np.float32)
        return torch.from_numpy(values).to(images.device)

    across = torch.linspace(-1, 1, width, device=images.device)
    down = torch.linspace(-1, 1, height, device=images.device)[:, None]
    slopes = LIGHT * drawn(2, 1, 1, 1)
    light = 1 + slopes[:, 0] * across + slopes[:, 1] * down
    grey = images.mean(dim=1, keepdim=True)
    saturated = grey + (images - grey) * torch.exp(SATURATION * drawn(1, 1, 1))
    contrast = torch.exp(LIGHT * drawn(1, 1, 1) + TINT * drawn(3, 1, 1))
    return ((saturated + 1) * light * contrast - 1 + LIGHT * drawn(1, 1, 1)).clamp(-1, 1)


def worn(images: Tensor, rng: np.random.Generator) -> Tensor:
    """The same pictures a little off their place, out of focus, noisy and compressed.

    Args:
        images: ``[N, 3, S, S]`` in [-1, 1].

    Returns:
        The same shape, on the same device.
    """
    moved = _moved(images, rng)
    pixels = ((moved.permute(0, 2, 3, 1) + 1) * 127.5).clamp(0, 255).cpu().numpy()
    changed = np.stack([_worn_one(np.ascontiguousarray(one), rng) for one in pixels])
    return torch.from_numpy(changed).to(images).div(127.5).sub(1).permute(0, 3, 1, 2).contiguous()


def _moved(images: Tensor, rng: np.random.Generator) -> Tensor:
    count = len(images)
    scale = np.exp(ZOOM * rng.normal(size=count))
    roll = np.radians(ROLL_DEG) * rng.normal(size=count)
    shift = 2 * SHIFT * rng.normal(size=(2, count))
    cos, sin = scale * np.cos(roll), scale * np.sin(roll)
    rows = np.array([[cos, -sin, shift[0]], [sin, cos, shift[1]]], np.float32)
    where = torch.from_numpy(np.ascontiguousarray(rows.transpose(2, 0, 1))).to(images.device)
    grid = F.affine_grid(where, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def _worn_one(pixels: NDArray[Any], rng: np.random.Generator) -> NDArray[np.float32]:
    """``[S, S, 3]`` float32, 0 to 255."""
    blurs, noises, packs = rng.random(3)
    if blurs < BLUR_SHARE:
        sigma = rng.uniform(0.2, 1.2) * pixels.shape[0] / 128
        pixels = cv2.GaussianBlur(pixels, (0, 0), sigma)
    if noises < NOISE_SHARE:
        pixels = pixels + rng.normal(scale=rng.uniform(1, 12), size=pixels.shape).astype(np.float32)
    if packs < JPEG_SHARE:
        quality = int(rng.integers(*JPEG_QUALITIES))
        bytes_ = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
        _, packed = cv2.imencode(".jpg", bytes_, [cv2.IMWRITE_JPEG_QUALITY, quality])
        pixels = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), dtype=np.float32)
    return np.asarray(np.clip(pixels, 0, 255), dtype=np.float32)

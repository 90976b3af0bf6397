"""A quick comparison of the kernels with torch, on shapes that touch every loop's end."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.imaging import to_bgrx
from engine.native.kernels import Kernels
from engine.nets.fir import upsample2x
from engine.nets.modulated_conv import upsampling_conv2d

TOLERANCE = 0.02
"""Relative root mean square error; bfloat16 leaves about 0.002."""

_CHANNELS_IN, _CHANNELS_OUT, _HEIGHT, _WIDTH = 24, 40, 6, 10


@torch.no_grad()
def disagreement(kernels: Kernels) -> str:
    """What the kernels compute wrongly, as a sentence; empty when all is right. Takes some milliseconds."""
    generator = torch.Generator().manual_seed(1)

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    f = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8.0
    x = random(1, _CHANNELS_IN, _HEIGHT, _WIDTH).bfloat16().contiguous(memory_format=torch.channels_last)
    weight = random(_CHANNELS_OUT, _CHANNELS_IN, 3, 3) / (9.0 * _CHANNELS_IN) ** 0.5
    styles, scale, bias = random(_CHANNELS_IN), random(_CHANNELS_OUT), random(_CHANNELS_OUT)
    strengths = random(2)
    scaled = x.float() * styles.view(1, -1, 1, 1)

    def ended(y: Tensor, noise: Tensor) -> Tensor:
        y = y * scale.view(1, -1, 1, 1) + bias.view(1, -1, 1, 1)
        y = y + (strengths[:, None] * noise).sum(0).view(1, 1, *y.shape[2:])
        return F.leaky_relu(y, 0.2).clamp(-2.0, 2.0)

    noise, fine_noise = random(2, _HEIGHT * _WIDTH), random(2, 4 * _HEIGHT * _WIDTH)
    same = kernels.conv3x3(x, kernels.pack_conv(weight), styles, scale, bias, noise, strengths, clamp=2.0)
    up = kernels.pack_up_conv(weight)
    doubled = kernels.up_conv3x3(x, up, styles, scale, bias, fine_noise, strengths, clamp=2.0)
    colours, offset, below = random(3, _CHANNELS_IN), random(3), random(1, 3, _HEIGHT // 2, _WIDTH // 2)
    img = kernels.add_rgb(x, colours, offset, 1.0, below)
    share = (torch.einsum("nihw,oi->nohw", x.float(), colours) + offset.view(1, 3, 1, 1)).clamp(-1.0, 1.0)
    for name, ours, true in (
        ("convolution", same, ended(F.conv2d(scaled, weight, padding=1), noise)),
        ("upsampling convolution", doubled, ended(upsampling_conv2d(scaled, weight, f), fine_noise)),
        ("image", img, upsample2x(below, f) + share),
    ):
        error = (ours.float() - true).norm() / true.norm()
        if not error < TOLERANCE:  # not a number is no agreement either
            return f"the kernels' {name} is off by {float(error):.2g}"
    if not (kernels.to_bgrx(img).numpy() == to_bgrx(img)).all():
        return "the kernels' screen bytes differ"
    return ""

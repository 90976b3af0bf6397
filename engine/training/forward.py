"""Running the engine's generator for training: half precision inside, full precision where it matters."""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch
from torch import Tensor

from engine.nets.fir import upsample2x
from engine.nets.noise import NoiseInput
from engine.nets.stylegan2 import Generator
from engine.training.config import Precision

_DTYPES = {
    Precision.FLOAT32: torch.float32,
    Precision.BFLOAT16: torch.bfloat16,
    Precision.FLOAT16: torch.float16,
}


def mixed_precision(device: torch.device, precision: Precision) -> AbstractContextManager[object]:
    """Within it, matrix products and convolutions are computed in `precision`."""
    return torch.autocast(device.type, _DTYPES[precision], enabled=precision is not Precision.FLOAT32)


def draw_latents(generator: torch.Generator, count: int, z_dim: int) -> Tensor:
    return torch.randn(count, z_dim, generator=generator, device=generator.device)


def map_mixed(
    network: Generator, z: Tensor, mixing_probability: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Latents to ws, where now and then the upper rows come from other latents; always in full precision.

    Returns:
        ws ``[N, num_ws, w_dim]``, and the w of `z` themselves, ``[N, w_dim]``.

    Source: Karras et al. 2019, arXiv:1812.04948, section 3.1 (mixing regularisation).
    """
    num_ws = network.synthesis.num_ws
    w: Tensor = network.mapping(z)
    ws = w[:, None].repeat(1, num_ws, 1)
    chance, place = torch.rand(2, generator=generator, device=generator.device).tolist()
    if chance >= mixing_probability or num_ws < 2:
        return ws, w
    first = 1 + int(place * (num_ws - 1))
    other: Tensor = network.mapping(draw_latents(generator, len(z), z.shape[1]))
    return torch.cat([ws[:, :first], other[:, None].repeat(1, num_ws - first, 1)], dim=1), w


def synthesize(
    network: Generator,
    ws: Tensor,
    generator: torch.Generator | None,
    precision: Precision,
    max_resolution: int | None = None,
) -> Tensor:
    """``ws`` [N, num_ws, w_dim] to pictures ``[N, C, R, R]``, float32.

    The features may be half precision; the picture is added up in float32, as its steps would show.

    Args:
        generator: Draws fresh noise; None for the network's own maps.
        max_resolution: Stop after this block, for a coarse picture. Skip networks only.
    """
    noise = NoiseInput() if generator is None else NoiseInput("random", generator=generator)
    synthesis = network.synthesis
    x: Tensor | None = None
    image: Tensor | None = None
    for index, resolution in enumerate(synthesis.block_resolutions):
        if max_resolution is not None and resolution > max_resolution:
            break
        block = synthesis.block_at(index)
        with mixed_precision(ws.device, precision):
            drawn = block.noise(noise, len(ws))
            x, rgb = block.forward(x, None, ws[:, synthesis.rows(index)], drawn)
        if rgb is not None:
            image = rgb.float() if image is None else upsample2x(image, block.resample_filter) + rgb.float()
    assert image is not None, "a network's last block has a ToRGB layer"
    return image

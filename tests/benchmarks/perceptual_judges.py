"""What `perceptual.py` compares: ways to say how far two pictures are from each other."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

from engine.inversion.distance import PixelsAndEdges
from engine.nets.perceptual import PerceptualNet, feature_distance

Described: TypeAlias = list[Tensor]
"""Of N pictures, tensors whose first side is N."""


@dataclass(frozen=True)
class Judge:
    """Attributes:
    describe: Pictures ``[N, 3, S, S]`` in [-1, 1] to what is compared.
    compare: Two descriptions, N alike or 1, to distances ``[N]``.
    """

    describe: Callable[[Tensor], Described]
    compare: Callable[[Described, Described], Tensor]


def judges(nets: Sequence[Path]) -> dict[str, Judge]:
    """Pixel distances, structural similarity, and each network with and without pixels and edges."""
    found = {
        "pixel distance": Judge(_as_it_is, lambda a, b: (a[0] - b[0]).abs().mean(dim=(1, 2, 3))),
        "squared pixel distance": Judge(_as_it_is, lambda a, b: (a[0] - b[0]).square().mean(dim=(1, 2, 3))),
        "structural similarity": Judge(_at_most_128, lambda a, b: 1 - structural_similarity(a[0], b[0])),
        "pixels and edges": Judge(_as_it_is, lambda a, b: _plain(a[0], b[0])),
    }
    for path in nets:
        features = PerceptualNet.from_tensors(load_file(path))
        name = f"{path.parent.name}/{path.name}"
        found[name] = Judge(features, feature_distance)
        found[f"{name}, with pixels and edges"] = Judge(
            lambda images, features=features: [images, *features(images)],
            lambda a, b: feature_distance(a[1:], b[1:]) + _plain(a[0], b[0]),
        )
    return found


def _as_it_is(images: Tensor) -> Described:
    return [images]


def _at_most_128(images: Tensor) -> Described:
    """Structural similarity is usually computed after such a reduction."""
    return [F.avg_pool2d(images, max(1, images.shape[-1] // 128))]


def _plain(a: Tensor, b: Tensor) -> Tensor:
    """One by one, since it takes a single target; each picture is judged by itself anyhow."""
    count = max(len(a), len(b))
    pairs = zip(a.expand(count, -1, -1, -1), b.expand(count, -1, -1, -1), strict=True)
    return torch.cat([PixelsAndEdges().aimed_at(y[None])(x[None]) for x, y in pairs])


def structural_similarity(a: Tensor, b: Tensor) -> Tensor:
    """Mean SSIM of the brightness, ``[N]``.

    Source: Wang et al. 2004, doi 10.1109/TIP.2003.819861, equation 13, with its window and constants.
    """
    x, y = ((images.mean(dim=1, keepdim=True) + 1) / 2 for images in (a, b))
    ticks = torch.arange(-5.0, 6.0)
    line = torch.exp(-(ticks**2) / (2 * 1.5**2))
    line = line / line.sum()
    window = torch.outer(line, line)[None, None]

    def local(values: Tensor) -> Tensor:
        return F.conv2d(values, window)

    mean_x, mean_y = local(x), local(y)
    spread = local(x * x) - mean_x**2 + local(y * y) - mean_y**2
    shared = local(x * y) - mean_x * mean_y
    light, detail = 0.01**2, 0.03**2
    ratio = (2 * mean_x * mean_y + light) * (2 * shared + detail)
    return (ratio / ((mean_x**2 + mean_y**2 + light) * (spread + detail))).mean(dim=(1, 2, 3))


def cost_ms(judge: Judge, size: int, repeats: int = 9) -> float:
    """Of one comparison with gradients, as projection makes them: the best of some."""
    image = torch.rand(1, 3, size, size, requires_grad=True)
    with torch.no_grad():
        target = judge.describe(torch.rand(1, 3, size, size))
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        judge.compare(judge.describe(image), target).sum().backward()
        times.append(time.perf_counter() - began)
    return 1000 * min(times)


def described(judge: Judge, images: Sequence[Tensor] | Tensor, chunk: int = 16) -> Described:
    """`describe` for many pictures, without gradients."""
    stacked = images if isinstance(images, Tensor) else torch.stack(list(images))
    with torch.no_grad():
        parts = [judge.describe(part) for part in torch.split(stacked, chunk)]
    return [torch.cat(levels) for levels in zip(*parts, strict=True)]

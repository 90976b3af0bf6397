"""How alike two pictures are, as a number that projection can go down.

The default needs nothing but what ships with Graft. A user who has VGG16 weights can let LPIPS judge instead
(`engine.inversion.lpips`). Each says by its `name` what it is, and the window shows that name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeAlias

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from engine.nets.perceptual import MIN_SIZE, PerceptualNet, feature_distance
from engine.places import embedded_models_folder

TRUNK_FILE = "perceptual.safetensors"
WITH_PLAIN = ", with pixels and edges"

Measure: TypeAlias = Callable[[Tensor], Tensor]
"""Pictures ``[N, 3, S, S]`` in [-1, 1] to distances ``[N]``; differentiable."""


class PerceptualDistance(Protocol):
    @property
    def name(self) -> str:
        """What judges, in a few words for the user."""
        ...

    def aimed_at(self, target: Tensor) -> Measure:
        """Compute what is needed of the target once, and return the distance from it.

        Args:
            target: ``[1, 3, S, S]``, RGB in [-1, 1], on the device on which will be measured.
        """
        ...


class PixelsAndEdges:
    """Colour differences from coarse to fine, and differences of gradients.

    0 for equal pictures, about 0.5 for unrelated ones. Plain, but it needs no network and never misleads.
    """

    def __init__(self, name: str = "pixels and edges") -> None:
        self.name = name

    def aimed_at(self, target: Tensor) -> Measure:
        wanted = [(level, edges(level)) for level in pyramid(target)]

        def measure(images: Tensor) -> Tensor:
            terms = [
                _mean_abs(image, level) + _mean_abs(edges(image), outline)
                for image, (level, outline) in zip(pyramid(images), wanted, strict=True)
            ]
            return torch.stack(terms).mean(dim=0)

        return measure


class FeatureDistance:
    """Features of a network, with pixels and edges beside them.

    The features see likeness at their own size; pixels and edges see the full size, and colour, to which features
    are nearly blind.

    Args:
        name: For the user.
        net: Pictures to feature maps; moved to the target's device when aimed.
        compare: Two stacks of maps to distances ``[N]``.
        prepare: Brings pictures to a size that `net` takes.
    """

    def __init__(
        self,
        name: str,
        net: nn.Module,
        compare: Callable[[Sequence[Tensor], Sequence[Tensor]], Tensor],
        prepare: Callable[[Tensor], Tensor],
    ) -> None:
        self.name = name
        self._net: nn.Module = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._compare = compare
        self._prepare = prepare
        self._plain = PixelsAndEdges()

    @property
    def features_name(self) -> str:
        """What judges in `features_apart`."""
        return self.name.replace(WITH_PLAIN, "")

    def features(self, images: Tensor) -> Sequence[Tensor]:
        """The maps ``[N, C, r, r]`` that are compared. Differentiable."""
        return self._net.to(images.device)(self._prepare(images))  # type: ignore[no-any-return]

    def features_apart(self, a: Tensor, b: Tensor) -> Tensor:
        """Distances ``[N]`` of pictures ``[N, 3, S, S]`` from one another, one by one, by features alone."""
        net = self._net.to(a.device)
        return self._compare(net(self._prepare(a)), net(self._prepare(b)))

    def aimed_at(self, target: Tensor) -> Measure:
        net = self._net.to(target.device)
        with torch.no_grad():
            wanted = net(self._prepare(target))
        plain = self._plain.aimed_at(target)

        def measure(images: Tensor) -> Tensor:
            return self._compare(net(self._prepare(images)), wanted) + plain(images)

        return measure


def trunk_distance(trunk: PerceptualNet, note: str = "") -> FeatureDistance:
    """The features of our own discriminator at five scales, up to 64 px. `note` is added to its name."""
    name = f"Graft's own face features{WITH_PLAIN}{note}"
    return FeatureDistance(name, trunk, feature_distance, lambda images: at_least(images, MIN_SIZE))


def default_distance(folder: Path | None = None, note: str = "") -> PerceptualDistance:
    """What ships with Graft; pixels and edges alone when the feature file is missing or damaged.

    Args:
        folder: Where ``perceptual.safetensors`` is, if not with the embedded models.
        note: Added to the judge's name.
    """
    path = (folder or embedded_models_folder()) / TRUNK_FILE
    try:
        return trunk_distance(PerceptualNet.from_tensors(load_file(path)), note)
    except (OSError, SafetensorError, KeyError, RuntimeError):
        return PixelsAndEdges("pixels and edges" + note)


def pyramid(images: Tensor, smallest: int = 8) -> list[Tensor]:
    """The pictures and their halvings by 2x2 means, down to `smallest` px."""
    levels = [images]
    while levels[-1].shape[-1] >= 2 * smallest:
        levels.append(F.avg_pool2d(levels[-1], 2))
    return levels


def edges(images: Tensor) -> Tensor:
    """Sobel gradients, ``[N, C, H, W]`` to ``[N, 2C, H, W]``, in the units of a step across one pixel."""
    channels = images.shape[1]
    smooth, slope = images.new_tensor([0.25, 0.5, 0.25]), images.new_tensor([-0.5, 0.0, 0.5])
    kernels = torch.stack([torch.outer(smooth, slope), torch.outer(slope, smooth)])[:, None]
    padded = F.pad(images, (1, 1, 1, 1), mode="replicate")
    return F.conv2d(padded, kernels.repeat(channels, 1, 1, 1), groups=channels)


def _mean_abs(a: Tensor, b: Tensor) -> Tensor:
    """Mean absolute difference per picture, smooth near zero so that the descent does not rattle."""
    return ((a - b).square() + 1e-6).sqrt().mean(dim=(1, 2, 3)) - 1e-3


def at_least(images: Tensor, size_px: int) -> Tensor:
    """The pictures, enlarged when they are smaller than `size_px`."""
    if images.shape[-1] >= size_px:
        return images
    return F.interpolate(images, size=(size_px, size_px), mode="bilinear", align_corners=False)

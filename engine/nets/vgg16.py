"""The convolutional part of VGG16 as a feature net, and the LPIPS distance on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

STAGES = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
"""Widths of the 3x3 convolutions between two poolings."""

MIN_SIZE = 16

# ImageNet's colours, for pictures in [-1, 1].
MEAN = (-0.030, -0.088, -0.188)
SPREAD = (0.458, 0.448, 0.450)


def layer_indices() -> tuple[tuple[int, ...], ...]:
    """The place of each convolution in the published net, where activations and poolings are counted too."""
    indices, place = [], 0
    for stage in STAGES:
        indices.append(tuple(place + 2 * number for number in range(len(stage))))
        place += 2 * len(stage) + 1
    return tuple(indices)


class Vgg16Features(nn.Module):
    """Features after the last activation of each of the five stages.

    State dict: ``features.{i}.weight`` [O, I, 3, 3] and ``features.{i}.bias`` [O], i from `layer_indices`, as
    torchvision names them.

    Source: Simonyan & Zisserman 2014, arXiv:1409.1556, table 1, column D.
    """

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.ModuleDict()
        channels = 3
        for stage, indices in zip(STAGES, layer_indices(), strict=True):
            for width, index in zip(stage, indices, strict=True):
                self.features[str(index)] = nn.Conv2d(channels, width, 3, padding=1)
                channels = width

    @staticmethod
    def from_tensors(tensors: Mapping[str, Tensor]) -> Vgg16Features:
        """Build the frozen net.

        Raises:
            RuntimeError: names or shapes are not those of the class's docstring.
        """
        with torch.device("meta"):
            net = Vgg16Features()
        net.load_state_dict({name: tensor.float() for name, tensor in tensors.items()}, assign=True)
        return net.eval().requires_grad_(False)

    def forward(self, images: Tensor) -> list[Tensor]:
        """``[N, 3, S, S]`` RGB in [-1, 1], S of at least 16, to five maps: [N, 64, S, S] to [N, 512, S/16, S/16]."""
        x = (images - images.new_tensor(MEAN)[:, None, None]) / images.new_tensor(SPREAD)[:, None, None]
        found = []
        for number, indices in enumerate(layer_indices()):
            x = F.max_pool2d(x, 2) if number else x
            for index in indices:
                x = F.relu(self.features[str(index)](x))
            found.append(x)
        return found


def lpips(a: Sequence[Tensor], b: Sequence[Tensor], channel_weights: Sequence[Tensor] | None = None) -> Tensor:
    """How different two stacks of feature maps are, ``[N]``.

    Args:
        a, b: As `Vgg16Features` returns them; batch sizes equal or 1.
        channel_weights: One ``[C]`` per map, learned on human judgements; None for equal weights that sum to one.

    Source: Zhang et al. 2018, arXiv:1801.03924, equation 1.
    """
    total: Tensor | None = None
    for index, (x, y) in enumerate(zip(a, b, strict=True)):
        difference = (_unit(x) - _unit(y)).square()
        if channel_weights is None:
            per_place = difference.mean(dim=1)
        else:
            per_place = (difference * channel_weights[index][:, None, None]).sum(dim=1)
        scale = per_place.mean(dim=(1, 2))
        total = scale if total is None else total + scale
    assert total is not None, "there are five stages"
    return total


def _unit(x: Tensor) -> Tensor:
    return x / (x.square().sum(dim=1, keepdim=True).sqrt() + 1e-10)

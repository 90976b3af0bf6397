"""What pictures look like to a discriminator: its convolutional trunk as a ladder of feature maps.

The default perceptual distance of projection is built on these features, so that it needs no foreign weights.
Two portraits that look alike have alike features at all five scales; a plain pixel difference punishes a
strand of hair that moved by one pixel more than a wrong face.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.nets.activations import bias_act

INPUT_SIZE = 64
"""Pictures are brought to this height and width before the first convolution."""

MIN_SIZE = 32


class _Halving(nn.Module):
    """A residual block: ``[N, in, H, W]`` to ``[N, out, H / 2, W / 2]``."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv0 = nn.Conv2d(in_channels, in_channels, 3, padding=1)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.skip = nn.Conv2d(in_channels, out_channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = bias_act(F.conv2d(x, self.conv0.weight, padding=1), self.conv0.bias, "lrelu")
        # Pooling is linear: before the bias or after it is the same, and before the skip costs a quarter.
        y = F.avg_pool2d(F.conv2d(y, self.conv1.weight, padding=1), 2)
        y = bias_act(y, self.conv1.bias, "lrelu")
        shortcut: Tensor = self.skip(F.avg_pool2d(x, 2))
        return (y + shortcut) * math.sqrt(0.5)


class PerceptualNet(nn.Module):
    """The trunk of a 64 px residual discriminator.

    State dict (plain weights, every run-time gain already multiplied in): ``fromrgb.weight`` [C64, 3, 1, 1],
    ``fromrgb.bias``; per block r = 64, 32, 16, 8: ``b{r}.conv0.weight`` [C_r, C_r, 3, 3], ``b{r}.conv0.bias``,
    ``b{r}.conv1.weight`` [C_r/2, C_r, 3, 3], ``b{r}.conv1.bias``, ``b{r}.skip.weight`` [C_r/2, C_r, 1, 1].

    Args:
        channels: Widths at 64, 32, 16, 8 and 4 px.

    Source: Karras et al. 2020, arXiv:1912.04958, section 4.1 (residual discriminator); features of a
    discriminator as a distance: Larsen et al. 2016, arXiv:1512.09300.
    """

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        self.resolutions = tuple(INPUT_SIZE >> i for i in range(len(channels)))
        self.fromrgb = nn.Conv2d(3, channels[0], 1)
        for index, resolution in enumerate(self.resolutions[:-1]):
            self.add_module(f"b{resolution}", _Halving(channels[index], channels[index + 1]))

    @staticmethod
    def from_tensors(tensors: Mapping[str, Tensor]) -> PerceptualNet:
        """Build the frozen net from the tensors of ``perceptual.safetensors``, whatever float type they have.

        Raises:
            RuntimeError, KeyError: names or shapes are not those of the class's docstring.
        """
        widths = [tensors["fromrgb.weight"].shape[0]]
        resolution = INPUT_SIZE
        while f"b{resolution}.skip.weight" in tensors:
            widths.append(tensors[f"b{resolution}.skip.weight"].shape[0])
            resolution //= 2
        net = PerceptualNet(widths)
        net.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
        return net.eval().requires_grad_(False)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Feature maps, finest first.

        Args:
            images: ``[N, 3, S, S]``, RGB in [-1, 1], S a power of two of at least 32. Larger ones are averaged
                down to 64 px, 32 px ones enlarged.

        Returns:
            One ``[N, channels, r, r]`` for each r of `resolutions` (64 to 4), in the weights' dtype. Differentiable.

        Raises:
            ValueError: any other shape.
        """
        size = images.shape[-1]
        power_of_two = size >= MIN_SIZE and size & (size - 1) == 0
        if images.ndim != 4 or tuple(images.shape[1:3]) != (3, size) or not power_of_two:
            raise ValueError(f"images are {tuple(images.shape)}; expected [N, 3, S, S], S = {MIN_SIZE}, 64, 128, ...")
        x = images.to(self.fromrgb.weight.dtype)
        if size > INPUT_SIZE:
            x = F.avg_pool2d(x, size // INPUT_SIZE)
        elif size < INPUT_SIZE:
            x = F.interpolate(x, size=(INPUT_SIZE, INPUT_SIZE), mode="bilinear", align_corners=False)
        x = bias_act(F.conv2d(x, self.fromrgb.weight), self.fromrgb.bias, "lrelu")
        features = [x]
        for resolution in self.resolutions[:-1]:
            x = self.get_submodule(f"b{resolution}")(x)
            features.append(x)
        return features


def feature_distance(a: Sequence[Tensor], b: Sequence[Tensor]) -> Tensor:
    """How different two stacks of feature maps are, ``[N]``: 0 for equal ones, about 1 for unrelated pictures.

    At each place the channel vectors are brought to length one before they are compared, so a scale with large
    numbers does not drown the others; squared differences are averaged over places, then over scales.

    Args:
        a, b: As `PerceptualNet` returns them; batch sizes equal or 1.

    Source: Zhang et al. 2018, arXiv:1801.03924, equation 1, with all channel weights equal.
    """
    scales = [
        (F.normalize(x, dim=1, eps=1e-6) - F.normalize(y, dim=1, eps=1e-6)).square().sum(dim=1).mean(dim=(1, 2))
        for x, y in zip(a, b, strict=True)
    ]
    return torch.stack(scales).mean(dim=0)

"""What pictures look like to a small network: a ladder of feature maps.

The default perceptual distance of projection is built on these features, so that it needs no foreign weights.
Two portraits that look alike have alike features at all five scales; a plain pixel difference punishes a
strand of hair that moved by one pixel more than a wrong face.

There are two kinds, told apart by their tensors: the convolutional trunk of a discriminator, which looks at 64 px,
and a network trained to judge likeness (`engine.training.perceptual`), which looks at 128 px.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.nets.activations import bias_act

KIND = "perceptual"
"""What the file of a trained one calls it."""

INPUT_SIZE = 64
"""A trunk sees pictures brought to this height and width."""

TRAINED_SIZE = 128
"""And a trained network to this."""

MIN_SIZE = 32
FINEST = 64
"""Height and width of the first feature maps."""


class _Halving(nn.Module):
    """A residual block: ``[N, in, H, W]`` to ``[N, out, H / 2, W / 2]``.

    Args:
        pool_first: Before the second convolution, which then costs a quarter and sees less.
    """

    def __init__(self, in_channels: int, out_channels: int, *, pool_first: bool) -> None:
        super().__init__()
        self._pool_first = pool_first
        self.conv0 = nn.Conv2d(in_channels, in_channels, 3, padding=1)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.skip = nn.Conv2d(in_channels, out_channels, 1, bias=False)
        self.pooled: Tensor | None
        self.register_buffer("pooled", None, persistent=False)

    @torch.no_grad()
    def freeze(self) -> None:
        """Pool the kernel of conv1 instead of its picture: the same numbers for 16 products in place of 36."""
        if not self._pool_first:
            corners = [F.pad(self.conv1.weight, (x, 1 - x, y, 1 - y)) for x in (0, 1) for y in (0, 1)]
            self.pooled = torch.stack(corners).mean(dim=0)

    def forward(self, x: Tensor) -> Tensor:
        y = bias_act(F.conv2d(x, self.conv0.weight, padding=1), self.conv0.bias, "lrelu")
        if self._pool_first:
            y = F.conv2d(F.avg_pool2d(y, 2), self.conv1.weight, padding=1)
        elif self.pooled is not None:
            y = F.conv2d(y, self.pooled, stride=2, padding=1)
        else:
            # Pooling is linear: before the bias or after it is the same, and before the skip costs a quarter.
            y = F.avg_pool2d(F.conv2d(y, self.conv1.weight, padding=1), 2)
        y = bias_act(y, self.conv1.bias, "lrelu")
        shortcut: Tensor = self.skip(F.avg_pool2d(x, 2))
        return (y + shortcut) * math.sqrt(0.5)


class PerceptualNet(nn.Module):
    """Residual blocks whose feature maps are compared place by place.

    State dict (plain weights, every run-time gain already multiplied in). A trunk begins with ``fromrgb.weight``
    [C64, 3, 1, 1] and ``fromrgb.bias``; a trained network with ``stem.weight`` [C64, 12, 3, 3] and ``stem.bias``,
    over the four pixels of each 2x2 square, channel by channel. Per block r = 64, 32, 16, 8: ``b{r}.conv0.weight``
    [C_r, C_r, 3, 3], ``b{r}.conv0.bias``, ``b{r}.conv1.weight`` [C_r/2, C_r, 3, 3], ``b{r}.conv1.bias``,
    ``b{r}.skip.weight`` [C_r/2, C_r, 1, 1].

    Args:
        channels: Widths at 64, 32, 16, 8 and 4 px.
        input_size: `INPUT_SIZE` for a trunk, or `TRAINED_SIZE`.

    Source: Karras et al. 2020, arXiv:1912.04958, section 4.1 (residual discriminator); features of a
    discriminator as a distance: Larsen et al. 2016, arXiv:1512.09300. Squares of pixels as channels: Shi et al. 2016,
    arXiv:1609.05158; features trained to judge likeness: Zhang et al. 2018, arXiv:1801.03924.
    """

    def __init__(self, channels: Sequence[int], input_size: int = INPUT_SIZE) -> None:
        super().__init__()
        self.input_size = input_size
        self.resolutions = tuple(FINEST >> i for i in range(len(channels)))
        self._trained = input_size == TRAINED_SIZE
        if self._trained:
            self.stem = nn.Conv2d(12, channels[0], 3, padding=1)
        else:
            self.fromrgb = nn.Conv2d(3, channels[0], 1)
        for index, resolution in enumerate(self.resolutions[:-1]):
            block = _Halving(channels[index], channels[index + 1], pool_first=self._trained)
            self.add_module(f"b{resolution}", block)

    @staticmethod
    def from_tensors(tensors: Mapping[str, Tensor]) -> PerceptualNet:
        """Build the frozen net from the tensors of ``perceptual.safetensors``, whatever float type they have.

        Raises:
            RuntimeError, KeyError: names or shapes are not those of the class's docstring.
        """
        trained = "stem.weight" in tensors
        widths = [tensors["stem.weight" if trained else "fromrgb.weight"].shape[0]]
        resolution = FINEST
        while f"b{resolution}.skip.weight" in tensors:
            widths.append(tensors[f"b{resolution}.skip.weight"].shape[0])
            resolution //= 2
        net = PerceptualNet(widths, TRAINED_SIZE if trained else INPUT_SIZE)
        net.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
        for resolution in net.resolutions[:-1]:
            block = net.get_submodule(f"b{resolution}")
            assert isinstance(block, _Halving)
            block.freeze()
        return net.eval().requires_grad_(False)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Feature maps, finest first.

        Args:
            images: ``[N, 3, S, S]``, RGB in [-1, 1], S a power of two of at least 32. Larger ones are averaged
                down to `input_size`, smaller ones enlarged.

        Returns:
            One ``[N, channels, r, r]`` for each r of `resolutions` (64 to 4), in the weights' dtype. Differentiable.

        Raises:
            ValueError: any other shape.
        """
        size = images.shape[-1]
        power_of_two = size >= MIN_SIZE and size & (size - 1) == 0
        if images.ndim != 4 or tuple(images.shape[1:3]) != (3, size) or not power_of_two:
            raise ValueError(f"images are {tuple(images.shape)}; expected [N, 3, S, S], S = {MIN_SIZE}, 64, 128, ...")
        first = self.stem if self._trained else self.fromrgb
        x = images.to(first.weight.dtype)
        wanted = self.input_size
        if size > wanted:
            x = F.avg_pool2d(x, size // wanted)
        elif size < wanted:
            x = F.interpolate(x, size=(wanted, wanted), mode="bilinear", align_corners=False)
        if self._trained:
            x = F.conv2d(F.pixel_unshuffle(x, 2), self.stem.weight, padding=1)
        else:
            x = F.conv2d(x, self.fromrgb.weight)
        x = bias_act(x, first.bias, "lrelu")
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

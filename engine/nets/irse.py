"""The trunks of published portrait encoders: IR-SE50, made for telling faces apart, and ResNet34 without its pooling.

Both only run, and never learn: normalisation takes the statistics of the file. Tensors have the names of the
published files, so that those load as they are.

Source: Deng et al. 2019, arXiv:1801.07698 (IR-SE50); He et al. 2016, arXiv:1512.03385 (ResNet34); Richardson et al.
2021, arXiv:2008.00951, section 3 (where maps are read off).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

IR_SE50_BLOCKS = (3, 4, 14, 3)
RESNET34_BLOCKS = (3, 4, 6, 3)
SQUEEZE = 16


class FrozenNorm(nn.Module):
    """Batch normalisation by stored statistics, for ``[N, C]`` or ``[N, C, H, W]``."""

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        for name in ("weight", "bias", "running_mean", "running_var"):
            self.register_buffer(name, torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, 1e-5)


class _SqueezeExcite(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, max(1, channels // SQUEEZE), 1, bias=False)
        self.fc2 = nn.Conv2d(max(1, channels // SQUEEZE), channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        gate = torch.sigmoid(self.fc2(F.relu(self.fc1(x.mean(dim=(2, 3), keepdim=True)))))
        return x * gate


class _IrBlock(nn.Module):
    """Nothing is activated after the sum. Where the width stays, the shortcut picks every `stride`-th pixel."""

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.shortcut_layer = (
            None
            if in_channels == channels
            else nn.Sequential(nn.Conv2d(in_channels, channels, 1, stride, bias=False), FrozenNorm(channels))
        )
        self.res_layer = nn.Sequential(
            FrozenNorm(in_channels),
            nn.Conv2d(in_channels, channels, 3, 1, 1, bias=False),
            nn.PReLU(channels),
            nn.Conv2d(channels, channels, 3, stride, 1, bias=False),
            FrozenNorm(channels),
            _SqueezeExcite(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        picked = x[:, :, :: self.stride, :: self.stride] if self.shortcut_layer is None else self.shortcut_layer(x)
        total: Tensor = self.res_layer(x) + picked
        return total


class IrSe50(nn.Module):
    """``[N, C, S, S]`` to three maps, of S/4, S/8 and S/16: the ends of the second, third and fourth stage.

    Args:
        input_channels: 3; 6 for pictures beside what was made of them so far; 1 for drawings.
        widths: Channels of the four stages: 64, 128, 256, 512 in published files.
    """

    def __init__(self, input_channels: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.input_layer = nn.Sequential(
            nn.Conv2d(input_channels, widths[0], 3, 1, 1, bias=False), FrozenNorm(widths[0]), nn.PReLU(widths[0])
        )
        self.body = nn.ModuleList()
        for (before, width), count in zip(pairwise((widths[0], *widths)), IR_SE50_BLOCKS, strict=True):
            self.body.append(_IrBlock(before, width, 2))
            self.body.extend(_IrBlock(width, width, 1) for _ in range(count - 1))

    def forward(self, images: Tensor) -> list[Tensor]:
        return _stages(self.input_layer(images), self.body, IR_SE50_BLOCKS)


class _BasicBlock(nn.Module):
    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, 1, bias=False)
        self.bn1 = FrozenNorm(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = FrozenNorm(channels)
        self.downsample = (
            None
            if stride == 1 and in_channels == channels
            else nn.Sequential(nn.Conv2d(in_channels, channels, 1, stride, bias=False), FrozenNorm(channels))
        )

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet34(nn.Module):
    """``[N, C, S, S]`` to three maps as `IrSe50` gives them; for pictures that are not faces."""

    def __init__(self, input_channels: int, widths: Sequence[int]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(input_channels, widths[0], 7, 2, 3, bias=False)
        self.bn1 = FrozenNorm(widths[0])
        self.relu = nn.PReLU(widths[0])
        self.body = nn.ModuleList()
        for stage, ((before, width), count) in enumerate(
            zip(pairwise((widths[0], *widths)), RESNET34_BLOCKS, strict=True)
        ):
            self.body.append(_BasicBlock(before, width, 2 if stage else 1))
            self.body.extend(_BasicBlock(width, width, 1) for _ in range(count - 1))

    def forward(self, images: Tensor) -> list[Tensor]:
        return _stages(self.relu(self.bn1(self.conv1(images))), self.body, RESNET34_BLOCKS)


def _stages(x: Tensor, body: nn.ModuleList, counts: Sequence[int]) -> list[Tensor]:
    found, index = [], 0
    for count in counts:
        for _ in range(count):
            x = body[index](x)
            index += 1
        found.append(x)
    return found[1:]

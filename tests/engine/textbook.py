"""StyleGAN2 written down as slowly and literally as possible, in float64, to hold the fast one against.

Follows the equations: weights are modulated and demodulated per sample, upsampling inserts real zeros, pads are the
general formulas for any number of taps and any odd kernel.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from engine.network_config import BlockConfig, ConvConfig, DenseConfig, NetworkConfig, ResampleFilter

FUNCTIONS = {
    "linear": lambda x: x,
    "relu": lambda x: torch.where(x > 0, x, torch.zeros_like(x)),
    "lrelu": lambda x: torch.where(x > 0, x, 0.2 * x),
    "tanh": lambda x: (torch.exp(2 * x) - 1) / (torch.exp(2 * x) + 1),
    "sigmoid": lambda x: 1 / (1 + torch.exp(-x)),
    "elu": lambda x: torch.where(x > 0, x, torch.exp(x) - 1),
    "selu": lambda x: 1.0507009873554805 * torch.where(x > 0, x, 1.6732632423543772 * (torch.exp(x) - 1)),
    "softplus": lambda x: torch.log(1 + torch.exp(x)),
    "swish": lambda x: x / (1 + torch.exp(-x)),
}
GAINS = {name: math.sqrt(2) if name in ("relu", "lrelu", "swish") else 1.0 for name in FUNCTIONS}


class Textbook:
    def __init__(self, config: NetworkConfig, tensors: Mapping[str, Tensor]) -> None:
        self.config = config
        self.t = {name: tensor.double() for name, tensor in tensors.items()}

    def dense(self, name: str, config: DenseConfig, x: Tensor) -> Tensor:
        y = x @ (self.t[f"{name}.weight"] * config.weight_gain).T + self.t[f"{name}.bias"] * config.bias_gain
        return FUNCTIONS[config.activation](y) * GAINS[config.activation]

    def mapping(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        def normalised(x: Tensor) -> Tensor:
            return x / torch.sqrt((x**2).mean(dim=1, keepdim=True) + 1e-8)

        x = normalised(z.double())
        if self.config.mapping.embed is not None and c is not None:
            x = torch.cat([x, normalised(self.dense("mapping.embed", self.config.mapping.embed, c.double()))], dim=1)
        for index, layer in enumerate(self.config.mapping.layers):
            x = self.dense(f"mapping.fc{index}", layer, x)
        return x[:, None].repeat(1, self.config.num_ws, 1)

    def kernel(self, owner: str, taps: ResampleFilter) -> Tensor:
        if taps is None:
            return self.t[f"{owner}.resample_filter"]
        line = torch.tensor(taps, dtype=torch.float64)
        return line[:, None] * line[None, :]

    def conv(self, name: str, config: ConvConfig, x: Tensor, w: Tensor, noise: str, gain: float) -> Tensor:
        styles = self.dense(f"{name}.affine", config.affine, w)
        pictures = []
        for sample, style in zip(x, styles, strict=True):
            weight = self.t[f"{name}.weight"] * style[None, :, None, None]
            weight = weight / torch.sqrt((weight**2).sum(dim=(1, 2, 3), keepdim=True) + 1e-8)
            if config.resample_filter == ():
                y = F.conv2d(sample[None], weight, padding=config.kernel_size // 2)
            else:
                y = up_convolve(sample[None], weight, self.kernel(name, config.resample_filter))
            pictures.append(y)
        y = torch.cat(pictures)
        if config.use_noise and noise == "const":
            y = y + self.t[f"{name}.noise_const"] * self.t[f"{name}.noise_strength"]
        y = FUNCTIONS[config.activation](y + self.t[f"{name}.bias"][:, None, None]) * config.act_gain * gain
        limit = math.inf if config.conv_clamp is None else config.conv_clamp * gain
        return y.clamp(-limit, limit)

    def block(self, config: BlockConfig, x: Tensor | None, img: Tensor | None, ws: Tensor, noise: str) -> tuple:
        name = f"synthesis.b{config.resolution}"
        level = int(math.log2(config.resolution))
        gain = 1.0 if config.skip is None else math.sqrt(0.5)
        if config.conv0 is None:
            inner = self.t[f"{name}.const"].repeat(len(ws), 1, 1, 1)
        else:
            inner = self.conv(f"{name}.conv0", config.conv0, x, ws[:, 2 * level - 5], noise, 1.0)
        y = self.conv(f"{name}.conv1", config.conv1, inner, ws[:, 2 * level - 4], noise, gain)
        if config.skip is not None:
            weight = self.t[f"{name}.skip.weight"] * config.skip.weight_gain
            kernel = self.kernel(f"{name}.skip", config.skip.resample_filter)
            y = y + upsample(F.conv2d(x, weight), kernel) * math.sqrt(0.5)
        if config.torgb is not None:
            rgb = config.torgb
            styles = self.dense(f"{name}.torgb.affine", rgb.affine, ws[:, 2 * level - 3]) * rgb.weight_gain
            weights = self.t[f"{name}.torgb.weight"][None] * styles[:, None, :, None, None]
            drawn = torch.cat([F.conv2d(one[None], weight) for one, weight in zip(y, weights, strict=True)])
            limit = math.inf if rgb.conv_clamp is None else rgb.conv_clamp
            drawn = (drawn + self.t[f"{name}.torgb.bias"][:, None, None]).clamp(-limit, limit)
            img = drawn if img is None else upsample(img, self.kernel(name, config.resample_filter)) + drawn
        return y, img

    def synthesis(self, ws: Tensor, noise: str = "const") -> Tensor:
        x = img = None
        for block in self.config.synthesis.blocks:
            x, img = self.block(block, x, img, ws.double(), noise)
        assert img is not None
        return img


def insert_zeros(x: Tensor) -> Tensor:
    batch, channels, height, width = x.shape
    y = x.new_zeros(batch, channels, 2 * height, 2 * width)
    y[:, :, ::2, ::2] = x
    return y


def convolve(x: Tensor, kernel: Tensor) -> Tensor:
    """Convolution proper (the kernel flipped) of every channel, without padding."""
    flipped = kernel.flip([0, 1])[None, None].repeat(x.shape[1], 1, 1, 1)
    return F.conv2d(x, flipped, groups=x.shape[1])


def pads(taps: int) -> tuple[int, int]:
    return (taps + 1) // 2, (taps - 2) // 2


def upsample(x: Tensor, kernel: Tensor) -> Tensor:
    (top, bottom), (left, right) = pads(kernel.shape[0]), pads(kernel.shape[1])
    return convolve(F.pad(insert_zeros(x), (left, right, top, bottom)), kernel * 4)


def up_convolve(x: Tensor, weight: Tensor, kernel: Tensor) -> Tensor:
    """Filter the zero-inserted picture, then correlate with the (stored flipped) kernel turned round again."""
    size = weight.shape[-1]
    (top, bottom), (left, right) = pads(kernel.shape[0]), pads(kernel.shape[1])
    more = size // 2
    padded = F.pad(insert_zeros(x), (left + more, right + more, top + more, bottom + more))
    return F.conv2d(convolve(padded, kernel * 4), weight.flip([2, 3]))

"""StyleGAN2 as its papers write it down, for the preview engine to be measured against.

Float32, NCHW, a grouped convolution whose weights are modulated and demodulated anew for every sample, a transposed
convolution with the FIR as a depthwise one behind it, zeros inserted into the skip image, the mapping and all else
computed again for every picture: what one writes first, and what programs of this kind ship.

    python tests/benchmarks/textbook_forward.py MODEL.safetensors [--keep-memory] [--device cpu]

Draws a picture for each line of JSON on its standard input (``Order``) and answers with one (``Answer``). A process
of its own, because the C library's allocator is as it was born there; with --keep-memory it is set as Graft sets it.

Source: Karras et al. 2019, arXiv:1812.04948; 2020, arXiv:1912.04958; clamps from arXiv:2006.06676.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

if __name__ == "__main__" and "--keep-memory" in sys.argv:
    from engine.device import keep_freed_memory

    keep_freed_memory()

import numpy as np  # noqa: E402
import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from torch import Tensor  # noqa: E402

from engine.models import read_network  # noqa: E402
from engine.network_config import BlockConfig, ConvConfig, DenseConfig, NetworkConfig  # noqa: E402


class Order(TypedDict):
    """Attributes:
    seed: Of z, ``numpy.random.RandomState(seed).randn``.
    psi: Truncation of all rows.
    image: Where to save the picture as float32 ``[1, C, H, W]`` (``.npy``), or None.
    """

    seed: int
    psi: float
    image: str | None


class Answer(TypedDict):
    """Attributes:
    seconds: From z to the picture.
    idle_seconds: How long the process had waited for the order.
    idle_cpu_seconds: What it used of the processor meanwhile.
    rss_bytes: What it holds.
    """

    seconds: float
    idle_seconds: float
    idle_cpu_seconds: float
    rss_bytes: int


class TextbookForward:
    """A skip network, run from its tensors alone.

    Args:
        tensors: As in Graft's open format; used where they lie.

    Raises:
        ValueError: not a network of this plain kind.
    """

    def __init__(self, config: NetworkConfig, tensors: Mapping[str, Tensor]) -> None:
        for block in config.synthesis.blocks:
            convs = [conv for conv in (block.conv0, block.conv1) if conv is not None]
            is_plain = block.architecture == "skip" and all(conv.activation == "lrelu" for conv in convs)
            if not is_plain or block.resample_filter is None or any(conv.resample_filter is None for conv in convs):
                raise ValueError("the yardstick runs skip networks with leaky ReLU and separable filters")
        self.config = config
        self.t = tensors

    @torch.no_grad()
    def __call__(self, z: Tensor, psi: float = 1.0) -> Tensor:
        """``[N, z_dim]`` to ``[N, C, H, W]``, with the network's own noise."""
        w = self.mapping(z)
        w_avg = self.t["mapping.w_avg"]
        ws = (w_avg + psi * (w - w_avg))[:, None].repeat(1, self.config.num_ws, 1)
        return self.synthesis(ws)

    def mapping(self, z: Tensor) -> Tensor:
        """``[N, z_dim]`` to ``[N, w_dim]``."""
        x = z * torch.rsqrt(z.square().mean(dim=1, keepdim=True) + 1e-8)
        for index, layer in enumerate(self.config.mapping.layers):
            x = F.leaky_relu(self._dense(f"mapping.fc{index}", layer, x), 0.2) * math.sqrt(2)
        return x

    @torch.no_grad()
    def synthesis(self, ws: Tensor) -> Tensor:
        """``[N, num_ws, w_dim]`` to ``[N, C, H, W]``."""
        x = self.t["synthesis.b4.const"][None].repeat(len(ws), 1, 1, 1)
        img: Tensor | None = None
        for index, block in enumerate(self.config.synthesis.blocks):
            x, img = self._block(block, x, img, ws[:, max(0, 2 * index - 1) :])
        assert img is not None, "there is at least one block"
        return img

    def _block(self, block: BlockConfig, x: Tensor, img: Tensor | None, ws: Tensor) -> tuple[Tensor, Tensor]:
        name = f"synthesis.b{block.resolution}"
        row = 0
        if block.conv0 is not None:
            x = self._layer(f"{name}.conv0", block.conv0, x, ws[:, 0])
            row = 1
        x = self._layer(f"{name}.conv1", block.conv1, x, ws[:, row])
        rgb = block.torgb
        assert rgb is not None, "every block of a skip network draws"
        styles = self._dense(f"{name}.torgb.affine", rgb.affine, ws[:, row + 1]) * rgb.weight_gain
        weight = self.t[f"{name}.torgb.weight"][None] * styles[:, None, :, None, None]
        drawn = _clamped(
            _grouped_conv(x, weight) + self.t[f"{name}.torgb.bias"].reshape(1, -1, 1, 1), rgb.conv_clamp
        )
        return x, drawn if img is None else _upsampled(img, self._kernel(block.resample_filter)) + drawn

    def _layer(self, name: str, conv: ConvConfig, x: Tensor, w: Tensor) -> Tensor:
        styles = self._dense(f"{name}.affine", conv.affine, w)
        weight = self.t[f"{name}.weight"][None] * styles[:, None, :, None, None]
        weight = weight * torch.rsqrt(weight.square().sum(dim=[2, 3, 4], keepdim=True) + 1e-8)
        if conv.resample_filter:
            y = _grouped_up_conv(x, weight, self._kernel(conv.resample_filter))
        else:
            y = _grouped_conv(x, weight)
        if conv.use_noise:
            y = y + self.t[f"{name}.noise_const"] * self.t[f"{name}.noise_strength"]
        y = F.leaky_relu(y + self.t[f"{name}.bias"].reshape(1, -1, 1, 1), 0.2) * conv.act_gain
        return _clamped(y, conv.conv_clamp)

    def _dense(self, name: str, dense: DenseConfig, x: Tensor) -> Tensor:
        weight, bias = self.t[f"{name}.weight"] * dense.weight_gain, self.t[f"{name}.bias"] * dense.bias_gain
        return F.linear(x, weight, bias)

    def _kernel(self, taps: tuple[float, ...] | None) -> Tensor:
        line = torch.tensor(taps, device=self.t["synthesis.b4.const"].device)
        return torch.outer(line, line)


def _grouped_conv(x: Tensor, weight: Tensor) -> Tensor:
    """``[N, I, H, W]`` with a kernel per sample, ``[N, O, I, k, k]``."""
    batch, outputs, inputs, size, _ = weight.shape
    x = x.reshape(1, batch * inputs, *x.shape[2:])
    y = F.conv2d(x, weight.reshape(batch * outputs, inputs, size, size), padding=size // 2, groups=batch)
    return y.reshape(batch, outputs, *y.shape[2:])


def _grouped_up_conv(x: Tensor, weight: Tensor, kernel: Tensor) -> Tensor:
    """The same onto twice the size. Kernels are stored as the transposed convolution takes them."""
    batch, outputs, inputs, size, _ = weight.shape
    x = x.reshape(1, batch * inputs, *x.shape[2:])
    flat = weight.transpose(1, 2).reshape(batch * inputs, outputs, size, size)
    y = F.conv_transpose2d(x, flat, stride=2, groups=batch)
    y = y.reshape(batch, outputs, *y.shape[2:])
    # The transposed convolution reaches (size - 1) / 2 beyond the doubled grid before it, one less behind it.
    before, after = (len(kernel) + 1) // 2 - size // 2, (len(kernel) - 2) // 2 - (size // 2 - 1)
    return _filtered(F.pad(y, (before, after, before, after)), kernel * 4)


def _upsampled(x: Tensor, kernel: Tensor) -> Tensor:
    """Zeros in between, then the filter."""
    batch, channels, height, width = x.shape
    y = x.new_zeros(batch, channels, 2 * height, 2 * width)
    y[:, :, ::2, ::2] = x
    before, after = (len(kernel) + 1) // 2, (len(kernel) - 2) // 2
    return _filtered(F.pad(y, (before, after, before, after)), kernel * 4)


def _filtered(x: Tensor, kernel: Tensor) -> Tensor:
    channels = x.shape[1]
    weight = kernel.flip([0, 1])[None, None].repeat(channels, 1, 1, 1)
    return F.conv2d(x, weight, groups=channels)


def _clamped(x: Tensor, limit: float | None) -> Tensor:
    return x if limit is None else x.clamp(-limit, limit)


def main() -> None:
    import psutil

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--keep-memory", action="store_true", help="set the allocator as Graft does")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    network = read_network(options.model, options.device)
    textbook = TextbookForward(network.config, network.tensors)
    process = psutil.Process()
    print(json.dumps({"threads": torch.get_num_threads()}), flush=True)
    waited_from, cpu_then = time.perf_counter(), time.process_time()
    for line in sys.stdin:
        began = time.perf_counter()
        idle_s, idle_cpu_s = began - waited_from, time.process_time() - cpu_then
        order: Order = json.loads(line)
        z = np.random.RandomState(order["seed"]).randn(1, network.config.mapping.z_dim)
        image = textbook(torch.from_numpy(z).to(options.device, torch.float32), order["psi"])
        if image.is_cuda:
            torch.cuda.synchronize()
        seconds = time.perf_counter() - began
        if order["image"] is not None:
            np.save(order["image"], image.cpu().numpy())
        answer: Answer = {
            "seconds": seconds,
            "idle_seconds": idle_s,
            "idle_cpu_seconds": idle_cpu_s,
            "rss_bytes": process.memory_info().rss,
        }
        print(json.dumps(answer), flush=True)
        waited_from, cpu_then = time.perf_counter(), time.process_time()


if __name__ == "__main__":
    main()

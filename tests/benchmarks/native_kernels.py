"""Each compiled kernel beside the same layer in torch operations, at every size of a config-f network.

    python main.py kernels build
    python tests/benchmarks/native_kernels.py [--sizes 64 128 ...] [--seconds 0.2] [--threads N] [--json OUT]

Times are medians, kernel and torch in turns. TFLOP/s count the multiplications of the plain algorithm, so that a
smaller number of them (Winograd's) shows as a higher figure. Errors are relative root mean squares against float32.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from engine.device import prepare_process  # noqa: E402

if __name__ == "__main__":
    prepare_process()

import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from torch import Tensor  # noqa: E402

from engine.imaging import to_bgrx  # noqa: E402
from engine.native.kernels import Kernels, load_kernels  # noqa: E402
from engine.nets.modulated_conv import upsampling_conv2d  # noqa: E402
from engine.preview.layers import doubled  # noqa: E402

SIZES = (8, 16, 32, 64, 128, 256, 512, 1024)
FILTER = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="*", default=SIZES)
    parser.add_argument("--seconds", type=float, default=0.2, help="for each figure")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    kernels = load_kernels()
    if kernels is None:
        sys.exit("There are no kernels: python main.py kernels build")
    rows = measure(kernels, options.sizes, options.seconds)
    report = {
        "benchmark": "native_kernels",
        "processor": torch.cpu.get_capabilities().get("cpu_name"),
        "threads": options.threads,
        "operands": str(kernels.operand_dtype).removeprefix("torch."),
        "winograd": kernels.winograd,
        "rows": rows,
    }
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    for row in rows:
        print("  ".join(f"{name} {value}" for name, value in row.items()))


@torch.no_grad()
def measure(kernels: Kernels, sizes: Sequence[int], seconds: float) -> list[dict[str, Any]]:
    """One row per layer and size; milliseconds."""
    torch.manual_seed(0)
    rows: list[dict[str, Any]] = []
    for size in sizes:
        channels = min(512, 32768 // size)
        below = min(512, 65536 // size)
        for layer in (_conv(kernels, size, channels), _up_conv(kernels, size, below, channels)):
            name, native, plain, exact, flop = layer
            ours, torchs = in_turns(native, plain, seconds)
            true = exact()
            rows.append(
                {
                    "layer": name,
                    "size_px": size,
                    "channels": channels,
                    "native_ms": round(ours * 1e3, 3),
                    "torch_ms": round(torchs * 1e3, 3),
                    "ratio": round(torchs / ours, 2),
                    "native_tflops": round(flop / ours / 1e12, 2),
                    "torch_tflops": round(flop / torchs / 1e12, 2),
                    "native_error": _error(native(), true),
                    "torch_error": _error(plain(), true),
                }
            )
        for name, native, plain in _images(kernels, size, channels):
            ours, torchs = in_turns(native, plain, seconds)
            rows.append(
                {
                    "layer": name,
                    "size_px": size,
                    "native_ms": round(ours * 1e3, 3),
                    "torch_ms": round(torchs * 1e3, 3),
                    "ratio": round(torchs / ours, 2),
                }
            )
    return rows


Layer = tuple[str, Callable[[], Tensor], Callable[[], Tensor], Callable[[], Tensor], float]


def _conv(kernels: Kernels, size: int, channels: int) -> Layer:
    x, weight, styles, scale, bias, noise = _layer(size, size, channels, channels)
    packed, strength = kernels.pack_conv(weight), torch.ones(1)
    constant = weight.bfloat16().contiguous(memory_format=torch.channels_last)

    def plain() -> Tensor:
        y = F.conv2d(x * _per_channel(styles), constant, padding=1)
        return _ended(y.mul_(_per_channel(scale)), bias, noise)

    def exact() -> Tensor:
        y = F.conv2d(x.float() * styles.view(1, -1, 1, 1), weight, padding=1)
        return F.leaky_relu(y * scale.view(1, -1, 1, 1) + bias.view(1, -1, 1, 1) + noise.view(1, 1, size, size), 0.2)

    return (
        "conv3x3",
        lambda: kernels.conv3x3(x, packed, styles, scale, bias, noise, strength),
        plain,
        exact,
        2.0 * 9 * channels * channels * size * size,
    )


def _up_conv(kernels: Kernels, size: int, inputs: int, outputs: int) -> Layer:
    x, weight, styles, scale, bias, noise = _layer(size // 2, size, inputs, outputs)
    packed, strength = kernels.pack_up_conv(weight), torch.ones(1)
    constant = weight.transpose(0, 1).bfloat16().contiguous(memory_format=torch.channels_last)
    taps = (4.0 * torch.outer(FILTER, FILTER)).bfloat16().repeat(outputs, 1, 1, 1)

    def plain() -> Tensor:
        y = F.conv_transpose2d(x * _per_channel(styles), constant, stride=2)
        y = F.conv2d(y, taps * scale.bfloat16()[:, None, None, None], padding=1, groups=outputs)
        return _ended(y, bias, noise)

    def exact() -> Tensor:
        y = upsampling_conv2d(x.float() * styles.view(1, -1, 1, 1), weight, FILTER)
        return F.leaky_relu(y * scale.view(1, -1, 1, 1) + bias.view(1, -1, 1, 1) + noise.view(1, 1, size, size), 0.2)

    return (
        "up_conv3x3",
        lambda: kernels.up_conv3x3(x, packed, styles, scale, bias, noise, strength),
        plain,
        exact,
        2.0 * 9 * inputs * outputs * size * size / 4,
    )


def _images(
    kernels: Kernels, size: int, channels: int
) -> list[tuple[str, Callable[[], object], Callable[[], object]]]:
    x = torch.randn(1, channels, size, size).bfloat16().contiguous(memory_format=torch.channels_last)
    weight, bias = torch.randn(3, channels) / channels**0.5, torch.randn(3)
    img_below, img = torch.randn(1, 3, size // 2, size // 2), torch.randn(1, 3, size, size)

    def plain() -> Tensor:
        pixels = x.permute(0, 2, 3, 1).view(-1, channels).t()
        rgb = (weight.bfloat16() @ pixels).view(1, 3, size, size)
        return doubled(img_below).add(rgb).add_(bias[:, None, None])

    return [
        ("add_rgb", lambda: kernels.add_rgb(x, weight, bias, None, img_below), plain),
        ("to_bgrx", lambda: kernels.to_bgrx(img), lambda: to_bgrx(img)),
    ]


def _layer(
    in_size: int, out_size: int, inputs: int, outputs: int
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    x = torch.randn(1, inputs, in_size, in_size).bfloat16().contiguous(memory_format=torch.channels_last)
    weight = torch.randn(outputs, inputs, 3, 3) / (9.0 * inputs) ** 0.5
    noise = torch.randn(1, out_size * out_size).bfloat16()
    return x, weight, torch.rand(inputs) + 0.5, torch.rand(outputs) + 0.5, torch.randn(outputs), noise


def _ended(y: Tensor, bias: Tensor, noise: Tensor) -> Tensor:
    """Noise and bias as the portable tier adds them: one product of rank two."""
    channels = y.shape[1]
    columns = torch.stack([noise[0], torch.ones_like(noise[0])], 1)
    rows = torch.stack([torch.ones(channels), bias]).bfloat16()
    pixels = y.permute(0, 2, 3, 1).view(-1, channels)
    torch.addmm(pixels, columns, rows, out=pixels)
    return F.leaky_relu_(y, 0.2)


def _per_channel(values: Tensor) -> Tensor:
    return values.bfloat16().view(1, -1, 1, 1)


def _error(found: Tensor, true: Tensor) -> float:
    return round(float((found.float() - true).norm() / true.norm()), 5)


def in_turns(ours: Callable[[], object], theirs: Callable[[], object], seconds: float) -> tuple[float, float]:
    """Median seconds of each."""
    times: tuple[list[float], list[float]] = [], []
    ours(), theirs()
    until = time.perf_counter() + 2 * seconds
    while time.perf_counter() < until or len(times[0]) < 5:
        for call, found in zip((ours, theirs), times, strict=True):
            began = time.perf_counter()
            call()
            found.append(time.perf_counter() - began)
    return median(times[0]), median(times[1])


if __name__ == "__main__":
    main()

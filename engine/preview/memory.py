"""How much memory previews need."""

from __future__ import annotations

import torch

from engine.network import Network
from engine.preview.arithmetic import Arithmetic
from engine.preview.packing import can_pack, scales_features

NOISE_COPIES = 7
"""Of a layer's noise map: packed, with ones beside it for this network, a mixture and two other maps."""


def preview_bytes(network: Network, arithmetic: Arithmetic) -> int:
    """What previews of a network hold beside its own weights, at most.

    That is everything in packed form, as much again for the network's part in a mixture, and as oneDNN takes it.
    """
    if not can_pack(network.config.synthesis):
        return 0
    dtypes = {
        f"b{block.resolution}": arithmetic.half if block.use_fp16 else arithmetic.full
        for block in network.config.synthesis.blocks
    }
    total = 0
    for name, tensor in network.tensors.items():
        net, block, *_ = name.split(".")
        if net != "synthesis":
            continue
        if name.endswith("noise_const"):
            total += NOISE_COPIES * tensor.numel() * dtypes[block].itemsize
        elif tensor.ndim == 4 and tensor.shape[-1] == 3:
            energy_bytes = 4 * tensor.numel() // 9
            is_sorted = dtypes[block] is torch.bfloat16 and scales_features(
                tensor, int(block[1:]), ".conv0." in name, arithmetic
            )
            packed_bytes = tensor.numel() * dtypes[block].itemsize
            if arithmetic.kernels is not None:
                packed_bytes = arithmetic.kernels.packed_bytes(tensor.numel() // 9)
            total += (3 if is_sorted else 2) * packed_bytes + 2 * energy_bytes
        else:
            total += 2 * tensor.nbytes
    return total


def mixture_bytes(network: Network, count: int) -> int:
    """What mixtures of `count` networks like this one hold beside `preview_bytes` of each.

    Of two, that has it all. Of more, it is the products of their pairs that demodulation is made of.
    """
    if not can_pack(network.config.synthesis):
        return 0
    taps = sum(tensor.numel() for tensor in network.tensors.values() if tensor.ndim == 4 and tensor.shape[-1] == 3)
    products, counted = count * (count + 1) // 2 + 1, 2 * count
    return max(0, products - counted) * 4 * taps // 9

"""Convolution weights in the order in which the kernels read them.

Each packed form is a linear map of the weight into one dense tensor, so that a blend of two models is a lerp of their
packed tensors. All are ``[blocks, taps, depth / v, width, v]``: `width` columns of output channels per block, `depth`
rows of input channels, interleaved by v (2 for bfloat16 dot instructions, 1 for float32). Channels are padded with
zeros.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

_DEPTH_MULTIPLE = 32
_UP_CHANNELS = 32
_WINOGRAD_G = ((1.0, 0.0, 0.0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0.0, 0.0, 1.0))
_UP_FORMS = ((0.0, 0.0, 1.0), (1.0, 0.0, 1.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0))


def pack_direct(weight: Tensor, dtype: torch.dtype) -> Tensor:
    """``[O, I, 3, 3]`` to three taps, one per kernel row, each with the depth of three neighbouring pixels."""
    padded = _padded_inputs(weight)
    outputs, inputs = padded.shape[:2]
    return _panels(padded.permute(2, 3, 1, 0).reshape(3, 3 * inputs, outputs), dtype)


def pack_winograd(weight: Tensor, dtype: torch.dtype) -> Tensor:
    """``[O, I, 3, 3]`` to the sixteen taps of F(2x2, 3x3): ``G w G^T``.

    Source: Lavin & Gray 2015, arXiv:1509.09308, section 4.1.
    """
    return _sixteen_taps(weight, _WINOGRAD_G, dtype)


def pack_up_winograd(weight: Tensor, dtype: torch.dtype) -> Tensor:
    """``[O, I, 3, 3]`` to the sixteen taps of the doubling convolution; see up_conv3x3.h. Holds the factor 1/16."""
    return _sixteen_taps(weight / 16.0, _UP_FORMS, dtype)


def pack_up_direct(weight: Tensor, dtype: torch.dtype) -> Tensor:
    """``[O, I, 3, 3]`` to one tap with nine columns per channel; holds the factor 1/16 of the [1, 3, 3, 1] filter."""
    padded = _padded_inputs(weight) / 16.0
    channels = _UP_CHANNELS if weight.shape[0] > _UP_CHANNELS // 2 else _UP_CHANNELS // 2
    padded = F.pad(padded, (0, 0, 0, 0, 0, 0, 0, -padded.shape[0] % channels))
    outputs, inputs = padded.shape[:2]
    blocks = padded.reshape(outputs // channels, channels, inputs, 3, 3).permute(0, 2, 3, 4, 1)
    return _interleaved(blocks.reshape(outputs // channels, 1, inputs, 9 * channels), dtype)


def _sixteen_taps(weight: Tensor, forms: Sequence[Sequence[float]], dtype: torch.dtype) -> Tensor:
    padded = _padded_inputs(weight)
    outputs, inputs = padded.shape[:2]
    g = weight.new_tensor(forms)
    return _panels(torch.einsum("ay,bx,oiyx->abio", g, g, padded).reshape(16, inputs, outputs), dtype)


def _padded_inputs(weight: Tensor) -> Tensor:
    return F.pad(weight, (0, 0, 0, 0, 0, -weight.shape[1] % _DEPTH_MULTIPLE))


def _panels(matrices: Tensor, dtype: torch.dtype) -> Tensor:
    """``[taps, depth, O]`` to blocks of 64, 32 or 16 outputs."""
    taps, depth, outputs = matrices.shape
    width = 64 if outputs % 64 == 0 else 32 if outputs > 16 else 16
    padded = F.pad(matrices, (0, -outputs % width))
    return _interleaved(padded.reshape(taps, depth, -1, width).permute(2, 0, 1, 3), dtype)


def _interleaved(blocks: Tensor, dtype: torch.dtype) -> Tensor:
    """``[blocks, taps, depth, width]`` to ``[blocks, taps, depth / v, width, v]``."""
    count, taps, depth, width = blocks.shape
    v = 2 if dtype == torch.bfloat16 else 1
    return blocks.reshape(count, taps, depth // v, v, width).transpose(3, 4).to(dtype).contiguous()

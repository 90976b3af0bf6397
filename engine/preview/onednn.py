"""Convolution weights in the order in which oneDNN reads them, so that it need not sort them for every picture.

That takes longer than the convolution itself where pictures are small and weights many. The operators are those that
torch's own compiler uses; they are not public, but torch's version is pinned.
"""

from __future__ import annotations

import torch
from torch import Tensor

_NO_PADDING, _PADDING, _ONE, _TWO = [0, 0], [1, 1], [1, 1], [2, 2]
_NO_ACTIVATION: tuple[str, list[float], str] = ("none", [], "")


def can_prepare(weight: Tensor) -> bool:
    """Whether oneDNN would compute with a weight like this one."""
    return (
        weight.device.type == "cpu"
        and weight.dtype == torch.bfloat16
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and hasattr(torch.ops.mkldnn, "_reorder_convolution_weight")
    )


def prepared(weight: Tensor, size: int, *, upsamples: bool) -> Tensor:
    """A copy of `weight`, 3x3, for `convolve` on features of ``size x size``.

    Args:
        weight: ``[O, I, 3, 3]``, or ``[I, O, 3, 3]`` when it upsamples.
    """
    ops = torch.ops.mkldnn
    shape = [1, weight.shape[0] if upsamples else weight.shape[1], size, size]
    if upsamples:
        kept = ops._reorder_convolution_transpose_weight(weight, _NO_PADDING, _NO_PADDING, _TWO, _ONE, 1, shape)
    else:
        kept = ops._reorder_convolution_weight(weight, _PADDING, _ONE, _ONE, 1, shape)
    assert isinstance(kept, Tensor)
    return kept


def convolve(x: Tensor, weight: Tensor, *, upsamples: bool) -> Tensor:
    """``conv2d(x, weight, padding=1)``, or ``conv_transpose2d(x, weight, stride=2)``.

    Args:
        weight: From `prepared`.
    """
    ops = torch.ops.mkldnn
    if upsamples:
        y = ops._convolution_transpose_pointwise(
            x, weight, None, _NO_PADDING, _NO_PADDING, _TWO, _ONE, 1, *_NO_ACTIVATION
        )
    else:
        geometry = (_PADDING, _ONE, _ONE, 1)
        y = ops._convolution_pointwise(x, weight, None, *geometry, *_NO_ACTIVATION)
    assert isinstance(y, Tensor)
    return y

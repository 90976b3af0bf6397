"""What blending needs to know of a tensor, whatever the family. No torch."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, is_dataclass
from enum import StrEnum


class Part(StrEnum):
    """What a tensor is for, as finely as a blend tells tensors apart."""

    MAPPING = "mapping"
    W_AVG = "w_avg"
    CONV = "conv"
    CONV_AFFINE = "conv_affine"
    TORGB = "torgb"
    TORGB_AFFINE = "torgb_affine"
    NOISE_MAP = "noise_map"
    NOISE_STRENGTH = "noise_strength"
    SKIP = "skip"
    FILTER = "filter"


@dataclass(frozen=True, slots=True)
class TensorRole:
    """A tensor's part and place.

    Attributes:
        layer: As the descriptor names it, ``b8.conv0``; empty for the mapping. A resnet skip convolution and a
            block's filter count as parts of the conv0 beside them.
        position: The layer's `LayerSpec.position`; -1 for the mapping.
    """

    part: Part
    layer: str = ""
    position: int = -1


def alike(one: object, other: object) -> bool:
    """Whether two pieces of configuration are equal up to the rounding of their numbers."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-9)
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(alike(a, b) for a, b in zip(one, other, strict=True))
    if is_dataclass(one) and type(one) is type(other):
        return all(alike(getattr(one, field.name), getattr(other, field.name)) for field in fields(one))
    return one == other

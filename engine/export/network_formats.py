"""In which forms a network can be taken away. No torch: the window offers them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class NetworkFormat(StrEnum):
    GRAFT = "graft"
    NVIDIA = "nvidia"
    ROSINALITY = "rosinality"
    ONNX = "onnx"
    ONNX_SYNTHESIS = "onnx-synthesis"


@dataclass(frozen=True, slots=True)
class FormatFacts:
    """What a format is called and who reads it.

    Attributes:
        has_lineage: Whether the file says what the network was made from.
    """

    name: str
    suffix: str
    tip: str
    has_lineage: bool = False


FORMATS = {
    NetworkFormat.GRAFT: FormatFacts(
        "Graft, safetensors", ".safetensors", "Everything about the network, safe to share; Graft's own", True
    ),
    NetworkFormat.NVIDIA: FormatFacts(
        "PyTorch state dict, NVIDIA's names", ".pt", "For load_state_dict of a stylegan2-ada-pytorch generator"
    ),
    NetworkFormat.ROSINALITY: FormatFacts(
        "PyTorch, rosinality's layout", ".pt", "For pSp, e4e, StyleGAN-NADA and others built on that code"
    ),
    NetworkFormat.ONNX: FormatFacts(
        "ONNX, from z to the picture", ".onnx", "For other programs: inputs z and truncation_psi, any batch"
    ),
    NetworkFormat.ONNX_SYNTHESIS: FormatFacts(
        "ONNX, from ws to the picture", ".onnx", "For other programs that make their own latents: input ws, any batch"
    ),
}

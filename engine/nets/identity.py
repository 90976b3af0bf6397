"""Who a face is, as 512 numbers: IR-SE50 trained with ArcFace.

Source: Deng et al. 2019, arXiv:1801.07698.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.nets.irse import FrozenNorm, IrSe50

INPUT_PX = 112
WIDTHS = (64, 128, 256, 512)
FACE_ROWS = (35, 223)
FACE_COLUMNS = (32, 220)
FRAMED_PX = 256
"""The face proper in an FFHQ-aligned picture of 256 px."""


class IdentityNet(nn.Module):
    """``[N, 3, 112, 112]`` RGB in [-1, 1] to ``[N, 512]`` of length 1."""

    def __init__(self, widths: tuple[int, int, int, int] = WIDTHS) -> None:
        super().__init__()
        self.trunk = IrSe50(3, widths)
        gathered = widths[-1] * (INPUT_PX // 16) ** 2
        self.output_layer = nn.ModuleDict(
            {"0": FrozenNorm(widths[-1]), "3": nn.Linear(gathered, widths[-1]), "4": FrozenNorm(widths[-1])}
        )

    @staticmethod
    def from_tensors(tensors: Mapping[str, Tensor], widths: tuple[int, int, int, int] = WIDTHS) -> IdentityNet:
        """Build the frozen net from the tensors of a published file.

        Raises:
            RuntimeError: names or shapes are not those of such a file.
        """
        with torch.device("meta"):
            net = IdentityNet(widths)
        own = {name if name.startswith("output_layer.") else f"trunk.{name}": one for name, one in tensors.items()}
        net.load_state_dict(own, assign=True)
        return net.eval().requires_grad_(False)

    def forward(self, faces: Tensor) -> Tensor:
        last = self.output_layer["0"](self.trunk(faces)[-1])
        return F.normalize(self.output_layer["4"](self.output_layer["3"](last.flatten(1))))


def face_of(images: Tensor) -> Tensor:
    """The face in FFHQ-aligned pictures, as `IdentityNet` reads it.

    Args:
        images: ``[N, 3, S, S]`` of any S; brought to 256 px by averaging first.

    Returns:
        ``[N, 3, 112, 112]``. Differentiable.
    """
    if images.shape[-1] != FRAMED_PX:
        images = F.adaptive_avg_pool2d(images, FRAMED_PX)
    return F.adaptive_avg_pool2d(images[:, :, slice(*FACE_ROWS), slice(*FACE_COLUMNS)], INPUT_PX)

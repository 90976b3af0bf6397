"""What generator and discriminator are trained on."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

PATH_LENGTH_DECAY = 0.01


def looks_real(logits: Tensor) -> Tensor:
    """Small where logits are high, mean over the batch: for fakes in the generator's step, reals in the other's.

    Source: Goodfellow et al. 2014, arXiv:1406.2661, the non-saturating form.
    """
    return F.softplus(-logits).mean()


def looks_fake(logits: Tensor) -> Tensor:
    """Small where logits are low, mean over the batch: for fakes in the discriminator's step."""
    return F.softplus(logits).mean()


def r1_penalty(logits: Tensor, images: Tensor) -> Tensor:
    """Squared length of the logit's gradient with respect to each picture, ``[N]``; can be differentiated again.

    Args:
        logits: ``[N]``, computed from `images`.
        images: ``[N, C, H, W]``, requiring gradients.

    Source: Mescheder et al. 2018, arXiv:1801.04406, equation 9, without its factor gamma / 2.
    """
    (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradient.float().square().sum(dim=(1, 2, 3))


@dataclass(frozen=True, eq=False)
class PathLengths:
    """Attributes:
    penalty: ``[N]``, squared distance of each length from the running mean; differentiable.
    lengths: ``[N]``, how far the picture moves per unit of w.
    mean: The running mean after this batch, 0-dimensional, detached.
    """

    penalty: Tensor
    lengths: Tensor
    mean: Tensor


def path_lengths(images: Tensor, ws: Tensor, noise: Tensor, mean: Tensor) -> PathLengths:
    """How evenly pictures answer to w.

    Args:
        images: ``[N, C, H, W]``, computed from `ws`.
        ws: ``[N, num_ws, w_dim]``, requiring gradients.
        noise: Standard normal, like `images`.
        mean: Running mean of the lengths before this batch, 0-dimensional. It is brought up to date first and then
            compared with, and gradients flow through this batch's share in it.

    Source: Karras et al. 2020, arXiv:1912.04958, section 3.2 and appendix B.
    """
    scaled = noise / (images.shape[2] * images.shape[3]) ** 0.5
    (gradient,) = torch.autograd.grad((images * scaled).sum(), ws, create_graph=True)
    lengths = gradient.float().square().sum(dim=2).mean(dim=1).sqrt()
    updated = mean.lerp(lengths.mean(), PATH_LENGTH_DECAY)
    return PathLengths((lengths - updated).square(), lengths.detach(), updated.detach())

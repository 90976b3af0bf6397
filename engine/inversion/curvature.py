"""How strongly a model's pictures answer to its latents: what lets a search take long strides.

A few hundred directions of W+ do nearly all that can be seen, the strongest of them a million times as much as the
last. A descent whose steps are alike along all of them is done with the first ones soon and crawls along the others.
The mean curvature of the distance is much the same at all faces of a model, so it can be measured once, and each
direction be given the stride that it allows.

Source: Schraudolph 2002, "Fast curvature matrix-vector products for second-order gradient descent" (Gauss-Newton
matrix); Duchi et al. 2011, "Adaptive subgradient methods" (whose root scales steps).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from engine.inversion.w_space import WSpace

STRIDE_POWER = 0.25
"""Between 0 (all strides alike) and 1/2 (Adam, whose steps know no gradient's length, on a round bowl)."""
WEAKEST = 1e-7
"""Directions weaker than this, over the strongest, are numerical dust."""
HELD_SHARE = 0.1
"""Across the rows, what is weaker than this share of a pull has no say."""


@dataclass(frozen=True, slots=True, eq=False)
class Curvature:
    """Principal directions of the mean curvature of the distance between pictures and a target.

    Attributes:
        space: Whose coordinates these are.
        directions: ``[K, rows, w_dim]``, orthonormal over the last two; rows is `num_ws`, or 1 in W.
        strengths: ``[K]``, descending: second derivative of the distance along each.
    """

    space: WSpace
    directions: Tensor
    strengths: Tensor

    def to(self, device: torch.device) -> Curvature:
        space = WSpace(self.space.mean.to(device), self.space.axes.to(device))
        return Curvature(space, self.directions.to(device), self.strengths.to(device))

    def in_w(self) -> Curvature:
        """The same where all rows are one and move together."""
        together = self.directions.sum(dim=1)
        directions, strengths = _principal(together.T @ (self.strengths[:, None] * together))
        return replace(self, directions=directions[:, None], strengths=strengths)

    def held_together(self, pull: float) -> Curvature:
        """The same under a pull of the rows to their mean, whose second derivative across is `pull`.

        A pull that is weaker than all that was measured changes nothing.
        """
        if pull <= float(self.strengths[-1]):
            return self
        _, rows, w_dim = self.directions.shape
        measured = self.directions.flatten(1)
        strong = measured[self.strengths > HELD_SHARE * pull]
        alike = torch.eye(w_dim).to(strong).repeat(1, rows) / rows**0.5
        basis, _ = torch.linalg.qr(torch.cat([strong, alike]).T)  # [rows * w_dim, m], both spaces together
        seen, same = measured @ basis, alike @ basis
        across = torch.eye(basis.shape[1]).to(basis) - same.T @ same
        directions, strengths = _principal(seen.T @ (self.strengths[:, None] * seen) + pull * across)
        return replace(self, directions=(directions @ basis.T).unflatten(1, (rows, w_dim)), strengths=strengths)

    def strides(self, longest: float) -> Tensor:
        """`directions`, each as long as one unit of a search is to be: 1 for the strongest, at most `longest`."""
        relative = self.strengths / self.strengths[0]
        lengths: Tensor = (relative + longest ** (-1 / STRIDE_POWER)).pow(-STRIDE_POWER)
        return self.directions * lengths[:, None, None]


def _principal(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Principal directions of a symmetric matrix, ``[K, n]``, and their strengths, descending; dust left out."""
    strengths, columns = torch.linalg.eigh(matrix.cpu().double())  # not every device can
    kept = strengths > WEAKEST * strengths[-1]
    directions = columns[:, kept].T.flip(0)
    return directions.to(matrix), strengths[kept].flip(0).to(matrix)

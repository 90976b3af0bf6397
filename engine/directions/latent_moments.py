"""Mean and covariance of W, summed up over samples: what one sigma is along any direction.

In numpy, float64: the numbers are the same however the samples were cut into batches, but for the last digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from engine.errors import LatentError, LatentShapeError

Doubles: TypeAlias = NDArray[np.float64]
Floats: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class LatentMoments:
    """Attributes:
    mean: ``[w_dim]``.
    covariance: ``[w_dim, w_dim]``, divided by ``count - 1``.
    along_z: Mean of ``(w - mean) z^T``, ``[w_dim, z_dim]``: how w answers to z, by least squares.
    """

    mean: Doubles
    covariance: Doubles
    along_z: Doubles
    count: int

    @property
    def w_dim(self) -> int:
        return len(self.mean)

    def one_sigma(self, direction: NDArray[np.floating]) -> Floats:
        """The step along `direction` that is one standard deviation of the latents, whatever its own length.

        Of a direction with several rows each row is measured by itself, since the rows may pull against each other;
        rows of zeros do not count. Of equal rows the sigma is that of one of them.

        Args:
            direction: ``[rows, w_dim]``.

        Returns:
            Like `direction`, float32.

        Raises:
            LatentError: it has no length, or the latents do not vary along it.
        """
        given = np.asarray(direction, np.float64)
        if given.ndim != 2 or given.shape[1] != self.w_dim:
            raise LatentShapeError(f"A direction of shape {list(given.shape)} does not fit W of {self.w_dim} values.")
        length = float(np.sqrt(np.sum(given**2)))
        if not np.isfinite(length) or length == 0.0:
            raise LatentError("This direction leads nowhere: it is zero or not a number.")
        unit = given / length
        used_rows = int(np.any(unit != 0.0, axis=1).sum())
        variance = float(np.einsum("rd,de,re->", unit, self.covariance, unit))
        if not variance > 0.0:
            raise LatentError("The latents of this model do not vary along this direction.")
        step: Floats = (np.sqrt(variance * used_rows) * unit).astype(np.float32)
        return step


class MomentSums:
    """Adds up batches of samples.

    Args:
        shift: Anything near the mean, ``[w_dim]``: it keeps the sums small, so that nothing is lost.
    """

    def __init__(self, shift: NDArray[np.floating], z_dim: int) -> None:
        self._shift = np.asarray(shift, np.float64)
        self._count = 0
        self._sum: Doubles = np.zeros_like(self._shift)
        self._squares: Doubles = np.zeros((len(self._shift), len(self._shift)))
        self._with_z: Doubles = np.zeros((len(self._shift), z_dim))
        self._sum_z: Doubles = np.zeros(z_dim)

    def add(self, w: NDArray[Any], z: NDArray[Any]) -> None:
        """Args:
        w: ``[n, w_dim]``.
        z: What they were made from, ``[n, z_dim]``.
        """
        x = np.asarray(w, np.float64) - self._shift
        y = np.asarray(z, np.float64)
        self._count += len(x)
        self._sum += x.sum(axis=0)
        self._squares += x.T @ x
        self._with_z += x.T @ y
        self._sum_z += y.sum(axis=0)

    def moments(self) -> LatentMoments:
        """Of everything added, at least two samples."""
        n = self._count
        off = self._sum / n
        covariance = (self._squares - n * np.outer(off, off)) / (n - 1)
        along_z = self._with_z / n - np.outer(off, self._sum_z / n)
        return LatentMoments(self._shift + off, 0.5 * (covariance + covariance.T), along_z, n)

"""Arrays in numbered parts, as ``train portrait-data`` writes them, read as one long array."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import JobError

_HINT = "Choose a folder that `train portrait-data` made."


class Parts:
    """The rows of several files, one after the other; mapped into memory, not read."""

    def __init__(self, arrays: Sequence[NDArray[Any]]) -> None:
        self._arrays = tuple(arrays)
        self._starts = np.cumsum([0, *(len(array) for array in arrays)]).tolist()

    def __len__(self) -> int:
        return int(self._starts[-1])

    def __getitem__(self, index: int) -> NDArray[Any]:
        """One row, copied. `index` is 0 or more."""
        if not 0 <= index < len(self):
            raise IndexError(index)
        part = bisect_right(self._starts, index) - 1
        return np.array(self._arrays[part][index - self._starts[part]])


def open_parts(folder: Path, dtype: type[np.generic], row: tuple[int | None, ...]) -> Parts:
    """Open the parts ``0000000.npy``, ``0000250.npy`` ... as far as they follow on each other.

    Args:
        row: Shape of one row; None takes what the first part has there.

    Raises:
        JobError: there are none, or one is damaged or of another kind.
    """
    arrays: list[NDArray[Any]] = []
    shape: tuple[int, ...] | None = None
    count = 0
    while (path := folder / f"{count:07d}.npy").is_file():
        try:
            array = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError):
            message = f"The file {folder.name}/{path.name} is damaged."
            raise JobError(message, "Delete it and make it again.") from None
        fits = array.dtype == dtype and array.ndim == 1 + len(row) and len(array) > 0
        fits = fits and all(wanted in (None, side) for wanted, side in zip(row, array.shape[1:], strict=True))
        if not fits or shape not in (None, array.shape[1:]):
            wanted = f"{np.dtype(dtype)} rows of {['any' if side is None else side for side in shape or row]}"
            raise JobError(f"The file {folder.name}/{path.name} holds something else than {wanted}.", _HINT)
        shape = array.shape[1:]
        arrays.append(array)
        count += len(array)
    if not arrays:
        raise JobError(f"The folder {folder.parent.name:.60} has no pictures in {folder.name:.60}/.", _HINT)
    return Parts(arrays)


def split(count: int, share: float = 0.05) -> tuple[range, range]:
    """Rows to learn from, and the last ones, at most 400, to measure on.

    Raises:
        JobError: there are fewer than 20.
    """
    if count < 20:
        hint = "Make more with `train portrait-data`."
        raise JobError(f"There are {count} pictures; at least 20 are needed.", hint)
    kept = min(400, max(4, round(count * share)))
    return range(count - kept), range(count - kept, count)

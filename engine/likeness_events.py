"""What is asked for and answered about likeness: part of `engine.messages`. No torch: the window reads it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.likeness import Likeness
from engine.state import EditState, View


@dataclass(frozen=True, slots=True, eq=False)
class MeasureLikeness:
    """Measure how like its photo one of the pictures of a state is. Result: `LikenessMeasured`.

    Attributes:
        target: The aligned crop of the photo, ``[S, S, 4]`` uint8, BGRX; brought to the picture's size.
    """

    state: EditState
    target: NDArray[np.uint8]
    view: View = View.BLEND


@dataclass(frozen=True, slots=True)
class LikenessMeasured:
    state: EditState
    view: View
    likeness: Likeness

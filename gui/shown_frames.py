"""The newest picture of every view, and which frames are worth showing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from engine.messages import Frame, Pixels
from engine.state import View
from gui.picture import Picture

_LEAST_PROGRESS = 0.08


@dataclass(frozen=True, slots=True)
class ShownFrame:
    """A picture on screen and what is known of the finished one.

    Attributes:
        is_kept: It is from an earlier time and stands in for a better one: a coarser one is none.
    """

    picture: Picture
    generation: int
    size_px: int
    full_size_px: int
    is_final: bool
    is_kept: bool = False


class ShownFrames:
    """One frame per view. A frame stays until a better one comes: a newer one, or a finer one of the same age."""

    def __init__(self) -> None:
        self._frames: dict[View, ShownFrame] = {}

    def __bool__(self) -> bool:
        return bool(self._frames)

    def take(self, frame: Frame) -> bool:
        """Keep a frame unless it is older or coarser than the one there. Returns whether it was kept.

        Where it looks like the one there, that `Picture` stays: in a triptych two of three often do while one drags.
        """
        old = self._frames.get(frame.view)
        if old is not None and (frame.generation, frame.size_px) < (old.generation, old.size_px):
            return False
        if old is not None and old.is_kept and not frame.is_final and frame.size_px < old.size_px:
            return False
        is_same = old is not None and _are_equal(old.picture.pixels, frame.image)
        picture = old.picture if old is not None and is_same else Picture(frame.image)
        self._frames[frame.view] = ShownFrame(
            picture, frame.generation, frame.size_px, frame.full_size_px, frame.is_final
        )
        return True

    def put_kept(self, view: View, pixels: Pixels, full_size_px: int, generation: int) -> None:
        """Show a picture from an earlier time, in place of whatever is there."""
        picture = Picture(pixels)
        self._frames[view] = ShownFrame(picture, generation, picture.width, full_size_px, False, is_kept=True)

    def release_kept(self) -> None:
        """Let coarser frames, too, replace kept pictures."""
        for view, one in self._frames.items():
            if one.is_kept:
                self._frames[view] = replace(one, size_px=0, is_kept=False)

    def get(self, view: View) -> ShownFrame | None:
        return self._frames.get(view)

    def generation(self, view: View) -> int:
        """-1 where there is no picture."""
        shown = self._frames.get(view)
        return -1 if shown is None else shown.generation

    def newest(self) -> ShownFrame | None:
        """A picture to stand in for one that has not come yet."""
        return max(self._frames.values(), key=lambda shown: shown.generation, default=None)

    def full_size_px(self, views: Iterable[View]) -> int | None:
        """Edge of the finished picture, from the first of these views that has one."""
        return next((self._frames[view].full_size_px for view in views if view in self._frames), None)

    def progress(self, views: Iterable[View]) -> float | None:
        """How fine the coarsest of these views is, 0 to 1; None when nothing finer is coming."""
        shown = (self._frames[view] for view in views if view in self._frames)
        coarse = (
            _LEAST_PROGRESS if one.is_kept else max(_LEAST_PROGRESS, one.size_px / one.full_size_px)
            for one in shown
            if not one.is_final
        )
        return min(coarse, default=None)

    def drop(self, view: View) -> None:
        self._frames.pop(view, None)

    def clear(self) -> None:
        self._frames.clear()


def _are_equal(one: Pixels, other: Pixels) -> bool:
    """Looks at a line in the middle first, where most pictures differ."""
    if one.shape != other.shape:
        return False
    middle = len(one) // 2
    return np.array_equal(one[middle], other[middle]) and np.array_equal(one, other)

"""The newest picture of every view, and which frames are worth showing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from engine.messages import Frame
from engine.state import View
from gui.picture import Picture

_LEAST_PROGRESS = 0.08


@dataclass(frozen=True, slots=True)
class ShownFrame:
    """A picture on screen and what is known of the finished one."""

    picture: Picture
    generation: int
    size_px: int
    full_size_px: int
    is_final: bool


class ShownFrames:
    """One frame per view. A frame stays until a better one comes: a newer one, or a finer one of the same age."""

    def __init__(self) -> None:
        self._frames: dict[View, ShownFrame] = {}

    def __bool__(self) -> bool:
        return bool(self._frames)

    def take(self, frame: Frame) -> bool:
        """Keep a frame unless it is older or coarser than the one there. Returns whether it was kept."""
        old = self._frames.get(frame.view)
        if old is not None and (frame.generation, frame.size_px) < (old.generation, old.size_px):
            return False
        self._frames[frame.view] = ShownFrame(
            Picture(frame.image), frame.generation, frame.size_px, frame.full_size_px, frame.is_final
        )
        return True

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
        coarse = (max(_LEAST_PROGRESS, one.size_px / one.full_size_px) for one in shown if not one.is_final)
        return min(coarse, default=None)

    def drop(self, view: View) -> None:
        self._frames.pop(view, None)

    def clear(self) -> None:
        self._frames.clear()

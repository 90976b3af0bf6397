"""Painting a mask: strokes of a soft round brush, and the way back. No Qt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.paste_events import MASK_PX, Mask

LEAST_PX, MOST_PX = 2.0, 128.0
MOST_STEPS = 80
"""So many steps back are kept: a quarter of a megabyte each."""

_SPACING = 0.2
"""Of the radius: how far apart the dabs of a stroke are."""


@dataclass(frozen=True, slots=True)
class Brush:
    """Attributes:
    radius_px: In pixels of the mask.
    softness: 0 a hard edge, 1 fades from the middle on.
    """

    radius_px: float = 28.16
    softness: float = 0.6


class MaskPainter:
    """A mask with a history. A stroke is `begin_stroke`, any number of `stroke_to`, `end_stroke`."""

    def __init__(self) -> None:
        self._mask: Mask = np.zeros((MASK_PX, MASK_PX), np.uint8)
        self._back: list[Mask] = []
        self._forth: list[Mask] = []
        self._stroke: NDArray[np.float32] | None = None
        self._adds = True
        self._brush = Brush()
        self._last = (0.0, 0.0)
        self._shown = self._mask

    @property
    def mask(self) -> Mask:
        """As it is now, also within a stroke. Never written again."""
        return self._shown

    @property
    def is_painting(self) -> bool:
        return self._stroke is not None

    @property
    def can_undo(self) -> bool:
        return bool(self._back)

    @property
    def can_redo(self) -> bool:
        return bool(self._forth)

    def start(self, mask: Mask) -> None:
        """Begin with a mask, and without a history."""
        self._back, self._forth, self._stroke = [], [], None
        self._mask = self._shown = mask

    def replace(self, mask: Mask) -> bool:
        """Take another mask, as one step. False when it is the same."""
        if self._stroke is not None:
            self.end_stroke()
        if np.array_equal(mask, self._mask):
            return False
        self._back.append(self._mask)
        del self._back[:-MOST_STEPS]
        self._forth.clear()
        self._mask = self._shown = mask
        return True

    def invert(self) -> None:
        self.replace(np.asarray(255 - self._mask, np.uint8))

    def undo(self) -> bool:
        return self._travel(self._back, self._forth)

    def redo(self) -> bool:
        return self._travel(self._forth, self._back)

    def _travel(self, source: list[Mask], target: list[Mask]) -> bool:
        if self._stroke is not None:
            self.end_stroke()
        if not source:
            return False
        target.append(self._mask)
        self._mask = self._shown = source.pop()
        return True

    # --- strokes --------------------------------------------------------------------------------------------------

    def begin_stroke(self, x: float, y: float, brush: Brush, *, adds: bool) -> None:
        """
        Args:
            x, y: In pixels of the mask.
            adds: Whether the picture or the photo is painted in.
        """
        if self._stroke is not None:
            self.end_stroke()
        self._stroke = np.zeros((MASK_PX, MASK_PX), np.float32)
        self._adds, self._brush, self._last = adds, brush, (x, y)
        self._dab(x, y)
        self._show()

    def stroke_to(self, x: float, y: float) -> None:
        if self._stroke is None:
            return
        from_x, from_y = self._last
        steps = max(1, int(np.ceil(np.hypot(x - from_x, y - from_y) / max(0.5, _SPACING * self._brush.radius_px))))
        for step in range(1, steps + 1):
            share = step / steps
            self._dab(from_x + share * (x - from_x), from_y + share * (y - from_y))
        self._last = (x, y)
        self._show()

    def end_stroke(self) -> bool:
        """Whether it changed anything."""
        painted, self._stroke = self._shown, None
        self._shown = self._mask
        return self.replace(painted)

    def _dab(self, x: float, y: float) -> None:
        assert self._stroke is not None
        reach = self._brush.radius_px + 1
        left, right = (int(np.clip(np.floor(x + side * reach), 0, MASK_PX)) for side in (-1, 1))
        top, bottom = (int(np.clip(np.floor(y + side * reach), 0, MASK_PX)) for side in (-1, 1))
        right, bottom = min(MASK_PX, right + 1), min(MASK_PX, bottom + 1)
        if left >= right or top >= bottom:
            return
        across, down = np.arange(left, right) + 0.5 - x, np.arange(top, bottom) + 0.5 - y
        distance = np.sqrt(across[None] ** 2 + down[:, None] ** 2)
        inner = self._brush.radius_px * (1 - self._brush.softness)
        fade = np.clip((self._brush.radius_px + 0.5 - distance) / max(1.0, self._brush.radius_px - inner), 0, 1)
        part = self._stroke[top:bottom, left:right]
        np.maximum(part, fade * fade * (3 - 2 * fade), out=part)

    def _show(self) -> None:
        assert self._stroke is not None
        target = 255.0 if self._adds else 0.0
        before = self._mask.astype(np.float32)
        self._shown = np.rint(before + (target - before) * self._stroke).astype(np.uint8)

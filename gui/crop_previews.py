"""Crops as they will be cut, beyond the edges of the photo too, made small and beside the window's thread."""

from __future__ import annotations

from collections.abc import Hashable
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QImage

from engine.errors import EngineError
from engine.messages import Pixels
from gui.aside import Aside
from gui.pixels import to_qimage

PADDED_PX = 180
"""Edge of a crop that reaches over the photo, where it is cut from: that takes 11 ms, 24 at 260 px, 50 at 350 px."""
BORDER = 0.12
"""Of the crop's edge: so near to the photo's it is padded."""


class Halves:
    """A picture, and halves of it that are made when first needed; on one thread only.

    Args:
        preview: ``[H, W, 4]`` uint8. Must not be written again.
    """

    def __init__(self, preview: Pixels) -> None:
        self._preview = preview
        self._levels: list[NDArray[np.uint8]] = []

    def cut(self, quad: NDArray[np.float64], size_px: int) -> Pixels:
        """A crop, ``[size_px, size_px, 4]``.

        Args:
            quad: ``[4, 2]`` pixels of the picture.

        Raises:
            PortraitError: the crop lies outside of the picture.
        """
        from engine.face_cut import cut_quad

        level, edge = 0, float(np.hypot(*(quad[3] - quad[0])))
        most = PADDED_PX if self._is_at_the_edge(quad, BORDER * edge) else 2 * size_px
        while edge / 2**level > most:
            level += 1
        source = self._level(level)
        scale = np.array([source.shape[1] / self._preview.shape[1], source.shape[0] / self._preview.shape[0]])
        cut = np.empty((size_px, size_px, 4), np.uint8)
        cut[..., :3] = cut_quad(source, quad * scale, size_px, size_px)
        cut[..., 3] = 255
        return cut

    def _is_at_the_edge(self, quad: NDArray[np.float64], border_px: float) -> bool:
        height, width = self._preview.shape[:2]
        return bool((quad < border_px).any() or (quad > np.array([width, height]) - border_px).any())

    def _level(self, level: int) -> NDArray[np.uint8]:
        from PIL import Image

        if not self._levels:
            self._levels.append(np.ascontiguousarray(self._preview[..., :3]))
        while len(self._levels) <= level:
            self._levels.append(np.asarray(Image.fromarray(self._levels[-1]).reduce(2)))
        return self._levels[level]


class CropPreviews(QObject):
    """Of each name the newest wish is granted; wishes that a newer one has overtaken are not."""

    made = Signal(object, QImage)  # the name; a null image where the crop lies outside

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._aside = Aside("graft-crop-previews", self)
        # Some milliseconds: the thread must not outlive whom it tells. No bound method, whose object is gone by then.
        self.destroyed.connect(partial(Aside.join, self._aside))
        self._halves: Halves | None = None
        self._wishes: dict[Hashable, tuple[NDArray[np.float64], int]] = {}

    def begin(self, preview: Pixels) -> None:
        """Of another picture from now on."""
        self._halves = Halves(preview)
        self._wishes.clear()

    def end(self) -> None:
        """Let go of the picture."""
        self._halves = None
        self._wishes.clear()

    def want(self, name: Hashable, quad: NDArray[np.float64], size_px: int) -> None:
        """Have a crop made; `made` tells.

        Args:
            quad: ``[4, 2]`` pixels of the preview.
        """
        self._wishes[name] = (quad, size_px)
        self._next()

    def _next(self) -> None:
        if self._aside.is_busy or not self._wishes or self._halves is None:
            return
        name = next(iter(self._wishes))
        quad, size_px = self._wishes.pop(name)
        halves = self._halves
        self._aside.run(
            partial(halves.cut, quad, size_px), partial(self._tell, halves, name), partial(self._fail, halves, name)
        )

    def _tell(self, halves: Halves, name: Hashable, pixels: Pixels) -> None:
        if halves is self._halves:
            self.made.emit(name, to_qimage(pixels))
        self._go_on()

    def _fail(self, halves: Halves, name: Hashable, _: EngineError) -> None:
        if halves is self._halves:
            self.made.emit(name, QImage())
        self._go_on()

    def _go_on(self) -> None:
        QTimer.singleShot(0, self._next)  # Aside still counts this one

"""One picture on the canvas: pixels that stay alive, and smaller versions for showing it small."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QImage, QPainter

from engine.messages import Pixels
from gui.pixels import to_qimage


class Picture:
    """A frame for painting. Halves are made when first needed, so that a picture shown small does not alias.

    Args:
        pixels: ``[H, W, 4]`` uint8, BGRX. Shared, not copied; must not be written again.
    """

    def __init__(self, pixels: Pixels) -> None:
        self.pixels = pixels
        self._levels = [to_qimage(pixels)]

    @property
    def image(self) -> QImage:
        return self._levels[0]

    @property
    def width(self) -> int:
        return self.image.width()

    @property
    def height(self) -> int:
        return self.image.height()

    def image_for(self, width_px: float) -> QImage:
        """The smallest version that is at least `width_px` wide, in device pixels."""
        level = 0
        while self._level(level).width() >= 2 * max(1.0, width_px):
            level += 1
        return self._level(level)

    def paint(self, painter: QPainter, target: QRectF, device_pixel_ratio: float, *, smooth: bool = True) -> None:
        """Draw it over `target`."""
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smooth)
        painter.drawImage(target, self.image_for(target.width() * device_pixel_ratio))

    def _level(self, level: int) -> QImage:
        while len(self._levels) <= level:
            last = self._levels[-1]
            half = last.scaled(
                max(1, last.width() // 2),
                max(1, last.height() // 2),
                Qt.AspectRatioMode.IgnoreAspectRatio,
                Qt.TransformationMode.SmoothTransformation,
            )
            self._levels.append(half)
        return self._levels[level]

"""One picture on the canvas: pixels that stay alive, and versions of it for showing it small or large."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QImage, QPainter

from engine.messages import Pixels
from gui.pixels import to_qimage

_SMOOTHED_UP_TO_PX = 512


class Picture:
    """A frame for painting, with halves and doubles that are made when first needed.

    Halves, so that a picture shown small does not alias. Doubles, because one bilinear step over more than twice
    shows a grid of diamonds, and several steps of two do not: that is what a coarse frame is shown with.

    Args:
        pixels: ``[H, W, 4]`` uint8, BGRX. Shared, not copied; must not be written again.
    """

    def __init__(self, pixels: Pixels) -> None:
        self.pixels = pixels
        self._halves = [to_qimage(pixels)]
        self._doubles = self._halves[:]

    @property
    def image(self) -> QImage:
        return self._halves[0]

    @property
    def width(self) -> int:
        return self.image.width()

    @property
    def height(self) -> int:
        return self.image.height()

    def image_for(self, width_px: float) -> QImage:
        """The smallest version that is at least `width_px` wide, in device pixels, or else the picture."""
        level = 0
        while self._half(level).width() >= 2 * max(1.0, width_px):
            level += 1
        return self._half(level)

    def smoothed_for(self, width_px: float) -> QImage:
        """Like `image_for`, and a smoothly enlarged version for showing it more than twice as large."""
        if width_px <= 2 * self.width:
            return self.image_for(width_px)
        level = 0
        while 2 * self._double(level).width() <= min(width_px, _SMOOTHED_UP_TO_PX):
            level += 1
        return self._double(level)

    def paint(self, painter: QPainter, target: QRectF, device_pixel_ratio: float, *, smooth: bool = True) -> None:
        """Draw it over `target`, in logical pixels."""
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smooth)
        width_px = target.width() * device_pixel_ratio
        painter.drawImage(target, self.smoothed_for(width_px) if smooth else self.image_for(width_px))

    def _half(self, level: int) -> QImage:
        while len(self._halves) <= level:
            self._halves.append(_scaled(self._halves[-1], 0.5))
        return self._halves[level]

    def _double(self, level: int) -> QImage:
        while len(self._doubles) <= level:
            self._doubles.append(_scaled(self._doubles[-1], 2))
        return self._doubles[level]


def _scaled(image: QImage, factor: float) -> QImage:
    return image.scaled(
        max(1, int(image.width() * factor)),
        max(1, int(image.height() * factor)),
        Qt.AspectRatioMode.IgnoreAspectRatio,
        Qt.TransformationMode.SmoothTransformation,
    )

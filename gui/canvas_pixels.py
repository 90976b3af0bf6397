"""The numbers in pictures: what is under the cursor, and how two pictures differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from engine.messages import Pixels
from engine.state import View
from gui.comparison import Plate
from gui.picture import Picture
from gui.pixels import from_qimage, resized
from gui.shown_frames import ShownFrame

Rgb = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class PixelReading:
    """Attributes:
    x, y: In pixels of the model's finished picture, from its upper left corner.
    values: RGB, 0 to 255, by what the picture is called, from left to right.
    """

    x: int
    y: int
    values: tuple[tuple[str, Rgb], ...]

    @property
    def change(self) -> Rgb | None:
        """From the first picture to the second; None where there is but one."""
        if len(self.values) < 2:
            return None
        first, second = self.values[0][1], self.values[1][1]
        return second[0] - first[0], second[1] - first[1], second[2] - first[2]

    @property
    def words(self) -> str:
        """One line for the status bar."""
        parts = [f"x {self.x}  y {self.y}"]
        parts += [f"{name} {red} {green} {blue}" for name, (red, green, blue) in self.values]
        if self.change is not None:
            parts.append("change " + " ".join(f"{part:+d}".replace("-", "\N{MINUS SIGN}") for part in self.change))
        return "    ".join(parts)


def read_pixels(
    shown: Mapping[Plate, ShownFrame], captions: Mapping[Plate, str], share: tuple[float, float]
) -> PixelReading | None:
    """What lies at a place of the pictures on screen.

    Args:
        share: Of the picture's width and height, 0 to 1; outside there is nothing to read.
    """
    if not shown or not (0 <= share[0] < 1 and 0 <= share[1] < 1):
        return None
    drawn = [frame for plate, frame in shown.items() if isinstance(plate, View)]
    edge = max(frame.full_size_px for frame in drawn or shown.values())
    values = tuple((captions[plate], _rgb_at(frame.picture.pixels, share)) for plate, frame in shown.items())
    return PixelReading(int(share[0] * edge), int(share[1] * edge), values)


def _rgb_at(pixels: Pixels, share: tuple[float, float]) -> Rgb:
    height, width = pixels.shape[:2]
    blue, green, red = (int(part) for part in pixels[int(share[1] * height), int(share[0] * width), :3])
    return red, green, blue


class Difference:
    """How two pictures differ, as a picture. Worked out again only when one of them is another."""

    def __init__(self) -> None:
        self._of: tuple[Picture, Picture, float] | None = None
        self._made: tuple[Picture, float] | None = None

    def of(self, one: Picture, other: Picture, gain: float) -> tuple[Picture, float]:
        """The amplified difference, and its mean before that, 0 to 255."""
        of = self._of
        if of is None or self._made is None or of[0] is not one or of[1] is not other or of[2] != gain:
            self._of = (one, other, gain)
            pixels, mean = difference(one.pixels, other.pixels, gain)
            self._made = (Picture(pixels), mean)
        return self._made


def difference(one: Pixels, other: Pixels, gain: float) -> tuple[Pixels, float]:
    """``|one - other| * gain``, cut at 255, and the mean of ``|one - other|``.

    Args:
        one, other: ``[H, W, 4]`` uint8, BGRX. The larger is made as small as the other.
    """
    edge = min(one.shape[1], other.shape[1])
    first, second = (at if at.shape[1] == edge else from_qimage(resized(at, edge)) for at in (one, other))
    if first.shape != second.shape:  # a photo that is not square beside a picture that is
        second = from_qimage(resized(second, edge, first.shape[0]))
    plain = np.maximum(first, second) - np.minimum(first, second)
    mean = float(plain[..., :3].mean(dtype=np.float64))
    table = np.clip(np.arange(256) * gain, 0, 255).round().astype(np.uint8)
    amplified = table[plain]
    amplified[..., 3] = 255
    return amplified, mean

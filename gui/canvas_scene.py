"""One painting of the canvas: pictures, captions, the wipe's handle. Knows no widget and keeps nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from PySide6.QtGui import QPainter

from engine.state import View
from gui import canvas_paint
from gui.canvas_layout import Rect, Zoom, fit, placed, split, wipe_place
from gui.canvas_look import Look
from gui.comparison import CompareStyle, Plate
from gui.picture import Picture
from gui.shown_frames import ShownFrame
from gui.theme import Theme


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """Attributes:
    area: The whole canvas, in logical pixels.
    ratio: Device pixels per logical one.
    shown: The picture of a plate, None while there is none.
    stand_in: What is shown in the only square until its own picture comes.
    difference: Of two pictures, and its mean.
    wipe: Where the handle is, 0 to 1.
    """

    theme: Theme
    look: Look
    area: Rect
    ratio: float
    zoom: Zoom
    wipe: float
    captions: Mapping[Plate, str]
    shown: Callable[[Plate], ShownFrame | None]
    stand_in: Callable[[], ShownFrame | None]
    difference: Callable[[Picture, Picture], tuple[Picture, float]]

    def paint(self, painter: QPainter) -> None:
        match self.look.style:
            case CompareStyle.WIPE:
                self._paint_wipe(painter)
            case CompareStyle.BLINK:
                self._paint_blink(painter)
            case CompareStyle.DIFFERENCE:
                self._paint_difference(painter)
            case _:
                self._paint_squares(painter)

    def _paint_squares(self, painter: QPainter) -> None:
        look = self.look
        for plate, square in look.squares(self.area).items():
            seen = look.seen_for(plate)
            clip = self.area if look.is_single else square
            self._paint_picture(painter, seen, square, clip)
            if plate in (View.A, View.B) and not look.is_single:
                canvas_paint.paint_side_edge(painter, self.theme, square, View(plate))
            if not look.is_single or self.zoom.factor <= 1:
                canvas_paint.paint_caption(painter, self.theme, square, seen, self.captions[seen])

    def _paint_wipe(self, painter: QPainter) -> None:
        left, right = self.look.comparison.plates
        right = self.look.seen_for(right)
        is_level = self.look.comparison.is_level
        square = self._square
        place = wipe_place(square, self.zoom, self.area, self.wipe, is_level=is_level)
        before, after = split(self.area, place, is_level=is_level)
        self._paint_picture(painter, left, square, before)
        self._paint_picture(painter, right, square, after)
        sides = (self._side_color(left), self._side_color(right))
        canvas_paint.paint_wipe_handle(
            painter, place, placed(square, self.zoom), self.area, colors=sides, is_level=is_level
        )
        if self.zoom.factor <= 1:
            self._paint_two_captions(painter, left, right)

    def _paint_blink(self, painter: QPainter) -> None:
        left, right = self.look.comparison.plates
        seen = left if self.look.shows_left or self.look.is_held else right
        self._paint_picture(painter, seen, self._square, self.area)
        if self.zoom.factor <= 1:
            self._paint_two_captions(painter, left, right, lit=seen)

    def _paint_difference(self, painter: QPainter) -> None:
        left, right = self.look.comparison.plates
        one, other = self.shown(left), self.shown(right)
        if self.look.is_held or one is None or other is None:
            self._paint_picture(painter, left if one is not None else right, self._square, self.area)
            return
        picture, mean = self.difference(one.picture, other.picture)
        finished = max(one.full_size_px, other.full_size_px)
        self._paint(painter, ShownFrame(picture, 0, picture.width, finished, True), self._square, self.area)
        if self.zoom.factor <= 1:
            gain = self.look.comparison.gain
            pair = f"{_name(self.captions[right])} against {_name(self.captions[left])}"
            words = f"{pair}: mean {mean:.1f} of 255, shown {gain:g} times"
            canvas_paint.paint_caption(painter, self.theme, self._square, View.BLEND, words)

    @property
    def _square(self) -> Rect:
        return next(iter(self.look.squares(self.area).values()))

    def _paint_two_captions(self, painter: QPainter, left: Plate, right: Plate, lit: Plate | None = None) -> None:
        words = (self.captions[left], self.captions[right])
        canvas_paint.paint_wipe_captions(painter, self.theme, self._square, (left, right), words, lit=lit)

    def _side_color(self, plate: Plate) -> str:
        if plate is View.A:
            return self.theme.a
        return self.theme.b if plate is View.B else self.theme.knob_edge

    def _paint_picture(self, painter: QPainter, plate: Plate, square: Rect, clip: Rect) -> None:
        shown = self.shown(plate)
        if shown is None and self.look.is_single:
            shown = self.stand_in()
        if shown is None:
            canvas_paint.paint_empty_frame(painter, self.theme, square)
        else:
            self._paint(painter, shown, square, clip)

    def _paint(self, painter: QPainter, shown: ShownFrame, square: Rect, clip: Rect) -> None:
        aspect = fit(shown.picture.width, shown.picture.height, square)
        target = placed(aspect, self.zoom)
        canvas_paint.paint_picture(
            painter, shown.picture, target, clip, self.ratio, self.zoom, shown.full_size_px
        )


def _name(caption: str) -> str:
    """The part of a caption that names the picture: "Blend" of "Blend, structure from A up to 32 px"."""
    return caption.split(",", 1)[0]

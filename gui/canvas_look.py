"""What the canvas is asked to show: a mode, a comparison, a held key. Which pictures that is, and where they lie."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from engine.state import View
from gui.canvas_layout import Rect, pair, single, triptych
from gui.comparison import CompareStyle, Comparison, Plate

BLENDS = (View.BLEND, View.WEIGHTS, View.LATENTS)


class CanvasMode(StrEnum):
    A = "a"
    BLEND = "blend"
    B = "b"
    TRIPTYCH = "triptych"
    COMPARE = "compare"
    SPACES = "spaces"


@dataclass(frozen=True, slots=True)
class Look:
    """Attributes:
    is_held: A key is down that shows the reference in place of what is compared with it.
    shows_left: While blinking: whether it is the reference's turn.
    """

    mode: CanvasMode = CanvasMode.BLEND
    comparison: Comparison = Comparison()
    is_held: bool = False
    shows_left: bool = False

    @property
    def style(self) -> CompareStyle | None:
        """How two pictures are compared, None in the other modes."""
        return self.comparison.style if self.mode is CanvasMode.COMPARE else None

    @property
    def is_single(self) -> bool:
        """Whether there is one square on screen."""
        return self.mode not in (CanvasMode.TRIPTYCH, CanvasMode.SPACES) and self.style is not CompareStyle.PAIR

    @property
    def plates(self) -> tuple[Plate, ...]:
        """Every picture that has a place, from left to right."""
        match self.mode:
            case CanvasMode.TRIPTYCH:
                return View.A, View.BLEND, View.B
            case CanvasMode.SPACES:
                return View.WEIGHTS, View.LATENTS
            case CanvasMode.COMPARE:
                return self.comparison.plates
            case _:
                return (View(self.mode.value),)

    @property
    def views(self) -> tuple[View, ...]:
        """What the engine has to draw, the most wanted first."""
        if self.mode is CanvasMode.COMPARE:
            views = self.comparison.views
        else:
            views = tuple(plate for plate in self.plates if isinstance(plate, View))
            if self.mode is CanvasMode.TRIPTYCH:
                views = (View.BLEND, View.A, View.B)
        held = self._held_plate
        return tuple(dict.fromkeys((held, *views))) if self.is_held and isinstance(held, View) else views

    def squares(self, area: Rect) -> dict[Plate, Rect]:
        """The square of every picture on screen. Two that lie on top of each other share one."""
        if self.is_single:
            return dict.fromkeys(self.plates, single(area))
        places = triptych(area) if self.mode is CanvasMode.TRIPTYCH else pair(area)
        return dict(zip(self.plates, places, strict=True))

    def seen_for(self, plate: Plate) -> Plate:
        """What is painted in the place of a picture."""
        is_looked_at = plate == self.comparison.right if self.mode is CanvasMode.COMPARE else plate in BLENDS
        return self._held_plate if self.is_held and is_looked_at else plate

    @property
    def _held_plate(self) -> Plate:
        """The reference; where that is the blend itself, the other side."""
        left, right = self.comparison.plates
        return right if self.mode is not CanvasMode.COMPARE and left in BLENDS else left

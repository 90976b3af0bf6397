"""How like its portrait a picture is, in numbers. Light: the window shows them, the library keeps them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from engine.strict_json import decode, parse_json_object


@dataclass(frozen=True, slots=True)
class Likeness:
    """Smaller is more alike; 0 is the same picture.

    Attributes:
        pixel: Mean absolute difference, 0 to 1.
        perceptual: As `perceptual_name` measures it.
        perceptual_name: What judged, in a few words for the user.
        edge: Mean absolute difference of gradients, in the units of `pixel`: see `engine.inversion.likeness_measure`.
        identity: 1 minus the cosine of two faces' features, 0 to 2; None without the weights that it needs.
    """

    pixel: float
    perceptual: float
    perceptual_name: str
    edge: float
    identity: float | None = None

    @property
    def sentence(self) -> str:
        """For example "Pixels 3.5 % off, edges 1.2 %, perceptual 0.110 (LPIPS)."."""
        return self._told(f" ({self.perceptual_name})")

    @property
    def brief(self) -> str:
        """`sentence` without who judged, where there is little room."""
        return self._told("")

    def _told(self, judge: str) -> str:
        person = "" if self.identity is None else f", identity {self.identity:.2f}"
        return (
            f"Pixels {100 * self.pixel:.1f} % off, edges {100 * self.edge:.1f} %, "
            f"perceptual {self.perceptual:.3f}{judge}{person}."
        )

    def to_json_text(self) -> str:
        return json.dumps(asdict(self), allow_nan=False, separators=(",", ":"))

    @staticmethod
    def from_json_text(text: str) -> Likeness:
        """Strict twin of `to_json_text`.

        Raises:
            CorruptModelError: names what is wrong.
        """
        return decode(Likeness, parse_json_object(text), "likeness")

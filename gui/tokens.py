"""The colours of the two themes, as plain data."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtGui import QColor


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours as ``#rrggbb``.

    Attributes:
        canvas: Behind the picture.
        canvas_text, canvas_a, canvas_b: Captions on it.
        window, panel, raised: From the farthest to the nearest surface.
        sunken: Inside of pads, curves and empty cells.
        line: Borders and tracks.
        a, b: The two models, as shapes.
        a_text, b_text: The two models, as letters on any surface.
        c, d, e, f: Further models, as shapes; from the fifth on the colours come again.
        c_text, d_text, e_text, f_text: Further models, as letters on any surface.
        knob, knob_edge: What the hand holds.
    """

    name: str
    is_dark: bool
    canvas: str
    canvas_text: str
    canvas_a: str
    canvas_b: str
    window: str
    panel: str
    raised: str
    sunken: str
    line: str
    text: str
    muted: str
    disabled: str
    a: str
    b: str
    a_text: str
    b_text: str
    c: str
    d: str
    e: str
    f: str
    c_text: str
    d_text: str
    e_text: str
    f_text: str
    focus: str
    warn: str
    error: str
    knob: str
    knob_edge: str


DARK = Theme(
    name="dark",
    is_dark=True,
    canvas="#17181a",
    canvas_text="#a3a7ae",
    canvas_a="#45b3a8",
    canvas_b="#ee8560",
    window="#1d1e21",
    panel="#232529",
    raised="#2c2f34",
    sunken="#1b1c1f",
    line="#383b41",
    text="#e7e8ea",
    muted="#a3a7ae",
    disabled="#6a6e76",
    a="#45b3a8",
    b="#ee8560",
    a_text="#45b3a8",
    b_text="#ee8560",
    c="#b794f6",
    d="#93bf4f",
    e="#e583b8",
    f="#5fb2e6",
    c_text="#b794f6",
    d_text="#93bf4f",
    e_text="#e583b8",
    f_text="#5fb2e6",
    focus="#7aa2f7",
    warn="#e0b04c",
    error="#e5646e",
    knob="#e7e8ea",
    knob_edge="#17181a",
)

# On the neutral grey canvas and as letters the two colours need darker versions of themselves to be readable.
LIGHT = Theme(
    name="light",
    is_dark=False,
    canvas="#8f9093",
    canvas_text="#1c1d20",
    canvas_a="#052c28",
    canvas_b="#4b1705",
    window="#ececee",
    panel="#f6f6f7",
    raised="#ffffff",
    sunken="#e6e6e9",
    line="#d4d5d9",
    text="#1c1d20",
    muted="#5d6168",
    disabled="#a2a5ab",
    a="#1f8f85",
    b="#cf5a33",
    a_text="#156f66",
    b_text="#a63f1b",
    c="#7c4dcc",
    d="#5c8016",
    e="#b83a80",
    f="#1c7cab",
    c_text="#6a3bb8",
    d_text="#4a6a0c",
    e_text="#9c2a69",
    f_text="#14648c",
    focus="#3d6fd6",
    warn="#a97612",
    error="#c1313d",
    knob="#ffffff",
    knob_edge="#5d6168",
)


def mix(base: str, over: str, amount: float) -> QColor:
    """`over` laid over `base` with opacity `amount`, 0 to 1."""
    below, above = QColor(base), QColor(over)
    return QColor.fromRgbF(
        below.redF() + (above.redF() - below.redF()) * amount,
        below.greenF() + (above.greenF() - below.greenF()) * amount,
        below.blueF() + (above.blueF() - below.blueF()) * amount,
    )


def share_color(theme: Theme, share_of_b: float) -> QColor:
    """The colour between A and B that says how much of B there is, 0 to 1."""
    return mix(theme.a, theme.b, min(1.0, max(0.0, share_of_b)))

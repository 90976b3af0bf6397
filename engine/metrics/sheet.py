"""The closest pairs of sample and original on one page, to be looked at: no distance says what an eye does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from engine.export.sheets import A_COLOUR, B_COLOUR, GAP_PX, INK, MARGIN_PX, MUTED, PAPER
from engine.imaging import Rgb

PAIRS_ACROSS = 4
LEAST_CELL_PX = 128


@dataclass(frozen=True, eq=False, slots=True)
class DrawnPair:
    """Two pictures ``[S, S, 3]``, what to call them, and a line about both."""

    sample: Rgb
    original: Rgb
    sample_text: str
    original_text: str
    text: str


def pairs_sheet(pairs: Sequence[DrawnPair], title: str) -> NDArray[np.uint8]:
    """Draw pairs, sample left and original right, four to a row: ``[H, W, 3]`` uint8."""
    cell = max(LEAST_CELL_PX, pairs[0].sample.shape[0])
    size = max(11, cell // 12)
    font = ImageFont.load_default(size)
    line = round(1.4 * size)
    width, height = 2 * cell + GAP_PX, cell + 2 * line + MARGIN_PX
    across = min(PAIRS_ACROSS, len(pairs))
    down = -(-len(pairs) // across)
    top = MARGIN_PX + 2 * line
    sheet = Image.new(
        "RGB",
        (
            max(across * (width + MARGIN_PX), round(font.getlength(title)) + MARGIN_PX) + MARGIN_PX,
            top + down * height + MARGIN_PX,
        ),
        PAPER,
    )
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN_PX, MARGIN_PX), title, INK, font)
    for number, pair in enumerate(pairs):
        x, y = MARGIN_PX + number % across * (width + MARGIN_PX), top + number // across * height
        right = x + cell + GAP_PX
        for left, picture in ((x, pair.sample), (right, pair.original)):
            shown = Image.fromarray(np.ascontiguousarray(picture))
            sheet.paste(shown.resize((cell, cell), Image.Resampling.LANCZOS), (left, y))
        for left, text, colour in ((x, pair.sample_text, A_COLOUR), (right, pair.original_text, B_COLOUR)):
            draw.text((left, y + cell + 2), _fitting(text, font, cell), colour, font)
        draw.text((x, y + cell + 2 + line), _fitting(pair.text, font, width), MUTED, font)
    return np.asarray(sheet)


def _fitting(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """The text, its middle left out where it is too long for `width` px."""
    shown, kept = text, len(text)
    while font.getlength(shown) > width and kept > 2:
        kept -= 1
        shown = f"{text[: kept - kept // 2]}…{text[len(text) - kept // 2 :]}"
    return shown

"""Labelled contact sheets: many pictures on one page, like the figure of the layer-swapping paper."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from engine.atomic import write_atomic
from engine.export.stills import encoded_still, still_suffix

MARGIN_PX = 16
GAP_PX = 4
PAPER = "#ffffff"
INK = "#1c1d20"
MUTED = "#5d6168"
A_COLOUR = "#1f8f85"
B_COLOUR = "#cf5a33"


def compose_sheet(
    images: Sequence[Sequence[NDArray[np.uint8]]],
    columns: Sequence[str],
    rows: Sequence[str],
    *,
    title: str = "",
    cell_px: int = 0,
    from_a_to_b: bool = True,
) -> NDArray[np.uint8]:
    """Lay pictures out in a grid.

    Args:
        images: ``images[row][column]``, each ``[S, S, 3]``, red first.
        columns: Heads, one per column.
        rows: Labels left of the rows.
        cell_px: Edge of a picture on the sheet; 0 for at least 128 px and no less than its own.
        from_a_to_b: The first column's head is in A's colour, the last one's in B's.

    Returns:
        ``[H, W, 3]`` uint8.
    """
    edge = cell_px or max(128, images[0][0].shape[0])
    size = max(12, edge // 10)
    font = ImageFont.load_default(size)
    left = MARGIN_PX + max((round(font.getlength(label)) for label in rows), default=0) + size
    title_height = 2 * size if title else 0
    top = MARGIN_PX + title_height + 2 * size
    width = left + len(columns) * (edge + GAP_PX) - GAP_PX + MARGIN_PX
    height = top + len(rows) * (edge + GAP_PX) - GAP_PX + MARGIN_PX
    sheet = Image.new("RGB", (max(width, left + round(font.getlength(title)) + MARGIN_PX), height), PAPER)
    draw = ImageDraw.Draw(sheet)
    if title:
        draw.text((left, MARGIN_PX), title, INK, font)
    colours = [A_COLOUR, *[MUTED] * (len(columns) - 2), B_COLOUR] if from_a_to_b else [MUTED] * len(columns)
    for column, (head, colour) in enumerate(zip(columns, colours, strict=False)):
        centre = left + column * (edge + GAP_PX) + edge // 2
        draw.text((centre, top - size // 2), head, colour, font, anchor="ms")
    for row, label in enumerate(rows):
        above = top + row * (edge + GAP_PX)
        draw.text((left - size // 2, above + edge // 2), label, MUTED, font, anchor="rm")
        for column in range(len(columns)):
            picture = Image.fromarray(np.ascontiguousarray(images[row][column]))
            if picture.size != (edge, edge):
                picture = picture.resize((edge, edge), Image.Resampling.LANCZOS)
            sheet.paste(picture, (left + column * (edge + GAP_PX), above))
    return np.asarray(sheet)


def write_sheet(path: Path, sheet: NDArray[np.uint8]) -> None:
    """Write a sheet; the suffix chooses the format, as for stills.

    Raises:
        StorageError: the format is unknown, or the file could not be written.
    """
    write_atomic(path, encoded_still(sheet, still_suffix(path)))

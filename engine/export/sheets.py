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
PAPER_VALUE = 255
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


def contact_sheet(
    pictures: Sequence[NDArray[np.uint8]],
    names: Sequence[str],
    *,
    title: str = "",
    cell_px: int = 192,
    columns: int = 0,
) -> NDArray[np.uint8]:
    """Pictures in rows, each with its name below it.

    Args:
        pictures: ``[H, W, 3]``, red first, of any size.
        columns: In a row; 0 makes the sheet about as wide as high.

    Returns:
        ``[H, W, 3]`` uint8.
    """
    across = columns or max(1, round(len(pictures) ** 0.5 * 1.2))
    down = -(-len(pictures) // across)
    size = max(11, cell_px // 14)
    font = ImageFont.load_default(size)
    top = MARGIN_PX + (2 * size if title else 0)
    cell_high = cell_px + 2 * size
    width = max(2 * MARGIN_PX + across * (cell_px + GAP_PX) - GAP_PX, 2 * MARGIN_PX + round(font.getlength(title)))
    sheet = Image.new("RGB", (width, top + down * cell_high + MARGIN_PX), PAPER)
    draw = ImageDraw.Draw(sheet)
    if title:
        draw.text((MARGIN_PX, MARGIN_PX), title, INK, font)
    for place, (pixels, name) in enumerate(zip(pictures, names, strict=True)):
        left = MARGIN_PX + place % across * (cell_px + GAP_PX)
        above = top + place // across * cell_high
        picture = Image.fromarray(np.ascontiguousarray(pixels))
        picture.thumbnail((cell_px, cell_px), Image.Resampling.LANCZOS)
        sheet.paste(picture, (left + (cell_px - picture.width) // 2, above + (cell_px - picture.height) // 2))
        centre = left + cell_px // 2
        draw.text((centre, above + cell_px + 1.4 * size), _fitted(name, font, cell_px), MUTED, font, anchor="ms")
    return np.asarray(sheet)


def _fitted(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """`text`, cut in its middle where it is too long."""
    kept = len(text)
    shown = text
    while font.getlength(shown) > width and kept > 2:
        kept -= 1
        shown = f"{text[: (kept + 1) // 2]}…{text[-(kept // 2) :]}"
    return shown


def write_sheet(path: Path, sheet: NDArray[np.uint8]) -> None:
    """Write a sheet; the suffix chooses the format, as for stills.

    Raises:
        StorageError: the format is unknown, or the file could not be written.
    """
    write_atomic(path, encoded_still(sheet, still_suffix(path)))

"""A page of the report on portraits (`engine.inversion_report`) as a picture, a row for each of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from engine.errors import printable
from engine.export.sheets import INK, MARGIN_PX, MUTED, PAPER
from engine.found_portraits import FoundPortrait, LeftOut

GAIN = 4
"""By which a difference is made visible."""

CELL_PX = 176
GAP_PX = 6
ROW_GAP_PX = 14
WORDS_PX = 400
LINE_PX = 22
HEAD_PX, TEXT_PX, TITLE_PX = 17, 15, 24
LINE_COLOUR = "#d4d5d9"
WARN = "#8a5f0c"
WIDTH_PX = 4 * MARGIN_PX + 3 * CELL_PX + 2 * GAP_PX + WORDS_PX
HEADS = ("photo", "portrait", f"difference, {GAIN} times")
EMPTY = "#ececee"
SYSTEM_FONTS = (
    "NotoSansCJK-Regular.ttc", "Arial Unicode.ttf", "DejaVuSans.ttf", "NotoSans-Regular.ttf", "segoeui.ttf",
    "Arial.ttf", "LiberationSans-Regular.ttf",
)  # fmt: skip

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def draw_page(
    folder: Path, head: Sequence[str], portraits: Sequence[FoundPortrait], left_out: Sequence[LeftOut]
) -> NDArray[np.uint8]:
    """
    Args:
        folder: Where the portraits' files are; one that cannot be read leaves its place empty.
        head: The title, and sentences below it.

    Returns:
        ``[H, W, 3]`` uint8.
    """
    words = "".join([*head, *(one.photo + one.remark for one in portraits), *(one.photo for one in left_out)])
    title, text, strong = (font_for(words, size) for size in (TITLE_PX, TEXT_PX, HEAD_PX))
    across = WIDTH_PX - 4 * MARGIN_PX
    sentences = [line for sentence in head[1:] for line in wrapped(sentence, text, across)]
    reasons = [wrapped(f"{one.photo}: {one.problem}", text, across) for one in left_out]
    top = 2 * MARGIN_PX + TITLE_PX + 8 + LINE_PX * len(sentences) + MARGIN_PX
    rows_px = (LINE_PX + len(portraits) * (CELL_PX + ROW_GAP_PX)) if portraits else 0
    reasons_px = (2 * LINE_PX + LINE_PX * sum(map(len, reasons)) + MARGIN_PX) if reasons else 0
    sheet = Image.new("RGB", (WIDTH_PX, top + rows_px + reasons_px + MARGIN_PX), PAPER)
    draw = ImageDraw.Draw(sheet)
    left = 2 * MARGIN_PX
    draw.text((left, 2 * MARGIN_PX), printable(head[0], 80), INK, title)
    for number, line in enumerate(sentences):
        draw.text((left, 2 * MARGIN_PX + TITLE_PX + 8 + LINE_PX * number), line, MUTED, text)
    if portraits:
        for column, word in enumerate(HEADS):
            draw.text((left + column * (CELL_PX + GAP_PX), top), word, MUTED, text)
        top += LINE_PX
    for found in portraits:
        _draw_row(sheet, folder, found, left, top + ROW_GAP_PX // 2, text, strong)
        top += CELL_PX + ROW_GAP_PX
    if reasons:
        draw.line((left, top + MARGIN_PX // 2, WIDTH_PX - left, top + MARGIN_PX // 2), LINE_COLOUR)
        top += MARGIN_PX
        draw.text((left, top), "Left out", INK, strong)
        top += LINE_PX + LINE_PX // 2
        for lines in reasons:
            for line in lines:
                draw.text((left, top), line, MUTED, text)
                top += LINE_PX
    return np.asarray(sheet)


def font_for(words: str, size: int) -> Font:
    """The font that comes with Pillow knows English alone: for other words, one of the system's, if there is any."""
    if not words.isascii():
        for name in SYSTEM_FONTS:
            try:
                return ImageFont.truetype(name, size)
            except OSError:
                continue
    return ImageFont.load_default(size)


def numbers_of(found: FoundPortrait) -> str:
    like = found.likeness
    pixel, edge = (f"{100 * share:.1f} %" for share in (like.pixel, like.edge))
    parts = [f"pixels {pixel}", f"edges {edge}", f"perceptual {like.perceptual:.3f}"]
    return "   ".join(parts if like.identity is None else [*parts, f"identity {like.identity:.2f}"])


def name_of(found: FoundPortrait) -> str:
    return found.photo if found.face == 1 else f"{found.photo}, face {found.face}"


def how_found(found: FoundPortrait) -> str:
    """What was done, and how long it took."""
    seconds = f"{found.elapsed_s:.1f} s" if found.elapsed_s < 100 else f"{found.elapsed_s:.0f} s"
    if found.steps == 0:
        return f"{found.encoder or 'the encoder'} alone, {seconds}"
    start = f", from {found.encoder}" if found.encoder else ", from the mean"
    return f"{found.steps} steps, {seconds}{start}"


def wrapped(text: str, font: Font, width: int, most: int = 4) -> list[str]:
    """`text` in lines that are no wider than `width`; the last of `most` lines ends in … where more follows."""
    lines: list[str] = []
    line = ""
    for word in printable(text, 600).split():
        tried = f"{line} {word}".strip()
        if line and font.getlength(tried) > width:
            lines.append(line)
            tried = word
        while font.getlength(tried) > width:  # one word, such as the name of a file
            kept = len(tried)
            while kept > 1 and font.getlength(tried[:kept]) > width:
                kept -= 1
            lines.append(tried[:kept])
            tried = tried[kept:]
        line = tried
    lines.append(line)
    return lines if len(lines) <= most else [*lines[: most - 1], f"{lines[most - 1][:-1]}…"]


def _draw_row(
    sheet: Image.Image, folder: Path, found: FoundPortrait, left: int, top: int, text: Font, strong: Font
) -> None:
    draw = ImageDraw.Draw(sheet)
    files = found.files(folder)
    crop, picture = _cell(files.crop), _cell(files.picture)
    for column, cell in enumerate((crop, picture, _difference(crop, picture))):
        place = (left + column * (CELL_PX + GAP_PX), top)
        if cell is None:
            draw.rectangle((*place, place[0] + CELL_PX - 1, top + CELL_PX - 1), EMPTY)
        else:
            sheet.paste(cell, place)
    beside = left + 3 * CELL_PX + 2 * GAP_PX + MARGIN_PX
    parts: list[tuple[str, str, Font]] = []
    parts += [(line, INK, strong) for line in wrapped(name_of(found), strong, WORDS_PX, 2)]
    parts += [(numbers_of(found), INK, text), (how_found(found), MUTED, text)]
    parts += [(line, WARN, text) for line in wrapped(found.remark, text, WORDS_PX, 3) if line]
    for number, (line, colour, font) in enumerate(parts):
        draw.text((beside, top + 4 + LINE_PX * number), line, colour, font)


def _cell(path: Path) -> Image.Image | None:
    try:
        with Image.open(path) as picture:
            return picture.convert("RGB").resize((CELL_PX, CELL_PX), Image.Resampling.LANCZOS)
    except (OSError, ValueError, Image.DecompressionBombError):
        return None


def _difference(a: Image.Image | None, b: Image.Image | None) -> Image.Image | None:
    if a is None or b is None:
        return None
    apart = np.abs(np.asarray(a, np.int16) - np.asarray(b, np.int16)) * GAIN
    return Image.fromarray(apart.clip(0, 255).astype(np.uint8))

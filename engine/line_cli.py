"""The verb ``sketch``. Torch is imported when it draws, not before."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from engine.atomic import check_writable
from engine.cli_options import Out
from engine.cli_values import face_from_options
from engine.console import note


def sketch(
    photo: Annotated[Path, typer.Argument(metavar="PHOTO", help="JPEG, PNG, WebP, HEIC, TIFF.")],
    out: Out,
    whole: Annotated[bool, typer.Option("--whole", help="Draw the whole photo, not only the face.")] = False,
    size: Annotated[int, typer.Option(min=64, max=2048, metavar="PX", help="Edge of the drawn face.")] = 512,
    face: Annotated[int, typer.Option(min=1, help="Which face, when several are found: 1 is the largest.")] = 1,
    eyes: Annotated[
        str | None, typer.Option(metavar="X,Y,X,Y", help="The pupils, in pixels of the upright photo.")
    ] = None,
    mouth: Annotated[str | None, typer.Option(metavar="X,Y", help="The middle of the mouth.")] = None,
) -> None:
    """Draw a photo in lines, black on white.

    Only contours: eyes, brows, nose, mouth, jaw, and the edges of hair and clothes. The face is found by itself, or
    put it between --eyes and --mouth.

    \b
    Examples:
      python main.py sketch photo.jpg -o lines.png
      python main.py sketch group.jpg --whole -o group.png
    """
    from engine.export.stills import still_suffix

    still_suffix(out)
    points = face_from_options(eyes, mouth)
    check_writable(out)
    from engine.line_drawing import draw_portrait, write_drawing

    drawing = draw_portrait(photo, points, number=face, whole=whole, size_px=size)
    write_drawing(out, drawing)
    for text in drawing.notes:
        note(text)
    height, width = drawing.lines.shape
    typer.echo(f"Wrote {out} ({width} x {height} px)")

"""The verb ``toonify``. Torch is imported when it starts, not before."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.atomic import check_writable, storage_error
from engine.cli_options import Device
from engine.cli_values import choose_face, face_from_options
from engine.console import Progress, note
from engine.errors import MissingModelError
from engine.framing import FacePoints
from engine.messages import InvertPortrait, OpenPortrait, PortraitInverted, PortraitOpened, StartPoint
from engine.styles import base_model, embedded_styles, in_style

if TYPE_CHECKING:
    from engine.headless import Headless

DEFAULT_STEPS = 20
CELL_PX = 256
ACROSS = 4
"""Pictures beside each other on the sheet, as on the window's wall: a column for the photo, one for each style."""


def toonify(
    photo: Annotated[Path, typer.Argument(metavar="PHOTO", help="JPEG, PNG, WebP, HEIC, TIFF.")],
    out: Annotated[
        Path,
        typer.Option(
            "--out", "-o", metavar="OUT", help="A picture for all on one sheet, or a folder.", show_default=False
        ),
    ],
    steps: Annotated[
        int, typer.Option(min=0, max=5000, help="How long to search for the likeness; 0 takes what is found at once.")
    ] = DEFAULT_STEPS,
    face: Annotated[int, typer.Option(min=1, help="Which face, when several are found: 1 is the largest.")] = 1,
    eyes: Annotated[
        str | None, typer.Option(metavar="X,Y,X,Y", help="The pupils, in pixels of the upright photo.")
    ] = None,
    mouth: Annotated[str | None, typer.Option(metavar="X,Y", help="The middle of the mouth.")] = None,
    device: Device = None,
) -> None:
    """Show a photo's face in every style that comes with Graft.

    The face is found by itself, or put it between --eyes and --mouth. With a picture's suffix (.png, .tif, .webp,
    .jpg), OUT is one sheet of all; otherwise it is a folder, and each picture in it holds its recipe.

    \b
    Examples:
      python main.py toonify photo.jpg -o sheet.png
      python main.py toonify photo.jpg --steps 100 -o styles
      python main.py render styles/photo-cel-shaded.png --alpha 0.6 -o softer.png
    """
    from engine.export.stills import still_suffix
    from engine.headless import open_headless

    points, is_sheet = face_from_options(eyes, mouth), bool(out.suffix)
    if is_sheet:
        still_suffix(out)
        check_writable(out, beside=photo)
    else:
        try:
            out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(f"make the folder {out.name:.60}", error) from error
    progress = Progress()
    with open_headless(device or "auto", report=progress) as engine:
        found = _found(engine, photo, points, face, steps)
        write = _write_sheet if is_sheet else _write_pictures
        count = write(engine, found, photo, out)
        progress.done()
        for text in dict.fromkeys(engine.notes):
            note(text)
    typer.echo(f"Wrote {out} ({count} styles). {found.likeness.sentence}")


def _found(engine: Headless, photo: Path, points: FacePoints | None, face: int, steps: int) -> PortraitInverted:
    base = base_model(engine.library.models())
    if base is None:
        raise MissingModelError("The model that photos are found in is not here.", "It comes with Graft.")
    if points is None:
        opened = engine.run(OpenPortrait(photo))
        assert isinstance(opened, PortraitOpened)
        points, remark = choose_face(opened, face)
        engine.notes.extend([*opened.notes, *([remark] if remark else [])])
    job = InvertPortrait(
        photo, points, base, photo.stem[:60], steps=steps, optimise_noise=False, start=StartPoint.ENCODER
    )
    found = engine.run(job)
    assert isinstance(found, PortraitInverted)
    return found


def _write_sheet(engine: Headless, found: PortraitInverted, photo: Path, out: Path) -> int:
    from engine.export.sheets import contact_sheet, write_sheet

    styles = embedded_styles(engine.library.models())
    pictures, names = [found.target[:, :, 2::-1]], ["Photo"]
    for place, style in enumerate(styles):
        engine.report(style.name, place / len(styles))
        pictures.append(engine.render(in_style(style, found.latent)))
        names.append(style.name)
    write_sheet(out, contact_sheet(pictures, names, title=photo.stem[:60], cell_px=CELL_PX, columns=ACROSS))
    return len(styles)


def _write_pictures(engine: Headless, found: PortraitInverted, photo: Path, folder: Path) -> int:
    styles = embedded_styles(engine.library.models())
    for place, style in enumerate(styles):
        engine.report(style.name, place / len(styles))
        state = in_style(style, found.latent)
        engine.export(folder / f"{photo.stem[:120]}-{style.key}.png", engine.render(state), state)
    return len(styles)

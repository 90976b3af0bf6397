"""The verb ``paste``. Torch is imported when it is at work, not before."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.atomic import check_writable
from engine.cli_options import Device, Out, Which
from engine.cli_values import choose_face, face_from_options
from engine.console import Progress, note
from engine.errors import printable
from engine.file_hash import file_sha256
from engine.framing import Framing
from engine.messages import OpenPortrait, PortraitOpened
from engine.paste_events import MAX_FEATHER, Mask, MaskPreset, PasteBack, PastedBack, PasteSettings, Seam
from engine.portrait_source import PortraitSource
from engine.recipe import Recipe
from engine.state import EditState, ModelRef, View

if TYPE_CHECKING:
    from engine.headless import Headless


def _share(value: float | None) -> float | None:
    if value is not None and not (math.isfinite(value) and 0 <= value <= 1):
        raise typer.BadParameter("it must be a number from 0 to 1.")
    return value


def _feather(value: float | None) -> float | None:
    if value is not None and not (math.isfinite(value) and 0 <= value <= MAX_FEATHER):
        raise typer.BadParameter(f"it must be a number from 0 to {MAX_FEATHER:g}: a share of the crop's width.")
    return value


def paste(
    found: Annotated[
        Path,
        typer.Argument(metavar="FOUND", help="A still or recipe with the portrait, or its latent (.safetensors)."),
    ],
    photo: Annotated[Path, typer.Argument(metavar="PHOTO", help="The photo that it was found in.")],
    out: Out,
    model: Annotated[
        str, typer.Option(metavar="MODEL", help="For a latent alone: the model that shows it.")
    ] = "portrait",
    eyes: Annotated[
        str | None, typer.Option(metavar="X,Y,X,Y", help="The pupils, in pixels of the upright photo.")
    ] = None,
    mouth: Annotated[str | None, typer.Option(metavar="X,Y", help="The middle of the mouth.")] = None,
    face: Annotated[
        int | None, typer.Option(min=1, help="Which face, when several are found: 1 is the largest.")
    ] = None,
    mask: Annotated[
        str | None,
        typer.Option(metavar="MASK", help="face, head (with hair), crop, or a picture: white takes the new face."),
    ] = None,
    seam: Annotated[
        Seam | None, typer.Option(help="gradient shifts the colours to the photo's along the seam; feather fades.")
    ] = None,
    feather: Annotated[
        float | None,
        typer.Option(callback=_feather, metavar="SHARE", help="Width of the fade over the crop's; 0.03 unless said."),
    ] = None,
    opacity: Annotated[float | None, typer.Option(callback=_share, help="0 the photo, 1 the picture.")] = None,
    detail: Annotated[
        float | None,
        typer.Option(callback=_share, help="How much of the photo's finest detail stays where both are alike."),
    ] = None,
    exif: Annotated[bool, typer.Option("--exif/--no-exif", help="Keep what the camera noted: date, lens, place.")] = (
        True
    ),
    view: Which = None,
    device: Device = None,
) -> None:
    """Put an edited face back into its photo, at full size.

    Outside the mask no pixel changes (JPEG alone changes them all a little). The result has the photo's colour
    profile, its 16 bits in PNG and TIFF, its transparency, and stands upright. The recipe is inside, and how the face
    was put there: given a result of this verb, it is done the same way again.

    \b
    Examples:
      python main.py invert photo.jpg -o found.png
      python main.py render found.png --model-b toon --alpha 0.8 -o toon.png
      python main.py paste toon.png photo.jpg -o result.png
      python main.py paste toon.png photo.jpg --mask head --seam feather --feather 0.05 -o result.tif
      python main.py paste toon.png group.jpg --face 2 --mask mine.png -o result.jpg
    """
    from engine.export.stills import still_suffix
    from engine.headless import device_for, open_headless

    still_suffix(out)
    points = face_from_options(eyes, mouth)
    check_writable(out, beside=photo)
    is_latent = found.suffix.lower() == ".safetensors"
    recipe, chosen, remark = device_for(None if is_latent else found, device)
    if remark:
        note(remark)
    progress = Progress()
    with open_headless(chosen, report=progress) as engine:
        try:
            state = _latent_state(engine, found, model) if recipe is None else engine.state_of(recipe)
            sha256 = file_sha256(photo) if photo.is_file() else ""
            earlier = None if recipe is None else recipe.paste
            if points is not None:
                source = PortraitSource(photo, sha256, points, _framing(engine, state))
            elif earlier is not None and earlier.sha256 == sha256 and face is None:
                source = earlier.source(photo)
            else:
                opened = engine.run(OpenPortrait(photo))
                assert isinstance(opened, PortraitOpened)
                where, remark = choose_face(opened, face or 1)
                engine.notes.extend([remark] if remark else [])
                source = PortraitSource(photo, sha256, where, _framing(engine, state))
            settings = PasteSettings() if earlier is None else earlier.settings
            settings = replace(
                settings,
                seam=settings.seam if seam is None else seam,
                feather=settings.feather if feather is None else feather,
                opacity=settings.opacity if opacity is None else opacity,
                detail=settings.detail if detail is None else detail,
                keep_exif=exif,
            )
            preset, painted = _mask(mask, recipe, same_photo=earlier is not None and earlier.sha256 == sha256)
            settings = replace(settings, preset=preset or settings.preset)
            shown = view or (View.BLEND if recipe is None else recipe.view)
            result = engine.run(PasteBack(state, photo, source, out, shown, settings, painted))
            assert isinstance(result, PastedBack)
            notes = [*engine.notes, *result.notes]
        finally:
            progress.done()
    for text in dict.fromkeys(notes):
        note(text)
    width, height = result.size_px
    typer.echo(
        f"Wrote {printable(str(out), 200)} ({width} x {height} px) in {result.elapsed_s:.1f} s. "
        f"Across the seam pixels differ by {result.seam.result:.1f} of 255; in the photo by {result.seam.photo:.1f}, "
        f"without blending by {result.seam.plain:.1f}."
    )


def _latent_state(engine: Headless, path: Path, model: str) -> EditState:
    from engine.latent_file import read_latent

    return EditState(model_a=engine.model(model), latent=read_latent(path, engine.store), truncation_psi=1.0)


def _framing(engine: Headless, state: EditState) -> Framing:
    """That of the model that the portrait was found in."""
    ref: ModelRef | None = state.model_a
    known = None if ref is None else engine.library.model(ref.sha256)
    return Framing() if known is None else known.descriptor.framing


def _mask(text: str | None, recipe: Recipe | None, *, same_photo: bool) -> tuple[MaskPreset | None, Mask | None]:
    """The preset that was asked for, or a mask from a file, or that of an earlier pasting."""
    from engine.paste.masks import decode_mask, read_mask

    if text in set(MaskPreset):
        return MaskPreset(text), None
    if text is not None:
        return None, read_mask(Path(text).expanduser())
    if recipe is not None and recipe.paste is not None and same_photo:
        return None, decode_mask(recipe.paste.mask)
    return None, None

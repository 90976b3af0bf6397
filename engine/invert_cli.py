"""The verb ``invert``. Torch is imported when it starts, not before."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from engine.atomic import check_writable, write_atomic
from engine.cli_options import Device, Out
from engine.cli_values import choose_face, face_from_options
from engine.console import Progress, note
from engine.encoder_cli import EncoderFile, Looks, ModelToInvertIn, encoder_and_model
from engine.messages import (
    InvertPortrait,
    LatentSpaceChoice,
    OpenPortrait,
    PortraitInverted,
    PortraitOpened,
    StartPoint,
)
from engine.recipe import make_recipe, recipe_to_json
from engine.state import EditState, View


def invert(
    portrait: Annotated[Path, typer.Argument(metavar="PORTRAIT", help="A photo: JPEG, PNG, WebP, HEIC, TIFF.")],
    out: Out,
    model: ModelToInvertIn = None,
    eyes: Annotated[
        str | None, typer.Option(metavar="X,Y,X,Y", help="The pupils, in pixels of the upright photo.")
    ] = None,
    mouth: Annotated[str | None, typer.Option(metavar="X,Y", help="The middle of the mouth.")] = None,
    face: Annotated[int, typer.Option(min=1, help="Which face, when several are found: 1 is the largest.")] = 1,
    space: Annotated[LatentSpaceChoice, typer.Option(help="w+ is closer, w is easier to edit.")] = (
        LatentSpaceChoice.W_PLUS
    ),
    steps: Annotated[
        int, typer.Option(min=0, max=5000, help="More is closer and slower; 0 takes what the encoder says.")
    ] = 300,
    start: Annotated[
        StartPoint, typer.Option(help="Where to begin; auto: with the model's encoder if there is one.")
    ] = StartPoint.AUTO,
    noise: Annotated[bool, typer.Option("--noise/--no-noise", help="Fit the noise maps too.")] = True,
    encoder: EncoderFile = None,
    looks: Looks = None,
    device: Device = None,
) -> None:
    """Find the latent of a model that shows a portrait.

    The face is found by itself, or put it between --eyes and --mouth. OUT decides what is written: a picture (.png,
    .tif, .webp, .jpg) with the latent in its recipe, a .json recipe, or the latent alone (.safetensors).

    \b
    Examples:
      python main.py invert photo.jpg -o found.png
      python main.py invert photo.jpg --steps 0 -o at-once.png
      python main.py invert photo.jpg --encoder e4e_ffhq_encode.pt --steps 0 -o e4e.png
      python main.py render found.png --model-b toon --alpha 0.8 -o toonified.png
      python main.py invert photo.jpg --eyes 310,402,415,398 --mouth 365,510 --space w -o found.safetensors
    """
    from engine.export.stills import still_suffix
    from engine.headless import open_headless
    from engine.latent_file import write_latent

    kind = out.suffix.lower()
    if kind not in (".json", ".safetensors"):
        still_suffix(out)
    points = face_from_options(eyes, mouth)
    check_writable(out)
    progress = Progress()
    with open_headless(device or "auto", report=progress) as engine:
        encoder_file, ref = encoder_and_model(engine, encoder, model)
        if points is None:
            opened = engine.run(OpenPortrait(portrait))
            assert isinstance(opened, PortraitOpened)
            points, remark = choose_face(opened, face)
            engine.notes.extend([*opened.notes, *([remark] if remark else [])])
        result = engine.run(
            InvertPortrait(
                portrait, points, ref, portrait.stem, space=space, steps=steps, optimise_noise=noise, start=start,
                encoder_file=encoder_file, looks=looks,
            )
        )
        assert isinstance(result, PortraitInverted)
        state = EditState(model_a=ref, latent=result.latent, truncation_psi=1.0)  # as it was found
        if kind == ".safetensors":
            write_latent(out, result.latent, ref, engine.store)
        elif kind == ".json":
            made = make_recipe(state, View.BLEND, engine.store, device=engine.device, dtype=engine.dtype)
            write_atomic(out, recipe_to_json(made).encode())
        else:
            engine.export(out, engine.render(state), state)
        progress.done()
        for text in dict.fromkeys(engine.notes):
            note(text)
    begun = " from the encoder's start" if result.start is StartPoint.ENCODER else ""
    typer.echo(
        f"Wrote {out} after {result.steps} steps{begun} in {result.elapsed_s:.1f} s. {result.likeness.sentence}"
    )

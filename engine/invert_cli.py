"""The verb ``invert``, for a photo or a folder of them. Torch is imported when it starts, not before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from engine.atomic import check_writable, write_atomic
from engine.cli_options import Device
from engine.cli_values import choose_face, face_from_options
from engine.console import Progress, note
from engine.descriptor import NetworkDescriptor
from engine.encoder_cli import DEFAULT_MODEL, EncoderFile, Looks, ModelToInvertIn, encoder_and_model
from engine.errors import MissingModelError
from engine.event_lines import to_json_line
from engine.found_portraits import ReportOrder
from engine.framing import FacePoints
from engine.invert_events import InvertEvent, InvertFinished, InvertProgress, PhotoLeftOut
from engine.invert_tasks import SearchSettings
from engine.messages import (
    LatentSpaceChoice,
    OpenPortrait,
    PortraitInverted,
    PortraitOpened,
    StartPoint,
)
from engine.recipe import make_recipe, recipe_to_json
from engine.state import EditState, ModelRef, View

PHOTO_STEPS = 300
FOLDER_STEPS = 100
MAX_JOBS = 32
_STEPS_HELP = (
    "More is closer and slower; 0 takes what the encoder says. "
    f"{PHOTO_STEPS} unless said, in a folder {FOLDER_STEPS}."
)


def invert(
    portrait: Annotated[
        Path, typer.Argument(metavar="PHOTO", help="A photo (JPEG, PNG, WebP, HEIC, TIFF), or a folder of them.")
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="OUT", help="A file; for a folder, a folder.", show_default=False)
    ],
    model: ModelToInvertIn = None,
    eyes: Annotated[
        str | None, typer.Option(metavar="X,Y,X,Y", help="The pupils, in pixels of the upright photo.")
    ] = None,
    mouth: Annotated[str | None, typer.Option(metavar="X,Y", help="The middle of the mouth.")] = None,
    face: Annotated[
        int | None, typer.Option(min=1, help="Which face, when several are found: 1 is the largest.")
    ] = None,
    space: Annotated[LatentSpaceChoice, typer.Option(help="w+ is closer, w is easier to edit.")] = (
        LatentSpaceChoice.W_PLUS
    ),
    steps: Annotated[int | None, typer.Option(min=0, max=5000, help=_STEPS_HELP, show_default=False)] = None,
    editability: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="0 is the closest likeness, 1 as easy to edit as a seed.")
    ] = 0.5,
    start: Annotated[
        StartPoint, typer.Option(help="Where to begin; auto: with the model's encoder if there is one.")
    ] = StartPoint.AUTO,
    begin_at: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Go on from this latent, that an earlier `invert` wrote.")
    ] = None,
    noise: Annotated[bool, typer.Option("--noise/--no-noise", help="Fit the noise maps too.")] = True,
    encoder: EncoderFile = None,
    looks: Looks = None,
    all_faces: Annotated[
        bool, typer.Option("--all-faces/--largest-face", help="In a folder: every face of a photo, or one.")
    ] = False,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, max=MAX_JOBS, help="In a folder: photos at the same time; as many as help unless said."),
    ] = None,
    sort: Annotated[ReportOrder, typer.Option(help="In a folder: what comes first in the report.")] = (
        ReportOrder.WORST
    ),
    as_json: Annotated[bool, typer.Option("--json", help="In a folder: print events, a line of JSON each.")] = False,
    device: Device = None,
) -> None:
    """Find the latent that shows a portrait, or all of a folder.

    The face is found by itself, or put it between --eyes and --mouth. OUT decides what is written: a picture (.png,
    .tif, .webp, .jpg) with the latent in its recipe, a .json recipe, or the latent alone (.safetensors).

    For a folder, OUT is a folder: for each portrait a latent (.safetensors, which says in which photo it was found),
    the picture with its recipe and the crop that was aimed at, and on all of them a report (.html, .png, .csv).
    Stopped at any moment, it goes on there when it is started again; only what has changed is searched anew.

    \b
    Examples:
      python main.py invert photo.jpg -o found.png
      python main.py invert photo.jpg --steps 0 -o at-once.png
      python main.py invert photo.jpg --encoder e4e_ffhq_encode.pt --steps 0 -o e4e.png
      python main.py render found.png --model-b toon --alpha 0.8 -o toonified.png
      python main.py invert photo.jpg --begin-at found.safetensors --steps 100 -o closer.safetensors
      python main.py invert photo.jpg --eyes 310,402,415,398 --mouth 365,510 --space w -o found.safetensors
      python main.py invert holiday --all-faces -o holiday-portraits
    """
    is_folder = portrait.is_dir()
    if is_folder and not (face is None and eyes is None and mouth is None and begin_at is None):
        raise typer.BadParameter("--face, --eyes, --mouth and --begin-at are for one photo, not for a folder.")
    if (start is StartPoint.FOUND and begin_at is None) or (
        begin_at is not None and (start not in (StartPoint.AUTO, StartPoint.FOUND) or encoder is not None)
    ):
        raise typer.BadParameter("--start found goes with --begin-at, and with no encoder.")
    if not is_folder and (all_faces or jobs is not None or as_json):
        raise typer.BadParameter(f"--all-faces, --jobs and --json are for a folder; {portrait} is none.")
    wanted = steps if steps is not None else FOLDER_STEPS if is_folder else PHOTO_STEPS
    settings = SearchSettings(space, wanted, editability, noise, start, "", looks)
    chosen = device or "auto"
    if is_folder:
        _invert_folder(portrait, out, model, encoder, settings, chosen, all_faces, jobs, sort, as_json)
    else:
        points = face_from_options(eyes, mouth)
        _invert_photo(portrait, out, model, encoder, settings, chosen, points, face, begin_at)


def _invert_photo(
    portrait: Path,
    out: Path,
    model: str | None,
    encoder: Path | None,
    settings: SearchSettings,
    device: str,
    points: FacePoints | None,
    face: int | None,
    begin_at: Path | None,
) -> None:
    from engine.export.stills import still_suffix
    from engine.headless import open_headless
    from engine.latent_file import read_latent_record, write_latent

    kind = out.suffix.lower()
    if kind not in (".json", ".safetensors"):
        still_suffix(out)
    check_writable(out, beside=portrait)
    progress = Progress()
    with open_headless(device, report=progress) as engine:
        encoder_file, ref = encoder_and_model(engine, encoder, model)
        before = None if begin_at is None else read_latent_record(begin_at, engine.store)
        if before is not None:
            settings = replace(settings, start=StartPoint.FOUND)
            if points is None and face is None and before.source is not None:
                points = before.source.face_in(portrait)
        if points is None:
            opened = engine.run(OpenPortrait(portrait))
            assert isinstance(opened, PortraitOpened)
            points, remark = choose_face(opened, face or 1)
            engine.notes.extend([*opened.notes, *([remark] if remark else [])])
        settings = replace(settings, encoder_file=str(encoder_file or ""))
        search = settings.search(portrait, points, ref, portrait.stem)
        if before is not None:
            search = replace(search, begin_at=before.latent)
        result = engine.run(search)
        assert isinstance(result, PortraitInverted)
        state = EditState(model_a=ref, latent=result.latent, truncation_psi=1.0)  # as it was found
        if kind == ".safetensors":
            write_latent(out, result.latent, ref, engine.store, source=result.source, likeness=result.likeness)
        elif kind == ".json":
            made = make_recipe(state, View.BLEND, engine.store, device=engine.device, dtype=engine.dtype)
            write_atomic(out, recipe_to_json(made).encode())
        else:
            engine.export(out, engine.render(state), state)
        progress.done()
        for text in dict.fromkeys(engine.notes):
            note(text)
    begun = {StartPoint.ENCODER: " from the encoder's start", StartPoint.FOUND: " from where it was"}.get(
        result.start, ""
    )
    typer.echo(
        f"Wrote {out} after {result.steps} steps{begun} in {result.elapsed_s:.1f} s. {result.likeness.sentence}"
    )


def _invert_folder(
    photos: Path,
    out: Path,
    model: str | None,
    encoder: Path | None,
    settings: SearchSettings,
    device: str,
    all_faces: bool,
    jobs: int | None,
    sort: ReportOrder,
    as_json: bool,
) -> None:
    from engine.invert_many import ManyOrder, find_many

    encoder_file, ref, descriptor = _encoder_and_model(encoder, model)
    settings = replace(settings, encoder_file=str(encoder_file or ""))
    order = ManyOrder(
        photos, out, ref, descriptor.img_resolution, settings, all_faces, jobs, device, sort,
        tuned_from=descriptor.tuned_from,
    )  # fmt: skip
    progress = Progress()
    for event in find_many(order):
        if as_json:
            typer.echo(to_json_line(event))
        else:
            _tell(event, progress)


def _encoder_and_model(
    encoder: Path | None, model: str | None
) -> tuple[Path | None, ModelRef, NetworkDescriptor]:
    """As `encoder_and_model`, with what the model is. No torch for a model that is in the library."""
    from engine.embedded_models import register_embedded
    from engine.library import Library
    from engine.places import user_places

    if encoder is None:
        library = Library(user_places().make().library_file)
        try:
            register_embedded(library)
            record = library.find(model or DEFAULT_MODEL)
            return None, record.ref, record.descriptor
        except MissingModelError:
            pass  # a path, or one that is not known: the engine finds out, or says it better
        finally:
            library.close()
    from engine.headless import open_headless

    with open_headless("cpu") as engine:
        file, ref = encoder_and_model(engine, encoder, model)
        for text in dict.fromkeys(engine.notes):
            note(text)
        known = engine.library.model(ref.sha256)
        assert known is not None, "it was just put there"
        return file, ref, known.descriptor


def _tell(event: InvertEvent, progress: Progress) -> None:
    match event:
        case InvertProgress(text=text, fraction=fraction):
            progress(text, fraction)
        case PhotoLeftOut(photo=photo, problem=problem):
            progress.done()
            note(f"{photo} is left out. {problem}")
        case InvertFinished(summary=summary, report=report, elapsed_s=elapsed):
            progress.done()
            counts = ((event.made, "found"), (event.kept, "there already"), (event.left_out, "left out"))
            parts = ", ".join(f"{count} {word}" for count, word in counts if count)
            typer.echo(f"{parts}, in {elapsed:.1f} s. {summary}\nThe report is {report}")

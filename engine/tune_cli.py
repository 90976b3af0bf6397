"""The verb ``tune``. Torch is imported when it starts, not before."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.atomic import check_writable
from engine.cli_options import Device
from engine.cli_values import choose_face, face_from_options
from engine.console import Progress, note
from engine.errors import StorageError
from engine.framing import FacePoints
from engine.messages import InvertPortrait, OpenPortrait, PortraitInverted, PortraitOpened
from engine.pivot_events import MAX_TUNING_STEPS, STOP_AT, TUNING_RATE, TUNING_STEPS, PivotTuned, TunePivot
from engine.portrait_source import PortraitSource
from engine.state import ModelRef, StoredLatent

if TYPE_CHECKING:
    from engine.headless import Headless

DEFAULT_MODEL = "portrait"
SEARCH_STEPS = 100


def tune(
    portrait: Annotated[Path, typer.Argument(metavar="PHOTO", help="JPEG, PNG, WebP, HEIC, TIFF.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="The tuned model, .safetensors.", show_default=False)
    ],
    model: Annotated[
        str | None, typer.Option(metavar="MODEL", help="What is tuned; that of the latent, else portrait.")
    ] = None,
    latent: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where `invert` found the portrait: it is not searched for.")
    ] = None,
    steps: Annotated[int, typer.Option(min=1, max=MAX_TUNING_STEPS, help="At most so many.")] = TUNING_STEPS,
    rate: Annotated[float, typer.Option(min=1e-6, max=0.1, help="How far a step goes.")] = TUNING_RATE,
    stop_at: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Perceptual distance that is near enough; 0 takes every step.")
    ] = STOP_AT,
    locality: Annotated[
        bool, typer.Option("--locality/--no-locality", help="Keep other faces as they are; twice as slow.")
    ] = False,
    search_steps: Annotated[int, typer.Option(min=0, max=5000, help="For finding the portrait.")] = SEARCH_STEPS,
    eyes: Annotated[
        str | None, typer.Option(metavar="X,Y,X,Y", help="The pupils, in pixels of the upright photo.")
    ] = None,
    mouth: Annotated[str | None, typer.Option(metavar="X,Y", help="The middle of the mouth.")] = None,
    face: Annotated[int, typer.Option(min=1, help="Which face, when several are found: 1 is the largest.")] = 1,
    device: Device = None,
) -> None:
    """Tune a model to one person.

    It then draws the portrait itself, not only a likeness. The file is small: what tuning changed in the model it
    began with, which is needed to open it. Its blends with other models carry the person along. The mapping stays,
    so seeds and directions keep their meaning.

    \b
    Examples:
      python main.py tune photo.jpg -o anna.safetensors
      python main.py tune photo.jpg --latent found.safetensors --locality -o anna.safetensors
      python main.py render --model anna.safetensors --latent found.safetensors --model-b toon -o anna-toon.png
    """
    if out.suffix.lower() != ".safetensors":
        problem = f"Graft writes tuned models as .safetensors; “{out.name:.60}” ends otherwise."
        raise StorageError(problem, "End its name in .safetensors.")
    check_writable(out, beside=latent)
    points = face_from_options(eyes, mouth)
    from engine.headless import open_headless

    progress = Progress()
    with open_headless(device or "auto", report=progress) as engine:
        try:
            found, of_model, source = _found(engine, latent)
            ref = of_model if model is None and of_model is not None else engine.model(model or DEFAULT_MODEL)
            points = points or (source and source.face_in(portrait)) or _face(engine, portrait, face)
            if found is None:
                found, source = _search(engine, portrait, points, ref, search_steps)
            else:
                source = _source(engine, portrait, points, ref, source)
            job = TunePivot(
                found, ref, source, out.stem, portrait.stem, steps, rate, stop_at, locality, out.absolute()
            )  # fmt: skip
            result = engine.run(job)
            assert isinstance(result, PivotTuned)
        finally:
            progress.done()
        for text in dict.fromkeys(engine.notes):
            note(text)
    typer.echo(
        f"Wrote {out} ({result.size_bytes / 1e6:.2f} MB) after {result.steps} steps in {result.elapsed_s:.1f} s."
    )
    typer.echo(f"Before: {result.before.sentence}")
    typer.echo(f"After:  {result.after.sentence}")


def _found(
    engine: Headless, latent: Path | None
) -> tuple[StoredLatent | None, ModelRef | None, PortraitSource | None]:
    if latent is None:
        return None, None, None
    from engine.latent_file import read_latent_record

    record = read_latent_record(latent, engine.store)
    known = record.model is not None and engine.library.model(record.model.sha256) is not None
    return record.latent, record.model if known else None, record.source


def _face(engine: Headless, portrait: Path, number: int) -> FacePoints:
    opened = engine.run(OpenPortrait(portrait))
    assert isinstance(opened, PortraitOpened)
    points, remark = choose_face(opened, number)
    engine.notes.extend([*opened.notes, *([remark] if remark else [])])
    return points


def _search(
    engine: Headless, portrait: Path, points: FacePoints, ref: ModelRef, steps: int
) -> tuple[StoredLatent, PortraitSource]:
    """Without noise maps: tuning leaves them out."""
    job = InvertPortrait(portrait, points, ref, portrait.stem, steps=steps, optimise_noise=False)
    inverted = engine.run(job)
    assert isinstance(inverted, PortraitInverted)
    return inverted.latent, inverted.source


def _source(
    engine: Headless, portrait: Path, points: FacePoints, ref: ModelRef, told: PortraitSource | None
) -> PortraitSource:
    """The photo that was given, cut out as the latent was found or else as the model wants it."""
    record = engine.library.model(ref.sha256)
    assert record is not None, "it was just found there"
    framing = told.framing if told is not None else record.descriptor.framing
    return PortraitSource(portrait, "", points, framing)

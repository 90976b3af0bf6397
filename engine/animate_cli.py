"""The verb ``animate``. Torch is imported when it starts, not before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.animation.quick_starts import WALK_SECONDS, walk
from engine.animation.timeline import MAX_SECONDS, MIN_SECONDS, Timeline, frame_count, frame_rate, with_duration
from engine.cli_options import Device, LookName, ModelA, ModelB, SizePx, Which
from engine.cli_values import parse_seeds
from engine.console import Progress, note
from engine.errors import RecipeFormatError
from engine.export.embedded import find_recipe
from engine.export.video_format import VideoQuality, video_format
from engine.look import apply_look
from engine.messages import ExportVideo, VideoExported
from engine.session_file import SESSION_SUFFIX, open_session
from engine.state import EditState, SeedLatent, View, with_models

if TYPE_CHECKING:
    from engine.headless import Headless

Out = Annotated[
    Path,
    typer.Option(
        "--out", "-o", metavar="FILM", show_default=False,
        help="film.mp4, film.webm, film.gif, or a name without an ending for a folder of PNG frames.",
    ),
]  # fmt: skip


def animate(
    out: Out,
    source: Annotated[
        Path | None,
        typer.Argument(metavar="SOURCE", help="A session or film with its timeline, or a picture or recipe to walk."),
    ] = None,
    walk_seeds: Annotated[
        str | None, typer.Option("--walk", metavar="LIST", help="Walk through these seeds, such as 1,4,8-12.")
    ] = None,
    fps: Annotated[str | None, typer.Option(metavar="RATE", help="25, 29.97, 30000/1001 ...; 1 to 60.")] = None,
    seconds: Annotated[
        float | None, typer.Option(min=MIN_SECONDS, max=MAX_SECONDS, help="Length; the keys are stretched with it.")
    ] = None,
    loop: Annotated[
        bool | None, typer.Option("--loop/--once", help="Back to the beginning without a seam, or not.")
    ] = None,
    quality: Annotated[VideoQuality, typer.Option(help="Of .mp4 and .webm.")] = VideoQuality.GOOD,
    fast: Annotated[bool, typer.Option("--fast", help="Draw as previews are drawn, not in exact float32.")] = False,
    look: LookName = None,
    model: ModelA = None,
    model_b: ModelB = None,
    view: Which = None,
    size: SizePx = None,
    device: Device = None,
) -> None:
    """Render a film: keyframes, or a walk through seeds.

    Every frame is rendered afresh; their number is exactly length times rate. The timeline goes into the film, which
    can be opened again. While it is made, there is no file of that name, or the old one.

    \b
    Examples:
      python main.py animate --walk 1,4,7,9 -o walk.mp4
      python main.py animate session.graft -o film.webm --fps 30 --seconds 8
      python main.py animate film.mp4 -o film.gif --size 256
    """
    from engine.headless import open_headless

    video_format(out)
    try:
        rate = None if fps is None else frame_rate(fps)
    except ValueError:
        raise typer.BadParameter(f"“{fps:.20}” in --fps: it must be a rate from 1 to 60, such as 29.97.") from None
    seeds = None if walk_seeds is None else [SeedLatent(number) for number in parse_seeds(walk_seeds)]
    progress = Progress()
    with open_headless(device or "auto", report=progress) as engine:
        state, found, shown = _source(engine, source)
        if look is not None:
            state = apply_look(engine.look(look), state)
        a = None if model is None else engine.model(model)
        state = with_models(state, a=a, b=None if model_b is None else engine.model(model_b))
        timeline = replace(found, loop=found.loop if loop is None else loop, fps=rate or found.fps)
        if seeds is not None:
            timeline = walk(replace(timeline, tracks=()), seeds, WALK_SECONDS)
        if not timeline.tracks:
            raise RecipeFormatError("Nothing moves: there is no timeline.", "Give --walk, or a file with a timeline.")
        if seconds is not None:
            timeline = with_duration(timeline, seconds, stretch=True)
        job = ExportVideo(state, timeline, out, view or shown, size, quality, exact=not fast)
        try:
            result = engine.run(job)
        finally:
            progress.done()
        for text in dict.fromkeys(engine.notes):
            note(text)
    assert isinstance(result, VideoExported)
    width, height = result.size_px
    each_ms = 1000 * result.elapsed_s / frame_count(timeline)
    typer.echo(f"Wrote {out} ({result.frames} frames, {width} x {height} px, {each_ms:.0f} ms each)")


def _source(engine: Headless, path: Path | None) -> tuple[EditState, Timeline, View]:
    """What a file shows, what moves in it, and which of its pictures."""
    if path is None:
        return engine.default_state(), Timeline(), View.BLEND
    if path.suffix.lower() == SESSION_SUFFIX:
        document = open_session(path, engine.store)
        return document.entries[document.index].state, document.timeline or Timeline(), View.BLEND
    recipe = find_recipe(path)
    if recipe is None:
        hint = "Give a session, a film or a still of Graft."
        raise RecipeFormatError(f"{path.name:.100} holds no Graft recipe.", hint)
    return engine.state_of(recipe), recipe.timeline or Timeline(), recipe.view

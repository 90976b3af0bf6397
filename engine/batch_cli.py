"""The verb ``batch``. Torch is imported when it starts, not before."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from engine.batch_events import BatchEvent, BatchFinished, BatchProgress, BatchSkipped
from engine.cli_options import Device, LookName, ModelA, ModelB, SizePx, Which
from engine.cli_values import parse_seeds
from engine.console import Progress, note
from engine.event_lines import to_json_line
from engine.look import apply_look
from engine.state import View, with_models


def batch(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where the pictures go.")],
    recipe: Annotated[
        Path | None, typer.Argument(metavar="RECIPE", help="A picture that Graft exported, or a recipe in JSON.")
    ] = None,
    photos: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Put the look on every photo in it.")] = None,
    seeds: Annotated[
        str | None, typer.Option(metavar="LIST", help="Put it on these faces: numbers and ranges, such as 1,4,8-12.")
    ] = None,
    look: LookName = None,
    model: ModelA = None,
    model_b: ModelB = None,
    view: Which = None,
    steps: Annotated[
        int, typer.Option(min=0, max=5000, help="Of the search for a photo's face; 0 takes what the encoder says.")
    ] = 60,
    suffix: Annotated[str, typer.Option("--format", metavar="SUFFIX", help="png, tif, webp or jpg.")] = "png",
    size: SizePx = None,
    sheet: Annotated[bool, typer.Option("--sheet/--no-sheet", help="End with all of them on one page.")] = True,
    device: Device = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print events, a line of JSON each.")] = False,
) -> None:
    """Put one look on many faces: a folder of photos, or seeds.

    The look is that of RECIPE, or --look, or the embedded pair as the window opens it. Every picture carries its
    recipe. Started again, it goes on where it was stopped; with another look, the faces that were found are used
    again. A photo without a face is told and left out.

    \b
    Examples:
      python main.py batch --seeds 0-23 --look "Woodcut" -o faces
      python main.py batch still.png --photos holiday -o holiday-toons
    """
    from engine.batch import BatchOrder, run_batch
    from engine.headless import device_for, open_headless

    numbers = tuple(parse_seeds(seeds)) if seeds is not None else ()
    found, chosen, remark = device_for(recipe, device)
    if remark:
        note(remark)
    progress = Progress()
    with open_headless(chosen, report=_silent if as_json else progress) as engine:
        state = engine.state_of(found) if found is not None else engine.default_state()
        if look is not None:
            state = apply_look(engine.look(look), state)
        a = None if model is None else engine.model(model)
        b = None if model_b is None else engine.model(model_b)
        state = with_models(state, a=a, b=b)
        order = BatchOrder(
            state=state, folder=out, view=view or (found.view if found is not None else View.BLEND), seeds=numbers,
            photos=photos, suffix=f".{suffix.lower().lstrip('.')}", size_px=size, steps=steps, with_sheet=sheet,
        )  # fmt: skip
        for event in run_batch(order, engine):
            if as_json:
                typer.echo(to_json_line(event))
            else:
                _tell(event, progress)
        progress.done()
        for text in dict.fromkeys(engine.notes):
            note(text)


def _silent(text: str, fraction: float | None = None) -> None:
    pass


def _tell(event: BatchEvent, progress: Progress) -> None:
    match event:
        case BatchProgress(text=text, done=done, total=total):
            progress(text, done / total)
        case BatchSkipped(name=name, problem=problem):
            progress.done()
            note(f"{name} is left out. {problem.removeprefix(f'{name}: ')}")
        case BatchFinished(made=made, kept=kept, failed=failed, sheet=page, elapsed_s=elapsed):
            progress.done()
            counts = ((made, "made"), (kept, "there already"), (failed, "left out"))
            parts = ", ".join(f"{count} {word}" for count, word in counts if count) or "nothing made"
            typer.echo(f"{parts}, in {elapsed:.1f} s{f'; all on {page}' if page else ''}")

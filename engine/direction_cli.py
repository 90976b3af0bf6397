"""The verb ``directions``, and the option ``--direction`` of others. Torch is imported when it is needed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.atomic import check_writable
from engine.cli_options import Device
from engine.console import Progress, note
from engine.direction_events import (
    SAMPLES,
    DirectionMethod,
    DirectionsFound,
    ExportDirections,
    FindDirections,
    ImportDirections,
)
from engine.errors import LatentError
from engine.state import DirectionUse, EditState

if TYPE_CHECKING:
    from engine.headless import Headless

MAX_COUNT = 512
SUFFIX = ".safetensors"

_STEP = re.compile(
    r"(?P<file>.+?)(?:#(?P<number>\d{1,3}))?:(?P<amount>[-+]?\d{1,3}(?:\.\d+)?)(?::(?P<first>\d{1,2})-(?P<last>\d{1,2}))?"
)
_ROWS = re.compile(r"(\d{1,2})-(\d{1,2})")

DirectionSteps = Annotated[
    list[str] | None,
    typer.Option(
        "--direction",
        metavar="FILE:AMOUNT",
        help="Step along a direction of a file, in sigmas: age.npy:2, or of several the third, on rows 0 to 5: "
        "found.safetensors#3:-1.5:0-5. May be given again.",
    ),
]


@dataclass(frozen=True, slots=True)
class StepWish:
    """One ``--direction``.

    Attributes:
        number: Which of the file's directions, from 1.
        layer_range: Half open; None leaves the file's own.
    """

    file: Path
    amount: float
    number: int = 1
    layer_range: tuple[int, int] | None = None


def directions(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Where to look for directions.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="A .safetensors file.", show_default=False)
    ],
    method: Annotated[
        DirectionMethod, typer.Option(help="Components of W, those of activations, or SeFa.")
    ] = DirectionMethod.GANSPACE_W,
    count: Annotated[int, typer.Option(min=1, max=MAX_COUNT, help="How many, the strongest first.")] = 10,
    rows: Annotated[
        str | None, typer.Option(metavar="FIRST-LAST", help="Rows of ws that they are for, such as 0-3; or all.")
    ] = None,
    class_index: Annotated[int | None, typer.Option("--class", min=0, help="For models with classes.")] = None,
    samples: Annotated[int, typer.Option(min=100, max=1_000_000, help="Latents to measure on.")] = SAMPLES,
    device: Device = None,
) -> None:
    """Find directions in a model and write them to a file.

    A step is one sigma each. They are used with `render --direction`, or in the window.

    \b
    Examples:
      python main.py directions portrait -o found.safetensors
      python main.py directions ffhq.pkl --method sefa --rows 0-3 --count 5 -o shapes.safetensors
    """
    from engine.headless import open_headless

    if out.suffix.lower() != SUFFIX:
        raise typer.BadParameter(f"the file's name must end in {SUFFIX}.", param_hint="--out")
    layer_range = None if rows is None else _read_rows(rows)
    check_writable(out)
    progress = Progress()
    with open_headless(device or "auto", report=progress) as engine:
        try:
            state = EditState(model_a=engine.model(model), class_index=class_index)
            job = FindDirections(state, method, layer_range=layer_range, count=count, samples=samples)
            found = engine.run(job)
            assert isinstance(found, DirectionsFound)
            engine.run(ExportDirections(out, found.directions))
        finally:
            progress.done()
        for text in dict.fromkeys(engine.notes):
            note(text)
    for index, record in enumerate(found.directions):
        part = f"  {found.parts[index]:6.1%}" if index < len(found.parts) else ""
        typer.echo(f"{index + 1:>3}  {record.name:<16}{part}")
    typer.echo(f"Wrote {out} ({len(found.directions)} directions, {found.elapsed_s:.1f} s)")


def read_step(text: str) -> StepWish:
    """One ``--direction`` as it was typed: ``FILE[#NUMBER]:AMOUNT[:FIRST-LAST]``.

    Raises:
        typer.BadParameter: it is not that.
    """
    match = _STEP.fullmatch(text)
    if match is None:
        problem = f"“{text:.60}” is not FILE:AMOUNT, FILE#NUMBER:AMOUNT or FILE:AMOUNT:FIRST-LAST."
        raise typer.BadParameter(problem, param_hint="--direction")
    layers = None if match["first"] is None else _read_rows(f"{match['first']}-{match['last']}")
    return StepWish(Path(match["file"]), float(match["amount"]), int(match["number"] or 1), layers)


def with_steps(state: EditState, texts: Sequence[str], engine: Headless) -> EditState:
    """The state with steps along directions of files added.

    Raises:
        LatentError, ModelError: a file cannot be used, or has no direction of that number.
    """
    for wish in map(read_step, texts):
        found = engine.run(ImportDirections(wish.file.expanduser(), state))
        assert isinstance(found, DirectionsFound)
        if not 1 <= wish.number <= len(found.directions):
            count = len(found.directions)
            raise LatentError(f"{wish.file.name:.80} holds {count} directions; there is no number {wish.number}.")
        record = found.directions[wish.number - 1]
        use = DirectionUse(record.key, wish.amount, wish.layer_range or record.layer_range, record.name)
        state = replace(state, directions=(*state.directions, use))
        engine.notes.extend(found.notes)
    return state


def _read_rows(text: str) -> tuple[int, int]:
    match = _ROWS.fullmatch(text.strip())
    if match is None or int(match[1]) > int(match[2]):
        raise typer.BadParameter(f"“{text:.40}” is not FIRST-LAST, such as 0-3.", param_hint="rows")
    return int(match[1]), int(match[2]) + 1

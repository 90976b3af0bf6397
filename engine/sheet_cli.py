"""The verb ``sheet``: the papers' figures, and any two parameters against each other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.atomic import check_writable
from engine.cli_options import Device, LookName, Out, Psi
from engine.cli_values import parse_seeds, parse_swaps
from engine.console import Progress, note
from engine.export.sheet_plan import (
    SheetPlan,
    Stop,
    alpha_stops,
    grid,
    mixing_matrix,
    parameter_stops,
    seed_stops,
    swap_stops,
)
from engine.number_lists import read_numbers
from engine.state import EditState, with_truncation

if TYPE_CHECKING:
    from engine.headless import Headless


class Figure(StrEnum):
    SWAP = "swap"
    ALPHA = "alpha"
    MIXING = "mixing"


def sheet(
    out: Out,
    low: Annotated[str | None, typer.Argument(metavar="[A]", help="Gives the low resolutions.")] = None,
    high: Annotated[str | None, typer.Argument(metavar="[B]", help="Gives the high ones.")] = None,
    figure: Annotated[
        Figure, typer.Option(help="Across: swap resolutions, alphas, or the sources of a style mixing matrix.")
    ] = Figure.SWAP,
    seeds: Annotated[str, typer.Option(metavar="LIST", help="Rows: numbers and ranges, such as 1,4,8-12.")] = "0-4",
    swaps: Annotated[
        str | None, typer.Option(metavar="LIST", help="Columns: swap resolutions, such as 32,16,8; by default all.")
    ] = None,
    alphas: Annotated[
        str, typer.Option(metavar="LIST", help="Columns: alphas, such as 0,0.5,1 or 0..1/5.")
    ] = "0..1/5",
    sources: Annotated[str, typer.Option(metavar="LIST", help="Columns of a mixing matrix: seeds.")] = "10-14",
    layers: Annotated[
        str, typer.Option(metavar="FIRST-LAST", help="Rows of ws that the columns of a mixing matrix give.")
    ] = "0-3",
    columns: Annotated[
        str | None, typer.Option(metavar="PATH=LIST", help="Any number instead, such as noise.strength=0..2/5.")
    ] = None,
    rows: Annotated[
        str | None, typer.Option(metavar="PATH=LIST", help="The same downwards, instead of seeds.")
    ] = None,
    recipe: Annotated[
        Path | None, typer.Option("--from", metavar="RECIPE", help="A picture that Graft exported, to vary.")
    ] = None,
    look: LookName = None,
    psi: Psi = None,
    cell: Annotated[int, typer.Option(min=0, max=2048, metavar="PX", help="Edge of a picture; 0 chooses.")] = 0,
    device: Device = None,
) -> None:
    """Draw many pictures on one labelled sheet.

    By default the figure of the layer-swapping paper: seeds down, swap resolutions across, A at the left and B at the
    right, of the embedded pair unless models are named.

    \b
    Examples:
      python main.py sheet portrait toon --seeds 1-6 -o swaps.png
      python main.py sheet --figure mixing --seeds 1-4 --sources 20-24 --layers 0-3 -o mixing.png
      python main.py sheet --from still.png --columns blend.alpha=0..1.5/7 --rows truncation_psi=0.5,0.7,1 -o grid.png
    """
    from engine.export.stills import still_suffix
    from engine.headless import device_for, open_headless
    from engine.look import apply_look
    from engine.messages import DrawSheet, SheetDrawn

    still_suffix(out)
    numbers = _Numbers(parse_seeds(seeds), parse_seeds(sources), read_numbers(alphas), _layers(layers))
    check_writable(out)
    found, chosen, remark = device_for(recipe, device)
    if remark:
        note(remark)
    progress = Progress()
    with open_headless(chosen, report=progress) as engine:
        state = engine.state_of(found) if found is not None else engine.default_state()
        if look is not None:
            state = apply_look(engine.look(look), state)
        state = _with_models(state, low, high, engine)
        state = state if psi is None else with_truncation(state, psi)
        plan = _plan(state, engine, figure, numbers, swaps, columns, rows)
        drawn = engine.run(DrawSheet(plan, out, cell))
        progress.done()
        for text in dict.fromkeys(engine.notes):
            note(text)
        assert isinstance(drawn, SheetDrawn)
        typer.echo(f"Wrote {out} ({drawn.size_px[0]} x {drawn.size_px[1]} px, {engine.device})")


@dataclass(frozen=True, slots=True)
class _Numbers:
    seeds: list[int]
    sources: list[int]
    alphas: tuple[float, ...]
    layers: tuple[int, int]


def _with_models(state: EditState, low: str | None, high: str | None, engine: Headless) -> EditState:
    if low is None:
        return state
    a = engine.model(low)
    b = None if high is None else engine.model(high)
    if b is not None:
        engine.check_pair(a, b)
    return replace(state, model_a=a, model_b=b)


def _plan(
    state: EditState, engine: Headless, figure: Figure, numbers: _Numbers, swaps: str | None,
    columns: str | None, rows: str | None,
) -> SheetPlan:  # fmt: skip
    down = seed_stops(numbers.seeds) if rows is None else _stops(rows, state)
    if columns is not None:
        return grid(state, _stops(columns, state), down)
    if figure is Figure.MIXING:
        num_ws = 2 * len(engine.resolutions(state))
        return mixing_matrix(state, numbers.sources, numbers.seeds, numbers.layers, num_ws)
    if figure is Figure.ALPHA:
        return grid(state, alpha_stops(numbers.alphas), down)
    return grid(state, swap_stops(parse_swaps(swaps, engine.resolutions(state))), down)


def _stops(text: str, state: EditState) -> tuple[Stop, ...]:
    path, equals, values = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"“{text:.60}” must be a path and its values, such as blend.alpha=0..1/5.")
    return parameter_stops(path.strip(), read_numbers(values), state)


def _layers(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    if not first.strip().isdigit() or not (last or first).strip().isdigit():
        raise typer.BadParameter(f"“{text:.40}” in --layers: it must be two numbers, such as 0-3.")
    return int(first), int(last or first) + 1

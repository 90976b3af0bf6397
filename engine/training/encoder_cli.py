"""The verb ``train encoder``."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.console import note
from engine.training.config import Precision
from engine.training.stop_signals import stop_signals

if TYPE_CHECKING:
    from engine.training.supervised import FitEvent


def train_encoder(
    data: Annotated[Path, typer.Option(metavar="FOLDER", help="Portraits framed as the model's pictures.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="RUN", help="Folder of the run.")],
    model: Annotated[str, typer.Option(metavar="MODEL", help="The generator: a file, or an embedded model.")] = (
        "portrait"
    ),
    earlier: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="An earlier encoder to go on from.")
    ] = None,
    steps: Annotated[
        int, typer.Option(min=0, help="Length of the run; 0 gives the earlier encoder to MODEL as it is.")
    ] = 3000,
    minutes: Annotated[float | None, typer.Option(min=0.0, help="Stop after this time, to be resumed.")] = None,
    batch: Annotated[int, typer.Option(min=2)] = 16,
    learning_rate: Annotated[float, typer.Option(min=0.0)] = 1e-3,
    checkpoint_steps: Annotated[int, typer.Option(min=1, help="Steps between two checkpoints.")] = 250,
    draws: Annotated[
        int, typer.Option(min=0, help="In the end, backward passes to measure what makes searches quick; 0: none.")
    ] = 2600,
    precision: Annotated[Precision, typer.Option()] = Precision.BFLOAT16,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1)] = 0,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, mps; by default the fastest.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per event, for programs.")] = False,
) -> None:
    """Train an encoder, which finds a portrait in a generator at once.

    It belongs to that one generator file. Put RUN/encoder.safetensors into the folder of your own weights under a
    name that begins with encoder, and portraits start from it. The same command again goes on with a stopped run.

    \b
    Example:
      python main.py train encoder --model portrait --data faces/portrait --out runs/encoder
    """
    from engine.training.encoder_run import ENCODER_FILE, EncoderOrder, train_encoder_events
    from engine.training.supervised import FitConfig

    config = FitConfig(
        steps=steps,
        batch=batch,
        learning_rate=learning_rate,
        checkpoint_steps=checkpoint_steps,
        precision=precision,
        seed=seed,
    )
    end = None if minutes is None else time.monotonic() + minutes * 60
    with stop_signals() as stop:
        order = EncoderOrder(model, data, out, config, earlier, draws, device)
        for event in train_encoder_events(
            order, lambda: stop.is_set() or (end is not None and time.monotonic() >= end)
        ):
            _tell(event, as_json=as_json)
    typer.echo(f"Wrote {out / ENCODER_FILE}")


def _tell(event: FitEvent, *, as_json: bool) -> None:
    from engine.training.events import Notice
    from engine.training.supervised import Evaluated, Fitting

    if as_json:
        typer.echo(json.dumps({"event": type(event).__name__, **asdict(event)}))
        return
    match event:
        case Notice(text=text):
            note(text)
        case Fitting():
            losses = "  ".join(f"{name} {value:.4f}" for name, value in event.losses.items())
            left = f"{event.time_left_s / 60:.0f} min left"
            typer.echo(f"{event.step:>8,} of {event.steps:,}  {event.images_per_s:.1f}/s  {left}  {losses}")
        case Evaluated():
            figures = "  ".join(f"{name} {value:.4f}" for name, value in event.figures.items())
            typer.echo(f"{event.step:>8,}  {figures}")

"""Options that several verbs of the command line share."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from engine.state import NoiseMode, View

MAX_SEED = 2**32 - 1


def _finite(value: float | None) -> float | None:
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter("it must be a finite number.")
    return value


Out = Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Where the result goes.", show_default=False)]
Device = Annotated[str | None, typer.Option(metavar="DEVICE", help="cpu, cuda, cuda:1, mps; by default the fastest.")]

ModelA = Annotated[str | None, typer.Option("--model", metavar="MODEL", help="Model A.")]
ModelB = Annotated[str | None, typer.Option(metavar="MODEL", help="Model B.")]
Seed = Annotated[int | None, typer.Option(min=0, max=MAX_SEED, help="The latent, as a number.")]
LatentFile = Annotated[
    Path | None, typer.Option("--latent", metavar="FILE", help="A latent that `invert` wrote, instead of a seed.")
]
Psi = Annotated[
    float | None,
    typer.Option(callback=_finite, help="Truncation: 1 as trained or found, 0 the mean face; 0.7 unless said."),
]
Cutoff = Annotated[int | None, typer.Option(min=0, help="Truncate only this many rows of ws.")]
ClassIndex = Annotated[int | None, typer.Option("--class", min=0, help="For models with classes.")]

SwapResolution = Annotated[
    int | None, typer.Option(metavar="PX", help="Blocks up to this size come from A, the larger ones from B.")
]
Level = Annotated[int | None, typer.Option(min=0, max=1, help="Swap before (0) or within (1) the next block.")]
Width = Annotated[
    float | None,
    typer.Option(callback=_finite, min=0.0, metavar="LAYERS", help="Width of a soft transition; 0 swaps hard."),
]
Alpha = Annotated[
    float | None, typer.Option(callback=_finite, help="Scales the share of B everywhere: 0 none, 1 all of the swap.")
]

Carry = Annotated[
    float | None,
    typer.Option(
        callback=_finite, min=0.0, max=1.0,
        help="Where A was tuned to a person: how much of that the layers of other models get; 1 unless said.",
    ),
]  # fmt: skip

NoiseKind = Annotated[NoiseMode | None, typer.Option("--noise", help="Where the noise comes from.")]
NoiseStrength = Annotated[
    float | None, typer.Option(callback=_finite, help="Scales the noise; 1 as trained.")
]
NoiseSeed = Annotated[int | None, typer.Option(min=0, max=MAX_SEED, help="For --noise random.")]

LookName = Annotated[
    str | None,
    typer.Option("--look", metavar="LOOK", help="Put on a look: its name (`looks` lists them) or its file."),
]

Which = Annotated[View | None, typer.Option("--view", help="Model A, the blend, or model B of the same latent.")]
SizePx = Annotated[
    int | None, typer.Option("--size", min=1, metavar="PX", help="Write it smaller than the model's own.")
]

"""The command line: every verb runs the same engine as the window, without one.

Exit status: 0 done, 1 an expected failure (one line on stderr), 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer
from typer.core import TyperGroup

from engine.animate_cli import animate
from engine.atomic import check_writable
from engine.batch_cli import batch
from engine.blend_cli import Overlays, blend, with_overlays
from engine.cli_options import (
    Alpha,
    Carry,
    ClassIndex,
    Cutoff,
    Device,
    LatentFile,
    Level,
    LookName,
    ModelA,
    ModelB,
    NoiseKind,
    NoiseSeed,
    NoiseStrength,
    Out,
    Psi,
    Seed,
    SizePx,
    SwapResolution,
    Which,
    Width,
)
from engine.cli_values import changed_state
from engine.console import Progress, complain, note
from engine.convert_cli import convert
from engine.device import prepare_process
from engine.direction_cli import DirectionSteps, directions, with_steps
from engine.doctor_cli import doctor
from engine.get_cli import get
from engine.invert_cli import invert
from engine.line_cli import sketch
from engine.look import apply_look
from engine.look_cli import list_looks
from engine.metrics.cli import measure
from engine.native.cli import app as kernels_app
from engine.paste_cli import paste
from engine.sheet_cli import sheet
from engine.state import EditState, View
from engine.toonify_cli import toonify
from engine.training.cli import app as training_app
from engine.tune_cli import tune

if TYPE_CHECKING:
    from engine.headless import Headless

OpenWindow: TypeAlias = Callable[[Sequence[str]], int]

MAX_SHEET_PICTURES = 400

_USAGE_ERROR: type[Exception] = typer.BadParameter.__bases__[0]

ABOUT = """Graft, a darkroom for StyleGANs, without its window.

Every verb runs the same engine as the window. `python main.py` alone opens the window; `python main.py VERB --help`
tells more about a verb.

A MODEL is a file (.pkl, .pt, .safetensors), the name of a model in your library, or the first digits of its SHA-256.
Small models come with Graft: portrait, toon, pencil, woodblock. A model file from a stranger never runs code here.

\b
Examples:
  python main.py inspect model.pkl
  python main.py render --seed 7 --out seven.png
  python main.py render seven.png --out again.png
  python main.py blend ffhq.pkl toon.pkl --swap-resolution 32 -o mixed.safetensors
  python main.py invert photo.jpg --model portrait -o found.png
  python main.py tune photo.jpg --model portrait -o anna.safetensors

\b
Exit status:
  0 done, 1 it failed for a reason given in one line on stderr, 2 wrong usage, 130 interrupted.

\b
Environment:
  GRAFT_HOME   a folder for library, settings and cache, instead of the system's usual ones
  GRAFT_DEBUG  1 shows the traceback of a failure
  GRAFT_DEVICE what to compute on, as PyTorch calls it, instead of the fastest there is: cpu, cuda, cuda:1, mps
  GRAFT_NATIVE 0 leaves out the compiled previews (python main.py kernels) for this run
"""


class _Verbs(TyperGroup):
    """Turns failures into one line and an exit status, for all verbs alike."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (typer.Exit, typer.Abort, _USAGE_ERROR):
            raise
        except KeyboardInterrupt:
            note("interrupted.")
            raise typer.Exit(130) from None
        except BrokenPipeError:  # whoever read our output has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(1) from None
        except Exception as failure:  # noqa: BLE001 - whatever it is, the user gets one line
            complain(failure)
            raise typer.Exit(1) from None


app = typer.Typer(
    cls=_Verbs,
    help=ABOUT,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


app.add_typer(training_app, name="train")
app.add_typer(kernels_app, name="kernels")


def run(arguments: Sequence[str], open_window: OpenWindow) -> None:
    """Do what the arguments say and exit the process.

    Args:
        open_window: Opens the window with these files and returns an exit status when it is closed.
    """
    prepare_process()
    logging.getLogger().addHandler(logging.NullHandler())  # failures are told in one line; see `complain`
    app(list(arguments), prog_name="python main.py", obj=open_window)


# --- what verbs have in common --------------------------------------------------------------------------------------

@contextmanager
def _engine(device: str | None) -> Iterator[Headless]:
    from engine.headless import open_headless

    progress = Progress()
    with open_headless(device or "auto", report=progress) as engine:
        try:
            yield engine
        finally:
            progress.done()
        for text in dict.fromkeys(engine.notes):  # after a failure, its line stands alone
            note(text)


# --- verbs ----------------------------------------------------------------------------------------------------------


@app.command()
def inspect(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A model, a picture with a recipe, or a session.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Tell what a file is.

    For a model its sizes and layers, for a picture the recipe in it, for a session what it shows. Nothing in the file
    is run.

    \b
    Examples:
      python main.py inspect model.pkl
      python main.py inspect seven.png --json
    """
    from engine.inspection import inspect_file

    found = inspect_file(file)
    typer.echo(json.dumps(found.facts, indent=2) if as_json else found.text)


@app.command()
def render(
    out: Out,
    recipe: Annotated[
        Path | None, typer.Argument(metavar="RECIPE", help="A picture that Graft exported, or a recipe in JSON.")
    ] = None,
    model: ModelA = None,
    model_b: ModelB = None,
    look: LookName = None,
    seed: Seed = None,
    latent: LatentFile = None,
    psi: Psi = None,
    cutoff: Cutoff = None,
    swap_resolution: SwapResolution = None,
    level: Level = None,
    width: Width = None,
    alpha: Alpha = None,
    carry: Carry = None,
    overlay: Overlays = None,
    noise: NoiseKind = None,
    noise_strength: NoiseStrength = None,
    noise_seed: NoiseSeed = None,
    class_index: ClassIndex = None,
    direction: DirectionSteps = None,
    view: Which = None,
    size: SizePx = None,
    device: Device = None,
) -> None:
    """Render one picture, with its recipe inside.

    At full size, in float32. With a RECIPE, exactly that picture comes back: the same pixels on the same device.
    Without one, the embedded pair is blended. A look is put on either; options change what it says then. With --model
    alone nothing is blended.

    \b
    Examples:
      python main.py render --seed 7 --psi 0.7 --out seven.png
      python main.py render seven.png --out again.png
      python main.py render seven.png --alpha 0.3 --view blend --out softer.png
      python main.py render --look "Half toon" --seed 7 --out half.png
      python main.py render --seed 7 --direction found.safetensors#2:1.5 --out other.png
      python main.py render --model ffhq.pkl --model-b toon.pkl --swap-resolution 32 --seed 3 -o three.tif
    """
    from engine.export.stills import still_suffix
    from engine.headless import device_for
    from engine.latent_file import read_latent

    still_suffix(out)
    check_writable(out)
    found, chosen, remark = device_for(recipe, device)
    if remark:
        note(remark)
    with _engine(chosen) as engine:
        if found is not None:
            state = engine.state_of(found)
        else:
            state = engine.default_state() if model is None or look is not None else EditState()
        if look is not None:
            state = apply_look(engine.look(look), state)
        state = changed_state(
            state,
            model_a=None if model is None else engine.model(model),
            model_b=None if model_b is None else engine.model(model_b),
            latent=None if latent is None else read_latent(latent, engine.store),
            seed=seed,
            psi=psi,
            cutoff=cutoff,
            class_index=class_index,
            blend={
                "swap_resolution": swap_resolution, "level": level, "width": width, "alpha": alpha, "carry": carry,
            },
            noise={"mode": noise, "strength": noise_strength, "seed": noise_seed},
        )
        if model_b is not None and state.model_a is not None and state.model_b is not None:
            engine.check_pair(state.model_a, state.model_b)  # B was asked for: without it, this is another picture
        state = with_overlays(with_steps(state, direction or (), engine), overlay or (), engine)
        shown = view or (found.view if found is not None else View.BLEND)
        image = engine.render(state, shown, size)
        engine.export(out, image, state, shown)
        _say_written(out, image.shape[1], image.shape[0], engine.device)


@app.command("open", context_settings={"ignore_unknown_options": True})
def open_files(
    ctx: typer.Context,
    files: Annotated[
        list[str] | None, typer.Argument(metavar="[FILE]...", help="Models, portraits, recipes, sessions.")
    ] = None,
) -> None:
    """Open the window, with these files in it.

    \b
    Example:
      python main.py open model.pkl photo.jpg
    """
    open_window: OpenWindow = ctx.obj
    raise typer.Exit(open_window(files or []))


app.command()(animate)
app.command()(batch)
app.command()(blend)
app.command()(convert)
app.command()(directions)
app.command()(get)
app.command()(invert)
app.command()(tune)
app.command()(measure)
app.command()(doctor)
app.command("looks")(list_looks)
app.command()(paste)
app.command()(sheet)
app.command()(sketch)
app.command()(toonify)
app.command("gui", hidden=True, context_settings={"ignore_unknown_options": True})(open_files)


def _say_written(out: Path, width: int, height: int, device: str) -> None:
    typer.echo(f"Wrote {out} ({width} x {height} px, {device})")

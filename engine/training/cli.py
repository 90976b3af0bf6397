"""The verbs ``train`` and ``train portrait-data``. Torch is imported when a run starts, not before."""

from __future__ import annotations

import json
import math
import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.console import Progress as Line
from engine.console import note
from engine.errors import JobError, StorageError
from engine.event_lines import to_json_line
from engine.framing import Framing, FramingKind
from engine.portrait_events import PORTRAIT_STYLES, PortraitsMade, PortraitsProgress
from engine.training.background import give_way, go_to_background, obey_stop_file
from engine.training.config import Augmentation, Precision
from engine.training.encoder_cli import train_encoder
from engine.training.events import (
    CheckpointSaved,
    Event,
    Finished,
    Measured,
    Notice,
    Paused,
    Progress,
    SheetSaved,
    Started,
)
from engine.training.helper_cli import train_landmarks, train_perceptual, train_sketch
from engine.training.memory import keep_freed_memory
from engine.training.stop_signals import stop_signals

if TYPE_CHECKING:
    from engine.training.portrait_data.make import PortraitOrder

JSON_PROGRESS_S = 0.5

ABOUT = """Train a generator on your own pictures.

From nothing, or going on with a trained one.

\b
Examples:
  python main.py train --data photos --from portrait --out runs/mine --images 25000
  python main.py train --data photos --from portrait --out runs/mine --resume
  python main.py train --data photos --out runs/new --size 64 --images 1000000
  python main.py train --data photos --from runs/new --grow --out runs/larger

\b
On several graphics cards, with Graft's extra “train” installed (torchrun on several processors):
  accelerate launch main.py train --data photos --from portrait --out runs/mine

A run can be stopped at any time (Ctrl-C, kill) and taken up again by --resume, even after kill -9 or a power cut.
"""

app = typer.Typer(help=ABOUT, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)

SettingTexts = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Any other setting, as in settings.json of a run."),
]


@app.callback(invoke_without_command=True)
def train(
    ctx: typer.Context,
    data: Annotated[Path | None, typer.Option(metavar="FOLDER", help="The pictures to learn from.")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", metavar="RUN", help="Folder of the run.")] = None,
    source: Annotated[
        str | None,
        typer.Option("--from", metavar="MODEL", help="Model file, embedded model or folder of a run to start from."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in RUN.")] = False,
    grow: Annotated[bool, typer.Option("--grow", help="Double the resolution of MODEL.")] = False,
    size: Annotated[int, typer.Option(metavar="PX", help="Without --from: size of the pictures.")] = 64,
    channel_base: Annotated[int, typer.Option(help="Without --from: feature channels times resolution.")] = 4096,
    channel_max: Annotated[int, typer.Option(help="Without --from: feature channels at most.")] = 128,
    framing: Annotated[
        FramingKind, typer.Option(help="Without --from: how faces sit; eyes as in portrait-data.")
    ] = FramingKind.FFHQ,
    images: Annotated[int | None, typer.Option(min=1, help="End of the run, in images shown.")] = None,
    minutes: Annotated[float | None, typer.Option(min=0.0, help="Stop after this time, to be resumed.")] = None,
    batch: Annotated[int | None, typer.Option(min=1)] = None,
    learning_rate: Annotated[float | None, typer.Option(min=0.0)] = None,
    augment: Annotated[Augmentation | None, typer.Option(help="What the discriminator sees changed.")] = None,
    frozen_discriminator_layers: Annotated[int | None, typer.Option("--freeze-d", min=0)] = None,
    precision: Annotated[Precision | None, typer.Option()] = None,
    seed: Annotated[int | None, typer.Option(min=0, max=2**32 - 1)] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, mps; by default the fastest.")] = "auto",
    settings: SettingTexts = None,
    retry_s: Annotated[float, typer.Option(help="Seconds between attempts while the disk is full.")] = 30.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per event, for programs.")] = False,
    background: Annotated[
        bool,
        typer.Option(
            "--background",
            help="Report to events.jsonl and errors.txt in RUN; stop when there is a file RUN/stop.",
        ),
    ] = False,
    nice: Annotated[int, typer.Option(min=0, max=19, help="How far to give way to other programs.")] = 0,
) -> None:
    """Train a generator; see the examples."""
    keep_freed_memory()
    if ctx.invoked_subcommand is not None:
        return
    if data is None or out is None:
        raise typer.BadParameter("a run needs --data FOLDER and --out RUN", ctx=ctx)
    if background:
        go_to_background(out)
    if nice:
        give_way(nice)
    given = {
        "total_images": images,
        "batch": batch,
        "learning_rate": learning_rate,
        "augmentation": augment,
        "frozen_discriminator_layers": frozen_discriminator_layers,
        "precision": precision,
        "seed": seed,
    }
    chosen = {**_parsed(settings or ()), **{name: value for name, value in given.items() if value is not None}}
    from engine.training.loop import train as events_of
    from engine.training.session import TrainingOrder, open_run
    from engine.training.start import NewNetwork

    order = TrainingOrder(
        data=data,
        out=out,
        source=source,
        sizes=NewNetwork(size, channel_base, channel_max, framing=Framing(framing)),
        grow=grow,
        resume=resume,
        settings=chosen,
        device=device,
    )
    with stop_signals() as stop:
        if background:
            obey_stop_file(out, stop)
        end = None if minutes is None else time.monotonic() + minutes * 60
        with open_run(order, lambda: stop.is_set() or (end is not None and time.monotonic() >= end)) as run:
            if run.trainer.world.rank:  # one of several processes speaks for all
                deque(events_of(run), maxlen=0)
            else:
                _follow(events_of(run), stop, retry_s, as_json=as_json or background)


def _parsed(texts: list[str] | tuple[()]) -> dict[str, Any]:
    """``NAME=VALUE``, where a value is JSON or a plain word."""
    parsed = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise JobError(f"The setting {text!r:.80} has no value.", "Write --set name=value.")
        try:
            parsed[name.strip()] = json.loads(value)
        except ValueError:
            parsed[name.strip()] = value
    return parsed


def _follow(events: Iterator[Event], stop: threading.Event, retry_s: float, *, as_json: bool) -> None:
    paused = ""
    for event in events:
        if not isinstance(event, Paused):
            paused = ""
        elif event.reason == paused:  # said once is enough
            _wait(stop, retry_s, event)
            continue
        if as_json:
            typer.echo(to_json_line(event))
        else:
            _tell(event)
        if isinstance(event, Paused):
            paused = event.reason
            _wait(stop, retry_s, event)


def _wait(stop: threading.Event, retry_s: float, event: Paused) -> None:
    if stop.wait(retry_s):
        raise StorageError(f"Stopped while paused: {event.reason}", "What was saved before was kept.")


def _tell(event: Event) -> None:
    match event:
        case Started():
            state = f"from image {event.images_seen:,}" if event.images_seen else "a new run"
            typer.echo(f"Training in {event.folder}, {state}: {event.pictures:,} pictures of {event.resolution} px.")
        case Notice():
            note(event.text)
        case Progress():
            share = event.images_seen / event.total_images
            typer.echo(
                f"{event.images_seen:>10,} images {share:4.0%}  {event.images_per_s:6.1f}/s  "
                f"{_duration(event.time_left_s)} left  generator {_loss(event.generator)}  "
                f"discriminator {event.discriminator:.3f}  sure {event.real_sign:.2f}"
                + (f"  augment p {event.ada_p:.3f}" if event.ada_p else "")
            )
        case SheetSaved() | CheckpointSaved():
            typer.echo(f"Wrote {event.path}")
        case Measured():
            best = ", the best so far" if event.is_best else ""
            seen = f"{event.images_seen:,} images"
            typer.echo(f"KID {event.kid:.5f} at {seen}{best}; real against real {event.floor:.5f}")
        case Paused():
            note(f"paused: {event.reason} {event.hint}".strip())
        case Finished(complete=True):
            typer.echo(f"Wrote {event.model}, the snapshot of {event.best_images:,} images.")
        case Finished():
            typer.echo(f"Stopped at {event.images_seen:,} images; go on with --resume.")


def _loss(value: float) -> str:
    """NaN is no loss at all: the generator waits for a new discriminator."""
    return "waits" if math.isnan(value) else f"{value:.3f}"


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"


@app.command("portrait-data")
def portrait_data(
    london: Annotated[Path, typer.Option(metavar="FOLDER", help="The Face Research Lab London Set.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where the pictures go.")],
    count: Annotated[int, typer.Option(min=1, help="Pictures per style.")] = 8_000,
    size: Annotated[int, typer.Option(metavar="PX")] = 256,
    style: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="portrait, toon, woodblock, pencil, lines; by default all."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1)] = 0,
    nice: Annotated[int, typer.Option(min=0, max=19, help="How far to give way to other programs.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object per event, for programs.")] = False,
) -> None:
    """Make training pictures: mixed portraits of nobody, and drawings of them.

    What was made before is kept, so this can be stopped and started again.

    \b
    Example:
      python main.py train portrait-data --london london --out faces
      python main.py train --data faces/portrait --framing eyes --out runs/portrait
    """
    from engine.training.portrait_data.make import PortraitOrder, make_portrait_data

    if nice:
        give_way(nice)
    order = PortraitOrder(london, out, count, size, tuple(style) if style else PORTRAIT_STYLES, seed)
    _follow_portraits(make_portrait_data(order), order, as_json=as_json)


def _follow_portraits(counts: Iterator[int], order: PortraitOrder, *, as_json: bool) -> None:
    began = time.perf_counter()
    line, told_at = Line(), -math.inf
    seen: list[tuple[int, float]] = []  # how many were done when: on entry, then at the first one made
    try:
        for done in counts:
            now = time.perf_counter()
            if len(seen) < 2:
                seen.append((done, now))
            if not as_json:
                line(f"{done:,} of {order.count:,} pictures", done / order.count)
            elif now - told_at >= JSON_PROGRESS_S or done == order.count:
                told_at = now
                # The first one waits until the faces are cut out, which says nothing of the others.
                made, since = done - seen[-1][0], now - seen[-1][1]
                left = since / made * (order.count - done) if made else math.nan
                typer.echo(to_json_line(PortraitsProgress(done, order.count, now - began, left)))
    finally:
        line.done()
    if as_json:
        elapsed = round(time.perf_counter() - began, 1)
        typer.echo(to_json_line(PortraitsMade(str(order.out), order.count, order.size, order.styles, elapsed)))
    else:
        typer.echo(f"Wrote {order.count:,} pictures of {order.size} px in {order.out}: {', '.join(order.styles)}")


app.command("encoder")(train_encoder)
app.command("landmarks")(train_landmarks)
app.command("sketch")(train_sketch)
app.command("perceptual")(train_perceptual)

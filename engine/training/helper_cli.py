"""The verbs of the small networks: landmarks, sketch, perceptual. Torch is imported when a run starts, not before."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol

import typer

from engine.console import note
from engine.training.config import Precision
from engine.training.events import Notice

if TYPE_CHECKING:
    import torch

    from engine.training.supervised import FitEvent, Task

    class HelperTask(Task, Protocol):
        """A `engine.training.supervised.Task` that can write its network."""

        @property
        def pictures(self) -> int: ...

        def save(self, path: Path, steps: int, batch: int, figures: Mapping[str, float]) -> None: ...

Data = Annotated[Path, typer.Option(metavar="FOLDER", help="What `train portrait-data` made.")]
Out = Annotated[Path, typer.Option("--out", "-o", metavar="RUN", help="Folder of the run; a stopped one goes on.")]
Steps = Annotated[int, typer.Option(min=1, help="Length of the whole run.")]
Batch = Annotated[int, typer.Option(min=2, help="Pictures per step.")]
Rate = Annotated[float, typer.Option("--learning-rate", min=0.0)]
Minutes = Annotated[float | None, typer.Option(min=0.0, help="Stop after this time, to be gone on with.")]
Seed = Annotated[int, typer.Option(min=0, max=2**32 - 1)]
Device = Annotated[str, typer.Option(help="cpu, cuda, cuda:1, mps; by default the fastest.")]


def train_landmarks(
    data: Data,
    out: Out,
    steps: Steps = 6000,
    batch: Batch = 16,
    learning_rate: Rate = 2e-3,
    minutes: Minutes = None,
    seed: Seed = 0,
    device: Device = "auto",
) -> None:
    """Train the network that finds eyes, mouth and contours of a face.

    \b
    Example:
      python main.py train portrait-data --london london --out faces --style portrait
      python main.py train landmarks --data faces --out runs/landmarks
    """
    from engine.training.landmark_net import KIND, LandmarkTask

    settings = (steps, batch, learning_rate, seed)
    _train(lambda where: LandmarkTask(data, where, seed), KIND, out, settings, minutes, device)


def train_sketch(
    data: Data,
    out: Out,
    steps: Steps = 2500,
    batch: Batch = 8,
    learning_rate: Rate = 2e-3,
    minutes: Minutes = None,
    seed: Seed = 0,
    device: Device = "auto",
) -> None:
    """Train the network that draws a photo in lines.

    \b
    Example:
      python main.py train portrait-data --london london --out faces --style portrait --style lines
      python main.py train sketch --data faces --out runs/sketch
    """
    from engine.training.sketch_net import KIND, SketchTask

    settings = (steps, batch, learning_rate, seed)
    _train(lambda where: SketchTask(data, where, seed), KIND, out, settings, minutes, device)


def train_perceptual(
    data: Data,
    out: Out,
    steps: Steps = 4000,
    batch: Batch = 12,
    learning_rate: Rate = 1.5e-3,
    minutes: Minutes = None,
    seed: Seed = 0,
    device: Device = "auto",
) -> None:
    """Train the network that judges how alike two faces are.

    \b
    Example:
      python main.py train portrait-data --london london --out faces
      python main.py train perceptual --data faces --out runs/perceptual
    """
    from engine.nets.perceptual import KIND
    from engine.training.perceptual.task import PerceptualTask

    settings = (steps, batch, learning_rate, seed)
    _train(lambda where: PerceptualTask(data, where, seed), KIND, out, settings, minutes, device)


def _train(
    make: Callable[[torch.device], HelperTask],
    kind: str,
    out: Path,
    settings: tuple[int, int, float, int],
    minutes: float | None,
    device: str,
) -> None:
    import torch

    from engine.device import choose_device
    from engine.training.stop_signals import stop_signals
    from engine.training.supervised import FitConfig, fit

    steps, batch, learning_rate, seed = settings
    where = torch.device(choose_device(device).name)
    task = make(where)
    typer.echo(f"Training {kind} in {out}: {task.pictures:,} pictures, {steps:,} steps of {batch}.")
    config = FitConfig(
        steps=steps,
        batch=batch,
        learning_rate=learning_rate,
        weight_decay=1e-4,
        checkpoint_steps=max(1, steps // 12),
        precision=Precision.BFLOAT16 if where.type in ("cpu", "cuda") else Precision.FLOAT32,
        seed=seed,
    )
    with stop_signals() as stop:
        end = None if minutes is None else time.monotonic() + minutes * 60
        done, figures = _follow(
            fit(task, config, out, lambda: stop.is_set() or (end is not None and time.monotonic() >= end))
        )
    if done < steps:
        typer.echo(f"Stopped after {done:,} steps; the same command goes on.")
        return
    path = out / f"{kind}.safetensors"
    task.save(path, steps, batch, figures)
    typer.echo(f"Wrote {path} ({path.stat().st_size / 1e6:.1f} MB)")


def _follow(events: Iterator[FitEvent]) -> tuple[int, dict[str, float]]:
    """Tell what happens; the last step and the last figures."""
    from engine.training.supervised import Evaluated

    step, figures = 0, dict[str, float]()
    for event in events:
        if isinstance(event, Notice):
            note(event.text)
            continue
        step = event.step
        if isinstance(event, Evaluated):
            figures = dict(event.figures)
            typer.echo(f"{step:>8,} steps  measured: {_listed(figures)}")
        else:
            typer.echo(
                f"{step:>8,} steps {step / event.steps:4.0%}  {event.images_per_s:6.1f}/s  "
                f"{event.time_left_s / 60:5.1f} min left  {_listed(event.losses)}"
            )
    return step, figures


def _listed(values: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {value:.4f}" for name, value in values.items())

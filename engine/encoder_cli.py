"""``invert --encoder``: whose file it is, and for which model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.encoder_events import EncoderKept
from engine.encoder_links import published_for
from engine.errors import JobError
from engine.messages import LoadModel, ModelLoaded
from engine.places import user_places
from engine.published_encoder import DEFAULT_STEPS, MAX_STEPS
from engine.state import ModelRef

if TYPE_CHECKING:
    from engine.headless import Headless

DEFAULT_MODEL = "portrait"

EncoderFile = Annotated[
    Path | None,
    typer.Option("--encoder", metavar="FILE", help="A pSp, e4e or ReStyle checkpoint; its generator is the model."),
]
Looks = Annotated[
    int | None,
    typer.Option(min=1, max=MAX_STEPS, help=f"How often a ReStyle encoder looks; {DEFAULT_STEPS} unless said."),
]
ModelToInvertIn = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="MODEL",
        help=f"The model that shall show it; {DEFAULT_MODEL}, or the encoder's own.",
        show_default=False,
    ),
]


def encoder_and_model(engine: Headless, file: Path | None, model: str | None) -> tuple[Path | None, ModelRef]:
    """The encoder's file as Graft keeps it, and the model to search in.

    Raises:
        EngineError: either cannot be used, or the encoder came without a generator and no model was said.
    """
    if file is None:
        return None, engine.model(model or DEFAULT_MODEL)
    if file.suffix.lower() == ".safetensors":
        return file, engine.model(model or DEFAULT_MODEL)
    loaded = engine.run(LoadModel(file))
    if isinstance(loaded, ModelLoaded):
        engine.notes.extend(loaded.warnings)
        if not loaded.encoder:
            why = loaded.warnings[-1] if loaded.warnings else "It is a model alone; give it with --model."
            raise JobError(f"{file.name:.80} has no encoder that can be used.", why)
        kept = published_for(loaded.model, user_places().weights_folder)
        return kept, loaded.model if model is None else engine.model(model)
    assert isinstance(loaded, EncoderKept)
    if model is None and loaded.model is None:
        raise JobError(
            f"{file.name:.80} is an encoder ({loaded.sizes.words}) without a generator.",
            "Say with --model which model it was trained with.",
        )
    ref = engine.model(model) if model is not None else loaded.model
    assert ref is not None
    return loaded.path, ref

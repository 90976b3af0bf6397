"""What a file is, in words and as JSON: models, recipes, looks, sessions."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engine.checkpoints.convert import OpenedCheckpoint, open_checkpoint
from engine.checkpoints.encoders import inspect_encoder
from engine.descriptor import LayerKind, NetworkDescriptor
from engine.encoder_jobs import has_encoder
from engine.errors import EncoderOnlyError, EngineError, printable
from engine.export.embedded import find_recipe
from engine.families import describe
from engine.framing import FramingKind
from engine.latents import LatentStore
from engine.library import MODEL_SUFFIXES
from engine.look import Look, apply_look, look_to_json
from engine.look_file import look_in
from engine.network_tensors import FREE_SHAPE, expected_tensors
from engine.published_encoder import INPUT_PX, CodeSpace, PublishedMetadata, expected_shapes
from engine.recipe import Recipe
from engine.session_file import SESSION_SUFFIX, SessionDocument, open_session
from engine.state import BlendSpace, EditState, ModelRef, SeedLatent
from engine.state_json import state_to_json

MAX_LINE_CHARS = 2000


@dataclass(frozen=True, slots=True)
class Inspection:
    """Attributes:
    facts: For programs: JSON-ready.
    text: For people: several lines.
    """

    facts: dict[str, Any]
    text: str


def inspect_file(path: Path) -> Inspection:
    """Find out what a file is, running nothing that is in it.

    Raises:
        EngineError: it is nothing that Graft knows, or damaged.
    """
    if path.suffix.lower() == SESSION_SUFFIX:
        return _of_session(path, open_session(path, LatentStore()))
    look = look_in(path) if path.suffix.lower() == ".json" else None
    if look is not None:
        return _of_look(path, look)
    recipe = None if path.suffix.lower() in MODEL_SUFFIXES else find_recipe(path)
    if recipe is not None:
        return _of_recipe(path, recipe)
    try:
        return _of_model(path, open_checkpoint(path))
    except EncoderOnlyError:
        return _of_encoder(path, inspect_encoder(path))


def _text(lines: Iterable[str]) -> str:
    """Names and notes come from strangers: each stays on its line and changes nothing in a terminal."""
    return "\n".join(printable(line, MAX_LINE_CHARS) for line in lines)


def _of_model(path: Path, opened: OpenedCheckpoint) -> Inspection:
    metadata = opened.metadata
    descriptor = describe(metadata.network, metadata.framing, metadata.lineage)
    facts = {
        "kind": "model",
        "file": path.name,
        "sha256": opened.sha256,
        "layout": metadata.source.layout,
        **asdict(descriptor),
        "lineage": list(metadata.lineage),
        "warnings": list(metadata.warnings),
    }
    lines = list(_model_lines(path, opened, descriptor))
    if has_encoder(opened):
        try:
            beside = inspect_encoder(path)
        except EngineError as error:
            lines.append(f"  encoder      none that Graft runs: {error.user_message}")
        else:
            facts["encoder"] = _encoder_facts(beside)
            lines += _encoder_lines(beside)
    return Inspection(facts, _text(lines))


def _of_encoder(path: Path, found: PublishedMetadata) -> Inspection:
    facts = {"kind": "encoder", "file": path.name, "sha256": found.source_sha256, **_encoder_facts(found)}
    lines = [
        f"{path.name}: a portrait encoder without a generator",
        *_encoder_lines(found),
        f"  SHA-256      {found.source_sha256}",
        "  missing      the model that it was trained with: give it with `invert --model`",
    ]
    return Inspection(facts, _text(lines))


def _encoder_facts(found: PublishedMetadata) -> dict[str, Any]:
    return {"name": found.sizes.words, **asdict(found.sizes), "dataset": found.dataset}


def _encoder_lines(found: PublishedMetadata) -> Iterator[str]:
    sizes = found.sizes
    either = "w+ or z+, whichever shows the portrait"
    spaces = {CodeSpace.W_PLUS: "w+", CodeSpace.Z_PLUS: "z+", CodeSpace.EITHER: either}
    begun = "the file's" if sizes.mean_rows else "the generator's"
    values = sum(math.prod(shape) for shape in expected_shapes(sizes).values())
    mean = f"added to {begun} mean latent" if sizes.adds_mean else "as they are"
    yield f"  encoder      {sizes.words}, reads {sizes.input_channels} channels of {INPUT_PX} px"
    yield f"  its codes    {spaces[sizes.space]}, {mean}"
    yield f"  its numbers  {values / 1e6:.1f} million"
    if found.dataset:
        yield f"  trained on   {found.dataset}"


def _model_lines(path: Path, opened: OpenedCheckpoint, network: NetworkDescriptor) -> Iterator[str]:
    trained = {name: shape for name, shape in expected_tensors(opened.config).items() if "noise_const" not in name}
    values = sum(math.prod(shape) for shape in trained.values() if shape != FREE_SHAPE)
    framing = network.framing
    faces = "as FFHQ" if framing.kind is FramingKind.FFHQ else (
        f"pupils at {framing.eye_y:.0%} of the height, {framing.eye_distance:.1%} of the width apart"
    )  # fmt: skip
    yield f"{path.name}: a generator"
    yield f"  family       {network.family}, {network.architecture} architecture"
    yield f"  picture      {network.img_resolution} x {network.img_resolution} px, {network.img_channels} channels"
    yield f"  latents      z of {network.z_dim}, w of {network.w_dim}, {network.num_ws} rows of ws"
    yield f"  classes      {network.c_dim or 'none'}"
    yield f"  parameters   {values / 1e6:.1f} million"
    yield f"  faces        {faces}"
    yield f"  read from    {opened.metadata.source.layout or 'unknown'}"
    yield f"  SHA-256      {opened.sha256}"
    if network.tuned_from is not None:
        kept = ", kept as a difference to it" if opened.is_difference else ""
        yield f"  tuned from   {network.tuned_from.name} ({network.tuned_from.sha256[:12]}){kept}"
    for step in opened.metadata.lineage:
        yield f"  lineage      {json.dumps(step)[:90]}"
    for warning in opened.metadata.warnings:
        yield f"  note         {warning}"
    yield "  layers       resolution  channels  layers"
    for resolution in network.resolutions:
        here = [layer for layer in network.layers if layer.resolution == resolution]
        channels = next(layer.channels for layer in reversed(here) if layer.kind is not LayerKind.TORGB)
        names = " ".join(layer.name.partition(".")[2] for layer in here)
        yield f"               {resolution:>10}  {channels:>8}  {names}"


def _of_recipe(path: Path, recipe: Recipe) -> Inspection:
    facts = {
        "kind": "recipe",
        "file": path.name,
        "view": recipe.view.value,
        "state": state_to_json(recipe.state),
        "render": asdict(recipe.render),
        "arrays": {key: len(content) for key, content in recipe.arrays.items()},
    }
    lines = [f"{path.name}: a recipe, view “{recipe.view.value}”", *_state_lines(recipe.state)]
    made_on = f"{recipe.render.device}, {recipe.render.dtype}, torch {recipe.render.torch or 'unknown'}"
    return Inspection(facts, _text([*lines, f"  rendered on  {made_on}"]))


def _of_look(path: Path, look: Look) -> Inspection:
    state = apply_look(look, EditState())
    lines = [line for line in _state_lines(state) if not line.startswith("  latent ")]
    arrays = {"arrays": {key: len(content) for key, content in look.arrays.items()}} if look.arrays else {}
    facts = {"kind": "look", "file": path.name, **json.loads(look_to_json(look)), **arrays}
    return Inspection(facts, _text([f"{path.name}: the look “{look.name}”", *lines]))


def _of_session(path: Path, document: SessionDocument) -> Inspection:
    state = document.entries[document.index].state
    facts = {
        "kind": "session",
        "file": path.name,
        "steps": len(document.entries),
        "index": document.index,
        "latents": [asdict(latent) for latent in document.latents],
        "state": state_to_json(state),
    }
    head = f"{path.name}: a session of {len(document.entries)} steps and {len(document.latents)} portraits"
    return Inspection(facts, _text([head, *_state_lines(state)]))


def _state_lines(state: EditState) -> Iterator[str]:
    def named(model: ModelRef | None) -> str:
        return "none" if model is None else f"{model.name} ({model.sha256[:12]})"

    latent, blend = state.latent, state.blend
    shown = f"seed {latent.seed}" if isinstance(latent, SeedLatent) else f"portrait {latent.key[:12]}"
    yield f"  model A      {named(state.model_a)}"
    yield f"  model B      {named(state.model_b)}"
    for overlay in state.overlays:
        yield f"  laid over it {named(overlay.model)}, alpha {overlay.alpha:g}"
    yield f"  latent       {shown}, psi {state.truncation_psi:g}"
    swap = "curve drawn by hand" if blend.curve is not None else f"swap resolution {blend.swap_resolution}"
    space = ", of latents" if blend.space is BlendSpace.LATENTS else ""
    yield f"  blend        {swap}, alpha {blend.alpha:g}{space}"
    yield f"  noise        {state.noise.mode.value}, strength {state.noise.strength:g}"
    if state.mix:
        yield f"  style mixing {len(state.mix)} sources"
    for use in state.directions:
        yield f"  direction    {use.name or use.key[:12]}, {use.amount:+g}"
    if state.style_edits:
        yield f"  style        {len(state.style_edits)} channel{'s' if len(state.style_edits) > 1 else ''}"

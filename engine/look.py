"""A look: what is done to a face, without the face.

It is the part of an `EditState` that is not the latent: the models, the blend, the noise, the steps along directions
and of style channels, what is mixed in and, for seeds, the truncation. The latent is a slot: `apply_look` fills it
with whatever is on the canvas. Of the latents that are mixed in, seeds belong to the look; a portrait never does, it
leaves a slot that the canvas's own source of the same place fills. So a look holds nobody's face. Its only arrays are
its directions, few and small: it can be sent around.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from engine.errors import LatentError, RecipeError, RecipeFormatError, printable
from engine.recipe import ArrayStore, arrays_from_json, arrays_to_json, import_arrays, migrated
from engine.state import (
    Blend,
    DirectionUse,
    EditState,
    MixSource,
    ModelRef,
    Noise,
    Overlay,
    SeedLatent,
    StyleEdit,
    model_refs,
)
from engine.state_json import (
    MAX_DIRECTIONS,
    MAX_MIX_SOURCES,
    MAX_OVERLAYS,
    MAX_PER_LAYER,
    MAX_STYLE_EDITS,
    Fields,
    blend_from_json,
    blend_to_json,
    direction_from_json,
    direction_to_json,
    latent_from_json,
    latent_to_json,
    model_from_json,
    model_to_json,
    noise_from_json,
    noise_to_json,
    overlay_from_json,
    overlay_to_json,
    parse_json,
    read_bool,
    read_number,
    read_text,
    style_edit_from_json,
    style_edit_to_json,
    whole_number,
)

VERSION_FIELD = "graft_look"
LOOK_VERSION = 1
MAX_LOOK_BYTES = 4 << 20
MAX_ARRAY_BYTES = 2 << 20
"""Of a look's directions together: a thousand of one row each."""

MAX_NAME_CHARS = 100
DEFAULT_NAME = "look"

MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""``MIGRATIONS[n]`` turns a version n document into a version n + 1 one. Version 1 is the first."""


@dataclass(frozen=True, slots=True)
class MixSlot:
    """What is mixed in, and how much of it goes into each row of ``ws``.

    Attributes:
        latent: A seed, or None for the slot: the source that the canvas has at the same place, if it has one.
        muted: As in `MixSource`.
    """

    latent: SeedLatent | None = None
    strengths: tuple[float, ...] = ()
    muted: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """Fields as in `EditState`.

    Attributes:
        embedded: Names among `models` of those that came with Graft. Such a model may be replaced by the one of the
            same name that comes with another version of Graft: see `with_known_models`.
        truncation_psi: For seeds; None leaves the canvas's own. A portrait always keeps its own.
        arrays: The directions, each a safetensors file's bytes, by key: see `with_arrays`. Their keys say what they
            are, so looks are equal without them.
    """

    name: str
    model_a: ModelRef | None = None
    model_b: ModelRef | None = None
    embedded: frozenset[str] = frozenset()
    blend: Blend = Blend()
    noise: Noise = Noise()
    mix: tuple[MixSlot, ...] = ()
    truncation_psi: float | None = None
    truncation_cutoff: int | None = None
    overlays: tuple[Overlay, ...] = ()
    directions: tuple[DirectionUse, ...] = ()
    style_edits: tuple[StyleEdit, ...] = ()
    arrays: Mapping[str, bytes] = field(default_factory=dict, compare=False)

    @property
    def models(self) -> tuple[ModelRef, ...]:
        """A, B and those laid over them; each once."""
        return model_refs(EditState(self.model_a, self.model_b, overlays=self.overlays))


def look_of(state: EditState, name: str, embedded: Collection[str] = ()) -> Look:
    """What `state` does to its face.

    Args:
        embedded: Names of the models that came with Graft.
    """
    is_seed = isinstance(state.latent, SeedLatent)
    mix = tuple(
        MixSlot(source.latent if isinstance(source.latent, SeedLatent) else None, source.strengths, source.muted)
        for source in state.mix
    )
    named = {ref.name for ref in model_refs(state)}
    return Look(
        name=clean_name(name),
        model_a=state.model_a,
        model_b=state.model_b,
        embedded=frozenset(named.intersection(embedded)),
        blend=state.blend,
        noise=state.noise,
        mix=mix,
        truncation_psi=state.truncation_psi if is_seed else None,
        truncation_cutoff=state.truncation_cutoff if is_seed else None,
        overlays=state.overlays,
        directions=state.directions,
        style_edits=state.style_edits,
    )


def with_arrays(look: Look, store: ArrayStore) -> Look:
    """The look with its directions inside, so that it works wherever it is taken.

    Raises:
        LatentError: a direction is not in the store.
        RecipeError: they are too large together.
    """
    keys = {use.key for use in look.directions}
    arrays = {key: store.export_bytes(key) for key in sorted(keys)}
    size = sum(map(len, arrays.values()))
    if size > MAX_ARRAY_BYTES:
        raise RecipeError(
            f"The directions of this look take {size >> 10:,} KiB; a look carries at most {MAX_ARRAY_BYTES >> 10:,}.",
            "Take some of them out, or keep the picture with its recipe instead.",
        )
    return replace(look, arrays=arrays)


def restore_look_arrays(look: Look, store: ArrayStore) -> None:
    """Put the look's directions into the store, before it is put on.

    Raises:
        RecipeFormatError: one is not what its hash says.
        LatentError: one is neither in the look nor in the store.
    """
    import_arrays(look.arrays, store, f"A direction of the look “{printable(look.name, 60)}”")
    for use in look.directions:
        if not store.has(use.key):
            raise LatentError(
                f"The look “{printable(look.name, 60)}” lacks its direction “{printable(use.name, 60)}”.",
                "Save the look again on the computer that it was made on.",
            )


def apply_look(look: Look, state: EditState, *, keep_models: bool = False) -> EditState:
    """The face of `state` under `look`. ``apply_look(look_of(state, ""), state) == state``.

    Args:
        keep_models: Take how the look blends, and leave the models that `state` has.
    """
    changed = replace(
        state,
        blend=look.blend,
        noise=look.noise,
        mix=_filled(look.mix, state.mix),
        directions=look.directions,
        style_edits=look.style_edits,
    )
    if not keep_models:
        a = look.model_a or state.model_a
        changed = replace(changed, model_a=a, model_b=look.model_b, overlays=look.overlays)
    if look.truncation_psi is not None and isinstance(state.latent, SeedLatent):
        changed = replace(
            changed, truncation_psi=look.truncation_psi, truncation_cutoff=look.truncation_cutoff
        )
    return changed


def with_known_models(look: Look, known: Mapping[str, ModelRef], embedded: Mapping[str, ModelRef]) -> Look:
    """The look with its models as this library calls them.

    A model is found by its hash. One that came with Graft, and is not here under that hash because the look was made
    with another version, is replaced by the embedded model of the same name. Any other stays as it is: the caller
    sees that its hash is unknown.

    Args:
        known: Every model of the library, by SHA-256.
        embedded: The models that come with this Graft, by name.
    """

    def found(ref: ModelRef) -> ModelRef:
        if ref.sha256 in known:
            return known[ref.sha256]
        return embedded.get(ref.name, ref) if ref.name in look.embedded else ref

    return replace(
        look,
        model_a=look.model_a and found(look.model_a),
        model_b=look.model_b and found(look.model_b),
        overlays=tuple(replace(overlay, model=found(overlay.model)) for overlay in look.overlays),
    )


def clean_name(name: str) -> str:
    """A name on one line, printable and short."""
    return printable(" ".join(name.split()), MAX_NAME_CHARS) or DEFAULT_NAME


# --- JSON -----------------------------------------------------------------------------------------------------------


def look_to_json(look: Look, *, indent: int | None = None) -> str:
    """The look as JSON text: ASCII, the same for equal looks.

    Further models, directions and the like are written only where there are any: most looks have none.

    Args:
        indent: Spaces per level, for files that people read; None writes one line.
    """
    document: dict[str, Any] = {
        VERSION_FIELD: LOOK_VERSION,
        "name": look.name,
        "model_a": model_to_json(look.model_a),
        "model_b": model_to_json(look.model_b),
        "embedded": sorted(look.embedded),
        "blend": blend_to_json(look.blend),
        "noise": noise_to_json(look.noise),
        "mix": [_slot_to_json(slot) for slot in look.mix],
        "truncation_psi": look.truncation_psi,
        "truncation_cutoff": look.truncation_cutoff,
    }
    if look.overlays:
        document["overlays"] = [overlay_to_json(overlay) for overlay in look.overlays]
    if look.directions:
        document["directions"] = [direction_to_json(use) for use in look.directions]
    if look.style_edits:
        document["style_edits"] = [style_edit_to_json(edit) for edit in look.style_edits]
    if look.arrays:
        document["arrays"] = arrays_to_json(look.arrays)
    separators = (",", ":") if indent is None else None
    return json.dumps(document, allow_nan=False, separators=separators, indent=indent)


def look_from_json(text: str | bytes) -> Look:
    """Strict twin of `look_to_json`; older versions are brought up to date.

    Raises:
        RecipeVersionError: written by a newer Graft.
        RecipeFormatError: damaged, or no look at all; names the field.
    """
    document = parse_json(text, "The look", MAX_LOOK_BYTES)
    fields = Fields(migrated(document, VERSION_FIELD, LOOK_VERSION, MIGRATIONS, "look"), "look")
    look = Look(
        name=clean_name(fields.read("name", _name_from_json, DEFAULT_NAME)),
        model_a=fields.optional("model_a", model_from_json),
        model_b=fields.optional("model_b", model_from_json),
        embedded=frozenset(fields.items("embedded", _name_from_json, 2 + MAX_OVERLAYS)),
        blend=fields.read("blend", blend_from_json, Blend()),
        noise=fields.read("noise", noise_from_json, Noise()),
        mix=fields.items("mix", _slot_from_json, MAX_MIX_SOURCES),
        truncation_psi=fields.optional("truncation_psi", read_number),
        truncation_cutoff=fields.optional("truncation_cutoff", whole_number(0, MAX_PER_LAYER)),
        overlays=fields.items("overlays", overlay_from_json, MAX_OVERLAYS),
        directions=fields.items("directions", direction_from_json, MAX_DIRECTIONS),
        style_edits=fields.items("style_edits", style_edit_from_json, MAX_STYLE_EDITS),
        arrays=fields.read("arrays", arrays_from_json, {}),
    )
    fields.finish()
    return look


def _slot_to_json(slot: MixSlot) -> dict[str, Any]:
    document: dict[str, Any] = {
        "latent": None if slot.latent is None else latent_to_json(slot.latent),
        "strengths": list(slot.strengths),
    }
    return document | {"muted": True} if slot.muted else document


def _slot_from_json(value: object, where: str) -> MixSlot:
    fields = Fields(value, where)
    latent = fields.optional("latent", latent_from_json)
    if latent is not None and not isinstance(latent, SeedLatent):
        raise RecipeFormatError(f"{where}.latent is a stored latent; a look mixes in seeds or slots only.")
    strengths = fields.items("strengths", read_number, MAX_PER_LAYER)
    muted = fields.read("muted", read_bool, False)
    fields.finish()
    return MixSlot(latent, strengths, muted)


def _name_from_json(value: object, where: str) -> str:
    return read_text(value, where, 2 * MAX_NAME_CHARS)


def _filled(slots: tuple[MixSlot, ...], mix: tuple[MixSource, ...]) -> tuple[MixSource, ...]:
    filled = []
    for place, slot in enumerate(slots):
        latent = slot.latent or (mix[place].latent if place < len(mix) else None)
        if latent is not None:
            filled.append(MixSource(latent, slot.strengths, slot.muted))
    return tuple(filled)

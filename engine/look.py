"""A look: what is done to a face, without the face.

It is the part of an `EditState` that is not the latent: the two models, the blend, the noise, what is mixed in and,
for seeds, the truncation. The latent is a slot: `apply_look` fills it with whatever is on the canvas. Of the latents
that are mixed in, seeds belong to the look; a portrait never does, it leaves a slot that the canvas's own source of
the same place fills. So a look holds no arrays and nobody's face, and is small enough to be sent around.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from engine.errors import RecipeFormatError, printable
from engine.recipe import migrated
from engine.state import Blend, EditState, MixSource, ModelRef, Noise, SeedLatent
from engine.state_json import (
    MAX_MIX_SOURCES,
    MAX_PER_LAYER,
    Fields,
    blend_from_json,
    blend_to_json,
    latent_from_json,
    latent_to_json,
    model_from_json,
    model_to_json,
    noise_from_json,
    noise_to_json,
    parse_json,
    read_number,
    read_text,
    whole_number,
)

VERSION_FIELD = "graft_look"
LOOK_VERSION = 1
MAX_LOOK_BYTES = 1 << 20
MAX_NAME_CHARS = 100
DEFAULT_NAME = "look"

MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""``MIGRATIONS[n]`` turns a version n document into a version n + 1 one. Version 1 is the first."""


@dataclass(frozen=True, slots=True)
class MixSlot:
    """What is mixed in, and how much of it goes into each row of ``ws``.

    Attributes:
        latent: A seed, or None for the slot: the source that the canvas has at the same place, if it has one.
    """

    latent: SeedLatent | None = None
    strengths: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """Fields as in `EditState`.

    Attributes:
        embedded: Names among `model_a` and `model_b` of models that came with Graft. Such a model may be replaced by
            the one of the same name that comes with another version of Graft: see `with_known_models`.
        truncation_psi: For seeds; None leaves the canvas's own. A portrait always keeps its own.
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

    @property
    def models(self) -> tuple[ModelRef, ...]:
        """A, B, or both; each once."""
        return tuple(dict.fromkeys(ref for ref in (self.model_a, self.model_b) if ref is not None))


def look_of(state: EditState, name: str, embedded: Collection[str] = ()) -> Look:
    """What `state` does to its face.

    Args:
        embedded: Names of the models that came with Graft.
    """
    is_seed = isinstance(state.latent, SeedLatent)
    mix = tuple(
        MixSlot(source.latent if isinstance(source.latent, SeedLatent) else None, source.strengths)
        for source in state.mix
    )
    named = {ref.name for ref in (state.model_a, state.model_b) if ref is not None}
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
    )


def apply_look(look: Look, state: EditState, *, keep_models: bool = False) -> EditState:
    """The face of `state` under `look`. ``apply_look(look_of(state, ""), state) == state``.

    Args:
        keep_models: Take how the look blends, and leave the models that `state` has.
    """
    changed = replace(state, blend=look.blend, noise=look.noise, mix=_filled(look.mix, state.mix))
    if not keep_models:
        changed = replace(changed, model_a=look.model_a or state.model_a, model_b=look.model_b)
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

    def found(ref: ModelRef | None) -> ModelRef | None:
        if ref is None:
            return None
        if ref.sha256 in known:
            return known[ref.sha256]
        return embedded.get(ref.name, ref) if ref.name in look.embedded else ref

    return replace(look, model_a=found(look.model_a), model_b=found(look.model_b))


def clean_name(name: str) -> str:
    """A name on one line, printable and short."""
    return printable(" ".join(name.split()), MAX_NAME_CHARS) or DEFAULT_NAME


# --- JSON -----------------------------------------------------------------------------------------------------------


def look_to_json(look: Look, *, indent: int | None = None) -> str:
    """The look as JSON text: ASCII, the same for equal looks.

    Args:
        indent: Spaces per level, for files that people read; None writes one line.
    """
    document = {
        VERSION_FIELD: LOOK_VERSION,
        "name": look.name,
        "model_a": model_to_json(look.model_a),
        "model_b": model_to_json(look.model_b),
        "embedded": sorted(look.embedded),
        "blend": blend_to_json(look.blend),
        "noise": noise_to_json(look.noise),
        "mix": [
            {
                "latent": None if slot.latent is None else latent_to_json(slot.latent),
                "strengths": list(slot.strengths),
            }
            for slot in look.mix
        ],
        "truncation_psi": look.truncation_psi,
        "truncation_cutoff": look.truncation_cutoff,
    }
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
        embedded=frozenset(fields.items("embedded", _name_from_json, 2)),
        blend=fields.read("blend", blend_from_json, Blend()),
        noise=fields.read("noise", noise_from_json, Noise()),
        mix=fields.items("mix", _slot_from_json, MAX_MIX_SOURCES),
        truncation_psi=fields.optional("truncation_psi", read_number),
        truncation_cutoff=fields.optional("truncation_cutoff", whole_number(0, MAX_PER_LAYER)),
    )
    fields.finish()
    return look


def _slot_from_json(value: object, where: str) -> MixSlot:
    fields = Fields(value, where)
    latent = fields.optional("latent", latent_from_json)
    if latent is not None and not isinstance(latent, SeedLatent):
        raise RecipeFormatError(f"{where}.latent is a stored latent; a look mixes in seeds or slots only.")
    strengths = fields.items("strengths", read_number, MAX_PER_LAYER)
    fields.finish()
    return MixSlot(latent, strengths)


def _name_from_json(value: object, where: str) -> str:
    return read_text(value, where, 2 * MAX_NAME_CHARS)


def _filled(slots: tuple[MixSlot, ...], mix: tuple[MixSource, ...]) -> tuple[MixSource, ...]:
    filled = []
    for place, slot in enumerate(slots):
        latent = slot.latent or (mix[place].latent if place < len(mix) else None)
        if latent is not None:
            filled.append(MixSource(latent, slot.strengths))
    return tuple(filled)

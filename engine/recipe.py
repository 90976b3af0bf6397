"""A picture's recipe: everything that brings exactly this picture back, as versioned JSON.

It holds the edit state, which of its pictures this is, the models by content hash, the arrays that the state names
(inverted latents and noise, so that it comes back on any machine) and on what it was rendered. It holds no path, no
date, no user name, and not what a portrait is called. A film's recipe is that of a picture with a timeline.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from engine.errors import EngineError, RecipeFormatError, RecipeVersionError
from engine.state import EditState, Latent, StoredLatent, View, latent_keys
from engine.state_json import Fields, parse_json, read_key, read_text, state_from_json, state_to_json

if TYPE_CHECKING:
    from engine.animation.timeline import Timeline
    from engine.paste_note import PasteNote

VERSION_FIELD = "graft_recipe"
RECIPE_VERSION = 1
MAX_RECIPE_BYTES = 128 << 20
MAX_ARRAYS = 256

MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""``MIGRATIONS[n]`` turns a version n document into a version n + 1 one. Version 1 is the first."""

PUBLIC_LATENT_NAME = "portrait"


class ArrayStore(Protocol):
    """Arrays under their content hash: `engine.latents.LatentStore`."""

    def has(self, key: str) -> bool: ...

    def export_bytes(self, key: str) -> bytes:
        """The array as a safetensors file's bytes."""
        ...

    def import_bytes(self, data: bytes) -> str:
        """Check, keep, and return the content hash."""
        ...


@dataclass(frozen=True, slots=True)
class RenderFacts:
    """On what a picture was rendered: the same pixels come back on the same."""

    device: str = "cpu"
    dtype: str = "float32"
    torch: str = ""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Attributes:
    state: What is shown; names models and arrays by hash.
    view: Which of the state's pictures.
    arrays: The arrays that the state and the timeline name, each a safetensors file's bytes, by key.
    timeline: Of a film: what moves.
    paste: Of a photo with the picture in it: how it was put there.
    """

    state: EditState
    view: View = View.BLEND
    render: RenderFacts = RenderFacts()
    arrays: Mapping[str, bytes] = field(default_factory=dict)
    timeline: Timeline | None = None
    paste: PasteNote | None = None


def make_recipe(
    state: EditState,
    view: View,
    store: ArrayStore,
    *,
    device: str = "cpu",
    dtype: str = "float32",
    timeline: Timeline | None = None,
) -> Recipe:
    """Collect what brings this picture, or this film, back.

    Raises:
        EngineError: from the store, when an array that the state or the timeline names is gone.
    """
    arrays = {key: store.export_bytes(key) for key in sorted(latent_keys(state) | timeline_keys(timeline))}
    facts = RenderFacts(device, dtype, _torch_version())
    if timeline is not None:
        from engine.animation.timeline_json import without_private_names  # most recipes have none

        timeline = without_private_names(timeline, PUBLIC_LATENT_NAME)
    return Recipe(_without_private_names(state), view, facts, arrays, timeline)


def restore_arrays(recipe: Recipe, store: ArrayStore) -> EditState:
    """Put the recipe's arrays into the store and return its state.

    Raises:
        RecipeFormatError: an array is not what its hash says.
    """
    import_arrays(recipe.arrays, store, "A latent in the recipe")
    return recipe.state


def import_arrays(arrays: Mapping[str, bytes], store: ArrayStore, what: str) -> None:
    """Put into the store what it has not yet.

    Args:
        what: Each of them, for messages: "A latent in the recipe".

    Raises:
        RecipeFormatError: an array is not what its hash says.
    """
    for key, content in arrays.items():
        if store.has(key):
            continue
        try:
            imported = store.import_bytes(content)
        except EngineError as error:
            raise RecipeFormatError(f"{what} is damaged. {error.user_message}") from error
        if imported != key:
            raise RecipeFormatError(f"{what} is not the one that its hash names.")


def recipe_to_json(recipe: Recipe) -> str:
    """The recipe as JSON text: ASCII, one line, the same for equal recipes."""
    document: dict[str, Any] = {
        VERSION_FIELD: RECIPE_VERSION,
        "view": recipe.view.value,
        "state": state_to_json(recipe.state),
        "render": {"device": recipe.render.device, "dtype": recipe.render.dtype, "torch": recipe.render.torch},
        "arrays": arrays_to_json(recipe.arrays),
    }
    if recipe.timeline is not None:
        from engine.animation.timeline_json import timeline_to_json

        document["timeline"] = timeline_to_json(recipe.timeline)
    if recipe.paste is not None:
        from engine.paste_note import note_to_json

        document["paste"] = note_to_json(recipe.paste)
    return json.dumps(document, allow_nan=False, separators=(",", ":"))


def recipe_from_json(text: str | bytes) -> Recipe:
    """Strict twin of `recipe_to_json`; older versions are brought up to date.

    Raises:
        RecipeVersionError: written by a newer Graft.
        RecipeFormatError: damaged, or no recipe at all; names the field.
    """
    document = parse_json(text, "The recipe", MAX_RECIPE_BYTES)
    fields = Fields(migrated(document, VERSION_FIELD, RECIPE_VERSION, MIGRATIONS, "recipe"), "recipe")
    state = fields.read("state", state_from_json)
    recipe = Recipe(
        state,
        fields.choice("view", View, View.BLEND),
        fields.read("render", _render_from_json, RenderFacts()),
        fields.read("arrays", arrays_from_json, {}),
        fields.optional("timeline", read_timeline),
        fields.optional("paste", _paste_from_json),
    )
    fields.finish()
    if missing := sorted((latent_keys(state) | timeline_keys(recipe.timeline)) - set(recipe.arrays)):
        raise RecipeFormatError(f"The recipe names a latent {missing[0][:12]}… that it does not hold.")
    return recipe


def read_timeline(value: object, where: str) -> Timeline:
    """A timeline from JSON; what reads it is imported when there is one.

    Raises:
        RecipeFormatError: names the field and the rule that it broke.
    """
    from engine.animation.timeline_json import timeline_from_json

    return timeline_from_json(value, where)


def _paste_from_json(value: object, where: str) -> PasteNote:
    from engine.paste_note import note_from_json

    return note_from_json(value, where)


def timeline_keys(timeline: Timeline | None) -> frozenset[str]:
    """Every array that a timeline names."""
    if timeline is None:
        return frozenset()
    from engine.animation.timeline import array_keys

    return array_keys(timeline)


def migrated(
    document: object,
    version_field: str,
    newest: int,
    migrations: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]],
    what: str,
) -> dict[str, Any]:
    """Bring a versioned document up to date, one step at a time, and take its version field away.

    Raises:
        RecipeVersionError: it is from the future.
        RecipeFormatError: it has no version.
    """
    if type(document) is not dict or version_field not in document:
        raise RecipeFormatError(f"This is not a Graft {what}: it has no field “{version_field}”.")
    rest = dict(document)
    version = rest.pop(version_field)
    if type(version) is not int or version < 1:
        raise RecipeFormatError(f"The {what}'s version must be a whole number from 1 up.")
    if version > newest:
        raise RecipeVersionError(
            f"This {what} was written by a newer Graft (version {version}; this one reads up to {newest})."
            if version < 10**9
            else f"This {what}'s version is impossibly large.",
            "Update Graft to open it. Nothing was changed.",
        )
    for step in range(version, newest):
        rest = migrations[step](rest)
    return rest


def _render_from_json(value: object, where: str) -> RenderFacts:
    fields = Fields(value, where)

    def fact(name: str, default: str) -> str:
        return fields.read(name, lambda text, place: read_text(text, place, 60), default)

    facts = RenderFacts(fact("device", "cpu"), fact("dtype", "float32"), fact("torch", ""))
    fields.finish()
    return facts


def arrays_to_json(arrays: Mapping[str, bytes]) -> dict[str, str]:
    return {key: base64.b64encode(arrays[key]).decode() for key in sorted(arrays)}


def arrays_from_json(value: object, where: str) -> dict[str, bytes]:
    """Contents by key, not looked into.

    Raises:
        RecipeFormatError: a key is no SHA-256, or its text no base64.
    """
    if type(value) is not dict or len(value) > MAX_ARRAYS:
        raise RecipeFormatError(f"{where} must be an object with at most {MAX_ARRAYS} fields.")
    arrays = {}
    for key, text in value.items():
        read_key(key, f"A key of {where}")
        try:
            arrays[key] = base64.b64decode(text if type(text) is str else b"?", validate=True)
        except (binascii.Error, ValueError):
            raise RecipeFormatError(f"{where}.{key[:12]}… is damaged: it must be text in base64.") from None
    return arrays


def _without_private_names(state: EditState) -> EditState:
    def public(latent: Latent) -> Latent:
        return replace(latent, name=PUBLIC_LATENT_NAME) if isinstance(latent, StoredLatent) else latent

    mix = tuple(replace(source, latent=public(source.latent)) for source in state.mix)
    return replace(state, latent=public(state.latent), mix=mix)


def _torch_version() -> str:
    from importlib import metadata  # which takes a moment to import, and is seldom asked

    try:
        return metadata.version("torch")
    except metadata.PackageNotFoundError:
        return ""

"""The styles that come with Graft, as looks: what one face is shown in at once. Light."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial

from engine.library_records import LatentRecord, ModelRecord
from engine.look import Look, apply_look
from engine.look_shelf import ShelfLook
from engine.state import Blend, EditState, Latent, ModelRef, Noise, SeedLatent, Side, StoredLatent, model_refs

BASE = "portrait"
"""The model that photos are found in."""

MOST_OWN = 8
EVERY_LAYER = (1.0,) * 18
"""Of the largest usual model, 1024 px; a smaller one leaves out the rest."""


@dataclass(frozen=True, slots=True)
class Style:
    """Attributes:
    key: Stays the same.
    name: For the wall, and for the step that taking it is.
    words: What is taken from where, in a sentence.
    """

    key: str
    name: str
    words: str
    look: Look


@dataclass(frozen=True, slots=True)
class _Plan:
    """Attributes:
    models: Names of A and B; B may be missing.
    """

    name: str
    words: str
    models: tuple[str, ...]
    blend: Blend = Blend()
    noise: Noise = Noise()


_from_photo = partial(Blend, low=Side.A, level=1)
_from_style = partial(Blend, low=Side.B, level=1, width=0.6)

# In four columns: the photo and the base, then one per style; from row to row, more of the style, then its features
# in the photo's light. Chosen on portraits of many kinds, at what the encoder finds and at twenty steps.
_PLANS = {
    "toon-portrait": _Plan(
        "Toon portrait", "The photo's head and features; the toon draws skin, hair and lines above 32 px",
        (BASE, "toon"), _from_photo(swap_resolution=32, width=0.8),
    ),
    "woodcut-portrait": _Plan(
        "Woodcut portrait", "The photo's head and features, cut and printed above 32 px",
        (BASE, "woodblock"), _from_photo(swap_resolution=32, width=0.8),
    ),
    "pencil-portrait": _Plan(
        "Pencil portrait", "The photo's head, features and shades; the pencil draws above 32 px",
        (BASE, "pencil"), _from_photo(swap_resolution=32, width=0.6),
    ),
    "portrait": _Plan("Portrait", "What the portrait model makes of the photo, without a style", (BASE,)),
    "cel-shaded": _Plan(
        "Cel shaded", "The photo's head; everything above 8 px is the toon's: large eyes, flat light, outlines",
        (BASE, "toon"), _from_photo(swap_resolution=8, width=0.8), Noise(strength=0.5),
    ),
    "woodblock-print": _Plan(
        "Woodblock print", "The photo's head; everything above 8 px is the print's",
        (BASE, "woodblock"), _from_photo(swap_resolution=8, width=0.8), Noise(strength=0.6),
    ),
    "pencil-study": _Plan(
        "Pencil study", "The photo's head; everything above 8 px is the pencil's",
        (BASE, "pencil"), _from_photo(swap_resolution=8, width=0.6),
    ),
    "poster": _Plan(
        "Poster", "Toon and print, half of each in every layer",
        ("toon", "woodblock"), Blend(alpha=0.5, curve=EVERY_LAYER),
    ),
    "storybook": _Plan(
        "Storybook", "The toon's head and features up to 64 px, in the photo's light and grain",
        (BASE, "toon"), _from_style(swap_resolution=64),
    ),
    "painted-print": _Plan(
        "Painted print", "A little more of the print than of the photo in every layer: its features, softer colours",
        (BASE, "woodblock"), Blend(alpha=0.6, curve=EVERY_LAYER),
    ),
    "tinted-drawing": _Plan(
        "Tinted drawing", "The photo's head and colours; the pencil draws above 64 px",
        (BASE, "pencil"), _from_photo(swap_resolution=64, width=0.6),
    ),
}  # fmt: skip


def base_model(models: Iterable[ModelRecord]) -> ModelRef | None:
    """The model of the library that photos are found in for the styles."""
    return _embedded(models).get(BASE)


def embedded_styles(models: Iterable[ModelRecord]) -> tuple[Style, ...]:
    """Those whose models are in the library, in the order in which they are shown."""
    here = _embedded(models)
    return tuple(
        Style(key, plan.name, plan.words, _look(plan, here))
        for key, plan in _PLANS.items()
        if here.keys() >= set(plan.models)
    )


def _embedded(models: Iterable[ModelRecord]) -> dict[str, ModelRef]:
    """By the names that they came with."""
    return {record.path.stem: record.ref for record in models if record.embedded}


def _look(plan: _Plan, here: dict[str, ModelRef]) -> Look:
    refs = [here[name] for name in plan.models]
    b = refs[1] if len(refs) > 1 else None
    return Look(plan.name, refs[0], b, frozenset(ref.name for ref in refs), plan.blend, plan.noise)


def own_styles(looks: Iterable[ShelfLook], models: Iterable[ModelRecord]) -> tuple[Style, ...]:
    """The user's own looks, the newest first: those whose models are here and read the base's latents."""
    records = {record.ref.sha256: record for record in models}
    base = base_model(records.values())
    if base is None:
        return ()
    own = [one for one in looks if one.id is not None and not one.missing]
    usable = [one for one in own if reads(one.look.model_a, records, base)]
    usable.sort(key=lambda one: one.id or 0, reverse=True)
    return tuple(
        Style(one.key, one.look.name, "Your own look", replace(one.look, model_a=one.look.model_a or base))
        for one in usable[:MOST_OWN]
    )


def reads(model: ModelRef | None, records: dict[str, ModelRecord], base: ModelRef) -> bool:
    """Whether a model makes the same person of a latent of the base: it is the base, none in particular, or one that
    was tuned from it or came with it."""
    if model is None or model.sha256 == base.sha256:
        return True
    record = records.get(model.sha256)
    if record is None:
        return False
    parent = record.descriptor.tuned_from
    return record.embedded or (parent is not None and parent.sha256 == base.sha256)


def in_style(style: Style, latent: Latent, psi: float = 1.0) -> EditState:
    """The face of a latent in a style.

    Args:
        psi: Of a seed; a portrait is shown as it was found.
    """
    face = EditState(latent=latent, truncation_psi=1.0 if isinstance(latent, StoredLatent) else psi)
    return apply_look(replace(style.look, truncation_psi=None, truncation_cutoff=None), face)


def is_readable(state: EditState, found: LatentRecord | None, models: Iterable[ModelRecord]) -> bool:
    """Whether the face of a state can be shown in the styles: a seed always, a portrait if it was found in the base
    or in a model that is tuned from it.

    Args:
        found: What the library knows of the portrait.
    """
    records = {record.ref.sha256: record for record in models}
    base = base_model(records.values())
    if base is None:
        return False
    if isinstance(state.latent, SeedLatent):
        return True
    model = found.model if found is not None and found.model is not None else state.model_a
    return reads(model, records, base)


def wears(state: EditState, styles: Iterable[Style]) -> bool:
    """Whether the look of a state is one of the styles."""
    return any(
        (style.look.model_a, style.look.model_b, style.look.blend) == (state.model_a, state.model_b, state.blend)
        and set(model_refs(state)) == set(style.look.models)
        for style in styles
    )

"""What a change is called: "alpha", "seed", or "several changes"."""

from __future__ import annotations

from dataclasses import fields

from engine.state import Blend, EditState, Noise, SeedLatent

FIELD_LABELS = {
    "model_a": "model A",
    "model_b": "model B",
    "latent": "latent",
    "truncation_psi": "psi",
    "truncation_cutoff": "psi cutoff",
    "class_index": "class",
    "mix": "style mixing",
    "overlays": "further models",
    "directions": "directions",
    "style_edits": "style channels",
}
BLEND_LABELS = {
    "swap_resolution": "swap resolution",
    "level": "swap level",
    "width": "blend width",
    "low": "structure side",
    "alpha": "alpha",
    "curve": "alpha curve",
    "mapping": "mapping source",
    "w_avg": "mean latent source",
    "noise": "noise source",
    "affines": "affine source",
    "torgb": "ToRGB source",
    "space": "blend space",
    "carry": "carried tuning",
}
STEP_OVER_CURVE = tuple([BLEND_LABELS[name], BLEND_LABELS["curve"]] for name in ("swap_resolution", "level", "width"))
"""The step is turned, and a curve drawn by hand gives way to it."""

NOISE_LABELS = {
    "mode": "noise mode",
    "strength": "noise strength",
    "seed": "noise seed",
    "layer_strengths": "layer noise",
    "layer_seeds": "layer noise seed",
}


def change_label(old: EditState, new: EditState) -> str:
    """Name the change between two states: "alpha", "seed", or "several changes"."""
    labels = [label for name, label in FIELD_LABELS.items() if getattr(old, name) != getattr(new, name)]
    labels += _changed(old.blend, new.blend, BLEND_LABELS) + _changed(old.noise, new.noise, NOISE_LABELS)
    if labels == ["model A", "model B"] and (old.model_a, old.model_b) == (new.model_b, new.model_a):
        return "swap A and B"
    if labels == ["latent"]:
        return _latent_label(old, new)
    if labels in STEP_OVER_CURVE:
        return labels[0]
    return labels[0] if len(labels) == 1 else "several changes" if labels else "no change"


def _changed(old: Blend | Noise, new: Blend | Noise, labels: dict[str, str]) -> list[str]:
    names = [item.name for item in fields(old) if getattr(old, item.name) != getattr(new, item.name)]
    return [labels[name] for name in names]


def _latent_label(old: EditState, new: EditState) -> str:
    if not isinstance(new.latent, SeedLatent):
        return "portrait"
    same_seed = isinstance(old.latent, SeedLatent) and old.latent.seed == new.latent.seed
    return "seed pad" if same_seed else "seed"

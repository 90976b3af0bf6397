"""Third and further models: their letters and colours, and what one does with their order and strength. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from engine.state import EditState, ModelRef, Overlay, with_alpha, with_overlay
from gui.tokens import Theme
from gui.widgets.alpha_curve import Tints

FIRST_LETTER = "C"
USUAL_ALPHA = 0.5
_COLORS = ("c", "d", "e", "f")


def letter_of(index: int) -> str:
    """C for the first further model, D for the next; figures once the alphabet ends."""
    code = ord(FIRST_LETTER) + index
    return chr(code) if code <= ord("Z") else str(index + 3)


def shape_color(theme: Theme, index: int) -> str:
    return str(getattr(theme, _COLORS[index % len(_COLORS)]))


def letter_color(theme: Theme, index: int) -> str:
    return str(getattr(theme, f"{_COLORS[index % len(_COLORS)]}_text"))


def tints_of(index: int) -> Tints:
    """Of a further model's curve: from nothing to its colour."""
    return Tints(
        "0",
        letter_of(index),
        lambda theme: theme.muted,
        lambda theme: shape_color(theme, index),
        lambda theme: theme.muted,
        lambda theme: letter_color(theme, index),
    )


def lock_name(overlay: Overlay) -> str:
    """Of a further model's alpha, wherever in the order it is."""
    return f"overlay {overlay.model.sha256}"


def added(state: EditState, model: ModelRef) -> EditState:
    """With one more model over the others, half strong."""
    return with_overlay(state, len(state.overlays), Overlay(model, USUAL_ALPHA))


def moved(state: EditState, index: int, step: int) -> EditState:
    """One place up (-1) or down (1); at the ends it stays."""
    there = index + step
    if not (0 <= index < len(state.overlays) and 0 <= there < len(state.overlays)):
        return state
    order = list(state.overlays)
    order[index], order[there] = order[there], order[index]
    return replace(state, overlays=tuple(order))


def with_overlay_alpha(state: EditState, index: int, alpha: float) -> EditState:
    return with_overlay(state, index, replace(state.overlays[index], alpha=alpha))


def muted(state: EditState, index: int, past: Iterable[EditState]) -> EditState:
    """Without a further model, or with it again as strong as it was.

    Args:
        past: Earlier states, the latest first.
    """
    overlay = state.overlays[index]
    alpha = 0.0 if overlay.alpha != 0.0 else remembered_alpha(overlay.model, past)
    return with_overlay_alpha(state, index, alpha)


def soloed(state: EditState, index: int, past: Iterable[EditState]) -> EditState:
    """Only this further model over A; or, when it is alone already, everything again as strong as it was."""
    before = tuple(past)
    others = [place for place in range(len(state.overlays)) if place != index]
    blend_silent = state.blend.alpha == 0.0 or state.model_b is None
    if blend_silent and all(state.overlays[place].alpha == 0.0 for place in others):
        for place in others:
            state = muted(state, place, before)
        was = next((one.blend.alpha for one in before if one.blend.alpha != 0.0), 1.0)
        return with_alpha(state, was) if state.blend.alpha == 0.0 else state
    for place in others:
        state = with_overlay_alpha(state, place, 0.0)
    if state.overlays[index].alpha == 0.0:
        state = muted(state, index, before)
    return with_alpha(state, 0.0)


def remembered_alpha(model: ModelRef, past: Iterable[EditState]) -> float:
    """How strong a further model was before it was silenced, as far as anybody knows."""
    for state in past:
        for overlay in state.overlays:
            if overlay.model.sha256 == model.sha256 and overlay.alpha != 0.0:
                return overlay.alpha
    return USUAL_ALPHA

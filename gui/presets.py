"""Named ways to share the layers between A and B, and what to call the one in use. Pure functions on `Blend`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from engine.shares import pinkney_shares
from engine.state import Blend, EditState, SeedLatent, Side, StoredLatent

SOFT_WIDTH = 0.6
SMOOTH_WIDTH = 1.6


@dataclass(frozen=True, slots=True)
class Preset:
    key: str
    name: str
    tooltip: str
    apply: Callable[[Blend], Blend]


def _toonify(blend: Blend) -> Blend:
    return replace(blend, low=Side.B, swap_resolution=32, level=1, width=SOFT_WIDTH, curve=None)


def _dress_up(blend: Blend) -> Blend:
    return replace(blend, low=Side.A, swap_resolution=32, level=0, width=SOFT_WIDTH, curve=None)


def _hard(blend: Blend) -> Blend:
    return replace(blend, width=0.0, curve=None)


def _smooth(blend: Blend) -> Blend:
    return replace(blend, width=SMOOTH_WIDTH, curve=None)


def _reverse(blend: Blend) -> Blend:
    other = Side.A if blend.low is Side.B else Side.B
    curve = None if blend.curve is None else tuple(1.0 - share for share in blend.curve)
    return replace(blend, low=other, curve=curve)


TOONIFY = Preset("toonify", "Toonify", "Structure from B up to 32 px, rendering from A above it", _toonify)
DRESS_UP = Preset("dress_up", "Structure A, rendering B", "A's head and features, drawn the way B draws", _dress_up)
HARD = Preset("hard", "Hard swap", "One model up to the swap resolution, the other above it, nothing between", _hard)
SMOOTH = Preset("smooth", "Smooth", "A gradual change-over around the swap resolution", _smooth)
REVERSE = Preset("reverse", "Reverse", "Exchange which model gives the structure and which the rendering", _reverse)

PRESETS = (TOONIFY, DRESS_UP, HARD, SMOOTH, REVERSE)
CUSTOM_NAME = "Custom"


def preset_of(blend: Blend) -> Preset | None:
    """The preset that `blend` is an instance of, whatever its alpha; None when it is the user's own."""
    for preset in (TOONIFY, DRESS_UP, HARD, SMOOTH):
        if preset.apply(blend) == blend:
            return preset
    return None


def shown_curve(blend: Blend, num_positions: int) -> tuple[float, ...]:
    """Share of B per position before alpha: the drawn curve, or the step that the fields describe."""
    if blend.curve is not None:
        return (blend.curve + (0.0,) * num_positions)[:num_positions]
    return step_curve(blend, num_positions)


def step_curve(blend: Blend, num_positions: int) -> tuple[float, ...]:
    """The step or sigmoid of `blend`, as if nothing had been drawn over it."""
    high = pinkney_shares(num_positions, blend.swap_resolution, blend.level, blend.width)
    return high if blend.low is Side.A else tuple(1.0 - share for share in high)


def blend_caption(state: EditState) -> str:
    """What the middle picture shows, in an artist's words."""
    blend = state.blend
    if state.model_b is None:
        return "No second model yet"
    if blend.alpha == 0.0:
        return "Blend, all from A"
    if blend.curve is not None:
        return "Blend, by a drawn curve"
    return f"Blend, structure from {blend.low.value.upper()} up to {blend.swap_resolution} px"


def look_name(state: EditState) -> str:
    """What to call the look of a state until its maker names it."""
    if state.model_b is None:
        return f"{state.model_a.name} alone" if state.model_a is not None else "look"
    preset = preset_of(state.blend)
    return f"{preset.name if preset is not None else 'Mine'}, {state.model_b.name}"


def state_caption(state: EditState, *, private: bool = True) -> str:
    """One line for the status bar and for file names: which models, which latent.

    Args:
        private: Whether a portrait may be called by its name, which is that of the user's file.
    """
    names = [model.name for model in (state.model_a, state.model_b) if model is not None]
    latent = state.latent
    called = latent.name if private and isinstance(latent, StoredLatent) else ""
    which = f"seed {latent.seed}" if isinstance(latent, SeedLatent) else (called or "portrait")
    return f"{' x '.join(names)}, {which}" if names else "No model"

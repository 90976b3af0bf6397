"""Named ways to share the layers between A and B, and what to call the one in use. Pure functions on `Blend`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from engine.shares import pinkney_shares
from engine.state import Blend, BlendSpace, EditState, SeedLatent, Side, StoredLatent, model_refs

SOFT_WIDTH = 0.6
SIGMOID_WIDTH = 1.0
SMOOTH_WIDTH = 2.4
EVEN_POSITIONS = 18
"""Of the largest usual model, 1024 px; a smaller one leaves out the rest."""


@dataclass(frozen=True, slots=True)
class Preset:
    key: str
    name: str
    tooltip: str
    apply: Callable[[Blend], Blend]


def _toonify(blend: Blend) -> Blend:
    return replace(blend, low=Side.B, swap_resolution=32, level=1, width=SOFT_WIDTH, curve=None)


def _structure_from(low: Side) -> Callable[[Blend], Blend]:
    return lambda blend: replace(blend, low=low, swap_resolution=32, level=0, width=SOFT_WIDTH, curve=None)


def _step(level: int) -> Callable[[Blend], Blend]:
    return lambda blend: replace(blend, level=level, width=0.0, curve=None)


def _sigmoid(width: float) -> Callable[[Blend], Blend]:
    return lambda blend: replace(blend, width=width, curve=None)


def _even(blend: Blend) -> Blend:
    return blend if _is_even(blend) else replace(blend, curve=(1.0,) * EVEN_POSITIONS)


def _is_even(blend: Blend) -> bool:
    return blend.curve is not None and all(share == 1.0 for share in blend.curve)


def _reverse(blend: Blend) -> Blend:
    other = Side.A if blend.low is Side.B else Side.B
    curve = None if blend.curve is None else tuple(1.0 - share for share in blend.curve)
    return replace(blend, low=other, curve=curve)


TOONIFY = Preset("toonify", "Toonify", "Structure from B up to 32 px, rendering from A above it", _toonify)
DRESS_UP = Preset(
    "dress_up", "Structure A, rendering B", "A's head and features, drawn the way B draws", _structure_from(Side.A)
)
DRESS_DOWN = Preset(
    "dress_down", "Structure B, rendering A", "B's head and features, drawn the way A draws", _structure_from(Side.B)
)
HARD = Preset(
    "hard", "Hard swap, level 0",
    "One model up to the swap resolution, the other above it, nothing between (Pinkney's level 0)", _step(0),
)
HARD_LATER = Preset(
    "hard_later", "Hard swap, level 1",
    "A hard swap one layer later: the next block's first layer stays with the lower model (Pinkney's level 1)",
    _step(1),
)
SIGMOID = Preset(
    "sigmoid", "Sigmoid", "The change-over takes a few layers; Width says how many", _sigmoid(SIGMOID_WIDTH)
)
SMOOTH = Preset("smooth", "Smooth", "A gradual change-over from the first layers to the last", _sigmoid(SMOOTH_WIDTH))
EVEN = Preset("even", "Even", "Every layer takes the same share of B: alpha alone says how much", _even)
REVERSE = Preset("reverse", "Reverse", "Exchange which model gives the structure and which the rendering", _reverse)

PRESETS = (TOONIFY, DRESS_UP, DRESS_DOWN, HARD, HARD_LATER, SIGMOID, SMOOTH, EVEN, REVERSE)
CUSTOM_NAME = "Custom curve"


def preset_of(blend: Blend) -> Preset | None:
    """The preset that `blend` is an instance of, whatever its alpha; None when it is the user's own."""
    for preset in PRESETS:
        if preset is not REVERSE and preset.apply(blend) == blend:
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
    return ", ".join((_pair_caption(state), *_overlay_captions(state)))


def _pair_caption(state: EditState) -> str:
    blend = state.blend
    if state.model_b is None:
        return "No second model yet" if not state.overlays else "A"
    if blend.alpha == 0.0:
        return "Blend, all from A"
    mixed = "Blend in W" if blend.space is BlendSpace.LATENTS else "Blend"
    if blend.curve is not None:
        return f"{mixed}, every layer alike" if _is_even(blend) else f"{mixed}, by a drawn curve"
    return f"{mixed}, structure from {blend.low.value.upper()} up to {blend.swap_resolution} px"


def _overlay_captions(state: EditState) -> list[str]:
    return [f"{overlay.model.name} {overlay.alpha:.2f}" for overlay in state.overlays if overlay.alpha != 0.0]


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
    names = [model.name for model in model_refs(state)]
    latent = state.latent
    called = latent.name if private and isinstance(latent, StoredLatent) else ""
    which = f"seed {latent.seed}" if isinstance(latent, SeedLatent) else (called or "portrait")
    return f"{' x '.join(names)}, {which}" if names else "No model"

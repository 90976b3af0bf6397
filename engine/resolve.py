"""From what the user wants to what will be computed: an EditState, and what its models are, to a ResolvedEdit.

Pure: no files, no arrays, no torch. Values are clamped, short tuples filled, long ones cut, and what could not be
followed is said as sentences in `ResolvedEdit.warnings`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

from engine.carry import Carried, is_carried_into
from engine.descriptor import NetworkDescriptor
from engine.errors import LatentError, LatentShapeError, ModelError
from engine.resolved_edit import ResolvedDirection, ResolvedEdit, ResolvedMix, ResolvedNoise, ResolvedOverlay
from engine.shares import Shares, pinkney_shares
from engine.state import (
    Blend,
    BlendSpace,
    DirectionUse,
    EditState,
    Latent,
    MixSource,
    Noise,
    NoiseMode,
    Overlay,
    SeedLatent,
    Side,
    Source,
    StoredLatent,
    StyleEdit,
)

LatentShapes: TypeAlias = Mapping[str, tuple[int, int]]
"""Shape ``(num_ws, w_dim)`` of every stored latent that a state names, by key."""

MAX_FACTOR = 10.0
"""Largest magnitude of psi, alpha, curve points, noise strengths and mixing strengths."""

MAX_STEP = 100.0
"""Largest magnitude of a step along a direction, in sigmas."""

MAX_CHANNEL_STEP = 1000.0
"""Largest magnitude of a step of a style channel: there are networks with styles of a few hundred."""


def resolve(
    state: EditState,
    a: NetworkDescriptor | None,
    b: NetworkDescriptor | None = None,
    shapes: LatentShapes | None = None,
    overlays: Sequence[NetworkDescriptor] = (),
    parent: NetworkDescriptor | None = None,
) -> ResolvedEdit:
    """Decide what `state` means for these models.

    Args:
        a: What `state.model_a` is.
        b: What `state.model_b` is; None when there is none.
        shapes: Shapes of the stored latents and directions; a key that is missing counts as lost.
        overlays: What the models of `state.overlays` are, in their order.
        parent: What A was tuned from (`a.tuned_from`) is; None when it is not here, or not needed.

    Raises:
        ModelError: model A is missing.
        LatentError: the main latent is not in the store, or is of another w_dim.
    """
    if state.model_a is None or a is None:
        raise ModelError("No model is chosen as model A.", "Choose one from the shelf, or drop a model file on it.")
    notes = _Notes()
    partner = _partner(b, a, notes) if state.model_b is not None else None
    known = shapes or {}
    _check_main_latent(state.latent, a, known, notes)
    shares = _shares(state.blend, a, partner, notes)
    cutoff = a.num_ws if state.truncation_cutoff is None else state.truncation_cutoff
    laid_over = _overlays(state, a, overlays, notes)
    over = [] if state.model_b is None or partner is None else [(state.model_b, partner)]
    known_models = dict(zip((one.model for one in state.overlays), overlays, strict=True))
    over += [(one.model, known_models[one.model]) for one in laid_over]
    into = [is_carried_into(a, ref, other) for ref, other in over]
    return ResolvedEdit(
        model_a=state.model_a,
        model_b=state.model_b if partner is not None else None,
        latent=_clamped_latent(state.latent, notes),
        class_index=_class_index(state.class_index, a, notes),
        truncation_psi=notes.number("truncation psi", state.truncation_psi, 1.0),
        truncation_cutoff=min(max(cutoff, 0), a.num_ws),
        mix=_mixes(state.mix, a, known, notes),
        shares=shares,
        noise=_noise(state.noise, state.latent, a, notes),
        num_ws=a.num_ws,
        img_resolution=a.img_resolution,
        overlays=laid_over,
        space=state.blend.space if partner is not None else BlendSpace.WEIGHTS,
        directions=_directions(state.directions, a, known, notes),
        style_edits=_style_edits(state.style_edits, a, notes),
        carried=_carried(state, a, parent, into, notes) if any(into) else None,
        warnings=tuple(notes.sentences),
    )


def blend_obstacle(a: NetworkDescriptor, b: NetworkDescriptor, b_name: str = "B") -> str | None:
    """Why the weights of two generators cannot be mixed, as the end of a sentence; None when they can."""
    if a.family != b.family:
        return f"A is {a.family}, {b_name} is {b.family}"
    if a.img_resolution != b.img_resolution:
        return f"A makes {a.img_resolution} px pictures, {b_name} makes {b.img_resolution} px"
    if a.w_dim != b.w_dim:
        return f"A's latents have {a.w_dim} values, those of {b_name} have {b.w_dim}"
    if (a.architecture, a.img_channels) != (b.architecture, b.img_channels):
        kinds = (f"{one.architecture} with {one.img_channels} colours" for one in (a, b))
        return f"A is {next(kinds)}, {b_name} is {next(kinds)}"
    for one, other in zip(a.layers, b.layers, strict=False):
        if (one.name, one.channels) != (other.name, other.channels):
            rest = f"{other.name} has {other.channels} in {b_name}"
            return f"layer {one.name} has {one.channels} channels in A, {rest}"
    return None if len(a.layers) == len(b.layers) else f"A has {len(a.layers)} layers, {b_name} has {len(b.layers)}"


class _Notes:
    """Collects the warnings, and clamps numbers, which is where most of them come from."""

    def __init__(self) -> None:
        self.sentences: list[str] = []

    def say(self, sentence: str) -> None:
        if sentence not in self.sentences:
            self.sentences.append(sentence)

    def number(self, name: str, value: float, neutral: float, largest: float = MAX_FACTOR) -> float:
        if not math.isfinite(value):
            self.say(f"The {name} is not a number; {neutral:g} is used.")
            return neutral
        if abs(value) > largest:
            kept = math.copysign(largest, value)
            self.say(f"The {name} of {value:g} is out of range; {kept:g} is used.")
            return kept
        return float(value)

    def numbers(self, name: str, values: tuple[float, ...], neutral: float, count: int) -> tuple[float, ...]:
        kept = tuple(self.number(name, value, neutral) for value in values[:count])
        return kept + (neutral,) * (count - len(kept))


def _partner(b: NetworkDescriptor | None, a: NetworkDescriptor, notes: _Notes) -> NetworkDescriptor | None:
    if b is None:
        return None
    if obstacle := blend_obstacle(a, b):
        notes.say(f"These models cannot be blended: {obstacle}. The blend shows A.")
        return None
    return b


def _shares(blend: Blend, a: NetworkDescriptor, b: NetworkDescriptor | None, notes: _Notes) -> Shares:
    nothing = (0.0,) * a.num_ws
    alone = Shares(nothing, nothing, nothing, nothing, nothing)
    if b is None:
        return alone
    alpha = notes.number("alpha", blend.alpha, 1.0)
    layers = tuple(alpha * share for share in _curve(blend, a, notes))
    torgb = _of(blend.torgb, layers)
    return Shares(
        conv=layers,
        conv_affine=_of(blend.affines, layers),
        torgb=torgb,
        torgb_affine=torgb if blend.affines is Source.BLEND else _of(blend.affines, layers),
        noise=_of(blend.noise, layers),
        mapping=_mapping_share(blend.mapping, alpha, a, b, notes),
        w_avg=_of(blend.w_avg, (alpha,))[0],
    )


def _carried(
    state: EditState,
    a: NetworkDescriptor,
    parent: NetworkDescriptor | None,
    into: Sequence[bool],
    notes: _Notes,
) -> Carried | None:
    strength = notes.number("carried share of the tuning", state.blend.carry, 1.0)
    if strength < 0.0:
        notes.say(f"The carried share of the tuning of {strength:g} is out of range; 0 is used.")
    if a.tuned_from is None or a.tuned_from == state.model_a or strength <= 0.0:
        return None
    name = f"“{a.tuned_from.name:.60}”"
    if parent is None:
        notes.say(f"{name}, which A was tuned from, is not on this computer, so the tuning stays in A's layers.")
        return None
    if obstacle := blend_obstacle(a, parent, "its parent"):
        notes.say(f"{name} cannot be what A was tuned from, so the tuning stays in A's layers: {obstacle}.")
        return None
    return Carried.of(a.tuned_from, strength, state.blend, into)


def _overlays(
    state: EditState, a: NetworkDescriptor, models: Sequence[NetworkDescriptor], notes: _Notes
) -> tuple[ResolvedOverlay, ...]:
    """One that takes nothing now stays: a slider may be about to change that."""
    kept = []
    for overlay, model in zip(state.overlays, models, strict=True):
        if obstacle := blend_obstacle(a, model, "it"):
            notes.say(f"“{overlay.model.name:.60}” cannot be blended with A and is left out: {obstacle}.")
        else:
            kept.append(ResolvedOverlay(overlay.model, _overlay_shares(overlay, state.blend, a, notes)))
    return tuple(kept)


def _overlay_shares(overlay: Overlay, blend: Blend, a: NetworkDescriptor, notes: _Notes) -> Shares:
    """What the blend takes from A or B alone, it goes on taking from there."""
    alpha = notes.number("alpha of a further model", overlay.alpha, 1.0)
    curve = (1.0,) * a.num_ws
    if overlay.curve is not None:
        curve = notes.numbers("alpha curve of a further model", overlay.curve, 0.0, a.num_ws)
    layers = tuple(alpha * share for share in curve)
    nothing = (0.0,) * a.num_ws

    def unless_pinned(source: Source) -> tuple[float, ...]:
        return layers if source is Source.BLEND else nothing

    torgb = unless_pinned(blend.torgb)
    return Shares(
        conv=layers,
        conv_affine=unless_pinned(blend.affines),
        torgb=torgb,
        torgb_affine=torgb if blend.affines is Source.BLEND else nothing,
        noise=unless_pinned(blend.noise),
    )


def _of(source: Source, layers: tuple[float, ...]) -> tuple[float, ...]:
    if source is Source.BLEND:
        return layers
    return (1.0 if source is Source.B else 0.0,) * len(layers)


def _curve(blend: Blend, a: NetworkDescriptor, notes: _Notes) -> tuple[float, ...]:
    if blend.curve is not None:
        return notes.numbers("alpha curve", blend.curve, 0.0, a.num_ws)
    level = min(max(blend.level, 0), 1)
    width = notes.number("swap width", blend.width, 0.0)
    high = pinkney_shares(a.num_ws, _swap_stop(blend.swap_resolution, a, notes), level, width)
    return high if blend.low is Side.A else tuple(1.0 - share for share in high)


def _swap_stop(wanted: int, a: NetworkDescriptor, notes: _Notes) -> int:
    stops = a.resolutions or (4,)
    stop = max((stop for stop in stops if stop <= wanted), default=stops[0])
    if stop != wanted:
        notes.say(f"This model has no {wanted} px layers; the swap resolution is {stop}.")
    return stop


def _mapping_share(source: Source, alpha: float, a: NetworkDescriptor, b: NetworkDescriptor, notes: _Notes) -> float:
    share = _of(source, (alpha,))[0]
    if share != 0.0 and (a.z_dim, a.c_dim) != (b.z_dim, b.c_dim):
        notes.say("The mapping networks of A and B read different inputs; A's is used.")
        return 0.0
    return share


def _class_index(wanted: int | None, a: NetworkDescriptor, notes: _Notes) -> int | None:
    if a.c_dim == 0:
        return None
    if wanted is None:
        notes.say("This model draws several classes; the first is shown.")
        return 0
    kept = min(max(wanted, 0), a.c_dim - 1)
    if kept != wanted:
        notes.say(f"This model has classes 0 to {a.c_dim - 1}; {kept} is shown instead of {wanted}.")
    return kept


def _clamped_latent(latent: Latent, notes: _Notes) -> Latent:
    if isinstance(latent, StoredLatent):
        return latent
    x, y = notes.number("seed pad", latent.pad_x, 0.0), notes.number("seed pad", latent.pad_y, 0.0)
    seed = latent.seed % 2**32  # what numpy's RandomState takes
    if seed != latent.seed:
        notes.say(f"Seeds run from 0 to {2**32 - 1}; {seed} is used for {latent.seed}.")
    return SeedLatent(seed, x, y)


def _check_main_latent(latent: Latent, a: NetworkDescriptor, shapes: LatentShapes, notes: _Notes) -> None:
    if isinstance(latent, StoredLatent) and (problem := _misfit(latent, a, shapes, notes)):
        raise problem


def _misfit(latent: StoredLatent, a: NetworkDescriptor, shapes: LatentShapes, notes: _Notes) -> LatentError | None:
    name = latent.name or latent.key[:8]
    shape = shapes.get(latent.key)
    if shape is None:
        return LatentError(f"The latent “{name:.60}” is not on this computer.", "Open the file that holds it again.")
    num_ws, w_dim = shape
    if w_dim != a.w_dim:
        rule = f"this model reads {a.w_dim}"
        return LatentShapeError(f"The latent “{name:.60}” has {w_dim} values per layer; {rule}.")
    if num_ws != a.num_ws:
        rule = "the surplus is left out" if num_ws > a.num_ws else "its last one is repeated"
        notes.say(f"The latent “{name:.60}” has {num_ws} rows for a model with {a.num_ws}; {rule}.")
    return None


def _mixes(
    mix: tuple[MixSource, ...], a: NetworkDescriptor, shapes: LatentShapes, notes: _Notes
) -> tuple[ResolvedMix, ...]:
    kept = []
    for source in mix:
        strengths = notes.numbers("mixing strength", source.strengths, 0.0, a.num_ws)
        if source.muted or not any(strengths):
            continue
        if isinstance(source.latent, StoredLatent) and (problem := _misfit(source.latent, a, shapes, notes)):
            notes.say(f"{problem.user_message} It is not mixed in.")
            continue
        kept.append(ResolvedMix(_clamped_latent(source.latent, notes), strengths))
    return tuple(kept)


def _directions(
    uses: tuple[DirectionUse, ...], a: NetworkDescriptor, shapes: LatentShapes, notes: _Notes
) -> tuple[ResolvedDirection, ...]:
    """Steps along one direction are added up first: opposite ones leave nothing, not even a rounding error."""
    amounts: dict[str, list[float]] = {}
    for use in uses:
        if problem := _misfit_of_direction(use, a, shapes):
            notes.say(problem)
            continue
        amount = notes.number("step along a direction", use.amount, 0.0, MAX_STEP)
        first, stop = (0, a.num_ws) if use.layer_range is None else use.layer_range
        rows = amounts.setdefault(use.key, [0.0] * a.num_ws)
        for row in range(max(first, 0), min(stop, a.num_ws)):
            rows[row] += amount
    return tuple(ResolvedDirection(key, tuple(rows)) for key, rows in amounts.items() if any(rows))


def _misfit_of_direction(use: DirectionUse, a: NetworkDescriptor, shapes: LatentShapes) -> str | None:
    name = use.name or use.key[:8]
    shape = shapes.get(use.key)
    if shape is None:
        return f"The direction “{name:.60}” is not on this computer; it is left out."
    if shape[1] != a.w_dim:
        return f"The direction “{name:.60}” has {shape[1]} values; this model reads {a.w_dim}. It is left out."
    return None


def _style_edits(edits: tuple[StyleEdit, ...], a: NetworkDescriptor, notes: _Notes) -> tuple[StyleEdit, ...]:
    known = a.style_channels if edits else {}
    amounts: dict[tuple[int, bool, int], float] = {}
    for edit in edits:
        layer = f"{'ToRGB' if edit.torgb else 'convolution'} at position {edit.position}"
        channels = known.get((edit.position, edit.torgb))
        if channels is None:
            notes.say(f"This model has no {layer}; the style channels there are left out.")
        elif not 0 <= edit.channel < channels:
            notes.say(f"The {layer} has style channels 0 to {channels - 1}; channel {edit.channel} is left out.")
        else:
            amount = notes.number("step of a style channel", edit.amount, 0.0, MAX_CHANNEL_STEP)
            place = (edit.position, edit.torgb, edit.channel)
            amounts[place] = amounts.get(place, 0.0) + amount
    return tuple(
        StyleEdit(position, channel, amount, torgb)
        for (position, torgb, channel), amount in sorted(amounts.items())
        if amount != 0.0
    )


def _noise(noise: Noise, latent: Latent, a: NetworkDescriptor, notes: _Notes) -> ResolvedNoise:
    strength = notes.number("noise strength", noise.strength, 1.0)
    layers = notes.numbers("noise strength", noise.layer_strengths, 1.0, a.num_ws)
    seed = noise.seed if noise.mode is NoiseMode.RANDOM else 0  # otherwise it does not matter
    layer_seeds = _layer_seeds(noise.layer_seeds, a, notes)
    stored = latent.noise_key if isinstance(latent, StoredLatent) and noise.mode is NoiseMode.CONST else None
    if noise.mode is NoiseMode.NONE:
        return ResolvedNoise(noise.mode, 0, (0.0,) * a.num_ws, None, (None,) * a.num_ws)
    strengths = tuple(strength * layer for layer in layers)
    return ResolvedNoise(noise.mode, seed, strengths, stored, layer_seeds)


def _layer_seeds(
    seeds: tuple[float | None, ...], a: NetworkDescriptor, notes: _Notes
) -> tuple[float | None, ...]:
    def kept(seed: float | None) -> float | None:
        if seed is None or math.isfinite(seed):
            return seed
        notes.say("A noise seed is not a number; that layer keeps its noise.")
        return None

    return tuple(kept(seed) for seed in seeds[: a.num_ws]) + (None,) * (a.num_ws - len(seeds))

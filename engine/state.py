"""EditState: everything that decides one picture, frozen and hashable, with no arrays inside.

The state, the undo entry, the recipe in a PNG and the argument of a headless render are this one thing.
Arrays (inverted latents, optimised noise) live in the latent store under a content hash; the state holds the key.

Per-layer tuples are indexed by *position* (see `engine.descriptor.LayerSpec.position`), except mixing strengths,
which are indexed by the row of ``ws``. A tuple shorter than the model needs is continued by its neutral value, a
longer one is cut: so one state fits models of any size (`engine.resolve` does it).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeAlias, TypeVar

T = TypeVar("T")

DEFAULT_PSI = 0.7
"""Of seeds: enough truncation that most faces are good ones."""


class View(StrEnum):
    """Which picture of one latent. WEIGHTS and LATENTS are the blend made in that space, whatever the state says."""

    A = "a"
    BLEND = "blend"
    B = "b"
    WEIGHTS = "weights"
    LATENTS = "latents"


class Side(StrEnum):
    A = "a"
    B = "b"


class Source(StrEnum):
    """Where a part of the blended network comes from; BLEND follows the layer's own share of B."""

    A = "a"
    B = "b"
    BLEND = "blend"


class BlendSpace(StrEnum):
    """What is mixed: the networks' weights, or, in A's network, the latents w that both mappings make of a seed."""

    WEIGHTS = "weights"
    LATENTS = "latents"


class NoiseMode(StrEnum):
    CONST = "const"
    RANDOM = "random"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class ModelRef:
    """A model by content. `name` is what the library calls it: never a path."""

    sha256: str
    name: str


@dataclass(frozen=True, slots=True)
class SeedLatent:
    """A latent from a seed, as ``numpy.random.RandomState(seed).randn(1, z_dim)``, and a step away from it.

    The seed pad walks on the sphere of z: at radius r = min(1, hypot(pad_x, pad_y)) the latent has turned by
    r * 90 degrees towards a mix of two directions that are fixed by the seed. (0, 0) is the seed itself.
    """

    seed: int = 0
    pad_x: float = 0.0
    pad_y: float = 0.0


@dataclass(frozen=True, slots=True)
class StoredLatent:
    """A latent from the store, usually an inverted portrait.

    Attributes:
        key: Content hash of ``ws``, float32 ``[num_ws, w_dim]``.
        name: What to call it on screen.
        noise_key: Content hash of the optimised noise maps (see `engine.latents`), if the inversion made any.
    """

    key: str
    name: str = ""
    noise_key: str | None = None


Latent: TypeAlias = SeedLatent | StoredLatent


@dataclass(frozen=True, slots=True)
class MixSource:
    """A second latent and how much of it goes into each row of ``ws``: 0 none, 1 all of the row.

    Attributes:
        muted: It waits: nothing of it is taken, whatever the strengths.
    """

    latent: Latent
    strengths: tuple[float, ...] = ()
    muted: bool = False


@dataclass(frozen=True, slots=True)
class Blend:
    """How much of model B each layer takes.

    The share of B at a position is ``alpha * curve[position]``; where `curve` is None, the curve is the step
    (or sigmoid) of Pinkney & Adler 2020 (arXiv:2010.05334) given by the four fields before it.

    Attributes:
        swap_resolution: Blocks up to this resolution come from `low`, the ones above from the other model.
        level: 0 or 1, the paper code's sub-step within a resolution.
        width: Width of the sigmoid in layers; 0 is a hard swap.
        low: Which model gives the low resolutions, that is the structure.
        alpha: Scales the share of B everywhere: 0 is model A. Below 0 and above 1 extrapolates.
        curve: Share of B per position, drawn by hand; overrides the step.
        mapping: Whose mapping network turns z into w.
        w_avg: Whose mean latent truncation pulls towards.
        noise: Whose noise maps and noise strengths are used.
        affines: Whose style affines are used.
        torgb: Whose ToRGB layers are used.
        carry: Where A is tuned (`NetworkDescriptor.tuned_from`): how much of what that changed the layers that come
            from other models get as well. 0 leaves them as they are, 1 adds all of it.
        space: WEIGHTS mixes networks. LATENTS leaves A's network alone and gives row r of ``ws`` the share of B's w
            that position r would have had of B's weights.
    """

    swap_resolution: int = 16
    level: int = 0
    width: float = 0.0
    low: Side = Side.A
    alpha: float = 1.0
    curve: tuple[float, ...] | None = None
    mapping: Source = Source.A
    w_avg: Source = Source.A
    noise: Source = Source.BLEND
    affines: Source = Source.BLEND
    torgb: Source = Source.BLEND
    space: BlendSpace = BlendSpace.WEIGHTS
    carry: float = 1.0


@dataclass(frozen=True, slots=True)
class Overlay:
    """A further model, laid over the blend of those before it as layers are in a picture editor.

    At a position it takes the share ``alpha * curve[position]`` of everything that the blend decides by layer; what
    lies below keeps the rest. Parts that the blend takes from A or B alone (`Blend.affines` and so on), the mapping
    and w_avg stay as they are.

    Attributes:
        curve: Share per position; None is 1 everywhere, missing entries are 0.
    """

    model: ModelRef
    alpha: float = 1.0
    curve: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class DirectionUse:
    """A step along a direction: ``ws[r] += amount * direction[r]`` for the rows of `layer_range`, after mixing.

    Attributes:
        key: Of the direction in the latent store, float32 ``[rows, w_dim]`` with as many rows as ``ws`` has, or one
            that is used for all. One unit is one sigma of the latents along it, where that is known.
        amount: In those units; 0 changes nothing.
        layer_range: Rows ``[first, stop)``; None is all.
    """

    key: str
    amount: float = 0.0
    layer_range: tuple[int, int] | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class StyleEdit:
    """A step of one channel of StyleSpace (Wu et al. 2020, arXiv:2011.12799): added to a layer's style.

    Attributes:
        position: Of the layer (see `engine.descriptor.LayerSpec.position`).
        torgb: The style of the ToRGB layer there, not that of the convolution.
        amount: In the units of the style itself.
    """

    position: int
    channel: int
    amount: float
    torgb: bool = False


@dataclass(frozen=True, slots=True)
class Noise:
    """Attributes:
    mode: CONST uses the model's own maps, RANDOM draws new ones from `seed`, NONE adds nothing.
    strength: Scales every layer's noise; 1 is as trained.
    seed: For RANDOM; never the latent's seed.
    layer_strengths: Further factor per position; missing entries are 1.
    layer_seeds: Seed per position of a map of the layer's own, which replaces the one that `mode` (but NONE) gives
        it; None and missing entries leave that. Between whole seeds n and n + 1, at a fraction f, the map is
        ``cos(f * pi / 2)`` of the one and ``sin(f * pi / 2)`` of the other, so that it can be scrubbed.
    """

    mode: NoiseMode = NoiseMode.CONST
    strength: float = 1.0
    seed: int = 0
    layer_strengths: tuple[float, ...] = ()
    layer_seeds: tuple[float | None, ...] = ()


@dataclass(frozen=True, slots=True)
class EditState:
    """One picture.

    Attributes:
        model_b: None means that there is nothing to blend with.
        truncation_psi: Pulls the main latent, and seeds that are mixed in, towards the mean; 1 leaves them as they
            are. A stored latent that is mixed in stays as it was found.
        truncation_cutoff: How many rows of ``ws`` psi acts on, from the first; None means all.
        class_index: For conditional models.
        overlays: Third and further models, the lowest first.
        directions: Steps in W+, added up.
        style_edits: Steps in StyleSpace, at most one per channel.
    """

    model_a: ModelRef | None = None
    model_b: ModelRef | None = None
    latent: Latent = SeedLatent()
    truncation_psi: float = DEFAULT_PSI
    truncation_cutoff: int | None = None
    class_index: int | None = None
    mix: tuple[MixSource, ...] = ()
    blend: Blend = Blend()
    noise: Noise = Noise()
    overlays: tuple[Overlay, ...] = ()
    directions: tuple[DirectionUse, ...] = ()
    style_edits: tuple[StyleEdit, ...] = ()


def with_models(state: EditState, *, a: ModelRef | None = None, b: ModelRef | None = None) -> EditState:
    """Replace model A, B or both; None keeps what is there."""
    return replace(state, model_a=a or state.model_a, model_b=b or state.model_b)


def swapped(state: EditState) -> EditState:
    """A becomes B and B becomes A; the rest stays."""
    return replace(state, model_a=state.model_b, model_b=state.model_a)


def with_latent(state: EditState, latent: Latent) -> EditState:
    return replace(state, latent=latent)


def with_seed(state: EditState, seed: int) -> EditState:
    """Go to a seed, at the middle of its pad.

    A portrait shown whole, at psi 1, leaves no truncation that was meant for seeds: they get the usual one.
    """
    was_whole = isinstance(state.latent, StoredLatent) and state.truncation_psi == 1.0
    psi = DEFAULT_PSI if was_whole else state.truncation_psi
    return replace(state, latent=SeedLatent(seed), truncation_psi=psi)


def with_pad(state: EditState, x: float, y: float) -> EditState:
    """Move on the seed pad. A stored latent has no pad and is returned unchanged."""
    if not isinstance(state.latent, SeedLatent):
        return state
    return replace(state, latent=replace(state.latent, pad_x=x, pad_y=y))


def with_truncation(state: EditState, psi: float, cutoff: int | None = None) -> EditState:
    return replace(state, truncation_psi=psi, truncation_cutoff=cutoff)


def with_blend(state: EditState, **changes: object) -> EditState:
    """Replace fields of `Blend`, for example ``with_blend(state, alpha=0.5)``."""
    return replace(state, blend=replace(state.blend, **changes))  # type: ignore[arg-type]


def with_alpha(state: EditState, alpha: float) -> EditState:
    return with_blend(state, alpha=alpha)


def with_swap_resolution(state: EditState, swap_resolution: int) -> EditState:
    """Move the step. A curve drawn by hand gives way to it."""
    return with_blend(state, swap_resolution=swap_resolution, curve=None)


def with_curve(state: EditState, curve: tuple[float, ...] | None) -> EditState:
    return with_blend(state, curve=curve)


def with_noise(state: EditState, **changes: object) -> EditState:
    """Replace fields of `Noise`, for example ``with_noise(state, strength=0.5)``."""
    return replace(state, noise=replace(state.noise, **changes))  # type: ignore[arg-type]


def with_mix_source(state: EditState, index: int, source: MixSource | None) -> EditState:
    """Replace, append (``index == len(state.mix)``) or, with None, remove a mixing source."""
    return replace(state, mix=_with_item(state.mix, index, source))


def with_overlay(state: EditState, index: int, overlay: Overlay | None) -> EditState:
    """Replace, append (``index == len(state.overlays)``) or, with None, remove a further model."""
    return replace(state, overlays=_with_item(state.overlays, index, overlay))


def with_direction(state: EditState, index: int, use: DirectionUse | None) -> EditState:
    """Replace, append (``index == len(state.directions)``) or, with None, remove a step along a direction."""
    return replace(state, directions=_with_item(state.directions, index, use))


def with_style_edit(state: EditState, edit: StyleEdit) -> EditState:
    """Set the step of one channel; an amount of 0 takes it out."""
    def channel(of: StyleEdit) -> tuple[int, int, bool]:
        return of.position, of.channel, of.torgb

    others = tuple(other for other in state.style_edits if channel(other) != channel(edit))
    kept = others if edit.amount == 0.0 else (*others, edit)
    return replace(state, style_edits=tuple(sorted(kept, key=channel)))


def _with_item(items: tuple[T, ...], index: int, item: T | None) -> tuple[T, ...]:
    return (*items[:index], *(() if item is None else (item,)), *items[index + 1 :])


def latent_keys(state: EditState) -> frozenset[str]:
    """Every array key that the state needs from the latent store."""
    latents = (state.latent, *(source.latent for source in state.mix))
    stored = [latent for latent in latents if isinstance(latent, StoredLatent)]
    keys = frozenset(key for latent in stored for key in (latent.key, latent.noise_key) if key)
    return keys | {use.key for use in state.directions}


def model_refs(state: EditState) -> tuple[ModelRef, ...]:
    """Every model that the state names, each once: A, B, then the overlays."""
    named = (state.model_a, state.model_b, *(overlay.model for overlay in state.overlays))
    return tuple(dict.fromkeys(ref for ref in named if ref is not None))


def differs_from_a(state: EditState) -> bool:
    """Whether the state makes another network than model A's own, so that there is one to save."""
    changes = (state.model_b, state.overlays, state.directions, state.style_edits)
    return state.model_a is not None and any(changes)

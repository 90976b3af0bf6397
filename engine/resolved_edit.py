"""A picture as it will be computed: what `engine.resolve` makes of an EditState. Plain data, no torch."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from engine.carry import Carried, with_carried
from engine.shares import Shares, Stack
from engine.state import BlendSpace, Latent, ModelRef, NoiseMode, StoredLatent, StyleEdit, View

ONE_READING = (
    "A portrait's latent reads the same in both models: blended in the space of latents, only the seeds that are"
    " mixed into it take anything of B."
)


@dataclass(frozen=True, slots=True)
class ResolvedMix:
    """A second latent and its strength for every row of ``ws``."""

    latent: Latent
    strengths: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ResolvedOverlay:
    """A further model, and how much it takes of what lies below it: never of mapping and mean latent."""

    model: ModelRef
    shares: Shares


@dataclass(frozen=True, slots=True)
class ResolvedDirection:
    """A direction in the latent store, and how much of it is added to every row of ``ws``."""

    key: str
    amounts: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ResolvedNoise:
    """Attributes:
    strengths: Factor on the trained strength, per position.
    key: Stored noise maps that stand in for the model's own in CONST mode.
    layer_seeds: Per position, the seed of a map of its own; None leaves the one that `mode` gives.
    """

    mode: NoiseMode
    seed: int
    strengths: tuple[float, ...]
    key: str | None
    layer_seeds: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """How seeds become rows of ``ws``: what every model above A takes of the mapping, and of the mean latent."""

    mapping: tuple[float, ...]
    w_avg: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class ResolvedEdit:
    """One picture, ready to compute. Frozen and hashable: the keys of the stage cache are made of its parts.

    Attributes:
        model_b: None when there is nothing to blend; then all of `shares` is 0.
        class_index: For conditional models, else None.
        truncation_cutoff: How many rows of ``ws`` are pulled towards the mean, 0 to `num_ws`.
        shares: How much of B everything takes; where latents are blended, `shares.conv` is read as that of the rows.
        overlays: Further models, the lowest first.
        space: LATENTS only when there is a model B.
        directions: Each key once.
        style_edits: Those that the model has, at most one per channel, none of 0.
        carried: Where A is tuned: what of that the layers of the others get as well.
        warnings: What could not be followed, as sentences. Not compared: they do not change the picture.
    """

    model_a: ModelRef
    model_b: ModelRef | None
    latent: Latent
    class_index: int | None
    truncation_psi: float
    truncation_cutoff: int
    mix: tuple[ResolvedMix, ...]
    shares: Shares
    noise: ResolvedNoise
    num_ws: int
    img_resolution: int
    overlays: tuple[ResolvedOverlay, ...] = ()
    space: BlendSpace = BlendSpace.WEIGHTS
    directions: tuple[ResolvedDirection, ...] = ()
    style_edits: tuple[StyleEdit, ...] = ()
    carried: Carried | None = None
    warnings: tuple[str, ...] = field(default=(), compare=False)

    @property
    def models(self) -> tuple[ModelRef, ...]:
        """A, B if there is one, the overlays', and what A was tuned from if that is needed."""
        return (*self.mixed_models, *(() if self.carried is None else (self.carried.parent,)))

    @property
    def mixed_models(self) -> tuple[ModelRef, ...]:
        """Those that the user mixes: A, B if there is one, and the overlays'."""
        b = () if self.model_b is None else (self.model_b,)
        return (self.model_a, *b, *(overlay.model for overlay in self.overlays))

    @property
    def stack(self) -> Stack:
        """What the synthesis takes of every one of `models` but A."""
        b = self.shares if self.space is BlendSpace.WEIGHTS else self.shares.with_weights(0.0)
        stack = (*(() if self.model_b is None else (b,)), *(overlay.shares for overlay in self.overlays))
        return stack if self.carried is None else with_carried(stack, self.carried)

    @property
    def readings(self) -> tuple[Reading, ...]:
        """One, as the blend says; where latents are blended two, A's and B's, to be mixed by `shares.conv`.

        Those are A's own and B's own, each with its own mean latent, whatever the blend says of mapping and w_avg.
        """
        if self.space is BlendSpace.LATENTS:
            above = (0.0,) * (len(self.models) - 2)
            return Reading((0.0, *above), (0.0, *above)), Reading((1.0, *above), (1.0, *above))
        stack = self.stack
        return (Reading(tuple(one.mapping for one in stack), tuple(one.w_avg for one in stack)),)

    def for_view(self, view: View) -> ResolvedEdit:
        """The same latent, shown by A alone, by B alone (by A while there is no B), or by the blend."""
        match view:
            case View.BLEND:
                return self._in(self.space)
            case View.WEIGHTS:
                return self._in(BlendSpace.WEIGHTS)
            case View.LATENTS:
                return self._in(BlendSpace.LATENTS)
            case View.A | View.B:
                share = 1.0 if view is View.B and self.model_b is not None else 0.0
                overlays = tuple(replace(one, shares=one.shares.with_weights(0.0)) for one in self.overlays)
                shares = self.shares.with_weights(share)
                carried = None if self.carried is None else self.carried.nothing
                return replace(self, shares=shares, overlays=overlays, space=BlendSpace.WEIGHTS, carried=carried)

    def _in(self, space: BlendSpace) -> ResolvedEdit:
        if self.model_b is None:
            return self
        warnings = self.warnings
        if space is BlendSpace.LATENTS and isinstance(self.latent, StoredLatent) and ONE_READING not in warnings:
            warnings = (*warnings, ONE_READING)
        return replace(self, space=space, warnings=warnings)

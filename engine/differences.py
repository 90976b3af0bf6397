"""What differs between two states, in words: "alpha 0.8 → 0.62". Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from engine.change_label import BLEND_LABELS, change_label
from engine.errors import printable
from engine.state import (
    Blend,
    DirectionUse,
    EditState,
    Latent,
    MixSource,
    ModelRef,
    Noise,
    Overlay,
    SeedLatent,
    StyleEdit,
)

NAME_CHARS = 32
_PLAIN_BLEND = ("swap_resolution", "level", "width", "low", "alpha", "mapping", "w_avg", "noise", "affines", "torgb",
                "space")


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that changed: from `old` to `new`, or, where that has no values, only what it is."""

    name: str
    old: str = ""
    new: str = ""

    def __str__(self) -> str:
        return f"{self.name} {self.old} → {self.new}".strip() if self.new else self.name

    @property
    def short(self) -> str:
        """Without what was before: "alpha 0.62"."""
        return f"{self.name} {self.new}".strip()


def differences(old: EditState, new: EditState) -> tuple[str, ...]:
    """One phrase for everything that changed, the most visible first; empty when nothing did."""
    return tuple(map(str, _changes(old, new)))


def main_difference(old: EditState, new: EditState) -> str:
    """The most visible change, in as few words as can be; empty when nothing changed."""
    first = next(_changes(old, new), None)
    return "" if first is None else first.short


def summary(old: EditState, new: EditState, most: int = 3) -> str:
    """The first few differences on one line."""
    found = differences(old, new)
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return ", ".join(found[:most]) + more


def _changes(old: EditState, new: EditState) -> Iterator[Difference]:
    if change_label(old, new) == "swap A and B":
        yield Difference("A and B swapped")
    else:
        for name, was, now in (("model A", old.model_a, new.model_a), ("model B", old.model_b, new.model_b)):
            if was != now:
                yield Difference(name, _model(was), _model(now))
    if old.latent != new.latent:
        yield _latent_change(old.latent, new.latent)
    yield from _mix_changes(old.mix, new.mix)
    yield from _blend_changes(old.blend, new.blend)
    yield from _overlay_changes(old.overlays, new.overlays)
    yield from _direction_changes(old.directions, new.directions)
    yield from _style_changes(old.style_edits, new.style_edits)
    yield from _number("psi", old.truncation_psi, new.truncation_psi)
    if old.truncation_cutoff != new.truncation_cutoff:
        yield Difference("psi cutoff", _or_all(old.truncation_cutoff), _or_all(new.truncation_cutoff))
    if old.class_index != new.class_index:
        yield Difference("class", _or_none(old.class_index), _or_none(new.class_index))
    yield from _noise_changes(old.noise, new.noise)


def _number(name: str, old: float, new: float) -> Iterator[Difference]:
    if old != new:
        yield Difference(name, _shown(old), _shown(new))


def _shown(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".") if abs(value) < 1000 else f"{value:g}"


def _model(model: ModelRef | None) -> str:
    return "none" if model is None else printable(model.name, NAME_CHARS) or model.sha256[:8]


def _or_all(value: int | None) -> str:
    return "all" if value is None else str(value)


def _or_none(value: int | None) -> str:
    return "none" if value is None else str(value)


def latent_name(latent: Latent) -> str:
    """ "seed 44" or the name of a portrait."""
    if isinstance(latent, SeedLatent):
        return f"seed {latent.seed}"
    return printable(latent.name, NAME_CHARS) or f"portrait {latent.key[:8]}"


def _latent_change(old: Latent, new: Latent) -> Difference:
    if isinstance(old, SeedLatent) and isinstance(new, SeedLatent) and old.seed == new.seed:
        return Difference(f"seed pad moved by {_shown(math.hypot(new.pad_x - old.pad_x, new.pad_y - old.pad_y))}")
    return Difference("", latent_name(old), latent_name(new))


def _mix_changes(old: tuple[MixSource, ...], new: tuple[MixSource, ...]) -> Iterator[Difference]:
    for was, now in zip_longest(old, new):
        if was is None:
            yield Difference(f"{latent_name(now.latent)} mixed in ({_rows(now.strengths)})")
        elif now is None:
            yield Difference(f"{latent_name(was.latent)} no longer mixed in")
        elif was.latent != now.latent:
            yield Difference("mixed in:", latent_name(was.latent), latent_name(now.latent))
        elif was.muted != now.muted:
            yield Difference(f"{latent_name(now.latent)} {'muted' if now.muted else 'heard again'}")
        elif was.strengths != now.strengths:
            yield Difference(f"{latent_name(now.latent)} mixed in", _most(was.strengths), _most(now.strengths))


def _rows(strengths: Sequence[float]) -> str:
    used = [row for row, strength in enumerate(strengths) if strength]
    if not used:
        return "nowhere"
    where = f"row {used[0]}" if len(used) == 1 else f"rows {used[0]} to {used[-1]}"
    return f"{_most(strengths)} in {where}"


def _most(strengths: Sequence[float]) -> str:
    return _shown(max(strengths, key=abs, default=0.0))


def _blend_changes(old: Blend, new: Blend) -> Iterator[Difference]:
    yield from _number("alpha", old.alpha, new.alpha)
    if (old.curve is None) != (new.curve is None):
        yield Difference("alpha curve drawn" if old.curve is None else "alpha curve back to a step")
    elif old.curve is not None and new.curve is not None and old.curve != new.curve:
        apart = max((abs(a - b) for a, b in zip_longest(old.curve, new.curve, fillvalue=0.0)), default=0.0)
        yield Difference(f"alpha curve by up to {_shown(apart)}")
    for field in _PLAIN_BLEND:
        was, now = getattr(old, field), getattr(new, field)
        if field == "alpha" or was == now:
            continue
        shown = _shown if isinstance(now, float) else str
        yield Difference(BLEND_LABELS[field], shown(was), shown(now))


def _overlay_changes(old: tuple[Overlay, ...], new: tuple[Overlay, ...]) -> Iterator[Difference]:
    for was, now in zip_longest(old, new):
        if was is None:
            yield Difference(f"{_model(now.model)} laid over ({_shown(now.alpha)})")
        elif now is None:
            yield Difference(f"{_model(was.model)} no longer laid over")
        elif was.model != now.model:
            yield Difference("laid over:", _model(was.model), _model(now.model))
        else:
            yield from _number(f"{_model(now.model)} over", was.alpha, now.alpha)
            if was.curve != now.curve:
                yield Difference(f"curve of {_model(now.model)}")


def _direction_changes(old: tuple[DirectionUse, ...], new: tuple[DirectionUse, ...]) -> Iterator[Difference]:
    for was, now in zip_longest(old, new):
        if was is None:
            yield Difference(f"{_direction(now)} {_shown(now.amount)}")
        elif now is None:
            yield Difference(f"without {_direction(was)}")
        elif was.key != now.key:
            yield Difference("", _direction(was), _direction(now))
        else:
            yield from _number(_direction(now), was.amount, now.amount)
            if was.layer_range != now.layer_range:
                yield Difference(f"layers of {_direction(now)}")


def _direction(use: DirectionUse) -> str:
    return printable(use.name, NAME_CHARS) or f"direction {use.key[:8]}"


def _style_changes(old: tuple[StyleEdit, ...], new: tuple[StyleEdit, ...]) -> Iterator[Difference]:
    changed = set(old) ^ set(new)
    channels = {(edit.position, edit.channel, edit.torgb) for edit in changed}
    if channels:
        yield Difference(f"{len(channels)} style channel{'s' if len(channels) > 1 else ''}")


def _noise_changes(old: Noise, new: Noise) -> Iterator[Difference]:
    if old.mode != new.mode:
        yield Difference("noise", old.mode, new.mode)
    yield from _number("noise strength", old.strength, new.strength)
    if old.seed != new.seed:
        yield Difference("noise seed", str(old.seed), str(new.seed))
    changed = sum(was != now for was, now in zip_longest(old.layer_strengths, new.layer_strengths, fillvalue=1.0))
    if changed:
        yield Difference(f"noise strength of {changed} layer{'s' if changed > 1 else ''}")
    redrawn = sum(was != now for was, now in zip_longest(old.layer_seeds, new.layer_seeds))
    if redrawn:
        yield Difference(f"noise of {redrawn} layer{'s' if redrawn > 1 else ''} redrawn")

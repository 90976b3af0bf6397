"""EditState <-> plain JSON values, read strictly: what a stranger's recipe may say, and within which bounds.

A missing field takes its default, so that a recipe can be written by hand; an unknown one is refused, so that a
slip of the pen is not silently ignored.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar, cast

from engine.errors import RecipeFormatError, printable
from engine.state import (
    Blend,
    BlendSpace,
    DirectionUse,
    EditState,
    Latent,
    MixSource,
    ModelRef,
    Noise,
    NoiseMode,
    Overlay,
    SeedLatent,
    Side,
    Source,
    StoredLatent,
    StyleEdit,
)

MAX_SEED = 2**32 - 1
MAX_PER_LAYER = 64
MAX_MIX_SOURCES = 64
MAX_OVERLAYS = 16
MAX_DIRECTIONS = 256
MAX_STYLE_EDITS = 4096
MAX_CHANNELS = 65_536
MAX_NAME_CHARS = 200
MAX_FACTOR = 1e6
"""Of alphas, strengths and the like: far beyond what `engine.resolve` lets through, and no overflow."""

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)


def state_to_json(state: EditState) -> dict[str, Any]:
    """JSON-ready objects. Exact: `state_from_json` gives an equal state, but for unprintable letters in names.

    Further models, directions and the like are written only where there are any: most recipes have none.
    """
    document: dict[str, Any] = {
        "model_a": model_to_json(state.model_a),
        "model_b": model_to_json(state.model_b),
        "latent": latent_to_json(state.latent),
        "truncation_psi": state.truncation_psi,
        "truncation_cutoff": state.truncation_cutoff,
        "class_index": state.class_index,
        "mix": [_mix_to_json(source) for source in state.mix],
        "blend": blend_to_json(state.blend),
        "noise": noise_to_json(state.noise),
    }
    if state.overlays:
        document["overlays"] = [overlay_to_json(overlay) for overlay in state.overlays]
    if state.directions:
        document["directions"] = [direction_to_json(use) for use in state.directions]
    if state.style_edits:
        document["style_edits"] = [style_edit_to_json(edit) for edit in state.style_edits]
    return document


def state_from_json(value: object, where: str = "state") -> EditState:
    """Strict twin of `state_to_json`.

    Raises:
        RecipeFormatError: names the field and the rule that it broke.
    """
    fields = Fields(value, where)
    default = EditState()
    state = EditState(
        model_a=fields.optional("model_a", model_from_json),
        model_b=fields.optional("model_b", model_from_json),
        latent=fields.optional("latent", latent_from_json) or default.latent,
        truncation_psi=fields.number("truncation_psi", default.truncation_psi),
        truncation_cutoff=fields.optional("truncation_cutoff", whole_number(0, MAX_PER_LAYER)),
        class_index=fields.optional("class_index", whole_number(0, 1_000_000)),
        mix=fields.items("mix", _mix_from_json, MAX_MIX_SOURCES),
        blend=fields.read("blend", blend_from_json, default.blend),
        noise=fields.read("noise", noise_from_json, default.noise),
        overlays=fields.items("overlays", overlay_from_json, MAX_OVERLAYS),
        directions=fields.items("directions", direction_from_json, MAX_DIRECTIONS),
        style_edits=fields.items("style_edits", style_edit_from_json, MAX_STYLE_EDITS),
    )
    fields.finish()
    return state


def latent_from_json(value: object, where: str) -> Latent:
    fields = Fields(value, where)
    latent: Latent
    if fields.has("key"):
        latent = StoredLatent(
            key=fields.read("key", read_key),
            name=fields.read("name", _read_name, ""),
            noise_key=fields.optional("noise_key", read_key),
        )
    else:
        latent = SeedLatent(
            seed=fields.read("seed", whole_number(0, MAX_SEED)),
            pad_x=fields.number("pad_x", 0.0),
            pad_y=fields.number("pad_y", 0.0),
        )
    fields.finish()
    return latent


def parse_json(text: str | bytes, what: str, max_bytes: int) -> object:
    """JSON as the standard has it: no duplicate keys, no NaN or Infinity, bounded.

    Args:
        what: What the text is, for messages: "The recipe".

    Raises:
        RecipeFormatError: it is not that.
    """
    if len(text) > max_bytes:
        raise RecipeFormatError(f"{what} is {len(text):,} bytes long; {max_bytes:,} is the most that is read.")

    def unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
        result = dict(pairs)
        if len(result) != len(pairs):
            raise RecipeFormatError(f"{what} names one field twice.")
        return result

    def refuse(word: str) -> object:
        raise RecipeFormatError(f"{what} holds {word}, which is not a number.")

    try:
        return json.loads(text, object_pairs_hook=unique, parse_constant=refuse)
    except (ValueError, RecursionError):
        raise RecipeFormatError(f"{what} is damaged: it is not valid JSON.") from None


class Fields:
    """A JSON object while it is read: every field is asked for once, and `finish` refuses what is left."""

    def __init__(self, value: object, where: str) -> None:
        if type(value) is not dict:
            raise RecipeFormatError(f"{where} must be an object with fields, not {_shown(value)}.")
        self._left: dict[str, object] = dict(value)
        self._where = where

    def has(self, name: str) -> bool:
        return name in self._left

    def read(self, name: str, reader: Callable[[object, str], T], default: T | None = None) -> T:
        """The field through `reader`; without a default, it must be there."""
        where = f"{self._where}.{name}"
        if name not in self._left:
            if default is None:
                raise RecipeFormatError(f"{where} is missing.")
            return default
        return reader(self._left.pop(name), where)

    def optional(self, name: str, reader: Callable[[object, str], T]) -> T | None:
        """The field, or None where it is null or missing."""
        value = self._left.pop(name, None)
        return None if value is None else reader(value, f"{self._where}.{name}")

    def number(self, name: str, default: float) -> float:
        return self.read(name, read_number, default)

    def whole(self, name: str, low: int, high: int) -> int:
        """A whole number that must be there."""
        return self.read(name, whole_number(low, high))

    def items(self, name: str, reader: Callable[[object, str], T], most: int) -> tuple[T, ...]:
        return self.read(name, lambda value, where: read_items(value, where, reader, most), ())

    def choice(self, name: str, kind: type[E], default: E) -> E:
        def reader(value: object, where: str) -> E:
            if type(value) is not str or value not in [member.value for member in kind]:
                raise RecipeFormatError(f"{where} is {_shown(value)}; it must be one of {', '.join(kind)}.")
            return kind(value)

        return self.read(name, reader, default)

    def finish(self) -> None:
        if self._left:
            raise RecipeFormatError(f"{self._where} has a field {_shown(next(iter(self._left)))} unknown to Graft.")


def read_number(value: object, where: str) -> float:
    if type(value) not in (int, float) or not abs(cast(float, value)) <= MAX_FACTOR:
        rule = f"it must be a number from {-MAX_FACTOR:g} to {MAX_FACTOR:g}"
        raise RecipeFormatError(f"{where} is {_shown(value)}; {rule}.")
    return float(cast(float, value))


def read_items(value: object, where: str, reader: Callable[[object, str], T], most: int) -> tuple[T, ...]:
    if type(value) is not list or len(value) > most:
        raise RecipeFormatError(f"{where} must be a list of at most {most} entries.")
    return tuple(reader(item, f"{where}[{index}]") for index, item in enumerate(value))


def read_text(value: object, where: str, most: int) -> str:
    """Text that is safe to show; control characters become ``?``."""
    if type(value) is not str or len(value) > most:
        raise RecipeFormatError(f"{where} must be text of at most {most} letters.")
    return printable(value, most)


def read_key(value: object, where: str) -> str:
    """A SHA-256 in lower case hex."""
    if type(value) is not str or not re.fullmatch(r"[0-9a-f]{64}", value):
        raise RecipeFormatError(f"{where} is {_shown(value)}; it must be a SHA-256, 64 hexadecimal digits.")
    return value


def whole_number(low: int, high: int) -> Callable[[object, str], int]:
    def reader(value: object, where: str) -> int:
        if type(value) is not int or not low <= value <= high:
            raise RecipeFormatError(f"{where} is {_shown(value)}; it must be a whole number from {low} to {high}.")
        return value

    return reader


def _shown(value: object) -> str:
    if isinstance(value, dict | list):
        return "a list" if isinstance(value, list) else "an object"
    if isinstance(value, float) and not math.isfinite(value):
        return "not finite"
    try:
        text = json.dumps(value)
    except ValueError:  # an integer of more digits than Python prints
        return "a very large number"
    return text if len(text) <= 60 else text[:59] + "…"


def _read_name(value: object, where: str) -> str:
    return read_text(value, where, MAX_NAME_CHARS)


def model_to_json(model: ModelRef | None) -> dict[str, Any] | None:
    return None if model is None else {"sha256": model.sha256, "name": _name(model.name)}


def model_from_json(value: object, where: str) -> ModelRef:
    fields = Fields(value, where)
    model = ModelRef(fields.read("sha256", read_key), fields.read("name", _read_name, ""))
    fields.finish()
    return model


def latent_to_json(latent: Latent) -> dict[str, Any]:
    if isinstance(latent, SeedLatent):
        return {"seed": latent.seed, "pad_x": latent.pad_x, "pad_y": latent.pad_y}
    return {"key": latent.key, "name": _name(latent.name), "noise_key": latent.noise_key}


def _name(name: str) -> str:
    """A name as it goes into files: short, printable, and never a path."""
    return printable(name.replace("\\", "/").rstrip("/").rpartition("/")[2], MAX_NAME_CHARS)


def _mix_to_json(source: MixSource) -> dict[str, Any]:
    document: dict[str, Any] = {"latent": latent_to_json(source.latent), "strengths": list(source.strengths)}
    return document | {"muted": True} if source.muted else document


def _mix_from_json(value: object, where: str) -> MixSource:
    fields = Fields(value, where)
    source = MixSource(
        fields.read("latent", latent_from_json),
        fields.items("strengths", read_number, MAX_PER_LAYER),
        fields.read("muted", read_bool, False),
    )
    fields.finish()
    return source


def overlay_to_json(overlay: Overlay) -> dict[str, Any]:
    curve = None if overlay.curve is None else list(overlay.curve)
    return {"model": model_to_json(overlay.model), "alpha": overlay.alpha, "curve": curve}


def overlay_from_json(value: object, where: str) -> Overlay:
    fields = Fields(value, where)
    overlay = Overlay(
        model=fields.read("model", model_from_json),
        alpha=fields.number("alpha", 1.0),
        curve=fields.optional("curve", _read_curve),
    )
    fields.finish()
    return overlay


def direction_to_json(use: DirectionUse) -> dict[str, Any]:
    rows = None if use.layer_range is None else list(use.layer_range)
    return {"key": use.key, "amount": use.amount, "layer_range": rows, "name": _name(use.name)}


def direction_from_json(value: object, where: str) -> DirectionUse:
    fields = Fields(value, where)
    use = DirectionUse(
        key=fields.read("key", read_key),
        amount=fields.number("amount", 0.0),
        layer_range=fields.optional("layer_range", read_layer_range),
        name=fields.read("name", _read_name, ""),
    )
    fields.finish()
    return use


def read_layer_range(value: object, where: str) -> tuple[int, int]:
    rows = read_items(value, where, whole_number(0, MAX_PER_LAYER), 2)
    if len(rows) != 2 or rows[0] > rows[1]:
        raise RecipeFormatError(f"{where} must be two rows, the first not above the second.")
    return rows[0], rows[1]


def style_edit_to_json(edit: StyleEdit) -> dict[str, Any]:
    return {"position": edit.position, "channel": edit.channel, "amount": edit.amount, "torgb": edit.torgb}


def style_edit_from_json(value: object, where: str) -> StyleEdit:
    fields = Fields(value, where)
    edit = StyleEdit(
        position=fields.whole("position", 0, MAX_PER_LAYER - 1),
        channel=fields.whole("channel", 0, MAX_CHANNELS - 1),
        amount=fields.number("amount", 0.0),
        torgb=fields.read("torgb", read_bool, False),
    )
    fields.finish()
    return edit


def read_bool(value: object, where: str) -> bool:
    if type(value) is not bool:
        raise RecipeFormatError(f"{where} is {_shown(value)}; it must be true or false.")
    return value


def _read_curve(value: object, where: str) -> tuple[float, ...]:
    return read_items(value, where, read_number, MAX_PER_LAYER)


def blend_to_json(blend: Blend) -> dict[str, Any]:
    document: dict[str, Any] = {
        "swap_resolution": blend.swap_resolution,
        "level": blend.level,
        "width": blend.width,
        "low": blend.low.value,
        "alpha": blend.alpha,
        "curve": None if blend.curve is None else list(blend.curve),
        "mapping": blend.mapping.value,
        "w_avg": blend.w_avg.value,
        "noise": blend.noise.value,
        "affines": blend.affines.value,
        "torgb": blend.torgb.value,
    }
    if blend.space is not BlendSpace.WEIGHTS:
        document["space"] = blend.space.value
    if blend.carry != Blend().carry:
        document["carry"] = blend.carry
    return document


def blend_from_json(value: object, where: str) -> Blend:
    fields = Fields(value, where)
    default = Blend()
    curve = fields.optional("curve", _read_curve)
    blend = Blend(
        swap_resolution=fields.read("swap_resolution", whole_number(1, 65_536), default.swap_resolution),
        level=fields.read("level", whole_number(0, 1), default.level),
        width=fields.number("width", default.width),
        low=fields.choice("low", Side, default.low),
        alpha=fields.number("alpha", default.alpha),
        curve=curve,
        mapping=fields.choice("mapping", Source, default.mapping),
        w_avg=fields.choice("w_avg", Source, default.w_avg),
        noise=fields.choice("noise", Source, default.noise),
        affines=fields.choice("affines", Source, default.affines),
        torgb=fields.choice("torgb", Source, default.torgb),
        space=fields.choice("space", BlendSpace, default.space),
        carry=fields.number("carry", default.carry),
    )
    fields.finish()
    return blend


def noise_to_json(noise: Noise) -> dict[str, Any]:
    document: dict[str, Any] = {
        "mode": noise.mode.value,
        "strength": noise.strength,
        "seed": noise.seed,
        "layer_strengths": list(noise.layer_strengths),
    }
    if noise.layer_seeds:
        document["layer_seeds"] = list(noise.layer_seeds)
    return document


def _read_layer_seed(value: object, where: str) -> float | None:
    if value is None:
        return None
    if type(value) not in (int, float) or not 0 <= cast(float, value) <= MAX_SEED:
        raise RecipeFormatError(f"{where} is {_shown(value)}; it must be null or a seed from 0 to {MAX_SEED}.")
    return float(cast(float, value))


def noise_from_json(value: object, where: str) -> Noise:
    fields = Fields(value, where)
    default = Noise()
    noise = Noise(
        mode=fields.choice("mode", NoiseMode, default.mode),
        strength=fields.number("strength", default.strength),
        seed=fields.read("seed", whole_number(0, MAX_SEED), default.seed),
        layer_strengths=fields.items("layer_strengths", read_number, MAX_PER_LAYER),
        layer_seeds=fields.items("layer_seeds", _read_layer_seed, MAX_PER_LAYER),
    )
    fields.finish()
    return noise

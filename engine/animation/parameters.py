"""What can move: every parameter of an `EditState` by its path, how it is read, set and kept in JSON.

Paths are those of the state's fields: ``blend.alpha``, ``noise.layer_seeds[4]``, ``directions[2].amount``. A step of
a StyleSpace channel is ``style_edits[5:123]``, position and channel, with ``:torgb`` behind for the ToRGB layer's.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache, lru_cache
from typing import Any, cast

from engine.animation.timeline import Value
from engine.errors import RecipeFormatError
from engine.state import (
    BlendSpace,
    EditState,
    Latent,
    NoiseMode,
    SeedLatent,
    Side,
    Source,
    StyleEdit,
    with_blend,
    with_noise,
    with_pad,
    with_style_edit,
)
from engine.state_json import (
    MAX_CHANNELS,
    MAX_DIRECTIONS,
    MAX_MIX_SOURCES,
    MAX_OVERLAYS,
    MAX_PER_LAYER,
    MAX_SEED,
    latent_from_json,
    model_from_json,
    read_items,
    read_key,
    read_number,
    whole_number,
)

MAX_RESOLUTION = 65_536
KEPT_PATHS = 8192


class Kind(StrEnum):
    """How a parameter goes from one value to another."""

    NUMBER = "number"
    WHOLE = "whole"  # through the whole numbers between
    RESOLUTION = "resolution"  # through the powers of two between
    VECTOR = "vector"  # number by number
    LATENT = "latent"  # through W+
    HELD = "held"  # jumps: choices, models, seeds of noise


@dataclass(frozen=True, slots=True)
class Parameter:
    """One part of the state.

    Attributes:
        name: For the screen.
        read: Reads its value from JSON, strictly; raises RecipeFormatError.
        low, high: Usual range of a number, for drawing and dragging; the engine takes more.
        neutral: What missing entries of a vector are.
        rank: Lower ones are set first: a drawn curve, say, after the step that it overrides.
        is_there: Whether a state has it at all, a third mixing source for example.
    """

    path: str
    name: str
    kind: Kind
    get: Callable[[EditState], Value]
    set: Callable[[EditState, Any], EditState]
    read: Callable[[object, str], Value]
    low: float = 0.0
    high: float = 1.0
    neutral: float | None = 0.0
    rank: int = 1
    is_there: Callable[[EditState], bool] = lambda state: True


def parameter(path: str) -> Parameter | None:
    """The parameter of a path; None when there is no such."""
    return _found(path) if len(path) <= 80 else None


def parameters(state: EditState) -> tuple[Parameter, ...]:
    """Every parameter that a state has, each once: vectors as a whole, the latent without its parts."""
    indexed = [
        *(f"mix[{index}].{name}" for index in range(len(state.mix)) for name in _MIX),
        *(f"overlays[{index}].{name}" for index in range(len(state.overlays)) for name in _OVERLAY),
        *(f"directions[{index}].{name}" for index in range(len(state.directions)) for name in _DIRECTION),
        *(style_path(edit) for edit in state.style_edits),
    ]
    plain = [one for one in _plain().values() if not one.path.startswith("latent.")]
    return (*plain, *(found for path in indexed if (found := parameter(path)) is not None))


def style_path(edit: StyleEdit) -> str:
    """The path of a channel's step."""
    return f"style_edits[{edit.position}:{edit.channel}{':torgb' if edit.torgb else ''}]"


def screen_name(path: str, state: EditState) -> str:
    """What a parameter is called on screen, with the names that the state gives its models and directions."""
    found = parameter(path)
    if found is None:
        return path
    match = _ITEM.fullmatch(path)
    if match is None:
        return found.name
    group, index = match["group"], int(match["index"])
    given = ""
    if group == "overlays" and index < len(state.overlays):
        given = state.overlays[index].model.name
    elif group == "directions" and index < len(state.directions):
        given = state.directions[index].name
    return found.name.replace(f"{_GROUP_NAMES[group]} {index + 1}", given) if given else found.name


# --- values in JSON -------------------------------------------------------------------------------------------------


def _optional(reader: Callable[[object, str], Any]) -> Callable[[object, str], Value]:
    return lambda value, where: None if value is None else reader(value, where)


def _vector(value: object, where: str) -> tuple[float, ...]:
    return read_items(value, where, read_number, MAX_PER_LAYER)


def _pair(value: object, where: str) -> tuple[float, ...]:
    numbers = read_items(value, where, read_number, 2)
    if len(numbers) != 2:
        raise RecipeFormatError(f"{where} must be two numbers.")
    return numbers


def _rows(value: object, where: str) -> tuple[int, ...]:
    rows = read_items(value, where, whole_number(0, MAX_PER_LAYER), 2)
    if len(rows) != 2 or rows[0] > rows[1]:
        raise RecipeFormatError(f"{where} must be two rows, the first not above the second.")
    return rows


def _layer_seed(value: object, where: str) -> float:
    """It may have a fraction."""
    if type(value) not in (int, float) or not 0 <= cast(float, value) <= MAX_SEED:
        raise RecipeFormatError(f"{where} must be a seed from 0 to {MAX_SEED}.")
    return float(cast(float, value))


def _layer_seeds(value: object, where: str) -> tuple[float | None, ...]:
    return read_items(value, where, cast(Callable[[object, str], "float | None"], _optional(_layer_seed)),
                      MAX_PER_LAYER)


def _bool(value: object, where: str) -> bool:
    if type(value) is not bool:
        raise RecipeFormatError(f"{where} must be true or false.")
    return value


def _choice(kind: type[StrEnum]) -> Callable[[object, str], str]:
    def read(value: object, where: str) -> str:
        if type(value) is not str or value not in {member.value for member in kind}:
            raise RecipeFormatError(f"{where} must be one of {', '.join(kind)}.")
        return value

    return read


# --- the plain ones -------------------------------------------------------------------------------------------------


def _blend(name: str, words: str, kind: Kind, read: Callable[[object, str], Value], **more: Any) -> Parameter:
    return Parameter(
        f"blend.{name}", words, kind, lambda state: getattr(state.blend, name),
        lambda state, value: with_blend(state, **{name: value}), read, **more,
    )


def _step(name: str, words: str, kind: Kind, read: Callable[[object, str], Value], **more: Any) -> Parameter:
    """Of the step that a drawn curve overrides: moving it puts the curve aside, as in the window."""
    return replace(
        _blend(name, words, kind, read, rank=0, **more),
        set=lambda state, value: with_blend(state, **{name: value}, curve=None),
    )


def _blend_choice(name: str, words: str, kind: type[StrEnum]) -> Parameter:
    return replace(
        _blend(name, words, Kind.HELD, _choice(kind)),
        get=lambda state: str(getattr(state.blend, name).value),
        set=lambda state, value: with_blend(state, **{name: kind(value)}),
    )


def _noise(name: str, words: str, kind: Kind, read: Callable[[object, str], Value], **more: Any) -> Parameter:
    return Parameter(
        f"noise.{name}", words, kind, lambda state: getattr(state.noise, name),
        lambda state, value: with_noise(state, **{name: value}), read, **more,
    )


def _whole_state(name: str, words: str, kind: Kind, read: Callable[[object, str], Value], **more: Any) -> Parameter:
    def put(state: EditState, value: Any) -> EditState:
        return replace(state, **{name: value})

    return Parameter(name, words, kind, lambda state: cast(Value, getattr(state, name)), put, read, **more)


def _seed_of(state: EditState) -> Value:
    return state.latent.seed if isinstance(state.latent, SeedLatent) else None


def _with_seed_only(state: EditState, seed: int | None) -> EditState:
    """The pad stays where it is."""
    if seed is None or not isinstance(state.latent, SeedLatent):
        return state
    return replace(state, latent=replace(state.latent, seed=seed))


def _pad_of(state: EditState) -> Value:
    return (state.latent.pad_x, state.latent.pad_y) if isinstance(state.latent, SeedLatent) else (0.0, 0.0)


def _is_seed(state: EditState) -> bool:
    return isinstance(state.latent, SeedLatent)


@cache
def _plain() -> dict[str, Parameter]:
    seed = whole_number(0, MAX_SEED)
    sources = (
        ("mapping", "Mapping from"), ("w_avg", "Mean from"), ("noise", "Noise from"),
        ("affines", "Affines from"), ("torgb", "ToRGB from"),
    )
    found = (
        _whole_state("latent", "Latent", Kind.LATENT, latent_from_json, rank=3),
        Parameter("latent.seed", "Seed", Kind.HELD, _seed_of, _with_seed_only, seed, rank=4, is_there=_is_seed),
        Parameter(
            "latent.pad", "Seed pad", Kind.VECTOR, _pad_of, lambda state, pad: with_pad(state, *pad), _pair, -1.0,
            rank=4, is_there=_is_seed,
        ),
        _whole_state("truncation_psi", "Psi", Kind.NUMBER, read_number, low=-1.0, high=2.0),
        _whole_state(
            "truncation_cutoff", "Cutoff", Kind.WHOLE, _optional(whole_number(0, MAX_PER_LAYER)), high=18.0
        ),
        _whole_state("class_index", "Class", Kind.HELD, _optional(whole_number(0, 1_000_000))),
        _blend("alpha", "Alpha", Kind.NUMBER, read_number),
        _step("swap_resolution", "Swap resolution", Kind.RESOLUTION, whole_number(1, MAX_RESOLUTION),
              low=4.0, high=1024.0),
        _step("level", "Swap level", Kind.HELD, whole_number(0, 1)),
        _step("width", "Blend width", Kind.NUMBER, read_number, high=4.0),
        _blend("curve", "Alpha curve", Kind.VECTOR, _optional(_vector)),
        _blend_choice("low", "Structure from", Side),
        *(_blend_choice(name, words, Source) for name, words in sources),
        _blend_choice("space", "Blend in", BlendSpace),
        _blend("carry", "Carry the tuning", Kind.NUMBER, read_number),
        _noise("strength", "Noise strength", Kind.NUMBER, read_number, high=2.0),
        _noise("seed", "Noise seed", Kind.HELD, seed),
        _noise("layer_strengths", "Noise per layer", Kind.VECTOR, _vector, high=2.0, neutral=1.0),
        _noise("layer_seeds", "Noise seeds per layer", Kind.VECTOR, _layer_seeds, neutral=None),
        replace(
            _noise("mode", "Noise mode", Kind.HELD, _choice(NoiseMode)),
            get=lambda state: state.noise.mode.value,
            set=lambda state, value: with_noise(state, mode=NoiseMode(value)),
        ),
        _whole_state("model_a", "Model A", Kind.HELD, _optional(model_from_json)),
        _whole_state("model_b", "Model B", Kind.HELD, _optional(model_from_json)),
    )
    return {one.path: one for one in found}


# --- those of a list ------------------------------------------------------------------------------------------------

_MIX: dict[str, tuple[str, Kind, Callable[[object, str], Value], dict[str, Any]]] = {
    "strengths": ("strengths", Kind.VECTOR, _vector, {}),
    "latent": ("latent", Kind.LATENT, latent_from_json, {"rank": 3}),
    "muted": ("muted", Kind.HELD, _bool, {}),
}
_OVERLAY: dict[str, tuple[str, Kind, Callable[[object, str], Value], dict[str, Any]]] = {
    "alpha": ("alpha", Kind.NUMBER, read_number, {}),
    "curve": ("curve", Kind.VECTOR, _optional(_vector), {}),
    "model": ("model", Kind.HELD, model_from_json, {}),
}
_DIRECTION: dict[str, tuple[str, Kind, Callable[[object, str], Value], dict[str, Any]]] = {
    "amount": ("amount", Kind.NUMBER, read_number, {"low": -3.0, "high": 3.0}),
    "layer_range": ("layers", Kind.HELD, _optional(_rows), {}),
    "key": ("itself", Kind.HELD, read_key, {}),
}
_GROUPS = {"mix": _MIX, "overlays": _OVERLAY, "directions": _DIRECTION}
_GROUP_NAMES = {"mix": "Mix", "overlays": "Overlay", "directions": "Direction"}
_GROUP_SIZES = {"mix": MAX_MIX_SOURCES, "overlays": MAX_OVERLAYS, "directions": MAX_DIRECTIONS}
_ITEM = re.compile(r"(?P<group>mix|overlays|directions)\[(?P<index>\d{1,3})\]\.(?P<name>[a-z_]+)")
_ELEMENT = re.compile(r"(?P<whole>.+)\[(?P<index>\d{1,2})\]")
_CHANNEL = re.compile(r"style_edits\[(?P<position>\d{1,2}):(?P<channel>\d{1,5})(?P<torgb>:torgb)?\]")


@lru_cache(KEPT_PATHS)
def _found(path: str) -> Parameter | None:
    if (plain := _plain().get(path)) is not None:
        return plain
    if (match := _ITEM.fullmatch(path)) is not None:
        return _item(path, match["group"], int(match["index"]), match["name"])
    if (match := _CHANNEL.fullmatch(path)) is not None:
        return _channel(path, int(match["position"]), int(match["channel"]), match["torgb"] is not None)
    if (match := _ELEMENT.fullmatch(path)) is not None:
        whole = _found(match["whole"])
        if whole is not None and whole.kind is Kind.VECTOR and int(match["index"]) < MAX_PER_LAYER:
            return _element(path, whole, int(match["index"]))
    return None


def _item(path: str, group: str, index: int, name: str) -> Parameter | None:
    plan = _GROUPS[group].get(name)
    if plan is None or index >= _GROUP_SIZES[group]:
        return None
    words, kind, read, more = plan

    def get(state: EditState) -> Value:
        return cast(Value, getattr(getattr(state, group)[index], name))

    def put(state: EditState, value: Any) -> EditState:
        items = getattr(state, group)
        changed = replace(items[index], **{name: value})
        changes: dict[str, Any] = {group: (*items[:index], changed, *items[index + 1 :])}
        return replace(state, **changes)

    return Parameter(
        path, f"{_GROUP_NAMES[group]} {index + 1} {words}", kind, get, put, read,
        is_there=lambda state: index < len(getattr(state, group)), **more,
    )


def _element(path: str, whole: Parameter, index: int) -> Parameter:
    """One number of a vector."""

    def values(state: EditState) -> tuple[float | None, ...]:
        return cast("tuple[float | None, ...]", whole.get(state))

    def get(state: EditState) -> Value:
        given = values(state)
        return given[index] if index < len(given) else whole.neutral

    def put(state: EditState, value: float | None) -> EditState:
        given = values(state)
        filled = given + (whole.neutral,) * (index + 1 - len(given))
        return whole.set(state, (*filled[:index], value, *filled[index + 1 :]))

    seeds = whole.path == "noise.layer_seeds"
    return Parameter(
        path, f"{whole.name}, {index + 1}", Kind.NUMBER, get, put, _optional(_layer_seed) if seeds else read_number,
        whole.low, 100.0 if seeds else whole.high, rank=2,
        is_there=lambda state: whole.is_there(state) and whole.get(state) is not None,
    )


def _channel(path: str, position: int, channel: int, torgb: bool) -> Parameter | None:
    if position >= MAX_PER_LAYER or channel >= MAX_CHANNELS:
        return None

    def get(state: EditState) -> Value:
        mine = (edit.amount for edit in state.style_edits
                if (edit.position, edit.channel, edit.torgb) == (position, channel, torgb))
        return next(mine, 0.0)

    def put(state: EditState, amount: float) -> EditState:
        return with_style_edit(state, StyleEdit(position, channel, amount, torgb))

    name = f"Channel {position}:{channel}{' of ToRGB' if torgb else ''}"
    return Parameter(path, name, Kind.NUMBER, get, put, read_number, -5.0, 5.0)


def with_latent_pad(latent: Latent, pad: tuple[float, float]) -> Latent:
    """A seed elsewhere on its pad; a stored latent has none."""
    return replace(latent, pad_x=pad[0], pad_y=pad[1]) if isinstance(latent, SeedLatent) else latent

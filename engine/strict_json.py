"""JSON from files, read strictly: no duplicate keys, no NaN, no unknown or mistyped fields."""

from __future__ import annotations

import json
import math
from dataclasses import fields
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from engine.errors import CorruptModelError, UnsupportedModelError

MAX_LIST_ITEMS = 10_000

def parse_json_object(text: str) -> dict[str, Any]:
    """JSON with no duplicate keys, no NaN or Infinity, and an object at the top.

    Raises:
        CorruptModelError: it is not that.
    """

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) != len(pairs):
            raise CorruptModelError("The file's JSON names one key twice.")
        return result

    def refuse(word: str) -> float:
        raise CorruptModelError(f"The file's JSON holds {word}, which is not a number.")

    try:
        document = json.loads(text, object_pairs_hook=unique, parse_constant=refuse)
    except (ValueError, RecursionError):
        raise CorruptModelError("The file's JSON part cannot be read.") from None
    if type(document) is not dict:
        raise CorruptModelError("The file's JSON part is not an object.")
    return document


def take_format(document: dict[str, Any], newest: int, thing: str, hint: str = "Update Graft.") -> int:
    """Take the number of its format out of a document.

    Args:
        newest: What this Graft reads up to.
        thing: What the document belongs to, to begin a sentence with: "This encoder".
        hint: What to do about one that is newer.

    Raises:
        UnsupportedModelError: it is newer.
        CorruptModelError: there is none.
    """
    version = document.pop("format", None)
    if type(version) is not int or version < 1:
        raise CorruptModelError(f"{thing} has no format number.")
    if version > newest:
        raise UnsupportedModelError(
            f"{thing} was saved by a newer Graft (format {version:d}; this one: {newest}).", hint
        )
    return version


T = TypeVar("T")


def decode(kind: type[T], value: object, where: str) -> T:
    """Build a frozen dataclass (of ints, floats, strings, bools, StrEnums, tuples, dataclasses) from JSON objects.

    Raises:
        CorruptModelError: names the key that is missing, unknown or of the wrong type.
    """
    result: T = _decode(kind, value, where)
    return result


def _decode(kind: Any, value: Any, where: str) -> Any:
    origin = get_origin(kind)
    if origin in (Union, UnionType):
        if value is None and NoneType in get_args(kind):
            return None
        (inner,) = [option for option in get_args(kind) if option is not NoneType]
        return _decode(inner, value, where)
    if origin is tuple:
        if type(value) is not list or len(value) > MAX_LIST_ITEMS:
            raise CorruptModelError(f"{where:.150} must be a list.")
        (item, _) = get_args(kind)
        return tuple(_decode(item, entry, f"{where}[{i}]") for i, entry in enumerate(value))
    if origin is dict:
        if type(value) is not dict:
            raise CorruptModelError(f"{where:.150} must be an object.")
        return value
    if kind is float and type(value) is int and abs(value) <= 2**53:
        return float(value)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        if type(value) is not str or value not in kind.__members__.values():
            known = ", ".join(kind)
            raise CorruptModelError(f"{where:.150} is {value!r:.60}; it must be one of {known}.")
        return kind(value)
    if kind in (int, float, str, bool):
        if type(value) is not kind or (kind is float and not math.isfinite(value)):
            raise CorruptModelError(f"{where:.150} is {value!r:.60}; it must be of type {kind.__name__}.")
        return value
    return _decode_dataclass(kind, value, where)


def _decode_dataclass(kind: Any, value: Any, where: str) -> Any:
    if type(value) is not dict:
        raise CorruptModelError(f"{where:.150} must be an object.")
    hints = get_type_hints(kind)
    names = {field.name for field in fields(kind)}
    if unknown := sorted(set(value) - names):
        raise CorruptModelError(f"{where:.150} has an unknown key {unknown[0]!r:.60}.")
    if missing := sorted(names - set(value)):
        raise CorruptModelError(f"{where:.150} lacks the key {missing[0]}.")
    return kind(**{name: _decode(hints[name], value[name], f"{where}.{name}") for name in names})

"""Events as lines of JSON, from a process that works to the one that shows it. No torch: both sides read this."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any

from engine.errors import CorruptModelError
from engine.strict_json import decode, parse_json_object


def to_json_line(event: Any) -> str:
    """One line of JSON with the event's name under ``event``; numbers that are not finite become null."""
    return json.dumps({"event": type(event).__name__, **json_object(event)}, allow_nan=False)


def json_object(record: Any) -> dict[str, Any]:
    """A dataclass, however deep, as JSON knows it: numbers that are not finite become null."""
    cleaned: dict[str, Any] = _finite(asdict(record))
    return cleaned


def from_json_line(line: str, kinds: Mapping[str, type[Any]]) -> Any | None:
    """Twin of `to_json_line` for events of these kinds, by name; null becomes NaN where a float belongs.

    Returns:
        The event; None for a line that is none, such as one that was cut short by a kill.
    """
    try:
        document = parse_json_object(line)
        kind = kinds[document.pop("event")]
        numbers = {field.name for field in fields(kind) if field.type == "float"}
        # What is not finite is refused by `decode`, and yet no number at all is a value here.
        missing = {name for name in numbers if document.get(name, 0.0) is None}
        event = decode(kind, {**document, **dict.fromkeys(missing, 0.0)}, "event")
        return replace(event, **dict.fromkeys(missing, math.nan))
    except (CorruptModelError, KeyError, TypeError):
        return None


def _finite(value: Any) -> Any:
    match value:
        case dict():
            return {key: _finite(one) for key, one in value.items()}
        case list() | tuple():
            return [_finite(one) for one in value]
        case float():
            return value if math.isfinite(value) else None
        case _:
            return value
